"""Masks from files: which pixels count."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_morphocast.data.overlay import read_overlay

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray


def read_mask(path: Path) -> NDArray[np.bool_]:
    """True where a TIFF or .npy file is not zero, without axes of length 1."""
    return np.asarray(read_overlay(path, "mask") != 0, np.bool_)
