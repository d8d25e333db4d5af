import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.optim.swa_utils import AveragedModel

from movies import constant, gliding
from napari_morphocast import api
from napari_morphocast.data.io import read_movie, write_movie
from napari_morphocast.data.movie import Movie
from napari_morphocast.data.windows import Window
from napari_morphocast.errors import (
    CheckpointError,
    MovieError,
    SettingsError,
    TrainingError,
)
from napari_morphocast.models.base import Objective, Stage
from napari_morphocast.models.convlstm import ConvLSTM
from napari_morphocast.training.checkpoint import read
from napari_morphocast.training.config import Hardware, Run
from napari_morphocast.training.descent import Descent
from napari_morphocast.training.devices import engine
from napari_morphocast.training.events import (
    BatchDone,
    EpochDone,
    Progress,
    Saved,
    Started,
    as_dict,
)
from napari_morphocast.training.resume import read_state, state_path, write_state

CPU = Hardware(device="cpu")
SMALL = {
    "hidden": (4,),
    "patch": 2,
    "context": 3,
    "horizon": 1,
    "epochs": 2,
    "batch": 4,
}


def small(**settings) -> Run:
    return Run.make("convlstm", **{**SMALL, **settings})


def events_of(path: Path, movie: Movie | None = None, **settings) -> list:
    return list(api.train(movie or gliding(), path, small(**settings), hardware=CPU))


def weights(path: Path) -> dict[str, torch.Tensor]:
    return read(path)[1].state_dict()


def same(a: dict, b: dict) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in a)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "cells.morphocast"


def test_a_short_training_beats_nothing_moves(path):
    *_, last = [
        e for e in events_of(path, epochs=12, ema=0.5) if isinstance(e, EpochDone)
    ]
    assert last.validation < 0.5 * read(path)[0].scores["persistence"]


@pytest.mark.parametrize(
    ("frame", "known", "judged"),
    [(32, False, False), (31, True, False), (28, True, False), (20, True, True)],
)
def test_the_start_is_solved_on_all_known_frames_but_judged_as_of_before_validation(
    frame, known, judged, tmp_path
):
    frames = np.random.default_rng(0).normal(100, 9, (40, 1, 16, 16))
    changed = frames.copy()
    changed[frame] = frames[frame, :, ::-1]
    paths = tmp_path / "before.morphocast", tmp_path / "after.morphocast"
    for path, some in zip(paths, (frames, changed), strict=True):
        events_of(path, Movie(some), epochs=1, learning_rate=1e-9, ema=0)
    name = "correction.regression.weight"
    start, again = (weights(path)[name] for path in paths)
    assert torch.equal(start, again) != known
    start, again = (read_state(path).fair[name] for path in paths)
    assert torch.equal(start, again) != judged
    checkpoint, network = read(path)
    network.load_state_dict(read_state(path).fair, strict=False)
    scaled = torch.from_numpy(checkpoint.scaling.apply(changed.astype(np.float32)))
    windows = torch.stack([scaled[last - 3 : last + 1] for last in range(27, 32)])
    with torch.no_grad():
        loss, _ = network.validate(Window(windows[:, :3], windows[:, 3:]))
    assert checkpoint.scores["validation"] == pytest.approx(float(loss), rel=1e-3)


def test_a_run_starts_counts_saves_and_finishes(path):
    events = events_of(path)
    assert isinstance(events[0], Started)
    assert events[-2] == Saved(path)
    assert events[-1].why == "done"
    steps = [(e.epoch, e.batch) for e in events if isinstance(e, BatchDone)]
    batches = events[0].batches
    assert steps == [(e, b) for e in (1, 2) for b in range(1, batches + 1)]


def test_progress_only_grows(path):
    progress, shares = Progress(), []
    for event in events_of(path):
        progress = progress.after(event)
        shares.append(progress.share)
    assert shares == sorted(shares)
    assert shares[-1] == 1


def test_a_preview_shows_input_forecast_and_truth_in_grey_levels(path):
    event = next(e for e in events_of(path) if isinstance(e, EpochDone))
    assert event.preview.shape == (3, 1, 24, 28)
    assert 50 < event.preview.mean() < 150


def test_events_can_be_printed_as_json(path):
    import json

    for event in events_of(path):
        assert json.loads(json.dumps(as_dict(event)))["event"] == type(event).__name__


