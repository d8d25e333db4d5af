"""SDC-Net++: what it moves, what its stages train, what it says about it."""

import math
import threading
from pathlib import Path

import pytest
import torch

from movies import gliding
from napari_morphocast import api
from napari_morphocast.cli import main
from napari_morphocast.data.windows import Window, WindowSpec
from napari_morphocast.errors import SettingsError
from napari_morphocast.models.base import Stage
from napari_morphocast.models.denoised import blurred
from napari_morphocast.models.ensemble import Ensemble
from napari_morphocast.models.motion import warp
from napari_morphocast.models.moving import Moving
from napari_morphocast.models.robust import AdaptiveLoss
from napari_morphocast.models.sdc_net import SDCNet
from napari_morphocast.models.sdc_parts import SpacetimeConv
from napari_morphocast.training import tempering
from napari_morphocast.training.checkpoint import read
from napari_morphocast.training.config import Hardware, Run
from napari_morphocast.training.events import BatchDone, EpochDone
from napari_morphocast.training.resume import read_state

CPU = Hardware(device="cpu")
SMALL = {"width": 4, "depth": 2, "kernel": 3}


def frames(*shape: int, seed: int = 1) -> torch.Tensor:
    lot = torch.Generator().manual_seed(seed)
    drawn = torch.rand(shape, generator=lot)
    return blurred(drawn.view(-1, 1, *shape[-2:]), 1.0).view(shape)


def glide(steps: int, pixels: float = 2.0) -> torch.Tensor:
    """A texture that moves evenly, shape (1, steps, 1, 40, 48)."""
    wide = frames(1, 1, 40, 200)
    still = torch.zeros(1, 2, 40, 200)
    moved = []
    for step in range(steps):
        still[:, 1] = step * pixels
        moved.append(warp(wide, still)[..., 60:108])
    return torch.stack(moved, 1)


def made(channels: int = 1, **settings: object) -> SDCNet:
    torch.manual_seed(0)
    run = Run.make("sdc_net", **{**SMALL, **settings})
    return SDCNet(run.settings, channels).eval()


def stirred(model: SDCNet, std: float = 0.05) -> SDCNet:
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=std)
    return model


def test_a_fresh_network_says_that_nothing_moves():
    model, context = made(2), frames(2, 5, 2, 21, 30)
    assert torch.equal(
        model.forecast(context, 3), context[:, -1:].expand(-1, 3, -1, -1, -1)
    )


def test_tuned_it_lets_a_steady_motion_go_on():
    model, movie = made(), glide(9)
    model.tune([movie[0]])
    assert float(model.going) == 1
    ahead = model.forecast(movie[:, :6], 2).detach()[..., 10:-10, 10:-10]
    truth = movie[:, 6:8, ..., 10:-10, 10:-10]
    still = movie[:, 5:6, ..., 10:-10, 10:-10]
    assert (ahead - truth).square().mean() < 0.1 * (still - truth).square().mean()
    model.forget()
    assert torch.equal(model.forecast(movie[:, :6], 1)[:, 0], movie[:, 5])


@pytest.mark.parametrize("kernels", ["identity", "learned"])
def test_kernels_that_do_harm_are_undone_before_the_motion_is(kernels):
    model, movie = made(kernels=kernels), glide(9)
    model.tune([movie[0]])
    moved = model.forecast(movie[:, :6], 1)
    torch.nn.init.normal_(model.rows.out.weight)
    assert not torch.allclose(model.forecast(movie[:, :6], 1), moved, atol=0.01)
    model.forget()
    torch.testing.assert_close(model.forecast(movie[:, :6], 1), moved)
    model.forget()
    assert torch.equal(model.forecast(movie[:, :6], 1)[:, 0], movie[:, 5])


def begun(model: SDCNet, name: str) -> Stage:
    """The stage of a name, once it has begun."""
    stage = next(stage for stage in model.stages() if stage.name == name)
    if stage.begin is not None:
        stage.begin()
    return stage


