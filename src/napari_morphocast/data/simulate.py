"""Movies with known truth: sample data, tests, and measurements of the noise floor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_morphocast.data.movie import Movie
from napari_morphocast.data.simulated_tissue import draw_tissue
from napari_morphocast.data.simulated_waves import draw_waves
from napari_morphocast.data.simulated_yeast import draw_yeast
from napari_morphocast.errors import MovieError

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Drawn = tuple[NDArray[np.float32], NDArray[np.uint16] | None]  # pictures, cells

SHOT = 0.7  # share of the noise variance that is photon noise; the rest is read noise
MOST = {np.uint8: 255, np.uint16: 4095}  # grey levels of 8-bit and 12-bit cameras
SMALLEST = 16  # pixels; a smaller picture shows nothing


@dataclass(frozen=True, slots=True, eq=False)
class Simulated:
    """A noisy movie, and the same movie as it would be without noise.

    Parameters
    ----------
    movie : Movie, frames of shape (T, 1, Y, X), uint8 or uint16
        What a camera would have recorded.
    truth : Movie, frames of shape (T, 1, Y, X), float32
        The same grey levels after the blur of the microscope, before the noise.
    noise : float
        Root mean square of ``movie - truth``, in grey levels.
    cells : array, shape (T, Y, X), optional
        Which pixels belong to which cell, numbered from 1 on; "yeast" only.
    """

    movie: Movie
    truth: Movie
    noise: float
    cells: NDArray[np.uint16] | None = None


@dataclass(frozen=True, slots=True)
class _Kind:
    """How to draw one kind of movie, and the microscope that it is seen through."""

    draw: Callable[[int, tuple[int, int], np.random.Generator], Drawn]
    interval: float  # seconds
    pixel: float  # micrometres
    dtype: type[np.unsignedinteger[Any]]
    black: float  # grey level of no light at all
    white: float  # grey level of the brightness 1
    blur: float  # sigma of the point spread function, pixels


_KINDS = {
    "tissue": _Kind(draw_tissue, 60.0, 0.5, np.uint8, 8.0, 150.0, 0.75),
    "yeast": _Kind(draw_yeast, 180.0, 0.25, np.uint8, 0.0, 255.0, 0.6),
    "waves": _Kind(draw_waves, 15.0, 20.0, np.uint16, 100.0, 700.0, 0.8),
}
KINDS = tuple(_KINDS)


def simulate(
    kind: str,
    *,
    frames: int = 120,
    size: tuple[int, int] = (128, 128),
    seed: int = 0,
    noise: float = 0.03,
) -> Simulated:
    """Make a movie of one of ``KINDS``; the same seed makes the same movie.

    Parameters
    ----------
    kind : str
        "tissue": membranes of a flowing, dividing sheet of cells, confocal, 60 s and
        0.5 micrometres; "yeast": cells budding in a trap, brightfield, 180 s and 0.25
        micrometres; "waves": spiral waves of an excitable medium, 15 s and 20
        micrometres.
    frames : int
        Number of frames.
    size : (int, int)
        Y and X in pixels.
    seed : int
        Decides what happens in the movie, and its noise.
    noise : float
        Standard deviation of photon and read noise together, averaged over the movie,
        as a share of the range from the darkest to the brightest 1 % of the picture.
    """
    if kind not in _KINDS:
        raise MovieError(
            f"There is no simulated movie {kind!r}; choose from {', '.join(KINDS)}."
        )
    if frames < 1 or min(size) < SMALLEST or noise < 0:
        raise MovieError(
            f"A simulated movie needs at least 1 frame of {SMALLEST} by {SMALLEST} "
            f"pixels and no negative noise; got {frames} frame(s) of {size[0]} by "
            f"{size[1]} pixels and noise {noise:g}."
        )
    look = _KINDS[kind]
    rng = np.random.default_rng([seed, KINDS.index(kind)])
    drawn, cells = look.draw(frames, size, rng)
    truth = _through_microscope(drawn, look)
    low, high = np.percentile(truth[:: max(1, frames // 10)], (1, 99))
    movie = _record(truth, noise * float(high - low), look, rng)
    rms = float(np.sqrt(np.mean(np.square(movie - truth, dtype=np.float64))))
    return Simulated(_movie(movie, kind), _movie(truth, kind), rms, cells)


def _through_microscope(drawn: NDArray[np.float32], look: _Kind) -> NDArray[np.float32]:
    """Grey levels after the blur, shape (T, Y, X), within what the camera can hold."""
    from scipy.ndimage import gaussian_filter

    top = MOST[look.dtype]
    for time, frame in enumerate(drawn):
        sharp = look.black + (look.white - look.black) * frame
        drawn[time] = np.clip(gaussian_filter(sharp, look.blur), look.black, 0.97 * top)
    return drawn


def _record(
    truth: NDArray[np.float32], sigma: float, look: _Kind, rng: np.random.Generator
) -> NDArray[np.unsignedinteger[Any]]:
    """Add photon and read noise with the overall standard deviation ``sigma``."""
    top = MOST[look.dtype]
    light = truth - look.black
    gain = SHOT * sigma**2 / max(float(light.mean()), 1e-6)  # grey levels per photon
    movie = np.empty(truth.shape, look.dtype)
    for time, frame in enumerate(light):
        seen = gain * rng.poisson(frame / gain) if gain > 0 else frame
        seen = seen + rng.normal(0, sigma * np.sqrt(1 - SHOT), frame.shape)
        movie[time] = np.clip(np.rint(look.black + seen), 0, top)
    return movie


def _movie(frames: NDArray[Any], kind: str) -> Movie:
    look = _KINDS[kind]
    return Movie(
        frames[:, None],
        interval=look.interval,
        pixel_size=(look.pixel, look.pixel),
        name=f"{kind} (simulated)",
    )
