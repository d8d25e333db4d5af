"""Frames filled in from those on both sides of them, beside the mean of the two."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_morphocast.errors import MovieError
from napari_morphocast.evaluation.estimates import estimate
from napari_morphocast.evaluation.pixels import check_region
from napari_morphocast.evaluation.score_notes import notes_on
from napari_morphocast.evaluation.scores import Contender, noise_of, score, starts_of

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from napari_morphocast.data.movie import Frames, Movie
    from napari_morphocast.data.windows import WindowSpec
    from napari_morphocast.evaluation.scores import Scores


def score_between(
    movie: Movie,
    contenders: Sequence[Contender],
    spec: WindowSpec,
    *,
    since: int,
    data_range: NDArray[Any],
    region: NDArray[np.bool_] | None = None,
    noise: Sequence[float] | None = None,
    stop: threading.Event | None = None,
    progress: Callable[[float], None] | None = None,
) -> Scores:
    """Let every contender fill in the same frames, at "lead" 1.

    Works on a view of the movie in which the frames that are shown, in the order of
    the spec, lie before each target; so whoever foretells can take part. The mean of
    both neighbours takes part, too.

    Parameters
    ----------
    movie, since, data_range, region, noise, stop, progress
        As in ``score``.
    contenders : sequence of Contender
        Shown the last frames of the spec's context, as many as they want.
    spec : WindowSpec
        The longest context among them.

    Raises
    ------
    MovieError
        If no frame has enough frames on both sides.
    """
    check_region(region, movie)
    after = spec.context - spec.before
    first, last = max(since, spec.before), len(movie) - 1 - after
    if last < first:
        raise MovieError(
            f"{movie.name!r} has {len(movie)} frames, so none from frame {first} on "
            f"has {after} after it to be filled in from; score from an earlier frame "
            "or use a longer movie."
        )
    targets = starts_of(movie.between(0, last + 1), first)
    numbers = (targets[:, None] + np.array(spec.order) - spec.before).ravel()
    timed = region is not None and region.ndim == 3
    scores = score(
        replace(movie, frames=_Picked(movie.frames, numbers)),
        [*contenders, Contender("neighbours", 2, _mean)],
        horizon=1,
        since=spec.context,
        data_range=data_range,
        region=region[numbers] if region is not None and timed else region,
        noise=noise_of(movie, first, region) if noise is None else noise,
        stop=stop,
        progress=progress,
        most=len(targets),
    )
    return _placed(scores, targets)


def _placed(scores: Scores, targets: NDArray[np.intp]) -> Scores:
    """The same scores with the frames' numbers in the movie, and what rests on them."""
    if scores.measured is None:
        return scores
    done = len(scores.measured.starts)
    measured = replace(scores.measured, starts=targets[:done])
    rows = estimate(measured) if done else ()
    placed = replace(scores, rows=rows, measured=measured, notes=())
    return placed.noting(notes_on(placed, 1, len(targets)))


def _mean(known: NDArray[np.float32], horizon: int) -> NDArray[np.float32]:
    """Mean of the last two frames shown: the two neighbours."""
    mean: NDArray[np.float32] = known.mean(0, keepdims=True)
    return mean


@dataclass(frozen=True, slots=True, eq=False)
class _Picked:
    """Other frames in the order of ``numbers``, read when they are needed."""

    frames: Frames
    numbers: NDArray[np.intp]

    @property
    def shape(self) -> tuple[int, ...]:
        return len(self.numbers), *self.frames.shape[1:]

    @property
    def dtype(self) -> np.dtype[Any]:
        return np.dtype(self.frames.dtype)

    def __getitem__(self, key: slice) -> NDArray[Any]:
        return np.stack([np.asarray(self.frames[int(n)]) for n in self.numbers[key]])
