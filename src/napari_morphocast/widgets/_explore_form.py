"""What the Explore dock looks like: its controls, their places and explanations."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari.layers import Labels
from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QFormLayout,
    QPushButton,
    QSpinBox,
    QWidget,
)

from napari_morphocast.widgets._dock_form import (
    ModelForm,
    make_main,
    row,
    text_label,
)
from napari_morphocast.widgets._explore_results import ExploreResults
from napari_morphocast.widgets._regions import RegionPicker

if TYPE_CHECKING:
    from napari.components import ViewerModel

FRAMES = "every frame"
OWN = "the model's own"
WHAT = (
    "Every frame becomes a point, and frames that look alike to the model lie close "
    "together: slow changes become paths, events become jumps. With a Labels layer "
    "every cell becomes a point."
)
TIPS = {
    "models": "Model whose codes are looked at: trained here, from your models folder, "
    "or the sample. Those that have codes are latent_lstm, cell_gan and vae; best is "
    "one that has learned from such a movie.",
    "browse": "Choose a .morphocast file.",
    "crop": "Side of the square around each cell that the model sees (pixels). Take "
    "about twice the diameter of a cell.",
    "window": "Frames in a row that make one point: more tell also how it moves.",
    "explore": "Find the codes of all frames or cells, and show them as points.",
    "export": "Save points and codes as a table (CSV): frame, time, label, place, "
    "grey levels, error and coordinates.",
    "stop": "End soon; what was found by then is shown.",
}
POINTS = (
    "<p>What becomes a point: every frame, or every cell of a Labels layer in every "
    "frame. A cell that has the same label in all frames gets a path.</p>"
)


class ExploreForm(ModelForm):
    """The controls of the dock, laid out in ``dock``."""

    def __init__(self, dock: QWidget, viewer: ViewerModel) -> None:
        super().__init__(viewer, TIPS["models"])
        self.points = RegionPicker(viewer, (Labels,), FRAMES, POINTS)
        self.crop = QSpinBox()
        self.crop.setRange(0, 1024)
        self.crop.setSingleStep(8)
        self.crop.setSpecialValueText(OWN)
        self.crop.setSuffix(" px")
        self.window = QSpinBox()
        self.window.setRange(1, 100)
        self.window.setSuffix(" in a row")
        self.explore = QPushButton("&Explore")
        self.export = QPushButton("E&xport…")
        self.what = text_label()
        self.what.setText(WHAT)
        self.what.show()
        self.results = ExploreResults(viewer.theme)
        boxes = self.models, self.crop, self.window, self.points.box
        self._explain(TIPS, boxes)
        self._lay_out(dock)
        self.set_theme(viewer.theme)
        self.show_rows()

    def show_rows(self) -> None:
        """Show the size of crops only where there are some."""
        self._form.setRowVisible(self.crop, self.points.layer() is not None)

    def set_theme(self, name: str) -> None:
        """Take the colours of another napari theme."""
        make_main(self.explore, name)
        self.results.set_theme(name)

    def _lay_out(self, dock: QWidget) -> None:
        column = self._column(dock)
        self._form = QFormLayout()
        self._form.setVerticalSpacing(4)
        grow = QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow
        self._form.setFieldGrowthPolicy(grow)
        self._form.addRow("Model", row(self.models, self.browse))
        self._form.addRow(self.model_facts)
        self._form.addRow("Points", self.points.box)
        self._form.addRow("Crop", self.crop)
        self._form.addRow("Frames", self.window)
        self._form.setLabelAlignment(Qt.AlignmentFlag.AlignLeft)
        column.addLayout(self._form)
        column.addWidget(self.warnings)
        column.addLayout(row(self.explore, self.export))
        self._add_work(column)
        column.addWidget(self.what)
        column.addWidget(self.results, 1)
        column.addStretch(0)
