"""Distances between a forecast and the truth that networks are trained on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import torch
from pydantic import BaseModel, Field, ValidationInfo, field_validator
from torch import Tensor
from torch.nn import functional as F

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

SIGMA = 1.5  # of the Gaussian window, in pixels
RADIUS = 5  # of the Gaussian window, in pixels
WINDOW = 2 * RADIUS + 1  # its side
TYPICAL = 0.01  # distance of neighbouring frames in many movies
CELL = 0.5  # probability from which on a pixel is a cell
AROUND = 2  # pixels about those that become or cease to be cells count, too
LEAST = 1e-4  # of a distance that is divided by: repeated frames have none
Share = Annotated[float, Field(ge=0, le=1000)]


class Weights(BaseModel):
    """Settings of a loss: how much each distance and each lead counts."""

    mse: Share = Field(
        1.0, title="MSE weight", description="Weight of the mean squared error."
    )
    l1: Share = Field(
        0.0, title="L1 weight", description="Weight of the mean absolute error."
    )
    ssim: Share = Field(
        0.0,
        validate_default=True,
        title="SSIM weight",
        description="Weight of 1 - SSIM (Gaussian 11 x 11 window, data range 1).",
    )
    balance: bool = Field(
        True,
        title="Balance leads",
        description="Divide every error by that of 'nothing moves', so that short "
        "and long leads, quiet and lively windows count alike.",
    )

    @field_validator("ssim")
    @classmethod
    def _some_loss(cls, ssim: float, info: ValidationInfo) -> float:
        if not ssim + info.data.get("mse", 1) + info.data.get("l1", 0):
            raise ValueError("at least one of mse, l1 and ssim needs a weight above 0")
        return ssim

    @property
    def weights(self) -> dict[str, float]:
        """Weight of each distance, by its name."""
        return {"mse": self.mse, "l1": self.l1, "ssim": self.ssim}


def distance(forecast: Tensor, target: Tensor, weights: Mapping[str, float]) -> Tensor:
    """Weighted sum of mean squared error, mean absolute error and 1 - SSIM.

    Parameters
    ----------
    forecast, target : Tensor, shape (..., C, Y, X)
        Frames scaled to about 0..1; SSIM takes the data range 1.
    weights : mapping
        Weight of each of ``mse``, ``l1`` and ``ssim`` that counts.
    """
    total = forecast.new_zeros(())
    for kind, weight in weights.items():
        if weight:
            total = total + weight * TERMS[kind](forecast, target)
    return total


def relative(
    measure: Callable[[Tensor, Tensor], Tensor],
    forecast: Tensor,
    target: Tensor,
    still: Tensor,
) -> Tensor:
    """Distance in units of that of "nothing moves", so that every lead counts alike.

    Without it the last leads of a rollout, and the few windows in which most moves,
    outweigh all others. Every frame is compared by itself, so that it does not matter
    which windows share a batch.

    Parameters
    ----------
    measure : callable
        Maps two sets of frames (B, C, Y, X) to their distance.
    forecast, target, still : Tensor, shape (B, H, C, Y, X)
        What was foretold, what came, and the frame each forecast started from.

    Returns
    -------
    Tensor, shape ()
        Mean over all frames, times ``TYPICAL``, which keeps gradients as long as those
        of a plain distance.
    """
    frames = (given.flatten(0, 1).split(1) for given in (forecast, target, still))
    shares = [
        measure(ahead, truth) / measure(last, truth).detach().clamp(min=LEAST)
        for ahead, truth, last in zip(*frames, strict=True)
    ]
    return TYPICAL * torch.stack(shares).mean()


def drawn_leads(horizon: int) -> int:
    """How many leads of a training window are rolled out, drawn for each batch.

    Short rollouts are cheap and teach the first step, long ones that forecasts must not
    drift; k leads are drawn 1 / k as often as 1, up to ``horizon``.
    """
    often = 1 / torch.arange(1, horizon + 1)
    return 1 + int(torch.multinomial(often, 1))


def growing(cells: Tensor, weight: float) -> Tensor:
    """How much errors count in each but the first frame of (B, T, 1, Y, X).

    ``weight`` at pixels that become or cease to be cells, and near them; 1 elsewhere.
    """
    changed = ((cells > CELL).float().diff(dim=1) != 0).float()
    near = F.max_pool2d(changed.flatten(0, 1), 2 * AROUND + 1, 1, AROUND)
    weights: Tensor = near.unflatten(0, changed.shape[:2])
    return 1 + (weight - 1) * weights


def roughness(motion: Tensor) -> Tensor:
    """Mean squared difference of neighbouring pixels in (B, 2, Y, X)."""
    steps = (motion.diff(dim=axis).square() for axis in (-1, -2))
    return torch.stack([step.sum() / max(1, step.numel()) for step in steps]).sum()


def dissimilarity(forecast: Tensor, target: Tensor) -> Tensor:
    """1 - SSIM with the Gaussian 11 x 11 window of Wang et al. (2004), data range 1.

    Averaged where the whole window lies inside the frame, as scikit-image does.
    """
    from torchmetrics.functional.image import (
        structural_similarity_index_measure as ssim,
    )

    frames, truth = forecast.flatten(0, -4), target.flatten(0, -4)
    _, similarity = ssim(
        frames, truth, sigma=SIGMA, data_range=1.0, return_full_image=True
    )
    assert isinstance(similarity, Tensor)
    return 1 - similarity[..., RADIUS:-RADIUS, RADIUS:-RADIUS].mean()


TERMS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "mse": F.mse_loss,
    "l1": F.l1_loss,
    "ssim": dissimilarity,
}
