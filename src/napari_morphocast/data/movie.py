"""A time-lapse movie: frames in order, the time between them, the size of a pixel."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from napari_morphocast.errors import MovieError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


class Frames(Protocol):
    """Any array that slices along time: numpy, zarr, dask, or a lazy file."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Lengths of the axes (T, C, Y, X)."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the grey levels as stored."""

    def __getitem__(self, key: Any) -> Any:
        """Read some frames; anything that ``numpy.asarray`` understands."""


class LazyFrames(ABC):
    """Frames (T, C, Y, X) that are made whole when they are read."""

    __slots__ = ()

    @abstractmethod
    def at(self, time: Any) -> NDArray[Any]:
        """One frame (C, Y, X) for a number, some (T, C, Y, X) for a slice."""

    def __getitem__(self, key: Any) -> NDArray[Any]:
        """What a key asks for of the frames that its first part asks for."""
        time, *rest = key if isinstance(key, tuple) else (key,)
        frames = self.at(time)
        lead = (slice(None),) if isinstance(time, slice) else ()
        return np.asarray(frames[(*lead, *rest)]) if rest else frames


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Movie:
    """Frames (T, C, Y, X) with the time and length scales that make them a movie.

    Parameters
    ----------
    frames : array, shape (T, C, Y, X)
        Read lazily, a few frames at a time; never copied whole. RGB is C = 3.
    interval : float, optional
        Seconds from one frame to the next; None when nobody knows.
    pixel_size : (float, float), optional
        Height and width of a pixel in micrometres, in the order (Y, X).
    name : str
        What to call the movie in tables, layers and error messages.
    channels : sequence of str
        Names of the channels, as many as C; empty when the file has none.
    rgb : bool
        Whether the three channels are the red, green and blue of one picture.
    source : str
        Where the frames came from, a path for a file; empty when made in memory.
    first : int
        Number of the first frame here in the file that it was read from.
    labels : bool
        Whether the last channel is a segmentation: see ``data.labels``.
    """

    frames: Frames
    interval: float | None = None
    pixel_size: tuple[float, float] | None = None
    name: str = "movie"
    channels: tuple[str, ...] = ()
    rgb: bool = False
    source: str = ""
    first: int = 0
    labels: bool = False

    def __post_init__(self) -> None:
        shape = tuple(self.frames.shape)
        if len(shape) != 4 or 0 in shape:
            raise MovieError(
                f"A movie needs frames with the axes (T, C, Y, X), but {self.name!r} "
                f"has the shape {shape}; say what each axis is."
            )

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Number of frames, channels, rows and columns."""
        t, c, y, x = self.frames.shape
        return int(t), int(c), int(y), int(x)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the grey levels as stored."""
        return np.dtype(self.frames.dtype)

    @property
    def channel_names(self) -> tuple[str, ...]:
        """What each channel is called; by its number if the file does not say."""
        if self.rgb:
            return "red", "green", "blue"
        count = self.shape[1]
        if len(self.channels) == count:
            return self.channels
        return tuple(f"channel {number}" for number in range(count))

    @property
    def pictured(self) -> int:
        """How many channels are pictures: all, but for a segmentation."""
        return self.shape[1] - self.labels

    @property
    def pictures(self) -> Movie:
        """The same movie without a segmentation; a view, no copy."""
        return self.only(range(self.pictured)) if self.labels else self

    @property
    def nbytes(self) -> int:
        """Size of all frames in their stored type, in bytes."""
        return int(np.prod(self.shape, dtype=np.int64)) * self.dtype.itemsize

    def __len__(self) -> int:
        return self.shape[0]

    def __repr__(self) -> str:
        shape = " x ".join(map(str, self.shape))
        return f"Movie({self.name!r}, T x C x Y x X = {shape}, {self.dtype})"

    def raw(self, start: int, stop: int) -> NDArray[Any]:
        """Frames ``start`` to ``stop - 1`` as stored, shape (stop - start, C, Y, X)."""
        if not 0 <= start < stop <= len(self):
            raise IndexError(f"frames {start} to {stop} of a movie of {len(self)}")
        return np.asarray(self.frames[start:stop])

    def read(self, start: int, stop: int) -> NDArray[np.float32]:
        """Frames ``start`` to ``stop - 1`` as float32, in the movie's grey levels."""
        with np.errstate(over="ignore"):  # what is too large becomes infinite
            return self.raw(start, stop).astype(np.float32)

    def between(self, start: int, stop: int) -> Movie:
        """The same movie from frame ``start`` to ``stop - 1``; a view, no copy."""
        if not 0 <= start < stop <= len(self):
            raise IndexError(f"frames {start} to {stop} of a movie of {len(self)}")
        view = _View(self.frames, start, stop, None)
        return replace(self, frames=view, first=self.first + start)

    def only(self, channels: Sequence[int]) -> Movie:
        """The same movie with some of its channels, by number; a view, no copy."""
        chosen = tuple(channels)
        if not chosen or not all(0 <= c < self.shape[1] for c in chosen):
            raise MovieError(
                f"{self.name!r} has {self.shape[1]} channel(s), numbered from 0; "
                f"channel {', '.join(map(str, chosen)) or '(none)'} is not there."
            )
        names = tuple(self.channels[c] for c in chosen) if self.channels else ()
        rgb = self.rgb and chosen == (0, 1, 2)
        labels = self.labels and chosen[-1] == self.shape[1] - 1
        view = _View(self.frames, 0, len(self), chosen)
        return replace(self, frames=view, channels=names, rgb=rgb, labels=labels)


@dataclass(frozen=True, slots=True, eq=False)
class _View(LazyFrames):
    """Frames ``start`` to ``stop - 1`` of other frames, maybe some channels only."""

    frames: Frames
    start: int
    stop: int
    channels: tuple[int, ...] | None

    @property
    def shape(self) -> tuple[int, ...]:
        _, c, y, x = self.frames.shape
        count = c if self.channels is None else len(self.channels)
        return self.stop - self.start, count, y, x

    @property
    def dtype(self) -> np.dtype[Any]:
        return np.dtype(self.frames.dtype)

    def at(self, time: Any) -> NDArray[Any]:
        if isinstance(time, slice):
            begin, end, step = time.indices(self.stop - self.start)
            if step < 1:
                raise IndexError("frames are read forwards")
            time = slice(self.start + begin, self.start + max(begin, end), step)
        else:
            time = range(self.start, self.stop)[time]
        frames = np.asarray(self.frames[time])
        if self.channels is None:
            return frames
        return np.take(frames, self.channels, axis=-3)
