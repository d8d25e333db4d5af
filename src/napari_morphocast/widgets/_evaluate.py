"""The Evaluate dock: how far the forecasts of a movie can be trusted."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import ref

from qtpy.QtCore import Qt, QTimer
from qtpy.QtWidgets import QListWidgetItem, QWidget

from napari_morphocast.errors import MorphocastError
from napari_morphocast.presenters.evaluate import EvaluatePresenter
from napari_morphocast.presenters.model_files import choices, read_facts
from napari_morphocast.widgets._background import controller_of
from napari_morphocast.widgets._evaluate_form import EvaluateForm
from napari_morphocast.widgets._form import say
from napari_morphocast.widgets._lifetime import when_gone
from napari_morphocast.widgets._model_list import (
    ask_for_model,
    known_models,
    offer_model,
)
from napari_morphocast.widgets._movies import layer_facts
from napari_morphocast.widgets._preferences import preferences, remember, remembered
from napari_morphocast.widgets._regions import region_of
from napari_morphocast.widgets._saving import where_to
from napari_morphocast.widgets._viewers import real_viewer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import napari
    from napari.layers import Image

    from napari_morphocast.data.movie import Movie
    from napari_morphocast.presenters.evaluate_work import Evaluation, Region
    from napari_morphocast.widgets._layers import Source

SOON = 150  # milliseconds to wait for more changes before looking at them
KEPT = "evaluation"  # under which the controller keeps the newest, and its layer


class EvaluateDock(QWidget):
    """Choose a movie and some models, and see how good their forecasts are.

    Layout is in ``EvaluateForm`` and ``Results``, behaviour in ``EvaluatePresenter``;
    this is what ties them to a viewer.
    """

    def __init__(self, napari_viewer: napari.viewer.Viewer) -> None:
        super().__init__()
        viewer = real_viewer(napari_viewer)
        self._viewer = viewer
        self._controller = controller_of(viewer)
        self._sources: Sequence[Source] = ()
        self._layer: Any = lambda: None  # of the movie that is scored or shown, weakly
        self.form = EvaluateForm(self, viewer)
        self._restore(remembered().get("evaluate", {}))
        self.presenter = EvaluatePresenter(self, self._controller)
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(SOON)
        self._connect()
        when_gone(self, self._farewell())
        self.show_running(False)
        self._refresh()
        if KEPT in self._controller.kept:
            evaluation, self._layer = self._controller.kept[KEPT]
            self._show(evaluation)

    # --- what the presenter may ask

    def movie(self, channels: int | None, *, labels: bool = False) -> Movie | None:
        """The chosen movie, lazily, and where its layer lies."""
        found = self.form.picker.movie(channels, labels=labels)
        self._sources = found[1] if found else ()
        return found[0] if found else None

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

    def hardware(self) -> tuple[str, str]:
        """Device and precision from the Preferences."""
        chosen = preferences()
        return chosen.device, chosen.precision

    def show_movie(self, text: str) -> None:
        """Say what the chosen movie is; and when its axes are a guess."""
        facts = self.form.picker.facts()
        guess = f"\n⚠ {facts.message}" if facts and facts.guessed else ""
        say(self.form.movie_facts, text + guess)

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

    def show_warnings(self, sentences: Sequence[str]) -> None:
        """Say what may be wrong with this movie and these models."""
        text = "\n".join(f"⚠ {sentence}" for sentence in sentences)
        say(self.form.warnings, text)

    def show_ready(self, reason: str) -> None:
        """Enable the button if the reason against it is empty."""
        self.form.enable(self.form.evaluate, reason)
        nothing = "" if self.form.results.evaluation else "Evaluate a model first."
        self.form.enable(self.form.export, nothing)

    def show_running(self, running: bool) -> None:
        """Show progress and Stop while this dock's evaluation is under way."""
        self.form.show_running(running)

    def show_progress(self, share: float, text: str) -> None:
        """How far it is; without an end in sight before the first forecast."""
        self.form.show_progress(share, text)

    def show_evaluation(self, evaluation: Evaluation) -> None:
        """Draw what came out, and keep it for a dock that is opened later."""
        self._controller.kept[KEPT] = evaluation, self._layer
        self._show(evaluation)

    def show_outdated(self) -> None:
        """Mark what is drawn as that of an evaluation before."""
        self.form.results.mark_outdated()

    def show_error(self, message: str) -> None:
        """What went wrong, in one sentence."""
        say(self.form.error, message)

    # --- wiring

    def _connect(self) -> None:
        form = self.form
        form.evaluate.clicked.connect(lambda _: self._evaluate())
        form.stop.clicked.connect(lambda _: self._stop())
        form.add.clicked.connect(lambda _: self._browse())
        form.save_csv.triggered.connect(lambda _: self._export(".csv", "Table"))
        form.save_json.triggered.connect(lambda _: self._export(".json", "JSON"))
        form.save_png.triggered.connect(lambda _: self._export(".png", "Picture"))
        form.results.frame_chosen.connect(self.go_to)
        form.picker.failed.connect(self.show_error)
        for signal in (
            form.picker.changed,
            form.models.itemChanged,
            form.horizon.valueChanged,
            form.since.currentIndexChanged,
            form.first.valueChanged,
            form.regions.changed,
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
            form.regions.disconnect_viewer()
            viewer.dims.events.current_step.disconnect(moved)
            viewer.events.theme.disconnect(theme)

        return farewell

    def _refresh(self) -> None:
        self._fill_models()
        self.presenter.refresh()

    def _evaluate(self) -> None:
        layer = self.form.picker.layer()
        self._layer = ref(layer) if layer is not None else lambda: None
        remember(evaluate=self._choices())
        self.presenter.evaluate()

    def _stop(self) -> None:
        self.form.stop.setEnabled(False)
        self.presenter.stop()

    def _show(self, evaluation: Evaluation) -> None:
        self.form.results.show_evaluation(evaluation)
        self.form.enable(self.form.export, "")
        self._moved()

    def _theme_changed(self, event: Any = None) -> None:
        self.form.set_theme(self._viewer.theme)

    # --- the viewer's time

    def go_to(self, frame: int) -> None:
        """Move the viewer to a frame of the movie that was scored."""
        layer = self._layer()
        if layer is None or layer not in self._viewer.layers:
            return
        at = _time_axis(layer)
        place = [0.0] * layer.ndim
        place[at] = frame
        axis = self._viewer.dims.ndim - layer.ndim + at
        self._viewer.dims.set_point(axis, float(layer.data_to_world(place)[at]))

    def _moved(self, event: Any = None) -> None:
        """Mark the frame that the viewer shows."""
        layer = self._layer()
        if layer is None or layer not in self._viewer.layers:
            self.form.results.curves.show_current(None)
            return
        place = layer.world_to_data(self._viewer.dims.point)[_time_axis(layer)]
        self.form.results.curves.show_current(round(float(place)))

    # --- models

    def choose_model(self, path: Path) -> None:
        """Add a model file to the list and tick it."""
        offer_model(self._controller, path)
        self._fill_models([*map(str, self.models()), str(path)])
        self._soon.start()

    def _browse(self) -> None:
        if path := ask_for_model(self):
            self.choose_model(path)

    def _fill_models(self, ticked: Sequence[str] | None = None) -> None:
        """List the models that there are now; keeps the ticks, or ticks the first."""
        box = self.form.models
        some = choices(known_models(self._controller), preferences().models_folder)
        files = [choice for choice in some if isinstance(choice.model, Path)]
        if ticked is None and [str(c.model) for c in files] == self._listed():
            return
        wanted = set(map(str, self.models()) if ticked is None else ticked)
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

    def _listed(self) -> list[str]:
        return [item.data(Qt.ItemDataRole.UserRole) for item in self._items()]

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
        with suppress(TypeError, ValueError):
            self.form.horizon.setValue(int(last.get("horizon", 10)))
            self.form.controls.setChecked(bool(last.get("controls")))
        self._fill_models([str(path) for path in last.get("models") or ()])


def _time_axis(layer: Image) -> int:
    return max(0, layer_facts(layer).axes.find("T"))


def _about(path: Path) -> str:
    """What a model's file says, as a tooltip."""
    try:
        said = read_facts(path).sentence().replace("\n", "<br>")
    except MorphocastError as error:
        said = error.on_screen
    return f"<p>{said}</p><p>{path}</p>"


def _check(on: bool) -> Qt.CheckState:
    return Qt.CheckState.Checked if on else Qt.CheckState.Unchecked
