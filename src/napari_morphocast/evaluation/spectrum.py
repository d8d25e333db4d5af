"""How much fine detail a forecast has: its power by spatial frequency, over truth's."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

MOST_RINGS = 32
FINEST = 0.5  # cycles per pixel: one pixel bright, one dark


@dataclass(frozen=True, slots=True, eq=False)
class Spectra:
    """Power of forecasts over that of the truth: 1 = as sharp, below 1 = blurred.

    Parameters
    ----------
    frequencies : array, shape (F,)
        Cycles per pixel; its inverse is the size of a pattern in pixels.
    models : tuple of str
        Names, in the order of ``ratios``.
    ratios : array, shape (models, leads, F)
        Power of the forecasts over the power of the recorded frames.
    noise : array, shape (leads, F)
        Share of the recorded frames' power that is noise, which no forecast can know:
        a forecast that is sharp and free of noise has a ratio of ``1 - noise``.
    """

    frequencies: NDArray[np.float64]
    models: tuple[str, ...]
    ratios: NDArray[np.float64]
    noise: NDArray[np.float64]

    def of(self, model: str, lead: int) -> NDArray[np.float64]:
        """Ratios of one model at one lead, shape (F,)."""
        return np.asarray(self.ratios[self.models.index(model), lead - 1], np.float64)

    def as_dict(self) -> dict[str, Any]:
        """Everything as plain values."""
        return {
            "frequencies": self.frequencies.tolist(),
            "noise": self.noise.tolist(),
            "ratios": dict(zip(self.models, self.ratios.tolist(), strict=True)),
        }


def radial_power(frames: NDArray[Any]) -> NDArray[np.float64]:
    """Mean power in rings of equal spatial frequency, shape (..., F).

    Scaled so that white noise has its variance in every ring.

    Parameters
    ----------
    frames : array, shape (..., Y, X)
        Faded out towards their borders (Hann), which are no edges of the scene.
    """
    *lead, height, width = frames.shape
    fade = np.outer(np.hanning(height + 2)[1:-1], np.hanning(width + 2)[1:-1])
    flat = frames - frames.mean((-2, -1), keepdims=True)
    waves = np.fft.rfft2(flat * fade)
    power = np.square(np.abs(waves)).reshape(-1, height * (width // 2 + 1))
    rings = _rings(height, width) @ power.T / np.square(fade).sum()
    return np.asarray(rings.T.reshape(*lead, -1), np.float64)


def frequencies(height: int, width: int) -> NDArray[np.float64]:
    """Middle of every ring, in cycles per pixel, shape (F,)."""
    count = _ring_count(height, width)
    return np.asarray((np.arange(count) + 0.5) * FINEST / count, np.float64)


def _ring_count(height: int, width: int) -> int:
    return max(1, min(MOST_RINGS, min(height, width) // 2))


@lru_cache(maxsize=4)
def _rings(height: int, width: int) -> Any:
    """Matrix (F, waves) that takes the mean over each ring; corners are left out."""
    from scipy.sparse import csr_matrix

    y, x = np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None]
    radius = np.hypot(y, x).ravel()
    count = _ring_count(height, width)
    ring = np.ceil(radius / FINEST * count - 1e-6).astype(int) - 1
    inside = np.flatnonzero((radius > 0) & (ring < count))
    twice = np.broadcast_to(np.where((x == 0) | (x == 0.5), 1.0, 2.0), (height, x.size))
    weights = twice.ravel()[inside]  # a real picture's other half is not computed
    total = np.bincount(ring[inside], weights, count)
    shares = weights / total[ring[inside]]
    return csr_matrix((shares, (ring[inside], inside)), (count, radius.size))
