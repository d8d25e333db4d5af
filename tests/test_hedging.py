"""Forecasts that fall back to the blurred last frame, lead by lead."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter, shift

from movies import gliding
from napari_morphocast import api
from napari_morphocast.cli import main
from napari_morphocast.data.io import write_movie
from napari_morphocast.data.movie import Movie
from napari_morphocast.evaluation.wording import hedging
from napari_morphocast.models.denoised import blurred
from napari_morphocast.models.hedge import Hedge
from napari_morphocast.presenters.model_files import read_facts
from napari_morphocast.training.checkpoint import amend
from napari_morphocast.training.config import Hardware, Run
from napari_morphocast.training.hedging import _share
from napari_morphocast.training.trained import Trained

CPU = Hardware(device="cpu")
HEDGE = Hedge(share=(0.0, 0.25, 1.0), sigma=(0.5, 1.0, 2.0))
SMALL = {"convlstm": {"hidden": (4,)}, "sdc_net": {"width": 4, "depth": 2, "kernel": 3}}


def beating(count: int = 120) -> Movie:
    """A texture that goes to and fro, so that no motion goes on for long."""
    lot = np.random.default_rng(0)
    wide = gaussian_filter(lot.normal(size=(40, 80)), 1.5)
    away = 4 * np.sin(2 * np.pi * np.arange(count) / 9.4)
    frames = [shift(wide, (0, step), order=1)[:, 16:64] for step in away]
    grey = 100 + 200 * np.stack(frames) + lot.normal(0, 2, (count, 40, 48))
    return Movie(grey[:, None].astype(np.float32), interval=60.0, name="heart")


def trained(movie: Movie, path: Path, model: str = "convlstm", **settings) -> Trained:
    run = Run.make(model, **SMALL.get(model, {}), epochs=1, batches=2, **settings)
    list(api.train(movie, path, run, hardware=CPU))
    return api.load(path)


@pytest.fixture(scope="module")
def heart(tmp_path_factory) -> Trained:
    path = tmp_path_factory.mktemp("heart") / "heart.morphocast"
    return trained(beating(), path)


def test_a_forecast_has_its_share_of_the_blurred_frame():
    lot = torch.Generator().manual_seed(0)
    last, *ahead = torch.rand(6, 2, 2, 20, 24, generator=lot)
    mixed = list(HEDGE.mixed(iter(ahead), last, pictured=2))
    assert mixed[0] is ahead[0]
    torch.testing.assert_close(mixed[1], 0.75 * ahead[1] + 0.25 * blurred(last, 1.0))
    for frame in mixed[2:]:
        torch.testing.assert_close(frame, blurred(last, 2.0))
    assert HEDGE.half == 3
    assert Hedge(share=(0.1, 0.4), sigma=(1.0, 1.0)).half == 0


def test_a_segmentation_is_left_as_it_is():
    lot = torch.Generator().manual_seed(0)
    last, *ahead = torch.rand(4, 1, 2, 20, 24, generator=lot)
    *_, mixed = HEDGE.mixed(iter(ahead), last, pictured=1)
    assert torch.equal(mixed[:, 1], ahead[2][:, 1])
    torch.testing.assert_close(mixed[:, :1], blurred(last[:, :1], 2.0))


def test_members_are_mixed_with_the_same_frame():
    lot = torch.Generator().manual_seed(0)
    last = torch.rand(1, 1, 20, 24, generator=lot)
    ahead = torch.rand(3, 4, 1, 1, 20, 24, generator=lot)
    mixed = list(HEDGE.mixed(iter(ahead), last, pictured=1))
    assert mixed[1].shape == ahead[1].shape
    alone = [*HEDGE.mixed((frame[2] for frame in ahead), last, pictured=1)]
    torch.testing.assert_close(mixed[1][2], alone[1])


def test_the_share_is_the_best_one_as_far_as_it_is_vouched_for():
    lot = np.random.default_rng(0)
    errors = lot.normal(size=(12, 2, 400)) * np.array([2.0, 1.0])[:, None]
    products = errors @ errors.swapaxes(1, 2) / 400
    assert _share(products, 12.0) == pytest.approx(4 / 5, abs=0.05)
    assert _share(products[:1], 1.0) < 0.7
    assert _share(products[:, ::-1, ::-1], 12.0) == pytest.approx(1 / 5, abs=0.05)
    alike = np.repeat(products[:, :1, :1], 2, 1).repeat(2, 2)
    assert _share(alike, 12.0) == 0


def test_where_little_is_known_far_ahead_the_last_frame_takes_over(heart):
    hedge = heart.checkpoint.hedge
    assert hedge is not None
    assert list(hedge.share) == sorted(hedge.share)
    assert hedge.share[-1] > 0.3
    alone = replace(heart, hedged=False)
    errors = {True: 0.0, False: 0.0}
    movie, far = beating(), len(hedge.share)
    for start in range(96, 120 - far + 1):
        truth = movie.read(start + far - 1, start + far)
        for model in (heart, alone):
            known = movie.read(start - model.context, start)
            miss = model.forecast(known, far)[-1:] - truth
            errors[model.hedged] += float(np.square(miss).mean())
    assert errors[True] < errors[False]


def test_where_motion_goes_on_the_forecast_is_the_networks_own(tmp_path):
    model = trained(gliding(60), tmp_path / "m.morphocast")
    assert max(model.checkpoint.hedge.share[:3]) < 0.1


@pytest.mark.parametrize("name", ["convlstm", "unet", "sdc_net"])
def test_every_way_to_forecast_is_hedged_alike(name, tmp_path):
    path = tmp_path / "m.morphocast"
    trained(gliding(30), path, name)
    amend(path, hedge=HEDGE)
    model, movie = api.load(path), gliding(30)
    known = movie.read(10, 10 + model.context)
    ahead = model.forecast(known, 4)
    alone = replace(model, hedged=False).forecast(known, 4)
    assert np.array_equal(ahead[0], alone[0])
    for lead, share in ((1, 0.25), (3, 1.0)):
        assert not np.allclose(ahead[lead], alone[lead], atol=0.5)
        scaled = model.checkpoint.scaling.apply(known[-1:])
        far = blurred(torch.from_numpy(scaled), HEDGE.sigma[min(lead, 2)])
        grey = model.checkpoint.scaling.invert(far.numpy())[0]
        mixed = (1 - share) * alone[lead] + share * grey
        np.testing.assert_allclose(ahead[lead], mixed, atol=0.01)
    ways = (
        (step.frame for step in model.foretell(known)),
        (step.frame for step in model.follow([known[:3], known[3:]])),
    )
    for way in ways:
        found = np.stack([next(way) for _ in range(4)])
        np.testing.assert_allclose(found, ahead, atol=0.05)


def test_an_ensemble_is_hedged_before_it_is_calibrated(tmp_path):
    model = trained(beating(), tmp_path / "m.morphocast", members=2)
    assert model.checkpoint.hedge.share[-1] > 0.2
    known = beating().read(30, 30 + model.context)
    each = model.forecast_members(known, 3)
    np.testing.assert_allclose(each.mean(0), model.forecast(known, 3), atol=0.01)
    assert len(model.checkpoint.calibration.floor) == len(model.checkpoint.hedge.share)


@pytest.mark.parametrize("settings", [{"hedge": False}, {"task": "between"}])
def test_what_shall_not_be_hedged_is_not(settings, tmp_path):
    model = trained(gliding(40), tmp_path / "m.morphocast", **settings)
    assert model.checkpoint.hedge is None


def test_from_where_on_a_forecast_is_mostly_the_last_frame_is_told(
    heart, tmp_path, capsys
):
    amend(heart.path, hedge=HEDGE)
    says = hedging(3, 60.0)
    assert says.startswith("From 3 frames (3 min) ahead on, half of a forecast or more")
    assert says in read_facts(heart.path).sentence()
    movie, out = tmp_path / "heart.ome.tif", str(tmp_path / "ahead.ome.tif")
    like = beating()
    write_movie(movie, like.read(0, len(like)), like=like, count=len(like))
    words = ["rollout", str(movie), str(heart.path), "-o", out, "--horizon"]
    assert main([*words, "2"]) == 0
    assert says not in capsys.readouterr().out
    assert main([*words, "3"]) == 0
    assert says in capsys.readouterr().out
