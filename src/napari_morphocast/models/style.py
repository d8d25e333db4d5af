"""Style-based generator: a latent vector modulates the convolutions (StyleGAN2).

Written from Karras et al. (2020), "Analyzing and improving the image quality of
StyleGAN"; sizes are those of the Cell-GAN at ``width`` 1.
"""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from napari_morphocast.models.layers import (
    EqualLinear,
    activation,
    enlarged,
    unit_length,
)

if TYPE_CHECKING:
    from napari_morphocast.models.layers import Activation

SMALLEST = 4  # side of the constant that every image grows from
WIDEST = 512  # channels of the small images, at full width
HALVING = 64  # above this side, channels are halved with each doubling of the side
PACE = 0.01  # of the mapping's learning rate


def channels_at(side: int, width: float) -> int:
    """Channels of the generator's images of a side, in pixels."""
    full = WIDEST if side <= HALVING else WIDEST * HALVING // side
    return max(4, round(full * width))


class Mapping(nn.Sequential):
    """From the latent z, normally distributed, to the style w."""

    def __init__(self, size: int, layers: int, kind: Activation) -> None:
        steps: list[nn.Module] = []
        for _ in range(layers):
            steps += [EqualLinear(size, size, pace=PACE), activation(kind)]
        super().__init__(*steps)

    def forward(self, z: Tensor) -> Tensor:
        """Map (B, size) to (B, size)."""
        x = unit_length(z)
        for step in self:
            x = step(x)
        return x


class ModulatedConv(nn.Module):
    """Convolution whose input channels are weighted by a style, for each image anew.

    With demodulation the outputs have unit variance whatever the style (equations 1 to
    3). Modulating the input and demodulating the output is the same as
    changing the weights, and needs no weights for each image.
    """

    def __init__(
        self, inputs: int, outputs: int, side: int, style: int, *, demodulate: bool
    ) -> None:
        super().__init__()
        self.demodulate = demodulate
        self.scale = 1 / math.sqrt(inputs * side**2)
        self.weight = nn.Parameter(torch.randn(outputs, inputs, side, side))
        self.affine = EqualLinear(style, inputs, bias=1.0)

    def forward(self, x: Tensor, w: Tensor, *, enlarge: bool = False) -> Tensor:
        """Map (B, inputs, Y, X) and styles (B, style) to (B, outputs, Y, X).

        ``enlarge`` doubles the side before the convolution.
        """
        strength = self.affine(w)
        weight = self.weight * self.scale
        x = x * strength[:, :, None, None]
        if enlarge:
            x = enlarged(x)
        x = F.conv2d(x, weight, padding=weight.shape[-1] // 2)
        if self.demodulate:
            power = strength.square() @ weight.square().sum((2, 3)).T
            x = x * torch.rsqrt(power + 1e-8)[:, :, None, None]
        return x


class StyledConv(nn.Module):
    """Modulated convolution, noise, bias, activation."""

    def __init__(self, inputs: int, outputs: int, style: int, kind: Activation) -> None:
        super().__init__()
        self.conv = ModulatedConv(inputs, outputs, 3, style, demodulate=True)
        self.strength = nn.Parameter(torch.zeros(()))
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.activation = activation(kind)

    def forward(
        self, x: Tensor, w: Tensor, noise: Tensor, *, enlarge: bool = False
    ) -> Tensor:
        """Map (B, inputs, Y, X); ``noise`` has shape (B, 1, Y, X) of the output."""
        x = self.conv(x, w, enlarge=enlarge)
        x = x + self.strength * noise + self.bias[:, None, None]
        shaped: Tensor = self.activation(x)
        return shaped


class ToImage(nn.Module):
    """Image made from features, added to the enlarged image of half the side."""

    def __init__(self, inputs: int, outputs: int, style: int) -> None:
        super().__init__()
        self.conv = ModulatedConv(inputs, outputs, 1, style, demodulate=False)
        self.bias = nn.Parameter(torch.zeros(outputs))

    def forward(self, x: Tensor, w: Tensor, smaller: Tensor | None) -> Tensor:
        """Map (B, inputs, Y, X) to (B, outputs, Y, X)."""
        image: Tensor = self.conv(x, w) + self.bias[:, None, None]
        return image if smaller is None else image + enlarged(smaller)


class Generator(nn.Module):
    """Grows images from a learned constant, one style for each layer.

    Parameters
    ----------
    side : int
        Of the images, a power of two from 8 (pixels).
    channels : int
        C of the images.
    style : int
        Features of w.
    width : float
        Scales all numbers of feature maps; 1 is the size of the Cell-GAN.
    kind : str
        Activation.
    """

    def __init__(
        self, side: int, channels: int, style: int, width: float, kind: Activation
    ) -> None:
        super().__init__()
        sides = [SMALLEST * 2**n for n in range(round(math.log2(side / SMALLEST)) + 1)]
        maps = [channels_at(each, width) for each in sides]
        self.sides = sides
        self.constant = nn.Parameter(torch.randn(1, maps[0], SMALLEST, SMALLEST))
        convs = [StyledConv(maps[0], maps[0], style, kind)]
        for before, after in itertools.pairwise(maps):
            convs.append(StyledConv(before, after, style, kind))
            convs.append(StyledConv(after, after, style, kind))
        self.convs = nn.ModuleList(convs)
        self.images = nn.ModuleList(ToImage(n, channels, style) for n in maps)

    @property
    def styles(self) -> int:
        """How many styles an image is made from: one for each layer, and the last."""
        return len(self.convs) + 1

    def noise(self, count: int, generator: torch.Generator) -> list[Tensor]:
        """Noise for every layer of ``count`` images, on the generator's device."""
        sides = [self.sides[(n + 1) // 2] for n in range(len(self.convs))]
        device = generator.device
        return [
            torch.randn(count, 1, side, side, generator=generator, device=device)
            for side in sides
        ]

    def forward(self, w: Tensor, noise: list[Tensor]) -> Tensor:
        """Make images (B, C, Y, X) from styles (B, styles, style)."""
        x = self.constant.expand(len(w), -1, -1, -1)
        x = self.convs[0](x, w[:, 0], noise[0])
        image: Tensor = self.images[0](x, w[:, 1], None)
        for n, to_image in enumerate(list(self.images)[1:]):
            up, same = 2 * n + 1, 2 * n + 2
            x = self.convs[up](x, w[:, up], noise[up], enlarge=True)
            x = self.convs[same](x, w[:, same], noise[same])
            image = to_image(x, w[:, same + 1], image)
        return image
