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
    by_pixel,
    enlarged,
    unit_length,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_morphocast.models.layers import Activation

SMALLEST = 4  # side of the constant that every image grows from
LAYOUT = 16, 8, 8  # maps, height and width of a layout that images grow from
WIDEST = 512  # channels of the small images, at full width
HALVING = 64  # above this side, channels are halved with each doubling of the side
PACE = 0.01  # of the mapping's learning rate


def channels_at(side: int, width: float) -> int:
    """Channels of the generator's images of a side, in pixels.

    Narrow generators save where images are large: layouts are made of the many channels
    of the small ones, which cost little.
    """
    most, affordable = WIDEST * math.sqrt(width), WIDEST * width * HALVING / side
    return max(4, round(min(most, affordable)))


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
        weight = by_pixel(self.weight * self.scale)
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
        self.strength = nn.Parameter(torch.zeros(()))  # of the noise
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.activation = activation(kind)

    def forward(
        self, x: Tensor, w: Tensor, noise: Tensor | None, *, enlarge: bool = False
    ) -> Tensor:
        """Map (B, inputs, Y, X); ``noise`` has shape (B, 1, Y, X) of the output."""
        x = self.conv(x, w, enlarge=enlarge) + self.bias[:, None, None]
        if noise is not None:
            x = x + self.strength * noise
        shaped: Tensor = self.activation(x)
        return shaped


class ToImage(nn.Module):
    """Image made from features, added to the enlarged image of half the side.

    ``share`` is its part of the variance of the sum, to begin with.
    """

    def __init__(self, inputs: int, outputs: int, style: int, share: float) -> None:
        super().__init__()
        self.conv = ModulatedConv(inputs, outputs, 1, style, demodulate=False)
        self.conv.scale *= math.sqrt(share)
        self.bias = nn.Parameter(torch.zeros(outputs))

    def forward(self, x: Tensor, w: Tensor, smaller: Tensor | None) -> Tensor:
        """Map (B, inputs, Y, X) to (B, outputs, Y, X)."""
        image: Tensor = self.conv(x, w) + self.bias[:, None, None]
        return image if smaller is None else image + enlarged(smaller)


class Constant(nn.Module):
    """Beginning that all images share (Karras et al., 2019)."""

    size = 0  # numbers of a code that say how an image begins

    def __init__(self, maps: int) -> None:
        super().__init__()
        self.values = nn.Parameter(torch.randn(maps, SMALLEST, SMALLEST))

    def drawn(self, style: Tensor) -> Tensor:
        """No numbers (B, 0) follow from styles (B, style)."""
        return style[:, :0]

    def forward(self, code: Tensor) -> Tensor:
        """Map (B, 0) to (B, maps, Y, X)."""
        return self.values.expand(len(code), -1, -1, -1)


class Layout(nn.Module):
    """Beginning that says what lies where (Kim et al., 2021).

    Styles alone move nothing: a network that begins with a constant must learn for long
    until it puts cells in other places.
    """

    size = math.prod(LAYOUT)  # numbers of a code that say how an image begins

    def __init__(self, style: int) -> None:
        super().__init__()
        self.usual = EqualLinear(style, self.size)

    def drawn(self, style: Tensor) -> Tensor:
        """Layouts (B, size) that follow from styles (B, style)."""
        layout: Tensor = self.usual(style)
        return layout

    def forward(self, code: Tensor) -> Tensor:
        """Map (B, size) to (B, maps, Y, X)."""
        layout: Tensor = code.unflatten(1, LAYOUT)
        return layout


class Generator(nn.Module):
    """Grows images from a layout, or a constant, with one style for each layer.

    Codes (B, size) are the layout and all styles, one after the other.

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
    placed : bool
        Whether images grow from a layout of their own, not from a constant.
    """

    begin: Constant | Layout

    def __init__(
        self,
        side: int,
        channels: int,
        style: int,
        width: float,
        kind: Activation,
        *,
        placed: bool,
    ) -> None:
        super().__init__()
        first = LAYOUT[-1] if placed else SMALLEST
        sides = [first * 2**n for n in range(round(math.log2(side / first)) + 1)]
        maps = [channels_at(each, width) for each in sides]
        self.sides = sides
        self.style = style
        self.begin = Layout(style) if placed else Constant(maps[0])
        convs = [StyledConv(LAYOUT[0] if placed else maps[0], maps[0], style, kind)]
        for before, after in itertools.pairwise(maps):
            convs.append(StyledConv(before, after, style, kind))
            convs.append(StyledConv(after, after, style, kind))
        self.convs = nn.ModuleList(convs)
        each = 1 / len(maps)
        self.images = nn.ModuleList(ToImage(n, channels, style, each) for n in maps)

    @property
    def styles(self) -> int:
        """How many styles an image is made from: one for each layer, and the last."""
        return len(self.convs) + 1

    @property
    def size(self) -> int:
        """Numbers of a code."""
        return self.begin.size + self.styles * self.style

    def codes(self, styles: Tensor) -> Tensor:
        """Codes (B, size) of styles (B, styles, style): the first places things."""
        return torch.cat([self.begin.drawn(styles[:, 0]), styles.flatten(1)], 1)

    def noise(self, count: int, generator: torch.Generator) -> list[Tensor]:
        """Noise for every layer of ``count`` images, on the generator's device."""
        sides = [self.sides[(n + 1) // 2] for n in range(len(self.convs))]
        device = generator.device
        return [
            torch.randn(count, 1, side, side, generator=generator, device=device)
            for side in sides
        ]

    def forward(self, codes: Tensor, noise: Sequence[Tensor | None]) -> Tensor:
        """Make images (B, C, Y, X) from codes (B, size)."""
        begin, styles = codes.tensor_split([self.begin.size], 1)
        w = styles.unflatten(1, (self.styles, self.style))
        x = self.convs[0](self.begin(begin), w[:, 0], noise[0])
        image: Tensor = self.images[0](x, w[:, 1], None)
        for n, to_image in enumerate(list(self.images)[1:]):
            up, same = 2 * n + 1, 2 * n + 2
            x = self.convs[up](x, w[:, up], noise[up], enlarge=True)
            x = self.convs[same](x, w[:, same], noise[same])
            image = to_image(x, w[:, same + 1], image)
        return image
