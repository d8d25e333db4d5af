"""Grey levels to about 0..1 and back: fitted on training frames, kept in the model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import BaseModel, ConfigDict

from napari_morphocast.data.labels import brightest
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
        """Fit percentiles of the frames that training may see; labels are not scaled.

        Raises
        ------
        MovieError
            If a channel never changes, since there is nothing to forecast.
        """
        movie = parts[0].movie
        samples = np.concatenate([_sample(p.movie, p.first, p.stop) for p in parts], 1)
        lines = [
            _line(levels, f"Channel {number} of {movie.name!r}")
            for number, levels in enumerate(samples[: movie.pictured])
        ]
        if movie.labels:
            lines.append((0.0, brightest(movie.dtype)))
        return cls(low=tuple(low for low, _ in lines), high=tuple(h for _, h in lines))

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


def _line(levels: NDArray[np.float32], what: str) -> tuple[float, float]:
    """Grey levels that become 0 and 1; those that are no numbers do not count."""
    known = levels[np.isfinite(levels)]
    if not known.size or known.min() == known.max():
        level = f"the same grey level ({known[0]:g})" if known.size else "no grey level"
        raise MovieError(
            f"{what} has {level} everywhere, so there is nothing to forecast; choose "
            "another channel or movie."
        )
    low, high = np.percentile(known, PERCENTILES)
    if high <= low:
        low, high = known.min(), known.max()
    return float(low), float(high)


def _sample(movie: Movie, first: int, stop: int) -> NDArray[np.float32]:
    """Take grey levels from evenly spaced frames and pixels, shape (C, samples)."""
    times = np.unique(np.linspace(first, stop - 1, MOST_FRAMES).round().astype(int))
    _, channels, height, width = movie.shape
    step = max(1, int(np.ceil(np.sqrt(height * width * len(times) / MOST_PIXELS))))
    frames = [movie.read(t, t + 1)[0, :, ::step, ::step] for t in times]
    return np.stack(frames, 1).reshape(channels, -1)
