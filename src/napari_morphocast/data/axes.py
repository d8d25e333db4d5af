"""Axes of stored arrays: from any order of T, C, Z, Y, X, S to frames (T, C, Y, X)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from napari_morphocast.data.movie import LazyFrames, Movie
from napari_morphocast.data.refusal import refusing
from napari_morphocast.errors import MovieError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_morphocast.data.movie import Frames

ZChoice = int | Literal["max", "mean"] | None
LETTERS = "TCZYXS"


@dataclass(frozen=True, slots=True)
class LayerAxes:
    """What each axis of an array is.

    Parameters
    ----------
    letters : str
        One of T, C, Z, Y, X, S (colour samples) per axis, each at most once.
    shape : tuple of int
        Lengths of these axes.
    """

    letters: str
    shape: tuple[int, ...]

    def length(self, letter: str) -> int:
        """Length of an axis; 1 when the array does not have it."""
        at = self.letters.find(letter)
        return 1 if at < 0 else self.shape[at]

    def __str__(self) -> str:
        return f"{self.letters} {'x'.join(map(str, self.shape))}"


def describe_axes(axes: str, shape: tuple[int, ...], name: str) -> LayerAxes:
    """Check letters against a shape; refuse what cannot be a movie, and say why."""
    letters = axes.strip().upper()
    strange = sorted(set(letters) - set(LETTERS))
    if len(letters) != len(shape):
        raise MovieError(
            f"{name}: the axes {letters or '(none)'} name {len(letters)} axes, but the "
            f"array has {len(shape)}, of lengths {_lengths(shape)}",
            f"give one letter each, such as --axes {_suggestion(len(shape))}.",
        )
    if strange or len(set(letters)) != len(letters):
        raise MovieError(
            f"{name}: it is not clear what the axes {letters} of lengths "
            f"{_lengths(shape)} are; say it with the letters T, C, Z, Y, X and S "
            "(colour), each once",
            f"such as --axes {_suggestion(len(shape))}.",
        )
    if 0 in shape:
        raise MovieError(
            f"{name} is empty: its axes {letters} have the lengths {_lengths(shape)}."
        )
    found = LayerAxes(letters, tuple(int(n) for n in shape))
    _check_plane(found, name)
    return found


def _check_plane(axes: LayerAxes, name: str) -> None:
    if not {"Y", "X"} <= set(axes.letters):
        raise MovieError(
            f"{name}: a movie needs the axes Y and X, but it has {axes}",
            f"say what each axis is, such as --axes {_suggestion(len(axes.shape))}.",
        )
    if "T" not in axes.letters:
        raise MovieError(f"{name}: no time axis: the axes are {axes}", _remedy(axes))


def _remedy(axes: LayerAxes) -> str:
    for letter, what in (("Z", "Z"), ("C", "C (channels)")):
        if axes.length(letter) > 1:
            fixed = axes.letters.replace(letter, "T")
            return f"if {what} is really time, say --axes {fixed}."
    return "a movie needs more than one picture of the same place."


def _suggestion(count: int) -> str:
    return {3: "TYX", 4: "TCYX", 5: "TZCYX", 6: "TZCYXS"}.get(count, "TYX")


def _lengths(shape: tuple[int, ...]) -> str:
    return "x".join(str(n) for n in shape) or "(none)"


def movie_from_array(
    array: Any,
    axes: str,
    *,
    name: str = "movie",
    interval: float | None = None,
    pixel_size: float | tuple[float, float] | None = None,
    z: ZChoice = None,
    channel: int | None = None,
    source: str = "",
    channels: tuple[str, ...] = (),
    colour: bool = False,
) -> Movie:
    """Make a movie of any array that slices, without copying it.

    Parameters
    ----------
    array : array
        numpy, zarr, dask or a lazy file, with its axes in any order.
    axes : str
        What each axis is: "TYX", "TCYX", "TZYX", "TYXS", ...
    interval : float, optional
        Seconds from one frame to the next.
    pixel_size : float or (float, float), optional
        Micrometres per pixel, in the order (Y, X).
    z : int, "max" or "mean", optional
        How to choose a Z axis away; needed when it is longer than one.
    channel : int, optional
        Keep this channel only, counted from 0.
    channels : tuple of str
        Names of the channels, if the array has as many.
    colour : bool
        Whether a C axis of length three is red, green and blue.
    """
    found = describe_axes(axes, tuple(array.shape), name)
    _check_dtype(np.dtype(array.dtype), name)
    rule = _z_rule(found, z, name)
    picked, samples = _picked_channels(found, channel, name)
    frames = ArrangedFrames(array, found, rule, picked, samples, name)
    colours = samples == 3 or (colour and frames.shape[1] == 3)
    return Movie(
        frames=frames,
        interval=_scale(interval, "The time step", "seconds"),
        pixel_size=_pixel_pair(pixel_size),
        name=name,
        channels=_names(channels, found, picked, samples),
        rgb=colours and frames.shape[1] == 3,
        source=source,
    )


def _check_dtype(dtype: np.dtype[Any], name: str) -> None:
    if dtype.kind not in "biuf" or dtype.itemsize > 8:
        raise MovieError(
            f"{name} holds numbers of the type {dtype}, which is not a grey level; "
            "convert it to 8-bit, 16-bit or 32-bit first."
        )


def _z_rule(axes: LayerAxes, z: ZChoice, name: str) -> int | str:
    depth = axes.length("Z")
    if z is None and depth > 1:
        raise MovieError(
            f"{name} has a Z axis of {depth} slices (axes {axes})",
            f"choose with --z max, --z mean or --z {depth // 2}, or say --axes if Z is "
            "really something else.",
        )
    if z is None or (depth == 1 and isinstance(z, str) and z in ("max", "mean")):
        return 0
    if isinstance(z, str) and z in ("max", "mean"):
        return z
    if isinstance(z, str) or (not 0 <= z < depth and depth > 1):
        raise MovieError(
            f"{name}: z is {z!r}, but it can be max, mean or a slice "
            f"from 0 to {depth - 1}."
        )
    return z if depth > 1 else 0


def _picked_channels(
    axes: LayerAxes, channel: int | None, name: str
) -> tuple[int | None, int]:
    """The one channel to keep (None for all), and how many colour samples to keep."""
    count, stored = axes.length("C"), axes.length("S")
    if stored > 4:
        raise MovieError(
            f"{name} has {stored} samples per pixel (axes {axes}), which is no colour",
            f"if they are channels, say --axes {axes.letters.replace('S', 'C')}.",
        )
    samples = {1: 1, 2: 1, 3: 3, 4: 3}[stored]  # alpha is dropped
    if count > 1 and samples == 3 and channel is None:
        raise MovieError(
            f"{name} has {count} channels of colour pictures (axes {axes})",
            "choose one with --channel.",
        )
    total = count if count > 1 else samples
    if channel is not None and not 0 <= channel < total:
        raise MovieError(
            f"{name} has {total} channel(s), numbered from 0; "
            f"channel {channel} is not there."
        )
    return channel, samples


def _names(
    names: tuple[str, ...], axes: LayerAxes, picked: int | None, samples: int
) -> tuple[str, ...]:
    if samples != 1 or len(names) != axes.length("C") or not any(names):
        return ()
    return names if picked is None else (names[picked],)


def _scale(value: float | None, what: str, unit: str) -> float | None:
    if value is None:
        return None
    if not math.isfinite(value) or value <= 0:
        raise MovieError(f"{what} is {value} {unit}, but it must be above 0.")
    return float(value)


def _pixel_pair(
    value: float | tuple[float, float] | None,
) -> tuple[float, float] | None:
    if value is None:
        return None
    pair = value if isinstance(value, tuple | list) else (value, value)
    for side in pair:
        _scale(side, "The pixel size", "micrometres")
    return float(pair[0]), float(pair[1])


@dataclass(frozen=True, slots=True, eq=False)
class ArrangedFrames(LazyFrames):
    """Frames (T, C, Y, X) of an array with its axes in another order; lazy.

    Parameters
    ----------
    array : array
        Sliced with one tuple for every read, a few frames at a time.
    axes : LayerAxes
        What its axes are.
    z : int or "max" or "mean"
        The slice to take, or how to project all of them.
    channel : int, optional
        The one channel, or colour sample, to keep.
    samples : int
        Colour samples to keep: 3 for red, green, blue; 1 for grey.
    name : str
        What to call the movie when a read fails.
    """

    array: Frames
    axes: LayerAxes
    z: int | str
    channel: int | None
    samples: int
    name: str

    @property
    def shape(self) -> tuple[int, ...]:
        """Lengths of the axes (T, C, Y, X)."""
        count = self.axes.length("C") if self.axes.length("C") > 1 else self.samples
        if self.channel is not None:
            both = self.axes.length("C") > 1 and self.samples == 3
            count = 3 if both else 1
        return (
            self.axes.length("T"),
            count,
            self.axes.length("Y"),
            self.axes.length("X"),
        )

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the grey levels, in the byte order of this machine."""
        return np.dtype(self.array.dtype).newbyteorder("=")

    def at(self, time: Any) -> NDArray[Any]:
        """Read what lies there; an image library's error becomes a MovieError."""
        if not isinstance(time, slice):
            number = range(self.shape[0])[time]
            return np.asarray(self.at(slice(number, number + 1))[0])
        start, stop, step = time.indices(self.shape[0])
        if step < 1:
            raise IndexError("frames are read forwards")
        with refusing(self.name):
            return self._frames(slice(start, max(start, stop), step))

    def _frames(self, span: slice) -> NDArray[Any]:
        if not isinstance(self.z, str):
            return self._block(span, self.z)
        # one stack in memory at a time
        wanted = range(span.start, span.stop, span.step)
        out = np.empty((len(wanted), *self.shape[1:]), self.dtype)
        for i, t in enumerate(wanted):
            out[i] = self._projected(slice(t, t + 1))
        return out

    def _projected(self, span: slice) -> NDArray[Any]:
        slices = range(self.axes.length("Z"))
        if self.z == "max":
            best: NDArray[Any] = self._block(span, 0)[0].copy()
            for z in slices[1:]:
                np.maximum(best, self._block(span, z)[0], out=best)
            return best
        total = np.zeros(self.shape[1:], np.float64)
        for z in slices:
            total += self._block(span, z)[0]
        mean = total / len(slices)
        if self.dtype.kind in "iu":
            return np.rint(mean).astype(self.dtype)
        return np.asarray(mean >= 0.5 if self.dtype.kind == "b" else mean, self.dtype)

    def _block(self, span: slice, z: int) -> NDArray[Any]:
        """Read (T, C, Y, X) at one z: T and the rest sliced, Z picked."""
        several = self.axes.length("C") > 1
        want: dict[str, slice | int] = {"T": span, "Z": z}
        want["C"] = slice(None)
        want["S"] = slice(0, self.samples)
        if self.channel is not None:
            at = slice(self.channel, self.channel + 1)
            want["C" if several or "S" not in self.axes.letters else "S"] = at
        key = tuple(want.get(letter, slice(None)) for letter in self.axes.letters)
        block = np.asarray(self.array[key])
        letters = self.axes.letters.replace("Z", "")
        for letter in "CS":
            if letter not in letters:
                block, letters = block[..., None], letters + letter
        block = block.transpose([letters.index(letter) for letter in "TCSYX"])
        t, c, s, y, x = block.shape
        return block.reshape(t, c * s, y, x).astype(self.dtype, copy=False)
