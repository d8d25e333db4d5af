"""Pixels that are not numbers: refused by name, or interpolated when asked to."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_morphocast.data.movie import LazyFrames
from napari_morphocast.errors import MovieError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from napari_morphocast.data.movie import Frames, Movie

CHUNK = 32 * 2**20  # bytes of frames that are looked at together
HIGHEST = 1e15  # grey level; squares of many more would overflow
REACH = 16  # frames searched before and after one for a pixel that is a number


def pieces(movie: Movie, start: int, stop: int) -> Iterator[tuple[int, int]]:
    """Stretches of frames from ``start`` to ``stop - 1``, each small in memory."""
    size = max(1, movie.nbytes // len(movie))
    step = int(min(16, max(1, CHUNK // size)))
    for begin in range(start, stop, step):
        yield begin, min(stop, begin + step)


def require_finite(movie: Movie, start: int, stop: int) -> None:
    """Refuse NaN and infinite pixels in frames ``start`` to ``stop - 1``."""
    if not np.issubdtype(movie.dtype, np.inexact):
        return
    for begin, end in pieces(movie, start, stop):
        read_finite(movie, begin, end)


def read_finite(movie: Movie, start: int, stop: int) -> NDArray[np.float32]:
    """Frames ``start`` to ``stop - 1`` as float32; refuses NaN and infinite pixels."""
    frames = movie.read(start, stop)
    broken = ~np.isfinite(frames)
    if broken.any():
        counts = broken.sum(axis=(1, 2, 3))
        first = int(np.flatnonzero(counts)[0])
        raise MovieError(
            f"Frame {start + first} of {movie.name!r} (counted from 0) has "
            f"{int(counts[first])} pixel(s) that are NaN or infinite; repair the movie",
            "--fill-nan interpolates them from the frames around.",
        )
    refuse_huge(frames, movie, start)
    return frames


def refuse_huge(frames: NDArray[np.float32], movie: Movie, first: int) -> None:
    """Refuse grey levels (T, C, Y, X) whose squares would not fit into a float32."""
    levels = np.abs(frames, where=np.isfinite(frames), out=np.zeros_like(frames))
    highest = levels.max(axis=(1, 2, 3))
    if highest.max() > HIGHEST:
        frame = first + int(np.argmax(highest > HIGHEST))
        raise MovieError(
            f"Frame {frame} of {movie.name!r} (counted from 0) has grey levels of up "
            f"to {highest.max():.2g}, too large to compute with; divide all frames by "
            "the same number."
        )


def fill_nan(movie: Movie, *, from_past: bool = False) -> Movie:
    """The same movie with NaN and infinite pixels interpolated as they are read.

    Each is interpolated in time between the nearest frames, at most 16 away, in which
    the pixel is a number; a pixel without any takes the nearest good one in its frame.
    With ``from_past`` only earlier frames count, as a forecast's context demands: what
    is filled in must not come from the frames to be foretold.
    """
    if not np.issubdtype(movie.dtype, np.inexact):
        return movie
    return replace(movie, frames=_Filled(movie.frames, from_past))


@dataclass(frozen=True, slots=True, eq=False)
class _Filled(LazyFrames):
    """Frames (T, C, Y, X) whose broken pixels are interpolated when they are read."""

    frames: Frames
    from_past: bool

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.frames.shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        return np.dtype(self.frames.dtype)

    def at(self, time: Any) -> NDArray[Any]:
        numbers = range(self.shape[0])[time]
        if isinstance(numbers, int):
            return self._frame(numbers)
        frames = [self._frame(number) for number in numbers]
        return np.stack(frames) if frames else np.empty((0, *self.shape[1:]))

    def _frame(self, number: int) -> NDArray[Any]:
        frame = np.asarray(self.frames[number])
        if np.isfinite(frame).all():
            return frame
        before, since = self._nearest(number, -1)
        after, until = self._nearest(number, +1)
        share = np.where(np.isfinite(before), since / (since + until), 1.0)
        share = np.where(np.isfinite(after), share, 0.0)
        mixed = np.where(share < 1, before, 0) * (1 - share)
        mixed = mixed + np.where(share > 0, after, 0) * share
        filled = np.where(np.isfinite(frame), frame, mixed).astype(self.dtype)
        return np.stack([_fill_in_space(channel, number) for channel in filled])

    def _nearest(self, number: int, step: int) -> tuple[NDArray[Any], NDArray[Any]]:
        """Nearest good value of each broken pixel (C, Y, X), and how far it is."""
        missing = ~np.isfinite(np.asarray(self.frames[number]))
        value = np.full(missing.shape, np.nan)
        distance = np.ones(missing.shape)
        if self.from_past and step > 0:
            return value, distance
        for away in range(1, REACH + 1):
            other = number + step * away
            if not (0 <= other < self.shape[0] and missing.any()):
                break
            frame = np.asarray(self.frames[other])
            found = missing & np.isfinite(frame)
            value[found], distance[found] = frame[found], away
            missing &= ~found
        return value, distance


def _fill_in_space(picture: NDArray[Any], number: int) -> NDArray[Any]:
    """Give each broken pixel of a picture (Y, X) the value of the nearest good one."""
    broken = ~np.isfinite(picture)
    if not broken.any():
        return picture
    if broken.all():
        raise MovieError(
            f"Frame {number} (counted from 0) and the {REACH} before and after it have "
            "no finite pixel to interpolate from; leave these frames out."
        )
    from scipy.ndimage import distance_transform_edt

    place = distance_transform_edt(broken, return_distances=False, return_indices=True)
    return np.asarray(picture[tuple(place)])
