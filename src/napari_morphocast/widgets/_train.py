"""The Train dock: from a layer to a model that forecasts it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakSet, ref

import numpy as np
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_morphocast.data.labels import settled
from napari_morphocast.errors import MovieError, SettingsError
from napari_morphocast.presenters.catalog import load_catalog
from napari_morphocast.presenters.model_files import MAKERS
from napari_morphocast.presenters.train import Choices, TrainPresenter
from napari_morphocast.presenters.train_state import no_resuming
from napari_morphocast.presenters.train_wording import estimate
from napari_morphocast.presenters.trainer import ApiTrainer, too_short
from napari_morphocast.widgets._background import controller_of
from napari_morphocast.widgets._dock_form import Scrolling
from napari_morphocast.widgets._form import line, say
from napari_morphocast.widgets._lifetime import when_gone
from napari_morphocast.widgets._model_list import ask_for_model
from napari_morphocast.widgets._movie_panel import MoviePanel
from napari_morphocast.widgets._movies import own_metadata
from napari_morphocast.widgets._preferences import preferences, remember, remembered
from napari_morphocast.widgets._preview import KIND, MADE, NAMES, add_preview
from napari_morphocast.widgets._run_panel import RunPanel
from napari_morphocast.widgets._settings_panel import SettingsPanel
from napari_morphocast.widgets._viewers import real_viewer

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable

    import napari
    from napari.components import ViewerModel
    from napari.layers import Image
    from numpy.typing import NDArray

    from napari_morphocast.data.movie import Movie
    from napari_morphocast.presenters.catalog import Catalog
    from napari_morphocast.presenters.forecasting import Result
    from napari_morphocast.presenters.train import Order
    from napari_morphocast.presenters.train_state import TrainState
    from napari_morphocast.widgets._background import Controller

CATALOG = "catalog"  # under which the controller keeps it
HORIZON = 12  # frames of the rollout that is shown after training
KEPT = "train"  # the presenter's name in the controller
LOAD_AFTER = 300  # milliseconds in which the dock is drawn before torch is imported
_View = tuple[float, ...]  # centre of the camera, and zoom


class TrainDock(QWidget):
    """Choose a movie and a model, train, and watch how well it forecasts.

    Layout only: what happens is decided in ``TrainPresenter``, one for each viewer,
    which outlives this widget.
    """

    def __init__(self, napari_viewer: napari.viewer.Viewer) -> None:
        super().__init__()
        viewer = real_viewer(napari_viewer)
        self._viewer = viewer
        self._controller = controller_of(viewer)
        self._presenter = _presenter_of(self._controller)
        self._gone = False
        self._hidden: WeakSet[Image] = WeakSet()  # previews, until the next run
        self._looked_at: tuple[_View, _View] | None = None  # before a preview, with it
        self._message = ""  # of this dock; the presenter has its own
        preferred = preferences()
        last = remembered().get("train", {})
        self._movie = MoviePanel(viewer, self._controller)
        self._settings = SettingsPanel(
            preferred.device, {**last, "autosave": preferred.autosave}
        )
        self._run = RunPanel(viewer.theme)
        self._buttons = self._run.buttons
        self._lay_out()
        self._connect()
        self._presenter.attach(self)
        when_gone(self, self._farewell())
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.timeout.connect(self._load)
        self._later.start(LOAD_AFTER)

    # --- what the presenter may ask

    def movies(self) -> tuple[list[Movie], object]:
        """The chosen movies, and the layers they are from, weakly."""
        self._message = ""
        layers = tuple(ref(layer) for layer in self._movie.layers())
        return [settled(movie) for movie in self._movie.all_movies()], layers

    def choices(self) -> Choices:
        """Model, settings and hardware; remembered for next time.

        The Preferences are read now, for they may have changed since the dock opened.
        """
        self._settings.commit()
        preferred = preferences()
        self._settings.prefer(preferred.device, preferred.autosave)
        values = self._settings.values()
        kept = {name: v for name, v in values.items() if name != "autosave"}
        remember(train={**kept, "model": self._settings.model})
        return Choices(
            model=self._settings.model,
            settings=values,
            folder=preferred.models_folder,
            device=self._settings.device,
            precision=preferred.precision,
        )

    def show_state(self, state: TrainState) -> None:
        """Draw everything that has to do with the run."""
        self._run.show_state(state, self._message)
        self._enable()

    def show_preview(self, frames: NDArray[np.float32], order: Order) -> None:
        """Show last input, forecast and truth in one layer that is used again."""
        layer = _source(order)
        if layer is None or layer not in self._viewer.layers:
            return
        viewer = self._viewer
        chosen, count = viewer.layers.selection.active, len(viewer.layers)
        made = order.choices.model in MAKERS
        preview = add_preview(viewer, layer, frames, MADE if made else NAMES)
        if len(viewer.layers) > count or preview in self._hidden:
            self._hidden.discard(preview)
            preview.visible = True
            viewer.layers.selection.active = chosen
            before = _view(viewer)
            viewer.reset_view()
            self._looked_at = before, _view(viewer)

    def show_forecasts(
        self,
        order: Order,
        done: Callable[[Result | None], None],
        stop: threading.Event,
    ) -> None:
        """Forecast the movie with the new model, as the next job."""
        from napari_morphocast.widgets._forecast import show_forecasts

        layer = _source(order)
        if layer is None or layer not in self._viewer.layers:
            done(None)
            return
        self._put_previews_away()
        movie, path = order.movies[0], order.path
        show_forecasts(
            self._viewer,
            layer,
            movie,
            path,
            HORIZON,
            done,
            device=order.choices.device,
            precision=order.choices.precision,
            stop=stop,
        )

    def _put_previews_away(self) -> None:
        """The forecasts say more now; look where the user looked, if nobody moved."""
        for preview in self._viewer.layers:
            if own_metadata(preview).get("kind") == KIND and preview.visible:
                preview.visible = False
                self._hidden.add(preview)
        if self._looked_at is not None:
            before, since = self._looked_at
            if np.allclose(_view(self._viewer), since):
                camera = self._viewer.scene.camera
                camera.center, camera.zoom = before[:-1], before[-1]
            self._looked_at = None

    # --- layout and wiring

    def _lay_out(self) -> None:
        inside = QWidget()
        column = QVBoxLayout(inside)
        column.setContentsMargins(8, 8, 8, 4)
        column.addWidget(self._movie)
        column.addWidget(line())
        column.addWidget(self._settings)
        column.addStretch()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(Scrolling(inside), 1)
        layout.addWidget(line())
        layout.addLayout(self._run)

    def _connect(self) -> None:
        presenter = self._presenter
        self._buttons["train"].clicked.connect(lambda _: presenter.start(self))
        self._buttons["stop"].clicked.connect(lambda _: presenter.stop())
        self._buttons["resume"].clicked.connect(lambda _: presenter.resume(self))
        self._buttons["finetune"].clicked.connect(lambda _: self._finetune())
        self._movie.changed.connect(self._enable)
        self._settings.changed.connect(self._enable)
        self._movie.failed.connect(self._complain)
        for event in self._layer_events():
            event.connect(self._layers_changed)
        self._viewer.events.theme.connect(self._theme_changed)

    def _farewell(self) -> Callable[[], None]:
        """What to do when this widget is gone; must not need the widget."""
        presenter, viewer, movie = self._presenter, self._viewer, self._movie
        events, layers = self._layer_events(), self._layers_changed
        theme, view = self._theme_changed, self

        def farewell() -> None:
            view._gone = True
            presenter.detach(view)
            movie.forget()
            for event in events:
                event.disconnect(layers)
            viewer.events.theme.disconnect(theme)

        return farewell

    def _layer_events(self) -> tuple[Any, ...]:
        events = self._viewer.layers.events
        return events.inserted, events.removed, events.renamed

    def _load(self) -> None:
        """Import torch, away from the screen, once the dock has been drawn."""
        known = self._controller.kept.get(CATALOG)
        if known is not None:
            self._settings.set_catalog(known)
            self._enable()
            return
        dock = ref(self)

        def loaded(catalog: Catalog) -> None:
            here = dock()
            if here is not None and not here._gone:
                here._controller.kept[CATALOG] = catalog
                here._settings.set_catalog(catalog)
                here._enable()

        def failed(message: str) -> None:
            here = dock()
            if here is not None and not here._gone:
                here._settings.show_failure(message)

        self._controller.ask(load_catalog, loaded, failed)

    def _finetune(self) -> None:
        if path := ask_for_model(self, "Model to go on from"):
            self._presenter.start(self, path)

    def _complain(self, message: str) -> None:
        self._message = message
        self.show_state(self._presenter.state)

    def _layers_changed(self, event: Any = None) -> None:
        self._movie.refresh()
        self._enable()
        gone = getattr(event, "value", None) if _is_removal(event) else None
        if gone is not None:
            self._presenter.stop_if(lambda order: gone in _sources(order))

    def _theme_changed(self, event: Any = None) -> None:
        self._run.set_theme(self._viewer.theme)

    def _enable(self) -> None:
        """Enable what can be done; a disabled button says why in its tooltip."""
        state = self._presenter.state
        why = self._why_not(state)
        settings = self._values()
        idle = self._settings.ready and not state.running
        # Once there are curves, what they say matters more.
        fresh = idle and not state.progress.epochs
        useless, short = ("", "") if why else self._movie_wrong(settings)
        told = useless or short or (estimate(settings) if fresh else "")
        say(self._run.estimate, told)
        why = why or useless
        reasons = {
            "train": why or short,
            "stop": state.no_stopping,
            "resume": why or no_resuming(state, settings),
            "finetune": why,
        }
        self._run.enable(reasons, checking=state.checking)

    def _values(self) -> dict[str, Any]:
        """Settings as far as they can be read."""
        try:
            return self._settings.values()
        except SettingsError:
            return {}

    def _movie_wrong(self, settings: dict[str, Any]) -> tuple[str, str]:
        """Why the chosen layers are no movie, or one too short for a new model."""
        try:
            movies = self._movie.all_movies()
        except MovieError as error:
            return error.on_screen, ""
        return "", too_short(movies, settings)

    def _why_not(self, state: TrainState) -> str:
        if state.running:
            return "A model is being trained: wait, or press Stop first."
        if state.busy:
            return f"{state.busy} is not done yet: wait, or stop it."
        if not self._movie.ready:
            return "Open a movie first."
        if not self._settings.ready:
            return "PyTorch is being loaded; wait a few seconds."
        return ""


def _presenter_of(controller: Controller) -> TrainPresenter:
    """The one presenter of a viewer."""
    if KEPT not in controller.kept:
        last = remembered().get("last_run")
        path = Path(last) if last else None
        controller.kept[KEPT] = TrainPresenter(
            controller, ApiTrainer(), last=path, keep=_remember_run
        )
    presenter: TrainPresenter = controller.kept[KEPT]
    return presenter


def _remember_run(path: Path) -> None:
    remember(last_run=str(path))


def _sources(order: Order) -> list[Image]:
    """Layers of a run that are still alive."""
    found = order.source if isinstance(order.source, tuple) else ()
    return [layer for one in found if (layer := one()) is not None]


def _source(order: Order) -> Image | None:
    """The layer that was chosen for a run, not only ticked, if it is still alive."""
    found = order.source if isinstance(order.source, tuple) else ()
    return found[0]() if found else None


def _view(viewer: ViewerModel) -> _View:
    """Where the camera is, and how near."""
    camera = viewer.scene.camera
    return *camera.center, camera.zoom


def _is_removal(event: Any) -> bool:
    return getattr(event, "type", "") == "removed"