def test_kernels_are_out_of_use_while_they_learn_to_do_nothing():
    model, batch = made(kernels="learned"), Window(glide(9)[:, :6], glide(9)[:, 6:8])
    model.tune([glide(9)[0]])
    before = model.forecast(batch.context, 2)
    begun(model, "kernels")
    assert model.rows.out.weight.any()
    assert model.kernel_loss(batch) > 0.5
    assert torch.equal(model.forecast(batch.context, 2), before)
    begun(model, "fine-tune")
    assert not torch.allclose(model.forecast(batch.context, 2), before, atol=0.01)


def test_kernels_that_are_in_use_need_not_learn_to_do_nothing():
    model = made(kernels="learned")
    batch = Window(frames(1, 5, 1, 16, 16), frames(1, 2, 1, 16, 16))
    torch.nn.init.normal_(model.rows.out.weight)
    before = model.forecast(batch.context, 1)
    begun(model, "kernels")
    loss = model.kernel_loss(batch)
    assert not loss
    loss.backward(inputs=list(model.rows.parameters()))
    assert not any(p.grad.any() for p in model.rows.parameters())
    assert torch.equal(model.forecast(batch.context, 1), before)


def test_a_network_with_kernels_learns_motion_with_them():
    model = made(kernels="learned").train()
    batch = Window(frames(1, 5, 1, 16, 16), frames(1, 2, 1, 16, 16, seed=2))
    plain = model.flow_loss(batch)
    torch.nn.init.constant_(model.rows.out.bias, 0.02)
    filtered = model.flow_loss(batch)
    torch.testing.assert_close(filtered, model.step_loss(batch))
    assert abs(float((filtered - plain).detach())) > 1e-4
    model.ready.zero_()
    torch.testing.assert_close(model.flow_loss(batch), plain)


def test_a_run_that_ends_while_kernels_are_begun_keeps_its_forecast(tmp_path):
    path, stop = tmp_path / "m.morphocast", threading.Event()
    run = Run.make("sdc_net", **SMALL, kernels="learned", epochs=4, batches=2)
    movie, flow = gliding(30), {}
    for event in api.train(movie, path, run, hardware=CPU, stop=stop):
        if isinstance(event, EpochDone) and event.stage == "flow":
            flow = read(path)[1].state_dict()
            stop.set()
    assert event.why == "stopped"
    made_before, made_after = SDCNet(run.settings, 1), read(path)[1]
    made_before.load_state_dict(flow)
    context = torch.from_numpy(movie.read(0, 5)).float()[None] / 255
    ahead = (net.eval().forecast(context, 2) for net in (made_before, made_after))
    torch.testing.assert_close(*ahead)


def test_learning_kernels_does_not_cost_the_motion_that_was_found(tmp_path):
    path = tmp_path / "m.morphocast"
    run = Run.make("sdc_net", **SMALL, kernels="learned", epochs=4, batches=2)
    events = list(api.train(gliding(30), path, run, hardware=CPU))
    by_stage = {e.stage: e.validation for e in events if isinstance(e, EpochDone)}
    still = events[0].persistence
    scores = read(path)[0].scores
    assert by_stage["flow"] < 0.5 * still
    assert by_stage["kernels"] > 0.5
    assert by_stage["fine-tune"] < 0.5 * still
    assert scores["validation"] < 0.5 * scores["persistence"]


def test_motion_is_that_of_the_pictures_not_of_a_segmentation():
    pictures, cells = glide(6), frames(1, 6, 1, 40, 48, seed=3).round()
    model = made(2, labels=True)
    seen = model.latest(torch.cat([pictures, cells], 2))
    alone = made().latest(pictures)
    assert torch.equal(seen.motions, alone.motions)


def test_what_moves_to_and_fro_is_not_carried_on():
    model, movie = made(), glide(2)[0]
    model.tune([torch.cat([movie] * 4)])
    assert float(model.going) < 0


