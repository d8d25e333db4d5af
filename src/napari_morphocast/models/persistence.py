"""Nothing moves: the first baseline to beat."""

from __future__ import annotations

from itertools import repeat
from typing import TYPE_CHECKING

from napari_morphocast.models.base import Forecaster, ModelConfig, Stage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor


class PersistenceConfig(ModelConfig):
    """Nothing to set."""


class Persistence(Forecaster, name="persistence"):
    """Repeat the last known frame for ever."""

    Config = PersistenceConfig

    def unroll(self, context: Tensor) -> Iterator[Tensor]:
        """Repeat the last frame of (B, T, C, Y, X)."""
        return repeat(context[:, -1])

    def stages(self) -> tuple[Stage, ...]:
        """No training."""
        return ()
