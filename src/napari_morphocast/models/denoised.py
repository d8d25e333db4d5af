"""Nothing moves and nothing flickers: what denoising alone is worth."""

from __future__ import annotations

from itertools import repeat
from typing import TYPE_CHECKING

import torch
from torch.nn import functional as F

from napari_morphocast.models.base import Forecaster, ModelConfig, Stage

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from torch import Tensor

SIGMAS = 0.0, 0.35, 0.5, 0.6, 0.7, 0.85, 1.0, 1.2, 1.5, 2.0, 3.0, 4.5  # pixels


class DenoisedConfig(ModelConfig):
    """Nothing to set: the width of the blur follows from the movie."""


class Denoised(Forecaster, name="denoised"):
    """Repeat the last known frame for ever, blurred as it pays on training frames.

    A forecast of a noisy but static scene halves the error of persistence by leaving
    out the noise of the last frame. Whoever is no better than this has denoised, not
    forecast.
    """

    Config = DenoisedConfig
    sigma: Tensor

    def __init__(self, config: ModelConfig, channels: int) -> None:
        super().__init__(config, channels)
        self.register_buffer("sigma", torch.zeros(()))

    def tune(self, stretches: Iterable[Tensor]) -> None:
        """Take the width whose blurred frames are nearest to the frames after them."""
        errors = torch.zeros(len(SIGMAS), dtype=torch.float64)
        for frames in stretches:
            for index, sigma in enumerate(SIGMAS):
                miss = blurred(frames[:-1], sigma) - frames[1:]
                errors[index] += miss.square().sum(dtype=torch.float64)
        self.sigma.fill_(SIGMAS[int(errors.argmin())])

    def unroll(self, context: Tensor) -> Iterator[Tensor]:
        """Repeat the last frame of (B, T, C, Y, X), denoised."""
        return repeat(blurred(context[:, -1], float(self.sigma)))

    def stages(self) -> tuple[Stage, ...]:
        """No training."""
        return ()


def blurred(frames: Tensor, sigma: float) -> Tensor:
    """Gaussian blur of frames (B, C, Y, X); ``sigma`` in pixels, 0 for none."""
    if not sigma:
        return frames
    reach = min(max(1, round(3 * sigma)), *(side - 1 for side in frames.shape[-2:]))
    places = torch.arange(-reach, reach + 1).to(frames)
    line = torch.exp(-places.square() / (2 * sigma**2))
    line = line / line.sum()
    single = frames.flatten(0, 1)[:, None]
    padded = F.pad(single, (reach, reach, reach, reach), mode="replicate")
    once = F.conv2d(padded, line.view(1, 1, -1, 1))
    return F.conv2d(once, line.view(1, 1, 1, -1)).view_as(frames)
