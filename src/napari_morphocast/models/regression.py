"""Each pixel from its neighbourhood in the frames before: least squares, no descent."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from napari_morphocast.models.denoised import blurred

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

SIDE = 3  # of the neighbourhood, in pixels
CAUTION = 1e-4  # pull towards "nothing moves", relative to the mean square of planes
STILL = 0.1  # of the usual change: what moves less than this counts as this much


class Regression(nn.Module):
    """Linear map from a neighbourhood in the latest frames to the next change.

    The change of a pixel is regressed on its 3 x 3 neighbourhood in the latest frames,
    in all channels; with ``blurs`` also in blurred copies of the last frame, which sees
    far at little cost. The same coefficients hold for all pixels. Until ``tune`` has
    solved for them they are zero: nothing moves.

    Parameters
    ----------
    frames : int
        How many of the latest frames are looked at.
    channels : int
        C; each is foretold from all of them.
    blurs : tuple of float
        Widths of the blurred copies (sigma in pixels).
    """

    weight: Tensor
    bias: Tensor

    def __init__(
        self, frames: int, channels: int, blurs: tuple[float, ...] = ()
    ) -> None:
        super().__init__()
        self.frames, self.blurs = frames, blurs
        planes = (frames + len(blurs)) * channels
        self.register_buffer("weight", torch.zeros(channels, planes, SIDE, SIDE))
        self.register_buffer("bias", torch.zeros(channels))

    def forward(self, latest: Tensor) -> Tensor:
        """Change (B, C, Y, X) that follows the latest frames (B, frames, C, Y, X)."""
        return F.conv2d(self._planes(latest), self.weight, self.bias)

    def tune(self, stretches: Iterable[Tensor]) -> None:
        """Solve for the coefficients on stretches of training frames (T, C, Y, X).

        All changes count alike, large or small, or a few jumps of the stage or of the
        lamp would decide: each frame's squared error is divided by that of "nothing
        moves", which is what skill measures. Repeated frames, whose change is none at
        all, are passed over. Without two different frames in a row nothing is solved.
        """
        pairs = [pair for frames in stretches for pair in self._pairs(frames)]
        if not pairs:
            return
        moved = torch.tensor([float(change.square().mean()) for _, change in pairs])
        least = STILL * moved.median().clamp(min=1e-12)
        channels, size = len(self.weight), self.weight[0].numel() + 1
        gram = torch.zeros(size, size, dtype=torch.float64)
        moment = torch.zeros(size, channels, dtype=torch.float64)
        for (latest, change), scale in zip(pairs, moved.clamp(min=least), strict=True):
            around = F.unfold(self._planes(latest), SIDE)[0]
            known = torch.cat([around, torch.ones_like(around[:1])]).double()
            gram += known @ known.T / scale
            moment += known @ change.flatten(1).double().T / scale
        pull = CAUTION * gram.diagonal().mean().clamp(min=1e-12)
        gram += pull * torch.eye(size, dtype=gram.dtype)
        found = torch.linalg.solve(gram, moment).T
        self.weight.copy_(found[:, :-1].reshape(self.weight.shape))
        self.bias.copy_(found[:, -1])

    def forget(self) -> None:
        """Foretell again that nothing moves."""
        self.weight.zero_()
        self.bias.zero_()

    def _pairs(self, frames: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
        """What is looked at, (1, frames, C, Y, X), and what changes then (C, Y, X)."""
        for now in range(max(1, min(self.frames, len(frames) - 1)), len(frames)):
            latest = newest(frames[None, :now], self.frames)
            change = frames[now] - frames[now - 1]
            if change.any():
                yield latest, change

    def _planes(self, latest: Tensor) -> Tensor:
        """Everything that is looked at, continued beyond the border by one pixel."""
        wide = [blurred(latest[:, -1], sigma) for sigma in self.blurs]
        planes = torch.cat([latest.flatten(1, 2), *wide], 1)
        return F.pad(planes, (1, 1, 1, 1), mode="replicate")


def newest(context: Tensor, count: int) -> Tensor:
    """Take the last ``count`` frames of (B, T, C, Y, X), or repeat the oldest."""
    missing = count - context.shape[1]
    if missing <= 0:
        return context[:, -count:]
    return torch.cat([context[:, :1].expand(-1, missing, -1, -1, -1), context], 1)


def pushed(latest: Tensor, frame: Tensor) -> Tensor:
    """Latest frames (B, T, C, Y, X) once ``frame`` (B, C, Y, X) has come."""
    return torch.cat([latest[:, 1:], frame[:, None]], 1)
