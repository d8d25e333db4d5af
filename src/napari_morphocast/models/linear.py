"""Every pixel goes on changing as it just did: the second baseline to beat."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from napari_morphocast.models.base import Forecaster, ModelConfig, Stage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor


class LinearConfig(ModelConfig):
    """How far the last change is trusted."""

    damping: float = Field(
        0.5,
        ge=0,
        le=1,
        title="Damping",
        description="Share of each change that goes on in the next frame "
        "(0 = nothing moves, 1 = a straight line).",
    )


class Linear(Forecaster, name="linear"):
    """Add the last change of every pixel again and again, each time damped."""

    Config = LinearConfig
    config: LinearConfig

    @property
    def shortest_context(self) -> int:
        """Two frames make a change; from one alone, nothing moves."""
        return 2

    def unroll(self, context: Tensor) -> Iterator[Tensor]:
        """Go on from the last two frames of (B, T, C, Y, X)."""
        frame = context[:, -1]
        change = frame - context[:, -2:][:, 0]
        while True:
            change = change * self.config.damping
            frame = frame + change
            yield frame

    def stages(self) -> tuple[Stage, ...]:
        """No training."""
        return ()
