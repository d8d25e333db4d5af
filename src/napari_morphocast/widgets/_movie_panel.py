"""Which layers to learn from, and what their axes, time step and pixel size are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari.layers import Image
from qtpy.QtCore import Signal
from qtpy.QtWidgets import (
    QComboBox,
    QDoubleSpinBox,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_morphocast.errors import MorphocastError, MovieError
from napari_morphocast.widgets import _movies as movies
from napari_morphocast.widgets._cells import CellsPicker, with_cells
from napari_morphocast.widgets._check_report import CheckReport
from napari_morphocast.widgets._combo import refill
from napari_morphocast.widgets._following import Follower, said_of
from napari_morphocast.widgets._form import LABELS, Number, keep_wheel_away
from napari_morphocast.widgets._layers import Source
from napari_morphocast.widgets._open_movie import OpenMovie, depth_choices
from napari_morphocast.widgets._other_movies import OtherMovies
from napari_morphocast.widgets._repair import repair

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Layer

    from napari_morphocast.data.movie import Movie
    from napari_morphocast.presenters.job import Background
    from napari_morphocast.widgets._following import Said

TOGETHER = "together"  # all layers that are channels of one movie
UNITS = {"s": 1.0, "min": 60.0, "h": 3600.0}
AXES_TIP = (
    "One letter for each axis of the layer: T time, C channel, Z depth, Y rows, "
    "X columns, S the colours of a picture."
)


class MoviePanel(QWidget):
    """Layer, channel, axes, interval and pixel size; and what the check found."""

    changed = Signal()
    failed = Signal(str)

    def __init__(self, viewer: ViewerModel, background: Background) -> None:
        super().__init__()
        self._viewer = viewer
        self._said: Said | None = None
        self._shown: movies.LayerFacts | None = None
        self._follower = Follower(self._look_again)
        self._layer = QComboBox()
        self._channel = QComboBox()
        self._z = QComboBox()
        self._cells = CellsPicker(viewer)
        self._axes = QLineEdit()
        self._interval = Number()
        self._unit = QComboBox()
        self._sizes = (Number(), Number())
        self._others = OtherMovies()
        self._note = QLabel()
        self._report = CheckReport(background, self._examined)
        self._open = OpenMovie(viewer)
        self._sample = QPushButton("Open sample")
        self._read = QPushButton("Read from file")
        self._form = QFormLayout()
        self._lay_out()
        self._explain()
        self._connect()
        self.refresh()

    @property
    def layer(self) -> Image | None:
        """The layer that is chosen."""
        return self._layer.currentData()

    @property
    def ready(self) -> bool:
        """Whether there is a layer to learn from."""
        return self.layer is not None

    def layers(self) -> list[Image]:
        """The chosen layer and the ticked ones."""
        chosen = [self.layer] if self.layer is not None else []
        return [*chosen, *self._others.ticked()]

    def movie(self) -> Movie:
        """The chosen layer as a movie, as it is described here."""
        layer = self.layer
        if layer is None:
            raise MovieError("There is no movie to learn from; open one first.")
        typed = self._typed()
        movie, sources = self._movie_of(
            layer,
            axes=typed.axes or None,
            interval=typed.interval,
            pixel_size=typed.pixel_size,
        )
        cells = self._cells.layer()
        return movie if cells is None else with_cells(movie, sources, cells)[0]

    def all_movies(self) -> list[Movie]:
        """The chosen layer's movie, then those of the ticked layers."""
        others = (self._movie_of(layer)[0] for layer in self._others.ticked())
        return [self.movie(), *others]

    def _movie_of(self, layer: Layer, **given: Any) -> tuple[Movie, list[Source]]:
        """A layer, of the chosen channel and depth, and what its results inherit."""
        axes = given.get("axes") or _axes_of(layer)
        given["z"] = self._z.currentData() if "Z" in axes else None
        channel = self._channel.currentData()
        if channel == TOGETHER:
            family = movies.channels_of_one_movie(self._viewer, layer)
            some = [movies.movie_from_layer(one, **given) for one in family]
            return movies.together(some), [Source.of(one) for one in family]
        channel = channel if "C" in axes else None
        movie = movies.movie_from_layer(layer, channel=channel, **given)
        return movie, [Source.of(layer, axes=axes, channel=channel)]

    def refresh(self) -> None:
        """Offer the layers that are there now; keep the choice if it still is."""
        before = self.layer
        there = [
            layer
            for layer in self._viewer.layers
            if isinstance(layer, Image) and "kind" not in movies.own_metadata(layer)
        ]
        self._layer.blockSignals(True)
        self._layer.clear()
        for layer in there:
            self._layer.addItem(layer.name, layer)
        active = self._viewer.layers.selection.active
        wanted = before if before in there else active
        if wanted in there:
            self._layer.setCurrentIndex(there.index(wanted))
        self._layer.blockSignals(False)
        self._look_again()
        own = self._said.family if self._said is not None else []
        movies_there = [one for one in there if "T" in _axes_of(one)]
        self._others.offer([one for one in movies_there if one not in own])
        self._show_rows()

    def choose(self, layer: Image) -> None:
        """Choose a layer that has just been opened."""
        self.refresh()
        self._layer.setCurrentIndex(self._layer.findData(layer))

    def _lay_out(self) -> None:
        self._unit.addItems(list(UNITS))
        self._unit.setFixedWidth(76)
        for number in (self._interval, *self._sizes):
            number.setRange(0, 1e9)
            number.setSpecialValueText("unknown")
            number.setKeyboardTracking(False)
            number.setMinimumWidth(60)
            keep_wheel_away(number)
        lists = self._layer, self._channel, self._unit, self._z, self._cells.box
        for combo in lists:
            keep_wheel_away(combo)
        self._layer.setMinimumContentsLength(12)
        self._layer.setSizeAdjustPolicy(
            QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
        )
        self._note.setWordWrap(True)
        policy = QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow
        self._form.setFieldGrowthPolicy(policy)
        self._form.setContentsMargins(0, 0, 0, 0)
        self._form.addRow("Movie", self._layer)
        self._form.addRow("Also learn from", self._others)
        self._form.addRow("Channel", self._channel)
        self._form.addRow("Axes", _row(self._axes, self._read))
        self._form.addRow("Depth (Z)", self._z)
        self._form.addRow("Cells", self._cells.box)
        self._form.addRow("Time step", _row(self._interval, self._unit))
        times = QLabel("×")
        self._form.addRow(
            "Pixel size", _row(self._sizes[0], times, self._sizes[1], QLabel("µm"))
        )
        self._form.labelForField(self._layer).setMinimumWidth(LABELS)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(_row(self._open, self._sample))
        layout.addWidget(self._note)
        layout.addLayout(self._form)
        layout.addWidget(self._report)

    def _explain(self) -> None:
        tips = {
            self._sample: "Open a small simulated movie of a tissue: membranes of "
            "cells that flow and divide.",
            self._layer: "Image layer to learn from. Its first 80 % of frames train "
            "the model; the rest stays unseen, to judge it.",
            self._others: "Tick more layers with the same channels to learn from "
            "several movies.",
            self._channel: "Which channel to learn and forecast, or all together.",
            self._axes: AXES_TIP,
            self._z: "How to make one picture of the depth: the maximum or the mean of "
            "all slices, or one slice (counted from 0).",
            self._interval: "Time from one frame to the next, in the unit beside it.",
            self._unit: "Unit of the time step: seconds, minutes or hours.",
            self._sizes[0]: "Height of a pixel (µm).",
            self._sizes[1]: "Width of a pixel (µm).",
            self._report: "What was found when the frames were examined.",
        }
        for widget, tip in tips.items():
            widget.setToolTip(f"<p>{tip}</p>")
            label = self._form.labelForField(widget)
            if label is not None:
                label.setToolTip(f"<p>{tip}</p>")

    def _connect(self) -> None:
        self._layer.currentIndexChanged.connect(lambda _: self.refresh())
        self._channel.currentIndexChanged.connect(lambda _: self._changed())
        self._z.currentIndexChanged.connect(lambda _: self._changed())
        self._cells.changed.connect(self._changed)
        self._cells.listed.connect(self._show_rows)
        self._others.itemChanged.connect(lambda _: self._show_rows())
        self._others.itemChanged.connect(lambda _: self.changed.emit())
        self._axes.editingFinished.connect(self._correct)
        self._interval.valueChanged.connect(lambda _: self._correct())
        self._unit.currentIndexChanged.connect(lambda _: self._correct())
        for number in self._sizes:
            number.valueChanged.connect(lambda _: self._correct())
        self._open.opened.connect(self.choose)
        self._open.failed.connect(self.failed)
        self._sample.clicked.connect(lambda _: self._open_sample())
        self._read.clicked.connect(lambda _: self._read_file())

    def _open_sample(self) -> None:
        from napari_morphocast.presenters.model_files import SAMPLE

        self._open.open_path(str(SAMPLE.with_name("tissue.ome.tif")))

    def _read_file(self) -> None:
        if self.layer is None:
            return
        try:
            facts = movies.read_facts_from_file(self.layer)
        except MorphocastError as error:
            self.failed.emit(error.on_screen)
            return
        self._repair(self.layer, facts)

    def _repair(self, layer: Image, facts: movies.LayerFacts) -> None:
        """Put the layer right; of that it has nothing new to say before the end."""
        self._follower.follow(None)
        repair(layer, facts, self._viewer.layers)
        self._describe()

    def _look_again(self) -> None:
        """Another layer may be chosen, or this one may say something else now."""
        if self._says() != self._said:
            self._describe()

    def _says(self) -> Said | None:
        return said_of(self._viewer, self.layer) if self.layer is not None else None

    def _describe(self) -> None:
        """Show what the chosen layer says about itself."""
        said = self._said = self._says()
        self._follower.follow(self.layer)
        lists = self._unit, self._channel, self._z
        inputs = self._axes, self._interval, *self._sizes, *lists
        for widget in inputs:
            widget.blockSignals(True)
        if said is not None:
            self._fill(said)
        for widget in inputs:
            widget.blockSignals(False)
        self._show_rows()
        self._changed()

    def _fill(self, said: Said) -> None:
        layer, facts = said.layer, said.facts
        self._axes.setText(facts.axes)
        seconds = facts.interval or 0.0
        unit = "h" if seconds >= 7200 else "min" if seconds >= 60 else "s"
        self._unit.setCurrentText(unit)
        self._interval.setValue(seconds / UNITS[unit])
        sizes = facts.pixel_size or (0.0, 0.0)
        for box, size in zip(self._sizes, sizes, strict=True):
            box.setValue(size)
        lengths = dict(zip(facts.axes, movies.data_of(layer).shape, strict=False))
        self._shown = self._typed()
        refill(self._z, depth_choices(lengths.get("Z", 1)))
        chosen, several = self._channel.currentData(), len(said.family)
        self._channel.clear()
        if several > 1:
            self._channel.addItem("only this layer", None)
            self._channel.addItem(f"all {several} together", TOGETHER)
        elif "C" in facts.axes and facts.channels > 1:
            self._channel.addItem(f"all {facts.channels} together", None)
            for number in range(facts.channels):
                self._channel.addItem(f"channel {number}", number)
        self._channel.setCurrentIndex(max(0, self._channel.findData(chosen)))

    def _correct(self) -> None:
        """The user knows better: the layer itself is put right."""
        wanted, said = self._typed(), self._said
        if said is None or (wanted == self._shown and not said.facts.guessed):
            return
        layer, axes = said.layer, wanted.axes
        letters = axes.replace("S", "")
        good = len(set(axes)) == len(axes) and set(axes) <= set("TCZYXS")
        if not good or len(letters) != layer.ndim or not {"Y", "X"} <= set(axes):
            self.failed.emit(
                f"{axes or 'Nothing'!r} does not name the {layer.ndim} axes of "
                f"{layer.name!r}; use one letter of T, C, Z, Y, X for each."
            )
            self._axes.setText(said.facts.axes)
            return
        self._repair(layer, wanted)

    def _typed(self) -> movies.LayerFacts:
        axes = self._axes.text().strip().upper()
        return movies.LayerFacts(axes, self._seconds(), self._size(), 1)

    def _seconds(self) -> float | None:
        return self._interval.value() * UNITS[self._unit.currentText()] or None

    def _size(self) -> tuple[float, float] | None:
        height, width = (number.value() for number in self._sizes)
        return (height or width, width or height) if height or width else None

    def _examined(self) -> Movie | None:
        """What the report is about."""
        return self.movie() if self.ready else None

    def _changed(self) -> None:
        self._report.look_soon()
        self.changed.emit()

    def forget(self) -> None:
        """The dock is gone: answers that come now must not touch it."""
        self._report.forget()
        self._cells.disconnect_viewer()
        self._follower.follow(None)

    def _show_rows(self) -> None:
        """Show only the rows that have something to say."""
        there = self.ready
        for row in range(self._form.rowCount()):
            self._form.setRowVisible(row, there)
        all_axes = self._axes.text(), *map(_axes_of, self._others.ticked())
        rows = {
            self._others: self._others.count() > 0,
            self._channel: self._channel.count() > 0,
            self._z: any("Z" in axes.upper() for axes in all_axes),
            self._cells.box: self._cells.any,
        }
        for widget, wanted in rows.items():
            self._form.setRowVisible(widget, there and wanted)
        self._sample.setVisible(not there)
        layer = self.layer
        source = layer is not None and (
            layer.source.path or movies.own_metadata(layer).get("path")
        )
        self._read.setEnabled(bool(source))
        self._read.setToolTip(
            "<p>Read axes, time step and pixel size from the layer's file again.</p>"
            if source
            else "<p>This layer does not come from a file: type its axes, time step "
            "and pixel size.</p>"
        )
        message = self._said.facts.message if self._said is not None else ""
        if not there:
            message = "No image layer yet. Open a time-lapse movie, or try the sample."
        self._note.setText(message)
        self._note.setVisible(bool(message))
        self._report.setVisible(there)


def _row(*widgets: QWidget) -> QWidget:
    """Widgets side by side; the inputs share the room."""
    row = QWidget()
    layout = QHBoxLayout(row)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(4)
    for widget in widgets:
        grows = isinstance(widget, (QLineEdit, QDoubleSpinBox))
        layout.addWidget(widget, 1 if grows else 0)
    if not any(isinstance(widget, (QLineEdit, QDoubleSpinBox)) for widget in widgets):
        layout.addStretch()
    return row


def _axes_of(layer: Layer) -> str:
    return movies.layer_facts(layer).axes
