"""What is fitted at once, to a few short stretches of each movie."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
import torch

from napari_morphocast.data.finite import read_finite

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray
    from torch import Tensor
    from torch.nn import Module

    from napari_morphocast.data.scaling import Scaling
    from napari_morphocast.data.windows import Part

STRETCHES = 32  # of all movies together
SIDE = 256  # pixels, of the square that is taken of larger frames


def stretches(parts: Sequence[Part], length: int, scaling: Scaling) -> Iterator[Tensor]:
    """Cut stretches of ``length`` frames at even distances, shape (T, C, Y, X).

    Parameters
    ----------
    parts : sequence of Part
        Training frames; what is shorter than ``length`` is taken whole, and what holds
        a break is left out.
    length : int
        Frames in each stretch.
    scaling : Scaling
        Brings grey levels to about 0..1.
    """
    rng = np.random.default_rng(0)
    each = max(1, STRETCHES // max(1, len(parts)))
    for part in parts:
        latest = max(part.first, part.stop - length)
        whole = [
            start
            for start in range(part.first, latest + 1)
            if part.breaks.isdisjoint(range(start + 1, start + length))
        ]
        places = np.linspace(0, len(whole) - 1, min(each, len(whole))).round()
        for start in (whole[int(place)] for place in places):
            frames = read_finite(part.movie, start, min(start + length, part.stop))
            yield torch.from_numpy(scaling.apply(square(frames, rng)))


@contextmanager
def exchanged(model: Module, found: dict[str, Tensor]) -> Iterator[None]:
    """Let a model forecast from what was found elsewhere, for a while."""
    own = model.state_dict()
    kept = {name: own[name].clone() for name in found}
    model.load_state_dict(found, strict=False)
    try:
        yield
    finally:
        model.load_state_dict(kept, strict=False)


def square(
    frames: NDArray[np.float32], rng: np.random.Generator
) -> NDArray[np.float32]:
    """A square out of frames (T, C, Y, X), somewhere; all of those that are smaller."""
    y, x = (int(rng.integers(max(1, n - SIDE + 1))) for n in frames.shape[2:])
    return frames[..., y : y + SIDE, x : x + SIDE]
