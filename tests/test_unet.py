"""The linear forecast that networks correct, and the U-Net that corrects it."""

import pytest
import torch

from movies import gliding
from napari_morphocast import api
from napari_morphocast.data.windows import Window
from napari_morphocast.errors import SettingsError
from napari_morphocast.models.base import model_class
from napari_morphocast.models.correction import Correction
from napari_morphocast.models.denoised import Denoised, DenoisedConfig, blurred
from napari_morphocast.models.regression import Regression, newest, pushed
from napari_morphocast.models.ridge import Ridge, RidgeConfig
from napari_morphocast.models.unet import UNet
from napari_morphocast.training.config import Hardware, Run

CPU = Hardware(device="cpu")


def frames(*shape: int, seed: int = 1) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


def drifting(steps: int, seed: int = 1) -> torch.Tensor:
    """A random picture that moves by a pixel per frame, shape (steps, 1, 24, 28)."""
    wide = frames(1, 24, 28 + steps, seed=seed)
    return torch.stack([wide[..., steps - t : steps - t + 28] for t in range(steps)])


def made(channels: int = 1, **settings: object) -> UNet:
    torch.manual_seed(0)
    return UNet(Run.make("unet", **settings).settings, channels).eval()


def test_the_regression_finds_a_motion_of_whole_pixels():
    regression = Regression(2, 1)
    regression.tune([drifting(8)])
    unseen = drifting(8, seed=2)
    foretold = unseen[None, 5] + regression(unseen[None, 4:6])
    torch.testing.assert_close(
        foretold[..., 1:-1], unseen[None, 6, :, :, 1:-1], atol=0.05, rtol=0
    )


def test_an_untuned_regression_says_that_nothing_moves():
    assert not Regression(3, 2, (1.5,))(frames(1, 3, 2, 16, 16)).any()


def test_a_regression_of_more_frames_than_there_are_repeats_the_oldest():
    context = frames(1, 2, 1, 16, 16)
    assert torch.equal(
        newest(context, 4)[:, :3], context[:, :1].expand(1, 3, 1, 16, 16)
    )
    assert torch.equal(pushed(newest(context, 4), context[:, 0])[:, -1], context[:, 0])


def test_ridge_rollouts_stay_between_the_greys_they_have_seen():
    ridge = Ridge(RidgeConfig(frames=1), 1)
    ridge.regression.weight[..., 1, 1] = 3.0  # as unstable as can be
    context = frames(1, 2, 1, 16, 16)
    assert ridge.forecast(context, 30).max() <= context.max()


@pytest.mark.parametrize("name", ["unet", "convlstm"])
def test_rollouts_of_wild_networks_do_not_leave_the_greys_they_have_seen_by_far(name):
    torch.manual_seed(0)
    model = model_class(name)(Run.make(name).settings, channels=2)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=3)
    context = frames(1, 6, 2, 16, 16)
    rollout = model.eval().forecast(context, 8)
    assert torch.all((rollout >= -0.25) & (rollout <= 1.25))  # of greys from 0 to 1
    assert rollout.std() > 0


def test_a_few_jumps_do_not_decide_what_the_regression_learns():
    calm = [drifting(6, seed) for seed in range(6)]
    jump = drifting(6, 9)
    jump[-1] = 40 * jump[-1].flip(-1)
    alone, beside = Regression(3, 1), Regression(3, 1)
    alone.tune(calm)
    beside.tune([*calm, jump])
    latest = drifting(4, 7)[None]
    truth = latest[:, 3] - latest[:, 2]
    for regression in (alone, beside):
        error = (regression(latest[:, :3]) - truth)[..., 2:-2, 2:-2].square().mean()
        assert error < 0.1 * truth.square().mean()


def test_a_repeated_frame_teaches_no_more_than_any_other():
    moving = [drifting(6, seed) for seed in range(6)]
    repeated = drifting(6, 9)[:1].expand(6, -1, -1, -1)
    regression = Regression(3, 1)
    regression.tune([*moving, repeated])
    latest = drifting(4, 7)[None]
    truth = latest[:, 3] - latest[:, 2]
    error = (regression(latest[:, :3]) - truth)[..., 2:-2, 2:-2].square().mean()
    assert error < 0.1 * truth.square().mean()


def test_a_repeated_frame_teaches_nothing():
    moving = [drifting(6, seed) for seed in range(3)]
    repeated = [frames[[0, 1, 1, 2, 2, 2]] for frames in moving]
    with_pauses, plain = Regression(1, 1), Regression(1, 1)
    with_pauses.tune(repeated)
    plain.tune([frames[:3] for frames in moving])
    torch.testing.assert_close(with_pauses.weight, plain.weight)
    unchanged = Regression(1, 1)
    unchanged.tune([moving[0][[0, 0, 0]]])
    assert not unchanged.weight.any()


def test_repeated_frames_have_no_say_in_what_is_mixed():
    moving, start = drifting(6, 1), Correction(2, 1, "mixture", motion=False)
    other = Correction(2, 1, "mixture", motion=False)
    start.tune([moving, drifting(6, 2)])
    other.tune([moving, drifting(6, 2), *[moving[[2, 2, 2]]] * 5])
    torch.testing.assert_close(other.usual, start.usual)


def test_denoised_persistence_blurs_a_noisy_scene_and_not_a_sharp_one():
    noisy, sharp = Denoised(DenoisedConfig(), 1), Denoised(DenoisedConfig(), 1)
    still = blurred(frames(1, 1, 32, 32), 2.0).expand(8, 1, 32, 32)
    noisy.tune([still + 0.1 * frames(8, 1, 32, 32, seed=3)])
    sharp.tune([frames(1, 1, 32, 32).expand(8, 1, 32, 32)])
    assert (noisy.sigma > 0.5).all()
    assert (sharp.sigma == 0).all()