def test_a_frame_between_two_is_half_of_their_motion_away():
    movie, order = glide(5), list(WindowSpec(task="between", context=4).order)
    model = made(task="between")
    model.tune([movie[0, order]])
    assert float(model.going) == -0.5
    *known, target = order
    found = model.forecast(movie[:, known], 1)[..., 10:-10, 10:-10]
    truth = movie[:, [target], ..., 10:-10, 10:-10]
    mean = movie[:, known[-2:], ..., 10:-10, 10:-10].mean(1, keepdim=True)
    assert (found - truth).square().mean() < 0.1 * (mean - truth).square().mean()


def test_learned_flow_finds_a_steady_motion_by_itself():
    torch.manual_seed(0)
    model = made(flow="learned").train()
    movie = glide(9, pixels=1.0)[:, :6]
    window = Window(movie[:, :5], movie[:, 5:])
    assert not model.latest(movie).motions.any()
    optimiser = torch.optim.Adam(model.flow.parameters(), 3e-3)
    for _ in range(60):
        optimiser.zero_grad()
        model._flow_miss(window).backward()
        optimiser.step()
    found = model.latest(movie).motions.detach()
    assert not found[:, 0].any()
    inner = found[0, 1:, :, 10:-10, 10:-10]
    assert float(inner[:, 1].mean()) == pytest.approx(1.0, abs=0.2)
    assert abs(float(inner[:, 0].mean())) < 0.2
    every = dict(model.named_parameters())
    moved = [stage.objectives[0].module for stage in model.stages()]
    flow = {id(p) for p in model.flow.parameters()}
    assert len(every) > len(flow)
    for module in moved:
        assert flow <= {id(p) for p in module.parameters()}


def test_maps_of_errors_are_those_of_the_loss():
    assert made(loss="adaptive").error_maps(24, 30) is None
    model = made(2, loss="adaptive", errors="map")
    with torch.no_grad():
        model.errors.latent_scale[:, :16] += 2
    alpha, scale = model.error_maps(24, 30)
    assert alpha.shape == scale.shape == (2, 24, 30)
    assert float(alpha.min()) == pytest.approx(float(alpha.max()))
    assert float(scale[:, 0].min()) > 2 * float(scale[:, -1].max())


def test_it_shows_the_motion_that_makes_its_forecast():
    model, movie = made(), glide(9)
    model.tune([movie[0]])
    assert isinstance(model, Moving)
    with torch.no_grad():
        moved = next(model.unroll_moving(movie[:, :6]))
    torch.testing.assert_close(moved.frame, warp(movie[:, 5], moved.motion))
    inner = moved.motion[..., 12:-12, 12:-12]
    assert float((inner[:, 1] - 2).abs().mean()) < 0.2
    assert float(inner[:, 0].abs().mean()) < 0.2
    assert not moved.unusual.any()


def test_kernels_that_do_something_are_unusual():
    model, context = made(), frames(1, 3, 1, 24, 24)
    torch.nn.init.constant_(model.rows.out.bias, 0.1)
    with torch.no_grad():
        assert float(next(model.unroll_moving(context)).unusual.min()) > 0.2


@pytest.mark.parametrize("source", ["known", "forecast"])
def test_no_rollout_runs_away(source):
    model = stirred(made(source=source, norm="instance", activation="pade"), std=2.0)
    context = frames(1, 5, 1, 24, 24)
    ahead = model.forecast(context, 20).detach()
    assert ahead.isfinite().all()
    spread = float(context.max() - context.min())
    assert float(ahead.max()) <= float(context.max()) + 0.3 * spread


def test_moving_the_known_frame_keeps_its_texture():
    sharp = {}
    for source in ("known", "forecast"):
        model, movie = made(source=source), glide(9, pixels=1.5)
        model.tune([movie[0]])
        last = model.forecast(movie[:, :6], 8).detach()[:, -1, :, 10:-10, 16:-16]
        sharp[source] = float(last.diff(dim=-1).square().mean())
    assert sharp["known"] > 1.5 * sharp["forecast"]


