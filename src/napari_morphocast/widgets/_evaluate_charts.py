"""One chart of curves with their intervals; imports pyqtgraph, so import it late."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyqtgraph as pg
from napari.utils.theme import get_theme
from qtpy.QtCore import Qt, Signal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike

HEIGHT = 180
AXIS = 56  # width of the left one, so that charts lie below each other
ROOM = 0.06  # of the range, above and below the curves
EDGE = 0.09  # the same, left and right, where half a label must fit
BAND = 45  # opacity of an interval, of 255


@dataclass(frozen=True, slots=True)
class Look:
    """How one model is drawn, everywhere alike."""

    colour: str
    width: float = 2.2
    dash: Qt.PenStyle = Qt.PenStyle.SolidLine
    band: bool = True


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """Values of one model, with the interval around each if there is one."""

    look: Look
    x: ArrayLike
    y: ArrayLike
    low: ArrayLike | None = None
    high: ArrayLike | None = None


class Chart(pg.PlotWidget):
    """Curves on axes in the colours of napari's theme; a click tells where on x."""

    clicked = Signal(float)

    def __init__(self, theme: str) -> None:
        super().__init__()
        self._line: Any = None
        self.setFixedHeight(HEIGHT)
        self.setMouseEnabled(False, False)
        self.hideButtons()
        self.setMenuEnabled(False)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        for side in ("left", "bottom"):
            self.getAxis(side).enableAutoSIPrefix(False)
        self.getAxis("left").setWidth(AXIS)
        self.getPlotItem().setContentsMargins(0, 6, 2, 0)  # half a label needs room
        self.scene().sigMouseClicked.connect(self._clicked)
        self.set_theme(theme)

    def draw(
        self,
        curves: Sequence[Curve],
        *,
        base: float | None = None,
        limits: tuple[float, float] = (-np.inf, np.inf),
    ) -> None:
        """Draw other curves.

        Parameters
        ----------
        curves : sequence of Curve
            Those that are drawn last lie on top.
        base : float, optional
            A level that is always shown, with a thin line.
        limits : (float, float)
            Lowest and highest level that are shown, however far curves go.
        """
        self.clear()
        self._line = None
        if base is not None:
            self.addItem(pg.InfiniteLine(base, angle=0, pen=self._faint))
        for curve in curves:
            self._add_band(curve)
        for curve in curves:
            self._add_line(curve)
        self._fit(curves, base, limits)

    def draw_faint(self, x: ArrayLike, y: ArrayLike) -> None:
        """Add a dotted line that belongs to no model."""
        pen = pg.mkPen(self._text, width=1, style=Qt.PenStyle.DotLine)
        self.plot(np.asarray(x, float), np.asarray(y, float), pen=pen)

    def show_ticks(self, places: Sequence[float], labels: Sequence[str]) -> None:
        """Label the x axis; a label may have two lines."""
        axis = self.getAxis("bottom")
        axis.setTicks([[(p, text) for p, text in zip(places, labels, strict=True)]])
        axis.setHeight(56 if any("\n" in text for text in labels) else 42)

    def mark(self, x: float | None) -> None:
        """Show where on x the viewer is."""
        if self._line is None:
            self._line = pg.InfiniteLine(angle=90, pen=pg.mkPen(self._text, width=1))
            self.addItem(self._line, ignoreBounds=True)
        self._line.setVisible(x is not None)
        if x is not None:
            self._line.setPos(x)

    def set_theme(self, name: str) -> None:
        """Take the colours of a napari theme."""
        theme = get_theme(name)
        self._text = theme.text.as_hex()
        self._faint = pg.mkPen(theme.secondary.as_hex(), width=1)
        self.setBackground(theme.background.as_hex())
        for side in ("left", "bottom"):
            self.getAxis(side).setPen(theme.secondary.as_hex())
            self.getAxis(side).setTextPen(self._text)

    def _add_band(self, curve: Curve) -> None:
        if curve.low is None or curve.high is None or not curve.look.band:
            return
        x, low, high = (np.asarray(v, float) for v in (curve.x, curve.low, curve.high))
        known = np.isfinite(low) & np.isfinite(high)
        if not known.any():
            return
        edges = [pg.PlotCurveItem(x[known], edge[known]) for edge in (low, high)]
        colour = pg.mkColor(curve.look.colour)
        colour.setAlpha(BAND)
        self.addItem(pg.FillBetweenItem(*edges, brush=colour))

    def _add_line(self, curve: Curve) -> None:
        look = curve.look
        x, y = np.asarray(curve.x, float), np.asarray(curve.y, float)
        known = np.isfinite(y)
        pen = pg.mkPen(look.colour, width=look.width, style=look.dash)
        dot = "o" if look.band or known.sum() == 1 else None
        self.plot(
            x[known],
            y[known],
            pen=pen,
            symbol=dot,
            symbolSize=5,
            symbolPen=None,
            symbolBrush=look.colour,
        )

    def _fit(
        self,
        curves: Sequence[Curve],
        base: float | None,
        limits: tuple[float, float],
    ) -> None:
        """Show all of the curves, and of the intervals what belongs to models."""
        seen = [] if base is None else [np.array([base])]
        for curve in curves:
            bands = (curve.low, curve.high) if curve.look.band else ()
            parts = [curve.y, *(part for part in bands if part is not None)]
            seen += [np.asarray(part, float).ravel() for part in parts]
        levels = np.concatenate(seen) if seen else np.array([0.0, 1.0])
        levels = np.clip(levels[np.isfinite(levels)], *limits)
        if not levels.size:
            return
        low, high = float(levels.min()), float(levels.max())
        room = ROOM * (high - low or 1.0)
        self.setYRange(low if low == base else low - room, high + room, padding=0)
        wide = [np.asarray(curve.x, float) for curve in curves]
        if wide:
            x = np.concatenate(wide)
            edge = EDGE * float(np.ptp(x)) or 0.5
            self.setXRange(x.min() - edge, x.max() + edge, padding=0)

    def _clicked(self, event: Any) -> None:
        box = self.getPlotItem().vb
        if box.sceneBoundingRect().contains(event.scenePos()):
            self.clicked.emit(float(box.mapSceneToView(event.scenePos()).x()))
