"""Arrays that lie on a movie, (Y, X) or (T, Y, X): labels, and pixels that count."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import tifffile

from napari_morphocast.data.refusal import refusing
from napari_morphocast.errors import MovieError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_morphocast.data.movie import Movie


def read_overlay(path: Path, what: str) -> NDArray[Any]:
    """Values of a TIFF or .npy file, without axes of length 1.

    Raises
    ------
    MovieError
        If the file is missing, damaged, or of another kind; says ``what`` it is for.
    """
    ending = path.suffix.lower()
    if ending not in (".tif", ".tiff", ".npy"):
        raise MovieError(f"{path.name} holds no {what}; give a .tif or .npy file.")
    with refusing(str(path), what):
        values = _load(path) if ending == ".npy" else tifffile.imread(path)
        return np.asarray(np.squeeze(values))


def _load(path: Path) -> NDArray[Any]:
    with path.open("rb") as file:
        values = np.load(file, allow_pickle=False)
    if not isinstance(values, np.ndarray):
        raise MovieError(
            f"{path.name} is an archive of arrays (.npz), whatever it is called; "
            "give one array, saved with numpy.save."
        )
    return values


def misplaced(what: str, array: Any, movie: Movie) -> str:
    """Which sizes differ, as the beginning of a sentence; empty if none does."""
    frames, _, height, width = movie.shape
    if tuple(array.shape) in ((height, width), (frames, height, width)):
        return ""
    found = " x ".join(map(str, array.shape))
    return (
        f"{what} {found} pixels, but {movie.name!r} has {frames} frames of "
        f"{height} x {width}"
    )
