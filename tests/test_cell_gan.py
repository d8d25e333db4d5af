"""The Cell-GAN: each loss, what it moves, and training through the one loop."""

from __future__ import annotations

import itertools
import math
import threading
from pathlib import Path

import numpy as np
import pytest
import torch

from movies import gliding
from napari_morphocast import api, read_movie
from napari_morphocast.cli import main
from napari_morphocast.data.windows import Window
from napari_morphocast.errors import MovieError, SettingsError
from napari_morphocast.models.adaptive import Augmentation
from napari_morphocast.models.cell_gan import (
    PATH_EVERY,
    R1_EVERY,
    CellGAN,
    CellGANConfig,
)
from napari_morphocast.models.critic import Judgement
from napari_morphocast.models.lots import CODES, NOISE, lot
from napari_morphocast.models.sliced import sliced
from napari_morphocast.training import descent
from napari_morphocast.training.checkpoint import read
from napari_morphocast.training.config import Hardware, Run, TrainConfig
from napari_morphocast.training.events import BatchDone, Finished
from napari_morphocast.training.resume import read_state
from napari_morphocast.training.synthesizer import TrainedSynthesizer

CPU = Hardware(device="cpu")
TINY = {"side": 32, "width": 0.002, "latent": 8, "depth": 1}


def tiny(channels: int = 1, **settings: object) -> CellGAN:
    torch.manual_seed(0)
    return CellGAN(CellGANConfig(**TINY | settings), channels)


def batch(count: int = 4, channels: int = 1, side: int = 32) -> Window:
    frames = torch.rand(2, count, 1, channels, side, side)
    return Window(*frames)


@pytest.fixture(scope="module")
def path(tmp_path_factory) -> Path:
    """A Cell-GAN that has hardly learned."""
    path = tmp_path_factory.mktemp("gan") / "cells.morphocast"
    run = Run.make("cell_gan", **TINY, epochs=2, ema=0.5)
    *_, last = api.train(gliding(40, (40, 36)), path, run, hardware=CPU)
    assert last == Finished("done")
    return path


@pytest.mark.parametrize("number", range(6))
@pytest.mark.parametrize("loss", ["relativistic", "non-saturating"])
def test_each_objective_moves_only_its_own_parameters(number, loss):
    model = tiny(path=2.0, cutmix=1.0, loss=loss)
    objectives = [one for stage in model.stages() for one in stage.objectives]
    assert len(objectives) == 6
    objective = objectives[number]
    own = list(objective.module.parameters())
    loss = objective.loss(batch())
    loss.backward(inputs=own)
    mine = {id(p) for p in own}
    others = [p for p in model.parameters() if id(p) not in mine]
    assert any(p.grad is not None and p.grad.abs().sum() > 0 for p in own)
    assert all(p.grad is None for p in others)


@pytest.mark.parametrize("loss", ["relativistic", "non-saturating"])
def test_the_gradient_penalty_is_that_of_the_paper(loss, monkeypatch):
    model = tiny(adapt=0, r1=10.0, loss=loss).double()
    frames = Window(*(part.double() for part in batch()))
    made = torch.rand(4, 1, 32, 32).double()
    monkeypatch.setattr(model, "_made", lambda count: made)
    images = [model.images(frames)] + [made] * (loss == "relativistic")
    real = ((torch.cat(images) - 0.5) / 0.2).requires_grad_()
    total = 0.0
    for one in range(len(real)):
        found = model.critic(real)
        logit = found.image[one] + found.pixels[one].mean()
        (gradient,) = torch.autograd.grad(logit, real)
        total += float(gradient[one].square().sum())
    expected = R1_EVERY * 10 / 2 * total / len(real)
    # Logits of a group know each other only through the minibatch's spread.
    assert float(model.penalty(frames).detach()) == pytest.approx(expected, rel=0.05)


