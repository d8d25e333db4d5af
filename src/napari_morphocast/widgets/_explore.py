"""The Explore dock: frames or cells as points, so that like lies beside like."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from weakref import ref

from napari.layers import Labels
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QFileDialog, QWidget

from napari_morphocast.errors import MorphocastError
from napari_morphocast.presenters.explore import ExplorePresenter
from napari_morphocast.presenters.model_files import ModelChoice, coders, read_facts
from napari_morphocast.widgets._background import controller_of
from napari_morphocast.widgets._explore_cells import cells_of, features_of
from napari_morphocast.widgets._explore_form import ExploreForm
from napari_morphocast.widgets._explore_layers import add_cells, add_frames, place_of
from napari_morphocast.widgets._form import say
from napari_morphocast.widgets._lifetime import when_gone
from napari_morphocast.widgets._model_list import (
    ask_for_model,
    known_models,
    list_models,
    offer_model,
)
from napari_morphocast.widgets._movies import layer_facts
from napari_morphocast.widgets._preferences import preferences, remember, remembered
from napari_morphocast.widgets._saving import where_to
from napari_morphocast.widgets._viewers import look_at, real_viewer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import napari
    import numpy as np
    from napari.layers import Image
    from numpy.typing import NDArray

    from napari_morphocast.data.movie import Movie
    from napari_morphocast.evaluation.projection import Projected
    from napari_morphocast.presenters.explore_colours import Shade
    from napari_morphocast.presenters.explore_work import Cells, Explored
    from napari_morphocast.widgets._layers import Source

SOON = 150  # milliseconds to wait for more changes before looking at them
KEPT = "exploration"  # under which the controller keeps the newest, and its layer


class ExploreDock(QWidget):
    """Choose a movie and a model, and see its frames or cells as points.

    Layout is in ``ExploreForm`` and ``ExploreResults``, behaviour in
    ``ExplorePresenter``; this is what ties them to a viewer.
    """

    def __init__(self, napari_viewer: napari.viewer.Viewer) -> None:
        super().__init__()
        viewer = real_viewer(napari_viewer)
        self._viewer = viewer
        self._controller = controller_of(viewer)
        self._sources: Sequence[Source] = ()
        self._layer: Any = lambda: None  # of the movie that is shown, weakly
        self._asked: Any = self._layer  # of that which was asked for last
        self._lassoed: NDArray[np.int64] | None = None
        self.form = ExploreForm(self, viewer)
        self._restore(remembered().get("explore", {}))
        self.presenter = ExplorePresenter(self, self._controller)
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(SOON)
        self._connect()
        when_gone(self, self._farewell())
        self.show_running(False)
        self._refresh()
        self._show_again()

    # --- what the presenter may ask

    def movie(self, channels: int | None, *, labels: bool = False) -> Movie | None:
        """The chosen movie, lazily, and where its layer lies."""
        found = self.form.picker.movie(channels, labels=labels)
        self._sources = found[1] if found else ()
        return found[0] if found else None

    def sources(self) -> object:
        """Where the movie asked for last lies."""
        return self._sources

    def model(self) -> Path | None:
        """File of the chosen model."""
        choice: ModelChoice | None = self.form.models.currentData()
        return Path(choice.model) if choice else None

    def cells(self) -> Cells | None:
        """Cells of the chosen Labels layer, where they lie on the movie."""
        layer: Labels | None = self.form.points.layer()
        if layer is None or not self._sources:
            return None
        return cells_of(layer, self._sources[0])

    def features(self) -> tuple[str, Mapping[str, Sequence[Any]]] | None:
        """What the Labels layer whose cells are shown knows of them."""
        explored = self.presenter.explored
        cells = explored.order.cells if explored else None
        if cells is None or cells.name not in self._viewer.layers:
            return None
        layer = self._viewer.layers[cells.name]
        return features_of(layer) if isinstance(layer, Labels) else None

    def window(self) -> int:
        """Frames in a row that make one point."""
        return int(self.form.window.value())

    def crop(self) -> int | None:
        """Side of the square around a cell (pixels); None for the model's own."""
        return int(self.form.crop.value()) or None

    def kind(self) -> str:
        """How points shall lie on the plane."""
        return str(self.form.results.maps.currentData())

    def shade(self) -> str:
        """What they shall be coloured by."""
        return str(self.form.results.shades.currentText())

    def hardware(self) -> tuple[str, str]:
        """Device and precision from the Preferences."""
        chosen = preferences()
        return chosen.device, chosen.precision

    def show_movie(self, text: str) -> None:
        """Say what the chosen movie is; and when its axes are a guess."""
        facts = self.form.picker.facts()
        guess = f"\n⚠ {facts.message}" if facts and facts.guessed else ""
        say(self.form.movie_facts, text + guess)

    def show_model(self, text: str) -> None:
        """Say what the chosen model is."""
        say(self.form.model_facts, text)

    def show_warnings(self, sentences: Sequence[str]) -> None:
        """Say what may be wrong with this movie and this model."""
        text = "\n".join(f"⚠ {sentence}" for sentence in sentences)
        say(self.form.warnings, text)

    def show_ready(self, reason: str) -> None:
        """Enable the button if the reason against it is empty."""
        self.form.enable(self.form.explore, reason)
        nothing = "" if self.presenter.explored else "Explore a movie first."
        self.form.enable(self.form.export, nothing)

    def show_running(self, running: bool) -> None:
        """Show progress and Stop while this dock's work is under way."""
        self.form.show_running(running)

    def show_progress(self, share: float, text: str) -> None:
        """How far it is."""
        self.form.show_progress(share, text)

    def show_explored(self, explored: Explored, text: str) -> None:
        """Show other points, and keep them for a dock that is opened later."""
        self._layer, self._lassoed = self._asked, None
        self._controller.kept[KEPT] = explored, self._layer
        self.form.what.hide()
        self.form.results.show_explored(explored.embedded, _sources_of(explored), text)

    def show_map(self, shown: Projected) -> None:
        """Lay the points out on this plane."""
        self.form.results.show_map(shown)
        self._moved()
        if self._lassoed is not None:
            self.presenter.choose(self._lassoed)
        self._controller.kept[KEPT] = self.presenter.explored, self._layer

    def show_shades(self, names: Sequence[str]) -> None:
        """Offer these to colour by; keeps the choice if it is still there."""
        box, before = self.form.results.shades, self.shade()
        box.blockSignals(True)
        box.clear()
        box.addItems(list(names))
        box.setCurrentIndex(max(0, box.findText(before)))
        box.blockSignals(False)

    def show_shade(self, shade: Shade) -> None:
        """Colour the points."""
        self.form.results.show_shade(shade)

    def show_point(self, point: int | None, text: str) -> None:
        """Say what a point is that the mouse is over."""
        self.form.results.show_point(point, text)

    def show_picture(self, picture: NDArray[Any] | None) -> None:
        """Show the picture of that point."""
        self.form.results.show_picture(picture)

    def show_current(self, points: NDArray[np.int64]) -> None:
        """Mark the points of the frame that the viewer shows."""
        if self.form.results.map is not None:
            self.form.results.map.show_current(points)

    def show_chosen(self, points: NDArray[np.int64], text: str) -> None:
        """Mark the points inside the lasso."""
        self._lassoed = points
        self.form.results.show_chosen(points, text)

    def show_error(self, message: str) -> None:
        """What went wrong, in one sentence."""
        say(self.form.error, message)

    # --- wiring

    def _connect(self) -> None:
        form, results = self.form, self.form.results
        form.explore.clicked.connect(lambda _: self._explore())
        form.stop.clicked.connect(lambda _: self._stop())
        form.browse.clicked.connect(lambda _: self._browse())
        form.export.clicked.connect(lambda _: self._export())
        form.picker.failed.connect(self.show_error)
        results.maps.currentIndexChanged.connect(lambda _: self.presenter.lay_out())
        results.shades.currentIndexChanged.connect(lambda _: self.presenter.colour())
        results.table.clicked.connect(lambda _: self._ask_for_table())
        results.hovered.connect(
            lambda point: self.presenter.hover(point if point >= 0 else None)
        )
        results.clicked.connect(self.go_to)
        results.lassoed.connect(self.presenter.choose)
        results.keep.clicked.connect(lambda _: self.keep_chosen())
        form.points.changed.connect(form.show_rows)
        for signal in (
            form.picker.changed,
            form.models.currentIndexChanged,
            form.points.changed,
            form.window.valueChanged,
        ):
            signal.connect(self._soon.start)
        self._soon.timeout.connect(self._refresh)
        self._viewer.dims.events.current_step.connect(self._moved)
        self._viewer.events.theme.connect(self._theme_changed)

    def _farewell(self) -> Callable[[], None]:
        """What to do when this widget is gone; must not touch it."""
        presenter, viewer, form = self.presenter, self._viewer, self.form
        moved, theme = self._moved, self._theme_changed

        def farewell() -> None:
            presenter.close()
            form.picker.disconnect_viewer()
            form.points.disconnect_viewer()
            viewer.dims.events.current_step.disconnect(moved)
            viewer.events.theme.disconnect(theme)

        return farewell

    def _refresh(self) -> None:
        if self._asked() not in self._viewer.layers:
            self.presenter.stop(keep=False)
        self._fill_models()
        self.form.picker.offer_cells(self._sees_labels())
        self.presenter.refresh()

    def _explore(self) -> None:
        layer = self.form.picker.layer()
        self._asked = ref(layer) if layer is not None else lambda: None
        remember(explore=self._choices())
        self.presenter.explore()

    def _stop(self) -> None:
        self.form.stop.setEnabled(False)
        self.presenter.stop()

    def _theme_changed(self, event: Any = None) -> None:
        self.form.set_theme(self._viewer.theme)

    def _show_again(self) -> None:
        """Show what was explored last, if its layer is still there."""
        explored, layer = self._controller.kept.get(KEPT, (None, lambda: None))
        if explored is not None and layer() in self._viewer.layers:
            self._asked = layer
            self.presenter.show(explored)
            self.show_ready("")
            self.presenter.refresh()
        else:
            self._controller.kept.pop(KEPT, None)

    # --- the viewer

    def go_to(self, point: int) -> None:
        """Move the viewer to the frame of a point, and to its cell."""
        layer, explored = self._layer(), self.presenter.explored
        if explored is None or layer is None or layer not in self._viewer.layers:
            return
        here = layer.world_to_data(self._viewer.dims.point)
        place = place_of(_sources_of(explored)[0], explored, point, here)
        world = layer.data_to_world(place)
        look_at(self._viewer, world, centre=explored.embedded.of_cells)

    def keep_chosen(self) -> None:
        """Put what is inside the lasso into a layer of its own."""
        explored, points = self.presenter.explored, self._lassoed
        if explored is None or points is None or not len(points):
            return
        sources = _sources_of(explored)
        if explored.embedded.of_cells:
            add_cells(self._viewer, sources[0], explored, points)
        else:
            layer, *_ = add_frames(self._viewer, sources, explored, points)
            self._enter(layer)

    def _enter(self, layer: Image) -> None:
        """Move the slider to a new layer if it stands outside."""
        at = _time_axis(layer)
        place = layer.world_to_data(self._viewer.dims.point)
        if not -0.5 <= place[at] < layer.data.shape[at] - 0.5:
            look_at(self._viewer, layer.data_to_world([0] * layer.ndim), centre=False)

    def _moved(self, event: Any = None) -> None:
        """Mark the points of the frame that the viewer shows."""
        layer = self._layer()
        if layer is None or layer not in self._viewer.layers:
            self.presenter.moved(None)
            return
        place = layer.world_to_data(self._viewer.dims.point)[_time_axis(layer)]
        self.presenter.moved(round(float(place)))

    # --- models and files

    def choose_model(self, path: Path) -> None:
        """Add a model file to the list and choose it."""
        offer_model(self._controller, path)
        self._fill_models(str(path))
        self._soon.start()

    def add_table(self, path: Path) -> None:
        """Colour by the first column of a CSV file, and offer the others."""
        if name := self.presenter.add_table(path):
            self.form.results.shades.setCurrentText(name)

    def _browse(self) -> None:
        if path := ask_for_model(self):
            self.choose_model(path)

    def _ask_for_table(self) -> None:
        path, _ = QFileDialog.getOpenFileName(
            self, "Choose a table", str(Path.home()), "Tables (*.csv *.tsv *.txt)"
        )
        if path:
            self.add_table(Path(path))

    def _export(self) -> None:
        """Ask for a file and write the points."""
        explored = self.presenter.explored
        if explored is None:
            return
        name = f"{explored.embedded.movie} codes"
        if path := where_to(self, "Save the points", name, "Table", ".csv"):
            self.presenter.save(path)

    def _sees_labels(self) -> bool:
        """Whether the chosen model has to see a segmentation."""
        path = self.model()
        try:
            return path is not None and read_facts(path).labels
        except MorphocastError:
            return False

    def _fill_models(self, wanted: str | None = None) -> None:
        """List the models that there are now; keeps the choice."""
        some = coders(known_models(self._controller), preferences().models_folder)
        list_models(self.form.models, some, wanted)

    def _choices(self) -> dict[str, Any]:
        model = self.model()
        return {
            "model": str(model) if model else None,
            "window": self.window(),
            "kind": self.kind(),
            "path": self.form.results.path.isChecked(),
        }

    def _restore(self, last: dict[str, Any]) -> None:
        results = self.form.results
        with suppress(TypeError, ValueError):
            self.form.window.setValue(int(last.get("window", 1)))
            results.path.setChecked(bool(last.get("path", True)))
        results.maps.setCurrentIndex(max(0, results.maps.findData(last.get("kind"))))
        self._fill_models(str(last["model"]) if last.get("model") else None)


def _sources_of(explored: Explored) -> Sequence[Source]:
    return cast("Sequence[Source]", explored.order.sources)


def _time_axis(layer: Image) -> int:
    return max(0, layer_facts(layer).axes.find("T"))
