"""Changes from one frame to the next that are unlike all others: jumps and flashes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from napari_morphocast.data.finite import pieces
from napari_morphocast.data.shifts import Spectrum, shift_between
from napari_morphocast.data.windows import Windows
from napari_morphocast.errors import MovieError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from napari_morphocast.data.movie import Movie
    from napari_morphocast.data.windows import Part

GRID = 8  # blocks along each side of a frame: what is coarse
LEAST = 0.05  # spread of each number below which all changes count as alike
FEWEST = 16  # changes; fewer cannot tell what is usual
LISTED = 8  # frames named in a sentence; of more, only the number is told


def without_outliers(windows: Windows, sigmas: float) -> Windows:
    """Leave out the windows that hold an outlying change from frame to frame.

    Raises
    ------
    MovieError
        If no window is left.
    """
    breaks = _breaks(windows.parts, sigmas)
    parts = [replace(p, breaks=b) for p, b in zip(windows.parts, breaks, strict=True)]
    kept = Windows(parts, windows.spec)
    if not len(kept):
        raise MovieError(
            f"Every one of the {len(windows)} training windows holds a change from "
            f"frame to frame beyond {sigmas:g} sigma; raise outliers, set it to 0, or "
            "shorten the context."
        )
    return kept


def outliers(movie: Movie, first: int, stop: int, sigmas: float) -> frozenset[int]:
    """Frames that differ from the frame before them as hardly any other does.

    A Gaussian is fitted to a few numbers about every change, and a change counts as an
    outlier when its Mahalanobis distance is as unlikely as ``sigmas`` standard
    deviations of a single number (3: 0.27 %). Pixels are too many to fit a Gaussian
    to, and raw covariances of short movies too uncertain: hence few numbers, and
    shrinkage (Ledoit and Wolf, 2004). What is found is set aside and the fit made once
    more, so that one outlier does not hide another. A repeated frame is no change and
    never an outlier.

    Parameters
    ----------
    movie : Movie
        Read a few frames at a time.
    first, stop : int
        Only changes between frames ``first`` to ``stop - 1`` are looked at.
    sigmas : float
        How unlikely; smaller finds more.
    """
    numbers, frames = _described(movie, first, stop)
    return frozenset(frames[_unusual(numbers, sigmas)].tolist())


def _breaks(parts: Sequence[Part], sigmas: float) -> list[frozenset[int]]:
    """Outliers of each part; parts too short to tell alone are looked at together."""
    described = [_described(p.movie, p.first, p.stop) for p in parts]
    short = [numbers for numbers, _ in described if len(numbers) < FEWEST]
    together = iter(_unusual(np.concatenate(short), sigmas) if short else ())
    found = []
    for numbers, frames in described:
        if len(numbers) < FEWEST:
            far = np.array([next(together) for _ in frames], bool)
        else:
            far = _unusual(numbers, sigmas)
        found.append(frozenset(frames[far].tolist()))
    return found


def _unusual(numbers: NDArray[np.float64], sigmas: float) -> NDArray[np.bool_]:
    """Which changes (changes, 5) are outliers; none if they are too few to tell."""
    from scipy.special import erfc
    from scipy.stats import chi2

    if len(numbers) < FEWEST:
        return np.zeros(len(numbers), bool)
    limit = chi2.isf(erfc(sigmas / np.sqrt(2)), numbers.shape[1])
    usual = _distances(numbers, np.ones(len(numbers), bool)) <= limit
    if np.count_nonzero(usual) >= FEWEST:
        usual = _distances(numbers, usual) <= limit
    far: NDArray[np.bool_] = ~usual
    return far


def left_out(windows: Windows) -> str:
    """Say in one sentence how much ``without_outliers`` left out."""
    parts = windows.parts
    whole = Windows([replace(p, breaks=frozenset()) for p in parts], windows.spec)
    found = sum(len(part.breaks) for part in parts)
    if not found:
        return "No change from frame to frame is an outlier; nothing was left out."
    listed = ", ".join(map(str, sorted(parts[0].breaks)))
    where = f" (to frame {listed})" if len(parts) == 1 and found <= LISTED else ""
    changes = sum(part.stop - part.first - 1 for part in parts)
    return (
        f"{found} of {changes} changes from frame to frame are outliers{where}: "
        f"{len(whole) - len(windows)} of {len(whole)} training windows are left out."
    )


def _distances(
    numbers: NDArray[np.float64], usual: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Squared Mahalanobis distances from the usual changes."""
    from sklearn.covariance import LedoitWolf

    centre = numbers[usual].mean(0)
    spread = np.maximum(numbers[usual].std(0), LEAST)
    scaled = (numbers - centre) / spread
    fitted = LedoitWolf().fit(scaled[usual])
    found: NDArray[np.float64] = fitted.mahalanobis(scaled)
    return found


def _described(
    movie: Movie, first: int, stop: int
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Five numbers about every change, (changes, 5), and the frames it leads to.

    How much brighter it gets, the logarithms of its size at the scale of pixels and at
    that of an eighth of the frame, as means of all channels, and the shift (y, x) of
    the whole picture in pixels.
    """
    rows = list(_measured(movie, first, stop))
    sizes = np.array([size for size, _, _ in rows]).reshape(-1, 3, movie.shape[1])
    shifts = np.array([shift for _, shift, _ in rows]).reshape(-1, 2)
    frames = np.array([number for *_, number in rows], np.int64)
    changed = sizes[:, 1].any(-1)
    if not changed.any():
        return np.empty((0, 5)), frames[changed]
    sizes, shifts, frames = sizes[changed], shifts[changed], frames[changed]
    unit = np.median(sizes[:, 1], 0)
    brighter, fine, coarse = np.moveaxis(sizes / np.where(unit > 0, unit, 1), 1, 0)
    logs = (np.log(size + LEAST).mean(-1) for size in (fine, coarse))
    return np.column_stack([brighter.mean(-1), *logs, shifts]), frames


def _measured(
    movie: Movie, first: int, stop: int
) -> Iterator[tuple[NDArray[np.float32], tuple[float, float], int]]:
    """Mean, fine and coarse size (3, C) and shift of every change, and its frame."""
    before: tuple[NDArray[np.float32], Spectrum] | None = None
    for begin, end in pieces(movie, first, stop):
        for number, frame in enumerate(movie.read(begin, end), begin):
            now = frame, Spectrum.of(frame.mean(0))
            if before is not None:
                change = frame - before[0]
                sizes = change.mean((1, 2)), _size(change), _size(_blocks(change))
                yield np.stack(sizes), shift_between(before[1], now[1]), number
            before = now


def _size(change: NDArray[np.float32]) -> NDArray[np.float32]:
    """Root mean square of each channel of (C, Y, X)."""
    size: NDArray[np.float32] = np.sqrt(np.square(change).mean((1, 2)))
    return size


def _blocks(change: NDArray[np.float32]) -> NDArray[np.float32]:
    """Means of ``GRID`` x ``GRID`` blocks of (C, Y, X)."""
    for axis in (1, 2):
        length = change.shape[axis]
        edges = np.linspace(0, length, min(GRID, length), endpoint=False).astype(int)
        widths = np.diff([*edges, length]).astype(np.float32)
        change = np.add.reduceat(change, edges, axis)
        change = np.moveaxis(np.moveaxis(change, axis, -1) / widths, -1, axis)
    return change
