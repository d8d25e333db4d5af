"""Frames that a model foretells: each from the frames before it, or rolled out."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice, repeat
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from napari_morphocast.api.loading import ready
from napari_morphocast.data.finite import pieces, read_finite, require_finite
from napari_morphocast.data.scaling import as_stored
from napari_morphocast.errors import MovieError, SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    from napari_morphocast.api.loading import Model
    from napari_morphocast.data.movie import Movie
    from napari_morphocast.data.windows import Task, WindowSpec
    from napari_morphocast.training.config import Hardware
    from napari_morphocast.training.trained import Trained

PIXELS_AT_ONCE = 2**18  # in one batch of windows while predicting


class Step(NamedTuple):
    """A forecast frame (C, Y, X) and what is known about it.

    ``frame`` has the movie's own type and grey levels; ``spread`` is the error to be
    expected at every pixel, as one standard deviation in grey levels, of an ensemble.
    A model that moves pixels says how far away each was one frame before, in pixels
    along Y and X (``motion``, (2, Y, X)), and how much else was done to it
    (``unusual``, (1, Y, X); 0 is nothing).
    """

    frame: NDArray[Any]
    spread: NDArray[np.float32] | None = None
    motion: NDArray[np.float32] | None = None
    unusual: NDArray[np.float32] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Forecast:
    """Forecast frames, made one by one as they are asked for.

    Parameters
    ----------
    first : int
        Number of the movie's frame that the first forecast stands for; the movie's
        length for a rollout past its end.
    count : int
        How many frames there will be.
    steps : iterator of Step
        Frames with their spread; each is made once, so take these or ``frames``.
    """

    first: int
    count: int
    steps: Iterator[Step]

    @property
    def frames(self) -> Iterator[NDArray[Any]]:
        """Frames (C, Y, X) in the movie's own type and grey levels."""
        return (step.frame for step in self.steps)


def predict(
    movie: Movie,
    model: Model,
    *,
    lead: int = 1,
    between: bool = False,
    hardware: Hardware | None = None,
) -> Forecast:
    """Foretell every frame of a movie from other frames of it.

    Parameters
    ----------
    movie, model, hardware
        What to forecast, with what, and where.
    lead : int
        How many frames ahead: each frame comes from those ``lead`` and more before it.
    between : bool
        Fill in each frame from those just before and just after it; the model must
        have learned that (``task = between``).

    Raises
    ------
    MovieError
        If the movie has too few frames, or other channels.
    SettingsError
        If the lead is no lead, or the model has learned the other task.
    """
    task: Task = "between" if between else "forecast"
    trained = ready(movie, model, hardware, task=task)
    if lead < 1 or (between and lead > 1):
        most = "; a frame between others has lead 1" if between else " or more"
        raise SettingsError(f"The lead must be 1 frame{most}, not {lead}.")
    shown = _shown(trained.checkpoint.window, lead)
    first = max(0, -int(shown.min()))
    stop = len(movie) - max(0, int(shown.max()))
    if stop <= first:
        raise MovieError(
            f"{movie.name!r} has {len(movie)} frames, but {trained.name} needs "
            f"{np.ptp([*shown, 0]) + 1} to predict one"
            f"{f' {lead} frames ahead' * (lead > 1)}; use a longer movie, "
            f"{'a shorter lead, ' * (lead > 1)}or a model with a shorter context."
        )

    def steps() -> Iterator[Step]:
        _, _, height, width = movie.shape
        together = min(8, max(1, PIXELS_AT_ONCE // (height * width)))
        for begin in range(first, stop, together):
            targets = np.arange(begin, min(begin + together, stop))
            earliest, latest = begin + shown.min(), targets[-1] + shown.max()
            known = read_finite(movie, earliest, latest + 1)
            ahead = trained.foretell(known[targets[:, None] + shown - earliest])
            frames, *others = next(islice(ahead, lead - 1, None))
            each = (repeat(None) if other is None else other for other in others)
            yield from map(Step, as_stored(frames, movie.dtype), *each)

    return Forecast(first, stop - first, steps())


def _shown(spec: WindowSpec, lead: int) -> NDArray[np.int64]:
    """Frames that a model is shown, in its order, counted from the one it predicts."""
    return np.array(spec.order[: spec.context]) - spec.before - (lead - 1)


def rollout(
    movie: Movie,
    model: Model,
    *,
    horizon: int = 12,
    start: int | None = None,
    context: int | None = None,
    hardware: Hardware | None = None,
) -> Forecast:
    """Foretell frame after frame, each from the forecasts before it.

    Parameters
    ----------
    movie, model, hardware
        What to forecast, with what, and where.
    horizon : int
        How many frames.
    start : int, optional
        Number of the first forecast frame: frames before it are known, it and all
        later ones are not looked at. The movie's end unless told otherwise.
    context : int, optional
        How many known frames it starts from; as many as it learned to unless told. A
        network with a memory reads them all, however many, in the order of time.
    """
    begin = len(movie) if start is None else start
    trained = ready(movie, model, hardware, until=begin)
    if horizon < 1:
        raise SettingsError(f"The horizon must be 1 frame or more, not {horizon}.")
    seen = trained.context if context is None else context
    _check_start(movie, trained, begin, seen)
    known = _known(movie, begin - seen, begin)

    def steps() -> Iterator[Step]:
        for frame, *others in islice(trained.follow(known), horizon):
            yield Step(as_stored(frame, movie.dtype), *others)

    return Forecast(begin, horizon, steps())


def _known(movie: Movie, first: int, stop: int) -> Iterable[NDArray[np.float32]]:
    """Frames that are known: at once if they are few, else in parts, as needed."""
    parts = list(pieces(movie, first, stop))
    if len(parts) == 1:
        return [read_finite(movie, first, stop)]
    require_finite(movie, first, stop)
    return (read_finite(movie, *part) for part in parts)


def _check_start(movie: Movie, trained: Trained, begin: int, seen: int) -> None:
    """Refuse a rollout that would begin with fewer frames than it has to see."""
    fewest = trained.shortest_context
    if seen < fewest:
        raise SettingsError(
            f"{trained.name} has to see {fewest} frame(s) or more before it forecasts, "
            f"not {seen}."
        )
    if len(movie) < seen:
        raise MovieError(
            f"{trained.name} has to see {seen} frames before it forecasts, but "
            f"{movie.name!r} has {len(movie)}; use a longer movie or a shorter context."
        )
    if not seen <= begin <= len(movie):
        raise MovieError(
            f"A rollout of {trained.name} can start at frames {seen} to {len(movie)} "
            f"of {movie.name!r}, counted from 0, but not at {begin}."
        )
