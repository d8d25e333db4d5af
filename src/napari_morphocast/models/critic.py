"""Critic in the shape of a U-Net, which judges an image and each of its pixels.

Written from Schönfeld et al. (2020), "A U-Net based discriminator for generative
adversarial networks"; sizes are those of the Cell-GAN at ``width`` 1.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from napari_morphocast.models.layers import (
    EqualConv,
    EqualLinear,
    MinibatchSpread,
    activation,
)

if TYPE_CHECKING:
    from napari_morphocast.models.layers import Activation

PLACES = 4  # along each axis, that are told apart when the whole image is judged
MAPS = 48, 96, 192, 384, 768  # feature maps on the way down, at full width


class Judgement(NamedTuple):
    """Logits: above 0 is real.

    ``image`` has shape (B,), ``pixels`` (B, 1, Y, X).
    """

    image: Tensor
    pixels: Tensor


class Residual(nn.Module):
    """Two activated 3 x 3 convolutions beside a 1 x 1 convolution."""

    def __init__(self, inputs: int, outputs: int, kind: Activation) -> None:
        super().__init__()
        self.main = nn.Sequential(
            EqualConv(inputs, outputs, 3),
            activation(kind),
            EqualConv(outputs, outputs, 3),
            activation(kind),
        )
        self.skip = EqualConv(inputs, outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, inputs, Y, X) to (B, outputs, Y, X)."""
        summed: Tensor = (self.main(x) + self.skip(x)) * math.sqrt(0.5)
        return summed


class Critic(nn.Module):
    """Judges images (B, channels, side, side), wholes and pixels.

    Parameters
    ----------
    side : int
        Of the images, a power of two from 32 (pixels).
    channels : int
        C of the images.
    width : float
        Scales all numbers of feature maps; 1 is the size of the Cell-GAN.
    kind : str
        Activation.
    """

    def __init__(
        self, side: int, channels: int, width: float, kind: Activation
    ) -> None:
        super().__init__()
        maps = [max(4, round(n * width)) for n in MAPS]
        down = pairwise([channels, *maps])
        self.down = nn.ModuleList(Residual(a, b, kind) for a, b in down)
        self.spread = MinibatchSpread()
        places = min(PLACES, side // 2 ** (len(maps) - 1))
        self.image = nn.Sequential(
            nn.AdaptiveAvgPool2d(places),
            nn.Flatten(),
            EqualLinear((maps[-1] + 1) * places**2, maps[-1]),
            activation(kind),
            EqualLinear(maps[-1], 1),
        )
        ends = [maps[-1] + 1, *reversed(maps[:-1])]
        self.up = nn.ModuleList(
            Residual(below + skip, skip, kind) for below, skip in pairwise(ends)
        )
        self.pixels = EqualConv(maps[0], 1, 1)

    def features(self, x: Tensor) -> list[Tensor]:
        """What is seen at every size, the largest first."""
        kept = [self.down[0](x)]
        for block in list(self.down)[1:]:
            kept.append(block(F.avg_pool2d(kept[-1], 2)))
        return kept

    def forward(self, x: Tensor) -> Judgement:
        """Judge images with a variance of about 1."""
        *skips, x = self.features(x)
        x = self.spread(x)
        image = self.image(x)[:, 0]
        for block, skip in zip(self.up, reversed(skips), strict=True):
            larger = F.interpolate(x, scale_factor=2, mode="bilinear")
            x = block(torch.cat([larger, skip], 1))
        return Judgement(image, self.pixels(x))
