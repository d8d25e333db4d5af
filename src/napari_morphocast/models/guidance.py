"""Guidance: the code from which an image like this one is made."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from napari_morphocast.models.layers import EqualConv, EqualLinear, activation
from napari_morphocast.models.style import LAYOUT

if TYPE_CHECKING:
    from napari_morphocast.models.layers import Activation

MAPS = 32, 64, 128, 256, 256, 256, 128  # feature maps, at full width
BOTTOM = 2  # side, in pixels, of the smallest features
GROUPS = 4  # that features are normalised in; of single ones brightness would be lost


class Block(nn.Module):
    """Two normalised, activated 3 x 3 convolutions beside a 1 x 1 convolution."""

    def __init__(self, inputs: int, outputs: int, kind: Activation) -> None:
        super().__init__()
        self.main = nn.Sequential(
            nn.Conv2d(inputs, outputs, 3, padding=1),
            nn.GroupNorm(math.gcd(GROUPS, outputs), outputs),
            activation(kind),
            nn.Conv2d(outputs, outputs, 3, padding=1),
            nn.GroupNorm(math.gcd(GROUPS, outputs), outputs),
            activation(kind),
        )
        self.skip = nn.Conv2d(inputs, outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, inputs, Y, X) to (B, outputs, Y, X)."""
        summed: Tensor = (self.main(x) + self.skip(x)) * math.sqrt(0.5)
        return summed


class Encoder(nn.Module):
    """Maps images (B, C, side, side) to codes (B, size): a layout, and styles.

    Parameters
    ----------
    side : int
        Of the images, a power of two from 8 (pixels).
    channels : int
        C of the images.
    layout : int
        Maps of the layout; 0 if none is looked for.
    styles : int
        Numbers of all styles: of one, or of one for each layer (W+).
    width : float
        Scales all numbers of feature maps; 1 is the size of the Cell-GAN.
    kind : str
        Activation.
    """

    def __init__(
        self,
        side: int,
        channels: int,
        layout: int,
        styles: int,
        width: float,
        kind: Activation,
    ) -> None:
        super().__init__()
        halvings = round(math.log2(side / BOTTOM))
        wanted = [MAPS[min(n, len(MAPS) - 2)] for n in range(halvings - 1)] + [MAPS[-1]]
        maps = [max(GROUPS, round(n * width / GROUPS) * GROUPS) for n in wanted]
        self.blocks = nn.ModuleList(
            Block(a, b, kind) for a, b in pairwise([channels, *maps])
        )
        self.at = round(math.log2(side / LAYOUT[-1]))  # blocks before the layout
        self.layout = EqualConv(maps[self.at], layout, 1) if layout else None
        self.styles = EqualLinear(maps[-1] * BOTTOM**2, styles)

    def forward(self, x: Tensor) -> Tensor:
        """Map images with a variance of about 1 to offsets from the mean code."""
        found = []
        for n, block in enumerate(self.blocks):
            x = block(x)
            if n == self.at and self.layout is not None:
                found.append(self.layout(x).flatten(1))
            x = F.avg_pool2d(x, 2)
        return torch.cat([*found, self.styles(x.flatten(1))], 1)