def test_path_length_measures_steps_in_style(monkeypatch):
    model = tiny(path=2.0).double()
    styles = torch.randn(2, model.generator.styles, 8, dtype=torch.float64)
    styles.requires_grad_()
    monkeypatch.setattr(model, "_drawn", lambda count: styles)
    frames = batch()
    torch.manual_seed(3)
    found = float(model.wander(frames).detach())
    torch.manual_seed(3)
    made = model.decode(model.generator.codes(styles), model._lot()) / 0.2
    noise = torch.randn_like(made) / 32
    (gradient,) = torch.autograd.grad((made * noise).sum(), styles)
    lengths = gradient.norm(dim=2).square().mean(1).sqrt()
    mean = lengths.mean()  # the first ones say what is usual
    assert found == pytest.approx(
        PATH_EVERY * 2 * float((lengths - mean).square().mean())
    )
    assert float(model.path_length) == pytest.approx(float(mean))


def test_what_is_usual_of_steps_in_style_follows_slowly(monkeypatch):
    model = tiny(path=2.0).double()
    usual, losses = [], []
    for seed in (0, 1):
        torch.manual_seed(seed)
        styles = (1 + seed) * torch.randn(2, model.generator.styles, 8).double()
        styles.requires_grad_()
        monkeypatch.setattr(model, "_drawn", lambda count, drawn=styles: drawn)
        losses.append(float(model.wander(batch()).detach()))
        usual.append(float(model.path_length))
    torch.manual_seed(1)
    alone = tiny(path=2.0).double()
    monkeypatch.setattr(alone, "_drawn", lambda count: styles)
    torch.manual_seed(1)
    torch.randn(2, model.generator.styles, 8)
    spread = float(alone.wander(batch()).detach()) / (PATH_EVERY * 2)
    second = float(alone.path_length)
    assert usual[1] == pytest.approx(0.99 * usual[0] + 0.01 * second)
    off = second - usual[1]  # mean square = variance + square of the mean
    assert losses[1] == pytest.approx(PATH_EVERY * 2 * (spread + off**2))


def test_a_collage_is_judged_as_its_parts_and_counts_ever_more(monkeypatch):
    model = tiny(cutmix=3.0, adapt=0)
    seen = []

    def judged(images):
        seen.append(images)
        off = 0.5 * (len(seen) % 3 == 0)  # of the collage alone
        return Judgement(images.mean((1, 2, 3)), images + off)

    monkeypatch.setattr(model, "_judged", judged)
    for times in (1, 2):
        loss = float(model.collage(batch()))
        assert loss == pytest.approx(4 * 3 * times / 500 * 0.5**2, rel=1e-4)
    real, made, whole = seen[:3]
    assert ((whole == real) | (whole == made)).all()
    model.collages.fill_(10_000)
    assert float(model.collage(batch())) == pytest.approx(4 * 3 * 0.5**2, rel=1e-4)


@pytest.mark.parametrize("loss", ["relativistic", "non-saturating"])
def test_made_images_are_judged_beside_real_ones_or_alone(loss):
    model = tiny(loss=loss)
    made, real = (
        Judgement(torch.full((2,), level), torch.full((2, 1, 4, 4), 2 * level))
        for level in (1.0, 4.0)
    )
    if loss == "relativistic":
        expected = math.log1p(math.exp(1 - 4)) + math.log1p(math.exp(2 - 8))
    else:
        expected = sum(math.log1p(math.exp(x)) for x in (1, -4, 2, -8))
    assert float(model._lost(made, real)) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(
    ("loss", "remembers"), [("relativistic", False), ("non-saturating", True)]
)
def test_the_level_of_all_logits_says_nothing_of_what_a_critic_remembers(
    loss, remembers, monkeypatch
):
    model = tiny(loss=loss)
    logits = [torch.tensor([7.0, 5.0, 7.0, 5.0]), torch.tensor([5.0, 7.0, 5.0, 7.0])]
    found = iter([Judgement(each, torch.zeros(4, 1, 32, 32)) for each in logits])
    monkeypatch.setattr(model, "_judged", lambda images: next(found))
    model.critic_loss(batch())
    assert (float(model.augment.sign) > 0) == remembers


def test_noise_is_only_added_if_wanted():
    for wanted in (False, True):
        model = tiny(noise=wanted).requires_grad_(False)
        for layer in model.generator.convs:
            layer.strength.fill_(1.0)
        codes = model.generator.codes(model._drawn(2))
        one, two = (
            model.decode(codes, torch.Generator().manual_seed(seed)) for seed in (0, 1)
        )
        assert torch.equal(one, two) != wanted


