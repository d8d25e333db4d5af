"""How noisy a movie is, judged from what no cell can do: flicker pixel by pixel."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

LEVELS = 8  # groups of pixels of similar brightness; photon noise grows with it
MAD_TO_SIGMA = 1.4826  # median absolute deviation to standard deviation, Gaussian


def estimate_noise(
    frames: NDArray[np.float32], where: NDArray[np.bool_] | None = None
) -> tuple[float, ...]:
    """Standard deviation of the noise of each channel, in grey levels.

    What is steady or smooth in space or in time cancels in a second difference along
    time of a second difference in space; noise does not. Medians over pixels of
    similar brightness discard the few where an edge passed by.

    Parameters
    ----------
    frames : array, shape (T, C, Y, X)
        Consecutive frames; with fewer than three, only space is used.
    where : array of bool, shape (Y, X) or (T, Y, X), optional
        Pixels to look at, for photon noise differs between dark and bright ones; all
        unless given, and if none of these has only such around it.
    """
    inside = None if where is None else np.broadcast_to(where, frames[:, 0].shape)
    return tuple(
        _noise(frames[:, channel], inside) for channel in range(frames.shape[1])
    )


def _noise(frames: NDArray[np.float32], where: NDArray[np.bool_] | None) -> float:
    """Noise of one channel, frames (T, Y, X)."""
    if min(frames.shape[1:]) < 3:
        return 0.0
    fresh = [
        True,
        *(bool(np.any(b != a)) for a, b in pairwise(frames)),
    ]
    frames = frames[np.array(fresh)]  # a repeated frame has no noise of its own
    where = None if where is None else where[np.array(fresh)]
    axes = (0, 1, 2) if len(frames) >= 3 else (1, 2)
    residue = level = frames
    for axis in axes:  # a mean of three knows nothing of their second difference
        residue, level = _second(residue, axis), _mean(level, axis)
        where = None if where is None else _all_three(where, axis)
    if where is not None and where.any():
        residue, level = residue[where], level[where]
    size = np.abs(residue.ravel())
    groups = np.array_split(np.argsort(level.ravel(), kind="stable"), LEVELS)
    sigmas = [MAD_TO_SIGMA * np.median(size[group]) for group in groups if group.size]
    return float(np.sqrt(np.mean(np.square(sigmas))))


def _all_three(where: NDArray[np.bool_], axis: int) -> NDArray[np.bool_]:
    """Where a pixel and the two beside it count."""
    moved = np.moveaxis(where, axis, 0)
    return np.moveaxis(moved[:-2] & moved[1:-1] & moved[2:], 0, axis)


def _second(values: NDArray[np.float32], axis: int) -> NDArray[np.float32]:
    """Second difference, scaled so that white noise keeps its standard deviation."""
    result: NDArray[np.float32] = np.diff(values, 2, axis) / np.float32(np.sqrt(6))
    return result


def _mean(values: NDArray[np.float32], axis: int) -> NDArray[np.float32]:
    """Mean of each value and the two beside it."""
    moved = np.moveaxis(values, axis, 0)
    result: NDArray[np.float32] = (moved[:-2] + moved[1:-1] + moved[2:]) / np.float32(3)
    return np.moveaxis(result, 0, axis)
