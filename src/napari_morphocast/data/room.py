"""Room for many frames, in memory or on disk."""

from __future__ import annotations

import tempfile
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import DTypeLike, NDArray

MOST_MEMORY = 2**30  # bytes of frames; more are kept in a temporary file


def room(shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
    """Zeros; in a temporary file when they would not leave the memory much."""
    kind = np.dtype(dtype)
    if np.prod(shape, dtype=np.int64) * kind.itemsize <= MOST_MEMORY:
        return np.zeros(shape, kind)
    # The map keeps the file, which has no name, until the array is gone.
    with tempfile.TemporaryFile() as file:
        return np.memmap(file, kind, "w+", shape=shape)
