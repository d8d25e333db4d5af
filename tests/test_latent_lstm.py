"""The LSTM over codes: what its codes are, what it reads, what its stages train."""

import math
import threading
from itertools import islice

import pytest
import torch

from movies import gliding
from napari_morphocast import api
from napari_morphocast.data.movie import Movie
from napari_morphocast.data.windows import Window
from napari_morphocast.models.autoencoder import Autoencoder
from napari_morphocast.models.latent_lstm import LatentLSTM
from napari_morphocast.models.limits import Limits
from napari_morphocast.training.config import Hardware, Run
from napari_morphocast.training.events import EpochDone, Finished

CPU = Hardware(device="cpu")
SMALL = {"width": 4, "code": 8, "hidden": 6}
EASY = SMALL | {"epochs": 16, "horizon": 2, "ema": 0.0}
BOTH_WAYS = pytest.mark.parametrize("reading", ["forward", "both"])


def frames(*shape: int, seed: int = 1) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


def made(channels: int = 1, *, std: float = 0.0, **settings: object) -> LatentLSTM:
    """A small network, its weights drawn anew where ``std`` says how far from zero."""
    torch.manual_seed(0)
    run = Run.make("latent_lstm", **{**SMALL, **settings})
    model = LatentLSTM(run.settings, channels).eval().requires_grad_(std == 0)
    if std:
        for parameter in model.parameters():
            torch.nn.init.normal_(parameter, std=std)
    return model


def easy() -> Movie:
    return gliding(40, size=(32, 32))


# --- codes


@pytest.mark.parametrize(
    ("size", "grid"), [((32, 32), (1, 1)), ((33, 20), (2, 1)), ((5, 100), (1, 4))]
)
def test_every_tile_has_a_code_and_every_frame_size_comes_back(size, grid):
    coder = Autoencoder(2, tile=32, code=7, width=4)
    codes = coder.encode(frames(3, 2, *size))
    assert codes.shape == (3, 7, *grid)
    assert coder.decode(codes, *size).shape == (3, 2, *size)


def test_a_code_says_nothing_of_tiles_far_away():
    coder, seen = Autoencoder(1, tile=16, code=4, width=4), frames(1, 1, 96, 96)
    other = seen.clone()
    other[..., 64:, 64:] = 0
    one, another = coder.encode(seen), coder.encode(other)
    assert torch.equal(one[..., :3, :3], another[..., :3, :3])
    assert not torch.allclose(one[..., 5, 5], another[..., 5, 5])


def test_training_shows_whole_tiles():
    assert Run.make("latent_lstm", tile=128).training.crop == 128
    assert Run.make("latent_lstm", tile=32).training.crop == 64
    assert Run.make("latent_lstm", tile=128, crop=0).training.crop == 0


def test_an_autoencoder_learns_to_make_frames_again():
    torch.manual_seed(0)
    coder, seen = Autoencoder(1, tile=16, code=16, width=8), frames(8, 1, 4, 4)
    seen = torch.nn.functional.interpolate(seen, scale_factor=8, mode="bilinear")
    optimiser = torch.optim.Adam(coder.parameters(), 3e-3)
    for _ in range(150):
        optimiser.zero_grad()
        loss = (coder(seen) - seen).square().mean()
        loss.backward()
        optimiser.step()
    assert float(loss.detach()) < 0.05 * float(seen.var())


def test_frames_of_any_size_have_codes_of_one_length():
    model = made(2, std=0.3)
    small, large = model.codes(frames(3, 2, 16, 16)), model.codes(frames(3, 2, 40, 50))
    assert small.shape == large.shape == (3, 8)
    assert not torch.allclose(small[0], small[1])


# --- what is read


@BOTH_WAYS
def test_no_frame_that_is_not_shown_is_looked_at(reading):
    model, context = made(reading=reading, std=0.3), frames(2, 6, 1, 16, 16)
    lengths = torch.tensor([3, 5])
    shown = model.unroll(context, lengths)
    other = context.clone()
    other[0, :3], other[1, :1] = 9, 9
    hidden = model.unroll(other, lengths)
    for one, another in islice(zip(shown, hidden, strict=True), 4):
        assert torch.equal(one, another)


