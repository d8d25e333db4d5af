"""Forecasting or denoising: contexts that tell less."""

from __future__ import annotations

import csv
from unittest.mock import MagicMock

import numpy as np
import pytest

from movies import gliding
from napari_morphocast import api
from napari_morphocast.data.movie import Movie
from napari_morphocast.evaluation.controls import Controls, damaged, still_scene
from napari_morphocast.evaluation.scores import Contender, Score, Scores, score
from napari_morphocast.training.config import Hardware

CPU = Hardware(device="cpu")


def numbered(count: int) -> np.ndarray:
    return np.arange(count, dtype=np.float32)[:, None, None, None]


def shown(context: int) -> dict[str, list[float]]:
    """What a forecaster sees in each control."""
    seen: dict[str, list[float]] = {}
    whole = Contender("net", context, lambda known, _: known)
    for entry in damaged(whole):
        frames = entry.forecast(numbered(context), 1)
        seen[entry.name] = frames[:, 0, 0, 0].tolist()
    return seen


def test_the_last_frame_stays_where_it_is_when_the_others_are_shuffled():
    seen = shown(4)["shuffled"]
    assert seen[-1] == 3
    assert sorted(seen) == [0, 1, 2, 3]
    assert seen != [0, 1, 2, 3]


def test_the_other_controls_repeat_and_turn_round():
    assert shown(3)["repeated"] == [2, 2, 2]
    assert shown(3)["backwards"] == [2, 1, 0]


def test_what_cannot_be_done_to_a_short_context_is_left_out():
    assert set(shown(2)) == {"repeated", "backwards"}
    assert shown(1) == {}


def test_a_still_scene_has_the_noise_and_nothing_else():
    scene = still_scene(numbered(3) + np.zeros((1, 1, 50, 50)), (2.0,), 3)
    frames = scene.read(0, len(scene))
    assert frames.std(0).mean() == pytest.approx(2, rel=0.05)
    assert frames.mean() == pytest.approx(1, abs=0.05)


def controlled(movie: Movie, model: Contender) -> Controls:
    """Controls of a forecaster, beside persistence and a blur in time."""
    beside = [
        Contender("persistence", 1, lambda known, h: known[-1:].repeat(h, 0)),
        Contender("denoised", 1, lambda known, h: known[-1:].repeat(h, 0)),
    ]
    how = {"horizon": 3, "data_range": np.array([200.0])}
    scores = score(movie, [model, *damaged(model), *beside], since=30, **how)
    still = still_scene(movie.read(20, 30), scores.noise, model.context)
    return Controls(
        model.name, scores, score(still, [model, *beside], since=model.context, **how)
    )


def averaging(known: np.ndarray, horizon: int) -> np.ndarray:
    return known.mean(0, keepdims=True).repeat(horizon, 0)


def shifted(frame: np.ndarray, step: int) -> np.ndarray:
    """The picture moved to the right; its left column goes on beyond the edge."""
    return np.pad(frame, ((0, 0), (0, 0), (step, 0)), "edge")[..., : frame.shape[-1]]


def gliding_on(known: np.ndarray, horizon: int) -> np.ndarray:
    """Carries on with the last shift of the picture."""
    missed = {n: np.abs(shifted(known[-2], n) - known[-1]).mean() for n in range(4)}
    step = min(missed, key=missed.get)
    leads = range(1, horizon + 1)
    return np.stack([shifted(known[-1], step * k) for k in leads])


def static(noise: float = 10) -> Movie:
    rng = np.random.default_rng(0)
    scene = np.sin(np.arange(24) / 3) * 50 + 100
    return Movie((scene + rng.normal(0, noise, (80, 1, 24, 24))).astype(np.float32))


def test_a_skill_that_survives_shuffling_is_called_denoising():
    found = controlled(static(), Contender("mean", 4, averaging))
    assert found.scores.of("mean", "skill_persistence")[0].low > 0.2
    assert found.foresight == ()
    assert found.verdict.startswith("denoising, not forecasting")


def fading(known: np.ndarray, horizon: int) -> np.ndarray:
    """The best guess where grey levels take random steps: a mean that forgets."""
    mean = known[0]
    for frame in known[1:]:
        mean = mean + 0.28 * (frame - mean)
    return mean[None].repeat(horizon, 0)


def wandering() -> Movie:
    """Every pixel takes random steps, under noise; nothing can be foretold."""
    rng = np.random.default_rng(0)
    steps, noise = rng.normal(0, (4.0, 12.0), (80, 24, 24, 2)).transpose(3, 0, 1, 2)
    return Movie((200 + steps.cumsum(0) + noise)[:, None].astype(np.float32))


def test_a_mean_over_time_is_no_forecast_though_it_needs_the_order_of_frames():
    found = controlled(wandering(), Contender("smooth", 8, fading))
    assert found.scores.paired("smooth", "shuffled")[0].low > 0
    assert found.foresight == ()
    assert found.verdict.startswith("denoising, not forecasting")


def test_a_mean_of_two_frames_is_no_forecast_though_it_needs_both():
    found = controlled(static(), Contender("mean", 2, averaging))
    assert found.scores.paired("mean", "repeated")[0].low > 0.2
    assert found.foresight == ()
    assert not found.verdict.startswith("forecasting")


