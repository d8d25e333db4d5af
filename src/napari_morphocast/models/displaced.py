"""Spatially-displaced convolution: every pixel fetched from afar, and filtered there.

Written from Reda et al. (2018), "SDC-Net: video prediction using spatially-displaced
convolution", equation 4, with separable kernels.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint


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

        Sum of absolute differences from the kernel that is one in its middle.
        """
        middle = self.rows.shape[1] // 2
        total = self.rows.new_zeros(())
        for line in self:
            apart = line.abs().sum(1) + (line[:, middle] - 1).abs()
            total = total + apart - line[:, middle].abs()
        return total[:, None]


def displaced(frames: Tensor, motion: Tensor, kernels: Kernels) -> Tensor:
    """Fetch every pixel from ``motion`` away, filtered there by its own kernel.

    out(y, x) = sum over i, j of rows_i(y, x) columns_j(y, x) I(y + v + i, x + u + j)

    with i and j from -(N - 1) / 2 on, and I interpolated bilinearly. All taps of a
    pixel lie equally far from whole pixels, so interpolation and kernel together are a
    kernel of N + 1 taps on whole pixels. Only one row of taps is in memory at a time,
    also when gradients are taken.

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
    height, width = frames.shape[-2:]
    y = motion[:, 0] + torch.arange(height, device=frames.device)[:, None]
    x = motion[:, 1] + torch.arange(width, device=frames.device)
    top, left = y.detach().floor(), x.detach().floor()
    rows = _between(kernels.rows, (y - top)[:, None])
    columns = _between(kernels.columns, (x - left)[:, None])
    places = _places(left, columns, width)
    total = torch.zeros_like(frames)
    for row, weight in zip(
        _places(top, rows, height).unbind(1), rows.split(1, 1), strict=True
    ):
        given = frames, row, places, columns
        if torch.is_grad_enabled():
            line = checkpoint(
                _line, *given, use_reentrant=False, preserve_rng_state=False
            )
        else:
            line = _line(*given)
        total = total + weight * line
    return total


def _line(frames: Tensor, row: Tensor, places: Tensor, columns: Tensor) -> Tensor:
    """One row of taps, summed: (B, C, Y, X), from places (B, N + 1, Y, X) in a row."""
    size, channels, _, width = frames.shape
    index = (row[:, None] * width + places).flatten(1)[:, None]
    index = index.expand(-1, channels, -1)
    taps = frames.flatten(2).gather(2, index).view(size, channels, *places.shape[1:])
    return (taps * columns[:, None]).sum(2)


def _between(kernel: Tensor, part: Tensor) -> Tensor:
    """Kernel (B, N + 1, Y, X) on whole pixels, its taps ``part`` of a pixel further."""
    first = torch.cat([(1 - part) * kernel, torch.zeros_like(part)], 1)
    second = torch.cat([torch.zeros_like(part), part * kernel], 1)
    return first + second


def _places(start: Tensor, weights: Tensor, size: int) -> Tensor:
    """Whole places of all taps along an axis, (B, N + 1, Y, X)."""
    taps = torch.arange(weights.shape[1], device=start.device)
    away = taps - (len(taps) - 2) // 2
    return (start[:, None] + away[:, None, None]).clamp(0, size - 1).long()
