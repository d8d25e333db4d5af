"""Forecasters that move pixels, and can show how."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, NamedTuple

from napari_morphocast.models.base import Forecaster

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor


class Moved(NamedTuple):
    """A forecast frame (B, C, Y, X), and what was done to the one before.

    ``motion`` (B, 2, Y, X) says how far away each pixel was one frame before, in pixels
    along Y and X; ``unusual`` (B, 1, Y, X) how much else was done to it: 0 is nothing.
    """

    frame: Tensor
    motion: Tensor
    unusual: Tensor


class ErrorMaps(NamedTuple):
    """What a model has learned of its errors at each place of a frame, (C, Y, X) each.

    ``alpha`` says how much outliers count, from 0 (hardly) to 2 (in full), ``scale``
    from which error on one is an outlier.
    """

    alpha: Tensor
    scale: Tensor


class Moving(Forecaster):
    """Foretells frames by moving pixels, and can show how they move."""

    @abstractmethod
    def unroll_moving(self, context: Tensor) -> Iterator[Moved]:
        """As ``unroll``, with how everything moves."""

    def error_maps(self, height: int, width: int) -> ErrorMaps | None:
        """What it has learned of its errors, if it has; in frames of this size."""
        return None

    def unroll(self, context: Tensor) -> Iterator[Tensor]:
        """Foretell one frame after the other, for as long as anybody asks."""
        return (moved.frame for moved in self.unroll_moving(context))
