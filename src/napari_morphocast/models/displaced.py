"""Spatially-displaced convolution: every pixel fetched from afar, and filtered there.

Written from Reda et al. (2018), "SDC-Net: video prediction using spatially-displaced
convolution", equation 4, with separable kernels.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

from napari_morphocast.models.motion import countable


class Kernels(NamedTuple):
    """Separable kernels, one for each pixel: each (B, N, Y, X), with an odd N.

    Along Y and along X; they need not sum to one.
    """

    rows: Tensor
    columns: Tensor

    @classmethod
    def identity(cls, size: int, like: Tensor) -> Kernels:
        """Kernels of side ``size`` that leave frames like (B, C, Y, X) as they are."""
        one = like.new_zeros(len(like), size, *like.shape[-2:])
        one[:, size // 2] = 1
        return cls(one, one)

    @property
    def unusual(self) -> Tensor:
        """How far each kernel is from leaving its pixel as it is, (B, 1, Y, X).

        Sum of absolute differences from the kernel that is one in its middle, over all
        taps of rows times columns: what one has more of and the other less is nothing.
        """
        middle = self.rows.shape[1] // 2
        every = self.rows.abs().sum(1) * self.columns.abs().sum(1)
        tap = self.rows[:, middle] * self.columns[:, middle]
        return (every - tap.abs() + (tap - 1).abs())[:, None]


def displaced(frames: Tensor, motion: Tensor, kernels: Kernels) -> Tensor:
    """Fetch every pixel from ``motion`` away, filtered there by its own kernel.

    out(y, x) = sum over i, j of rows_i(y, x) columns_j(y, x) I(y + v + i, x + u + j)

    with i and j from -(N - 1) / 2 on, and I interpolated bilinearly. All taps of a
    pixel lie equally far from whole pixels, so interpolation and kernel together are a
    kernel of N + 1 taps on whole pixels. Only one row of taps is in memory at a time.
    Kept for gradients are, with N = 7, 34 planes (Y, X) and the frames twice: no taps
    (49 planes), and each pixel's place once.

    Parameters
    ----------
    frames : Tensor, shape (B, C, Y, X)
        Where the grey levels come from; each tap outside takes the nearest border
        pixel.
    motion : Tensor, shape (B, 2, Y, X)
        Backward displacement in pixels, along Y and X.
    kernels : Kernels
        Of every pixel, the same for all channels.

    Returns
    -------
    Tensor, shape (B, C, Y, X)
        Bit for bit ``frames`` without motion and with kernels that are one in the
        middle.
    """
    motion = countable(motion)
    height, width = frames.shape[-2:]
    y = motion[:, 0] + torch.arange(height, device=frames.device)[:, None]
    x = motion[:, 1] + torch.arange(width, device=frames.device)
    top, left = y.detach().floor(), x.detach().floor()
    rows = _between(kernels.rows, (y - top)[:, None])
    columns = _between(kernels.columns, (x - left)[:, None])
    far = kernels.rows.shape[1]  # all pixels that lie further outside are alike
    around = F.pad(frames, (far,) * 4, mode="replicate")
    row, column = _first(top, height, far), _first(left, width, far)
    corner = row * around.shape[-1] + column
    total = torch.zeros_like(frames)
    for number, weight in enumerate(rows.split(1, 1)):
        given = around, corner, number, weight, columns
        if torch.is_grad_enabled():
            line = checkpoint(
                _line, *given, use_reentrant=False, preserve_rng_state=False
            )
        else:
            line = _line(*given)
        total = total + line
    return total


def _line(
    around: Tensor, corner: Tensor, number: int, weight: Tensor, columns: Tensor
) -> Tensor:
    """One row of taps, summed: (B, C, Y, X), from the ``number``-th below a corner."""
    taps = _row(around, corner, number, columns.shape[1])
    return (taps * columns[:, None]).sum(2) * weight


def _row(around: Tensor, corner: Tensor, number: int, count: int) -> Tensor:
    """Taps (B, C, count, Y, X) of the ``number``-th row below a corner.

    ``corner`` (B, Y, X) is where each pixel's first tap lies in a flat frame.
    """
    places = number * around.shape[-1] + torch.arange(count, device=corner.device)
    index = (corner[:, None] + places[:, None, None]).flatten(1)[:, None]
    found = around.flatten(2).gather(2, index.expand(-1, around.shape[1], -1))
    return found.view(*around.shape[:2], count, *corner.shape[1:])


def _between(kernel: Tensor, part: Tensor) -> Tensor:
    """Kernel (B, N + 1, Y, X) on whole pixels, its taps ``part`` of a pixel further."""
    further = part * kernel
    none = torch.zeros_like(part)
    return torch.cat([kernel - further, none], 1) + torch.cat([none, further], 1)


def _first(start: Tensor, size: int, far: int) -> Tensor:
    """Place of the first tap along an axis, ``far`` pixels wider on either side."""
    place = (start + far - far // 2).clamp(0, size - 1 + far)
    return place.nan_to_num(0).long()