@pytest.mark.parametrize(("time", "alone"), [("apart", True), ("mixed", False)])
def test_time_is_mixed_in_every_block_or_only_before_the_decoders(time, alone):
    model = stirred(made(time=time, flow="none"))
    seen = frames(1, 1, 3, 16, 16).requires_grad_()
    model.encoder.blocks[0](seen)[:, :, 0].sum().backward()
    assert seen.grad is not None
    assert bool((seen.grad[:, :, 1:] == 0).all()) == alone
    context = frames(1, 3, 1, 16, 16)
    other = context.flip(1)
    one, another = (next(model.unroll_moving(c)).motion for c in (context, other))
    assert not torch.allclose(one, another)


@pytest.mark.parametrize("kernels", ["identity", "learned"])
@pytest.mark.parametrize("adversarial", [0.0, 0.01])
def test_its_stages_are_those_of_the_thesis(kernels, adversarial):
    model = made(kernels=kernels, adversarial=adversarial)
    names = [stage.name for stage in model.stages()]
    first = ["flow"] + ["kernels"] * (kernels == "learned")
    assert names == [*first, "fine-tune", "rollout"]
    assert [stage.share for stage in model.stages()][-2:] == [20, 5]
    assert made(rollouts=75.0).stages()[-1].share == 75
    moving, *_ = model.stages()
    own = {id(p) for p in moving.objectives[0].module.parameters()}
    assert not own & {id(p) for p in model.rows.parameters()}
    assert model.stages()[-1].game == bool(adversarial)


LOSSES = {
    "flow_loss": {"kernels": "learned"},
    "kernel_loss": {"kernels": "learned"},
    "step_loss": {},
    "rollout_loss": {"horizon": 3},
}


@pytest.mark.parametrize("settings", [{}, {"loss": "adaptive"}, {"flow": "learned"}])
@pytest.mark.parametrize("name", LOSSES)
def test_what_a_stage_learns_brings_its_loss_down(name, settings, monkeypatch):
    model = made(**LOSSES[name], **settings).train()
    objectives = {
        one.loss.__name__: one for s in model.stages() for one in s.objectives
    }
    one, movie = objectives[name], glide(9)
    if name == "kernel_loss":
        begun(model, "kernels")
    batch = Window(movie[:, :5], movie[:, 5:8])
    monkeypatch.setattr(torch, "randint", lambda *_, **__: torch.tensor([[3]]))
    optimiser = torch.optim.Adam(one.module.parameters(), 3e-3)
    losses = []
    for _ in range(12):
        optimiser.zero_grad()
        loss = one.loss(batch)
        loss.backward(inputs=list(one.module.parameters()))
        losses.append(float(loss.detach()))
        optimiser.step()
    assert losses[-1] < losses[0] - 0.05 * abs(losses[0])


@pytest.mark.parametrize(
    "settings", [{"kernels": "learned"}, {"adversarial": 0.1}, {"flow": "learned"}]
)
def test_rollouts_move_every_parameter(settings):
    model = made(**settings).train()
    batch = Window(frames(2, 5, 1, 32, 32), frames(2, 2, 1, 32, 32, seed=2))
    for stage in model.stages():
        if stage.begin is not None:
            stage.begin()
    stirred(model)
    for one in model.stages()[-1].objectives:
        parameters = list(one.module.parameters())
        one.loss(batch).backward(inputs=parameters)
        assert [p.shape for p in parameters if p.grad is None or not p.grad.any()] == []


