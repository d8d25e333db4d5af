import threading
from pathlib import Path

import numpy as np
import pytest
import torch

from movies import gliding
from napari_morphocast import api
from napari_morphocast.api import forecasting
from napari_morphocast.data import finite
from napari_morphocast.data.checks import check, fill_nan
from napari_morphocast.data.movie import Movie
from napari_morphocast.errors import (
    ForecastError,
    MorphocastError,
    MovieError,
    SettingsError,
)
from napari_morphocast.evaluation.baselines import BASELINES
from napari_morphocast.evaluation.proof import Proof
from napari_morphocast.models.convlstm import ConvLSTM
from napari_morphocast.training.config import Hardware, Run
from napari_morphocast.training.record import first_unseen, record, seen_frames
from napari_morphocast.training.trained import Trained

CPU = Hardware(device="cpu")
SMALL = {"hidden": (8,), "context": 3, "horizon": 1, "epochs": 8, "ema": 0.5}


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("models") / "cells.morphocast"
    list(api.train(gliding(), path, Run.make("convlstm", **SMALL), hardware=CPU))
    return path


def blind_after(movie: Movie, end: int) -> Movie:
    """The same movie with garbage from frame ``end`` on."""
    frames = movie.frames.copy()
    frames[end:] = 0
    return Movie(frames, movie.interval, movie.pixel_size, name=movie.name)


def test_predictions_stand_for_the_frames_they_foretell(model):
    forecast = api.predict(gliding(), model, lead=2, hardware=CPU)
    frames = list(forecast.frames)
    assert (forecast.first, forecast.count) == (4, 26)
    assert len(frames) == 26
    assert frames[0].shape == (1, 24, 28)
    assert frames[0].dtype == np.uint8


def test_predicting_persistence_gives_the_frame_before():
    movie = gliding()
    forecast = api.predict(movie, "persistence", lead=3, hardware=CPU)
    for t, frame in enumerate(forecast.frames, start=forecast.first):
        np.testing.assert_array_equal(frame, movie.raw(t - 3, t - 2)[0])


@pytest.mark.parametrize("lead", [1, 3])
def test_a_prediction_never_sees_later_frames(model, lead):
    honest = api.predict(gliding(), model, lead=lead, hardware=CPU)
    blind = api.predict(blind_after(gliding(), 15), model, lead=lead, hardware=CPU)
    pairs = list(zip(honest.frames, blind.frames, strict=True))
    for a, b in pairs[: 15 + lead - honest.first]:
        np.testing.assert_array_equal(a, b)


def test_predictions_do_not_depend_on_how_many_are_made_at_once(model, monkeypatch):
    together = np.stack(list(api.predict(gliding(), model, hardware=CPU).frames))
    monkeypatch.setattr(forecasting, "PIXELS_AT_ONCE", 1)
    alone = np.stack(list(api.predict(gliding(), model, hardware=CPU).frames))
    assert np.abs(together.astype(int) - alone).max() <= 1


def test_a_rollout_begins_after_the_last_frame(model):
    forecast = api.rollout(gliding(), model, horizon=5, hardware=CPU)
    assert (forecast.first, forecast.count) == (30, 5)
    assert len(list(forecast.frames)) == 5


def test_a_rollout_from_the_middle_looks_at_no_later_frame(model):
    honest = api.rollout(gliding(), model, horizon=4, start=12, hardware=CPU)
    blind = api.rollout(
        blind_after(gliding(), 12), model, horizon=4, start=12, hardware=CPU
    )
    np.testing.assert_array_equal(list(honest.frames), list(blind.frames))


def test_a_network_with_a_memory_may_be_warmed_up_on_the_whole_history(model):
    known = gliding().read(0, 20)
    rolled = api.rollout(gliding(), model, horizon=2, start=20, context=20)
    expected = api.load(model).forecast(known, 2)
    np.testing.assert_allclose(list(rolled.frames), expected, atol=0.5)
    short = api.rollout(gliding(), model, horizon=2, start=20)
    assert np.abs(np.stack(list(short.frames)) - expected).max() > 1


@pytest.mark.parametrize(
    ("context", "said"),
    [(0, "1 frame.* or more before it forecasts, not 0"), (40, "40 frames before")],
)
def test_a_context_that_cannot_be_shown_is_refused(model, context, said):
    with pytest.raises((SettingsError, MovieError), match=said):
        api.rollout(gliding(), model, context=context, hardware=CPU)


@pytest.mark.parametrize("kind", ["convlstm", "unet", "advection"])
def test_a_long_history_is_seen_in_parts(kind, model, tmp_path, monkeypatch):
    chosen = model if kind == "convlstm" else kind
    if kind == "unet":
        chosen = tmp_path / "u.morphocast"
        run = Run.make("unet", epochs=1, batches=1, members=2)
        list(api.train(gliding(), chosen, run, hardware=CPU))
    usual = list(api.rollout(gliding(), chosen, horizon=2, context=25).frames)
    monkeypatch.setattr(finite, "CHUNK", 4 * 24 * 28)
    parts = list(api.rollout(gliding(), chosen, horizon=2, context=25).frames)
    np.testing.assert_array_equal(usual, parts)


