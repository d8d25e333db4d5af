"""What the Forecast dock looks like: its controls, their places and explanations."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QDoubleSpinBox,
    QGridLayout,
    QLabel,
    QMenu,
    QPushButton,
    QWidget,
)

from napari_morphocast.widgets._combo import combo
from napari_morphocast.widgets._dock_form import (
    ModelForm,
    frames_box,
    text_label,
)
from napari_morphocast.widgets._motion_legend import MotionLegend
from napari_morphocast.widgets._surprise import SurpriseList

if TYPE_CHECKING:
    from napari.components import ViewerModel

ALARMS = 0.1  # percent of the pixels
TIPS = {
    "models": "Model to forecast with: trained here, from your models folder, the "
    "sample, or a baseline that needs no training.",
    "browse": "Choose a .morphocast file.",
    "predict": "Forecast every frame of the movie from the frames before it, and show "
    "the absolute error.",
    "lead": "How far ahead every frame is forecast (frames).",
    "rollout": "Forecast frame after frame, each from the forecasts before it.",
    "horizon": "How many frames to forecast (frames).",
    "start": "The end forecasts what nobody has seen yet; the current frame of the "
    "time slider lets you compare with the frames that follow it.",
    "stop": "End after this frame; finished frames stay.",
    "beside": "Show movie, forecast and error next to each other; press again to go "
    "back.",
    "surprise": "Show where the newest prediction was far more wrong than it usually "
    "is there: divisions, deaths, cells that come or go.",
    "alarms": "How many pixels may be flagged in a usual frame. More finds weaker "
    "surprises, and gives more false alarms. Searching again replaces the layers of "
    "the same forecast; rename one to keep it.",
    "export": "Save the selected forecast, or else the newest.",
}


class ForecastForm(ModelForm):
    """The controls of the dock, laid out in ``dock``."""

    def __init__(self, dock: QWidget, viewer: ViewerModel) -> None:
        super().__init__(viewer, TIPS["models"])
        self.predict = QPushButton("Predict all")
        self.lead = frames_box(1, 100)
        self.lead_time = QLabel()
        self.rollout = QPushButton("Rollout")
        self.horizon = frames_box(12, 1000)
        self.horizon_time = QLabel()
        self.start = combo(TIPS["start"])
        self.start.addItem("the end of the movie", False)
        self.start.addItem("the current frame", True)
        self.verdict = text_label("font-weight: bold")
        self.legend = MotionLegend(viewer)
        self.beside = QPushButton("Side by side")
        self.beside.setCheckable(True)
        self.surprise = QPushButton("Find surprises")
        self.alarms = QDoubleSpinBox()
        self.alarms.setRange(0.01, 10)
        self.alarms.setSingleStep(0.1)
        self.alarms.setValue(ALARMS)
        self.alarms.setSuffix(" %")
        self.surprises = SurpriseList(viewer)
        self.export = QPushButton("Export")
        menu = QMenu(self.export)
        self.save_frames = menu.addAction("Frames as OME-TIFF…")
        self.save_scores = menu.addAction("Errors per frame as CSV…")
        self.export.setMenu(menu)
        boxes = self.models, self.start, self.lead, self.horizon, self.alarms
        self._explain(TIPS, boxes)
        self._lay_out(dock)

    def _lay_out(self, dock: QWidget) -> None:
        column = self._column(dock)
        self._add_model(column)
        column.addLayout(self._actions())
        self._add_work(column)
        column.addWidget(self.verdict)
        column.addWidget(self.legend)
        column.addLayout(self._afterwards())
        column.addWidget(self.surprises)
        column.addStretch(1)

    def _actions(self) -> QGridLayout:
        grid = QGridLayout()
        grid.addWidget(self.predict, 0, 0)
        grid.addWidget(self.lead, 0, 1)
        grid.addWidget(QLabel("ahead"), 0, 2)
        grid.addWidget(self.lead_time, 0, 3)
        grid.addWidget(self.rollout, 1, 0)
        grid.addWidget(self.horizon, 1, 1)
        grid.addWidget(QLabel("on"), 1, 2)
        grid.addWidget(self.horizon_time, 1, 3)
        since = QLabel("from")
        since.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        grid.addWidget(since, 2, 0)
        grid.addWidget(self.start, 2, 1, 1, 3)
        grid.setColumnStretch(3, 1)
        return grid

    def _afterwards(self) -> QGridLayout:
        grid = QGridLayout()
        grid.addWidget(self.beside, 0, 0)
        grid.addWidget(self.export, 0, 1)
        grid.addWidget(self.surprise, 1, 0)
        grid.addWidget(self.alarms, 1, 1)
        grid.addWidget(QLabel("of the pixels"), 1, 2)
        grid.setColumnStretch(2, 1)
        return grid