@pytest.mark.parametrize("batch", [1, 7, 100])
def test_the_validation_loss_does_not_depend_on_the_batch(path, batch):
    settings = {"learning_rate": 1e-12, "epochs": 1}
    losses = []
    for size in (4, batch):
        path.unlink(missing_ok=True)
        started, *_ = events = events_of(path, batch=size, **settings)
        done = next(e for e in events if isinstance(e, EpochDone))
        losses.append((started.persistence, done.validation))
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)


def test_the_same_seed_gives_the_same_weights(path, tmp_path):
    other = tmp_path / "again.morphocast"
    events_of(path, noise=0.05, flips=True)
    events_of(other, noise=0.05, flips=True)
    assert same(weights(path), weights(other))


def test_another_seed_gives_other_weights(path, tmp_path):
    other = tmp_path / "other.morphocast"
    events_of(path)
    events_of(other, seed=1)
    assert not same(weights(path), weights(other))


def test_the_best_epoch_is_kept_not_the_last(path):
    events_of(path, start="persistence", learning_rate=1e-3, epochs=3, caution=False)
    best = read(path)[0].scores
    state = read_state(path)
    assert best["validation"] == min(state.validation)
    assert best["epoch"] == 1 + int(np.argmin(state.validation))
    first, *_ = api.resume(gliding(), path, epochs=4, hardware=CPU)
    assert isinstance(first, Started)
    assert first.best_epoch == best["epoch"]


def test_stop_keeps_what_was_learned(path):
    stop = threading.Event()
    seen = []
    for event in api.train(gliding(), path, small(epochs=500), hardware=CPU, stop=stop):
        seen.append(event)
        if sum(isinstance(e, BatchDone) for e in seen) == 3:
            stop.set()
    assert seen[-2] == Saved(path)
    assert seen[-1].why == "stopped"
    assert path.exists()


@pytest.mark.parametrize(
    ("batches", "head"),
    [(1, "motion"), (3, "motion"), (7, "motion"), (11, "motion"), (3, "frame")],
)
def test_a_stopped_run_goes_on_as_if_it_had_never_stopped(tmp_path, batches, head):
    whole, parts = tmp_path / "whole.morphocast", tmp_path / "parts.morphocast"
    run = small(epochs=3, noise=0.02, batch=3, head=head)
    list(api.train(gliding(), whole, run, hardware=CPU))
    stop = threading.Event()
    count = 0
    for event in api.train(gliding(), parts, run, hardware=CPU, stop=stop):
        count += isinstance(event, BatchDone)
        if count == batches:
            stop.set()
    list(api.resume(gliding(), parts, hardware=CPU))
    assert read_state(parts).validation == read_state(whole).validation
    assert same(read_state(parts).weights, read_state(whole).weights)
    assert same(weights(parts), weights(whole))


def test_a_resumed_run_shows_the_same_curve(path):
    events_of(path)
    started = next(iter(api.resume(gliding(), path, epochs=4, hardware=CPU)))
    assert len(started.train) == len(started.validation) == started.epoch == 2


def test_a_complete_run_asks_for_more_epochs(path):
    events_of(path)
    with pytest.raises(SettingsError, match="complete after 2 epochs"):
        api.resume(gliding(), path, hardware=CPU)


def test_resuming_a_run_of_another_version_is_refused(path):
    events_of(path)
    state = read_state(path)
    state.draft = state.draft.replace('"ema":', '"averaging":')
    write_state(path, state)
    with pytest.raises(CheckpointError, match=r"another version .* training\."):
        api.resume(gliding(), path, epochs=5, hardware=CPU)


def test_resuming_without_the_model_is_refused(path):
    events_of(path)
    path.unlink()
    with pytest.raises(CheckpointError, match="no model file"):
        api.resume(gliding(), path, epochs=5, hardware=CPU)


def test_resuming_with_another_movie_is_refused(path):
    events_of(path)
    with pytest.raises(MovieError, match="other frames"):
        api.resume(gliding(noise=9), path, epochs=5, hardware=CPU)


def test_a_time_limit_ends_with_a_checked_model(path):
    events = events_of(path, minutes=0.005, epochs=10_000)
    assert events[-1].why == "time"
    assert isinstance(events[-3], EpochDone | Saved)
    assert "validation" in read(path)[0].scores


def test_patience_ends_a_run_that_does_not_get_better(path):
    events = events_of(path, epochs=50, patience=2, learning_rate=1e-12)
    assert events[-1].why == "plateau"
    assert sum(isinstance(event, EpochDone) for event in events) == 2 + 2
    assert read_state(path).retreats == 1


