"""U-Net: the latest frames as channels, correcting what least squares foretells."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from napari_morphocast.models.base import Forecaster, ModelConfig
from napari_morphocast.models.correction import TUNED, Begin, Correction
from napari_morphocast.models.flow import PAIRS, going_on, motions
from napari_morphocast.models.layers import padded
from napari_morphocast.models.limits import Limits
from napari_morphocast.models.losses import Weights, distance, drawn_leads, relative
from napari_morphocast.models.regression import newest, pushed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from napari_morphocast.data.windows import Window

CHANGE_GAIN = 4.0  # brings changes to about the spread of frames
SLOPE = 0.1  # of the activation below zero


class UNetConfig(Weights, Begin, ModelConfig):
    """Settings of the U-Net."""

    frames: int = Field(
        8,
        ge=1,
        le=64,
        title="Frames",
        description="How many of the latest frames the network sees; of a shorter "
        "context the oldest is repeated (frames).",
    )
    width: int = Field(
        32,
        ge=4,
        le=1024,
        title="Width",
        description="Feature maps at full size; twice as many at each halving.",
    )
    depth: int = Field(
        1,
        ge=0,
        le=5,
        title="Depth",
        description="How often the frame is halved in size: more sees further.",
    )
    patch: Literal[1, 2, 4] = Field(
        2,
        title="Patch",
        description="Squares of this side become channels before the first layer "
        "(pixels): 2 or 4 is faster and sees further.",
    )
    head: Literal["change", "motion"] = Field(
        "motion",
        title="Head",
        description="What the network puts out: a change of the forecast that it "
        "corrects, or a motion of it plus a change.",
    )
    noise: float = Field(
        0.0,
        ge=0,
        le=1,
        title="Input noise",
        description="Standard deviation of noise added to the context while training "
        "(1 = the usual range of grey levels).",
    )


class Block(nn.Sequential):
    """Two 3 x 3 convolutions, each followed by a leaky ReLU."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(
            nn.Conv2d(inputs, outputs, 3, padding=1),
            nn.LeakyReLU(SLOPE, inplace=True),
            nn.Conv2d(outputs, outputs, 3, padding=1),
            nn.LeakyReLU(SLOPE, inplace=True),
        )


class UNet(Forecaster, name="unet"):
    """Small residual U-Net (Ronneberger et al., 2015) over the latest frames.

    What it puts out corrects a linear forecast (``Correction``); its last layer begins
    at zero. Rolled out one frame at a time, each forecast becoming the latest frame;
    none is darker or brighter by far than all of the latest ones.
    """

    Config = UNetConfig
    tuned = TUNED
    config: UNetConfig

    def __init__(self, config: UNetConfig, channels: int) -> None:
        super().__init__(config, channels)
        area = config.patch**2
        widths = [config.width * 2**level for level in range(config.depth + 1)]
        self.correction = Correction(
            config.frames, channels, config.start, motion=config.head == "motion"
        )
        seen = (config.frames + self.correction.moves) * channels * area
        self.down = nn.ModuleList(Block(a, b) for a, b in pairwise([seen, *widths]))
        self.up = nn.ModuleList(Block(a + b, a) for a, b in pairwise(widths))
        outputs = self.correction.outputs * area
        self.head = nn.Conv2d(config.width, outputs, 3, padding=1)
        nn.init.zeros_(self.head.weight)
        assert self.head.bias is not None
        nn.init.zeros_(self.head.bias)

    @property
    def lookback(self) -> int:
        """All frames that the network sees."""
        return self.config.frames

    def tune(self, stretches: Iterable[Tensor]) -> None:
        """Solve for the linear forecast that the network will correct."""
        self.correction.tune(stretches)

    def forget(self) -> None:
        """Correct "nothing moves" instead."""
        self.correction.forget()

    def unroll(self, context: Tensor) -> Iterator[Tensor]:
        """Go on from the latest frames of (B, T, C, Y, X)."""
        latest = newest(context, self.config.frames)
        limits = Limits.of(latest).widened()
        known = context[:, -min(PAIRS + 1, self.config.frames) :]
        motion = motions(known)[:, -1] if self.correction.carrying else None
        while True:
            moved = self.correction.moved(latest[:, -1], motion)
            out = self._seen(latest, moved)
            frame = limits.hold(self.correction(latest, out, moved))
            yield frame
            latest = pushed(latest, frame)
            motion = None if motion is None else going_on(motion)

    def criterion(self, forecast: Tensor, target: Tensor) -> Tensor:
        """Weighted sum of MSE, L1 and 1 - SSIM, as the settings say."""
        return distance(forecast, target, self.config.weights)

    def loss(self, batch: Window[Tensor]) -> Tensor:
        """Error of a rollout, up to a lead drawn for each batch."""
        context, target = batch
        if self.config.noise:
            context = context + self.config.noise * torch.randn_like(context)
        leads = drawn_leads(target.shape[1])
        forecast, truth = self.forecast(context, leads), target[:, :leads]
        if not self.config.balance:
            return self.criterion(forecast, truth)
        still = context[:, -1:].expand_as(truth)
        return relative(self.criterion, forecast, truth, still)

    def _seen(self, latest: Tensor, moved: Tensor | None) -> Tensor:
        """What the network makes of the latest frames, (B, outputs, Y, X)."""
        last = latest[:, -1:]
        changes = [
            frames - last for frames in (latest[:, :-1], moved) if frames is not None
        ]
        seen = torch.cat([*(CHANGE_GAIN * change for change in changes), last], 1)
        seen = seen.flatten(1, 2)
        height, width = seen.shape[-2:]
        block = self.config.patch * 2**self.config.depth
        x = F.pixel_unshuffle(padded(seen, block), self.config.patch)
        kept = [self.down[0](x)]
        for step in list(self.down)[1:]:
            kept.append(step(F.avg_pool2d(kept[-1], 2)))
        x = kept.pop()
        for step, skip in zip(reversed(self.up), reversed(kept), strict=True):
            x = step(torch.cat([F.interpolate(x, scale_factor=2), skip], 1))
        out: Tensor = F.pixel_shuffle(self.head(x), self.config.patch)
        return out[..., :height, :width]
