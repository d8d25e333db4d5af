import numpy as np
import pytest
import torch
from scipy.ndimage import map_coordinates
from scipy.signal import correlate2d
from skimage.metrics import structural_similarity

from napari_morphocast.data.windows import Window
from napari_morphocast.errors import SettingsError
from napari_morphocast.models.convlstm import (
    ConvLSTM,
    ConvLSTMCell,
    ConvLSTMConfig,
    State,
)
from napari_morphocast.models.losses import TYPICAL, dissimilarity, distance
from napari_morphocast.models.motion import warp
from napari_morphocast.training.config import Run

HEADS = ["frame", "change", "motion"]


def made(channels: int = 1, **settings) -> ConvLSTM:
    torch.manual_seed(0)
    return ConvLSTM(ConvLSTMConfig(**{"hidden": (5, 6), **settings}), channels).eval()


def frames(*shape: int) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(1))


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def by_hand(cell: ConvLSTMCell, x, h, c, activation):
    """The equations of Shi et al. (2015) in float64, one convolution at a time."""
    weight = cell.gates.weight.detach().double().numpy()
    bias = cell.gates.bias.detach().double().numpy()
    seen = np.concatenate([x, h])
    gates = np.stack(
        [
            sum(correlate2d(s, k, "same") for s, k in zip(seen, w, strict=True)) + b
            for w, b in zip(weight, bias, strict=True)
        ]
    )
    i, f, g, o = np.split(gates, 4)
    peephole = (
        np.zeros((3, len(h), 1, 1))
        if cell.peephole is None
        else cell.peephole.detach().double().numpy()
    )
    c = sigmoid(f + peephole[1] * c) * c + sigmoid(i + peephole[0] * c) * activation(g)
    return sigmoid(o + peephole[2] * c) * activation(c), c


@pytest.mark.parametrize("peephole", ["none", "channel"])
@pytest.mark.parametrize("activation", ["tanh", "relu"])
def test_the_cell_is_its_equations(peephole, activation):
    config = ConvLSTMConfig(peephole=peephole, activation=activation)
    cell = ConvLSTMCell(2, 3, config).double()
    if cell.peephole is not None:
        torch.nn.init.normal_(cell.peephole)
    rng = np.random.default_rng(0)
    x, h, c = (rng.standard_normal((n, 7, 6)) for n in (2, 3, 3))
    function = np.tanh if activation == "tanh" else lambda v: np.maximum(v, 0)
    expected = by_hand(cell, x, h, c, function)
    x, h, c = (torch.from_numpy(v)[None] for v in (x, h, c))
    after = cell(x, State(h, c))
    np.testing.assert_allclose(after.hidden[0].detach(), expected[0], atol=1e-12)
    np.testing.assert_allclose(after.cell[0].detach(), expected[1], atol=1e-12)


def test_the_forget_gate_starts_open():
    torch.manual_seed(0)
    closed = ConvLSTMCell(1, 4, ConvLSTMConfig(forget_bias=0))
    torch.manual_seed(0)
    cell = ConvLSTMCell(1, 4, ConvLSTMConfig(forget_bias=1))
    torch.testing.assert_close(cell.gates.bias[4:8], closed.gates.bias[4:8] + 1)


def test_seeing_ten_frames_is_seeing_six_and_then_four():
    model, movie = made(start="regression"), frames(2, 10, 1, 12, 12)
    at_once = None
    for frame in movie.unbind(1):
        at_once = model.remember(frame, at_once)
    halves = None
    for part in (movie[:, :6], movie[:, 6:]):
        for frame in part.unbind(1):
            halves = model.remember(frame, halves)
    assert all(
        torch.equal(a.cell, b.cell)
        for a, b in zip(at_once.cells, halves.cells, strict=True)
    )


@pytest.mark.parametrize("head", ["change", "motion"])
@pytest.mark.parametrize("patch", [1, 2, 4])
def test_an_untrained_model_is_persistence(head, patch):
    context = frames(2, 5, 3, 21, 30)
    forecast = made(3, head=head, patch=patch).forecast(context, 4)
    assert torch.equal(forecast, context[:, -1:].expand(-1, 4, -1, -1, -1))


@pytest.mark.parametrize("norm", ["none", "batch", "group"])
@pytest.mark.parametrize("head", HEADS)
def test_dense_supervision_never_sees_the_frame_it_forecasts(head, norm):
    model = made(head=head, norm=norm)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    context = frames(1, 8, 1, 16, 16)
    blind = context.clone()
    blind[:, 5:] = 0
    honest, blinded = (model.supervised(c, 2) for c in (context, blind))
    until = 6 - model.config.warmup  # forecasts of the frames up to number 5
    assert torch.equal(honest[:, :until], blinded[:, :until])
    assert not torch.equal(honest[:, until], blinded[:, until])


