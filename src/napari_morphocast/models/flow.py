"""How pixels have just been moving: optical flow of whole batches, on any device."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from napari_morphocast.models.denoised import blurred
from napari_morphocast.models.motion import warp

MOTIONS = 2  # that since the frame before, and the mean of the latest few
PAIRS = 3  # of neighbouring frames that the mean is taken from
BLUR = 1.0  # pixels; against noise
AROUND = 3.0  # pixels; width of the neighbourhood that is taken to move as one
STIFFNESS = 0.1  # how far what has no edges follows its surroundings
COARSEST, LEVELS = 16, 5  # of the pyramid: least side (pixels), most levels
STEPS = 3  # at each level
EPSILON = 1e-12  # where nothing at all is to be seen


@torch.no_grad()
def motions(frames: Tensor) -> Tensor:
    """How everything moves at every frame of (B, T, C, Y, X), from it and those before.

    Returns
    -------
    Tensor, shape (B, T, MOTIONS, 2, Y, X)
        Backward displacements in pixels per frame: that since the frame before, and
        the mean of the latest three such; zero at the first frame. Cells that speed up
        or turn are better foretold by the last, cells that jitter by the mean.
    """
    last = last_motions(frames)
    firsts = [max(min(1, t), t - PAIRS + 1) for t in range(last.shape[1])]
    mean = [last[:, first : t + 1].mean(1) for t, first in enumerate(firsts)]
    return torch.stack([last, torch.stack(mean, 1)], 2)


@torch.no_grad()
def last_motions(frames: Tensor) -> Tensor:
    """How every frame of (B, T, C, Y, X) has moved since the one before.

    Backward displacements (B, T, 2, Y, X) in pixels; zero at the first frame.
    """
    with torch.autocast(frames.device.type, enabled=False):
        smooth = blurred(frames.float().flatten(1, 2), BLUR).view(frames.shape)
        last = torch.zeros_like(smooth[:, :, :1]).repeat_interleave(2, 2)
        if smooth.shape[1] > 1:
            before, after = (s.flatten(0, 1) for s in (smooth[:, :-1], smooth[:, 1:]))
            last[:, 1:] = flow(before, after).unflatten(0, (len(smooth), -1))
    return last


def carried(frames: Tensor, motions: Tensor) -> Tensor:
    """Frames (B, C, Y, X) moved on by each of (B, K, 2, Y, X): (B, K, C, Y, X)."""
    return torch.stack([warp(frames, motion) for motion in motions.unbind(1)], 1)


def going_on(motions: Tensor) -> Tensor:
    """Motions (B, K, 2, Y, X) one frame later: what moves takes its motion along."""
    return torch.stack([warp(motion, motion) for motion in motions.unbind(1)], 1)


def flow(before: Tensor, after: Tensor) -> Tensor:
    """Backward displacement from each pixel to where it was one frame before.

    Lucas and Kanade (1981), from coarse to fine: in every neighbourhood, the motion
    that leaves the least squares of difference; where there is little to hold on to,
    that of the surroundings. The squares are summed over all channels, which move as
    one, at half the resolution, which is as good and four times as fast.

    Parameters
    ----------
    before, after : Tensor, shape (B, C, Y, X)
        Two frames.

    Returns
    -------
    Tensor, shape (B, 2, Y, X)
        In pixels, along Y and X; zero where both frames are the same.
    """
    pyramid = [(before, after)]
    while min(pyramid[0][0].shape[-2:]) >= 2 * COARSEST and len(pyramid) < LEVELS:
        coarser = (_halved(blurred(frame, 0.7)) for frame in pyramid[0])
        pyramid.insert(0, (next(coarser), next(coarser)))
    found = torch.zeros_like(pyramid[0][0][:, :1]).repeat(1, 2, 1, 1)
    for frames in pyramid:
        if found.shape[-2:] != frames[0].shape[-2:]:
            found = 2 * _resized(found, frames[0])
        for _ in range(STEPS):
            found = found + _resized(_step(*frames, found), frames[0])
    return found


def _step(before: Tensor, after: Tensor, found: Tensor) -> Tensor:
    """What is still missing from a motion, at half the resolution.

    Minimises the sum over a neighbourhood and all channels of (edges . step + miss)^2,
    and the square of how far the motion then differs from that of its surroundings.
    """
    moved = warp(before, found)
    wide = F.pad(moved, (1, 1, 1, 1), mode="replicate")
    y = (wide[..., 2:, 1:-1] - wide[..., :-2, 1:-1]) / 2
    x = (wide[..., 1:-1, 2:] - wide[..., 1:-1, :-2]) / 2
    miss = moved - after
    squares = torch.stack([y * y, x * x, y * x, y * miss, x * miss], 1).sum(2)
    yy, xx, yx, ym, xm = blurred(_halved(squares), AROUND / 2).split(1, 1)
    pull = STIFFNESS * (yy + xx).mean((2, 3), keepdim=True) + EPSILON
    half = _halved(found)
    apart = pull * (half - blurred(half, AROUND / 2))
    ym, xm = ym + apart[:, :1], xm + apart[:, 1:]
    yy, xx = yy + pull, xx + pull
    step: Tensor = torch.cat([yx * xm - xx * ym, yx * ym - yy * xm], 1)
    return step.div(yy * xx - yx * yx)


def _halved(frames: Tensor) -> Tensor:
    """Mean of squares of four pixels; slices are several times faster than a pool."""
    height, width = frames.shape[-2:]
    even = F.pad(frames, (0, width % 2, 0, height % 2), mode="replicate")
    rows = even[..., ::2, :] + even[..., 1::2, :]
    return (rows[..., ::2] + rows[..., 1::2]) / 4


def _resized(found: Tensor, like: Tensor) -> Tensor:
    size = like.shape[-2:]
    return F.interpolate(found, size=size, mode="bilinear", align_corners=False)
