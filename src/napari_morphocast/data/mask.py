"""Masks from files: which pixels count."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import tifffile

from napari_morphocast.data.refusal import refusing
from napari_morphocast.errors import MovieError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray


def read_mask(path: Path) -> NDArray[np.bool_]:
    """True where a TIFF or .npy file is not zero, without axes of length 1.

    Raises
    ------
    MovieError
        If the file is missing, damaged, or of another kind.
    """
    ending = path.suffix.lower()
    if ending not in (".tif", ".tiff", ".npy"):
        raise MovieError(f"{path.name} is no mask; give a .tif or .npy file.")
    with refusing(str(path)):
        if ending == ".npy":
            values = np.load(path, allow_pickle=False)
        else:
            values = tifffile.imread(path)
        return np.asarray(np.squeeze(values) != 0, np.bool_)