def test_a_fresh_generator_varies_about_as_much_as_frames_do():
    torch.manual_seed(0)
    model = CellGAN(CellGANConfig(), 1).requires_grad_(False)
    made = model.sample(32, torch.Generator().manual_seed(0))
    assert 0.5 < float(made.std() / 0.2) < 2


def test_a_critic_that_remembers_is_shown_ever_more_changes():
    augment = Augmentation(1000, turns=True)
    for _ in range(200):
        augment.learn(torch.ones(8))
    assert float(augment.share) == pytest.approx(0.8)
    for _ in range(400):
        augment.learn(torch.tensor([-1.0, 1.0]).repeat(4))
    assert float(augment.share) < 1


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_changes_keep_images_images(share):
    augment = Augmentation(1000, turns=True)
    augment.share.fill_(share)
    images = torch.rand(16, 2, 16, 16)
    changed = augment(images)
    assert changed.shape == images.shape
    assert torch.equal(changed, images) == (share == 0)
    assert changed.requires_grad is False
    assert augment(images.requires_grad_()).requires_grad


def test_images_are_shifted_by_some_whole_pixels():
    torch.manual_seed(0)
    y, x = torch.meshgrid(torch.arange(32.0), torch.arange(32.0), indexing="ij")
    moved = Augmentation(1, turns=False)._shifted(
        torch.stack([y, x]).repeat(99, 1, 1, 1)
    )
    by = moved[:, :, 16, 16] - 16
    assert set(by.flatten().tolist()) == set(range(-4, 5))
    inside = moved[:, :, 4:-4, 4:-4] - by[:, :, None, None]
    assert torch.equal(inside[0], torch.stack([y, x])[:, 4:-4, 4:-4])
    assert torch.equal(inside, inside[:1].expand_as(inside))
    assert moved.min() == 0
    assert moved.max() == 31


def test_images_become_brighter_or_darker_and_steeper_or_flatter():
    torch.manual_seed(0)
    augment = Augmentation(1, turns=False)
    augment.share.fill_(1.0)
    changed = augment((torch.arange(32.0) > 15).float().expand(2000, 1, 32, 32))
    low, high = changed.amin((1, 2, 3)), changed.amax((1, 2, 3))
    assert float((high - low).log2().std()) == pytest.approx(0.5, rel=0.1)
    assert float((high - low).log2().mean()) == pytest.approx(0, abs=0.05)
    assert float((low / (high - low)).std()) == pytest.approx(0.1, rel=0.1)


def test_patches_tell_sets_of_images_apart():
    lot = torch.Generator().manual_seed(0)
    one, two = torch.rand(2, 8, 1, 32, 32, generator=lot)
    alike = sliced(one, two, torch.Generator().manual_seed(1))
    blurred = torch.nn.functional.avg_pool2d(two, 5, 1, 2)
    assert sliced(one, one, torch.Generator().manual_seed(1)) < 0.05
    assert sliced(one, blurred, torch.Generator().manual_seed(1)) > 3 * alike


def test_larger_frames_are_cropped_and_smaller_ones_mirrored():
    model = tiny()
    large = torch.arange(40.0).expand(1, 1, 36, 40)
    assert model.fitted(large)[0, 0, 0].tolist() == list(range(4, 36))
    assert model.fitted(torch.rand(1, 1, 24, 20)).shape == (1, 1, 32, 32)


@pytest.mark.parametrize("layout", ["own", "shared"])
@pytest.mark.parametrize("guide", ["one style", "styles"])
def test_the_guide_finds_one_style_or_a_layout_and_one_for_each_layer(guide, layout):
    model = tiny(guide=guide, layout=layout)
    codes = model.encode(torch.rand(3, 1, 32, 32))
    begin = 1024 if layout == "own" else 0
    assert codes.shape == (3, begin + 8 * model.generator.styles)
    styles = codes[:, begin:].unflatten(1, (-1, 8))
    assert (styles.std(1).max() < 1e-6) == (guide == "one style")
    follows = torch.equal(model.generator.codes(styles), codes)
    assert follows == (guide == "one style" or not begin)


def test_what_lies_where_in_a_layout_lies_there_in_the_image():
    model = tiny().requires_grad_(False)
    codes = model.generator.codes(model._drawn(1))
    changed = codes.clone()
    changed[:, :1024].view(16, 8, 8)[:, :3, :3] += 1  # of 8 x 8 places
    one, other = (model.decode(code, model._lot()) for code in (codes, changed))
    apart = (one - other).abs()[0, 0]
    assert apart[:12, :12].mean() > 0.01
    assert apart[24:, 24:].max() < 1e-5


