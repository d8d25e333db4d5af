# %% [markdown]
# # A model of your own in one file
#
# A few convolutions look at the last three frames and forecast the change. The class
# registers itself: training, scoring and forecasting know it by its name at once. Moved
# into `src/napari_morphocast/models/`, it is in the docks too.

# %%
from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from pydantic import Field
from torch import Tensor, nn

from napari_morphocast import evaluate, read_movie, train
from napari_morphocast.models.base import Forecaster, ModelConfig
from napari_morphocast.training.config import Run
from napari_morphocast.training.events import EpochDone

if TYPE_CHECKING:
    from collections.abc import Iterator

LOOK_BACK = 3


class GlanceConfig(ModelConfig):
    """Settings of the glance."""

    width: int = Field(
        24,
        ge=1,
        le=512,
        title="Width",
        description="Feature maps of the hidden layer.",
    )


class Glance(Forecaster, name="glance"):
    """The last frame plus a change that depends on the last three frames."""

    Config = GlanceConfig
    config: GlanceConfig

    def __init__(self, config: GlanceConfig, channels: int) -> None:
        super().__init__(config, channels)
        self.change = nn.Sequential(
            nn.Conv2d(LOOK_BACK * channels, config.width, 5, padding=2),
            nn.ReLU(),
            nn.Conv2d(config.width, config.width, 5, padding=2),
            nn.ReLU(),
            nn.Conv2d(config.width, channels, 5, padding=2),
        )
        # An untrained glance says that nothing moves.
        nn.init.zeros_(self.change[-1].weight)
        nn.init.zeros_(self.change[-1].bias)

    @property
    def shortest_context(self) -> int:
        return LOOK_BACK

    def unroll(self, context: Tensor) -> Iterator[Tensor]:
        past = list(context[:, -LOOK_BACK:].unbind(1))
        while True:
            frame = past[-1] + self.change(torch.cat(past, 1))
            yield frame
            past = [*past[1:], frame]


# %%
movie = read_movie(str(files("napari_morphocast") / "sample_data/tissue.ome.tif"))
model = Path("glance.morphocast")
for event in train(movie, model, Run.make("glance", width=16, minutes=0.5)):
    if isinstance(event, EpochDone) and event.best:
        print(f"epoch {event.epoch}: validation {event.validation:.5f}")

# %%
print(evaluate(movie, [model], horizon=6).table())
