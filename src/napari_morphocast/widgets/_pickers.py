"""Choosing a movie: a layer of the viewer, and its channel and slice if need be."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from napari.layers import Image
from qtpy.QtCore import Signal
from qtpy.QtWidgets import (
    QFormLayout,
    QHBoxLayout,
    QPushButton,
    QWidget,
)

from napari_morphocast.errors import MorphocastError
from napari_morphocast.widgets._cells import CellsPicker, with_cells
from napari_morphocast.widgets._combo import combo, refill
from napari_morphocast.widgets._layers import Source
from napari_morphocast.widgets._movies import (
    channels_of_one_movie,
    data_of,
    layer_facts,
    movie_from_layer,
    own_metadata,
    read_facts_from_file,
    together,
)
from napari_morphocast.widgets._open_movie import (
    AxesDialog,
    OpenMovie,
    depth_choices,
    is_unclear,
)
from napari_morphocast.widgets._repair import repair

if TYPE_CHECKING:
    from napari.components import ViewerModel

    from napari_morphocast.data.axes import ZChoice
    from napari_morphocast.data.movie import Movie
    from napari_morphocast.widgets._movies import LayerFacts


class MoviePicker(QWidget):
    """A list of the image layers, with what is needed to use one as a movie."""

    changed = Signal()
    failed = Signal(str)

    def __init__(self, viewer: ViewerModel) -> None:
        super().__init__()
        self._viewer = viewer
        self.layers = combo("Image layer with the movie to forecast.")
        self.open = OpenMovie(viewer)
        self.channel = combo("Which channel to forecast.")
        self.z = combo("How to make one picture of the Z slices of every frame.")
        self.cells = CellsPicker(viewer)
        self._with_cells = True
        self.read = QPushButton("Read axes from file")
        self.read.setToolTip(
            "Take axes, time step (s) and pixel size (µm) from the layer's file; "
            "napari's own reader drops them."
        )
        self.name_axes = QPushButton("Name the axes…")
        self.name_axes.setToolTip(
            "Say which axis of the layer is time, depth, channels, rows and columns."
        )
        self._lay_out()
        self._connect()
        self.refill()
        self._show_cells()

    def layer(self) -> Image | None:
        """The chosen layer, if it is still there."""
        layer = self.layers.currentData()
        return layer if layer in self._viewer.layers else None

    def choose(self, layer: Image) -> bool:
        """Choose a layer, if it is offered; a forecast is not."""
        at = self.layers.findData(layer)
        if at >= 0:
            self.layers.setCurrentIndex(at)
        return bool(at >= 0)

    def facts(self) -> LayerFacts | None:
        """What the chosen layer says about itself."""
        layer = self.layer()
        return None if layer is None else layer_facts(layer)

    def frame(self) -> int:
        """Number of the movie's frame that is shown now, as near as there is one."""
        layer, facts = self.layer(), self.facts()
        if layer is None or facts is None or "T" not in facts.axes:
            return 0
        at = facts.axes.index("T")
        place = float(layer.world_to_data(self._viewer.dims.point)[at])
        return int(min(max(round(place), 0), layer.data.shape[at] - 1))

    def movie(
        self, channels: int | None, *, labels: bool = False
    ) -> tuple[Movie, list[Source]] | None:
        """The chosen movie and what its results inherit.

        A model for several channels gets all layers that are channels of one movie,
        one that knows ``labels`` the chosen cells, too.
        """
        layer = self.layer()
        if layer is None:
            return None
        family = channels_of_one_movie(self._viewer, layer)
        cells = self.cells.layer() if labels else None
        if len(family) > 1 and channels == len(family) + labels:
            movie = together([movie_from_layer(one) for one in family])
            sources = [Source.of(one) for one in family]
        else:
            channel: int | None = self.channel.currentData()
            movie = movie_from_layer(layer, channel=channel, z=self._slice())
            sources = [Source.of(layer, channel=channel)]
        return (movie, sources) if cells is None else with_cells(movie, sources, cells)

    def refill(self) -> None:
        """List the layers again; keeps the choice if it is still there."""
        layers = [
            layer
            for layer in self._viewer.layers
            if isinstance(layer, Image) and not own_metadata(layer).get("kind")
        ]
        active, before = self._viewer.layers.selection.active, self.layers.currentData()
        keep = before if before in layers else active if active in layers else None
        self.layers.blockSignals(True)
        self.layers.clear()
        for layer in layers:
            self.layers.addItem(layer.name, layer)
        self.layers.setCurrentIndex(layers.index(keep) if keep in layers else 0)
        self.layers.setEnabled(bool(layers))
        self.layers.setPlaceholderText("no image layer")
        self.layers.blockSignals(False)
        self._chosen()

    def offer_cells(self, wanted: bool) -> None:
        """Offer a segmentation to see beside the movie only if a model needs one."""
        self._with_cells = wanted
        self._show_cells()

    def disconnect_viewer(self) -> None:
        """Hear nothing more of the viewer; touches no Qt object."""
        events = self._viewer.layers.events
        for event in (events.inserted, events.removed, events.renamed):
            event.disconnect(self._layers_changed)
        self.cells.disconnect_viewer()

    def _lay_out(self) -> None:
        form = QFormLayout(self)
        form.setContentsMargins(0, 0, 0, 0)
        row = QHBoxLayout()
        row.addWidget(self.layers, 1)
        row.addWidget(self.open)
        form.addRow("Movie", row)
        form.addRow("Channel", self.channel)
        form.addRow("Z slices", self.z)
        form.addRow("Cells", self.cells.box)
        repairs = QHBoxLayout()
        repairs.setContentsMargins(0, 0, 0, 0)
        repairs.addWidget(self.read)
        repairs.addWidget(self.name_axes)
        self._repairs = QWidget()
        self._repairs.setLayout(repairs)
        form.addRow(self._repairs)
        self._form = form

    def _connect(self) -> None:
        self.layers.currentIndexChanged.connect(self._chosen)
        self.channel.currentIndexChanged.connect(self.changed)
        self.z.currentIndexChanged.connect(self.changed)
        self.cells.changed.connect(self.changed)
        self.cells.listed.connect(self._show_cells)
        self.open.opened.connect(self.choose)
        self.open.failed.connect(self.failed)
        self.read.clicked.connect(self._read)
        self.name_axes.clicked.connect(self._name_axes)
        events = self._viewer.layers.events
        for event in (events.inserted, events.removed, events.renamed):
            event.connect(self._layers_changed)

    def _layers_changed(self, event: Any = None) -> None:
        self.refill()

    def _chosen(self) -> None:
        """Offer the channels and slices that the layer has."""
        layer, facts = self.layer(), self.facts()
        axes = facts.axes if facts else ""
        lengths = dict(zip(axes, data_of(layer).shape, strict=False)) if layer else {}
        several = lengths.get("C", 1)
        numbers = [(f"channel {c}", c) for c in range(several)]
        refill(self.channel, [("all channels", None), *numbers])
        depth = lengths.get("Z", 1)
        refill(self.z, depth_choices(depth))
        self._form.setRowVisible(self.channel, several > 1)
        self._form.setRowVisible(self.z, depth > 1)
        from_file = layer is not None and bool(layer.source.path)
        doubtful = facts is not None and (facts.guessed or is_unclear(axes))
        self._form.setRowVisible(self._repairs, doubtful)
        self.read.setVisible(from_file)
        self.changed.emit()

    def _show_cells(self) -> None:
        self._form.setRowVisible(self.cells.box, self.cells.any and self._with_cells)

    def _slice(self) -> ZChoice:
        facts = self.facts()
        choice: ZChoice = self.z.currentData()
        return choice if facts and "Z" in facts.axes else None

    def _read(self) -> None:
        layer = self.layer()
        if layer is None:
            return
        try:
            repair(layer, read_facts_from_file(layer), self._viewer.layers)
        except MorphocastError as error:
            self.failed.emit(error.on_screen)
        self._chosen()

    def _name_axes(self) -> None:
        layer, facts = self.layer(), self.facts()
        if layer is None or facts is None:
            return
        shape = tuple(int(length) for length in data_of(layer).shape)
        asked = AxesDialog(layer.name, facts.axes, shape, self)
        if asked.exec():
            wanted = replace(facts, axes=asked.axes(), message="")
            repair(layer, wanted, self._viewer.layers)
            self._chosen()
