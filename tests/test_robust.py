"""The general and adaptive robust loss against its own definitions."""

import math

import pytest
import torch
from scipy.integrate import quad

from napari_morphocast.models.robust import (
    HIGHEST,
    LOWEST,
    AdaptiveLoss,
    log_partition,
    robust,
)

SHAPES = [LOWEST, 0.01, 0.3, 0.7, 1.0, 1.4, 1.9, 1.99, HIGHEST]


@pytest.mark.parametrize("shape", SHAPES)
def test_the_partition_function_is_the_integral(shape):
    alpha = torch.tensor(shape, dtype=torch.float64)
    one = torch.ones((), dtype=torch.float64)

    def density(x: float) -> float:
        return math.exp(-float(robust(torch.tensor(x).double(), alpha, one)))

    area = 2 * quad(density, 0, math.inf, limit=500, epsabs=1e-10)[0]
    assert float(log_partition(alpha)) == pytest.approx(math.log(area), abs=2e-5)


def test_special_shapes_are_the_losses_they_are_named_after():
    x = torch.linspace(-4, 4, 41, dtype=torch.float64)
    one = torch.ones((), dtype=torch.float64)
    charbonnier = (x.square() + 1).sqrt() - 1
    torch.testing.assert_close(robust(x, one, one), charbonnier)
    cauchy = torch.log1p(x.square() / 2)
    torch.testing.assert_close(robust(x, one * 1e-6, one), cauchy, atol=1e-4, rtol=1e-4)
    normal = x.square() / 2
    torch.testing.assert_close(
        robust(x, 2 - one * 1e-6, one), normal, atol=1e-4, rtol=1e-4
    )


def test_gradients_are_right():
    x = torch.linspace(-2, 2, 9, dtype=torch.float64, requires_grad=True)
    alpha = torch.tensor(1.2, dtype=torch.float64, requires_grad=True)
    scale = torch.tensor(0.3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(robust, (x, alpha, scale))
    assert torch.autograd.gradcheck(log_partition, (alpha,))


@pytest.mark.parametrize(
    ("heavy", "low", "high"), [(False, 1.5, 2.0), (True, 0.0, 1.0)]
)
def test_it_learns_how_heavy_the_tails_are(heavy, low, high):
    torch.manual_seed(0)
    drawn = torch.randn(4000)
    if heavy:
        drawn = drawn / torch.randn(4000).abs().clamp(min=1e-3)
    residual = (0.1 * drawn).view(1, 1, 50, 80)
    loss = AdaptiveLoss(1, 1)
    _learn(loss, residual, 300)
    assert low < float(loss.shape.detach()) < high
    if not heavy:
        assert float(loss.scale.detach()) == pytest.approx(0.1, rel=0.15)


def test_a_map_learns_where_errors_are_large():
    torch.manual_seed(0)
    residual = 0.02 * torch.randn(8, 1, 32, 32)
    residual[..., :16] *= 10
    loss = AdaptiveLoss(1, 4)
    _learn(loss, residual, 200)
    scale = loss.scale.detach()[0]
    assert float(scale[:, 0].min()) > 4 * float(scale[:, -1].max())
    assert loss(torch.zeros(2, 3, 1, 20, 24)).shape == (2, 3, 1, 20, 24)


def _learn(loss, residual, steps):
    optimiser = torch.optim.Adam(loss.parameters(), 0.05)
    for _ in range(steps):
        optimiser.zero_grad()
        loss(residual).mean().backward()
        optimiser.step()
