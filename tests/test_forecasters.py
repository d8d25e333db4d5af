"""The contract of every forecaster: a model is tested by existing."""

import pytest
import torch

from napari_morphocast import models
from napari_morphocast.data.windows import Window
from napari_morphocast.models.base import FORECASTERS, Forecaster

assert models
NAMES = sorted(FORECASTERS)
TRAINED = [n for n in NAMES if FORECASTERS[n](FORECASTERS[n].Config(), 1).stages()]


def made(name: str, channels: int = 1) -> Forecaster:
    torch.manual_seed(0)
    model = FORECASTERS[name](FORECASTERS[name].Config(), channels).eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.05)
    model.tune([frames(12, channels, 20, 24)])
    return model


def frames(*shape: int) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("size", [(17, 23), (16, 16), (33, 20)])
def test_any_frame_size_is_forecast(name, size):
    assert made(name).forecast(frames(2, 4, 1, *size), 3).shape == (2, 3, 1, *size)


@pytest.mark.parametrize("name", NAMES)
def test_colour_movies_are_forecast(name):
    forecast = made(name, 3).forecast(frames(1, 4, 3, 20, 24), 2)
    assert forecast.shape == (1, 2, 3, 20, 24)
    assert forecast.isfinite().all()


@pytest.mark.parametrize("name", NAMES)
def test_a_short_forecast_is_the_prefix_of_a_long_one(name):
    model, context = made(name), frames(2, 4, 1, 20, 24)
    assert torch.equal(model.forecast(context, 5)[:, :2], model.forecast(context, 2))


@pytest.mark.parametrize("name", NAMES)
def test_windows_of_a_batch_do_not_see_each_other(name):
    model, context = made(name), frames(3, 4, 1, 20, 24)
    alone = torch.cat([model.forecast(window[None], 2) for window in context])
    torch.testing.assert_close(model.forecast(context, 2), alone)


@pytest.mark.parametrize("name", NAMES)
def test_the_shortest_context_is_enough(name):
    model = made(name)
    context = frames(1, model.shortest_context, 1, 20, 24)
    assert model.forecast(context, 2).isfinite().all()


@pytest.mark.parametrize("name", TRAINED)
def test_every_parameter_belongs_to_some_objective(name):
    model = made(name)
    moved = {
        id(parameter)
        for stage in model.stages()
        for objective in stage.objectives
        for parameter in objective.module.parameters()
    }
    assert moved == {id(parameter) for parameter in model.parameters()}


@pytest.mark.parametrize("name", TRAINED)
def test_every_parameter_learns(name):
    model = made(name).train()
    batch = Window(frames(2, 4, 1, 20, 24), frames(2, 2, 1, 20, 24))
    for stage in model.stages():
        for objective in stage.objectives:
            objective.loss(batch).backward()
    still = [
        n for n, p in model.named_parameters() if p.grad is None or not p.grad.any()
    ]
    assert still == []


@pytest.mark.parametrize("name", TRAINED)
def test_each_objective_moves_only_its_own_parameters(name):
    model = made(name).train()
    batch = Window(frames(2, 4, 1, 20, 24), frames(2, 2, 1, 20, 24))
    for stage in model.stages():
        for objective in stage.objectives:
            model.zero_grad()
            own = list(objective.module.parameters())
            objective.loss(batch).backward(inputs=own)
            others = {id(p) for p in model.parameters()} - {id(p) for p in own}
            assert all(p.grad is None for p in model.parameters() if id(p) in others)


@pytest.mark.parametrize("name", TRAINED)
def test_weights_can_be_read_back(name):
    model, other = made(name), made(name)
    for parameter in other.parameters():
        torch.nn.init.zeros_(parameter)
    other.load_state_dict(model.state_dict())
    context = frames(1, 4, 1, 20, 24)
    assert torch.equal(model.forecast(context, 2), other.forecast(context, 2))


@pytest.mark.parametrize("name", sorted(set(NAMES) - set(TRAINED)))
def test_a_constant_movie_stays_constant_under_baselines(name):
    context = torch.full((1, 4, 1, 24, 24), 0.3)
    torch.testing.assert_close(
        made(name).forecast(context, 4), torch.full((1, 4, 1, 24, 24), 0.3)
    )


@pytest.mark.parametrize("name", NAMES)
def test_every_setting_is_explained(name):
    for field in FORECASTERS[name].Config.model_fields.values():
        assert field.title
        assert field.description
        assert not field.is_required()
