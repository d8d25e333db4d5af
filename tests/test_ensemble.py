"""An ensemble is a forecaster like any other, of members that differ."""

from __future__ import annotations

import threading
from itertools import islice

import numpy as np
import pytest
import torch

from movies import gliding
from napari_morphocast import api
from napari_morphocast.cli import main
from napari_morphocast.data.io import read_movie, write_movie
from napari_morphocast.data.windows import Window
from napari_morphocast.errors import SettingsError
from napari_morphocast.evaluation import score_figure
from napari_morphocast.evaluation.reliability import reliability
from napari_morphocast.models.base import FORECASTERS
from napari_morphocast.models.convlstm import ConvLSTM, ConvLSTMConfig
from napari_morphocast.models.ensemble import Ensemble
from napari_morphocast.training.config import Hardware, Run, TrainConfig
from napari_morphocast.training.events import BatchDone, EpochDone

SMALL = {
    "hidden": (4,),
    "context": 3,
    "horizon": 1,
    "members": 3,
    "start": "persistence",
}
CPU = Hardware(device="cpu")


def made(size: int = 3, channels: int = 1) -> Ensemble:
    torch.manual_seed(0)
    model = Ensemble(ConvLSTM, ConvLSTMConfig(hidden=(4,)), channels, size).eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.05)
    return model


def frames(*shape: int) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(1))


def trained(path, movie=None, **changes):
    run = Run.make("convlstm", **{**SMALL, "epochs": 2, **changes})
    list(api.train(movie or gliding(), path, run, hardware=CPU))
    return api.load(path)


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    path = tmp_path_factory.mktemp("models") / "four.morphocast"
    trained(path, gliding(noise=3.0))
    return path


# --- the contract of every forecaster (test_forecasters.py)


def test_no_model_of_the_list_is_an_ensemble():
    assert not any(issubclass(kind, Ensemble) for kind in FORECASTERS.values())


@pytest.mark.parametrize("size", [(17, 23), (16, 16), (33, 20)])
def test_any_frame_size_is_forecast(size):
    assert made().forecast(frames(2, 4, 1, *size), 3).shape == (2, 3, 1, *size)


def test_colour_movies_are_forecast():
    forecast = made(channels=3).forecast(frames(1, 4, 3, 20, 24), 2)
    assert forecast.shape == (1, 2, 3, 20, 24)
    assert forecast.isfinite().all()


def test_a_short_forecast_is_the_prefix_of_a_long_one():
    model, context = made(), frames(2, 4, 1, 20, 24)
    assert torch.equal(model.forecast(context, 5)[:, :2], model.forecast(context, 2))


def test_windows_of_a_batch_do_not_see_each_other():
    model, context = made(), frames(3, 4, 1, 20, 24)
    alone = torch.cat([model.forecast(window[None], 2) for window in context])
    torch.testing.assert_close(model.forecast(context, 2), alone)


def test_the_shortest_context_is_that_of_the_members():
    assert made().shortest_context == ConvLSTM(ConvLSTMConfig(), 1).shortest_context


def test_every_parameter_learns_from_an_objective_of_its_own():
    model = made().train()
    batch = Window(frames(6, 4, 1, 20, 24), frames(6, 2, 1, 20, 24))
    for stage in model.stages():
        for objective in stage.objectives:
            own = list(objective.module.parameters())
            objective.loss(batch).backward(inputs=own)
    assert all(p.grad is not None and p.grad.any() for p in model.parameters())


def test_each_objective_moves_one_member_only():
    model = made().train()
    batch = Window(frames(6, 4, 1, 20, 24), frames(6, 2, 1, 20, 24))
    for objective in model.stages()[0].objectives:
        model.zero_grad()
        objective.loss(batch).backward()
        moved = [any(p.grad is not None for p in m.parameters()) for m in model.members]
        assert sum(moved) == 1