def test_a_run_that_ended_on_a_plateau_goes_on_with_new_patience(path):
    events_of(path, epochs=50, patience=2, learning_rate=1e-12)
    before = read_state(path).epoch
    list(api.resume(gliding(), path, hardware=CPU))
    assert read_state(path).epoch == before + 2


def test_a_finished_time_limit_can_be_lifted(path):
    events_of(path, minutes=0.001, epochs=4)
    list(api.resume(gliding(), path, epochs=4, minutes=0, hardware=CPU))
    assert read_state(path).epoch == 4


def test_finetuning_starts_from_the_old_model(path, tmp_path):
    events_of(path, epochs=6, ema=0.0)
    tuned = tmp_path / "tuned.morphocast"
    run = small(epochs=1, learning_rate=1e-9)
    list(api.train(gliding(40), tuned, run, hardware=CPU, start_from=path))
    for name, weight in weights(tuned).items():
        torch.testing.assert_close(weight, weights(path)[name], atol=1e-5, rtol=0)
    assert read(tuned)[0].scaling == read(path)[0].scaling


def test_a_loss_that_becomes_nan_keeps_the_last_good_weights(path, monkeypatch):
    honest = ConvLSTM.loss
    calls = []

    def poisoned(self, batch):
        calls.append(1)
        return honest(self, batch) * (float("nan") if len(calls) > 9 else 1)

    monkeypatch.setattr(ConvLSTM, "loss", poisoned)
    events = events_of(path, epochs=50)
    assert events[-1].why == "diverged"
    assert all(weight.isfinite().all() for weight in weights(path).values())


def test_a_run_that_diverges_once_goes_on_more_slowly(path, monkeypatch):
    honest, step = ConvLSTM.loss, Descent.step
    calls, rates = [], []

    def poisoned(self, batch):
        calls.append(1)
        return honest(self, batch) * (float("nan") if len(calls) == 9 else 1)

    def watched(self, objective, batch, weight, rate):
        rates.append(rate)
        return step(self, objective, batch, weight, rate)

    monkeypatch.setattr(ConvLSTM, "loss", poisoned)
    monkeypatch.setattr(Descent, "step", watched)
    events = events_of(path, epochs=4, schedule="constant")
    assert events[-1].why == "done"
    assert rates[9] == pytest.approx(rates[8] / 10)
    assert all(np.isfinite(e.train) for e in events if isinstance(e, EpochDone))


