"""Whether a model forecasts, or only removes noise."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_morphocast.api.evaluating import contender, first_scored, grey_range
from napari_morphocast.api.loading import ready
from napari_morphocast.data.finite import require_finite
from napari_morphocast.evaluation.controls import Controls, damaged, still_scene
from napari_morphocast.evaluation.scores import score
from napari_morphocast.training.trained import Trained

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable

    from numpy.typing import NDArray

    from napari_morphocast.api.loading import Model
    from napari_morphocast.data.movie import Movie
    from napari_morphocast.training.config import Hardware

BESIDE = "persistence", "denoised"
REAL = 0.8  # share of the work that is about the real movie


def controls(
    movie: Movie,
    model: Model,
    *,
    horizon: int = 10,
    since: float = 0.8,
    hardware: Hardware | None = None,
    stop: threading.Event | None = None,
    progress: Callable[[float], None] | None = None,
    region: NDArray[np.bool_] | None = None,
) -> Controls:
    """Score a model with its context shuffled, repeated and backwards, and on a still.

    Parameters
    ----------
    movie, model, hardware
        What to forecast, with what, and where.
    horizon : int
        Longest lead (frames).
    since : float
        Share of the movie before the first frame that is scored.
    stop : threading.Event, optional
        Set it to end with what has been scored so far.
    progress : callable, optional
        Told the share that is done, 0..1.
    region : array of bool, shape (Y, X) or (T, Y, X), optional
        Where errors count; everywhere unless given.
    """
    tell = progress or (lambda _: None)
    first = first_scored(movie, since)
    trained = ready(movie, model, hardware, until=first)
    plain = [Trained.baseline(b, movie, first) for b in BESIDE if b != trained.name]
    given = contender(trained)
    furthest = max(entry.context for entry in (trained, *plain))
    require_finite(movie, max(0, first - furthest), len(movie))
    beside = [contender(entry) for entry in plain]
    span = grey_range(movie)
    scores = score(
        movie,
        [given, *damaged(given), *beside],
        horizon=horizon,
        since=first,
        data_range=span,
        stop=stop,
        progress=lambda share: tell(REAL * share),
        region=region,
    )
    known = movie.read(max(0, first - furthest), first)
    still = score(
        still_scene(known, scores.noise, furthest),
        [given, *beside],
        horizon=horizon,
        since=furthest,
        data_range=span,
        noise=scores.noise,
        stop=stop,
        progress=lambda share: tell(REAL + (1 - REAL) * share),
        region=_whenever(region),
    )
    return Controls(trained.name, scores, still)


def _whenever(region: NDArray[np.bool_] | None) -> NDArray[np.bool_] | None:
    """Pixels (Y, X) that count in any frame."""
    if region is None or region.ndim == 2:
        return region
    return np.asarray(region.any(0))