def test_mixed_styles_keep_the_layout_of_the_first():
    model = tiny().requires_grad_(False)
    styles = model._drawn(16)
    assert (styles.std(1).max(1).values > 0).any()  # some are mixed
    layouts = model.generator.codes(styles)[:, :1024]
    first = model._everywhere(styles[:, 0])
    assert torch.equal(layouts, model.generator.codes(first)[:, :1024])


def test_a_seed_decides_the_frames(path):
    model = TrainedSynthesizer.read(path)
    assert np.array_equal(model.sample(2, seed=1), model.sample(2, seed=1))
    assert not np.array_equal(model.sample(2, seed=1), model.sample(2, seed=2))


@pytest.mark.parametrize("model", ["cell_gan", "vae"])
def test_the_seed_that_drew_the_weights_makes_frames_like_any_other(tmp_path, model):
    path = tmp_path / "m.morphocast"
    run = Run.make(model, side=32, epochs=1, batches=1, batch=2, seed=3)
    list(api.train(gliding(), path, run, hardware=CPU))
    trained = TrainedSynthesizer.read(path)
    spreads = [
        float(trained.varied(trained.model.middle, 64, seed, 1.0).std(0).mean())
        for seed in range(6)
    ]
    assert spreads[3] == pytest.approx(np.mean(spreads), rel=0.15)


def test_any_seed_will_do():
    drawn = [torch.randn(9, generator=lot(seed, CODES)) for seed in (-5, 5, 2**80)]
    assert len({tuple(one.tolist()) for one in drawn}) == 3


def test_numbers_for_one_purpose_are_none_for_another():
    size, ours = 100, lot(3, CODES)
    drawn = [torch.randn(size, generator=g) for g in (ours, lot(3, NOISE))]
    torch.manual_seed(3)
    drawn.append(torch.randn(size))
    assert torch.equal(drawn[0], torch.randn(size, generator=lot(3, CODES)))
    for one, other in itertools.combinations(drawn, 2):
        assert abs(float(torch.corrcoef(torch.stack([one, other]))[0, 1])) < 0.4


def test_no_variation_makes_the_most_typical_frame(path):
    model = TrainedSynthesizer.read(path)
    codes = model.model.sample(3, torch.Generator().manual_seed(0), variation=0)
    same = model.model.decode(model.model.middle[None], torch.Generator())
    assert codes.std(0).mean() < 0.2 * same.std()


def test_frames_come_in_the_movies_grey_levels(path):
    made = api.synthesize(path, count=3)
    assert made.frames.shape == (3, 1, 1, 32, 32)
    assert made.frames.dtype == np.uint8
    assert made.movie.pixel_size == gliding().pixel_size


def test_a_guide_is_judged_by_the_frame_more_than_by_the_code():
    seen, losses = batch(), []
    for weight in (0.0, 0.1, 1.0):
        torch.manual_seed(0)
        model = tiny(codes=weight)
        torch.manual_seed(1)
        losses.append(float(model.guide_loss(seen).detach()))
    assert losses[0] < losses[1] < losses[2]
    ten = (losses[2] - losses[0]) / (losses[1] - losses[0])
    assert ten == pytest.approx(10, rel=1e-2)


def test_refining_brings_a_frame_nearer(path):
    movie, model = gliding(40, (40, 36)), TrainedSynthesizer.read(path)
    frame = movie.read(20, 21)
    code = model.encode(frame)
    told: list[float] = []
    refined = model.refine(frame, code, 30, progress=told.append)
    target = frame[:, :, 4:36, 2:34]
    before, after = (
        np.abs(model.decode(c)[0] - target).mean() for c in (code, refined)
    )
    assert after < before
    assert told[-1] == 1


def test_refining_can_be_stopped(path):
    model, stop = TrainedSynthesizer.read(path), threading.Event()
    stop.set()
    frame = gliding(40, (40, 36)).read(20, 21)
    code = model.encode(frame)
    assert torch.equal(model.refine(frame, code, 30, stop=stop), code)


