"""What a model usually gets wrong: at a place, and where a picture looks alike."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.ndimage import gaussian_filter

from napari_morphocast.data.room import room

if TYPE_CHECKING:
    from numpy.typing import NDArray

STEPS = 12  # of brightness, and of contrast
WIDER = 1.5  # the window that contrast is seen in, in units of the blur
SAMPLE = 16  # frames that decide where one step ends and the next begins,
PIXELS = 2**16  # and pixels of each of them


@dataclass(frozen=True, slots=True, eq=False)
class Usual:
    """The usual size of errors, for each frame as the frames far from it tell it.

    Two things are known before a frame comes: how wrong the model tends to be at each
    place, and how wrong it tends to be where it expects such a brightness and contrast,
    anywhere in the movie. A pixel's usual error is the root mean square of the two. So
    what is always wrong does not surprise, nor do the edges of moving cells, nor noise
    that grows with light; and few frames suffice. Both are averaged over frames as the
    square of a mean of square roots, which rare events hardly move.

    Parameters
    ----------
    sizes : array, shape (N, C, Y, X)
        Sizes of the errors.
    groups : array, shape (N, C, Y, X)
        Step of brightness times ``STEPS`` plus step of contrast that was expected.
    until : int
        Frames before this one say what is usual.
    apart : int
        Frames this near to a frame, and itself, have no say in what is usual there:
        the same cell is still where it was.
    blur : float
        Sigma over which neighbouring pixels share what is usual where it looks alike.
    floor : float
        No usual error is smaller (grey levels).
    place : array, shape (C, Y, X)
        Sum of the roots of the sizes over these frames.
    sums, counts : array, shape (until, C, STEPS * STEPS)
        Sum of roots, and number of pixels, in each frame and group.
    """

    sizes: NDArray[np.float32]
    groups: NDArray[np.uint8]
    until: int
    apart: int
    blur: float
    floor: float
    place: NDArray[np.float64]
    sums: NDArray[np.float64]
    counts: NDArray[np.float64]

    @classmethod
    def fit(
        cls,
        sizes: NDArray[np.float32],
        expected: NDArray[Any],
        until: int,
        *,
        apart: int,
        blur: float,
        floor: float,
    ) -> Usual:
        """Go once through the frames that say what is usual.

        ``expected`` are the forecasts that were wrong by ``sizes``.
        """
        groups = _look_alikes(expected, until, blur)
        place = np.zeros(sizes.shape[1:])
        sums = np.zeros((until, sizes.shape[1], STEPS * STEPS))
        counts = np.zeros_like(sums)
        for k in range(until):
            roots = np.sqrt(sizes[k])
            place += roots
            for c, group in enumerate(groups[k].reshape(sizes.shape[1], -1)):
                sums[k, c] = np.bincount(group, roots[c].ravel(), STEPS * STEPS)
                counts[k, c] = np.bincount(group, minlength=STEPS * STEPS)
        return cls(sizes, groups, until, apart, blur, floor, place, sums, counts)

    def __len__(self) -> int:
        return len(self.sizes)

    def error(self, k: int) -> NDArray[np.float32]:
        """Usual error (C, Y, X) of forecast ``k``, as frames far from it tell it."""
        near = slice(max(0, k - self.apart), min(self.until, k + self.apart + 1))
        count = self.until - len(range(self.until)[near])
        place = self.place - np.sqrt(self.sizes[near]).sum(0)
        place = np.square(place / count)
        sums, counts = (
            _smooth(v.sum(0) - v[near].sum(0)) for v in (self.sums, self.counts)
        )
        alike = np.square(sums / np.maximum(counts, 1e-9))
        alike = np.stack([a[g] for a, g in zip(alike, self.groups[k], strict=True)])
        alike = gaussian_filter(alike, (0, self.blur, self.blur))
        usual = np.sqrt((np.square(place) + np.square(alike)) / 2)
        return np.asarray(np.maximum(usual, self.floor), np.float32)

    def surprise(self, k: int) -> NDArray[np.float32]:
        """Size of the error of forecast ``k`` in units of the usual, (C, Y, X)."""
        return np.asarray(self.sizes[k] / self.error(k))


def _look_alikes(expected: NDArray[Any], until: int, blur: float) -> NDArray[np.uint8]:
    """Group all pixels (N, C, Y, X) by the brightness and contrast expected there.

    The steps of both are chosen so that each holds as many pixels of the forecasts
    before ``until``.
    """
    some = np.unique(np.linspace(0, until - 1, SAMPLE).round().astype(int))
    thin = max(1, int(np.sqrt(expected[0, 0].size / PIXELS)))
    sample = [_looks(expected[k], blur)[..., ::thin, ::thin] for k in some]
    edges = _edges(np.stack(sample))
    groups = room(expected.shape, np.uint8)
    for k, frame in enumerate(expected):
        for c, looks in enumerate(_looks(frame, blur).swapaxes(0, 1)):
            brightness, contrast = map(np.searchsorted, edges[:, c], looks)
            groups[k, c] = brightness * STEPS + contrast
    return groups


def _looks(frame: NDArray[Any], blur: float) -> NDArray[np.float32]:
    """Brightness and contrast around each pixel of a frame (C, Y, X): (2, C, Y, X)."""
    change = frame.astype(np.float32)
    middle = change.mean((1, 2), keepdims=True)
    change -= middle
    narrow, wide = ((0, s, s) for s in (blur, WIDER * max(blur, 1.0)))
    variance = gaussian_filter(np.square(change), wide)
    variance -= np.square(gaussian_filter(change, wide))
    brightness = middle + gaussian_filter(change, narrow)
    return np.stack([brightness, np.sqrt(np.maximum(variance, 0))])


def _edges(looks: NDArray[np.float32]) -> NDArray[np.float64]:
    """Edges (2, C, STEPS - 1) between equally full steps; ``looks`` (N, 2, C, Y, X)."""
    flat = looks.transpose(1, 2, 0, 3, 4).reshape(*looks.shape[1:3], -1)
    shares = np.arange(1, STEPS) / STEPS
    return np.moveaxis(np.quantile(flat, shares, axis=-1), 0, -1)


def _smooth(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Let a group borrow from those beside it: some hold few pixels."""
    table = values.reshape(-1, STEPS, STEPS)
    smooth = gaussian_filter(table, (0, 0.7, 0.7), mode="nearest")
    return np.asarray(smooth.reshape(values.shape))
