"""The Forecast dock: from a trained model to the frames that come next."""

from __future__ import annotations

import threading
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QWidget

from napari_morphocast.errors import MorphocastError
from napari_morphocast.presenters.forecast import NO_FUTURE, ForecastPresenter
from napari_morphocast.presenters.forecasting import (
    Order,
    Recorder,
    Result,
    forecasting,
)
from napari_morphocast.presenters.job import BusyError, Job
from napari_morphocast.presenters.model_files import (
    ModelChoice,
    choices,
    fills_in,
)
from napari_morphocast.presenters.surprise import SurpriseFinder
from napari_morphocast.widgets._background import controller_of
from napari_morphocast.widgets._canvas import LayerCanvas
from napari_morphocast.widgets._cells import cells_of
from napari_morphocast.widgets._export import Exporter
from napari_morphocast.widgets._forecast_form import ALARMS, ForecastForm
from napari_morphocast.widgets._form import say
from napari_morphocast.widgets._layers import Source, results_in
from napari_morphocast.widgets._lifetime import when_gone
from napari_morphocast.widgets._model_list import (
    ask_for_model,
    known_models,
    list_models,
    offer_model,
)
from napari_morphocast.widgets._movies import channels_of_one_movie, layer_facts
from napari_morphocast.widgets._preferences import preferences, remember, remembered
from napari_morphocast.widgets._side_by_side import (
    is_side_by_side,
    show_as_before,
    show_side_by_side,
)
from napari_morphocast.widgets._viewers import real_viewer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    import napari
    from napari.components import ViewerModel
    from napari.layers import Image

    from napari_morphocast.data.movie import Movie

NOTHING_PREDICTED = "Predict all frames ahead first."
SOON = 150  # milliseconds to wait for more changes before looking at them


class ForecastDock(QWidget):
    """Choose a movie and a model, and see what the movie does next.

    Layout is in ``ForecastForm``, behaviour in ``ForecastPresenter``; this is what
    ties both to a viewer.
    """

    def __init__(self, napari_viewer: napari.viewer.Viewer) -> None:
        super().__init__()
        viewer = real_viewer(napari_viewer)
        self._viewer = viewer
        self._controller = controller_of(viewer)
        self._sources: Sequence[Source] = ()
        self.form = ForecastForm(self, viewer)
        self._fill_models(remembered().get("forecast", {}).get("model"))
        self._restore(remembered().get("forecast", {}))
        self.presenter = ForecastPresenter(self, self._controller)
        self._surprises = SurpriseFinder(self, self._controller)
        self._exporter = Exporter(self, viewer, self._controller)
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(SOON)
        self._connect()
        when_gone(self, self._farewell())
        self.show_running(False)
        self._refresh()

    # --- what the presenter may ask

    def movie(self, channels: int | None, *, labels: bool = False) -> Movie | None:
        """The chosen movie, lazily, and what its results will inherit."""
        found = self.form.picker.movie(channels, labels=labels)
        self._sources = found[1] if found else ()
        return found[0] if found else None

    def model(self) -> ModelChoice | None:
        """The chosen model."""
        choice: ModelChoice | None = self.form.models.currentData()
        return choice

    def lead(self) -> int:
        """How many frames ahead to predict."""
        return int(self.form.lead.value())

    def horizon(self) -> int:
        """How many frames to roll out."""
        return int(self.form.horizon.value())

    def start(self) -> int | None:
        """First frame of a rollout: the one after the current frame, or the end."""
        now = bool(self.form.start.currentData())
        return self.form.picker.frame() + 1 if now else None

    def hardware(self) -> tuple[str, str]:
        """Device and precision from the Preferences."""
        chosen = preferences()
        return chosen.device, chosen.precision

    def canvas(self) -> LayerCanvas:
        """Layers beside those of the chosen movie."""
        remember(forecast=self._choices())
        return LayerCanvas(self._viewer, self._sources)

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

    def show_times(self, lead: str, horizon: str) -> None:
        """Say how long lead and horizon are in real time."""
        self.form.lead_time.setText(lead)
        self.form.horizon_time.setText(horizon)

    def show_ready(self, predict: str, rollout: str) -> None:
        """Enable a button for which the reason against it is empty."""
        self.form.enable(self.form.predict, predict)
        self.form.enable(self.form.rollout, rollout)
        nothing = "" if results_in(self._viewer) else "Make a forecast first."
        self.form.enable(self.form.beside, nothing)
        self.form.enable(self.form.export, nothing)
        none = "" if self.presenter.predicted else NOTHING_PREDICTED
        self.form.enable(self.form.surprise, none)
        for line in (self.form.lead, self.form.horizon, self.form.start):
            line.setDisabled(rollout == NO_FUTURE)
        self.form.beside.setChecked(is_side_by_side(self._viewer))

    def show_running(self, running: bool) -> None:
        """Show progress and Stop while this dock's forecast is under way."""
        self.form.show_running(running)

    def show_progress(self, share: float, text: str) -> None:
        """How far it is; without an end in sight before the first frame."""
        self.form.show_progress(share, text)

    def show_verdict(self, text: str) -> None:
        """What came out, in plain words."""
        say(self.form.verdict, text)
        say(self.form.error, "")

    def show_error(self, message: str) -> None:
        """What went wrong, in one sentence."""
        say(self.form.error, message)

    # --- wiring

    def _connect(self) -> None:
        form, presenter = self.form, self.presenter
        form.predict.clicked.connect(lambda _: self._predict())
        form.rollout.clicked.connect(lambda _: presenter.rollout())
        form.stop.clicked.connect(lambda _: self._stop())
        form.surprise.clicked.connect(lambda _: self._find_surprises())
        form.beside.clicked.connect(self._toggle_side_by_side)
        form.browse.clicked.connect(lambda _: self._browse())
        form.save_frames.triggered.connect(lambda _: self._exporter.frames())
        form.save_scores.triggered.connect(lambda _: self._exporter.scores())
        form.picker.failed.connect(self.show_error)
        for signal in (
            form.picker.changed,
            form.models.currentIndexChanged,
            form.lead.valueChanged,
            form.horizon.valueChanged,
            form.start.currentIndexChanged,
        ):
            signal.connect(self._soon.start)
        self._soon.timeout.connect(self._refresh)
        self._viewer.dims.events.current_step.connect(self._moved)
        self._viewer.canvas.grid.events.enabled.connect(self._moved)

    def _farewell(self) -> Callable[[], None]:
        """What to do when this widget is gone; must not touch it."""
        presenter, picker, viewer = self.presenter, self.form.picker, self._viewer
        surprises = self._surprises
        moved = self._moved

        def farewell() -> None:
            presenter.close()
            surprises.close()
            picker.disconnect_viewer()
            viewer.dims.events.current_step.disconnect(moved)
            viewer.canvas.grid.events.enabled.disconnect(moved)

        return farewell

    def _refresh(self) -> None:
        current = self.form.picker.frame()
        self.form.start.setItemText(1, f"the current frame ({current})")
        self._fill_models()
        self.presenter.refresh()

    def _moved(self, event: Any = None) -> None:
        """The slider or the grid has changed; sliders do so often."""
        self._soon.start()

    def _stop(self) -> None:
        self.form.stop.setEnabled(False)
        self.presenter.stop()
        self._surprises.stop()

    def _predict(self) -> None:
        self.form.surprises.forget()
        self.presenter.predict()

    def _find_surprises(self) -> None:
        if self.presenter.predicted is not None:
            remember(forecast=self._choices())
            result, canvas = self.presenter.predicted
            show = partial(self.form.surprises.show_found, canvas.sources)
            self._surprises.find(result, self.form.alarms.value() / 100, show)

    def _toggle_side_by_side(self, on: bool) -> None:
        try:
            if on:
                show_side_by_side(self._viewer)
            else:
                show_as_before(self._viewer)
        except MorphocastError as error:
            self.show_error(error.on_screen)

    def _browse(self) -> None:
        if path := ask_for_model(self):
            self.choose_model(path)

    def choose_model(self, path: Path) -> None:
        """Add a model file to the list and choose it."""
        offer_model(self._controller, path)
        self._fill_models(str(path))
        self._soon.start()

    def _fill_models(self, wanted: str | None = None) -> None:
        """List the models that there are now; keeps the choice."""
        some = choices(known_models(self._controller), preferences().models_folder)
        list_models(self.form.models, some, wanted)

    def _choices(self) -> dict[str, Any]:
        model = self.model()
        name = str(model.model) if model else None
        return {
            "model": name,
            "lead": self.lead(),
            "horizon": self.horizon(),
            "alarms": self.form.alarms.value(),
        }

    def _restore(self, last: dict[str, Any]) -> None:
        with suppress(TypeError, ValueError):
            self.form.lead.setValue(int(last.get("lead", 1)))
            self.form.horizon.setValue(int(last.get("horizon", 12)))
            self.form.alarms.setValue(float(last.get("alarms", ALARMS)))


