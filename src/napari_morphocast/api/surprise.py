"""Where and when a movie did what its model did not expect."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from napari_morphocast.api.forecasting import predict
from napari_morphocast.api.loading import ready
from napari_morphocast.data.scaling import Scaling
from napari_morphocast.data.windows import Part
from napari_morphocast.errors import ForecastError, SettingsError
from napari_morphocast.evaluation.surprise import ALARMS, BLUR, Errors, learned
from napari_morphocast.training.record import first_unseen

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable

    from napari_morphocast.api.loading import Model
    from napari_morphocast.data.movie import Movie
    from napari_morphocast.evaluation.surprise import Surprise
    from napari_morphocast.training.config import Hardware

FORECAST = 0.3  # share of the work that is forecasting; the rest is measuring


def surprise(
    movie: Movie,
    model: Model,
    *,
    lead: int = 1,
    alarms: float = ALARMS,
    until: float = 1.0,
    blur: float = BLUR,
    hardware: Hardware | None = None,
    stop: threading.Event | None = None,
    progress: Callable[[float], None] | None = None,
) -> Surprise:
    """Find divisions, deaths and whatever else a model did not foresee.

    The error of each frame is divided by the usual error at that pixel and lead,
    which is learned from frames that are not near it in time.

    Parameters
    ----------
    movie, model, hardware
        What to forecast, with what, and where.
    lead : int
        How many frames ahead.
    alarms : float
        Share of the pixels of usual frames that may be flagged; sets the threshold.
    until : float
        Share of the movie that says what is usual, for instance the part before a
        drug; all of it unless told otherwise.
    blur : float
        Sigma in pixels over which errors are averaged first; about a quarter of a
        cell's radius and more.
    stop : threading.Event, optional
        Set it to give up.
    progress : callable, optional
        Told the share that is done, 0..1.
    """
    if not 0 < until <= 1:
        raise SettingsError(
            f"What is usual is learned from a share above 0, up to 1, not {until:g}."
        )
    tell = progress or (lambda _: None)
    trained = ready(movie, model, hardware)
    Scaling.fit([Part(movie, 0, len(movie))])  # refuses a movie that never changes
    made = predict(movie, trained, lead=lead, hardware=hardware)
    errors = Errors(movie, made.first, made.count, blur=blur)
    for done, frame in enumerate(made.frames, 1):
        errors.add(frame)
        _go_on(stop, done, made.count)
        tell(FORECAST * done / made.count)
    found = errors.surprise(
        alarms=alarms,
        until=round(len(movie) * until) - made.first,
        stop=stop,
        progress=lambda share: tell(FORECAST + (1 - FORECAST) * share),
    )
    seen = first_unseen(trained.checkpoint.movies, movie)
    return replace(found, notes=learned(trained.name, seen))


def _go_on(stop: threading.Event | None, done: int, count: int) -> None:
    if stop is not None and stop.is_set():
        raise ForecastError(
            f"Stopped after {done} of {count} frames, too early to say what is usual."
        )