def test_the_error_of_a_later_lead_reaches_the_motion_of_the_first(monkeypatch):
    model = stirred(made()).train()
    monkeypatch.setattr(torch, "randint", lambda *_, **__: torch.tensor([[2]]))
    batch = Window(frames(1, 5, 1, 16, 16), frames(1, 2, 1, 16, 16, seed=2))
    forecast, _, motion = model._rollout(batch)
    (slope,) = torch.autograd.grad(forecast[:, 1].square().sum(), motion)
    assert slope.any()


class Believing(torch.nn.Module):
    """A critic that takes bright movies for real."""

    def forward(self, movie: torch.Tensor) -> torch.Tensor:
        self.seen = movie
        return 20 * (movie.mean((1, 2, 3, 4)) - 0.5)


def judged(monkeypatch, target: float, lengths: list[int]) -> tuple[SDCNet, Window]:
    """A network that makes black rollouts, a critic, and movies of one grey level."""
    model = made(adversarial=1.0).train()
    model.critic = Believing()
    drawn = torch.tensor(lengths)[:, None]
    monkeypatch.setattr(torch, "randint", lambda *_, **__: drawn)
    context = torch.zeros(len(lengths), 3, 1, 16, 16)
    return model, Window(context, torch.full((len(lengths), 3, 1, 16, 16), target))


def test_the_critic_learns_to_tell_rollouts_from_movies(monkeypatch):
    model, batch = judged(monkeypatch, 3.0, [3, 3])
    right = model.critic_loss(batch)
    assert right < 0.1
    model, batch = judged(monkeypatch, -3.0, [3, 3])
    assert model.critic_loss(batch) > 1 + right


def test_rollouts_learn_to_be_taken_for_movies(monkeypatch):
    model, batch = judged(monkeypatch, 3.0, [3, 3])
    plain = float(made().rollout_loss(batch).detach())
    doubted = float(model.rollout_loss(batch).detach()) - plain
    assert doubted == pytest.approx(float(torch.tensor(10.0).exp().log1p()), rel=1e-3)
    with torch.no_grad():
        model.critic.forward = lambda movie: 20 + 0 * movie.mean((1, 2, 3, 4))
    assert float(model.rollout_loss(batch).detach()) - plain < 1e-3


def test_the_critic_does_not_see_what_does_not_count(monkeypatch):
    model, batch = judged(monkeypatch, 3.0, [1, 2])
    model.critic_loss(batch)
    assert model.critic.seen.shape == (2, 1, 6, 16, 16)
    shown = model.critic.seen.mean((1, 3, 4))  # of the movies, which come last
    assert shown.tolist() == [[0, 0, 0, 3, 0, 0], [0, 0, 0, 3, 3, 0]]


def test_no_layer_of_the_critic_is_steep():
    critic = made(adversarial=0.1).critic
    layers = [m for m in critic.modules() if hasattr(m, "parametrizations")]
    kinds = torch.nn.Conv3d, torch.nn.Linear
    assert len(layers) == sum(isinstance(m, kinds) for m in critic.modules()) > 10
    last = made(adversarial=0.1).stages()[-1]
    assert [one.fastest for one in last.objectives] == [math.inf, 3e-4]
    assert last.betas is None  # with and without a critic, the optimiser is the same


def test_a_motion_that_is_no_number_makes_a_forecast_that_is_none():
    model, context = made(), frames(1, 4, 1, 16, 16)
    with torch.no_grad():
        model.motion.out.bias.fill_(torch.nan)
    assert model.forecast(context, 2).isnan().all()
    batch = Window(context, frames(1, 2, 1, 16, 16))
    assert model.flow_loss(batch).isnan()
    assert model.rollout_loss(batch).isnan()


