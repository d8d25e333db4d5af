"""Pictures of the points under the mouse, read away from the screen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_morphocast.presenters.explore_work import Explored
    from napari_morphocast.presenters.job import Background


class PictureView(Protocol):
    """All that is asked of a screen."""

    def show_picture(self, picture: NDArray[Any] | None) -> None:
        """Show the picture (C, Y, X) of the point under the mouse."""


class Pictures:
    """Reads one picture at a time; of those that are wanted meanwhile, the last."""

    def __init__(self, view: PictureView, background: Background) -> None:
        self._view = view
        self._background = background
        self._wanted: tuple[Explored, int] | None = None
        self._reading = False
        self._closed = False

    def want(self, explored: Explored | None, point: int | None) -> None:
        """Show the picture of this point soon; of none, nothing."""
        self._wanted = None
        if explored is not None and point is not None:
            self._wanted = explored, point
            self._read()

    def close(self) -> None:
        """The screen is gone: speak to nobody."""
        self._closed = True

    def _read(self) -> None:
        wanted = self._wanted
        if wanted is None or self._reading:
            return
        self._reading = True

        def answer(picture: NDArray[Any] | None) -> None:
            self._reading = False
            if self._closed:
                return
            if self._wanted == wanted:
                self._view.show_picture(picture)
            else:
                self._read()

        explored, point = wanted
        self._background.ask(
            lambda: explored.picture(point), answer, lambda _: answer(None)
        )
