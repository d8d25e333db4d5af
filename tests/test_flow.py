"""Optical flow of whole batches, and forecasts that are mixed of what it foretells."""

import pytest
import torch

from movies import gliding
from napari_morphocast import api
from napari_morphocast.data.simulate import simulate
from napari_morphocast.models import flow as flow_module
from napari_morphocast.models.advection import Advection, AdvectionConfig
from napari_morphocast.models.base import Forecaster, model_class
from napari_morphocast.models.correction import CHOICES, Correction, best_shares
from napari_morphocast.models.denoised import blurred
from napari_morphocast.models.flow import (
    MOTIONS,
    carried,
    flow,
    going_on,
    last_motions,
    motions,
)
from napari_morphocast.models.motion import warp
from napari_morphocast.training.config import Hardware, Run

CPU = Hardware(device="cpu")
NETWORKS = ["unet", "convlstm"]


def texture(*shape: int, seed: int = 1) -> torch.Tensor:
    lot = torch.Generator().manual_seed(seed)
    drawn = torch.rand(shape, generator=lot)
    return 5 * blurred(drawn.view(-1, 1, *shape[-2:]), 2.0).view(shape)


def made(name: str, channels: int = 1, **settings: object) -> Forecaster:
    torch.manual_seed(0)
    settings = Run.make(name, **settings).settings
    model = model_class(name)(settings, channels).eval()
    assert isinstance(model, Forecaster)
    return model


@pytest.mark.parametrize(("y", "x"), [(0.0, 0.0), (-2.0, 3.0), (6.0, -5.0)])
def test_a_motion_of_whole_pixels_is_found(y, x):
    wide = texture(2, 1, 90, 100)
    before = wide[..., 10:80, 10:90]
    top, left = 10 + int(y), 10 + int(x)
    after = wide[..., top : top + 70, left : left + 80]
    found = flow(before, after)[..., 12:-12, 12:-12]
    expected = torch.tensor([y, x])[None, :, None, None].expand_as(found)
    assert float((found - expected).abs().mean()) < 0.1


def test_channels_of_opposite_contrast_move_as_one():
    wide = texture(1, 1, 60, 80)
    both = torch.cat([wide, 1 - wide], 1)
    glide = torch.stack([both[..., 2 * t : 2 * t + 60] for t in range(3)], 1)
    found = last_motions(glide)[:, 1:, :, 12:-12, 12:-12]
    expected = torch.tensor([0.0, 2.0])[:, None, None].expand_as(found)
    assert float((found - expected).abs().mean()) < 0.1
    alone = last_motions(glide[:, :, :1])[:, 1:, :, 12:-12, 12:-12]
    torch.testing.assert_close(found, alone, atol=1e-3, rtol=0)


def test_where_nothing_changes_nothing_moves():
    frame = texture(1, 1, 40, 50)
    assert not flow(frame, frame).any()
    assert not motions(torch.full((1, 4, 2, 20, 20), 3.0)).any()


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (5, 4), (33, 47), (16, 300)])
def test_frames_of_any_size_have_a_flow(size):
    found = motions(texture(2, 5, 3, *size))
    assert found.shape == (2, 5, MOTIONS, 2, *size)
    assert found.isfinite().all()


def test_the_first_motion_is_the_last_pairs_the_second_a_mean():
    found = motions(texture(1, 6, 1, 24, 24))
    last, mean = found.unbind(2)
    assert not found[:, 0].any()
    torch.testing.assert_close(mean[:, 1], last[:, 1])
    torch.testing.assert_close(mean[:, 2], last[:, 1:3].mean(1))
    torch.testing.assert_close(mean[:, 5], last[:, 3:6].mean(1))


def test_a_motion_knows_nothing_of_later_frames_or_other_movies():
    frames = texture(3, 6, 1, 24, 24)
    found = motions(frames)
    torch.testing.assert_close(motions(frames[:, :4]), found[:, :4])
    torch.testing.assert_close(motions(frames[1:2]), found[1:2])


def test_it_foretells_about_as_well_as_the_flow_of_scikit_image():
    movie = simulate("tissue", frames=12, size=(96, 96), seed=3).movie
    frames = torch.from_numpy(movie.read(0, 12)).float()[None]
    frames = frames / frames.max()
    known, truth = frames[:, :8], frames[:, 8]
    moved = carried(known[:, -1], motions(known)[:, -1])[:, 0]
    theirs = next(Advection(AdvectionConfig(pairs=1), 1).unroll(known))
    ours, errors = ((f - truth).square().mean() for f in (moved, theirs))
    still = (known[:, -1] - truth).square().mean()
    assert ours < 1.2 * errors
    assert ours < 0.5 * still


def test_what_moves_takes_its_motion_along():
    motion = torch.zeros(1, 1, 2, 9, 9)
    motion[..., 1, :, 4] = -1.0  # column 4 came from column 3
    motion[..., 1, :, 5] = -1.0
    after = going_on(motion)[0, 0, 1, 0]
    assert after.tolist() == [0, 0, 0, 0, 0, -1, 0, 0, 0]


