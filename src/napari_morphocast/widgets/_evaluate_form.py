"""What the Evaluate dock looks like: its controls, their places and explanations."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QCheckBox,
    QFormLayout,
    QLabel,
    QListWidget,
    QMenu,
    QPushButton,
    QSpinBox,
    QWidget,
)

from napari_morphocast.widgets._combo import combo
from napari_morphocast.widgets._dock_form import (
    DockForm,
    frames_box,
    make_main,
    row,
)
from napari_morphocast.widgets._evaluate_results import Results
from napari_morphocast.widgets._regions import RegionPicker

if TYPE_CHECKING:
    from napari.components import ViewerModel

LABELS = 60  # pixels
ROWS = 4  # of the list of models
UNSEEN = "what training left unseen"
TIPS = {
    "models": "Models to evaluate side by side: trained here, from your models folder, "
    "or the sample. The baselines, which need no training, always take part.",
    "browse": "Choose a .morphocast file.",
    "horizon": "How far ahead to score (frames). Every forecast runs on freely so far, "
    "each frame from the forecasts before it.",
    "since": "Which frames the forecasts are held against. Scores of frames that a "
    "model has learned from are no test.",
    "first": "First frame that is scored, counted from 0.",
    "controls": "Shuffle what the model sees, repeat its last frame, turn time round, "
    "and show it pure noise. If it does as well on shuffled frames, it only removes "
    "noise. Takes several times as long.",
    "evaluate": "Let the ticked models and all baselines forecast the same frames, and "
    "compare them with what really happened.",
    "stop": "End after this forecast; what was scored by then is shown.",
    "export": "Save the scores that are shown, and what the controls found.",
}


class EvaluateForm(DockForm):
    """The controls of the dock, laid out in ``dock``."""

    def __init__(self, dock: QWidget, viewer: ViewerModel) -> None:
        super().__init__(viewer)
        self.models = QListWidget()
        self.browse.setText("Add…")
        self.horizon = frames_box(10, 1000)
        self.horizon_time = QLabel()
        self.since = combo(TIPS["since"])
        self.since.addItem(UNSEEN, False)
        self.since.addItem("all from frame", True)
        self.first = QSpinBox()
        self.first.hide()
        self.regions = RegionPicker(viewer)
        self.controls = QCheckBox("Controls: forecasting or denoising?")
        self.evaluate = QPushButton("&Evaluate")
        self.export = QPushButton("E&xport")
        menu = QMenu(self.export)
        self.save_csv = menu.addAction("Scores as CSV…")
        self.save_json = menu.addAction("Scores as JSON…")
        self.save_png = menu.addAction("Figure as PNG…")
        self.export.setMenu(menu)
        self.results = Results(viewer.theme)
        boxes = self.horizon, self.since, self.first, self.regions.box
        self._explain(TIPS, boxes)
        self._lay_out(dock)
        self.set_theme(viewer.theme)

    def fit_models(self) -> None:
        """Make the list as high as its models, up to a few."""
        row = max(self.models.sizeHintForRow(0), self.models.fontMetrics().height())
        rows = min(max(1, self.models.count()), ROWS)
        needed = rows * row + 2 * self.models.frameWidth() + 2
        self.models.setFixedHeight(max(needed, self.browse.sizeHint().height()))

    def set_theme(self, name: str) -> None:
        """Take the colours of another napari theme."""
        make_main(self.evaluate, name)
        self.results.curves.set_theme(name)

    def _lay_out(self, dock: QWidget) -> None:
        column = self._column(dock)
        column.addLayout(self._choices())
        column.addWidget(self.warnings)
        column.addLayout(row(self.evaluate, self.export))
        self._add_work(column)
        column.addWidget(self.results)
        column.addStretch(1)

    def _choices(self) -> QFormLayout:
        form = QFormLayout()
        form.setVerticalSpacing(4)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        models = row(self.models, self.browse)
        models.setAlignment(self.browse, Qt.AlignmentFlag.AlignTop)
        form.addRow("Models", models)
        form.addRow("Horizon", row(self.horizon, self.horizon_time))
        form.addRow("Frames", row(self.since, self.first))
        form.addRow("Region", self.regions.box)
        form.addRow("", self.controls)
        return form
