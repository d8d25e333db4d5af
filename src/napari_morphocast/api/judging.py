"""How like real frames are those that a synthesizer makes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_morphocast.api.loading import device_of
from napari_morphocast.api.synthesizing import synthesizer
from napari_morphocast.data.finite import read_finite
from napari_morphocast.data.misfit import require_channels
from napari_morphocast.data.windows import Part
from napari_morphocast.errors import MovieError
from napari_morphocast.evaluation.judgement import (
    GUIDED,
    RANDOM,
    REFINED,
    Judged,
    Pictures,
    judged,
)
from napari_morphocast.training.record import first_unseen
from napari_morphocast.training.synthesizer import middle

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_morphocast.data.movie import Movie
    from napari_morphocast.training.config import Hardware
    from napari_morphocast.training.synthesizer import TrainedSynthesizer

FEWEST = 16  # unseen pictures; fewer say nothing about a distribution
MOST = 128  # pictures of each kind


def judge(
    movie: Movie,
    model: TrainedSynthesizer | str | Path,
    *,
    refine: int = 0,
    seed: int = 0,
    hardware: Hardware | None = None,
    stop: threading.Event | None = None,
    progress: Callable[[float], None] | None = None,
) -> Judged:
    """Compare made frames with real ones that the model has not seen.

    Parameters
    ----------
    movie : Movie
        Frames that the model has not learned from are the test, those that it has are
        what it may have learned by heart.
    model : TrainedSynthesizer, str or path
        A trained synthesizer.
    refine : int
        Steps by which frames made like a real one are improved; 0 for none.
    seed : int
        What all chance follows from.
    hardware : Hardware, optional
        Where to compute.
    stop : threading.Event, optional
        Set it to give up.
    progress : callable, optional
        Told the share that is done, 0..1.

    Raises
    ------
    MovieError
        If too few frames are unseen, or the movie has other channels.
    ForecastError
        If it was stopped.
    """
    trained = synthesizer(model).to(device_of(hardware))
    kept = trained.checkpoint
    labels = bool(kept.movies[0].labels)
    require_channels(kept.channels, labels, movie, repr(trained.name))
    movie = movie if labels else movie.pictures
    seam = min(first_unseen(kept.movies, movie), len(movie))
    train = _pictures(trained, Part(movie, 0, seam), seed)
    test = _pictures(trained, Part(movie, seam, len(movie)), seed + 1)
    if len(test) < FEWEST:
        raise MovieError(
            f"Only {len(test)} pictures of {movie.name!r} are unseen by "
            f"{trained.name}, but {FEWEST} are needed to judge it; use a longer movie."
        )
    made = {name: _flat(some) for name, some in _made(trained, test, refine, seed)}
    return judged(
        Pictures(_flat(train), _flat(test), made),
        kept.scaling,
        seed=seed,
        stop=stop,
        progress=progress,
    )


def _made(
    trained: TrainedSynthesizer, test: NDArray[np.float32], refine: int, seed: int
) -> Iterator[tuple[str, NDArray[np.float32]]]:
    """As many made pictures as test pictures, of every kind that the model can make."""
    yield RANDOM, trained.sample(len(test), seed)
    if trained.guided:
        yield GUIDED, np.concatenate([_alike(trained, one, 0) for one in test])
    if trained.guided and refine:
        yield REFINED, np.concatenate([_alike(trained, one, refine) for one in test])


def _alike(
    trained: TrainedSynthesizer, picture: NDArray[np.float32], refine: int
) -> NDArray[np.float32]:
    code = trained.encode(picture)
    if refine:
        code = trained.refine(picture, code, refine)
    return trained.decode(code)


def _pictures(
    trained: TrainedSynthesizer, part: Part, seed: int
) -> NDArray[np.float32]:
    """Real pictures (N, frames, C, Y, X): pieces of frames in a row."""
    found = list(_pieces(trained, part, seed))
    shape = 0, trained.model.frames, part.movie.shape[1], *trained.plane
    return np.stack(found) if found else np.empty(shape, np.float32)


def _pieces(
    trained: TrainedSynthesizer, part: Part, seed: int
) -> Iterator[NDArray[np.float32]]:
    row, (high, wide) = trained.model.frames, trained.plane
    height, width = trained.plane if trained.whole else part.movie.shape[2:]
    places = max(1, round(height * width / (high * wide)))
    last = range(part.first + row - 1, part.stop)
    each = max(1, min(places, MOST // max(1, len(last))))
    chosen = np.unique(np.linspace(0, len(last) - 1, MOST // each).round().astype(int))
    rng = np.random.default_rng(seed)
    for number in (last[int(place)] for place in chosen if len(last)):
        frames = read_finite(part.movie, number + 1 - row, number + 1)
        if trained.whole:
            frames = middle(frames, trained.plane)
        for _ in range(each):
            y = int(rng.integers(max(1, height - high + 1)))
            x = int(rng.integers(max(1, width - wide + 1)))
            yield middle(frames[..., y : y + high, x : x + wide], trained.plane)


def _flat(pictures: NDArray[np.float32]) -> NDArray[np.float32]:
    """Frames in a row as channels, (N, frames C, Y, X)."""
    count, frames, channels, *plane = pictures.shape
    return pictures.reshape(count, frames * channels, *plane)
