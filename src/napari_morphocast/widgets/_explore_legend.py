"""What the colours of points mean."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

import numpy as np
from napari.utils.colormaps import ensure_colormap
from qtpy.QtCore import Qt
from qtpy.QtGui import QColor
from qtpy.QtWidgets import QHBoxLayout, QLabel, QWidget

from napari_morphocast.widgets._dock_form import text_label

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_morphocast.presenters.explore_colours import Shade

LEVELS = 64  # few enough to change 10,000 colours at once
BAR = 10  # pixels high
DARKEST = 0.12  # of viridis: darker colours would not be seen on napari's background
UNKNOWN = QColor(128, 128, 128, 110)
KINDS = (  # told apart by colour-blind people, too: Wong (2011)
    *("#e69f00", "#56b4e9", "#009e73", "#f0e442", "#0072b2", "#d55e00", "#cc79a7"),
    *("#999999", "#8c6bb1", "#a6611a"),
)


def colours_of(shade: Shade) -> list[QColor]:
    """Colours of the levels of a shade, the last for what has no value."""
    if shade.kinds:
        return [*(QColor(KINDS[n]) for n in range(len(shade.kinds))), UNKNOWN]
    shown = ensure_colormap("viridis").map(np.linspace(DARKEST, 1, LEVELS))
    return [*(QColor.fromRgbF(*row) for row in shown.tolist()), UNKNOWN]


def levels_of(shade: Shade) -> NDArray[np.intp]:
    """Which of these colours each point has."""
    last = len(shade.kinds) or LEVELS
    span = shade.high - shade.low or 1.0
    share = (shade.values - shade.low) / span
    steps = shade.values if shade.kinds else share * (LEVELS - 1)
    known = np.isfinite(steps)
    found = np.clip(np.where(known, steps, 0), 0, last - 1).round().astype(np.intp)
    return np.where(known, found, last)


class ColourBar(QWidget):
    """The range of colours with a value at each end, or a dot for each kind."""

    def __init__(self) -> None:
        super().__init__()
        self._low, self._bar, self._high = QLabel(), QLabel(), QLabel()
        self._bar.setFixedHeight(BAR)
        self._kinds = text_label()
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(6)
        row.addWidget(self._low)
        row.addWidget(self._bar, 1)
        row.addWidget(self._high)
        row.addWidget(self._kinds, 1)

    def show_shade(self, shade: Shade, colours: Sequence[QColor]) -> None:
        """Explain other colours."""
        for label, text in zip((self._low, self._high), shade.ends, strict=True):
            label.setText(text)
            label.setVisible(not shade.kinds)
        self._bar.setVisible(not shade.kinds)
        self._kinds.setVisible(bool(shade.kinds))
        self._kinds.setTextFormat(Qt.TextFormat.RichText)
        self._kinds.setText(_dots(shade.kinds, colours))
        at = np.linspace(0, LEVELS - 1, 8).astype(int).tolist()
        if not shade.kinds:
            stops = ", ".join(
                f"stop:{n / (LEVELS - 1):.3f} {colours[n].name()}" for n in at
            )
            self._bar.setStyleSheet(
                f"background: qlineargradient(x1:0, x2:1, {stops}); border-radius: 3px"
            )


def _dots(kinds: Sequence[str], colours: Sequence[QColor]) -> str:
    return " &nbsp; ".join(
        f"<span style='color: {colour.name()}'>●</span>&nbsp;{escape(kind)}"
        for kind, colour in zip(kinds, colours, strict=False)
    )
