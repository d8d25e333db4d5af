"""The Explore dock: frames or cells as points, so that like lies beside like."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from weakref import WeakKeyDictionary, ref

from napari.layers import Labels
from qtpy.QtWidgets import QFileDialog

from napari_morphocast.errors import MorphocastError
from napari_morphocast.presenters.explore import ExplorePresenter
from napari_morphocast.presenters.model_files import ModelChoice, coders, read_facts
from napari_morphocast.widgets._explore_cells import cells_of, features_of
from napari_morphocast.widgets._explore_form import ExploreForm
from napari_morphocast.widgets._explore_layers import add_cells, add_frames, place_of
from napari_morphocast.widgets._movie_dock import ModelDock
from napari_morphocast.widgets._saving import where_to
from napari_morphocast.widgets._viewers import frame_shown, look_at, time_axis

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import napari
    import numpy as np
    from napari.layers import Image
    from numpy.typing import NDArray

    from napari_morphocast.evaluation.projection import Projected
    from napari_morphocast.presenters.explore_colours import Shade
    from napari_morphocast.presenters.explore_work import Cells, Explored
    from napari_morphocast.widgets._layers import Source

KEPT = "exploration"  # under which the controller keeps the newest, by its layer


class ExploreDock(ModelDock):
    """Choose a movie and a model, and see its frames or cells as points.

    Layout is in ``ExploreForm`` and ``ExploreResults``, behaviour in
    ``ExplorePresenter``; this is what ties them to a viewer.
    """

    NAME = "explore"
    form: ExploreForm
    presenter: ExplorePresenter

    def __init__(self, napari_viewer: napari.viewer.Viewer) -> None:
        super().__init__(napari_viewer)
        self._layer: Any = lambda: None  # of the movie that is shown, weakly
        self._asked: Any = self._layer  # of that which was asked for last
        self._lassoed: NDArray[np.int64] | None = None
        self.form = ExploreForm(self, self._viewer)
        self.presenter = ExplorePresenter(self, self._controller)
        self._begin()
        self._show_again()

    # --- what the presenter may ask

    def model(self) -> Path | None:
        """File of the chosen model."""
        choice = self._chosen_model()
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

    def show_ready(self, reason: str) -> None:
        """Enable the button if the reason against it is empty."""
        self.form.enable(self.form.explore, reason)
        nothing = "" if self.presenter.explored else "Explore a movie first."
        self.form.enable(self.form.export, nothing)

    def show_explored(self, explored: Explored, text: str) -> None:
        """Show other points, and keep them for a dock that is opened later."""
        self._layer, self._lassoed = self._asked, None
        self._keep(explored)
        self.form.what.hide()
        self.form.results.show_explored(explored.embedded, _sources_of(explored), text)

    def show_map(self, shown: Projected) -> None:
        """Lay the points out on this plane."""
        self.form.results.show_map(shown)
        self._moved()
        if self._lassoed is not None:
            self.presenter.choose(self._lassoed)
        self._keep(self.presenter.explored)

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

    # --- wiring

    def _connect(self) -> None:
        super()._connect()
        form, results = self.form, self.form.results
        form.explore.clicked.connect(lambda _: self._explore())
        form.export.clicked.connect(lambda _: self._export())
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
        for signal in (form.points.changed, form.window.valueChanged):
            signal.connect(self._soon.start)
        self._farewells.append(form.points.disconnect_viewer)

    def _refresh(self) -> None:
        if self._asked() not in self._viewer.layers:
            self.presenter.stop(keep=False)
        super()._refresh()
        self.form.picker.offer_cells(self._sees_labels())

    def _explore(self) -> None:
        self._asked = self._chosen_layer()
        self._remember()
        self.presenter.explore()

    def _keep(self, explored: Explored | None) -> None:
        """Keep what is shown for a dock that is opened later, as long as its layer."""
        layer = self._layer()
        if layer is not None:
            self._controller.kept[KEPT] = WeakKeyDictionary({layer: explored})

    def _show_again(self) -> None:
        """Show what was explored last, if its layer is still there."""
        for layer, explored in list(self._controller.kept.pop(KEPT, {}).items()):
            if layer in self._viewer.layers:
                self._asked = ref(layer)
                self.presenter.show(explored)
                self.show_ready("")
                self.presenter.refresh()

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
        at = time_axis(layer)
        place = layer.world_to_data(self._viewer.dims.point)
        if not -0.5 <= place[at] < layer.data.shape[at] - 0.5:
            look_at(self._viewer, layer.data_to_world([0] * layer.ndim), centre=False)

    def _moved(self, event: Any = None) -> None:
        """Mark the points of the frame that the viewer shows."""
        self.presenter.moved(frame_shown(self._viewer, self._layer()))

    # --- models and files

    def _offered(self) -> list[ModelChoice]:
        return self._known(coders)

    def add_table(self, path: Path) -> None:
        """Colour by the first column of a CSV file, and offer the others."""
        if name := self.presenter.add_table(path):
            self.form.results.shades.setCurrentText(name)

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

    def _choices(self) -> dict[str, Any]:
        return {
            **super()._choices(),
            "window": self.window(),
            "kind": self.kind(),
            "path": self.form.results.path.isChecked(),
        }

    def _restore(self, last: dict[str, Any]) -> None:
        super()._restore(last)
        results = self.form.results
        results.maps.setCurrentIndex(max(0, results.maps.findData(last.get("kind"))))
        results.path.setChecked(bool(last.get("path", True)))
        self.form.window.setValue(int(last.get("window", 1)))


def _sources_of(explored: Explored) -> Sequence[Source]:
    return cast("Sequence[Source]", explored.order.sources)
