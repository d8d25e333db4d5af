"""Knowing when a widget is gone: napari never tells it so."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QEvent, QObject

if TYPE_CHECKING:
    from collections.abc import Callable

    from qtpy.QtWidgets import QWidget


def when_gone(widget: QWidget, callback: Callable[[], None]) -> None:
    """Call ``callback`` once, when a docked widget is taken away or destroyed.

    napari calls no ``closeEvent``: removing a dock takes the widget's parent away,
    and closing the window destroys the widget. Hiding a dock is neither.
    ``callback`` must not touch the widget, which may be half destroyed.
    """
    _Watcher(widget, callback)


class _Watcher(QObject):
    """Lives as a child of the widget that it watches."""

    def __init__(self, widget: QWidget, callback: Callable[[], None]) -> None:
        super().__init__(widget)
        self._callback: Callable[[], None] | None = callback
        self._widget = widget
        widget.installEventFilter(self)
        # A lambda, not a method: Qt drops the slots of a dying child beforehand.
        widget.destroyed.connect(lambda: self._call())

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Look for the moment when the widget has no parent any more."""
        if (
            self._callback is not None
            and event is not None
            and event.type() == QEvent.Type.ParentChange
            and self._widget.parent() is None
        ):
            self._call()
        return False

    def _call(self) -> None:
        callback, self._callback = self._callback, None
        if callback is not None:
            callback()