def test_what_sees_one_frame_cannot_be_told_from_denoising():
    smooth = Contender("smooth", 1, lambda known, h: blurred(known).repeat(h, 0))
    found = controlled(static(), smooth)
    assert found.scores.of("smooth", "skill_denoised")[0].low > 0.1
    assert found.verdict.startswith("too few frames seen to tell it from denoising")


def blurred(frames: np.ndarray) -> np.ndarray:
    return (frames + np.roll(frames, 1, 2) + np.roll(frames, -1, 2)) / 3


def test_a_model_that_needs_the_order_of_frames_is_called_forecasting():
    found = controlled(gliding(80), Contender("glide", 3, gliding_on))
    assert found.foresight == (1, 2, 3)
    assert found.verdict.startswith("forecasting: at 1 frame (1 min) it removes")


def test_tables_name_a_control_after_model_and_damage(tmp_path):
    found = controlled(gliding(60), Contender("glide", 3, gliding_on))
    found.scores.save(tmp_path / "scores.csv", [found])
    lines = csv.DictReader((tmp_path / "scores.csv").read_text().splitlines())
    kinds = ("shuffled", "repeated", "backwards", "still scene")
    tested = {f"glide ({kind})" for kind in kinds}
    assert {line["model"] for line in lines} == {*found.scores.models, *tested}


def test_a_model_without_skill_has_nothing_to_explain():
    found = controlled(
        gliding(60), Contender("copy", 3, lambda known, h: known[-1:].repeat(h, 0))
    )
    assert found.verdict == "no skill beyond chance, so none that could be denoising"


def test_the_table_names_every_control():
    table = controlled(gliding(60), Contender("glide", 3, gliding_on)).table()
    assert "frames before the last one shuffled" in table
    assert "a still scene" in table.splitlines()[-1]


@pytest.mark.parametrize("name", ["denoised", "ridge"])
def test_pure_noise_leaves_no_skill_against_denoised_persistence(name):
    rng = np.random.default_rng(0)
    movie = Movie(rng.normal(100, 10, (100, 1, 24, 24)).astype(np.float32))
    scores = api.evaluate(movie, ["denoised"], horizon=1, since=0.6, hardware=CPU)
    found = scores.of(name, "skill_denoised")[0]
    assert abs(found.value) < 0.15
    assert scores.of(name, "skill_persistence")[0].low > 0.3


def doubtful(
    *,
    left: tuple[float, float],
    beside: tuple[float, float] = (-0.02, 0.4),
    gain: tuple[float, float] = (0.2, 0.4),
    still: float = 0.3,
) -> Controls:
    """Surely better than persistence, but not than a blur; and what shuffling costs."""
    rows = [
        Score("net", "skill_persistence", 1, 0.3, *gain, 30),
        Score("net", "skill_denoised", 1, 0.2, *beside, 30),
        Score("shuffled", "skill_persistence", 1, -0.5, -0.7, -0.3, 30),
        Score("denoised", "skill_persistence", 1, 0.1, 0.0, 0.2, 30),
        Score("persistence", "psnr", 1, 20.0, 19.0, 21.0, 30),
    ]
    found = MagicMock(wraps=Scores(tuple(rows), interval=60.0), interval=60.0)
    found.models = "net", "shuffled", "denoised"
    found.paired.return_value = (Score("net", "mse", 1, 0.1, *left, 30),)
    found.paired.side_effect = None
    nothing = Score("net", "skill_persistence", 1, still, still, still, 30)
    return Controls("net", found, Scores((nothing, rows[-1])))


def test_a_doubtful_gain_over_a_blur_is_not_called_denoising():
    verdict = doubtful(left=(0.3, 0.6)).verdict
    assert verdict.startswith("too few forecasts to tell it from denoising")


def test_foresight_is_only_where_nothing_moves_is_beaten():
    controls = doubtful(left=(0.3, 0.6), beside=(0.1, 0.3), gain=(-0.1, 0.4))
    assert controls.foresight == ()


def test_a_small_loss_without_the_past_is_no_foresight():
    gained = {"beside": (0.1, 0.3), "still": 0.1}
    assert doubtful(left=(0.01, 0.04), **gained).foresight == ()
    assert doubtful(left=(0.06, 0.14), **gained).foresight == (1,)


def test_a_model_that_surely_loses_little_without_the_past_denoises():
    verdict = doubtful(left=(-0.02, 0.02)).verdict
    assert verdict.startswith("denoising, not forecasting")


def test_denoised_persistence_itself_is_no_forecast():
    movie = gliding(80, noise=20.0)
    found = api.controls(movie, "denoised", horizon=2, since=0.6, hardware=CPU)
    assert found.foresight == ()
    assert "forecasting:" not in found.verdict.split(",")[0]


def test_controls_tell_how_far_they_are():
    told: list[float] = []
    api.controls(gliding(40), "linear", horizon=2, hardware=CPU, progress=told.append)
    assert told[-1] == 1
    assert told == sorted(told)