def test_the_first_frame_of_a_rollout_is_the_prediction_at_lead_one(model):
    rolled = next(api.rollout(gliding(), model, start=10, hardware=CPU).frames)
    predicted = api.predict(gliding(), model, hardware=CPU)
    np.testing.assert_array_equal(rolled, list(predicted.frames)[10 - predicted.first])


def test_forecasts_are_made_only_as_they_are_asked_for(model):
    forecast = api.rollout(gliding(), model, horizon=10**9, hardware=CPU)
    assert next(forecast.frames).shape == (1, 24, 28)


@pytest.mark.parametrize("start", [0, 2, 31, -1])
def test_a_rollout_without_enough_known_frames_is_refused(model, start):
    with pytest.raises(MovieError, match="can start at frames 3 to 30"):
        api.rollout(gliding(), model, start=start, hardware=CPU)


def test_a_lead_beyond_the_movie_is_what_is_to_be_shortened(model):
    with pytest.raises(MovieError, match=r"40 frames ahead; .* a shorter lead"):
        api.predict(gliding(), model, lead=40)


def test_a_movie_shorter_than_the_context_is_refused(model):
    with pytest.raises(MovieError, match="3 frames, but cells needs 4 to predict"):
        api.predict(gliding(3), model, hardware=CPU)


def test_evaluation_always_stands_beside_all_baselines(model):
    scores = api.evaluate(gliding(), [model], horizon=3, hardware=CPU)
    assert set(scores.models) == {"cells", *BASELINES}
    assert {f"skill_{name}" for name in BASELINES} <= {r.metric for r in scores.rows}


def test_a_region_of_another_size_is_refused(model):
    region = np.ones((9, 9), bool)
    with pytest.raises(SettingsError, match="draw it on this movie"):
        api.evaluate(gliding(), [model], region=region, hardware=CPU)


def test_known_noise_is_taken_as_it_is(model):
    how = {"horizon": 1, "noise": [5.0], "hardware": CPU}
    assert api.evaluate(gliding(), [model], **how).floor == 25


def test_controls_tell_forecasting_from_denoising(model):
    found = api.controls(gliding(40), model, horizon=2, since=0.5, hardware=CPU)
    assert found.verdict.startswith("forecasting")


def test_a_model_that_learned_to_glide_beats_nothing_moves(model):
    scores = api.evaluate(gliding(60), [model], horizon=2, hardware=CPU)
    assert scores.of("cells", "skill_persistence")[0].low > 0


def test_scoring_frames_that_were_trained_on_says_so_loudly(model):
    scores = api.evaluate(gliding(), [model], since=0.5, horizon=2, hardware=CPU)
    assert "TRAINED on at least 9 of the frames" in scores.notes[-1]


def test_controls_of_a_baseline_tune_it_on_the_frames_before_those_scored(monkeypatch):
    tuned = []
    real = Trained.baseline.__func__

    def noting(cls, name, movie, until=None):
        tuned.append((name, until))
        return real(cls, name, movie, until)

    monkeypatch.setattr(Trained, "baseline", classmethod(noting))
    api.controls(gliding(40), "ridge", horizon=1, since=0.5, hardware=CPU)
    assert ("ridge", 20) in tuned
    assert {until for _, until in tuned} == {20}


def test_blank_and_repeated_frames_are_nothing_that_a_model_has_learned_from():
    lot = np.random.default_rng(0)
    frames = lot.integers(0, 255, (40, 1, 16, 16)).astype(np.uint8)
    frames[[10, 35]] = 7
    frames[32] = frames[31]
    movie = Movie(frames)
    known = [record(movie, 32)]
    assert seen_frames(known, movie, 32) == 0
    assert seen_frames(known, movie, 30) == 3  # the last is 31 again
    other = lot.integers(0, 255, (40, 1, 16, 16)).astype(np.uint8)
    other[0] = 7
    assert first_unseen(known, Movie(other)) == 0
    frames[0] = 7
    assert first_unseen([record(Movie(frames), 32)], Movie(frames)) == 32


def test_scoring_unseen_frames_says_nothing_of_the_kind(model):
    scores = api.evaluate(gliding(), [model], horizon=2, hardware=CPU)
    assert not any("TRAINED" in note for note in scores.notes)


def test_trained_frames_are_known_again_in_a_renamed_and_cut_movie(model):
    part = Movie(gliding().frames[10:], name="renamed")
    scores = api.evaluate(part, [model], since=0.3, horizon=2, hardware=CPU)
    assert any("TRAINED" in note for note in scores.notes)


@pytest.mark.parametrize("name", ["nonsense", "nonsense.morphocast", "convlstm"])
def test_a_model_that_does_not_exist_is_named(name):
    with pytest.raises(MorphocastError, match=r"nonsense|convlstm"):
        api.predict(gliding(), name, hardware=CPU)


