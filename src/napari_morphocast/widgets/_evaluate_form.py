"""What the Evaluate dock looks like: its controls, their places and explanations."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari.utils.theme import get_theme
from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QCheckBox,
    QFormLayout,
    QFrame,
    QHBoxLayout,
    QLabel,
    QListWidget,
    QMenu,
    QProgressBar,
    QPushButton,
    QScrollArea,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from napari_morphocast.widgets._evaluate_regions import RegionPicker
from napari_morphocast.widgets._evaluate_results import Results
from napari_morphocast.widgets._form import keep_wheel_away, line
from napari_morphocast.widgets._pickers import MoviePicker, combo

if TYPE_CHECKING:
    from napari.components import ViewerModel

WIDTH = 380
LABELS = 60  # pixels
ROWS = 4  # of the list of models
UNSEEN = "what training left unseen"
STEPS = 1000  # of the progress bar
TIPS = {
    "models": "Models to evaluate side by side: trained here, from your models folder, "
    "or the sample. The baselines, which need no training, always take part.",
    "add": "Choose a .morphocast file.",
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


class EvaluateForm:
    """The controls of the dock, laid out in ``dock``."""

    def __init__(self, dock: QWidget, viewer: ViewerModel) -> None:
        self.picker = MoviePicker(viewer)
        self.movie_facts = _text()
        self.models = QListWidget()
        self.add = QPushButton("Add…")
        self.horizon = QSpinBox()
        self.horizon.setRange(1, 1000)
        self.horizon.setValue(10)
        self.horizon.setSuffix(" frames")
        self.horizon_time = QLabel()
        self.since = combo(TIPS["since"])
        self.since.addItem(UNSEEN, False)
        self.since.addItem("all from frame", True)
        self.first = QSpinBox()
        self.first.hide()
        self.regions = RegionPicker(viewer)
        self.controls = QCheckBox("Controls: forecasting or denoising?")
        self.warnings = _text("color: #c98a1b")
        self.evaluate = QPushButton("&Evaluate")
        self.export = QPushButton("E&xport")
        menu = QMenu(self.export)
        self.save_csv = menu.addAction("Scores as CSV…")
        self.save_json = menu.addAction("Scores as JSON…")
        self.save_png = menu.addAction("Figure as PNG…")
        self.export.setMenu(menu)
        self.progress = QProgressBar()
        self.stop = QPushButton("&Stop")
        self.error = _text("color: #d9534f; font-weight: bold")
        self.results = Results(viewer.theme)
        self._explain()
        self._lay_out(dock)
        self.set_theme(viewer.theme)

    def enable(self, button: QPushButton, reason: str) -> None:
        """Enable a button, or disable it and say why."""
        button.setEnabled(not reason)
        button.setToolTip(f"<p>{reason or self._tips[button]}</p>")

    def show_progress(self, share: float, text: str) -> None:
        """How far it is, 0..1; 0 shows that something goes on, but not how far."""
        self.progress.setMaximum(STEPS if share else 0)
        self.progress.setValue(round(STEPS * share))
        self.progress.setFormat(text)
        self.progress.setToolTip(text)

    def fit_models(self) -> None:
        """Make the list as high as its models, up to a few."""
        row = max(self.models.sizeHintForRow(0), self.models.fontMetrics().height())
        rows = min(max(1, self.models.count()), ROWS)
        needed = rows * row + 2 * self.models.frameWidth() + 2
        self.models.setFixedHeight(max(needed, self.add.sizeHint().height()))

    def set_theme(self, name: str) -> None:
        """Take the colours of another napari theme."""
        theme = get_theme(name)
        self.evaluate.setStyleSheet(
            f"QPushButton:enabled {{ font-weight: bold; color: {theme.text.as_hex()}; "
            f"background-color: {theme.current.as_hex()}; }}"
        )
        self.results.curves.set_theme(name)

    def _explain(self) -> None:
        self._tips: dict[QWidget, str] = {
            getattr(self, name): tip for name, tip in TIPS.items()
        }
        for widget, tip in self._tips.items():
            widget.setToolTip(f"<p>{tip}</p>")
        for box in (self.horizon, self.since, self.first, self.regions.box):
            keep_wheel_away(box)

    def _lay_out(self, dock: QWidget) -> None:
        inside = QWidget()
        column = QVBoxLayout(inside)
        column.setContentsMargins(8, 8, 8, 8)
        column.setSpacing(6)
        column.addWidget(self.picker)
        column.addWidget(self.movie_facts)
        column.addWidget(line())
        column.addLayout(self._choices())
        column.addWidget(self.warnings)
        for row in (
            self._row(self.evaluate, self.export),
            self._row(self.progress, self.stop),
        ):
            column.addLayout(row)
        column.addWidget(self.error)
        column.addWidget(self.results)
        column.addStretch(1)
        scroll = QScrollArea()
        scroll.setWidget(inside)
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        outside = QVBoxLayout(dock)
        outside.setContentsMargins(0, 0, 0, 0)
        outside.addWidget(scroll)
        dock.setMinimumWidth(WIDTH)

    def _choices(self) -> QFormLayout:
        form = QFormLayout()
        form.setVerticalSpacing(4)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        models = self._row(self.models, self.add)
        models.setAlignment(self.add, Qt.AlignmentFlag.AlignTop)
        form.addRow("Models", models)
        form.addRow("Horizon", self._row(self.horizon, self.horizon_time))
        form.addRow("Frames", self._row(self.since, self.first))
        form.addRow("Region", self.regions.box)
        form.addRow("", self.controls)
        return form

    def _row(self, wide: QWidget, narrow: QWidget) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(6)
        row.addWidget(wide, 1)
        row.addWidget(narrow)
        return row


def _text(style: str = "") -> QLabel:
    label = QLabel()
    label.setWordWrap(True)
    label.setStyleSheet(style)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    label.hide()
    return label
