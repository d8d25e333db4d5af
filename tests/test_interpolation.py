"""Frames filled in between their neighbours: training, prediction, scores."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from movies import gliding
from napari_morphocast import api
from napari_morphocast.cli import main
from napari_morphocast.data.io import read_movie, write_movie
from napari_morphocast.data.scaling import Scaling
from napari_morphocast.data.windows import (
    WindowSpec,
    frames_needed,
    split_in_time,
)
from napari_morphocast.errors import MovieError, SettingsError
from napari_morphocast.training.config import Hardware, Run, TrainConfig
from napari_morphocast.training.events import Started
from napari_morphocast.training.feed import Feed, Shard

if TYPE_CHECKING:
    from pathlib import Path

CPU = Hardware(device="cpu")
SMALL = {"hidden": (4,), "context": 4, "epochs": 2, "batch": 4}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A movie, a model that fills in frames, and one that foretells."""
    folder = tmp_path_factory.mktemp("between")
    movie = gliding(40)
    write_movie(folder / "cells.ome.tif", iter(movie.raw(0, 40)), like=movie, count=40)
    for task in ("between", "forecast"):
        run = Run.make("convlstm", task=task, **SMALL)
        list(api.train(movie, folder / f"{task}.morphocast", run, hardware=CPU))
    return folder


def refusal(capsys: pytest.CaptureFixture[str], *words: object) -> str:
    """What is said about a command that is refused, in its one line."""
    capsys.readouterr()
    assert main([str(word) for word in words]) == 2
    told = capsys.readouterr().err
    assert told.startswith("error: ")
    assert told.count("\n") == 1
    return told


def test_the_context_goes_from_the_outside_in_and_ends_just_before_the_target():
    assert WindowSpec(task="between", context=4).order == (4, 0, 3, 1, 2)
    assert WindowSpec(task="between", context=2).order == (2, 0, 1)
    assert WindowSpec(context=3, horizon=2).order == (0, 1, 2, 3, 4)


def test_a_window_between_has_one_target():
    assert WindowSpec(task="between", horizon=7).horizon == 1


def test_an_odd_context_has_no_two_halves():
    with pytest.raises(SettingsError, match=r"'context' cannot be 5: .* even"):
        Run.make("convlstm", task="between", context=5)


def test_frames_of_the_context_are_no_targets():
    assert Run.make("convlstm", task="between").settings.supervision == "last"
    assert Run.make("convlstm").settings.supervision == "dense"


def test_a_regression_is_solved_for_the_missing_frame(tmp_path):
    movie, path = gliding(40), tmp_path / "net.morphocast"
    run = Run.make("convlstm", task="between", hidden=(4,), epochs=1)
    events = list(api.train(movie, path, run, hardware=CPU))
    assert isinstance(events[0], Started)
    assert api.load(path).checkpoint.scores["validation"] < 0.1 * events[0].persistence


def test_a_shorter_context_is_the_end_of_a_longer_one():
    long, short = (WindowSpec(task="between", context=n) for n in (6, 2))
    ends = [n - long.before for n in long.order[-3:]]
    assert ends == [n - short.before for n in short.order]


def test_training_never_sees_frames_kept_for_later():
    split = split_in_time([gliding(40)], WindowSpec(task="between", context=4))
    for windows, part in ((w, w.parts[0]) for w in split):
        targets = [windows.place(i).target for i in range(len(windows))]
        assert part.first <= min(targets)
        assert max(targets) + 2 < part.stop


def test_the_shortest_movie_between_gives_windows_to_train_and_check():
    spec = WindowSpec(task="between", context=6)
    split = split_in_time([gliding(frames_needed(spec))], spec)
    assert len(split.train)
    assert len(split.validation)


def test_a_batch_holds_the_frames_around_each_target():
    levels = np.arange(40, dtype=np.uint8)[:, None, None, None]
    movie = replace(gliding(40), frames=np.tile(levels, (1, 1, 20, 20)))
    split = split_in_time([movie], WindowSpec(task="between", context=4))
    feed = Feed(
        split.train,
        split.validation,
        Scaling(low=(0.0,), high=(1.0,)),
        TrainConfig(),
        torch.device("cpu"),
        Shard(),
    )
    window, _ = next(feed.epoch(0, 0))
    context, target = window.context[..., 0, 0, 0], window.target[..., 0, 0, 0]
    assert torch.equal(context - target, torch.tensor([[2.0, -2, 1, -1]] * 2))


def test_the_model_file_knows_its_task(folder):
    assert api.load(folder / "between.morphocast").task == "between"


def test_every_frame_with_both_sides_is_filled_in(folder):
    made = api.predict(gliding(30), folder / "between.morphocast", between=True)
    assert (made.first, made.count) == (2, 26)
    assert len(list(made.frames)) == 26


def test_a_frame_is_filled_in_without_being_seen(folder):
    movie = gliding(30)
    changed = movie.raw(0, 30).copy()
    changed[10] = 255
    before, after = (
        list(api.predict(m, folder / "between.morphocast", between=True).frames)
        for m in (movie, replace(movie, frames=changed))
    )
    same = [np.array_equal(a, b) for a, b in zip(before, after, strict=True)]
    assert [k + 2 for k, is_same in enumerate(same) if not is_same] == [8, 9, 11, 12]


