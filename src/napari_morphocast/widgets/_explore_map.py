"""Points on a plane, to be looked at; imports pyqtgraph, so import it late."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyqtgraph as pg
from napari.utils.theme import get_theme
from qtpy.QtCore import QEvent, QSize, Qt, Signal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from qtpy.QtGui import QColor

NEAR = 10.0  # pixels from a point at which the mouse is over it
HEIGHT = 280  # pixels, at least
MARGIN = 0.06  # of the range, around all points
SIZES = (300, 8), (2000, 6), (20_000, 4)  # up to so many points, pixels across
SMALLEST = 3  # pixels across, of more
PATH, FAINT = 90, 30  # opacity of a path, of 255; of the paths of many points
MANY = 1000  # points
CHOSEN = "#ff9628"


class PointMap(pg.PlotWidget):
    """Points in one item; found with arrays, so that tens of thousands are no burden.

    A click chooses a point, dragging draws a lasso, the wheel zooms, dragging with
    Shift or the middle button moves, a double click shows all.
    """

    hovered = Signal(int)  # -1 for none
    clicked = Signal(int)
    lassoed = Signal(object)

    def __init__(self, theme: str) -> None:
        self._box = _LassoBox()
        super().__init__(viewBox=self._box)
        self._points = np.zeros((0, 2))
        self._brushes: list[Any] = []
        self._over = -1
        self._path = pg.PlotCurveItem(connect="finite")
        self._track = pg.PlotCurveItem()
        self._dots = pg.ScatterPlotItem(pen=None, pxMode=True)
        self._chosen = pg.ScatterPlotItem(pxMode=True, brush=None)
        self._current = pg.ScatterPlotItem(pxMode=True, brush=None)
        self._pointer = pg.ScatterPlotItem(pxMode=True, brush=None)
        self._lasso = pg.PlotCurveItem()
        for item in (
            *(self._path, self._dots, self._track, self._chosen),
            *(self._current, self._pointer, self._lasso),
        ):
            self.addItem(item)
        self.setMinimumHeight(HEIGHT)
        self.hideButtons()
        self.setMenuEnabled(False)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        for side in ("left", "bottom"):
            self.getAxis(side).setStyle(showValues=False, tickLength=0)
        self.scene().sigMouseMoved.connect(self._moved)
        self.scene().sigMouseClicked.connect(self._clicked)
        self._box.drawn.connect(self._drawn)
        self.set_theme(theme)

    def show_points(self, points: NDArray[Any], axes: Sequence[str]) -> None:
        """Show other points (N, 2), or the same ones elsewhere."""
        self._points = np.asarray(points, float)
        size = next((px for most, px in SIZES if len(points) <= most), SMALLEST)
        # Brushes that are not given again would be forgotten.
        known = len(self._brushes) == len(points)
        brush = {"brush": self._brushes} if known else {}
        self._dots.setData(*self._points.T, size=size, **brush)
        for item in (self._chosen, self._current, self._pointer):
            item.setData([], [])
        for line in (self._path, self._track):
            line.setData([], [])
        for item, ring in ((self._chosen, 4), (self._current, 8), (self._pointer, 8)):
            item.setSize(size + ring)
        self._over = -1
        for side, text in zip(("bottom", "left"), axes, strict=True):
            self.setLabel(side, text)
        self.show_all()

    def show_colours(self, levels: NDArray[np.intp], colours: Sequence[QColor]) -> None:
        """Colour each point: ``levels`` (N,) are places in a list of colours."""
        some = [pg.mkBrush(colour) for colour in colours]
        self._brushes = [some[level] for level in levels.tolist()]
        self._dots.setBrush(self._brushes)

    def show_path(self, order: NDArray[np.int64], leads: NDArray[np.bool_]) -> None:
        """Draw the way from point to point, broken where one does not lead on."""
        way = np.insert(self._points[order], np.flatnonzero(~leads) + 1, np.nan, 0)
        self._path.setData(way[:, 0], way[:, 1])
        self._path.setPen(self._line(FAINT if len(order) > MANY else PATH))

    def show_track(self, points: NDArray[np.int64]) -> None:
        """Draw the way through some points so that it stands out."""
        self._track.setData(*self._points[points].T)

    def show_current(self, points: NDArray[np.int64]) -> None:
        """Mark some points as those of now."""
        self._current.setData(*self._points[points].T)

    def show_chosen(self, points: NDArray[np.int64]) -> None:
        """Mark some points as chosen."""
        self._chosen.setData(*self._points[points].T)

    def show_all(self) -> None:
        """Zoom so that every point is seen."""
        if len(self._points):
            low, high = self._points.min(0), self._points.max(0)
            room = np.where(high > low, MARGIN * (high - low), 1.0)
            (left, bottom), (right, top) = low - room, high + room
            self.setRange(xRange=(left, right), yRange=(bottom, top), padding=0)

    def nearest(self, x: float, y: float) -> int:
        """The point under a place of the plane; -1 for none."""
        if not len(self._points):
            return -1
        wide, high = self._box.viewPixelSize()
        away = ((self._points[:, 0] - x) / wide) ** 2
        away += ((self._points[:, 1] - y) / high) ** 2
        found = int(away.argmin())
        return found if away[found] <= NEAR**2 else -1

    def set_theme(self, name: str) -> None:
        """Take the colours of a napari theme."""
        theme = get_theme(name)
        text, faint = theme.text.as_hex(), theme.secondary.as_hex()
        self.setBackground(theme.background.as_hex())
        self._text = pg.mkColor(text)
        self._path.setPen(self._line(PATH))
        self._track.setPen(pg.mkPen(text, width=2))
        self._current.setPen(pg.mkPen(text, width=2))
        self._pointer.setPen(pg.mkPen(text, width=1))
        self._chosen.setPen(pg.mkPen(CHOSEN, width=1.5))
        self._lasso.setPen(pg.mkPen(CHOSEN, width=1.5, style=Qt.PenStyle.DashLine))
        for side in ("left", "bottom"):
            self.getAxis(side).setPen(faint)
            self.getAxis(side).setTextPen(text)

    def sizeHint(self) -> QSize:
        """As low as it may be; it grows with the dock."""
        return QSize(HEIGHT, HEIGHT)

    def _line(self, opacity: int) -> Any:
        colour = pg.mkColor(self._text)
        colour.setAlpha(opacity)
        return pg.mkPen(colour, width=1)

    def leaveEvent(self, event: QEvent | None) -> None:
        """The mouse is over no point any more."""
        self._over_point(-1)
        super().leaveEvent(event)

    def _moved(self, place: Any) -> None:
        self._over_point(self._at(place))

    def _clicked(self, event: Any) -> None:
        if event.button() != Qt.MouseButton.LeftButton:
            return
        if event.double():
            self.show_all()
        elif (found := self._at(event.scenePos())) >= 0:
            self.clicked.emit(found)

    def _at(self, place: Any) -> int:
        if not self._box.sceneBoundingRect().contains(place):
            return -1
        there = self._box.mapSceneToView(place)
        return self.nearest(there.x(), there.y())

    def _over_point(self, point: int) -> None:
        if point == self._over:
            return
        self._over = point
        self._pointer.setData(*self._points[[point] if point >= 0 else []].T)
        self.hovered.emit(point)

    def _drawn(self, corners: Any, done: bool) -> None:
        """Draw the lasso; once it is closed, choose what lies inside."""
        if not done:
            self._lasso.setData(*np.array([*corners, corners[0]]).T)
            return
        from skimage.measure import points_in_poly

        self._lasso.setData([], [])
        inside = points_in_poly(self._points, np.array(corners))
        self.lassoed.emit(np.flatnonzero(inside))


class _LassoBox(pg.ViewBox):
    """A view in which dragging draws, unless Shift or the middle button moves it."""

    drawn = Signal(object, bool)  # corners so far, and whether these are all

    def __init__(self) -> None:
        super().__init__(enableMenu=False)
        self._corners: list[tuple[float, float]] = []

    def mouseDragEvent(self, event: Any, axis: int | None = None) -> None:
        """Draw a lasso, or move."""
        moving = event.modifiers() & Qt.KeyboardModifier.ShiftModifier
        if event.button() != Qt.MouseButton.LeftButton or moving:
            super().mouseDragEvent(event, axis)
            return
        event.accept()
        if event.isStart():
            self._corners = [self._place(event.buttonDownPos())]
        self._corners.append(self._place(event.pos()))
        self.drawn.emit(list(self._corners), event.isFinish())

    def _place(self, position: Any) -> tuple[float, float]:
        there = self.mapToView(position)
        return there.x(), there.y()