@pytest.mark.parametrize(
    ("side", "padding"),
    [((3, 3, 3), (1, 1, 1)), ((1, 3, 3), (0, 1, 1)), ((3, 1, 1), 0), (1, 0)],
)
def test_one_movie_is_convolved_as_each_of_many(side, padding):
    torch.manual_seed(0)
    layer = SpacetimeConv(2, 5, side, padding=padding)
    movies = torch.randn(2, 2, 4, 9, 7)
    alone = torch.cat([layer(movie[None]) for movie in movies])
    torch.testing.assert_close(alone, layer(movies))


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"loss": "adaptive", "errors": "map", "flow": "learned", "smooth": 0.1},
        {"source": "known", "time": "apart", "norm": "instance", "activation": "pade"},
    ],
)
@pytest.mark.parametrize("name", ["flow_loss", "step_loss", "rollout_loss"])
def test_half_precision_changes_losses_little(settings, name):
    model = stirred(made(**settings), std=0.02)
    batch = Window(frames(2, 5, 1, 24, 28), frames(2, 3, 1, 24, 28, seed=2))
    losses = []
    for half in (False, True):
        torch.manual_seed(0)
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            losses.append(getattr(model, name)(batch))
    exact, rough = (float(loss.detach()) for loss in losses)
    assert rough == pytest.approx(exact, rel=0.02)
    losses[1].backward()
    given = [p.grad for p in model.parameters() if p.grad is not None]
    assert given
    assert all(one.isfinite().all() for one in given)


@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (40, 1)])
def test_frames_of_a_single_row_have_a_loss(shape):
    model = stirred(made(smooth=1.0))
    batch = Window(torch.rand(2, 5, 1, *shape), torch.rand(2, 2, 1, *shape))
    for name in ("flow_loss", "step_loss", "rollout_loss"):
        assert getattr(model, name)(batch).isfinite()


@pytest.mark.parametrize("loss", ["squares", "adaptive"])
def test_every_rollout_has_its_own_length(loss, monkeypatch):
    model = stirred(made(loss=loss))
    context, target = frames(4, 5, 1, 16, 16), frames(4, 3, 1, 16, 16, seed=2)
    monkeypatch.setattr(torch, "randint", lambda *_, **__: lengths)
    lengths = torch.tensor([[1], [2], [3], [1]])
    forecast, known, _ = model._rollout(Window(context, target))
    assert known.tolist() == [[1, 0, 0], [1, 1, 0], [1, 1, 1], [1, 0, 0]]
    assert torch.equal(forecast[0, 1:], target[0, 1:])
    loss_now = model.rollout_loss(Window(context, target))
    other = target.clone()
    other[0, 1:] = 0.3  # does not count
    torch.testing.assert_close(model.rollout_loss(Window(context, other)), loss_now)
    other[1, 1] = 0.3
    assert not torch.allclose(model.rollout_loss(Window(context, other)), loss_now)


def test_every_lead_that_counts_counts_alike():
    model = made()
    context, target = frames(2, 3, 1, 16, 16), frames(2, 2, 1, 16, 16, seed=2)
    batch, still = Window(context, target), context[:, -1:].expand(-1, 2, -1, -1, -1)
    known = torch.tensor([[1.0, 0.0], [1.0, 0.0]])
    ahead = torch.where(known[:, :, None, None, None].bool(), still, target)
    whole = model._distance(still, batch)
    torch.testing.assert_close(model._distance(ahead, batch, known), whole)


def test_a_rough_motion_costs_where_it_shall_be_smooth():
    batch = Window(frames(2, 5, 1, 16, 16), frames(2, 2, 1, 16, 16, seed=2))
    still, stirring, plain = made(smooth=1.0), made(smooth=1.0), made()
    for model in (stirring, plain):
        torch.manual_seed(0)
        torch.nn.init.normal_(model.motion.out.weight)
    for name in ("flow_loss", "step_loss"):
        rough = getattr(stirring, name)(batch) - getattr(plain, name)(batch)
        assert float(rough.detach()) > 1e-6
        free = getattr(made(), name)(batch)
        torch.testing.assert_close(getattr(still, name)(batch), free)