class Slope(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.height = torch.nn.Parameter(torch.zeros(4))


@pytest.mark.parametrize(("clip", "longest"), [(3.0, 3.0), (0.0, 1e6)])
def test_an_unusually_long_gradient_is_shortened(clip, longest):
    slope = Slope()
    descent = Descent(engine(CPU), small(clip=clip).training)
    descents = []
    for steepness in (1, 1, 1e6):
        objective = Objective("mse", lambda _, s=steepness: s * slope.height[0], slope)
        if not descent.optimizers:
            descent.begin(Stage("all", (objective,)))
        descent.step(objective, None, 1.0, 1e-3)
        descents.append(float(slope.height.grad.norm()))
    assert descents == pytest.approx([1, 1, longest], rel=1e-3)


def test_a_gradient_that_has_vanished_is_noticed_after_going_on_too():
    slope, steep = Slope(), [1.0]
    objective = Objective("mse", lambda _: steep[0] * slope.height[0], slope)
    stage = Stage("all", (objective,))
    first, second = (Descent(engine(CPU), small().training) for _ in range(2))
    first.begin(stage)
    first.step(objective, None, 1.0, 1e-3)
    assert not first.faded
    second.begin(stage, first.states())
    steep[0] = 0.0
    for _ in range(2000):
        second.step(objective, None, 1.0, 0.0)
    assert second.faded


def test_the_weights_that_are_kept_are_an_exponential_average(tmp_path, monkeypatch):
    honest, seen = AveragedModel.update_parameters, []

    def update(self, model):
        seen.append({name: p.detach().clone() for name, p in model.named_parameters()})
        honest(self, model)

    monkeypatch.setattr(AveragedModel, "update_parameters", update)
    path = tmp_path / "m.morphocast"
    events_of(path, epochs=1, batches=4, ema=0.8, learning_rate=0.01)
    average = read_state(path).average
    for name, first in seen[0].items():
        expected = first
        for later in seen[1:]:
            expected = 0.8 * expected + 0.2 * later[name]
        torch.testing.assert_close(average[f"module.{name}"], expected)
    assert any(
        not torch.allclose(average[f"module.{name}"], last, atol=1e-4)
        for name, last in seen[-1].items()
    )


@pytest.mark.parametrize(
    ("name", "told", "kind", "betas"),
    [
        ("adamw", None, "AdamW", (0.9, 0.999)),
        ("adamp", None, "AdamP", (0.9, 0.999)),
        ("adamw", (0.1, 0.99), "AdamP", (0.1, 0.99)),
    ],
)
def test_a_stage_learns_with_the_optimiser_that_it_is_told(name, told, kind, betas):
    slope = Slope()
    descent = Descent(engine(CPU), small(optimizer=name).training)
    objective = Objective("mse", lambda _: slope.height.square().sum(), slope)
    descent.begin(Stage("all", (objective,), game=True, betas=told))
    optimizer = descent.optimizers[slope]
    assert type(optimizer).__name__ == kind
    assert optimizer.param_groups[0]["betas"] == betas


def test_an_objective_may_be_slower_than_the_run():
    slope = Slope()
    descent = Descent(engine(CPU), small().training)
    objective = Objective("mse", lambda _: slope.height.square().sum(), slope)
    slow = replace(objective, fastest=1e-3)
    for one, rate in ((objective, 0.1), (slow, 1e-3)):
        descent.begin(Stage("all", (one,)))
        descent.step(one, torch.zeros(1), 1.0, 0.1)
        assert descent.optimizers[slope].param_groups[0]["lr"] == rate


def test_running_out_of_memory_is_one_sentence_with_advice(path, monkeypatch):
    def greedy(self, batch):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(ConvLSTM, "loss", greedy)
    with pytest.raises(TrainingError, match=r"batch of 4.*halve the batch or the crop"):
        events_of(path)


def test_an_operation_that_a_device_lacks_moves_the_run_to_the_cpu(path, monkeypatch):
    honest, calls = ConvLSTM.loss, []

    def lacking(self, batch):
        calls.append(1)
        if len(calls) == 1:
            raise NotImplementedError(
                "The operator 'aten::x' is not implemented for the MPS device."
            )
        return honest(self, batch)

    monkeypatch.setattr(ConvLSTM, "loss", lacking)
    events = events_of(path)
    notes = [event.note for event in events if isinstance(event, Started)]
    assert notes[0] == ""
    assert "aten::x" in notes[1]
    assert "CPU is used" in notes[1]
    assert events[-1].why == "done"


def test_a_failed_run_leaves_no_half_file(path, monkeypatch):
    def broken(*_args, **_kwargs):
        raise OSError("No space left on device")

    monkeypatch.setattr("napari_morphocast.training.checkpoint.serialised", broken)
    with pytest.raises(Exception, match="No space left"):
        events_of(path)
    assert list(path.parent.iterdir()) == []


@pytest.mark.parametrize("key", ["nonsense", "hiden"])
def test_an_unknown_setting_is_named(key):
    with pytest.raises(SettingsError, match=key):
        small(**{key: 1})


def test_a_constant_movie_is_refused_before_training(path):
    with pytest.raises(MovieError, match="nothing to forecast"):
        api.train(constant(30), path, small())


def test_nan_in_training_frames_is_refused_before_training(path):
    frames = gliding(dtype="float32").frames.copy()
    frames[3, 0, 2, 2] = np.nan
    with pytest.raises(MovieError, match="Frame 3"):
        api.train(Movie(frames), path, small())


def test_a_model_that_is_there_already_is_never_replaced(path):
    events_of(path)
    before = path.read_bytes()
    with pytest.raises(SettingsError, match="another name"):
        api.train(gliding(), path, small())
    assert path.read_bytes() == before


def test_finetuning_never_ends_with_something_worse(path, tmp_path):
    events_of(path, epochs=10, ema=0.5)
    worse = tmp_path / "worse.morphocast"
    run = small(epochs=1, learning_rate=1.0, clip=0)
    list(api.train(gliding(), worse, run, hardware=CPU, start_from=path))
    scores = [read(p)[0].scores["validation"] for p in (path, worse)]
    assert scores[1] <= scores[0] * (1 + 1e-5)


def test_finetuning_with_other_channels_is_refused(path, tmp_path):
    events_of(path)
    tuned = tmp_path / "tuned.morphocast"
    with pytest.raises(MovieError, match="trained on 1 channel"):
        api.train(gliding(channels=2), tuned, small(), start_from=path)


def test_a_baseline_cannot_be_finetuned(path):
    with pytest.raises(CheckpointError, match="no model file at persistence"):
        api.train(gliding(), path, small(), start_from="persistence")


def test_a_baseline_needs_no_training(path):
    with pytest.raises(SettingsError, match="needs no training"):
        api.train(gliding(), path, Run.make("persistence"))


def test_more_processes_than_cores_are_refused(path):
    run = api.train(
        gliding(), path, small(), hardware=Hardware(device="cpu", devices=999)
    )
    with pytest.raises(SettingsError, match="999 processes"):
        next(run)


def test_movies_with_different_channels_are_refused(path):
    with pytest.raises(MovieError, match="same channels"):
        api.train([gliding(), gliding(channels=2)], path, small())


def test_a_missing_folder_is_refused_before_training(tmp_path):
    with pytest.raises(SettingsError, match="no folder"):
        api.train(gliding(), tmp_path / "nowhere" / "cells.morphocast", small())


def test_movies_of_different_sizes_train_together(path):
    movies = [gliding(), gliding(size=(40, 31))]
    list(api.train(movies, path, small(crop=20), hardware=CPU))
    assert len(read(path)[0].movies) == 2


@pytest.mark.parametrize(
    "dtype", ["bool", "int8", "uint16", ">u2", "uint32", "float64"]
)
def test_every_stored_type_trains(path, dtype):
    assert events_of(path, gliding(dtype=dtype), epochs=1)[-1].why == "done"


@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_a_mapped_file_trains_without_a_warning(path, dtype, tmp_path):
    np.save(tmp_path / "movie.npy", gliding(dtype=dtype).frames)
    events_of(path, read_movie(tmp_path / "movie.npy"), epochs=1)
    assert path.exists()


def test_streaming_from_disk_gives_the_same_model(path, tmp_path, monkeypatch):
    events_of(path)
    monkeypatch.setattr("napari_morphocast.training.feed.HOST_MEMORY", 0)
    streamed = tmp_path / "streamed.morphocast"
    events_of(streamed)
    assert same(weights(path), weights(streamed))


def written(tmp_path: Path) -> Path:
    movie = gliding(40, (32, 32))
    where = tmp_path / "movie.npy"
    write_movie(where, movie.frames, like=movie, count=len(movie))
    return where


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "napari_morphocast", *map(str, arguments)]


