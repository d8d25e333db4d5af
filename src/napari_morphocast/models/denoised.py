"""Nothing moves and nothing flickers: what denoising alone is worth."""

from __future__ import annotations

import math
from itertools import chain, groupby, repeat
from typing import TYPE_CHECKING

import torch
from torch.nn import functional as F

from napari_morphocast.models.base import Forecaster, ModelConfig, Stage

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from torch import Tensor

SIGMAS = 0, 0.35, 0.5, 0.6, 0.7, 0.85, 1, 1.2, 1.5, 2, 3, 4.5, 6, 8, 12  # pixels
LEADS = 10  # that have a width of their own; further ones have that of the last


class DenoisedConfig(ModelConfig):
    """Nothing to set: the width of the blur follows from the movie."""


class Denoised(Forecaster, name="denoised"):
    """Repeat the last known frame for ever, blurred as it pays on training frames.

    A forecast of a noisy but static scene halves the error of persistence by leaving
    out the noise of the last frame; further ahead, where nobody knows what has moved
    where, it pays to blur more. Whoever is no better than this has denoised, not
    forecast.
    """

    Config = DenoisedConfig
    sigma: Tensor

    def __init__(self, config: ModelConfig, channels: int) -> None:
        super().__init__(config, channels)
        self.register_buffer("sigma", torch.zeros(LEADS))

    @property
    def lookback(self) -> int:
        """The furthest lead that has a width of its own."""
        return LEADS

    def tune(self, stretches: Iterable[Tensor]) -> None:
        """Take, for each lead, the width that brings a frame nearest to what follows.

        Leads that no stretch reaches have the width of the last one before them.
        """
        errors = torch.zeros(LEADS, len(SIGMAS), dtype=torch.float64)
        for frames in stretches:
            for index, sigma in enumerate(SIGMAS):
                miss = blurred(frames[:1], sigma) - frames[1 : LEADS + 1]
                errors[: len(miss), index] += miss.double().square().mean((1, 2, 3))
        for lead, found in enumerate(errors):
            if found.any():
                self.sigma[lead:] = SIGMAS[int(found.argmin())]

    def unroll(self, context: Tensor) -> Iterator[Tensor]:
        """Repeat the last frame of (B, T, C, Y, X), denoised."""
        widths = self.sigma.tolist()
        for width, after in groupby(chain(widths, repeat(widths[-1]))):
            shown = blurred(context[:, -1], width)
            yield from (shown for _ in after)

    def stages(self) -> tuple[Stage, ...]:
        """No training."""
        return ()


def blurred(frames: Tensor, sigma: float) -> Tensor:
    """Gaussian blur of frames (B, C, Y, X); ``sigma`` in pixels, 0 for none.

    Sums of shifted frames: a convolution of a single channel is several times slower.
    """
    if not sigma:
        return frames
    height, width = frames.shape[-2:]
    reach = min(max(1, round(3 * sigma)), height - 1, width - 1)
    places = range(-reach, reach + 1)
    weights = [math.exp(-((place / sigma) ** 2) / 2) for place in places]
    padded = F.pad(frames, (reach, reach, reach, reach), mode="replicate")
    rows = [padded[..., i : i + height, :] for i in range(len(weights))]
    once = _weighted(rows, weights)
    return _weighted([once[..., i : i + width] for i in range(len(weights))], weights)


def _weighted(shifted: list[Tensor], weights: list[float]) -> Tensor:
    """Weighted mean."""
    total = sum(weights)
    mean = shifted[0] * (weights[0] / total)
    for frames, weight in zip(shifted[1:], weights[1:], strict=True):
        mean = mean.add(frames, alpha=weight / total)
    return mean