def test_weights_can_be_read_back():
    model, other = made(), Ensemble(ConvLSTM, ConvLSTMConfig(hidden=(4,)), 1, 3)
    other.load_state_dict(model.state_dict())
    context = frames(1, 4, 1, 20, 24)
    assert torch.equal(model.forecast(context, 2), other.forecast(context, 2))


# --- what makes it an ensemble


def test_members_run_freely_and_their_mean_is_the_forecast():
    model, context = made(), frames(2, 4, 1, 20, 24)
    each = [member.forecast(context, 4) for member in model.members]
    members = torch.stack(list(islice(model.unroll_members(context), 4)), 2)
    torch.testing.assert_close(members, torch.stack(each))
    torch.testing.assert_close(model.forecast(context, 4), torch.stack(each).mean(0))


def test_each_member_learns_from_its_own_windows():
    model = made().train()
    batch = Window(frames(6, 4, 1, 20, 24), frames(6, 2, 1, 20, 24))
    losses = [o.loss(batch).detach() for o in model.stages()[0].objectives]
    own = [
        member.loss(Window(batch.context[m::3], batch.target[m::3])).detach()
        for m, member in enumerate(model.members)
    ]
    assert losses == own


def test_a_batch_smaller_than_the_ensemble_still_teaches_everybody():
    model = made().train()
    batch = Window(frames(1, 4, 1, 20, 24), frames(1, 2, 1, 20, 24))
    assert all(o.loss(batch).isfinite() for o in model.stages()[0].objectives)


def test_every_member_is_tuned_on_its_own_half():
    seen = []

    class Tuned(ConvLSTM):
        def tune(self, stretches):
            seen.append({int(stretch[0, 0, 0, 0]) for stretch in stretches})

    ten = (torch.full((4, 1, 20, 24), float(number)) for number in range(10))
    Ensemble(Tuned, ConvLSTMConfig(), 1, 3).tune(ten)
    assert [len(half) for half in seen] == [5, 5, 5]
    assert seen[0] != seen[1] != seen[2]


# --- training


def test_all_members_are_in_one_file_and_differ(path):
    model = api.load(path)
    members = model.forecast_members(gliding().read(0, 3), 2)
    assert members.shape == (3, 2, 1, 24, 28)
    assert members.std(0).min() > 0


def test_the_forecast_read_from_a_file_is_the_members_mean(path):
    model, known = api.load(path), gliding().read(0, 3)
    members = model.forecast_members(known, 2)
    np.testing.assert_allclose(model.forecast(known, 2), members.mean(0), rtol=1e-4)


def test_several_windows_are_forecast_at_once(path):
    model, known = api.load(path), gliding().read(0, 3)
    together = model.forecast_members(np.stack([known, known]), 2)
    alone = model.forecast_members(known, 2)
    np.testing.assert_allclose(together[:, 1], alone, rtol=1e-4)


def test_a_run_that_has_ended_is_calibrated(path):
    checkpoint = api.load(path).checkpoint
    assert checkpoint.calibration is not None
    assert len(checkpoint.calibration.floor) == 4  # leads: as many as frames held back


def test_one_member_is_trained_as_ever(tmp_path):
    single = trained(tmp_path / "one.morphocast", members=1)
    assert isinstance(single.model, ConvLSTM)
    assert single.checkpoint.calibration is None


def test_a_single_model_says_that_it_has_no_uncertainty(tmp_path):
    single = trained(tmp_path / "one.morphocast", members=1)
    with pytest.raises(SettingsError, match="cannot say how sure it is"):
        single.forecast_members(gliding().read(0, 3), 2)


def test_every_member_goes_through_all_windows_in_an_epoch(tmp_path):
    def batches(members: int) -> int:
        run = Run.make("convlstm", **{**SMALL, "members": members}, epochs=1)
        place = tmp_path / f"{members}.morphocast"
        events = list(api.train(gliding(), place, run, hardware=CPU))
        return sum(isinstance(event, BatchDone) for event in events)

    assert batches(3) == batches(1)


