"""What a rollout must not leave: the grey levels of the frames that are known."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

PIXEL = 0.25  # of the range of pixels: so far beyond it a forecast pixel may go
MEAN = 0.1  # of the contrast: so far beyond what is known its mean may go, and itself


class Limits(NamedTuple):
    """Grey levels of known frames, for every window and channel, (B, C, 1, 1) each.

    An error that is fed back grows. Most often a channel brightens or darkens a little
    from frame to frame, or its contrast rises, until nothing is left of the picture.
    A rollout that is held between limits can still be wrong, but not absurd.
    """

    darkest: Tensor  # pixel
    brightest: Tensor
    lowest: Tensor  # mean of a frame
    highest: Tensor
    contrast: Tensor  # largest standard deviation within a frame

    @classmethod
    def of(cls, frames: Tensor) -> Limits:
        """Those of frames (B, T, C, Y, X)."""
        places = frames.flatten(3)
        means = places.mean(3)
        found = (
            places.amin((1, 3)),
            places.amax((1, 3)),
            means.amin(1),
            means.amax(1),
            places.std(3, correction=0).amax(1),
        )
        return cls(*(one[..., None, None] for one in found))

    def joined(self, other: Limits) -> Limits:
        """Those of the frames of both."""
        return Limits(
            self.darkest.minimum(other.darkest),
            self.brightest.maximum(other.brightest),
            self.lowest.minimum(other.lowest),
            self.highest.maximum(other.highest),
            self.contrast.maximum(other.contrast),
        )

    def widened(self) -> Limits:
        """Limits that leave what comes next some room."""
        pixel = PIXEL * (self.brightest - self.darkest)
        mean = MEAN * self.contrast
        return Limits(
            self.darkest - pixel,
            self.brightest + pixel,
            self.lowest - mean,
            self.highest + mean,
            self.contrast + mean,
        )

    def hold(self, frame: Tensor) -> Tensor:
        """Keep a frame (B, C, Y, X) within; gradients pass as if nothing was done."""
        if not frame.requires_grad:
            return self._held(frame)
        return self._held(frame.detach()) + (frame - frame.detach())

    def _held(self, frame: Tensor) -> Tensor:
        inside = frame.clamp(self.darkest, self.brightest)
        mean = inside.mean((2, 3), keepdim=True)
        spread = inside.std((2, 3), correction=0, keepdim=True)
        flatter = torch.where(spread > self.contrast, self.contrast / spread, 1.0)
        shift = mean.clamp(self.lowest, self.highest) - flatter * mean
        return (flatter * inside + shift).clamp(self.darkest, self.brightest)