def test_dense_loss_compares_every_forecast_with_its_own_truth():
    model = made(head="motion", warmup=2, balance=False)
    still = frames(1, 1, 1, 16, 16)
    ramp = still + torch.arange(8).view(1, 8, 1, 1, 1) * 0.1
    loss = model.loss(Window(ramp[:, :6], ramp[:, 6:]))
    leads = [0.1] * 5 + [0.2]  # four in the context, then a rollout of two
    assert float(loss.detach()) == pytest.approx(np.mean(np.square(leads)), rel=1e-4)


def test_in_a_balanced_loss_every_lead_counts_alike():
    model = made(head="motion", warmup=2)
    still = frames(1, 1, 1, 16, 16)
    ramp = still + torch.arange(8).view(1, 8, 1, 1, 1) * 0.1
    loss = model.loss(Window(ramp[:, :6], ramp[:, 6:]))  # of "nothing moves"
    assert float(loss.detach()) == pytest.approx(TYPICAL, rel=1e-4)


def test_last_supervision_looks_only_at_the_frames_after_the_context():
    model = made(head="change", supervision="last", balance=False)
    context, target = frames(1, 4, 1, 16, 16), frames(1, 2, 1, 16, 16)
    expected = torch.nn.functional.mse_loss(model.forecast(context, 2), target)
    assert torch.equal(model.loss(Window(context, target)), expected)


def test_the_founding_recipe_has_its_65569_parameters():
    model = made(hidden=(16, 32), patch=1, head="frame", inputs="frame")
    assert sum(p.numel() for p in model.parameters()) == 65_569


@pytest.mark.parametrize("settings", [{"kernel": 4}, {"patch": 3}, {"hidden": ()}])
def test_settings_that_make_no_sense_are_refused(settings):
    with pytest.raises(SettingsError, match=next(iter(settings))):
        Run.make("convlstm", **settings)


@pytest.mark.parametrize("others", [{}, {"l1": 0, "ssim": 0}])
def test_a_loss_without_any_weight_is_refused(others):
    with pytest.raises(SettingsError, match=r"0: at least one .* weight above 0"):
        Run.make("convlstm", mse=0, **others)


def test_crops_too_small_for_the_loss_are_refused():
    with pytest.raises(SettingsError, match="crop 11 or more, or ssim 0"):
        Run.make("convlstm", ssim=1, crop=10)


def test_a_model_trained_on_small_frames_forecasts_large_ones():
    assert made(3).forecast(frames(1, 3, 3, 81, 97), 1).shape[-2:] == (81, 97)


def test_moving_the_input_moves_the_forecast():
    model = made(head="motion", patch=2, start="regression")
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.02)
    context = frames(1, 4, 1, 64, 64)
    moved = torch.roll(context, (4, 6), (-2, -1))
    here = torch.roll(model.forecast(context, 1), (4, 6), (-2, -1))
    there = model.forecast(moved, 1)
    inside = (..., slice(24, 44), slice(24, 44))
    torch.testing.assert_close(here[inside], there[inside], atol=1e-5, rtol=0)


def test_warping_by_nothing_changes_no_bit():
    frame = frames(2, 3, 9, 11)
    assert torch.equal(warp(frame, torch.zeros(2, 2, 9, 11)), frame)


def test_warping_is_bilinear_with_the_nearest_pixel_outside():
    frame = frames(1, 1, 12, 15).double()
    displacement = 6 * (frames(1, 2, 12, 15).double() - 0.5)
    grid = np.mgrid[:12, :15] + displacement[0].numpy()
    expected = map_coordinates(frame[0, 0].numpy(), grid, order=1, mode="nearest")
    np.testing.assert_allclose(warp(frame, displacement)[0, 0], expected, atol=1e-12)


def test_warping_has_the_right_gradients():
    frame = frames(1, 2, 5, 6).double().requires_grad_()
    displacement = (frames(1, 2, 5, 6).double() * 0.8 + 0.1).requires_grad_()
    assert torch.autograd.gradcheck(warp, (frame, displacement))


def test_the_ssim_loss_is_scikit_images_ssim():
    a, b = frames(1, 1, 32, 30), (frames(1, 1, 32, 30) + 0.3) / 1.6
    expected = structural_similarity(
        a[0, 0].double().numpy(),
        b[0, 0].double().numpy(),
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        data_range=1.0,
    )
    assert float(1 - dissimilarity(a, b)) == pytest.approx(expected, abs=1e-6)


def test_a_mixed_loss_is_the_weighted_sum():
    a, b = frames(2, 1, 16, 16), frames(2, 1, 16, 16).flip(-1)
    mix = distance(a, b, {"mse": 2.0, "l1": 0.5, "ssim": 0.1})
    parts = [distance(a, b, {kind: 1.0}) for kind in ("mse", "l1", "ssim")]
    torch.testing.assert_close(mix, 2 * parts[0] + 0.5 * parts[1] + 0.1 * parts[2])