@BOTH_WAYS
@pytest.mark.parametrize("rollout", ["latent", "image"])
def test_contexts_of_several_lengths_are_forecast_as_each_alone(reading, rollout):
    model = made(reading=reading, rollout=rollout, std=0.1)
    context = frames(3, 5, 1, 20, 34)
    lengths = torch.tensor([2, 5, 3])
    together = torch.stack(list(islice(model.unroll(context, lengths), 4)), 1)
    for window, length, found in zip(context, lengths, together, strict=True):
        alone = model.forecast(window[None, -int(length) :], 4)[0]
        torch.testing.assert_close(found, alone)


def test_reading_backward_reaches_the_oldest_frame():
    """The state beside the last code has read that code alone: a bare shortcut."""
    model, context = made(reading="both", std=0.3), frames(1, 5, 1, 16, 16)
    other = context.clone()
    other[:, 0] = 0
    _, one = model.sequence_codes(context).chunk(2, 1)
    _, another = model.sequence_codes(other).chunk(2, 1)
    assert one.shape == (1, 6)
    assert float((one - another).abs().max()) > 1e-3


@BOTH_WAYS
def test_the_order_of_frames_matters(reading):
    model, context = made(reading=reading, std=0.3), frames(1, 5, 1, 16, 16)
    other = context[:, [1, 0, 2, 3, 4]]
    assert not torch.allclose(model.forecast(context, 1), model.forecast(other, 1))


# --- forecasts


@pytest.mark.parametrize("rollout", ["latent", "image"])
def test_a_fresh_network_says_that_nothing_moves(rollout):
    model, context = made(2, rollout=rollout), frames(2, 4, 2, 21, 30)
    still = context[:, -1:].expand(-1, 3, -1, -1, -1)
    torch.testing.assert_close(model.forecast(context, 3), still)


@pytest.mark.parametrize(("rollout", "more"), [("latent", 0), ("image", 3)])
def test_a_latent_rollout_reads_no_frame_that_it_made(rollout, more, monkeypatch):
    model, context = made(rollout=rollout, std=0.3), frames(1, 4, 1, 16, 16)
    seen = []
    encode = model.autoencoder.encode
    monkeypatch.setattr(
        model.autoencoder, "encode", lambda x: seen.append(len(x)) or encode(x)
    )
    ahead = model.unroll(context)
    known = [next(ahead) for _ in range(4)]
    assert seen == [4] + more * [1]
    assert not torch.allclose(known[0], known[3])


def test_both_rollouts_agree_about_the_first_lead_only():
    context = frames(1, 4, 1, 16, 16)
    latent, image = (
        made(rollout=kind, std=0.3).forecast(context, 2) for kind in ("latent", "image")
    )
    torch.testing.assert_close(latent[:, 0], image[:, 0])
    assert not torch.allclose(latent[:, 1], image[:, 1], atol=1e-3)


def test_detail_of_the_last_frame_fades():
    model, context = made(), frames(1, 4, 1, 16, 16)
    model.dynamics.fade.data.fill_(0.5)
    again = model.autoencoder(context[:, -1])
    detail = (context[:, -1] - again)[:, None]
    shares = torch.tensor([0.5, 0.25, 0.125]).view(1, 3, 1, 1, 1)
    expected = again[:, None] + shares * detail
    limits = Limits.of(context).widened()
    held = torch.stack([limits.hold(frame) for frame in expected.unbind(1)], 1)
    torch.testing.assert_close(model.forecast(context, 3), held)


def test_without_the_skip_frames_come_from_codes_alone():
    model, context = made(skip=False), frames(1, 4, 1, 16, 16)
    assert "dynamics.fade" not in dict(model.named_parameters())
    again = Limits.of(context).widened().hold(model.autoencoder(context[:, -1]))
    torch.testing.assert_close(model.forecast(context, 1)[:, 0], again)


@BOTH_WAYS
@pytest.mark.parametrize("rollout", ["latent", "image"])
def test_no_rollout_runs_away(reading, rollout):
    model = made(reading=reading, rollout=rollout, std=2.0)
    context = frames(1, 5, 1, 24, 24)
    ahead = model.forecast(context, 20)
    assert ahead.isfinite().all()
    assert float(ahead.max()) <= 1.3
    assert float(ahead.min()) >= -0.3


# --- training


