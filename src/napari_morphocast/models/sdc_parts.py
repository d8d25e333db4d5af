"""Networks of SDC-Net++: encoder, decoders, optical flow that is learned, critic."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import spectral_norm

from napari_morphocast.models.layers import activation
from napari_morphocast.models.motion import warp

if TYPE_CHECKING:
    from napari_morphocast.models.sdc_config import SDCConfig

CRITIC_BLOCKS = 5
FLOW_WIDTH, FLOW_SIDE, COARSEST, LEVELS = 24, 5, 8, 5


class Encoder(nn.Module):
    """Residual blocks over (B, inputs, T, Y, X), each at half the size of the last.

    What a block has seen is passed on at full size, its frames joined by a convolution
    over all of time: features (B, width 2^level, Y, X), the largest first.
    """

    def __init__(self, inputs: int, config: SDCConfig) -> None:
        super().__init__()
        widths = [config.width * 2**level for level in range(config.depth + 1)]
        self.blocks = nn.ModuleList(
            EncoderBlock(a, b, config) for a, b in pairwise([inputs, *widths])
        )
        self.join = nn.ModuleList(
            SpacetimeConv(width, width, (config.frames, 1, 1)) for width in widths
        )

    def forward(self, x: Tensor) -> list[Tensor]:
        """See frames side by side in time."""
        features = []
        for level, (block, join) in enumerate(zip(self.blocks, self.join, strict=True)):
            x = block(F.avg_pool3d(x, (1, 2, 2)) if level else x)
            features.append(join(x).squeeze(2))
        return features


class EncoderBlock(nn.Module):
    """Two convolutions of 3 x 3, the first over three frames, too, if time is mixed."""

    def __init__(self, inputs: int, outputs: int, config: SDCConfig) -> None:
        super().__init__()
        long = 3 if config.time == "mixed" else 1
        self.main = nn.Sequential(
            SpacetimeConv(inputs, outputs, (long, 3, 3), padding=(long // 2, 1, 1)),
            _norm3(config, outputs),
            activation(config.activation),
            SpacetimeConv(outputs, outputs, (1, 3, 3), padding=(0, 1, 1)),
            _norm3(config, outputs),
            activation(config.activation),
        )
        self.skip = SpacetimeConv(inputs, outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, inputs, T, Y, X) to (B, outputs, T, Y, X)."""
        summed: Tensor = self.main(x) + self.skip(x)
        return summed


class SpacetimeConv(nn.Conv3d):
    """A convolution over (B, C, T, Y, X), fast for a single movie, too.

    On a CPU the ordinary one is several times slower for one than for each of many, so
    that one is seen as a convolution over Y and X, with neighbours in time as channels.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Convolve."""
        if len(x) > 1:
            return super().forward(x)
        time, *plane = (int(size) for size in self.padding)
        frames, long = F.pad(x, (0, 0, 0, 0, time, time)), self.kernel_size[0]
        weight = self.weight.flatten(1, 2)
        near = (
            frames[:, :, first : first + long].flatten(1, 2)
            for first in range(frames.shape[2] - long + 1)
        )
        made = [F.conv2d(one, weight, self.bias, padding=plane) for one in near]
        return torch.stack(made, 2)


class Decoder(nn.Module):
    """From features of all sizes to ``outputs`` numbers for every pixel."""

    def __init__(self, outputs: int, config: SDCConfig) -> None:
        super().__init__()
        widths = [config.width * 2**level for level in range(config.depth + 1)]
        steps = list(pairwise(widths))
        self.up = nn.ModuleList(_enlarging(b, a, a > 2 * widths[0]) for a, b in steps)
        self.blocks = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(2 * a, a, 3, padding=1),
                activation(config.activation),
                _norm2(config, a),
                nn.Conv2d(a, a, 3, padding=1),
                activation(config.activation),
                _norm2(config, a),
            )
            for a, _ in steps
        )
        self.out = nn.Conv2d(config.width, outputs, 1)
        nn.init.zeros_(self.out.weight)
        assert self.out.bias is not None
        nn.init.zeros_(self.out.bias)

    def forward(self, features: list[Tensor]) -> Tensor:
        """Map features, the largest first, to (B, outputs, Y, X)."""
        *skips, x = features
        for level in reversed(range(len(skips))):
            x = torch.cat([self.up[level](x), skips[level]], 1)
            x = self.blocks[level](x)
        found: Tensor = self.out(x)
        return found