def test_a_resumed_ensemble_ends_as_one_that_was_never_stopped(tmp_path):
    whole, parts = tmp_path / "whole.morphocast", tmp_path / "parts.morphocast"
    run, stop = Run.make("convlstm", **SMALL, epochs=2, patience=0), threading.Event()
    list(api.train(gliding(), whole, run, hardware=CPU))
    for event in api.train(gliding(), parts, run, hardware=CPU, stop=stop):
        if isinstance(event, BatchDone) and (event.epoch, event.batch) == (2, 3):
            stop.set()
    events = list(api.resume(gliding(), parts, hardware=CPU))
    assert events[-1].why == "done"
    first, second = api.load(whole), api.load(parts)
    for name, weights in first.model.state_dict().items():
        assert torch.equal(weights, second.model.state_dict()[name])
    assert first.checkpoint.calibration == second.checkpoint.calibration


def test_a_stopped_ensemble_keeps_what_was_learned(tmp_path):
    path, stop = tmp_path / "cells.morphocast", threading.Event()
    run = Run.make("convlstm", **SMALL, epochs=50)
    for event in api.train(gliding(), path, run, hardware=CPU, stop=stop):
        if isinstance(event, EpochDone):
            stop.set()
    assert api.load(path).members == 3


def test_a_finetuned_ensemble_keeps_its_members(path, tmp_path):
    new = tmp_path / "new.morphocast"
    run = Run.make("convlstm", epochs=1)
    list(api.train(gliding(), new, run, hardware=CPU, start_from=path))
    assert api.load(new).members == 3


def test_of_a_baseline_there_is_no_ensemble_to_train(tmp_path):
    run = Run.make("persistence", members=3)
    with pytest.raises(SettingsError, match="needs no training"):
        api.train(gliding(), tmp_path / "none.morphocast", run, hardware=CPU)


def test_old_files_are_single_models():
    assert TrainConfig.model_validate({"epochs": 3}).members == 1


# --- using it


def test_every_frame_of_a_prediction_has_its_spread(path):
    forecast = api.predict(gliding(), path, lead=2, hardware=CPU)
    steps = list(forecast.steps)
    assert len(steps) == forecast.count
    assert all(step.spread.shape == step.frame.shape for step in steps)
    assert all((step.spread > 0).all() for step in steps)


def test_a_prediction_is_the_same_with_or_without_its_spread(path):
    movie, lead = gliding(), 2
    steps = list(api.predict(movie, path, lead=lead, hardware=CPU).steps)
    frames = list(api.predict(movie, path, lead=lead, hardware=CPU).frames)
    assert all(np.array_equal(s.frame, f) for s, f in zip(steps, frames, strict=True))


def test_a_rollout_has_its_spread_beyond_the_end(path):
    steps = list(api.rollout(gliding(), path, horizon=3, hardware=CPU).steps)
    assert [step.spread.dtype for step in steps] == [np.float32] * 3


def test_forecasts_of_a_single_model_have_no_spread():
    steps = api.predict(gliding(), "persistence", hardware=CPU).steps
    assert next(steps).spread is None


def test_frames_filled_in_between_others_have_a_spread(tmp_path):
    place, movie = tmp_path / "between.morphocast", gliding(noise=3.0)
    trained(place, movie, task="between", context=4, members=2)
    assert len(api.load(place).calibration.reach) == 1
    steps = api.predict(movie, place, between=True, hardware=CPU).steps
    assert all((step.spread > 0).all() for step in steps)


def test_an_ensemble_is_scored_by_crps_coverage_and_ranks(path):
    scores = api.evaluate(gliding(), [path], horizon=2, hardware=CPU)
    assert 0 <= scores.of("four", "coverage_80")[0].value <= 1
    assert scores.of("four", "crps")[0].value < scores.of("four", "mae")[0].value
    assert len(scores.ranks["four"][0]) == 4