def test_a_forecast_with_a_lead_is_what_it_was(folder):
    movie, model = gliding(30), api.load(folder / "forecast.morphocast")
    made = list(api.predict(movie, model, lead=3).frames)
    alone = model.forecast(movie.read(5, 9), 3)[-1]
    assert len(made) == 24
    assert np.abs(made[5].astype(float) - alone).max() <= 0.51


def test_a_movie_too_short_says_how_many_frames_are_needed(folder):
    with pytest.raises(MovieError, match="needs 5 to predict one"):
        api.predict(gliding(4), folder / "between.morphocast", between=True)


def test_a_lead_between_is_refused(folder):
    with pytest.raises(SettingsError, match="lead 1"):
        api.predict(gliding(), folder / "between.morphocast", between=True, lead=2)


@pytest.mark.parametrize("verb", [api.predict, api.rollout])
def test_a_model_that_fills_in_does_not_foretell(folder, verb):
    with pytest.raises(SettingsError, match="has learned to fill in a frame"):
        verb(gliding(), folder / "between.morphocast")


@pytest.mark.parametrize("model", ["forecast.morphocast", "persistence"])
def test_a_model_that_foretells_does_not_fill_in(folder, model):
    name = model if model == "persistence" else folder / model
    with pytest.raises(SettingsError, match="foretells frames from those before them"):
        api.predict(gliding(), name, between=True)


def test_scores_stand_beside_the_mean_of_both_neighbours(folder):
    scores = api.evaluate(gliding(40, noise=3), folder / "between.morphocast")
    assert scores.models == ("between", "persistence", "denoised", "neighbours")
    assert scores.leads == (1,)
    assert scores.of("between", "skill_neighbours")[0].value < 1


def test_errors_over_time_have_the_numbers_of_the_frames(folder):
    movie = gliding(40, noise=3)
    scores = api.evaluate(movie, folder / "between.morphocast", since=0.8)
    frames, errors = scores.over_time("neighbours")
    assert frames.tolist() == list(range(32, 38))
    mean = (movie.read(34, 35) + movie.read(36, 37)) / 2
    truth = movie.read(35, 36)
    assert errors[3] == pytest.approx(np.square(mean - truth).mean(), rel=1e-4)


def test_neighbouring_frames_are_resampled_together(folder):
    scores = api.evaluate(gliding(40), folder / "between.morphocast", since=0.5)
    assert scores.measured is not None
    assert scores.measured.overlap.block(1) == 5


def test_a_region_in_time_follows_its_frames(folder):
    movie = gliding(40)
    region = np.zeros((40, *movie.shape[2:]), bool)
    region[35, :9] = True
    scores = api.evaluate(movie, folder / "between.morphocast", region=region)
    frames, errors = scores.over_time("between")
    assert frames[np.isfinite(errors)].tolist() == [35]


def test_models_of_both_kinds_are_not_scored_together(folder):
    models = [folder / "between.morphocast", folder / "forecast.morphocast"]
    with pytest.raises(SettingsError, match="score them one at a time"):
        api.evaluate(gliding(40), models)


def test_no_frame_with_both_sides_is_refused(folder):
    with pytest.raises(MovieError, match="none from frame 39 on has 2 after it"):
        api.evaluate(gliding(40), folder / "between.morphocast", since=0.98)


def test_finetuning_keeps_the_task(folder, tmp_path):
    path = tmp_path / "more.morphocast"
    run = Run.make("convlstm", epochs=1)
    start = folder / "between.morphocast"
    list(api.train(gliding(40), path, run, start_from=start, hardware=CPU))
    assert api.load(path).task == "between"


def test_the_command_line_fills_in_frames(folder, tmp_path, capsys):
    output = tmp_path / "filled.ome.tif"
    words = ("predict", folder / "cells.ome.tif", folder / "between.morphocast")
    assert main([*map(str, words), "--between", "-o", str(output)]) == 0
    assert "frames 2 to 37" in capsys.readouterr().out
    assert len(read_movie(output)) == 36


def test_the_command_line_says_when_the_task_is_the_other_one(folder, tmp_path, capsys):
    movie, output = folder / "cells.ome.tif", tmp_path / "x.ome.tif"
    between, forecast = (folder / f"{k}.morphocast" for k in ("between", "forecast"))
    told = refusal(capsys, "predict", movie, forecast, "--between", "-o", output)
    assert "leave out --between" in told
    told = refusal(capsys, "predict", movie, between, "-o", output)
    assert "use 'predict --between'" in told
    assert "fill in" in refusal(capsys, "rollout", movie, between, "-o", output)


def test_the_command_line_says_what_interpolation_is_worth(tmp_path, capsys, folder):
    model, movie = tmp_path / "net.morphocast", folder / "cells.ome.tif"
    sets = [
        w for s in ("task=between", "context=4", "hidden=[4]") for w in ("--set", s)
    ]
    words = ("train", movie, "-o", model, "--model", "convlstm", "--epochs", 1, *sets)
    assert main([str(word) for word in words]) == 0
    told = capsys.readouterr().out
    assert "On 6 frame(s) that it has not seen" in told
    assert "'the mean of both neighbours'" in told
    assert main(["evaluate", str(movie), str(model), "--device", "cpu"]) == 0
    assert "neighbours" in capsys.readouterr().out
