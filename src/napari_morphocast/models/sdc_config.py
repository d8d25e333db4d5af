"""Settings of SDC-Net++."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, ValidationInfo, field_validator

from napari_morphocast.models.base import ModelConfig
from napari_morphocast.models.layers import Activation


class SDCConfig(ModelConfig):
    """Settings of SDC-Net++."""

    frames: int = Field(
        3,
        ge=2,
        le=16,
        title="Frames",
        description="How many of the latest frames the network sees (frames).",
    )
    width: int = Field(
        8,
        ge=4,
        le=256,
        title="Width",
        description="Feature maps at full size, twice as many at each halving; the "
        "thesis has 16.",
    )
    depth: int = Field(
        3,
        ge=1,
        le=5,
        title="Depth",
        description="How often the frame is halved in size: more sees further, and "
        "finds larger motions; the thesis has 4.",
    )
    kernel: Literal[3, 5, 7, 9, 11] = Field(
        7,
        title="Kernel",
        description="Side of the kernel that each pixel is filtered with (pixels).",
    )
    time: Literal["mixed", "apart"] = Field(
        "mixed",
        title="Time",
        description="Whether every block of the encoder mixes the frames, or each is "
        "seen alone until the decoders (the thesis can be read both ways).",
    )
    flow: Literal["estimated", "learned", "none"] = Field(
        "estimated",
        title="Optical flow",
        description="How the network is told how the latest frames have been moving: "
        "by Lucas and Kanade, by a small network that learns it with the rest from the "
        "frames themselves, or not at all.",
    )
    source: Literal["forecast", "known"] = Field(
        "forecast",
        title="Source",
        description="What a rollout moves: the forecast before, as in the thesis, or "
        "the last known frame, further at each lead: then texture and noise stay.",
    )
    activation: Activation = Field(
        "leaky",
        title="Activation",
        description="A leaky ReLU, or Pade units, whose shape is learned (slower).",
    )
    norm: Literal["instance", "none"] = Field(
        "none",
        title="Normalisation",
        description="Instance normalisation after each convolution, as in the thesis.",
    )
    kernels: Literal["identity", "learned"] = Field(
        "identity",
        title="Kernels at first",
        description="Whether kernels begin by changing nothing, or learn to in a stage "
        "of their own, as in the thesis.",
    )
    loss: Literal["squares", "adaptive"] = Field(
        "squares",
        title="Loss",
        description="Squared errors relative to those of 'nothing moves'; or the "
        "adaptive robust loss of the thesis, which learns how much outliers count.",
    )
    errors: Literal["frame", "map"] = Field(
        "frame",
        title="Adaptive loss",
        description="Whether it learns one distribution of errors for all pixels, or a "
        "map of them, of 32 x 32 places stretched over the frame; a map needs a camera "
        "that does not move, and whole frames.",
    )
    rollouts: float = Field(
        5.0,
        gt=0,
        le=1000,
        title="Share of rollouts",
        description="How much of the training is rollouts, where the next frame alone "
        "is given 20 and motion alone 5; 5 in the thesis.",
    )
    smooth: float = Field(
        0.0,
        ge=0,
        le=1000,
        title="Smooth motion",
        description="Weight of the squared difference in motion of neighbouring pixels "
        "(pixels squared; 0 in the thesis, whose outlook proposes it).",
    )
    adversarial: float = Field(
        0.0,
        ge=0,
        le=10,
        title="Critic's weight",
        description="In the last stage: how much it counts that a critic takes the "
        "rollout for a real movie (0 = no critic; 0.01 in the thesis).",
    )

    labels: bool = Field(
        False,
        title="Segmentation",
        description="Whether the last channel is a segmentation: then it is seen, and "
        "moved along with the pictures, but no error in it counts. Follows from the "
        "movies.",
    )
    growth: float = Field(
        1.0,
        ge=1,
        le=10,
        title="Weight of growth",
        description="How much more errors count where cells grow or move, by the "
        "segmentation (1 = no more than elsewhere; 1.5 in the thesis).",
    )

    @field_validator("errors")
    @classmethod
    def _of_use(cls, errors: str, info: ValidationInfo) -> str:
        if errors == "map" and info.data.get("loss") != "adaptive":
            raise ValueError("a map of errors is only learned with loss = adaptive")
        return errors