def test_a_device_that_is_not_there_is_refused_with_what_is():
    with pytest.raises(SettingsError, match=r"cuda:97.*cpu"):
        api.predict(gliding(), "persistence", hardware=Hardware(device="cuda:97"))


def test_running_out_of_memory_while_forecasting_is_one_sentence(model, monkeypatch):
    def greedy(self, memory):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(ConvLSTM, "next_frame", greedy)
    with pytest.raises(ForecastError, match="24 x 28 pixels; forecast on the CPU"):
        list(api.rollout(gliding(), model, hardware=CPU).frames)


@pytest.mark.parametrize("name", ["persistence", "advection"])
def test_nan_in_a_movie_to_forecast_is_named(name):
    frames = gliding(dtype="float32").frames.copy()
    frames[27:, 0, 2, 2] = np.nan
    with pytest.raises(MovieError, match="Frame 27"):
        list(api.predict(Movie(frames), name, hardware=CPU).frames)
    with pytest.raises(MovieError, match=r"Frame 2[79]"):
        api.rollout(Movie(frames), name, hardware=CPU)
    with pytest.raises(MovieError, match="Frame 27"):
        api.evaluate(Movie(frames), [name], hardware=CPU)


def test_what_is_filled_in_for_a_forecast_comes_from_the_past():
    frames = gliding(dtype="float32").frames.copy()
    frames[20, 0, :9, :9] = np.nan
    later = frames.copy()
    later[21:] += 50
    read = [fill_nan(Movie(f), from_past=True).read(0, 21) for f in (frames, later)]
    np.testing.assert_array_equal(*read)
    np.testing.assert_array_equal(read[0][20, 0, :9, :9], frames[19, 0, :9, :9])


@pytest.mark.parametrize("since", [-1, 1, 2, float("nan")])
def test_scoring_from_nowhere_is_refused(since):
    with pytest.raises(SettingsError, match="share from 0 to below 1"):
        api.evaluate(gliding(), ["persistence"], since=since, hardware=CPU)


@pytest.mark.parametrize("since", [0, 0.01])
def test_baselines_are_tuned_on_the_frames_before_the_first_one_scored(since):
    scores = api.evaluate(gliding(), ["linear"], horizon=1, since=since, hardware=CPU)
    assert scores.over_time("linear")[0][0] == 4
    assert scores.of("ridge", "skill_persistence")[0].low > 0
    assert any("'ridge'" in note for note in scores.notes)


@pytest.mark.parametrize(
    "verb",
    [check, lambda m: api.evaluate(m, "linear"), lambda m: api.rollout(m, "linear")],
)
def test_grey_levels_too_large_to_compute_with_are_refused(verb):
    movie = Movie(gliding().frames.astype(np.float32) * 1e30, name="huge")
    with pytest.raises(MovieError, match=r"'huge' .*too large"):
        verb(movie)


def test_no_rollout_starts_from_fewer_frames_than_the_context(model):
    with pytest.raises(MovieError, match="has to see 3 frames before it forecasts"):
        api.rollout(gliding(2), model, hardware=CPU)


@pytest.mark.parametrize("start", [1, 99])
def test_a_baseline_that_cannot_be_tuned_is_refused_in_one_sentence(start):
    with pytest.raises(MovieError, match="can start at frames 4 to"):
        api.rollout(gliding(), "ridge", start=start, hardware=CPU)


def test_a_new_model_stands_beside_the_best_of_the_other_baselines(model):
    scores = api.worth(gliding(), model)
    errors = {n: scores.of(n, "mse")[0].value for n in BASELINES if n != "persistence"}
    assert api.hardest(scores, "cells") == min(errors, key=errors.get)


def test_how_far_ahead_a_model_is_of_use_is_kept_in_its_file(model, tmp_path):
    path = tmp_path / "cells.morphocast"
    path.write_bytes(model.read_bytes())
    before = api.load(path)
    scores = api.prove(gliding(), path, hardware=CPU)
    after = api.load(path)
    assert before.checkpoint.proof is None
    assert after.checkpoint.proof == Proof.of(scores, "cells")
    assert scores.leads[-1] > 1
    known = gliding().read(5, 8)
    assert np.array_equal(before.forecast(known, 2), after.forecast(known, 2))


def test_a_check_that_was_stopped_is_not_kept(model, tmp_path):
    path = tmp_path / "cells.morphocast"
    path.write_bytes(model.read_bytes())
    stop = threading.Event()
    stop.set()
    api.prove(gliding(), path, hardware=CPU, stop=stop)
    assert api.load(path).checkpoint.proof is None


def test_a_baseline_given_twice_is_refused():
    with pytest.raises(
        SettingsError, match="'linear' stands there twice; name it once"
    ):
        api.evaluate(gliding(), ["linear", "linear"], horizon=1, hardware=CPU)


def test_two_models_of_one_name_are_told_apart(model, tmp_path):
    twin = tmp_path / "cells.morphocast"
    twin.write_bytes(model.read_bytes())
    with pytest.raises(SettingsError, match="cells"):
        api.evaluate(gliding(), [model, twin], horizon=1, hardware=CPU)
