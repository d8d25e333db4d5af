"""Live curves of a run: training, validation, and the line it has to get below."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from napari.utils.theme import get_theme
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QCheckBox, QHBoxLayout, QLabel, QVBoxLayout, QWidget

if TYPE_CHECKING:
    from napari_morphocast.training.events import Progress

TRAINING, VALIDATION = "#3b8ede", "#e08a1e"  # told apart in both themes, by all eyes
SIGNALS = "#7a9a3a", "#a06ab4"
HEIGHT = 170


class Curves(QWidget):
    """Loss against epoch; pyqtgraph is imported when there is something to draw."""

    def __init__(self, theme: str) -> None:
        super().__init__()
        self._theme = theme
        self._progress: Progress | None = None
        self._plot: Any = None
        self._items: dict[str, Any] = {}
        self._log = QCheckBox("log")
        self._log.setToolTip("Logarithmic loss axis: shows late, small improvements.")
        self._log.toggled.connect(lambda _: self._draw())
        legend = QLabel(
            f"<span style='color:{TRAINING}'>●</span> training &nbsp; "
            f"<span style='color:{VALIDATION}'>●</span> validation &nbsp; ★ best"
        )
        legend.setToolTip(
            "Loss after every epoch (no unit; lower is better). Validation is measured "
            "on the later frames, from which the model does not learn. Below the "
            "dashed line the model beats “nothing moves”: a forecast that only "
            "repeats the last frame."
        )
        top = QHBoxLayout()
        top.addWidget(legend)
        top.addStretch()
        top.addWidget(self._log)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addLayout(top)

    def show_progress(self, progress: Progress) -> None:
        """Draw the curves so far."""
        if progress == self._progress:
            return
        self._progress = progress
        self._draw()

    def set_theme(self, theme: str) -> None:
        """Take the colours of another napari theme."""
        self._theme = theme
        if self._plot is not None:
            self._colour()

    def _draw(self) -> None:
        progress = self._progress
        if progress is None:
            return
        if self._plot is None:
            self._make()
        log = self._log.isChecked()
        self._plot.setLogMode(False, log)
        for name in ("train", "validation"):
            values = getattr(progress, name)
            epochs = list(range(1, len(values) + 1))
            self._items[name].setData(epochs, list(values))
        for name, values in progress.signals.items():
            self._signal(name).setData(range(1, len(values) + 1), values)
        best = progress.best_epoch
        known = 0 < best <= len(progress.validation)
        if known:
            self._items["best"].setData([best], [progress.validation[best - 1]])
        self._items["best"].setVisible(known)
        level = progress.persistence
        shown = math.isfinite(level) and (level > 0 or not log)
        self._items["line"].setVisible(shown)
        if shown:
            self._items["line"].setPos(math.log10(level) if log else level)
        self._fit(progress, log)

    def _fit(self, progress: Progress, log: bool) -> None:
        """Show all values and the line, with a little room above it for its name."""
        values = [*progress.train, *progress.validation, progress.persistence]
        values = [v for v in values if math.isfinite(v) and (v > 0 or not log)]
        if not values:
            return
        levels = [math.log10(v) for v in values] if log else [0.0, *values]
        room = 0.12 * ((max(levels) - min(levels)) or 1.0)
        low = min(levels) - (room if log else 0.0)
        self._plot.setYRange(low, max(levels) + 2 * room, padding=0)
        last = max(len(progress.validation), 4) + 0.5
        self._plot.setXRange(0.5, last, padding=0)

    def _signal(self, name: str) -> Any:
        """The dotted curve of a signal, named at its end; made when first needed."""
        import pyqtgraph as pg

        if name not in self._items:
            colour = SIGNALS[len(self._items) % 2]
            pen = pg.mkPen(colour, width=2, style=Qt.PenStyle.DotLine)
            self._items[name] = self._plot.plot(pen=pen, name=name)
        return self._items[name]

    def _make(self) -> None:
        import pyqtgraph as pg

        self._plot = plot = pg.PlotWidget()
        plot.addLegend(offset=(-1, 1), labelTextSize="8pt")
        plot.setFixedHeight(HEIGHT)
        plot.setMouseEnabled(False, False)
        plot.hideButtons()
        plot.setMenuEnabled(False)
        plot.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        dots = {"symbol": "o", "symbolSize": 4, "symbolPen": None}
        for name, colour in (("train", TRAINING), ("validation", VALIDATION)):
            pen = pg.mkPen(colour, width=2)
            self._items[name] = plot.plot(pen=pen, symbolBrush=colour, **dots)
        self._items["best"] = plot.plot(
            pen=None, symbol="star", symbolSize=14, symbolBrush=VALIDATION
        )
        line = pg.InfiniteLine(
            angle=0,
            label="“nothing moves”",
            labelOpts={"position": 0.98, "anchors": [(1, 1), (1, 1)]},
        )
        plot.addItem(line, ignoreBounds=True)
        self._items["line"] = line
        plot.setLabel("bottom", "epoch")
        plot.setLabel("left", "loss")
        plot.getAxis("bottom").setHeight(38)
        plot.getAxis("left").enableAutoSIPrefix(False)
        self.layout().addWidget(plot)
        self._colour()

    def _colour(self) -> None:
        import pyqtgraph as pg

        theme = get_theme(self._theme)
        text = theme.text.as_hex()
        self._plot.setBackground(theme.background.as_hex())
        for side in ("left", "bottom"):
            axis = self._plot.getAxis(side)
            axis.setPen(theme.secondary.as_hex())
            axis.setTextPen(text)
        pen = pg.mkPen(text, width=1, style=Qt.PenStyle.DashLine)
        self._items["line"].setPen(pen)
        self._items["line"].label.setColor(text)
        self._items["best"].setSymbolPen(text)
