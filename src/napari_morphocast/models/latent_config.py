"""Settings of the LSTM over codes."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from napari_morphocast.models.base import ModelConfig
from napari_morphocast.models.losses import Weights


class LatentConfig(Weights, ModelConfig):
    """Settings of the LSTM over codes."""

    tile: Literal[16, 32, 64, 128, 256] = Field(
        16,
        title="Tile",
        description="Frames are seen as squares of this side, each with a code of its "
        "own (pixels): less keeps more detail, more sees larger things as one and "
        "takes longer to learn. A frame that is no larger has one code.",
    )
    code: int = Field(
        128, ge=2, le=4096, title="Code", description="Numbers that describe a tile."
    )
    width: int = Field(
        16,
        ge=4,
        le=256,
        title="Width",
        description="Feature maps at half size, twice as many at each halving, up to "
        "256.",
    )
    layers: int = Field(
        3,
        ge=1,
        le=8,
        title="LSTM layers",
        description="How many LSTMs are stacked, each reading what the one below "
        "remembers.",
    )
    hidden: int = Field(
        25,
        ge=1,
        le=4096,
        title="Hidden",
        description="Numbers that each LSTM remembers of a tile's past.",
    )
    reading: Literal["forward", "both"] = Field(
        "forward",
        title="Reading",
        description="Whether the known frames are read forward in time only, or also "
        "backward; never any that are still to come.",
    )
    rollout: Literal["latent", "image"] = Field(
        "latent",
        title="Rollout",
        description="What is read after a forecast code: that code itself, so that "
        "only codes are fed on (latent, faster), or the code of the forecast frame "
        "(image).",
    )
    skip: bool = Field(
        True,
        title="Skip",
        description="Take from the last frame the detail that codes lose, as far as "
        "that proves right; else frames are made from codes alone.",
    )
    shortest: int = Field(
        2,
        ge=1,
        le=64,
        title="Shortest context",
        description="In training every window is shown as few as so many of its "
        "latest frames, or up to all of them, as chance has it (frames).",
    )
    finetune: bool = Field(
        True,
        title="Finetune",
        description="Whether a last stage trains autoencoder and LSTM together, or "
        "the codes stay as the autoencoder alone has found them.",
    )
