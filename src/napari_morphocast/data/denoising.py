"""Non-local means: noise goes, because similar patches lie elsewhere in the frame."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_morphocast.data.noise import estimate_noise
from napari_morphocast.data.scaling import as_stored

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_morphocast.data.movie import Movie

PATCH, REACH = 5, 6  # side of a patch, and how far away similar ones are looked for
MARGIN = REACH + PATCH // 2  # pixels around a pixel that its new value depends on
STRENGTH = 0.8  # of the noise: what scikit-image advises for its fast mode
SAMPLES = 8  # places in time where the noise is estimated
TOGETHER = 3  # frames


@dataclass(frozen=True, slots=True)
class NonLocalMeans:
    """Denoises single frames of one movie (Buades, Coll and Morel, 2005).

    Parameters
    ----------
    noise : tuple of float
        Standard deviation of the noise of each channel, in grey levels.
    """

    noise: tuple[float, ...]

    @classmethod
    def fit(cls, movie: Movie, stop: int) -> NonLocalMeans:
        """Estimate the noise of a movie from its frames before ``stop``."""
        last = max(0, stop - TOGETHER)
        starts = np.unique(np.linspace(0, last, SAMPLES).round().astype(int))
        found = [estimate_noise(movie.read(t, min(stop, t + TOGETHER))) for t in starts]
        return cls(tuple(float(sigma) for sigma in np.median(found, axis=0)))

    def __call__(self, frames: NDArray[Any]) -> NDArray[Any]:
        """Denoise frames (T, C, Y, X), each for itself, in their stored type."""
        clean = frames.astype(np.float32)
        for frame in clean:
            for channel, sigma in zip(frame, self.noise, strict=True):
                channel[:] = _denoised(channel, sigma)
        return as_stored(clean, frames.dtype)


def _denoised(picture: NDArray[np.float32], sigma: float) -> NDArray[np.float32]:
    """Denoise one channel (Y, X); without noise there is nothing to do."""
    from skimage.restoration import denoise_nl_means

    if not sigma:
        return picture
    found: NDArray[np.float32] = denoise_nl_means(
        picture,
        patch_size=PATCH,
        patch_distance=REACH,
        h=STRENGTH * sigma,
        sigma=sigma,
        preserve_range=True,
    )
    return found
