"""What a file says about the movie in it, and the array that its pixels come from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    from napari_morphocast.data.movie import Frames

OURS = "napari-morphocast"  # in what our files say of themselves


@dataclass(frozen=True, slots=True)
class FileMetadata:
    """Axes and physical scales, read without touching a pixel.

    Parameters
    ----------
    axes : str
        One letter of T, C, Z, Y, X, S (colour samples) per axis of the file; an
        axis that the file does not name is Q.
    shape : tuple of int
        Lengths of these axes.
    interval : float, optional
        Seconds from one frame to the next.
    pixel_size : (float, float), optional
        Height and width of a pixel in micrometres, in the order (Y, X).
    channels : tuple of str
        Names of the channels; empty when the file has none.
    dtype : numpy.dtype, optional
        Type of the grey levels.
    note : str
        What the file says of where its frames come from; empty when it says nothing.
    """

    axes: str
    shape: tuple[int, ...]
    interval: float | None = None
    pixel_size: tuple[float, float] | None = None
    channels: tuple[str, ...] = ()
    dtype: np.dtype[Any] | None = None
    note: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Stored:
    """An array as it lies in a file, in the file's own order of axes.

    Parameters
    ----------
    array : array
        Has a shape and a dtype and slices with a tuple; read only when sliced.
    metadata : FileMetadata
        What the file says about it; same axes as ``array``.
    full_shape : tuple of int
        The same shape with the axes of length one that the file also names.
    colour : bool
        Whether the three channels on axis C are red, green and blue.
    """

    array: Frames
    metadata: FileMetadata
    full_shape: tuple[int, ...] = ()
    colour: bool = False
