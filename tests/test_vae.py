"""The variational autoencoder: its bound, its codes, and what it makes."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch.distributions import Normal, kl_divergence

from movies import gliding
from napari_morphocast import api
from napari_morphocast.data.windows import Window
from napari_morphocast.models.vae import VAE, VAEConfig
from napari_morphocast.training.checkpoint import read
from napari_morphocast.training.config import Hardware, Run

CPU = Hardware(device="cpu")
TINY = {"side": 32, "width": 4, "latent": 6}


def tiny(channels: int = 1, **settings: object) -> VAE:
    torch.manual_seed(0)
    return VAE(VAEConfig(**TINY | settings), channels)


def batch(count: int = 4, channels: int = 1) -> Window:
    torch.manual_seed(1)
    return Window(*torch.rand(2, count, 1, channels, 32, 32))


def test_the_loss_is_the_evidence_lower_bound_of_a_normal_likelihood():
    model, frames = tiny(noise=0.3), batch()
    images = model.images(frames)
    middle, spread = model._posterior(images)
    again = model.decode(middle, torch.Generator())
    apart = kl_divergence(Normal(middle, spread.exp()), Normal(0.0, 1.0)).sum()
    unlikely = -Normal(again, 0.3).log_prob(images).sum()
    constant = math.log(0.3 * math.sqrt(2 * math.pi)) * images.numel()
    expected = (unlikely - constant + apart) / images.numel()
    found, _ = model.validate(frames)
    assert float(found.detach()) == pytest.approx(float(expected.detach()), rel=1e-4)


def test_codes_lead_to_the_same_frame_each_time():
    model = tiny()
    codes = model.encode(model.images(batch()))
    once, again = (model.decode(codes, torch.Generator()) for _ in range(2))
    assert torch.equal(once, again)
    assert codes.shape == (4, 6)


def test_drawn_codes_are_normal():
    codes = tiny().draw(4000, torch.Generator().manual_seed(0))
    assert float(codes.mean().detach()) == pytest.approx(0, abs=0.03)
    assert float(codes.std().detach()) == pytest.approx(1, abs=0.03)


def test_it_learns_to_make_a_frame_again(tmp_path):
    path, movie = tmp_path / "vae.morphocast", gliding(60, (32, 32))
    run = Run.make("vae", **TINY | {"width": 8}, epochs=40, noise=0.02)
    list(api.train(movie, path, run, hardware=CPU))
    made = api.synthesize(path, count=1, like=movie, frame=20, variation=0)
    real = movie.read(20, 21).astype(float)
    apart = np.square(made.frames[0] - real).mean()
    usual = np.square(movie.read(0, 48).mean(0, dtype=float) - real).mean()
    assert apart < 0.7 * usual


@pytest.mark.parametrize("given", [{}, {"crop": 64, "batch": 16}])
def test_finetuned_it_sees_crops_as_large_as_its_images(tmp_path, given):
    old, new = tmp_path / "old.morphocast", tmp_path / "new.morphocast"
    movie = gliding(30, (70, 70))
    list(api.train(movie, old, Run.make("vae", **TINY, epochs=1), hardware=CPU))
    run = Run.make("unet", **given, epochs=1)  # what a dock may show of another model
    list(api.train(movie, new, run, start_from=old, hardware=CPU))
    training = read(new)[0].training
    assert (training.crop, training.batch, training.epochs) == (32, 16, 1)


def test_three_frames_in_a_row_are_made_at_once(tmp_path):
    path, movie = tmp_path / "vae.morphocast", gliding(30, (32, 32), channels=2)
    run = Run.make("vae", **TINY, frames=3, epochs=1)
    list(api.train(movie, path, run, hardware=CPU))
    assert api.synthesize(path, count=4).frames.shape == (4, 3, 2, 32, 32)
    refined = api.synthesize(path, count=1, like=movie, refine=2)
    assert refined.frames.shape == (1, 3, 2, 32, 32)
