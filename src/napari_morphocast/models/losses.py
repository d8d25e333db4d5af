"""Distances between a forecast and the truth that networks are trained on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor
from torch.nn import functional as F

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

SIGMA = 1.5  # of the Gaussian window, in pixels
RADIUS = 5  # of the Gaussian window, in pixels


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
