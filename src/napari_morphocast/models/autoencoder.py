"""Convolutional autoencoder: a code for every tile of a frame, and back."""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn
from torch.nn import functional as F

from napari_morphocast.models.layers import padded

PATCH = 2  # squares of this side become channels before the first layer (pixels)
DEEPEST = 4  # side of what is left of a tile at the deepest level
WIDEST = 256  # feature maps
SLOPE = 0.1  # of the activation below zero


class Block(nn.Module):
    """Two 3 x 3 convolutions beside a 1 x 1 convolution.

    A fresh block is linear and keeps the variance of what it is given: deep stacks of
    other layers took so long to begin that a short run made nothing but grey.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.skip = nn.Conv2d(inputs, outputs, 1)
        self.first = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.second = nn.Conv2d(outputs, outputs, 3, padding=1)
        nn.init.kaiming_normal_(self.skip.weight, nonlinearity="linear")
        nn.init.zeros_(self.second.weight)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, inputs, Y, X) to (B, outputs, Y, X)."""
        inner = F.leaky_relu(self.first(F.leaky_relu(x, SLOPE)), SLOPE)
        summed: Tensor = self.skip(x) + self.second(inner)
        return summed


class Autoencoder(nn.Module):
    """Describes every tile of a frame by a code, and makes the frame from its codes.

    Convolutions halve a frame until 4 x 4 places are left of each tile; one linear
    layer, the same for all tiles, makes those a code. The way back is the same in
    reverse. A frame no larger than a tile has one code, as in Ensmenger (2023, "Image
    sequence analysis with CNNs and LSTMs on Healing MNIST dataset", chapter 4); a
    larger one has a grid of them, so that neither the layers nor the detail depend on
    its size. Convolutions reach over the tiles' borders: codes know what comes near,
    and no seams are seen.

    Parameters
    ----------
    channels : int
        C of the frames.
    tile : int
        Side of a tile, a power of two from 8 (pixels).
    code : int
        Numbers that describe a tile.
    width : int
        Feature maps at half size, twice as many at each halving, up to 256.
    """

    def __init__(self, channels: int, tile: int, code: int, width: int) -> None:
        super().__init__()
        self.tile = tile
        levels = (tile // (PATCH * DEEPEST)).bit_length()
        maps = [min(WIDEST, width * 2**level) for level in range(levels)]
        ends = channels * PATCH**2
        self.down = nn.ModuleList(Block(a, b) for a, b in pairwise([ends, *maps]))
        self.found = nn.Conv2d(maps[-1], code, DEEPEST, stride=DEEPEST)
        self.grown = nn.ConvTranspose2d(code, maps[-1], DEEPEST, stride=DEEPEST)
        back = [*reversed(maps), maps[0]]
        self.up = nn.ModuleList(Block(a, b) for a, b in pairwise(back))
        self.last = nn.Conv2d(maps[0], ends, 3, padding=1)

    def encode(self, frames: Tensor) -> Tensor:
        """Find the codes (B, code, rows, columns) of frames (B, C, Y, X).

        There are Y / tile rows and X / tile columns, rounded up: the last tiles are
        filled up with the frame's last row and column.
        """
        x = self.down[0](F.pixel_unshuffle(padded(frames, self.tile), PATCH))
        for block in list(self.down)[1:]:
            x = block(F.avg_pool2d(x, 2))
        codes: Tensor = self.found(x)
        return codes

    def decode(self, codes: Tensor, height: int, width: int) -> Tensor:
        """Make frames (B, C, height, width) of codes (B, code, rows, columns)."""
        x = self.up[0](self.grown(codes))
        for block in list(self.up)[1:]:
            x = block(F.interpolate(x, scale_factor=2))
        return F.pixel_shuffle(self.last(x), PATCH)[..., :height, :width]

    def forward(self, frames: Tensor) -> Tensor:
        """Make frames (B, C, Y, X) again from their codes."""
        return self.decode(self.encode(frames), *frames.shape[-2:])
