"""Which pixels count: a region that somebody drew, and those that change."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_morphocast.data.overlay import misplaced
from napari_morphocast.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_morphocast.data.movie import Movie

CHANGE = 3.0  # standard deviations of the noise


def changing(
    known: NDArray[Any], truth: NDArray[Any], noise: Sequence[float]
) -> NDArray[np.bool_]:
    """Where frames differ from the last known one by more than 3 noise sigma.

    Both frames are noisy, so 3.4 % of the pixels of a still scene are among them.

    Parameters
    ----------
    known : array, shape (C, Y, X)
        The last known frame.
    truth : array, shape (H, C, Y, X)
        The frames that followed.
    noise : sequence of float
        Standard deviation of the noise of each channel, in grey levels.

    Returns
    -------
    array, shape (H, C, Y, X)
    """
    limits = CHANGE * np.asarray(noise, np.float64)[:, None, None]
    difference = np.asarray(truth, np.float64) - np.asarray(known, np.float64)
    return np.asarray(np.abs(difference) > limits, np.bool_)


def check_region(region: NDArray[np.bool_] | None, movie: Movie) -> None:
    """Refuse a region that does not fit the movie, or in which nothing lies.

    Raises
    ------
    SettingsError
        Names both shapes.
    """
    if region is None:
        return
    if wrong := misplaced("The region has", region, movie):
        raise SettingsError(f"{wrong}; draw it on this movie.")
    if not np.any(region):
        raise SettingsError(
            "The region is empty, so no error would count; draw a larger one."
        )


def counted(
    region: NDArray[np.bool_] | None, start: int, stop: int
) -> NDArray[np.bool_] | None:
    """Pixels that count in frames ``start`` to ``stop - 1``; None for all of them.

    Returns
    -------
    array, shape (stop - start, 1, Y, X) or (1, Y, X)
    """
    if region is None:
        return None
    return region[start:stop, None] if region.ndim == 3 else region[None]
