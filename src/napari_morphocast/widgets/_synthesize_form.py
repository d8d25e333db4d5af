"""What the Synthesize dock looks like: its controls, their places and explanations."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari.utils.theme import get_theme
from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QCheckBox,
    QDoubleSpinBox,
    QFormLayout,
    QFrame,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QScrollArea,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from napari_morphocast.widgets._form import keep_wheel_away, line
from napari_morphocast.widgets._pickers import MoviePicker, combo

if TYPE_CHECKING:
    from napari.components import ViewerModel

WIDTH = 380
STEPS = 1000  # of the progress bar
LARGEST = 2**31 - 1
TIPS = {
    "models": "Model that makes frames: trained here, from your models folder, or the "
    "sample. Train one in the Train dock, with the model cell_gan.",
    "browse": "Choose a .morphocast file.",
    "count": "How many frames to make.",
    "variation": "How far frames like the one on the screen may stray: 0 is as like as "
    "the model can make them, 1 as various as real frames.",
    "seed": "All chance follows from this number: the same seed makes the same frames.",
    "again": "Use this seed again instead of a new one each time.",
    "refine": "Spend some seconds on making them more like the frame.",
    "like": "Make frames like the one that the viewer shows.",
    "random": "Make frames like none in particular, as various as real ones.",
    "between": "Make a small movie that leads from the frame on the screen to another.",
    "other": "Number of the frame that it leads to.",
    "save": "Save the synthetic frames as a stack that says so.",
}


class SynthesizeForm:
    """The controls of the dock, laid out in ``dock``."""

    def __init__(self, dock: QWidget, viewer: ViewerModel) -> None:
        self.picker = MoviePicker(viewer)
        self.movie_facts = _text()
        self.models = combo(TIPS["models"])
        self.browse = QPushButton("Browse…")
        self.model_facts = _text()
        self.count = QSpinBox()
        self.count.setRange(1, 256)
        self.count.setValue(8)
        self.variation = QDoubleSpinBox()
        self.variation.setRange(0, 2)
        self.variation.setSingleStep(0.1)
        self.variation.setValue(0.3)
        self.seed = QSpinBox()
        self.seed.setRange(0, LARGEST)
        self.again = QCheckBox("again")
        self.refine = QCheckBox("Take some seconds to be more like it")
        self.like = QPushButton("&Like this frame")
        self.random = QPushButton("At &random")
        self.between = QPushButton("On the &way to frame")
        self.other = QSpinBox()
        self.other.setRange(0, LARGEST)
        self.progress = QProgressBar()
        self.stop = QPushButton("&Stop")
        self.save = QPushButton("S&ave…")
        self.error = _text("color: #d9534f; font-weight: bold")
        self.verdict = _text()
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

    def set_theme(self, name: str) -> None:
        """Take the colours of another napari theme."""
        theme = get_theme(name)
        self.like.setStyleSheet(
            f"QPushButton:enabled {{ font-weight: bold; color: {theme.text.as_hex()}; "
            f"background-color: {theme.current.as_hex()}; }}"
        )

    def _explain(self) -> None:
        self._tips: dict[QWidget, str] = {
            widget: tip
            for name, tip in TIPS.items()
            if isinstance(widget := getattr(self, name), QWidget)
        }
        for widget, tip in self._tips.items():
            widget.setToolTip(f"<p>{tip}</p>")
        for box in (self.models, self.count, self.variation, self.seed, self.other):
            keep_wheel_away(box)

    def _lay_out(self, dock: QWidget) -> None:
        inside = QWidget()
        column = QVBoxLayout(inside)
        column.setContentsMargins(8, 8, 8, 8)
        column.setSpacing(6)
        for widget in (self.picker, self.movie_facts, line()):
            column.addWidget(widget)
        column.addLayout(_row(QLabel("Model"), self.models, self.browse))
        for widget in (self.model_facts, line()):
            column.addWidget(widget)
        form = QFormLayout()
        form.addRow("Number", self.count)
        form.addRow("Variation", self.variation)
        form.addRow("Seed", _row(self.seed, self.again, stretch=0))
        column.addLayout(form)
        column.addWidget(self.refine)
        column.addLayout(_row(self.like, self.random, stretch=0))
        column.addLayout(_row(self.between, self.other, stretch=0))
        column.addLayout(_row(self.progress, self.stop, stretch=0))
        for widget in (self.error, self.verdict, self.save):
            column.addWidget(widget)
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


def _row(*widgets: QWidget, stretch: int = 1) -> QHBoxLayout:
    """Widgets in a row; the one of number ``stretch`` takes the room that is left."""
    row = QHBoxLayout()
    for number, widget in enumerate(widgets):
        row.addWidget(widget, int(number == stretch))
    return row


def _text(style: str = "") -> QLabel:
    label = QLabel()
    label.setWordWrap(True)
    label.setStyleSheet(style)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    label.hide()
    return label
