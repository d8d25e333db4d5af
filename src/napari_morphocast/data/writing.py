"""Writing movies frame by frame, to a temporary name that is renamed at the end."""

from __future__ import annotations

import json
import os
import shutil
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_morphocast.data.npy import beside
from napari_morphocast.data.ome_zarr import is_zarr
from napari_morphocast.errors import MovieError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from napari_morphocast.data.movie import Movie


@dataclass(frozen=True, slots=True)
class Plan:
    """What is written, known before the first frame goes to disk.

    Parameters
    ----------
    shape : (int, int, int)
        Lengths of the axes (C, Y, X) of a frame.
    dtype : numpy.dtype
        Type of the grey levels.
    count : int
        The most frames that will come.
    like : Movie
        Gives time step, pixel size and channel names.
    note : str
        What the frames are, for whoever opens the file.
    first : int
        Number of the first frame, counted as in ``like``.
    names : tuple of str
        Of the channels, if they are not those of ``like``.
    """

    shape: tuple[int, int, int]
    dtype: np.dtype[Any]
    count: int
    like: Movie
    note: str
    first: int
    names: tuple[str, ...] = ()

    @property
    def rgb(self) -> bool:
        """Whether the frames are written as colour pictures."""
        return self.like.rgb and self.shape[0] == 3 and not self.names

    @property
    def channels(self) -> tuple[str, ...]:
        """Names of the channels, if there is one for each."""
        names = self.names or self.like.channels
        return names if len(names) == self.shape[0] else ()

    @property
    def nbytes(self) -> int:
        """Size of all frames in bytes."""
        return int(np.prod(self.shape)) * self.dtype.itemsize * self.count

    @property
    def text(self) -> str:
        """The note, and where in the movie the frames belong."""
        if not self.first:
            return self.note
        where = f"frame 0 here is frame {self.first} of {self.like.name}"
        return f"{self.note}; {where}" if self.note else where


def write_movie(
    path: str | Path,
    frames: Iterable[NDArray[Any]],
    *,
    like: Movie,
    count: int,
    note: str = "",
    first: int = 0,
    channels: Sequence[str] = (),
) -> None:
    """Write frames as they come; a failed run leaves an older file as it was.

    Parameters
    ----------
    path : str or Path
        The ending picks the format: .ome.tif, .tif (ImageJ), .ome.zarr or .npy.
    frames : iterable of arrays, shape (C, Y, X)
        At most ``count``; if fewer come, these are kept.
    like : Movie
        Gives time step, pixel size, channel names and whether frames are colour.
    count : int
        The most frames that will come.
    note : str
        What the frames are, such as "forecast by morphocast".
    first : int
        Number of the first frame, counted as in ``like``.
    channels : sequence of str
        Names of the channels, if they are not those of ``like``.
    """
    path = Path(path).expanduser()
    write = _writer(path)
    _check_target(path)
    coming = iter(frames)
    start = next(coming, None)
    if start is None or count < 1:
        raise MovieError(f"There are no frames to write to {path.name}.")
    start = np.asarray(start)
    if start.ndim != 3:
        raise MovieError(
            f"Frames to write need the axes (C, Y, X), but they have the shape "
            f"{start.shape}."
        )
    dtype = start.dtype.newbyteorder("=")
    c, y, x = start.shape
    plan = Plan((c, y, x), dtype, count, like, note, first, tuple(channels))
    with _renamed_at_the_end(path) as temporary:
        write(temporary, path.name, plan, _alike(chain([start], coming), plan))


def _writer(path: Path) -> Callable[[Path, str, Plan, Iterator[NDArray[Any]]], None]:
    from napari_morphocast.data.ome_zarr_writing import write_ome_zarr
    from napari_morphocast.data.tiff_writing import write_imagej, write_ome_tiff

    name = path.name.lower()
    if name.endswith((".ome.tif", ".ome.tiff")):
        return write_ome_tiff
    if name.endswith((".tif", ".tiff")):
        return write_imagej
    if name.endswith((".ome.zarr", ".zarr")):
        return write_ome_zarr
    if name.endswith(".npy"):
        return write_npy
    raise MovieError(
        f"{path.name} has no ending that says how to write it; use .ome.tif, "
        ".tif (ImageJ), .ome.zarr or .npy."
    )


def _check_target(path: Path) -> None:
    folder = path.parent
    if not folder.is_dir():
        raise MovieError(f"The folder {folder} does not exist; make it first.")
    if path.is_dir() and not (path.name.lower().endswith(".zarr") and is_zarr(path)):
        raise MovieError(f"{path} is a folder; choose another name for the movie.")
    if path.is_file() and path.name.lower().endswith(".zarr"):
        raise MovieError(f"{path} is a file; choose another name for the OME-Zarr.")


def _alike(frames: Iterable[Any], plan: Plan) -> Iterator[NDArray[Any]]:
    """The frames, no more than planned, each checked to be like the first."""
    for number, frame in enumerate(frames):
        if number >= plan.count:
            return
        picture = np.asarray(frame)
        if picture.shape != plan.shape:
            raise MovieError(
                f"Frame {number} has the shape {picture.shape}, "
                f"but the first one has {plan.shape}."
            )
        yield np.ascontiguousarray(picture, plan.dtype)


@contextmanager
def _renamed_at_the_end(path: Path) -> Iterator[Path]:
    """A name beside ``path`` to write to; becomes ``path`` only if all goes well."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        yield temporary
        _replace(temporary, path)
    except OSError as error:
        raise MovieError(
            f"{path} could not be written ({error.strerror or error}); "
            "check the disk and its permissions."
        ) from error
    finally:
        _remove(temporary)
        _remove(beside(temporary))


def _replace(temporary: Path, path: Path) -> None:
    if beside(temporary).exists():
        beside(temporary).replace(beside(path))
    if not path.is_dir():
        temporary.replace(path)
        return
    # a folder cannot be renamed onto another one: move the old one aside first
    aside = path.with_name(f".{path.name}.{os.getpid()}.old")
    path.rename(aside)
    try:
        temporary.rename(path)
    except OSError:
        aside.rename(path)
        raise
    shutil.rmtree(aside)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def write_npy(
    path: Path, name: str, plan: Plan, frames: Iterator[NDArray[Any]]
) -> None:
    """Write (T, C, Y, X) as .npy, and what it has no room for beside it."""
    with path.open("wb") as file:
        _npy_header(file, plan, plan.count)
        start, written = file.tell(), 0
        for frame in frames:
            file.write(frame.data)
            written += 1
        if written < plan.count:
            file.seek(0)
            _npy_header(file, plan, written)
            if file.tell() != start:
                raise MovieError(f"{name} could not be ended after {written} frames.")
    notes = {
        "shape": [written, *plan.shape],
        "axes": "TCYX",
        "interval": plan.like.interval,
        "pixel_size": plan.like.pixel_size,
        "channels": plan.channels,
        "rgb": plan.rgb,
        "first": plan.first,
        "note": plan.text,
    }
    beside(path).write_text(json.dumps(notes, indent=1), encoding="utf-8")


def _npy_header(file: Any, plan: Plan, count: int) -> None:
    header = {
        "descr": np.lib.format.dtype_to_descr(plan.dtype),
        "fortran_order": False,
        "shape": (count, *plan.shape),
    }
    np.lib.format.write_array_header_1_0(file, header)