def test_codes_between_two_begin_and_end_there(path):
    model = TrainedSynthesizer.read(path)
    one, other = (model.encode(gliding(40, (40, 36)).read(t, t + 1)) for t in (3, 30))
    way = model.between(one, other, 5)
    assert torch.allclose(way[0], one[0])
    assert torch.allclose(way[-1], other[0])


def test_three_frames_in_a_row_are_made_at_once(tmp_path):
    path = tmp_path / "three.morphocast"
    run = Run.make("cell_gan", **TINY, frames=3, epochs=2)
    list(api.train(gliding(20), path, run, hardware=CPU))
    made = api.synthesize(path, count=2, like=gliding(20), frame=5)
    assert made.frames.shape == (2, 3, 1, 24, 28)
    assert len(made.movie) == 6
    with pytest.raises(MovieError, match="3 in a row"):
        api.synthesize(path, like=gliding(20), frame=1)


def test_a_synthetic_context_can_be_rolled_out(tmp_path):
    path = tmp_path / "three.morphocast"
    run = Run.make("cell_gan", **TINY, frames=3, epochs=2)
    list(api.train(gliding(20), path, run, hardware=CPU))
    context = api.synthesize(path, count=1).movie
    ahead = api.rollout(context, "linear", horizon=4, hardware=CPU)
    assert np.stack(list(ahead.frames)).shape == (4, 1, 24, 28)
    assert context.interval == gliding().interval


def test_settings_of_training_suit_the_model_unless_told():
    usual = Run.make("cell_gan", side=128)
    assert (usual.training.crop, usual.training.minutes) == (128, 60)
    assert Run.make("cell_gan", batch=4).training.batch == 4
    assert Run.make("cell_gan", epochs=3).training.minutes == 0
    assert Run.make("cell_gan", frames=4).window.length == 4
    assert Run.make("unet").training.batch == TrainConfig().batch


@pytest.mark.parametrize("model", ["cell_gan", "vae"])
@pytest.mark.parametrize(
    "useless", [{"context": 5}, {"horizon": 3}, {"crop": 16}, {"task": "between"}]
)
def test_settings_that_would_do_nothing_are_refused(model, useless):
    with pytest.raises(SettingsError, match=f"has to have {next(iter(useless))} ="):
        Run.make(model, **useless)


def test_frames_smaller_than_the_side_are_made_as_large_as_they_are(tmp_path):
    path, movie = tmp_path / "small.morphocast", gliding(20, (28, 24))
    run = Run.make("cell_gan", **TINY, epochs=10, ema=0.0)
    list(api.train(movie, path, run, hardware=CPU))
    assert api.synthesize(path, count=2).frames.shape == (2, 1, 1, 28, 24)
    made = api.synthesize(path, count=2, like=gliding(20, (40, 40)))
    assert made.frames.shape == (2, 1, 1, 28, 24)


def test_frames_far_too_small_for_the_side_are_refused(tmp_path):
    run = Run.make("cell_gan", **TINY | {"side": 64}, epochs=1)
    with pytest.raises(SettingsError, match="16 x 16 pixels are too small for a side"):
        list(api.train(gliding(20, (16, 16)), tmp_path / "a.morphocast", run))


def test_a_generator_that_makes_ever_the_same_image_ends_the_run(tmp_path, monkeypatch):
    path = tmp_path / "same.morphocast"
    honest = CellGAN.sample
    asked = []

    def same(self, count, generator, *, variation=1.0):
        asked.append(count)
        return honest(self, count, generator, variation=variation * (len(asked) < 9))

    monkeypatch.setattr(CellGAN, "sample", same)
    run = Run.make("cell_gan", **TINY, epochs=20)
    *_, last = api.train(gliding(40, (40, 36)), path, run, hardware=CPU)
    assert last == Finished("collapsed")
    assert read_state(path).epoch < 16  # the stage would have had so many
    assert read(path)[0].scores["stages_left"] == 1
    with pytest.raises(SettingsError, match="has not learned to imitate a frame"):
        api.synthesize(path, like=gliding(40, (40, 36)))


def test_a_loss_that_becomes_nan_ends_the_run_whichever_it_is(tmp_path, monkeypatch):
    honest = CellGAN.generator_loss
    monkeypatch.setattr(
        CellGAN, "generator_loss", lambda *given: honest(*given) * float("nan")
    )
    run = Run.make("cell_gan", **TINY, epochs=4)
    path = tmp_path / "nan.morphocast"
    *_, last = api.train(gliding(40, (40, 36)), path, run, hardware=CPU)
    assert last == Finished("diverged")


