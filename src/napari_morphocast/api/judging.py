"""How like real frames are those that a synthesizer makes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_morphocast.api.loading import device_of
from napari_morphocast.api.synthesizing import part_of, synthesizer
from napari_morphocast.data.finite import read_finite
from napari_morphocast.data.windows import Part
from napari_morphocast.errors import ForecastError, MovieError, SettingsError
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
MOST, MOST_LEARNED = 128, 1024  # pictures of each kind; of training frames


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
    SettingsError
        If the model is no synthesizer, or the steps are fewer than none.
    ForecastError
        If it was stopped.
    """
    trained = synthesizer(model).to(device_of(hardware))
    movie, kept = trained.seen_of(movie), trained.checkpoint
    seam = min(first_unseen(kept.movies, movie), len(movie))
    train = _pictures(trained, Part(movie, 0, seam), seed, MOST_LEARNED)
    test = _pictures(trained, Part(movie, seam, len(movie)), seed + 1, MOST)
    if refine < 0:
        raise SettingsError(f"Refining takes 0 steps or more, not {refine}.")
    if len(test) < FEWEST:
        raise MovieError(
            f"Only {len(test)} pictures of {movie.name!r} are unseen by "
            f"{trained.name}, but {FEWEST} are needed to judge it; use a longer movie."
        )
    making, learning = (part_of(progress, number, 2) for number in (0, 1))
    made = {RANDOM: trained.sample(len(test), seed)}
    if trained.guided:
        made[GUIDED] = _alike(trained, test, 0, stop, lambda _: None)
    if trained.guided and refine:
        made[REFINED] = _alike(trained, test, refine, stop, making)
    flat = {name: _flat(some) for name, some in made.items()}
    pictures = Pictures(_flat(train), _flat(test), flat)
    return judged(pictures, kept.scaling, seed=seed, stop=stop, progress=learning)


def _alike(
    trained: TrainedSynthesizer,
    guides: NDArray[np.float32],
    refine: int,
    stop: threading.Event | None,
    tell: Callable[[float], None],
) -> NDArray[np.float32]:
    """A made picture like each of those given."""
    made = []
    for done, guide in enumerate(guides, 1):
        if stop is not None and stop.is_set():
            raise ForecastError("Stopped; nothing was measured.")
        code = trained.refine(guide, trained.encode(guide), refine, stop=stop)
        made.append(trained.decode(code))
        tell(done / len(guides))
    return np.concatenate(made)


def _pictures(
    trained: TrainedSynthesizer, part: Part, seed: int, most: int
) -> NDArray[np.float32]:
    """Real pictures (N, frames, C, Y, X): pieces of frames in a row."""
    found = list(_pieces(trained, part, seed, most))
    shape = 0, trained.model.frames, part.movie.shape[1], *trained.plane
    return np.stack(found) if found else np.empty(shape, np.float32)


def _pieces(
    trained: TrainedSynthesizer, part: Part, seed: int, most: int
) -> Iterator[NDArray[np.float32]]:
    row, (high, wide) = trained.model.frames, trained.plane
    height, width = trained.plane if trained.whole else part.movie.shape[2:]
    places = max(1, round(height * width / (high * wide)))
    last = range(part.first + row - 1, part.stop)
    each = max(1, min(places, most // max(1, len(last))))
    chosen = np.unique(np.linspace(0, len(last) - 1, most // each).round().astype(int))
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
