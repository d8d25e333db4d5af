"""Linear autoregression on a small neighbourhood: the baseline a network must beat."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from napari_morphocast.models.base import Forecaster, ModelConfig, Stage
from napari_morphocast.models.limits import Limits
from napari_morphocast.models.regression import Regression, newest, pushed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from torch import Tensor


class RidgeConfig(ModelConfig):
    """How far back the regression looks."""

    frames: int = Field(
        4,
        ge=1,
        le=64,
        title="Frames",
        description="How many of the latest frames are looked at (frames).",
    )


class Ridge(Forecaster, name="ridge"):
    """Foretell each pixel from its 3 x 3 neighbourhood in the latest frames.

    A few dozen coefficients, shared by all pixels and found in closed form: to first
    order the best there is at denoising and slow motion. Rollouts feed it its own
    forecasts, which stay between the darkest and the brightest pixel of the context,
    as they might otherwise grow without end.
    """

    Config = RidgeConfig
    config: RidgeConfig

    def __init__(self, config: RidgeConfig, channels: int) -> None:
        super().__init__(config, channels)
        self.regression = Regression(config.frames, channels)

    @property
    def shortest_context(self) -> int:
        """Frames that are looked at; of a shorter context the oldest is repeated."""
        return self.config.frames

    def tune(self, stretches: Iterable[Tensor]) -> None:
        """Solve for the coefficients."""
        self.regression.tune(stretches)

    def unroll(self, context: Tensor) -> Iterator[Tensor]:
        """Go on from the latest frames of (B, T, C, Y, X)."""
        latest = newest(context, self.config.frames)
        limits = Limits.of(context)
        while True:
            frame = latest[:, -1] + self.regression(latest)
            frame = frame.clamp(limits.darkest, limits.brightest)
            yield frame
            latest = pushed(latest, frame)

    def stages(self) -> tuple[Stage, ...]:
        """No training."""
        return ()