def test_images_are_turned_all_eight_ways_alike():
    torch.manual_seed(0)
    augment = Augmentation(1000, turns=True)
    augment.share.fill_(0.8)
    augment._shifted = lambda images: images
    corner = torch.zeros(4000, 1, 4, 4)
    corner[:, :, 0, 1] = 100
    places = augment(corner).flatten(1).argmax(1).bincount()
    kept = int(places[1])
    others = places[places > 0].tolist()
    others.remove(kept)
    assert len(others) == 7
    assert kept / 4000 == pytest.approx(0.2 + 0.8 / 8, abs=0.03)
    assert np.allclose(np.array(others) / 4000, 0.1, atol=0.03)


def test_lazy_losses_are_as_rare_in_short_epochs(tmp_path, monkeypatch):
    calls: list[int] = []
    honest = CellGAN.penalty

    def counted(self, batch):
        calls.append(1)
        return honest(self, batch)

    monkeypatch.setattr(CellGAN, "penalty", counted)
    run = Run.make("cell_gan", **TINY, epochs=10)
    list(api.train(gliding(40), tmp_path / "lazy.morphocast", run, hardware=CPU))
    batches = -(-27 // 8) * 8  # of eight epochs of the first stage
    assert len(calls) == -(-batches // R1_EVERY)


def test_a_gradient_that_has_vanished_ends_the_run(tmp_path, monkeypatch):
    honest, calls = CellGAN.generator_loss, []

    def fading(self, batch):
        calls.append(1)
        return honest(self, batch) * (1e-12 if len(calls) > 8 else 1)

    monkeypatch.setattr(CellGAN, "generator_loss", fading)
    monkeypatch.setattr(descent, "MEMORY", 0.0)
    run = Run.make("cell_gan", **TINY, epochs=20)
    path = tmp_path / "faded.morphocast"
    *_, last = api.train(gliding(40, (40, 36)), path, run, hardware=CPU)
    assert last == Finished("collapsed")


@pytest.mark.parametrize("epochs", [1, 4])
def test_a_stopped_run_goes_on_as_if_it_had_never_stopped(tmp_path, epochs):
    whole, parts = tmp_path / "whole.morphocast", tmp_path / "parts.morphocast"
    run = Run.make("cell_gan", **TINY, epochs=4)
    list(api.train(gliding(20), whole, run, hardware=CPU))
    stop = threading.Event()
    for event in api.train(gliding(20), parts, run, hardware=CPU, stop=stop):
        if isinstance(event, BatchDone) and event.epoch == epochs:
            stop.set()
    list(api.resume(gliding(20), parts, hardware=CPU))
    assert read_state(parts).validation == pytest.approx(read_state(whole).validation)


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"count": 0}, "From 1 to 10000 images"),
        ({"count": 10**8}, "From 1 to 10000 images"),
        ({"variation": -1.0}, "from 0 to 2"),
        ({"refine": -1}, "0 steps or more"),
    ],
)
def test_what_makes_no_sense_is_refused(path, settings, says):
    with pytest.raises(SettingsError, match=says):
        api.synthesize(path, **settings)


def test_frames_with_other_channels_are_refused(path):
    with pytest.raises(MovieError, match=r"1 channel\(s\)"):
        api.synthesize(path, like=gliding(channels=2))


def test_the_command_writes_frames_that_say_what_they_are(path, tmp_path, capsys):
    out = tmp_path / "made.ome.tif"
    assert main(["synthesize", str(path), "-o", str(out), "--count", "3"]) == 0
    assert read_movie(out).shape == (3, 1, 32, 32)
    assert b"SYNTHETIC" in out.read_bytes()
    assert "SYNTHETIC" in capsys.readouterr().out


def test_the_command_refuses_a_forecaster(tmp_path, capsys):
    sample = Path(api.__file__).parents[1] / "sample_data" / "tissue.morphocast"
    out = str(tmp_path / "made.npy")
    assert main(["synthesize", str(sample), "-o", out]) == 2
    assert "--model cell_gan" in capsys.readouterr().err