def test_the_critic_and_the_network_move_only_their_own():
    model = stirred(made(adversarial=0.5)).train()
    batch = Window(frames(2, 5, 1, 16, 16), frames(2, 2, 1, 16, 16, seed=2))
    loss, critic = model.stages()[-1].objectives
    for objective in (loss, critic):
        model.zero_grad()
        parameters = list(objective.module.parameters())
        objective.loss(batch).backward(inputs=parameters)
        own = {id(p) for p in parameters}
        for parameter in model.parameters():
            assert id(parameter) in own or parameter.grad is None
        assert any(p.grad is not None and p.grad.any() for p in parameters)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"kernels": "learned", "adversarial": 0.01, "loss": "adaptive"},
        {"loss": "adaptive", "errors": "map"},
        {"time": "apart", "norm": "instance", "activation": "pade", "flow": "none"},
        {"source": "known", "flow": "learned"},
    ],
)
def test_whatever_it_learns_it_is_never_worse_than_nothing_moves(settings, tmp_path):
    run = Run.make("sdc_net", **SMALL, **settings, epochs=8, batches=2, context=4)
    path = tmp_path / "m.morphocast"
    events = list(api.train(gliding(24), path, run, hardware=CPU))
    stages = {event.stage for event in events if isinstance(event, EpochDone)}
    assert {"flow", "fine-tune", "rollout"} <= stages
    scores = api.load(path).checkpoint.scores
    assert scores["validation"] <= scores["persistence"]


STAGES = ["flow", "kernels", "fine-tune", "rollout"]
GOING_ON = {  # everything that a stage could forget
    "kernels": "learned",
    "loss": "adaptive",
    "adversarial": 0.1,
    "epochs": 4,
    "batch": 2,
    "batches": 3,
    "context": 3,
    "horizon": 3,
    "ema": 0.5,
}


def course(path: Path, stop_in: int = 0) -> list[str]:
    """Train, if need be stop in the middle of an epoch; the stages that were ended."""
    run, stop, ended = Run.make("sdc_net", **SMALL, **GOING_ON), threading.Event(), []
    for event in api.train(gliding(18), path, run, hardware=CPU, stop=stop):
        if isinstance(event, EpochDone):
            ended.append(event.stage)
        if isinstance(event, BatchDone) and (event.epoch, event.batch) == (stop_in, 1):
            stop.set()  # seen after one batch more, of three
    assert event.why == ("stopped" if stop_in else "done")
    return ended


def test_a_run_that_is_stopped_among_its_kernels_is_judged_by_forecasts(tmp_path):
    path = tmp_path / "m.morphocast"
    course(path, stop_in=2)
    found = api.load(path).checkpoint
    assert found.scores["validation"] < found.scores["persistence"]
    assert found.hedge is not None


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory) -> Path:
    """A run of one epoch for each stage that nobody stopped."""
    path = tmp_path_factory.mktemp("undisturbed") / "m.morphocast"
    assert course(path) == STAGES
    return path


@pytest.mark.parametrize("members", [1, 2])
@pytest.mark.parametrize("errors", ["frame", "map"])
def test_what_the_adaptive_loss_has_learned_is_told(errors, members, tmp_path, capsys):
    path, settings = tmp_path / "m.morphocast", {**SMALL, "epochs": 3, "batches": 8}
    settings |= {"loss": "adaptive", "errors": errors, "flow": "none"}
    run = Run.make("sdc_net", members=members, **settings)
    movie = gliding(24, channels=2)
    list(api.train(movie, path, run, hardware=CPU))
    told, trained = api.load(path).checkpoint.scores, api.load(path)
    losses = [m for m in trained.model.modules() if isinstance(m, AdaptiveLoss)]
    assert len(losses) == members
    alpha = sum(float(loss.shape.detach().mean()) for loss in losses) / members
    assert told["alpha"] == pytest.approx(alpha)
    if members == 1:
        grey = losses[0].scale.detach().numpy() * trained.checkpoint.scaling.span
        assert told["c"] == pytest.approx(grey.mean(), rel=1e-5)
    assert main(["info", str(path)]) == 0
    assert f"count {alpha:.2f} of 2 (alpha)" in capsys.readouterr().out