def test_a_single_model_has_no_scores_of_uncertainty(path):
    scores = api.evaluate(gliding(), [path], horizon=1, hardware=CPU)
    assert scores.of("persistence", "crps") == ()
    assert "cannot say how sure" in reliability(scores, "persistence")


def test_what_its_uncertainty_is_worth_is_told_in_words(path):
    scores = api.evaluate(gliding(), [path], horizon=2, hardware=CPU)
    text = reliability(scores, "four")
    assert "50 %" in text
    assert "2 frames (2 min)" in text
    assert "25 each is right" in text


@pytest.fixture
def drawn(monkeypatch):
    """Titles of the panels of every figure that would have been written."""
    titles: list[list[str]] = []

    def keep(figure, path):
        titles.append([axes.get_title() for axes in figure.axes])

    monkeypatch.setattr(score_figure, "save_figure", keep)
    return titles


def test_the_figure_shows_coverage_and_ranks_of_ensembles_only(path, drawn):
    for models in ([path], []):
        api.evaluate(gliding(), models, horizon=2, hardware=CPU).plot("scores.png")
    ensemble, single = map(set, drawn)
    assert ensemble - single == {
        "coverage, found and promised (dotted)",
        "rank histogram 1 frame (1 min) ahead",
    }


# --- on the command line


@pytest.fixture
def file(tmp_path):
    movie = gliding()
    place = tmp_path / "cells.ome.tif"
    write_movie(place, iter(movie.raw(0, 30)), like=movie, count=30)
    return place


def run(*words) -> int:
    return main([str(word) for word in words])


def test_train_makes_an_ensemble(file, tmp_path):
    new = tmp_path / "new.morphocast"
    small = ("--epochs", 1, "--set", "hidden=[4]", "--set", "context=3")
    words = ("--model", "convlstm", "--members", 2, *small, "--device", "cpu")
    status = run("train", file, "-o", new, *words)
    assert (status, api.load(new).members) == (0, 2)


def test_predict_writes_the_spread_as_it_is(file, path, tmp_path):
    frames, spread = tmp_path / "f.ome.tif", tmp_path / "s.ome.tif"
    assert run("predict", file, path, "-o", frames, "--spread", spread) == 0
    assert read_movie(spread).dtype == np.float32
    assert read_movie(spread).shape == read_movie(frames).shape


def test_rollout_writes_the_spread_too(file, path, tmp_path):
    frames, spread = tmp_path / "f.npy", tmp_path / "s.npy"
    words = ("--horizon", 3, "--spread", spread)
    assert run("rollout", file, path, "-o", frames, *words) == 0
    assert np.load(spread).shape == np.load(frames).shape


def test_frames_errors_and_spread_are_written_in_one_go(file, path, tmp_path):
    names = [tmp_path / f"{name}.npy" for name in "fes"]
    options = ("-o", names[0], "--error", names[1], "--spread", names[2])
    assert run("predict", file, path, *options) == 0
    frames, errors, _ = map(np.load, names)
    truth = gliding().read(3, 30).squeeze(1)
    np.testing.assert_array_equal(errors.squeeze(), abs(frames.squeeze() - truth))


def test_a_single_model_has_no_spread_to_write(file, tmp_path, capsys):
    words = ("-o", tmp_path / "f.npy", "--spread", tmp_path / "s.npy")
    assert run("predict", file, "advection", *words) == 2
    assert "cannot say how sure it is" in capsys.readouterr().err
    assert not (tmp_path / "f.npy").exists()


def test_a_finetuned_ensemble_cannot_change_its_size(file, path, tmp_path, capsys):
    words = ("-o", tmp_path / "n.morphocast", "--from", path, "--members", 5)
    assert run("train", file, *words) == 2
    assert "leave out members" in capsys.readouterr().err


def test_evaluate_says_what_the_uncertainty_is_worth(file, path, capsys):
    assert run("evaluate", file, path, "--horizon", 2, "--device", "cpu") == 0
    assert "says how sure it is" in capsys.readouterr().out
