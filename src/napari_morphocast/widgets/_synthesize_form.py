"""What the Synthesize dock looks like: its controls, their places and explanations."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import (
    QCheckBox,
    QDoubleSpinBox,
    QFormLayout,
    QLabel,
    QPushButton,
    QSpinBox,
    QWidget,
)

from napari_morphocast.widgets._combo import combo
from napari_morphocast.widgets._dock_form import (
    ModelForm,
    frames_box,
    make_main,
    row,
    text_label,
)

if TYPE_CHECKING:
    from napari.components import ViewerModel

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
    "rollout": "Forecast what would become of the frames that were made last.",
    "horizon": "How many frames to forecast.",
    "forecasters": "What forecasts them; best one that has learned from such a movie.",
    "save": "Save the synthetic frames as a stack that says so.",
}


class SynthesizeForm(ModelForm):
    """The controls of the dock, laid out in ``dock``."""

    def __init__(self, dock: QWidget, viewer: ViewerModel) -> None:
        super().__init__(viewer, TIPS["models"])
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
        self.refine = QCheckBox("Take some more seconds to be more like it")
        self.like = QPushButton("&Like this frame")
        self.random = QPushButton("At &random")
        self.between = QPushButton("On the &way to frame")
        self.other = QSpinBox()
        self.other.setRange(0, LARGEST)
        self.rollout = QPushButton("R&oll out")
        self.horizon = frames_box(12, 999)
        self.forecasters = combo(TIPS["forecasters"])
        self.save = QPushButton("S&ave…")
        self.verdict = text_label()
        boxes = (
            *(self.models, self.count, self.variation, self.seed, self.other),
            *(self.horizon, self.forecasters),
        )
        self._explain(TIPS, boxes)
        self._lay_out(dock)
        self.set_theme(viewer.theme)

    def set_theme(self, name: str) -> None:
        """Take the colours of another napari theme."""
        make_main(self.like, name)

    def _lay_out(self, dock: QWidget) -> None:
        column = self._column(dock)
        self._add_model(column)
        form = QFormLayout()
        form.addRow("Number", self.count)
        form.addRow("Variation", self.variation)
        form.addRow("Seed", row(self.seed, self.again))
        column.addLayout(form)
        column.addWidget(self.refine)
        column.addLayout(row(self.like, self.random))
        column.addLayout(row(self.between, self.other))
        column.addLayout(row(self.rollout, self.horizon, stretch=1))
        column.addLayout(row(QLabel("by"), self.forecasters, stretch=1))
        self._add_work(column)
        for widget in (self.verdict, self.save):
            column.addWidget(widget)
        column.addStretch(1)