def test_without_training_forecasts_are_mixed_by_how_good_they_are():
    correction = Correction(2, 1, "mixture", motion=False)
    wide = texture(1, 60, 80)
    gliding = torch.stack([wide[..., 3 * t : 3 * t + 50] for t in range(8)])
    jumping = texture(8, 1, 60, 50)
    correction.tune([gliding])
    still, _, last, mean = correction.usual.flatten().softmax(0).tolist()
    assert last + mean > 10 * still
    assert correction.carrying
    correction.tune([jumping])
    assert not correction.carrying
    latest = jumping[None, 2:4]
    out = texture(1, correction.outputs, 60, 50)
    out[:, 1] = 0  # gain
    ahead = correction(latest, out, latest.expand(1, 2, 1, 60, 50))
    assert correction.regression is not None
    alone = latest[:, -1] + (1 + out[:, :1].tanh()) * correction.regression(latest)
    torch.testing.assert_close(ahead, alone + out[:, 1:2])


def test_the_best_mixture_is_better_than_its_parts():
    lot = torch.Generator().manual_seed(3)
    errors = torch.randn(4, 200, generator=lot)
    errors[0] += 0.8 * errors[1]
    products = errors @ errors.T / 200
    shares = best_shares(products)
    assert float(shares.sum()) == pytest.approx(1, abs=1e-4)
    mixed = shares @ products @ shares
    assert mixed < products.diag().min()
    for other in torch.eye(4):
        nearby = 0.98 * shares + 0.02 * other
        assert mixed <= nearby @ products @ nearby + 1e-5


def test_every_pixel_and_channel_may_choose_its_own_forecast():
    correction = Correction(2, 2, "mixture", motion=False)
    correction.tune([texture(8, 2, 16, 16)])
    correction.usual.zero_()
    correction.carries.fill_(1)
    latest, moved = texture(1, 2, 2, 16, 16), texture(1, MOTIONS, 2, 16, 16, seed=2)
    out = torch.zeros(1, correction.outputs, 16, 16)
    choices = out[:, -2 * CHOICES :].view(1, CHOICES, 2, 16, 16)
    choices[:, 2, 0, :8] = 90.0
    choices[:, 3, 1] = 90.0
    frame = correction(latest, out, moved)
    torch.testing.assert_close(frame[:, 0, :8], moved[:, 0, 0, :8])
    torch.testing.assert_close(frame[:, 1], moved[:, 1, 1])
    assert not torch.allclose(frame[:, 0, 8:], moved[:, 0, 0, 8:])


@pytest.mark.parametrize("name", NETWORKS)
def test_until_it_is_tuned_and_once_it_forgets_nothing_moves(name):
    model, context = made(name), texture(1, 8, 1, 24, 24)
    still = context[:, -1:].expand(-1, 2, -1, -1, -1)
    assert torch.equal(model.forecast(context, 2), still)
    model.tune([texture(9, 1, 24, 24)])
    assert not torch.equal(model.forecast(context, 2), still)
    model.forget()
    assert torch.equal(model.forecast(context, 2), still)


@pytest.mark.parametrize("name", NETWORKS)
def test_networks_of_before_still_open(name, tmp_path):
    run = Run.make(name, start="regression", epochs=1, batches=1)
    list(api.train(gliding(24), tmp_path / "m.morphocast", run, hardware=CPU))
    model = api.load(tmp_path / "m.morphocast").model
    assert not any("usual" in key for key in model.state_dict())


def test_a_long_context_is_followed_in_parts():
    model, context = made("convlstm"), texture(1, 9, 1, 40, 48)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    model.correction.carries.fill_(1)
    whole = model.follow([context])
    parts = model.follow(context.split([4, 1, 1, 3], 1))
    for _ in range(3):
        torch.testing.assert_close(next(whole), next(parts))


def test_where_motions_bring_nothing_none_are_estimated(monkeypatch):
    model = made("unet")
    model.tune([texture(9, 1, 40, 48, seed=n) for n in range(4)])
    monkeypatch.setattr(flow_module, "flow", None)
    assert model.forecast(texture(1, 8, 1, 40, 48), 3).shape[1] == 3


def test_where_all_glides_a_network_begins_closer_with_the_flow():
    frames = torch.from_numpy(gliding(24).read(0, 24)).float()
    frames = (frames / frames.max())[None]
    errors = {}
    for start in ("persistence", "mixture"):
        model = made("unet", start=start)
        model.tune([frames[0, :16]])
        ahead = model.forecast(frames[:, :20], 2).detach()
        errors[start] = float((ahead - frames[:, 20:22]).square().mean())
    assert errors["mixture"] < 0.5 * errors["persistence"]


def test_half_precision_does_not_lose_its_place():
    frame, still = texture(1, 1, 4, 600), torch.zeros(1, 2, 4, 600)
    assert torch.equal(warp(frame, still.bfloat16()), frame)