class FlowHead(nn.Module):
    """Optical flow from coarse to fine, by one small network at all scales.

    At each it sees the later frame, the earlier one as moved so far, and that motion,
    and adds what is missing (after Ranjan & Black, 2017, "Optical flow estimation using
    a spatial pyramid network", with shared weights). It begins at "nothing moves".
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        sizes = 2 * channels + 2, FLOW_WIDTH, FLOW_WIDTH, 2
        layers: list[nn.Module] = []
        for inputs, outputs in pairwise(sizes):
            pad = FLOW_SIDE // 2
            layers += [nn.LeakyReLU(0.1)] if layers else []
            layers.append(nn.Conv2d(inputs, outputs, FLOW_SIDE, padding=pad))
        self.missing = nn.Sequential(*layers)
        for parameter in layers[-1].parameters():
            nn.init.zeros_(parameter)

    def forward(self, before: Tensor, after: Tensor) -> Tensor:
        """Backward displacement (B, 2, Y, X) from ``after`` to ``before``."""
        scales = [(before, after)]
        while min(scales[0][0].shape[-2:]) >= 2 * COARSEST and len(scales) < LEVELS:
            early, late = scales[0]
            scales.insert(0, (F.avg_pool2d(early, 2), F.avg_pool2d(late, 2)))
        found = torch.zeros_like(scales[0][0][:, :1]).repeat(1, 2, 1, 1)
        for early, late in scales:
            if found.shape[-2:] != late.shape[-2:]:
                size = late.shape[-2:]
                found = 2 * F.interpolate(found, size=size, mode="bilinear")
            seen = torch.cat([late, warp(early, found), found], 1)
            found = found + self.missing(seen)
        return found


class SequenceCritic(nn.Module):
    """Tells real movies (B, C, T, Y, X) from rollouts: logits (B,), above 0 is real.

    Five residual blocks and a linear layer, all with spectral normalisation.
    """

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        widths = [channels, *(width * 2 ** min(n, 3) for n in range(CRITIC_BLOCKS))]
        self.blocks = nn.ModuleList(CriticBlock(a, b) for a, b in pairwise(widths))
        self.judge = spectral_norm(nn.Linear(widths[-1], 1))

    def forward(self, movie: Tensor) -> Tensor:
        """Judge movies."""
        x = movie
        for number, block in enumerate(self.blocks):
            fits = min(x.shape[-2:]) >= 2
            x = block(F.avg_pool3d(x, (1, 2, 2)) if number and fits else x)
        logits: Tensor = self.judge(x.mean((2, 3, 4)))[:, 0]
        return logits


class CriticBlock(nn.Module):
    """Two activated convolutions of 3 x 3 x 3 beside one of 1 x 1 x 1."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.main = nn.Sequential(
            spectral_norm(nn.Conv3d(inputs, outputs, 3, padding=1)),
            nn.LeakyReLU(0.2),
            spectral_norm(nn.Conv3d(outputs, outputs, 3, padding=1)),
            nn.LeakyReLU(0.2),
        )
        self.skip = spectral_norm(nn.Conv3d(inputs, outputs, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, inputs, T, Y, X) to (B, outputs, T, Y, X)."""
        summed: Tensor = self.main(x) + self.skip(x)
        return summed


def _enlarging(inputs: int, outputs: int, deep: bool) -> nn.Module:
    """Twice as large: transposed far down, interpolated near the top (no checkers)."""
    if deep:
        return nn.ConvTranspose2d(inputs, outputs, 2, stride=2)
    return nn.Sequential(
        nn.Upsample(scale_factor=2, mode="bilinear"), nn.Conv2d(inputs, outputs, 1)
    )


def _norm3(config: SDCConfig, maps: int) -> nn.Module:
    return nn.InstanceNorm3d(maps) if config.norm == "instance" else nn.Identity()


def _norm2(config: SDCConfig, maps: int) -> nn.Module:
    return nn.InstanceNorm2d(maps) if config.norm == "instance" else nn.Identity()