def test_denoised_persistence_blurs_the_more_the_less_can_be_known():
    lot = torch.Generator().manual_seed(4)
    dots = torch.rand(11, 2, 60, generator=lot)
    steps = 1.5 * torch.randn(11, 11, 2, 60, generator=lot)
    model = Denoised(DenoisedConfig(), 1)
    ways = (48 * dots[:, None] + steps.cumsum(1)).unbind()
    model.tune(map(_dots, ways))
    near, far = float(model.sigma[0]), float(model.sigma[-1])
    assert 0 < near < far
    context = frames(1, 1, 1, 48, 48)
    ahead = model.forecast(context, 12)
    torch.testing.assert_close(ahead[:, 0], blurred(context[:, -1], near))
    torch.testing.assert_close(ahead[:, 9], blurred(context[:, -1], far))
    assert torch.equal(ahead[:, 11], ahead[:, 9])


def test_denoised_persistence_of_a_short_movie_goes_on_as_far_as_it_knows():
    model = Denoised(DenoisedConfig(), 1)
    still = blurred(frames(1, 1, 32, 32), 2.0).expand(4, 1, 32, 32)
    model.tune([still + 0.1 * frames(4, 1, 32, 32, seed=3)])
    assert (model.sigma[3:] == model.sigma[2]).all()
    assert model.sigma[2] > 0.5


def _dots(places):
    """Wandering dots (T, 1, 48, 48); places (T, 2, N) in pixels."""
    axis = torch.arange(48.0)[:, None]
    y, x = (torch.exp(-((axis - p[:, None] % 48) ** 2) / 4) for p in places.unbind(1))
    return (y @ x.transpose(1, 2))[:, None]


def test_a_blur_keeps_the_mean_away_from_borders():
    spot = torch.zeros(1, 1, 33, 33)
    spot[..., 16, 16] = 1
    assert float(blurred(spot, 2.0).sum()) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("head", ["change", "motion"])
def test_a_fresh_network_foretells_what_it_corrects(head):
    model = made(frames=3, head=head, start="regression")
    model.tune([drifting(8)])
    latest = drifting(8)[None, 2:5]
    assert model.correction.regression is not None
    start = latest[:, -1] + model.correction.regression(latest)
    assert torch.equal(model.forecast(latest, 1)[:, 0], start)


def test_without_a_regression_a_fresh_network_says_that_nothing_moves():
    model, context = made(start="persistence"), frames(1, 8, 1, 20, 24)
    model.tune([frames(9, 1, 20, 24)])
    assert torch.equal(model.forecast(context, 2)[:, 1], context[:, -1])


def test_the_gain_can_take_the_regression_back():
    correction = Correction(2, 1, "regression", motion=False)
    correction.tune([drifting(8)])
    latest = drifting(8)[None, :2]
    out = torch.zeros(1, correction.outputs, 24, 28)
    out[:, 0] = -20  # tanh: -1
    assert torch.equal(correction(latest, out), latest[:, -1])


def test_frames_before_the_latest_ones_do_not_matter():
    model, context = made(frames=3), frames(1, 8, 1, 20, 24)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.05)
    assert torch.equal(model.forecast(context, 2), model.forecast(context[:, -3:], 2))


@pytest.mark.parametrize("settings", [{"width": 2}, {"patch": 3}, {"depth": 9}])
def test_settings_that_make_no_sense_are_refused(settings):
    with pytest.raises(SettingsError, match=next(iter(settings))):
        made(**settings)


def test_training_rollouts_have_every_length(monkeypatch):
    model, lengths = made(), []
    forecast = model.forecast
    monkeypatch.setattr(
        model, "forecast", lambda c, h: lengths.append(h) or forecast(c, h)
    )
    batch = Window(frames(1, 8, 1, 16, 16), frames(1, 3, 1, 16, 16))
    for _ in range(40):
        model.loss(batch)
    assert set(lengths) == {1, 2, 3}
    assert lengths.count(1) > lengths.count(3)


def test_a_run_begins_at_the_regression_and_is_never_worse(tmp_path):
    events = list(
        api.train(
            gliding(24),
            tmp_path / "m.morphocast",
            Run.make("unet", width=4, epochs=1, learning_rate=1e-6),
            hardware=CPU,
        )
    )
    started = next(e for e in events if type(e).__name__ == "Started")
    kept = api.load(tmp_path / "m.morphocast").checkpoint.scores["validation"]
    assert kept < 0.5 * started.persistence


def test_a_regression_that_harms_on_unseen_frames_is_forgotten(tmp_path, monkeypatch):
    monkeypatch.setattr(Regression, "tune", lambda self, _: self.bias.fill_(0.3))
    run = Run.make(
        "unet",
        start="regression",
        epochs=1,
        learning_rate=1e-12,
        context=4,
        horizon=2,
    )
    path = tmp_path / "model.morphocast"
    list(api.train(gliding(40), path, run, hardware=CPU))
    scores = api.load(path).checkpoint.scores
    assert scores["validation"] == pytest.approx(scores["persistence"])


def test_auto_is_the_model_that_forecasts_best():
    assert Run.make("auto").model == Run.make().model == "unet"


def test_a_short_movie_gets_a_shorter_window_and_is_told_so(tmp_path):
    run = Run.make(width=4, epochs=1)
    events = api.train(gliding(14), tmp_path / "m.morphocast", run, hardware=CPU)
    assert "has only 14 frames, so the context is" in next(iter(events)).note


def test_a_context_that_was_chosen_is_not_shortened(tmp_path):
    run = Run.make(context=12, epochs=1)
    with pytest.raises(Exception, match="a context of 12"):
        api.train(gliding(14), tmp_path / "m.morphocast", run, hardware=CPU)
