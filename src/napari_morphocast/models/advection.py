"""Everything goes on moving as it just did: the hardest baseline to beat."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from pydantic import Field
from scipy.ndimage import gaussian_filter
from skimage.registration import optical_flow_tvl1

from napari_morphocast.models.base import ModelConfig, Stage
from napari_morphocast.models.flow import flow
from napari_morphocast.models.motion import warp
from napari_morphocast.models.moving import Moved, Moving

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray
    from torch import Tensor

PERCENTILES = 0.5, 99.9  # grey levels between which the flow sees 0..1
WARPS, ITERATIONS = 3, 5  # a third of the usual time; as accurate on seven movies


class AdvectionConfig(ModelConfig):
    """How the motion is estimated."""

    pairs: int = Field(
        3,
        ge=1,
        le=16,
        title="Pairs of frames",
        description="How many pairs of neighbouring frames, the latest ones, the "
        "motion is estimated from (pairs).",
    )
    blur: float = Field(
        1.0,
        ge=0,
        le=20,
        title="Blur",
        description="Width of the blur against noise before the motion is estimated; "
        "the forecast itself is not blurred (sigma in pixels).",
    )
    attachment: float = Field(
        15.0,
        gt=0,
        le=1000,
        title="Attachment",
        description="How closely the motion follows the grey levels; less gives a "
        "smoother motion.",
    )


class Advection(Moving, name="advection"):
    """Carry the last frame along its optical flow, which is carried along too.

    The motion is that of the last pair of frames, or the mean of the last few pairs,
    and by TV-L1 or by Lucas and Kanade, whichever would have foretold the last known
    frame best: cells that jitter need the mean, cells that speed up or turn the last
    pair; TV-L1 keeps apart what moves apart, the other finds small fast cells.
    """

    Config = AdvectionConfig
    config: AdvectionConfig

    @property
    def shortest_context(self) -> int:
        """Frames in all the pairs; it also starts from fewer, with fewer pairs."""
        return self.config.pairs + 1

    def unroll_moving(self, context: Tensor) -> Iterator[Moved]:
        """Move the last frame of (B, T, C, Y, X).

        Every frame is fetched from the last known one, by following its pixels back
        along their way (semi-Lagrangian), so that it is interpolated only once.
        """
        frame = context[:, -1]
        known = context[:, -self.config.pairs - 1 :].detach().float().cpu().numpy()
        found = np.stack([self._motion(frames) for frames in known])
        motion = torch.from_numpy(found).to(frame)
        way, nothing = torch.zeros_like(motion), torch.zeros_like(motion[:, :1])
        while True:
            step = warp(motion, way)
            way = way + step
            yield Moved(warp(frame, way), step, nothing)

    def stages(self) -> tuple[Stage, ...]:
        """No training."""
        return ()

    def _motion(self, frames: NDArray[np.float32]) -> NDArray[np.float32]:
        """Backward displacement (2, Y, X) per frame, from frames (T, C, Y, X)."""
        grey = one_channel(frames)
        smooth = [gaussian_filter(frame, self.config.blur) for frame in grey]
        if len(smooth) == 1 or min(grey.shape[1:]) < 2:
            return np.zeros((2, *grey.shape[1:]), np.float32)
        tvl1 = [self._tvl1(before, after) for before, after in pairwise(smooth)]
        if len(tvl1) < 3:
            return _mean(tvl1)
        batch = torch.from_numpy(np.stack(smooth))[:, None]
        local = [*flow(batch[:-1], batch[1:]).numpy()]
        before, now = smooth[-2:]
        choices = [  # (the motion one frame ago, the motion now)
            choice
            for flows in (tvl1, local)
            for choice in ((flows[-2], flows[-1]), (_mean(flows[:-1]), _mean(flows)))
        ]
        return min(choices, key=lambda choice: _miss(before, now, choice[0]))[1]

    def _tvl1(self, before: NDArray[Any], after: NDArray[Any]) -> NDArray[np.float32]:
        """Displacement (2, Y, X) from each pixel to where it was one frame before."""
        found = optical_flow_tvl1(
            after,
            before,
            attachment=self.config.attachment,
            num_warp=WARPS,
            num_iter=ITERATIONS,
        )
        return np.asarray(found, np.float32)


def one_channel(frames: NDArray[np.float32]) -> NDArray[np.float32]:
    """Mean of the standardised channels, about 0..1, shape (T, Y, X)."""
    middle = frames.mean((0, 2, 3), keepdims=True)
    spread = frames.std((0, 2, 3), keepdims=True)
    grey = ((frames - middle) / np.where(spread > 0, spread, 1)).mean(1)
    low, high = np.percentile(grey, PERCENTILES)
    return np.asarray((grey - low) / (high - low if high > low else 1), np.float32)


def _mean(flows: list[NDArray[np.float32]]) -> NDArray[np.float32]:
    return np.asarray(np.mean(flows, 0), np.float32)


def _miss(
    before: NDArray[Any], now: NDArray[Any], motion: NDArray[np.float32]
) -> float:
    """Mean squared error of a frame carried along ``motion``."""
    frame, way = torch.from_numpy(before)[None, None], torch.from_numpy(motion)[None]
    return float((warp(frame, way)[0, 0] - torch.from_numpy(now)).square().mean())
