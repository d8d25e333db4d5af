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
    "count": "How many images to make.",
    "straying": "How far they may stray: 0 is as like as the model can make them, 1 as "
    "various as real frames.",
    "truncation": "1 is as various as real frames; less makes them more typical, and "
    "all the same at 0.",
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


def _variation(usual: float) -> QDoubleSpinBox:
    box = QDoubleSpinBox()
    box.setRange(0, 2)
    box.setSingleStep(0.1)
    box.setPrefix("variation ")
    box.setValue(usual)
    return box


class SynthesizeForm(ModelForm):
    """The controls of the dock, laid out in ``dock``."""

    def __init__(self, dock: QWidget, viewer: ViewerModel) -> None:
        super().__init__(viewer, TIPS["models"])
        self.count = QSpinBox()
        self.count.setRange(1, 256)
        self.count.setValue(8)
        self.straying, self.truncation = _variation(0.3), _variation(1)
        self.variations = self.straying, self.truncation
        self.seed = QSpinBox()
        self.seed.setRange(0, LARGEST)
        self.again = QCheckBox("use again")
        self.refine = QCheckBox("Search longer, to be more like it")
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
            *(self.models, self.count, *self.variations, self.seed, self.other),
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
        form.addRow("Images", self.count)
        form.addRow("Seed", row(self.seed, self.again))
        column.addLayout(form)
        column.addWidget(self.refine)
        for button, number in (
            (self.like, self.straying),
            (self.random, self.truncation),
            (self.between, self.other),
            (self.rollout, self.horizon),
        ):
            line = row(button, number)
            line.setStretch(0, 1)
            line.setStretch(1, 1)
            column.addLayout(line)
        column.addLayout(row(QLabel("forecast by"), self.forecasters, stretch=1))
        self._add_work(column)
        for widget in (self.verdict, self.save):
            column.addWidget(widget)
        column.addStretch(1)