@pytest.mark.parametrize("share", [0.0, 0.5])
def test_what_the_loss_has_learned_is_told_whole(share, tmp_path, monkeypatch):
    monkeypatch.setattr(tempering, "vouched", lambda *given: share)
    path, settings = tmp_path / "m.morphocast", {**SMALL, "epochs": 3, "batches": 8}
    run = Run.make("sdc_net", loss="adaptive", flow="none", **settings)
    list(api.train(gliding(24), path, run, hardware=CPU))
    learned, found = read_state(path).kept, api.load(path).model.state_dict()
    assert learned["errors.latent_scale"].any()
    assert torch.equal(found["errors.latent_scale"], learned["errors.latent_scale"])
    moved = "motion.out.weight"
    torch.testing.assert_close(found[moved], share * learned[moved])


def test_a_loss_that_has_learned_nothing_says_nothing(tmp_path):
    path = tmp_path / "m.morphocast"
    run = Run.make("sdc_net", loss="adaptive", errors="map", epochs=9, **SMALL)
    stop = threading.Event()
    stop.set()
    list(api.train(gliding(24), path, run, hardware=CPU, stop=stop))
    assert {"alpha", "c"}.isdisjoint(api.load(path).checkpoint.scores)
    assert api.load(path).error_maps(20, 24) is None


@pytest.mark.parametrize("number", range(4), ids=STAGES)
def test_a_run_that_is_stopped_within_any_stage_ends_as_if_it_never_was(
    number, undisturbed, tmp_path
):
    path = tmp_path / "m.morphocast"
    assert course(path, stop_in=number + 1) == STAGES[:number]
    assert (read_state(path).place, read_state(path).batch) == (number, 2)
    events = list(api.resume(gliding(18), path, hardware=CPU))
    assert [e.stage for e in events if isinstance(e, EpochDone)] == STAGES[number:]
    assert events[-1].why == "done"
    for kept in ("weights", "average"):
        ours, theirs = (getattr(read_state(p), kept) for p in (path, undisturbed))
        assert ours.keys() == theirs.keys()
        assert [n for n in ours if not torch.equal(ours[n], theirs[n])] == []
    assert read_state(path).validation == read_state(undisturbed).validation
    ours, theirs = (api.load(p).model.state_dict() for p in (path, undisturbed))
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_an_ensemble_keeps_what_its_members_stages_are():
    run = Run.make("sdc_net", **SMALL, kernels="learned", adversarial=0.1)
    ensemble = Ensemble(SDCNet, run.settings, 1, 2)
    stages = {stage.name: stage for stage in ensemble.stages()}
    assert stages["rollout"].game
    assert stages["flow"].validate is None
    batch = Window(frames(2, 5, 1, 16, 16), frames(2, 2, 1, 16, 16, seed=2))
    assert stages["kernels"].validate is not None
    loss, found = stages["kernels"].validate(batch)
    assert loss.ndim == 0
    assert found.shape == (2, 1, 1, 16, 16)


def test_a_map_of_errors_that_nobody_would_learn_is_refused():
    with pytest.raises(SettingsError, match="loss = adaptive"):
        made(errors="map")


@pytest.mark.parametrize("other", [{"crop": 64}, {"flips": True}])
def test_a_map_of_errors_is_learned_of_whole_frames_that_are_never_turned(other):
    mapped = {"loss": "adaptive", "errors": "map"}
    assert Run.make("sdc_net", **mapped).training.crop == 0
    with pytest.raises(SettingsError, match=f"has to have {next(iter(other))} = "):
        Run.make("sdc_net", **mapped, **other)
    assert Run.make("sdc_net", **other)


def test_it_can_fill_in_frames_with_its_own_defaults():
    assert Run.make("sdc_net", task="between").window.context == 4
