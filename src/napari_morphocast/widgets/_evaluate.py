"""The Evaluate dock: how far the forecasts of a movie can be trusted."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QListWidgetItem

from napari_morphocast.errors import MorphocastError
from napari_morphocast.presenters.evaluate import EvaluatePresenter
from napari_morphocast.presenters.model_files import ModelChoice, choices, read_facts
from napari_morphocast.widgets._evaluate_form import EvaluateForm
from napari_morphocast.widgets._movie_dock import MovieDock
from napari_morphocast.widgets._regions import region_of
from napari_morphocast.widgets._saving import where_to
from napari_morphocast.widgets._viewers import frame_shown, time_axis

if TYPE_CHECKING:
    import napari

    from napari_morphocast.presenters.evaluate_work import Evaluation, Region

KEPT = "evaluation"  # under which the controller keeps the newest, and its layer


class EvaluateDock(MovieDock):
    """Choose a movie and some models, and see how good their forecasts are.

    Layout is in ``EvaluateForm`` and ``Results``, behaviour in ``EvaluatePresenter``;
    this is what ties them to a viewer.
    """

    NAME = "evaluate"
    form: EvaluateForm
    presenter: EvaluatePresenter

    def __init__(self, napari_viewer: napari.viewer.Viewer) -> None:
        super().__init__(napari_viewer)
        self._layer: Any = lambda: None  # of the movie whose scores are shown, weakly
        self._asked: Any = self._layer  # of that which was asked for last
        self.form = EvaluateForm(self, self._viewer)
        self.presenter = EvaluatePresenter(self, self._controller)
        self._begin()
        if KEPT in self._controller.kept:
            evaluation, self._layer = self._controller.kept[KEPT]
            self._show(evaluation)

    # --- what the presenter may ask

    def models(self) -> list[Path]:
        """Files of the ticked models."""
        ticked = Qt.CheckState.Checked
        return [
            Path(item.data(Qt.ItemDataRole.UserRole))
            for item in self._items()
            if item.checkState() == ticked
        ]

    def horizon(self) -> int:
        """Longest lead, in frames."""
        return int(self.form.horizon.value())

    def since(self) -> int | None:
        """First frame to score; None for what training left unseen."""
        chosen = self.form.since.currentData()
        return int(self.form.first.value()) if chosen else None

    def region(self) -> Region | None:
        """Where errors count, by the chosen layer."""
        layer = self.form.regions.layer()
        if layer is None or not self._sources:
            return None
        return region_of(layer, self._sources[0])

    def controls(self) -> bool:
        """Whether the controls are wanted."""
        return bool(self.form.controls.isChecked())

    def show_scored(self, unseen: str, horizon: str, first: int, count: int) -> None:
        """Say which frames can be scored, and how long the horizon is."""
        self.form.since.setItemText(0, unseen)
        self.form.horizon_time.setText(horizon)
        box = self.form.first
        box.blockSignals(True)
        box.setRange(0, max(0, count - 1))
        box.setValue(first)
        box.blockSignals(False)
        box.setVisible(self.since() is not None)

    def show_ready(self, reason: str) -> None:
        """Enable the button if the reason against it is empty."""
        self.form.enable(self.form.evaluate, reason)
        nothing = "" if self.form.results.evaluation else "Evaluate a model first."
        self.form.enable(self.form.export, nothing)

    def show_evaluation(self, evaluation: Evaluation) -> None:
        """Draw what came out, and keep it for a dock that is opened later."""
        self._layer = self._asked
        self._controller.kept[KEPT] = evaluation, self._layer
        self._show(evaluation)

    def show_outdated(self) -> None:
        """Mark what is drawn as that of an evaluation before."""
        self.form.results.mark_outdated()

    # --- wiring

    def _connect(self) -> None:
        super()._connect()
        form = self.form
        form.evaluate.clicked.connect(lambda _: self._evaluate())
        form.save_csv.triggered.connect(lambda _: self._export(".csv", "Table"))
        form.save_json.triggered.connect(lambda _: self._export(".json", "JSON"))
        form.save_png.triggered.connect(lambda _: self._export(".png", "Picture"))
        form.results.frame_chosen.connect(self.go_to)
        for signal in (
            form.models.itemChanged,
            form.horizon.valueChanged,
            form.since.currentIndexChanged,
            form.first.valueChanged,
            form.regions.changed,
        ):
            signal.connect(self._soon.start)
        self._farewells.append(form.regions.disconnect_viewer)

    def _evaluate(self) -> None:
        self._asked = self._chosen_layer()
        self._remember()
        self.presenter.evaluate()

    def _show(self, evaluation: Evaluation) -> None:
        self.form.results.show_evaluation(evaluation)
        self.form.enable(self.form.export, "")
        self._moved()

    # --- the viewer's time

    def go_to(self, frame: int) -> None:
        """Move the viewer to a frame of the movie that was scored."""
        layer = self._layer()
        if layer is None or layer not in self._viewer.layers:
            return
        at = time_axis(layer)
        place = [0.0] * layer.ndim
        place[at] = frame
        axis = self._viewer.dims.ndim - layer.ndim + at
        self._viewer.dims.set_point(axis, float(layer.data_to_world(place)[at]))

    def _moved(self, event: Any = None) -> None:
        """Mark the frame that the viewer shows."""
        frame = frame_shown(self._viewer, self._layer())
        self.form.results.curves.show_current(frame)

    # --- models

    def _fill_models(self, wanted: str | None = None) -> None:
        """List the models that there are now; keeps the ticks, adds a wanted one."""
        listed = [item.data(Qt.ItemDataRole.UserRole) for item in self._items()]
        if wanted is not None or listed != [str(c.model) for c in self._files()]:
            self._tick({*map(str, self.models()), *([wanted] if wanted else [])})

    def _tick(self, wanted: set[str]) -> None:
        """List the models anew, with these ticked; at first, one is in any case."""
        box, files = self.form.models, self._files()
        if not box.count() and files and not wanted & {str(c.model) for c in files}:
            wanted = {str(files[0].model)}
        box.blockSignals(True)
        box.clear()
        for choice in files:
            item = QListWidgetItem(choice.label)
            item.setData(Qt.ItemDataRole.UserRole, str(choice.model))
            item.setToolTip(_about(Path(choice.model)))
            item.setCheckState(_check(str(choice.model) in wanted))
            box.addItem(item)
        box.blockSignals(False)
        self.form.fit_models()

    def _items(self) -> list[QListWidgetItem]:
        box = self.form.models
        return [box.item(row) for row in range(box.count())]

    def _files(self) -> list[ModelChoice]:
        """The models that come from a file; baselines are scored unasked."""
        return [one for one in self._known(choices) if isinstance(one.model, Path)]

    # --- keeping

    def _export(self, ending: str, kind: str) -> None:
        """Ask for a file and write the scores that are shown."""
        shown = self.form.results.evaluation
        if shown is None:
            return
        name = f"{shown.scores.movie} scores"
        path = where_to(self, "Save the scores", name, kind, ending)
        if path is None:
            return
        try:
            shown.save(path)
        except MorphocastError as error:
            self.show_error(error.on_screen)

    def _choices(self) -> dict[str, Any]:
        return {
            "models": [str(path) for path in self.models()],
            "horizon": self.horizon(),
            "controls": self.controls(),
        }

    def _restore(self, last: dict[str, Any]) -> None:
        self._tick({str(path) for path in last.get("models") or ()})
        self.form.horizon.setValue(int(last.get("horizon", 10)))
        self.form.controls.setChecked(bool(last.get("controls")))


def _about(path: Path) -> str:
    """What a model's file says, as a tooltip."""
    try:
        said = read_facts(path).sentence().replace("\n", "<br>")
    except MorphocastError as error:
        said = error.on_screen
    return f"<p>{said}</p><p>{path}</p>"


def _check(on: bool) -> Qt.CheckState:
    return Qt.CheckState.Checked if on else Qt.CheckState.Unchecked
