"""Collages of real and made images."""

from __future__ import annotations

import torch
from torch import Tensor


def mixed(one: Tensor, other: Tensor) -> tuple[Tensor, Tensor]:
    """Paste a rectangle of ``other`` into ``one``, or the other way round.

    The share that comes from ``one`` is uniformly distributed (Yun et al., 2019).

    Parameters
    ----------
    one, other : Tensor, shape (B, C, Y, X)
        Images.

    Returns
    -------
    Tensor, shape (B, C, Y, X)
        The collages.
    Tensor of bool, shape (B, 1, Y, X)
        True where they come from ``one``.
    """
    count, _, height, width = one.shape
    device = one.device
    share = torch.rand(count, 1, 1, device=device).sqrt()
    rows = torch.arange(height, device=device)[:, None]
    columns = torch.arange(width, device=device)
    top = torch.rand(count, 1, 1, device=device) * (1 - share) * height
    left = torch.rand(count, 1, 1, device=device) * (1 - share) * width
    across = (columns >= left) & (columns < left + share * width)
    inside = (rows >= top) & (rows < top + share * height) & across
    swapped = torch.rand(count, 1, 1, device=device) < 0.5
    mask = (inside ^ swapped)[:, None]
    return torch.where(mask, one, other), mask
