"""Scores as curves: skill and error by lead, error by frame, sharpness by detail."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QHBoxLayout, QLabel, QVBoxLayout, QWidget

from napari_morphocast.evaluation.wording import ahead
from napari_morphocast.presenters import evaluate_wording as wording
from napari_morphocast.widgets._combo import combo, refill
from napari_morphocast.widgets._evaluate_legend import Legend, in_order, look_of
from napari_morphocast.widgets._form import keep_wheel_away

if TYPE_CHECKING:
    from collections.abc import Mapping

    from qtpy.QtWidgets import QComboBox

    from napari_morphocast.evaluation.scores import Scores
    from napari_morphocast.widgets._evaluate_charts import Chart, Curve

LOWEST = -1.0  # skill that is shown; what is below is only worse
SHARPEST = 2.0  # power over truth that is shown
TICKS = 6  # labels that fit below a narrow chart
TIPS = {
    "skill": "Share of the error of a trivial forecast that a model removes: 1 is "
    "perfect, 0 no better, below 0 worse. The band is the 95 % interval: where it "
    "touches 0, the model may be no better at all.",
    "error": "Mean over all forecasts, by how far ahead they look, with its 95 % "
    "interval. Each frame is forecast from the forecasts before it.",
    "lead": "How far ahead the forecasts look that are shown in the charts below.",
    "time": "Error of every scored frame. Click to move the viewer there.",
    "detail": "Power of the forecast over that of the truth, from large patterns "
    "(left) to single pixels (right): below 1 is blurred. The dotted line is as sharp "
    "as a forecast without noise can be.",
}


class ScoreCurves(QWidget):
    """Four charts with one legend; pyqtgraph is imported when there are scores."""

    frame_chosen = Signal(int)

    def __init__(self, theme: str) -> None:
        super().__init__()
        self._theme = theme
        self._scores: Scores | None = None
        self._charts: dict[str, Chart] = {}
        self._places: dict[str, QVBoxLayout] = {}
        self._now: int | None = None
        self._frames = np.zeros(0, np.intp)
        self.legend = Legend()
        self.skill, self.error, self.lead = (
            combo(f"<p>{TIPS[name]}</p>") for name in ("skill", "error", "lead")
        )
        self._lay_out()
        self.legend.changed.connect(self._draw)
        for box in (self.skill, self.error, self.lead):
            keep_wheel_away(box)
            box.currentIndexChanged.connect(lambda _: self._draw())

    def show_scores(self, scores: Scores) -> None:
        """Draw other scores; choices that they have too are kept."""
        if not self._charts:
            self._make_charts()
        self._scores = scores
        self.legend.show_models(in_order(scores.models))
        _offer(self.skill, wording.skills(scores))
        _offer(self.error, wording.errors(scores))
        _offer(self.lead, {n: ahead(n, scores.interval) for n in scores.leads})
        self._draw()

    def show_current(self, frame: int | None) -> None:
        """Mark the frame that the viewer shows."""
        self._now = frame
        if self._charts:
            self._charts["time"].mark(frame)

    def set_theme(self, theme: str) -> None:
        """Take the colours of another napari theme."""
        self._theme = theme
        for chart in self._charts.values():
            chart.set_theme(theme)
        self._draw()

    def _lay_out(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.legend)
        headings = {
            "skill": (QLabel("Skill against"), self.skill),
            "error": (QLabel("Error"), self.error),
            "time": (QLabel("Forecasts"), self.lead, QLabel("ahead")),
            "detail": (),
        }
        for name, widgets in headings.items():
            row = QHBoxLayout()
            for widget in widgets:
                row.addWidget(widget, 0 if isinstance(widget, QLabel) else 1)
            self._places[name] = QVBoxLayout()
            column.addLayout(row)
            column.addLayout(self._places[name])

    def _make_charts(self) -> None:
        from napari_morphocast.widgets._evaluate_charts import Chart

        for name, place in self._places.items():
            chart = self._charts[name] = Chart(self._theme)
            chart.setToolTip(f"<p>{TIPS[name]}</p>")
            place.addWidget(chart)
        self._charts["skill"].setLabel("left", "skill")
        time, detail = self._charts["time"], self._charts["detail"]
        time.setLabel("bottom", "frame (click to go there)")
        time.setCursor(Qt.CursorShape.PointingHandCursor)
        time.clicked.connect(self._clicked)
        detail.setLabel("bottom", "fineness of detail (cycles per pixel)")
        detail.setLabel("left", "sharpness")

    def _draw(self) -> None:
        if self._scores is None:
            return
        error = self.error.currentData()
        self._draw_by_lead("skill", self.skill.currentData(), 0.0, LOWEST)
        self._draw_by_lead("error", error, _base(error))
        self._draw_by_frame(error if error in wording.IN_TIME else "mse")
        self._draw_by_detail()

    def _draw_by_lead(
        self, name: str, metric: str, base: float | None, floor: float = -np.inf
    ) -> None:
        """A metric against lead; the models last, so that they lie on top."""
        scores, chart = self._scores, self._charts[name]
        if scores is None or metric is None:
            return
        curves = []
        for model in reversed(self.legend.shown()):
            rows = scores.of(model, metric)
            if rows and metric != f"skill_{model}":
                values = np.array([(r.lead, r.value, r.low, r.high) for r in rows])
                curves.append(self._curve(model, *values.T))
        chart.draw(curves, base=base, limits=(floor, np.inf))
        chart.show_ticks(
            scores.leads, wording.lead_ticks(scores.leads, scores.interval, TICKS)
        )
        chart.setLabel("bottom", wording.lead_axis(scores.interval))
        if metric in wording.ERRORS:
            chart.setLabel("left", wording.ERRORS[metric][0])

    def _draw_by_frame(self, metric: str) -> None:
        """Errors of single forecasts against the frame that they foretell."""
        scores, lead, chart = (
            self._scores,
            self.lead.currentData(),
            self._charts["time"],
        )
        if scores is None or lead is None:
            return
        curves = []
        for model in reversed(self.legend.shown()):
            self._frames, values = scores.over_time(model, metric, lead)
            curves.append(self._curve(model, self._frames, values))
        chart.draw(curves, base=_base(metric))
        chart.setLabel("left", wording.ERRORS[metric][0])
        chart.mark(self._now)

    def _draw_by_detail(self) -> None:
        """Power of the forecasts over that of the truth, by spatial frequency."""
        scores, lead, chart = (
            self._scores,
            self.lead.currentData(),
            self._charts["detail"],
        )
        spectra = scores.spectra if scores else None
        chart.setVisible(spectra is not None)
        if spectra is None or lead is None:
            return
        curves = [
            self._curve(model, spectra.frequencies, spectra.of(model, lead))
            for model in reversed(self.legend.shown())
        ]
        chart.draw(curves, base=1.0, limits=(0.0, SHARPEST))
        chart.draw_faint(spectra.frequencies, 1 - spectra.noise[lead - 1])

    def _curve(
        self, model: str, x: Any, y: Any, low: Any = None, high: Any = None
    ) -> Curve:
        from napari_morphocast.widgets._evaluate_charts import Curve

        names = in_order(self._scores.models) if self._scores else [model]
        return Curve(look_of(model, names), x, y, low, high)

    def _clicked(self, x: float) -> None:
        """Go to the scored frame that is nearest to a click."""
        if self._frames.size:
            nearest = np.abs(self._frames - x).argmin()
            self.frame_chosen.emit(int(self._frames[nearest]))


def _base(metric: str | None) -> float | None:
    """Level where an axis begins, if that has a meaning."""
    return 0.0 if metric in wording.FROM_ZERO else None


def _offer(box: QComboBox, options: Mapping[Any, str]) -> None:
    """Offer options by value; keeps the choice if it is still there."""
    before = box.currentData()
    refill(box, [(label, value) for value, label in options.items()])
    box.blockSignals(True)
    box.setCurrentIndex(max(0, box.findData(before)))
    box.blockSignals(False)