def show_forecasts(
    viewer: ViewerModel,
    layer: Image,
    movie: Movie,
    model_path: Path,
    horizon: int,
    done: Callable[[Result | None], None] = lambda _: None,
    *,
    device: str = "auto",
    precision: str = "auto",
) -> None:
    """Predict all frames and roll out past the end, as layers, as the next job.

    Parameters
    ----------
    viewer, layer, movie
        Where to show it; the layer that ``movie`` was made from.
    model_path : Path
        A trained model; the Forecast dock offers it from now on.
    horizon : int
        Frames of the rollout.
    done : callable
        Gets the prediction at the end; None if there is none.
    device, precision : str
        Those of the run; the Preferences may have changed since it began.
    """
    controller = controller_of(viewer)
    offer_model(controller, model_path)
    family = channels_of_one_movie(viewer, layer)
    whole = len(family) == movie.pictured > 1 and "C" not in layer_facts(layer).axes
    channel = getattr(movie.frames, "channel", None)
    sources = (
        [Source.of(one) for one in family]
        if whole
        else [Source.of(layer, channel=channel)]
    )
    if movie.labels:
        sources.append(cells_of(sources[0], movie))
    orders = _both(movie, model_path, horizon, device, precision)
    recorder = Recorder(LayerCanvas(viewer, sources))
    stop = threading.Event()

    def ended() -> None:
        recorder.finish()
        done(next(iter(recorder.results), None))

    job = Job(
        orders[0].title,
        forecasting(orders, stop),
        recorder.take,
        _complain,
        ended,
        stop,
    )
    try:
        controller.run(job)
    except BusyError as error:
        _complain(error.on_screen)
        done(None)


def _both(
    movie: Movie, path: Path, horizon: int, device: str, precision: str
) -> list[Order]:
    """A prediction of every frame, then a rollout beyond the end if it can do that."""
    where = None, device, precision
    orders = [Order("prediction", movie, path, path.stem, 1, *where)]
    if not fills_in(path):
        orders.append(Order("rollout", movie, path, path.stem, horizon, *where))
    return orders


def _complain(message: str) -> None:
    from napari.utils.notifications import show_error

    show_error(message)
