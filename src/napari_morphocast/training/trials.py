"""Rollouts over the validation frames, to learn from how far off they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_morphocast.data.windows import Windows
from napari_morphocast.training.tuning import SIDE, square

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

LONGEST = 12  # leads that are looked at, where there are frames for them
FEWEST, MOST = 4, 16  # windows that are forecast
PIXELS = 2**18  # to forecast in all, where that leaves enough windows


def trials(
    validation: Windows,
) -> Iterator[tuple[NDArray[np.float32], NDArray[np.float32]]]:
    """Known frames of some validation windows, and all that follow them.

    Yields
    ------
    (array, array), shapes (context, C, Y, X) and (H, C, Y, X)
        In grey levels, a square of larger frames; of a forecast H is what the part
        still has, up to ``LONGEST``.
    """
    windows, rng = _far(validation), np.random.default_rng(0)
    for index in _chosen(windows):
        yield _frames(windows, int(index), rng)


def _far(validation: Windows) -> Windows:
    """Windows that leave at least a third of the validation frames to foretell."""
    spec = validation.spec
    if spec.task == "between":
        return validation
    longest = max(part.stop - part.first for part in validation.parts)
    horizon = max(1, min(LONGEST, longest // 3))
    return Windows(validation.parts, spec.model_copy(update={"horizon": horizon}))


def _chosen(windows: Windows) -> NDArray[np.int64]:
    """Numbers of windows at even distances, fewer where frames are large."""
    plane = max(
        min(SIDE, height) * min(SIDE, width)
        for _, _, height, width in (part.movie.shape for part in windows.parts)
    )
    count = min(max(FEWEST, PIXELS // plane), MOST, len(windows))
    return np.linspace(0, len(windows) - 1, count).round().astype(int)


def _frames(
    windows: Windows, index: int, rng: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Known and later frames of one window, in grey levels."""
    place, spec = windows.place(index), windows.spec
    part, begin = windows.parts[place.part], place.target - spec.before
    order = list(spec.order)
    if spec.task == "forecast":
        order = list(range(min(spec.context + LONGEST, part.stop - begin)))
    frames = part.movie.read(begin, begin + len(order))
    shown = square(frames, rng)[order]
    return shown[: spec.context], shown[spec.context :]
