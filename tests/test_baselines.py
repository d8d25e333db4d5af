"""The forecasts that every model has to beat."""

from __future__ import annotations

from itertools import islice

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from napari_morphocast.evaluation.baselines import BASELINES
from napari_morphocast.models.advection import Advection, AdvectionConfig
from napari_morphocast.models.base import FORECASTERS, Forecaster
from napari_morphocast.models.linear import Linear, LinearConfig
from napari_morphocast.models.persistence import Persistence, PersistenceConfig


def baseline(name: str, channels: int = 1) -> Forecaster:
    kind = FORECASTERS[name]
    return kind(kind.Config(), channels)


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


def clouds(height: int = 48, width: int = 48) -> Tensor:
    """A smooth random picture (1, 1, Y, X)."""
    grain = noise(1, 1, height // 4, width // 4)
    size = (height, width)
    return F.interpolate(grain, size, mode="bicubic", align_corners=False)


def drifting(steps: int, dy: int = 1, dx: int = 2) -> Tensor:
    """A picture that moves on by whole pixels, (1, steps, 1, Y, X)."""
    frames = [clouds().roll((k * dy, k * dx), (-2, -1)) for k in range(steps)]
    return torch.stack(frames, 1)


@pytest.mark.parametrize("name", BASELINES)
def test_baselines_have_nothing_to_train(name: str) -> None:
    assert baseline(name).stages() == ()
    assert not list(baseline(name).parameters())


@pytest.mark.parametrize("name", BASELINES)
def test_a_constant_movie_stays_constant(name: str) -> None:
    context = noise(1, 1, 2, 24, 24).expand(2, 4, 2, 24, 24)
    forecast = baseline(name, 2).forecast(context, 3)
    assert torch.equal(forecast, context[:, :3])


@pytest.mark.parametrize("name", BASELINES)
def test_a_uniform_movie_gives_no_nan(name: str) -> None:
    context = torch.full((1, 4, 1, 16, 16), 0.25)
    assert torch.equal(baseline(name).forecast(context, 2), context[:, :2])


@pytest.mark.parametrize("name", BASELINES)
def test_a_short_forecast_is_the_prefix_of_a_long_one(name: str) -> None:
    model, context = baseline(name), drifting(4)
    assert torch.equal(model.forecast(context, 2), model.forecast(context, 5)[:, :2])


@pytest.mark.parametrize("name", BASELINES)
@pytest.mark.parametrize("shape", [(1, 16, 16), (3, 33, 47), (2, 17, 90)])
def test_odd_tiny_and_coloured_frames_are_foretold(
    name: str, shape: tuple[int, int, int]
) -> None:
    forecast = baseline(name, shape[0]).forecast(noise(2, 4, *shape), 3)
    assert forecast.shape == (2, 3, *shape)
    assert forecast.isfinite().all()


@pytest.mark.parametrize("name", BASELINES)
def test_one_movie_does_not_change_the_forecast_of_another(name: str) -> None:
    two = torch.cat([drifting(4), noise(1, 4, 1, 48, 48)])
    together = baseline(name).forecast(two, 2)
    apart = torch.cat([baseline(name).forecast(one[None], 2) for one in two])
    assert torch.equal(together, apart)


@pytest.mark.parametrize("name", BASELINES)
def test_a_single_known_frame_is_enough(name: str) -> None:
    context = noise(1, 1, 1, 24, 24)
    assert torch.equal(baseline(name).forecast(context, 1), context)


def test_persistence_repeats_the_last_frame() -> None:
    context = noise(2, 3, 1, 8, 9)
    forecast = Persistence(PersistenceConfig(), 1).forecast(context, 4)
    assert torch.equal(forecast, context[:, -1:].expand_as(forecast))


def test_linear_without_damping_draws_a_straight_line() -> None:
    ramp = torch.arange(5.0).view(1, 5, 1, 1, 1).expand(1, 5, 1, 4, 4)
    forecast = Linear(LinearConfig(damping=1), 1).forecast(ramp[:, :2], 3)
    assert torch.equal(forecast, ramp[:, 2:])


def test_linear_comes_to_rest() -> None:
    steps = Linear(LinearConfig(damping=0.5), 1).unroll(
        torch.tensor([0.0, 1.0]).view(1, 2, 1, 1, 1)
    )
    assert [float(f) for f in islice(steps, 3)] == [1.5, 1.75, 1.875]


def test_advection_foretells_a_drift_away_from_the_borders() -> None:
    movie = drifting(7)
    forecast = baseline("advection").forecast(movie[:, :4], 3)
    miss = (forecast - movie[:, 4:])[..., 12:-12, 12:-12].square().mean()
    moved = (movie[:, 3:4] - movie[:, 4:])[..., 12:-12, 12:-12].square().mean()
    assert miss < 0.02 * moved


def test_advection_does_not_blur_a_long_forecast() -> None:
    forecast = baseline("advection").forecast(drifting(4), 6)[..., 16:-12, 16:-12]
    sharpness = forecast.diff(dim=-1).abs().mean((0, 2, 3, 4))
    assert sharpness[-1] > 0.8 * sharpness[0]


def test_advection_takes_its_motion_from_all_channels() -> None:
    movie = torch.cat([drifting(4), torch.zeros(1, 4, 1, 48, 48)], 2)
    both = baseline("advection", 2).forecast(movie, 2)
    alone = baseline("advection").forecast(movie[:, :, :1], 2)
    assert torch.allclose(both[:, :, :1], alone, atol=0.02)
    assert torch.equal(both[:, :, 1:], torch.zeros_like(alone))


def test_advection_takes_the_flow_that_would_have_been_right(monkeypatch):
    movie = drifting(5)
    right = baseline("advection").forecast(movie[:, :4], 1)
    still = np.zeros((2, 48, 48), np.float32)
    monkeypatch.setattr(Advection, "_tvl1", lambda *_: still)  # a method that fails
    without = baseline("advection").forecast(movie[:, :4], 1)
    inside = (..., slice(16, -12), slice(16, -12))
    moved = (movie[:, 3:4] - movie[:, 4:])[inside].abs().mean()
    assert (right - without)[inside].abs().mean() < 0.1 * moved


def test_advection_averages_a_jitter_away() -> None:
    left, right = clouds(), clouds().roll(2, -1)
    context = torch.stack([left, right, left, right, left], 1)
    last = Advection(AdvectionConfig(pairs=1), 1).forecast(context, 1)[:, 0]
    mean = Advection(AdvectionConfig(pairs=4), 1).forecast(context, 1)[:, 0]
    inner = (..., slice(8, -8), slice(8, -8))
    assert (mean - left)[inner].abs().mean() < 0.2 * (last - left)[inner].abs().mean()
