"""Grey levels to about 0..1 and back: fitted on training frames, kept in the model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import BaseModel, ConfigDict

from napari_morphocast.errors import MovieError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_morphocast.data.movie import Movie
    from napari_morphocast.data.windows import Part

PERCENTILES = 0.5, 99.9
MOST_FRAMES = 64
MOST_PIXELS = 2**18


class Scaling(BaseModel):
    """A straight line per channel that maps usual grey levels to 0..1.

    Parameters
    ----------
    low, high : tuple of float
        Grey levels, one per channel, that become 0 and 1.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    low: tuple[float, ...]
    high: tuple[float, ...]

    @classmethod
    def fit(cls, parts: Sequence[Part]) -> Scaling:
        """Fit percentiles of the frames that training may see.

        Raises
        ------
        MovieError
            If a channel never changes, since there is nothing to forecast.
        """
        samples = np.concatenate([_sample(p.movie, p.first, p.stop) for p in parts], 1)
        low, high = np.percentile(samples, PERCENTILES, axis=1)
        flat = samples.max(1) == samples.min(1)
        if flat.any():
            raise MovieError(
                f"Channel {int(flat.argmax())} of {parts[0].movie.name!r} has the same "
                f"grey level ({samples[flat.argmax(), 0]:g}) everywhere, so there is "
                "nothing to forecast; choose another channel or movie."
            )
        narrow = high <= low
        low = np.where(narrow, samples.min(1), low)
        high = np.where(narrow, samples.max(1), high)
        return cls(low=tuple(map(float, low)), high=tuple(map(float, high)))

    @property
    def span(self) -> NDArray[np.float32]:
        """Grey levels per unit, shape (C, 1, 1)."""
        return self._column(self.high) - self._column(self.low)

    def apply(self, frames: NDArray[Any]) -> NDArray[np.float32]:
        """Map grey levels (..., C, Y, X) to about 0..1."""
        scaled = (frames.astype(np.float32) - self._column(self.low)) / self.span
        return np.asarray(scaled, np.float32)

    def invert(self, frames: NDArray[np.float32]) -> NDArray[np.float32]:
        """Map about 0..1 (..., C, Y, X) back to grey levels; undoes ``apply``."""
        return np.asarray(frames * self.span + self._column(self.low), np.float32)

    @staticmethod
    def _column(values: tuple[float, ...]) -> NDArray[np.float32]:
        return np.asarray(values, np.float32)[:, None, None]


def as_stored(frames: NDArray[np.float32], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Round and clip float grey levels to the type that a movie is stored in."""
    if dtype == np.bool_:
        return frames >= 0.5
    if np.issubdtype(dtype, np.integer):
        limits = np.iinfo(dtype)
        rounded = np.rint(frames.astype(np.float64))
        return np.clip(rounded, limits.min, limits.max).astype(dtype)
    return frames.astype(dtype)


def _sample(movie: Movie, first: int, stop: int) -> NDArray[np.float32]:
    """Take grey levels from evenly spaced frames and pixels, shape (C, samples)."""
    times = np.unique(np.linspace(first, stop - 1, MOST_FRAMES).round().astype(int))
    _, channels, height, width = movie.shape
    step = max(1, int(np.ceil(np.sqrt(height * width * len(times) / MOST_PIXELS))))
    frames = [movie.read(t, t + 1)[0, :, ::step, ::step] for t in times]
    return np.stack(frames, 1).reshape(channels, -1)
