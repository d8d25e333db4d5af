"""Settings of the Cell-GAN."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from napari_morphocast.models.base import SynthesizerConfig


class CellGANConfig(SynthesizerConfig):
    """Settings of the Cell-GAN."""

    width: float = Field(
        0.0156,
        gt=0,
        le=2,
        title="Width",
        description="Scales the numbers of feature maps, of large images fully and of "
        "small ones by its root; 1 is the size of the thesis, for which a graphics "
        "card is needed.",
    )
    critic: float = Field(
        1.33,
        gt=0,
        le=8,
        title="Critic's width",
        description="Scales the feature maps of the critic alone: a narrow network "
        "learns faster from a wider critic; 1 in the thesis.",
    )
    latent: int = Field(
        64,
        ge=8,
        le=1024,
        title="Latent",
        description="Numbers that describe a frame; 512 in the thesis.",
    )
    depth: int = Field(
        4,
        ge=1,
        le=16,
        title="Mapping depth",
        description="Layers from the latent to the style; 8 in the thesis.",
    )
    activation: Literal["leaky", "pade"] = Field(
        "leaky",
        title="Activation",
        description="Leaky ReLU, or a rational function that is learned (Pade).",
    )
    layout: Literal["own", "shared"] = Field(
        "own",
        title="Layout",
        description="Whether each frame grows from its own coarse map of what lies "
        "where, or all from the same one, as in the thesis.",
    )
    noise: bool = Field(
        False,
        title="Noise",
        description="Add noise to the features of the generator, as the thesis does. A "
        "narrow one that learns for an hour makes nothing else from it.",
    )
    loss: Literal["relativistic", "non-saturating"] = Field(
        "relativistic",
        title="Loss",
        description="Whether the critic judges made frames beside real ones, so that "
        "none of these may be left out, or each alone, as in the thesis.",
    )
    guide: Literal["one style", "styles"] = Field(
        "styles",
        title="Guide",
        description="Whether the guidance encoder finds one style for a frame, as in "
        "the thesis, or one for each layer of the generator (W+).",
    )
    likeness: float = Field(
        1.0,
        ge=0,
        le=100,
        title="Likeness",
        description="Weight of the critic's own features in training the guidance "
        "encoder; 0 in the thesis.",
    )
    codes: float = Field(
        0.1,
        ge=0,
        le=100,
        title="Codes",
        description="Weight of finding the code of a made frame in training the "
        "guidance encoder, beside that of making a real frame again; 1 in the thesis.",
    )
    adapt: float = Field(
        100_000,
        ge=0,
        le=1e7,
        title="Adaption",
        description="Images after which augmentation may reach its maximum if the "
        "critic only remembers; 0 for no augmentation.",
    )
    turns: bool = Field(
        False,
        title="Mirror and turn",
        description="Learn from mirrored and turned frames, too; right only when the "
        "scene has no preferred direction.",
    )
    r1: float = Field(
        1.0,
        ge=0,
        le=1000,
        title="Gradient penalty",
        description="Weight of R1, which keeps the critic smooth where frames are; 10 "
        "in the thesis.",
    )
    path: float = Field(
        0.0,
        ge=0,
        le=100,
        title="Path length",
        description="Weight of the regulariser that keeps steps in style and steps in "
        "the frame alike; 2 in the thesis. In narrow networks it makes frames alike.",
    )
    cutmix: float = Field(
        0.0,
        ge=0,
        le=100,
        title="CutMix",
        description="Weight of the rule that the critic judges pixels of a collage as "
        "those of its parts; 1 in the thesis. It takes a fourth of the time.",
    )
