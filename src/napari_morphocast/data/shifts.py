"""By how much one whole picture lies beside another."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

FINEST = 3.0  # pixels; detail below this is mostly noise and is left out


@dataclass(frozen=True, slots=True, eq=False)
class Spectrum:
    """A picture without its mean and borders, as its Fourier transform."""

    values: NDArray[np.complex64]  # (Y, X // 2 + 1)
    shape: tuple[int, int]  # Y, X

    @staticmethod
    def of(picture: NDArray[np.float32]) -> Spectrum:
        """Transform a picture (Y, X)."""
        from scipy import fft

        y, x = picture.shape
        window = np.hanning(y + 2)[1:-1, None] * np.hanning(x + 2)[None, 1:-1]
        values = fft.rfft2((picture - picture.mean()) * window.astype(np.float32))
        return Spectrum(values, (y, x))

    @property
    def power(self) -> float:
        """Sum of squares of the coarse detail."""
        return float((np.abs(self.values) ** 2 * _band(self.shape)).sum())

    def beyond(self, other: Spectrum, shift: tuple[float, float]) -> Spectrum:
        """What is left of the other picture after this one, shifted, is taken away."""
        y = np.fft.fftfreq(self.shape[0])[:, None] * shift[0]
        x = np.fft.rfftfreq(self.shape[1])[None] * shift[1]
        moved = self.values * np.exp(-2j * np.pi * (y + x)).astype(np.complex64)
        return Spectrum(other.values - moved, self.shape)


def noise_power(shape: tuple[int, int], sigma: float) -> float:
    """Power that white noise of ``sigma`` has, in the spectrum of a picture (Y, X)."""
    window = (3 / 8) ** 2 * shape[0] * shape[1]  # mean square of two Hann windows
    return sigma**2 * window * float(_band(shape).sum())


def shift_between(before: Spectrum, after: Spectrum) -> tuple[float, float]:
    """By how many pixels (y, x) the later picture has moved, by phase correlation."""
    from scipy import fft

    cross = after.values * before.values.conj()
    size = np.abs(cross)
    # Weighing by a root of the power lets strong, coarse detail speak louder than
    # noise does, and keeps the peak sharp.
    cross *= _band(before.shape) / np.maximum(size, size.max() * 1e-9 + 1e-30) ** 0.7
    peaks = fft.irfft2(cross, before.shape)
    place = np.unravel_index(int(np.argmax(peaks)), peaks.shape)
    result = [_refine(peaks, place, axis) for axis in (0, 1)]
    return result[0], result[1]


def _refine(peaks: NDArray[np.float32], place: tuple[np.intp, ...], axis: int) -> float:
    """Top of the parabola through the peak and its neighbours, as a signed shift."""
    length = peaks.shape[axis]
    index: list[Any] = list(place)
    around = []
    for step in (-1, 0, 1):
        index[axis] = (int(place[axis]) + step) % length
        around.append(float(peaks[tuple(index)]))
    low, top, high = around
    bend = low - 2 * top + high
    shift = int(place[axis]) + (0.5 * (low - high) / bend if bend < 0 else 0.0)
    return shift - length if shift > length / 2 else shift


@lru_cache(maxsize=4)
def _band(shape: tuple[int, int]) -> NDArray[np.float32]:
    """Weight of each frequency: 1 for coarse detail, falling to 0 for fine."""
    y = np.fft.fftfreq(shape[0])[:, None]
    x = np.fft.rfftfreq(shape[1])[None]
    result: NDArray[np.float32] = np.exp(-((y**2 + x**2) * FINEST**2)).astype(
        np.float32
    )
    return result
