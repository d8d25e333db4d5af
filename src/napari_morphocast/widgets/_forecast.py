"""The Forecast dock: from a trained model to the frames that come next."""

from __future__ import annotations

import threading
from functools import partial
from typing import TYPE_CHECKING, Any

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
from napari_morphocast.widgets._model_list import (
    offer_model,
)
from napari_morphocast.widgets._movie_dock import ModelDock
from napari_morphocast.widgets._movies import channels_of_one_movie, layer_facts
from napari_morphocast.widgets._side_by_side import (
    is_side_by_side,
    show_as_before,
    show_side_by_side,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import napari
    from napari.components import ViewerModel
    from napari.layers import Image

    from napari_morphocast.data.movie import Movie

NOTHING_PREDICTED = "Predict all frames ahead first."


class ForecastDock(ModelDock):
    """Choose a movie and a model, and see what the movie does next.

    Layout is in ``ForecastForm``, behaviour in ``ForecastPresenter``; this is what
    ties both to a viewer.
    """

    NAME = "forecast"
    form: ForecastForm
    presenter: ForecastPresenter

    def __init__(self, napari_viewer: napari.viewer.Viewer) -> None:
        super().__init__(napari_viewer)
        self.form = ForecastForm(self, self._viewer)
        self.presenter = ForecastPresenter(self, self._controller)
        self._surprises = SurpriseFinder(self, self._controller)
        self._exporter = Exporter(self, self._viewer)
        self._begin()

    # --- what the presenter may ask

    def model(self) -> ModelChoice | None:
        """The chosen model."""
        return self._chosen_model()

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

    def canvas(self) -> LayerCanvas:
        """Layers beside those of the chosen movie."""
        self._remember()
        return LayerCanvas(self._viewer, self._sources)

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

    def show_verdict(self, text: str) -> None:
        """What came out, in plain words."""
        say(self.form.verdict, text)
        say(self.form.error, "")

    # --- wiring

    def _connect(self) -> None:
        super()._connect()
        form, presenter = self.form, self.presenter
        form.predict.clicked.connect(lambda _: self._predict())
        form.rollout.clicked.connect(lambda _: presenter.rollout())
        form.surprise.clicked.connect(lambda _: self._find_surprises())
        form.beside.clicked.connect(self._toggle_side_by_side)
        form.save_frames.triggered.connect(lambda _: self._exporter.frames())
        form.save_scores.triggered.connect(lambda _: self._exporter.scores())
        for signal in (
            form.lead.valueChanged,
            form.horizon.valueChanged,
            form.start.currentIndexChanged,
        ):
            signal.connect(self._soon.start)
        self._listen(self._viewer.canvas.grid.events.enabled, self._moved)
        self._listen(self._viewer.layers.events, self._looks_otherwise)
        self._farewells.append(self._surprises.close)

    def _refresh(self) -> None:
        current = self.form.picker.frame()
        self.form.start.setItemText(1, f"the current frame ({current})")
        super()._refresh()
        self.form.legend.look()

    def _looks_otherwise(self, event: Any) -> None:
        """Something about the layers has changed; of a movie that is played, often."""
        if event.type == "visible":
            self.form.legend.look()

    def _moved(self, event: Any = None) -> None:
        """The slider or the grid has changed; sliders do so often."""
        self._soon.start()

    def _stop(self) -> None:
        super()._stop()
        self._surprises.stop()

    def _predict(self) -> None:
        self.form.surprises.forget()
        self.presenter.predict()

    def _find_surprises(self) -> None:
        if self.presenter.predicted is not None:
            self._remember()
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

    def _offered(self) -> list[ModelChoice]:
        return self._known(choices)

    def _choices(self) -> dict[str, Any]:
        return {
            **super()._choices(),
            "lead": self.lead(),
            "horizon": self.horizon(),
            "alarms": self.form.alarms.value(),
        }

    def _restore(self, last: dict[str, Any]) -> None:
        super()._restore(last)
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
    stop: threading.Event | None = None,
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
    stop : threading.Event, optional
        Ends it early; finished frames stay.
    """
    controller = controller_of(viewer)
    offer_model(controller, model_path)
    orders = _both(movie, model_path, horizon, device, precision)
    recorder = Recorder(LayerCanvas(viewer, _sources(viewer, layer, movie)))
    stop = stop or threading.Event()

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


def _sources(viewer: ViewerModel, layer: Image, movie: Movie) -> list[Source]:
    """What the results of a movie that was made from ``layer`` inherit."""
    family = channels_of_one_movie(viewer, layer)
    whole = len(family) == movie.pictured > 1 and "C" not in layer_facts(layer).axes
    channel = getattr(movie.frames, "channel", None)
    sources = (
        [Source.of(one) for one in family]
        if whole
        else [Source.of(layer, channel=channel)]
    )
    return [*sources, cells_of(sources[0], movie)] if movie.labels else sources


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