def quiet() -> dict[str, str]:
    return {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore"}


@pytest.mark.slow
def test_a_killed_run_resumes_from_its_last_autosave(tmp_path):
    path, movie = tmp_path / "killed.morphocast", written(tmp_path)
    arguments = ["train", movie, "-o", path, "--device", "cpu", "--epochs", 100_000]
    arguments += ["--model", "convlstm", "--set", "hidden=[4]"]
    arguments += ["--set", "autosave=0.5", "--set", "context=3"]
    process = subprocess.Popen(
        command(*arguments), env=quiet(), stdout=subprocess.DEVNULL
    )
    deadline = time.monotonic() + 120
    while not (state_path(path).exists() and path.exists()):
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.1)
    time.sleep(2)
    process.send_signal(signal.SIGKILL)
    process.wait()
    before = read_state(path)
    assert read(path)[0].scores["validation"] == before.best
    done = subprocess.run(
        command("train", movie, "-o", path, "--resume", "--epochs", before.epoch + 2),
        env=quiet(),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert read_state(path).validation[: before.epoch] == before.validation
    assert read_state(path).epoch == before.epoch + 2


@pytest.mark.slow
def test_two_processes_learn_like_one_with_twice_the_batch(tmp_path):
    movie, curves = written(tmp_path), []
    for devices, batch in ((1, 6), (2, 3)):
        path = tmp_path / f"{devices}.morphocast"
        arguments = ["train", movie, "-o", path, "--device", "cpu", "--epochs", 3]
        arguments += ["--set", f"batch={batch}", "--set", "hidden=[4]"]
        arguments += ["--model", "convlstm"]
        arguments += ["--devices", devices, "--events", "jsonl"]
        done = subprocess.run(
            command(*arguments),
            env=quiet(),
            capture_output=True,
            text=True,
            timeout=200,
        )
        assert done.returncode == 0, done.stderr
        state = read_state(path)
        curves.append((state.train, state.validation))
    np.testing.assert_allclose(curves[0], curves[1], rtol=2e-4)
