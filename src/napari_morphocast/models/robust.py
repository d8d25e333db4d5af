"""The general and adaptive robust loss: how forgiving to be is learned, too.

Written from Barron (2019), "A general and adaptive robust loss function", CVPR.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import torch
from scipy.interpolate import CubicSpline
from torch import Tensor, nn
from torch.nn import functional as F

if TYPE_CHECKING:
    from numpy.typing import NDArray

LOWEST, HIGHEST = 0.001, 1.999  # shape: from Cauchy's to a normal distribution
NARROWEST = 1e-5  # scale
KNOTS, NODES = 513, 8192  # of the partition function, of each integral
USUAL = 0.05  # scale at first: errors of frames with values of about 0..1


def robust(residual: Tensor, shape: Tensor, scale: Tensor) -> Tensor:
    """Loss of every residual (equation 1), for shapes above 0 and below 2.

    |a - 2| / a (((x / c)^2 / |a - 2| + 1)^(a / 2) - 1), with shape a and scale c.
    """
    apart = (shape - 2).abs()
    grown = (residual / scale).square() / apart
    return apart / shape * torch.expm1(shape / 2 * torch.log1p(grown))


def log_partition(shape: Tensor) -> Tensor:
    """Logarithm of the integral of exp(-robust(x, shape, 1)) over all x (equation 17).

    A cubic spline through integrals that are computed once; good to 2e-5.
    """
    knots, coefficients = (torch.from_numpy(a).to(shape) for a in _spline())
    place = torch.searchsorted(knots, shape.detach(), right=True) - 1
    place = place.clamp(0, len(knots) - 2)
    along = shape - knots[place]
    third, second, first, level = coefficients[:, place]
    found: Tensor = ((third * along + second) * along + first) * along + level
    return found


class AdaptiveLoss(nn.Module):
    """Negative log-likelihood of residuals whose distribution is learned, too.

    As slowly as a network's weights: 25 times faster, cells that move were soon taken
    for outliers, and the network learned nothing.

    Parameters
    ----------
    channels : int
        C; each has its own distributions.
    places : int
        Of the grid along either axis: 1 for one distribution per frame; more for a map
        that is stretched over the frame, so for whole frames only.
    """

    def __init__(self, channels: int, places: int) -> None:
        super().__init__()
        self.latent_shape = nn.Parameter(torch.zeros(channels, places, places))
        self.latent_scale = nn.Parameter(torch.zeros(channels, places, places))

    @property
    def shape(self) -> Tensor:
        """How much outliers count, (C, places, places): 2 in full, near 0 hardly."""
        return LOWEST + (HIGHEST - LOWEST) * self.latent_shape.sigmoid()

    @property
    def scale(self) -> Tensor:
        """Residual that begins to be one, (C, places, places)."""
        begin = torch.log(torch.expm1(self.latent_scale.new_tensor(1.0)))
        return NARROWEST + USUAL * F.softplus(self.latent_scale + begin)

    @property
    def learned(self) -> bool:
        """Whether any of both is other than it was at first."""
        return bool(self.latent_shape.any() or self.latent_scale.any())

    def forward(self, residual: Tensor) -> Tensor:
        """Negative log-likelihood of each residual (..., C, Y, X) (equation 16)."""
        size = residual.shape[-2:]
        shape, scale = (stretched(grid, size) for grid in (self.shape, self.scale))
        return robust(residual, shape, scale) + scale.log() + log_partition(shape)


def stretched(grid: Tensor, size: tuple[int, ...]) -> Tensor:
    """A grid (C, places, places) over a frame of this size, (C, Y, X)."""
    if grid.shape[-1] == 1:
        return grid
    return F.interpolate(grid[None], size=size, mode="bilinear")[0]


@cache
def _spline() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Knots, and coefficients (4, knots - 1) of the logarithm of the partition."""
    place = (1 - np.cos(np.linspace(0, np.pi, KNOTS))) / 2  # dense where it bends
    knots = LOWEST / 2 + (2 - LOWEST) * place
    angle = (np.arange(NODES) + 0.5) / NODES * np.pi - np.pi / 2
    x = np.tan(angle)
    apart = (2 - knots)[:, None]
    half = knots[:, None] / 2
    height = apart / (2 * half) * np.expm1(half * np.log1p(x**2 / apart))
    areas = (np.exp(-height) * (1 + x**2)).sum(1) * np.pi / NODES
    spline = CubicSpline(knots, np.log(areas))
    return knots, np.asarray(spline.c)
