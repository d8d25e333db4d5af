"""Reading and writing movies: TIFF, OME-TIFF, ImageJ, OME-Zarr, .npy, folders."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from napari_morphocast.data.axes import (
    LayerAxes,
    ZChoice,
    describe_axes,
    movie_from_array,
)
from napari_morphocast.data.refusal import refusing
from napari_morphocast.data.stored import FileMetadata, Stored
from napari_morphocast.data.writing import write_movie
from napari_morphocast.errors import MovieError

if TYPE_CHECKING:
    from napari_morphocast.data.movie import Movie

__all__ = [
    "FileMetadata",
    "LayerAxes",
    "ZChoice",
    "describe_axes",
    "movie_from_array",
    "read_metadata",
    "read_movie",
    "write_movie",
]

TIFF_STARTS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
NPY_START = b"\x93NUMPY"
ENDINGS = (".ome.tif", ".ome.tiff", ".ome.zarr", ".zarr", ".tif", ".tiff", ".npy")


def read_movie(
    path: str | Path,
    *,
    axes: str | None = None,
    z: ZChoice = None,
    channel: int | None = None,
    interval: float | None = None,
    pixel_size: float | None = None,
) -> Movie:
    """Open a movie; its frames are read when somebody looks at them.

    Parameters
    ----------
    path : str or Path
        TIFF, OME-TIFF, ImageJ hyperstack, OME-Zarr, .npy, or a folder of frames.
    axes : str, optional
        What each axis is, such as "TZCYX", where the file does not say or is wrong.
    z : int, "max" or "mean", optional
        How to choose a Z axis away.
    channel : int, optional
        Keep this channel only, counted from 0.
    interval : float, optional
        Seconds from one frame to the next, instead of what the file says.
    pixel_size : float, optional
        Micrometres per pixel, instead of what the file says.
    """
    path = Path(path).expanduser()
    stored = _open(path)
    about = stored.metadata
    letters, array = about.axes, stored.array
    if axes is not None:
        letters = _fitting(axes, stored, path.name)
    elif "Q" in letters:
        raise MovieError(
            f"{path.name}: its axes of lengths {'x'.join(map(str, about.shape))} have "
            f"no names (found {letters.replace('Q', '?')})",
            "name them, such as --axes TCYX or --axes TZYX.",
        )
    return movie_from_array(
        array,
        letters,
        name=_short(path),
        interval=about.interval if interval is None else interval,
        pixel_size=about.pixel_size if pixel_size is None else pixel_size,
        z=z,
        channel=channel,
        source=str(path),
        channels=about.channels,
        colour=stored.colour,
    )


def read_metadata(path: str | Path) -> FileMetadata:
    """Axes, shape, time step, pixel size and channel names; reads no pixel."""
    return _open(Path(path).expanduser()).metadata


def _open(path: Path) -> Stored:
    with refusing(path.name or str(path)):
        return _open_as_it_is(path)


def _open_as_it_is(path: Path) -> Stored:
    """Go by what is in the file rather than by its name."""
    if not path.exists():
        raise MovieError(f"{path} does not exist; check the path.")
    if path.is_dir():
        from napari_morphocast.data.frame_folder import open_folder
        from napari_morphocast.data.ome_zarr import is_zarr, open_ome_zarr

        if is_zarr(path) or path.suffix.lower() == ".zarr":
            return open_ome_zarr(path)
        return open_folder(path)
    with path.open("rb") as file:
        start = file.read(8)
    if not start:
        raise MovieError(f"{path.name} is empty; copy or export it again.")
    if start[:4] in TIFF_STARTS:
        from napari_morphocast.data.tiff import open_tiff

        return open_tiff(path)
    if start.startswith(NPY_START):
        from napari_morphocast.data.npy import open_npy

        return open_npy(path)
    raise MovieError(
        f"{path.name} is none of the formats that can be read (TIFF, OME-Zarr, .npy, "
        "or a folder of pictures); open it in Fiji and save it as OME-TIFF."
    )


def _fitting(axes: str, stored: Stored, name: str) -> str:
    """The letters for the stored axes, without those of length one."""
    letters = axes.strip().upper()
    count = len(stored.metadata.shape)
    if len(letters) == len(stored.full_shape) > count:
        kept = [a for a, n in zip(letters, stored.full_shape, strict=True) if n > 1]
        if len(kept) == count:
            return "".join(kept)
    describe_axes(letters, stored.metadata.shape, name)
    return letters


def _short(path: Path) -> str:
    name = path.name or path.resolve().name
    for ending in ENDINGS:
        if name.lower().endswith(ending) and len(name) > len(ending):
            return name[: -len(ending)]
    return name
