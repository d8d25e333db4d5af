"""Pictures side by side in one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def tiled(
    pictures: NDArray[Any], columns: int, gap: int = 0, fill: float = 0
) -> NDArray[Any]:
    """Put pictures side by side in rows, as a page is read.

    Parameters
    ----------
    pictures : array, shape (N, ..., Y, X)
        N pictures, or movies.
    columns : int
        How many lie in a row.
    gap : int
        Pixels between them.
    fill : float
        What is between them, and where pictures are missing in the last row.

    Returns
    -------
    array, shape (..., rows (Y + gap) - gap, columns (X + gap) - gap)
    """
    count, *other, height, width = pictures.shape
    rows = -(-count // columns)
    size = rows * (height + gap) - gap, columns * (width + gap) - gap
    whole = np.full((*other, *size), fill, pictures.dtype)
    for number, picture in enumerate(pictures):
        y = number // columns * (height + gap)
        x = number % columns * (width + gap)
        whole[..., y : y + height, x : x + width] = picture
    return whole
