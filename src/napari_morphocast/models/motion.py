"""Moving the pixels of a frame."""

from __future__ import annotations

import torch
from torch import Tensor


def warp(frame: Tensor, displacement: Tensor) -> Tensor:
    """Fetch every pixel from ``displacement`` away, bilinearly.

    Parameters
    ----------
    frame : Tensor, shape (B, C, Y, X)
        Where the grey levels come from.
    displacement : Tensor, shape (B, 2, Y, X)
        How far away they lie, in pixels along Y and X (a backward displacement).
        Places outside the frame take the nearest border pixel; where it is no number,
        neither is what is fetched.

    Returns
    -------
    Tensor, shape (B, C, Y, X)
        Bit for bit ``frame`` where the displacement is zero. ``grid_sample`` is not
        used: it works in coordinates of -1..1 and rounds even the identity.
    """
    height, width = frame.shape[-2:]
    displacement = countable(displacement)
    rows = torch.arange(height, device=frame.device, dtype=displacement.dtype)
    columns = torch.arange(width, device=frame.device, dtype=displacement.dtype)
    y = (displacement[:, :1] + rows[:, None]).clamp(0, height - 1)
    x = (displacement[:, 1:] + columns).clamp(0, width - 1)
    top, left = y.detach().floor(), x.detach().floor()
    down, right = y - top, x - left
    y0, x0 = top.nan_to_num(0).long(), left.nan_to_num(0).long()
    y1, x1 = (y0 + 1).clamp(max=height - 1), (x0 + 1).clamp(max=width - 1)
    flat = frame.flatten(2)

    def fetch(y: Tensor, x: Tensor) -> Tensor:
        index = (y * width + x).flatten(2).expand(-1, frame.shape[1], -1)
        return flat.gather(2, index).view_as(frame)

    upper = fetch(y0, x0) * (1 - right) + fetch(y0, x1) * right
    lower = fetch(y1, x0) * (1 - right) + fetch(y1, x1) * right
    return upper * (1 - down) + lower * down


def countable(displacement: Tensor) -> Tensor:
    """As numbers that can count the pixels of a frame: half precision cannot."""
    if displacement.dtype in (torch.bfloat16, torch.float16):
        return displacement.float()
    return displacement
