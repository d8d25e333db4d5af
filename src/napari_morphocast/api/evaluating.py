"""Forecasts held against what really happened."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from napari_morphocast.api.loading import load, several
from napari_morphocast.api.loading import ready as get_ready
from napari_morphocast.data.finite import require_finite
from napari_morphocast.data.scaling import Scaling
from napari_morphocast.data.windows import Part
from napari_morphocast.errors import SettingsError
from napari_morphocast.evaluation.baselines import BASELINES
from napari_morphocast.evaluation.between import score_between
from napari_morphocast.evaluation.scores import Contender, score
from napari_morphocast.training.record import seen_frames
from napari_morphocast.training.trained import Trained

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterator, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from napari_morphocast.api.loading import Model
    from napari_morphocast.data.movie import Movie
    from napari_morphocast.data.windows import Task
    from napari_morphocast.evaluation.scores import Scores
    from napari_morphocast.training.config import Hardware

STILL = "persistence", "denoised"  # baselines that make sense between two frames
LONGEST_BASELINE = 4  # frames that a baseline sees
FEW_KNOWN = 8  # frames that baselines are tuned on; fewer say little


def evaluate(
    movie: Movie,
    models: Model | Sequence[Model],
    *,
    horizon: int = 10,
    since: float = 0.8,
    hardware: Hardware | None = None,
    stop: threading.Event | None = None,
    progress: Callable[[float], None] | None = None,
    region: NDArray[np.bool_] | None = None,
    noise: Sequence[float] | None = None,
) -> Scores:
    """Score free-running forecasts of a movie's end, beside the baselines.

    Models that fill in frames (``task = between``) do that with every frame of the
    movie's end, beside the mean of both neighbours.

    Parameters
    ----------
    movie, models, hardware
        What to forecast, with what, and where.
    horizon : int
        Longest lead (frames).
    since : float
        Share of the movie before the first frame that is scored; give what training
        was told as ``until``.
    stop, progress : optional
        Set the one to end with what has been scored so far; the other is told the share
        that is done, 0..1.
    region : array of bool, shape (Y, X) or (T, Y, X), optional
        Pixels whose errors count; all unless given.
    noise : sequence of float, optional
        Its standard deviation in each channel (grey levels); estimated unless given.

    Returns
    -------
    Scores
        With a note for every model that was trained on frames scored here.
    """
    first = first_scored(movie, since)
    loaded = [load(model, movie, until=first) for model in several(models)]
    task = _shared_task(loaded)
    ready = [get_ready(movie, model, hardware, task=task) for model in loaded]
    furthest = max([LONGEST_BASELINE, *(r.context for r in ready)])
    require_finite(movie, max(0, first - furthest), len(movie))
    judge, beside = _judge(task, ready, horizon)
    missing = set(beside) - {model.name for model in ready}
    ready += [Trained.baseline(b, movie, first) for b in beside if b in missing]
    scores = judge(
        movie,
        [contender(entry) for entry in ready],
        since=first,
        data_range=grey_range(movie),
        region=region,
        noise=noise,
        stop=stop,
        progress=progress,
    )
    return scores.noting(notes_on(ready, movie, first))


def _judge(
    task: Task, models: Sequence[Trained], horizon: int
) -> tuple[Callable[..., Scores], tuple[str, ...]]:
    """How a task is scored, and beside which baselines."""
    if task == "forecast":
        return partial(score, horizon=horizon), tuple(BASELINES)
    windows = [model.checkpoint.window for model in models]
    longest = max(windows, key=lambda window: window.context)
    return partial(score_between, spec=longest), STILL


def _shared_task(models: Sequence[Trained]) -> Task:
    """What all models have learned to do; frames foretold and filled in differ."""
    tasks = {model.task: model.name for model in models}
    if len(tasks) > 1:
        raise SettingsError(
            f"{tasks['between']!r} fills in frames between their neighbours and "
            f"{tasks['forecast']!r} foretells what comes next; score them one at a "
            "time, the baselines take part by themselves."
        )
    return next(iter(tasks), "forecast")


def first_scored(movie: Movie, since: float) -> int:
    """Number of the first frame that is scored; the baselines see those before it.

    Raises
    ------
    SettingsError
        If ``since`` is no share of the movie.
    """
    if not 0 <= since < 1:
        raise SettingsError(
            f"Scoring can begin at a share from 0 to below 1 of the movie, not {since}."
        )
    return max(LONGEST_BASELINE, round(len(movie) * since))


def contender(model: Trained) -> Contender:
    """A model as one that takes part in scoring."""
    one = Contender(model.name, model.context, model.forecast)
    if model.members == 1:
        return one
    return replace(one, members=model.forecast_members, calibration=model.calibration)


def grey_range(movie: Movie) -> NDArray[np.float32]:
    """Grey levels from black to white per channel, for PSNR and SSIM, shape (C,)."""
    span = Scaling.fit([Part(movie, 0, len(movie))]).span
    return span[:, 0, 0]


def notes_on(models: Sequence[Trained], movie: Movie, first: int) -> Iterator[str]:
    """Say what makes scores less, or more, than they seem."""
    if first < FEW_KNOWN:
        yield (
            f"Only {first} frames lie before the first one scored, too few to tune the "
            "baselines 'denoised' and 'ridge' well, so skill against them says little."
        )
    for model in models:
        seen = seen_frames(model.checkpoint.movies, movie, first)
        if seen:
            yield (
                f"{model.name} was TRAINED on at least {seen} of the frames scored "
                "here: its scores show memory, not foresight; score frames it has not "
                "seen."
            )
        yield from model.misfits(movie)