def test_training_windows_are_shown_from_the_shortest_context_on():
    torch.manual_seed(0)
    model, context = made(shortest=3), frames(64, 6, 1, 8, 8)
    drawn = model._lengths(context)
    assert drawn is not None
    assert sorted(set(drawn.tolist())) == [3, 4, 5, 6]
    assert made(shortest=6)._lengths(context) is None


@pytest.mark.parametrize(("finetune", "last"), [(True, ["joint"]), (False, [])])
def test_its_stages_are_codes_then_dynamics_then_both(finetune, last):
    model = made(finetune=finetune)
    stages = model.stages()
    assert [s.name for s in stages] == ["autoencoder", "dynamics", *last]
    assert stages[0].objectives[0].module is model.autoencoder
    assert stages[1].objectives[0].module is model.dynamics


def test_the_first_stage_is_judged_by_how_frames_come_back():
    model = made()
    batch = Window(frames(2, 4, 1, 16, 16), frames(2, 3, 1, 16, 16, seed=2))
    validate = model.stages()[0].validate
    assert validate is not None
    loss, again = validate(batch)
    torch.testing.assert_close(again[1], model.autoencoder(batch.target[1]))
    torch.testing.assert_close(loss, model.criterion(again, batch.target))


def test_a_run_stopped_while_it_finds_codes_claims_no_skill(tmp_path):
    path, stop = tmp_path / "m.morphocast", threading.Event()
    run = Run.make("latent_lstm", **EASY)
    for event in api.train(easy(), path, run, hardware=CPU, stop=stop):
        if isinstance(event, EpochDone):
            stop.set()
    assert math.isnan(api.load(path).checkpoint.skill)


@pytest.mark.parametrize("finetune", [False, True])
def test_only_the_joint_stage_changes_codes_again(finetune, tmp_path):
    run = Run.make("latent_lstm", **EASY, finetune=finetune)
    path, stop, codes = tmp_path / "m.morphocast", threading.Event(), []
    for event in api.train(easy(), path, run, hardware=CPU, stop=stop):
        if isinstance(event, EpochDone) and event.stage == "dynamics":
            stop.set()
    codes.append(api.load(path).model.autoencoder.state_dict())
    for event in api.resume(easy(), path, hardware=CPU):
        if isinstance(event, EpochDone):
            last = event
    assert last.best
    codes.append(api.load(path).model.autoencoder.state_dict())
    same = [torch.equal(codes[0][name], codes[1][name]) for name in codes[0]]
    assert all(same) != finetune


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"reading": "both", "rollout": "image"},
        {"finetune": False, "shortest": 64},
        {"tile": 32, "layers": 1, "ssim": 0.1},
    ],
)
def test_it_learns_and_is_never_worse_than_nothing_moves(settings, tmp_path):
    run = Run.make("latent_lstm", **SMALL, **settings, epochs=8, batches=4)
    path = tmp_path / "m.morphocast"
    events = list(api.train(gliding(24), path, run, hardware=CPU))
    stages = {event.stage for event in events if isinstance(event, EpochDone)}
    assert {"autoencoder", "dynamics"} <= stages
    scores = api.load(path).checkpoint.scores
    assert scores["validation"] <= scores["persistence"]


def test_on_an_easy_movie_it_beats_nothing_moves(tmp_path):
    path = tmp_path / "m.morphocast"
    for _ in api.train(easy(), path, Run.make("latent_lstm", **EASY), hardware=CPU):
        pass
    scores = api.load(path).checkpoint.scores
    assert scores["validation"] < 0.8 * scores["persistence"]


@pytest.mark.parametrize("epochs", [1, 2, 4])
def test_a_run_that_is_stopped_in_any_stage_goes_on(epochs, tmp_path):
    run = Run.make("latent_lstm", **SMALL, epochs=5, batches=2)
    path, stop = tmp_path / "m.morphocast", threading.Event()
    seen = []
    for event in api.train(gliding(24), path, run, hardware=CPU, stop=stop):
        if isinstance(event, EpochDone):
            seen.append(event.stage)
            if event.epoch == epochs:
                stop.set()
    assert len(seen) == epochs
    for event in api.resume(gliding(24), path, hardware=CPU):
        if isinstance(event, EpochDone):
            seen.append(event.stage)
        if isinstance(event, Finished):
            assert event.why == "done"
    assert len(seen) == 5
    assert list(dict.fromkeys(seen)) == ["autoencoder", "dynamics", "joint"]
