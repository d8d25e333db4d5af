"""The Forecast dock's behaviour: no Qt, no torch, no thread."""

from __future__ import annotations

import csv
import threading
from dataclasses import replace
from types import SimpleNamespace
from unittest.mock import MagicMock

import numpy as np
import pytest

from movies import gliding
from napari_morphocast.api.forecasting import Step
from napari_morphocast.data.io import read_movie
from napari_morphocast.data.movie import Movie
from napari_morphocast.errors import CheckpointError, MovieError
from napari_morphocast.evaluation.baselines import BASELINES
from napari_morphocast.presenters.export import saving, write_scores
from napari_morphocast.presenters.forecast import (
    ForecastPresenter,
    ForecastView,
    describe,
)
from napari_morphocast.presenters.forecasting import Verbs, error_type, room
from napari_morphocast.presenters.model_files import (
    SAMPLE,
    ModelChoice,
    choices,
    read_facts,
)
from presenting import Now, model_file


def verbs(context=3, learned_until=0, fail=None, members=1, task="forecast"):
    """Forecasts that are all 100; ``fail`` is raised after two frames."""
    scaling = SimpleNamespace(span=np.full((1, 1, 1), 200.0, np.float32))
    model = SimpleNamespace(
        task=task,
        context=context,
        members=members,
        moves=False,
        checkpoint=SimpleNamespace(scaling=scaling, movies=()),
    )

    def steps(movie, count):
        for k in range(count):
            if fail and k == 2:
                raise fail
            spread = np.full(movie.shape[1:], k + 0.5, np.float32)
            frame = np.full(movie.shape[1:], 100, movie.dtype)
            yield Step(frame, spread if members > 1 else None)

    def predict(movie, model, *, lead, between, hardware):
        first = context + lead - 1
        count = len(movie) - first - between
        return SimpleNamespace(first=first, count=count, steps=steps(movie, count))

    def rollout(movie, model, *, horizon, start, hardware):
        first = len(movie) if start is None else start
        return SimpleNamespace(first=first, count=horizon, steps=steps(movie, horizon))

    return Verbs(
        lambda path, movie: model,
        predict,
        rollout,
        lambda **given: given,
        lambda model, movie: learned_until,
    )


def screen(movie, model="persistence", lead=1, horizon=5, start=None):
    view = MagicMock(spec=ForecastView)
    view.movie.return_value = movie
    view.model.return_value = ModelChoice(str(model), model) if model else None
    view.lead.return_value = lead
    view.horizon.return_value = horizon
    view.start.return_value = start
    view.hardware.return_value = ("cpu", "auto")
    return view


def presenter(view, background=None, **story):
    return ForecastPresenter(view, background or Now(), lambda: verbs(**story))


def canvas_of(view):
    return view.canvas.return_value


def result_of(view):
    return canvas_of(view).end.call_args.args[0]


def test_predict_all_forecasts_every_frame_after_the_context():
    view = screen(gliding(10))
    presenter(view, context=3).predict()
    assert result_of(view).begun.first == 3
    assert result_of(view).done == 7


def test_errors_are_the_absolute_difference_from_the_known_frames():
    movie = gliding(10)
    view = screen(movie)
    presenter(view).predict()
    truth = movie.read(4, 5)[0]
    np.testing.assert_array_equal(
        result_of(view).begun.errors[1], np.abs(truth - 100).astype(np.uint8)
    )


def test_an_ensemble_fills_in_what_error_it_expects():
    view = screen(gliding(10))
    presenter(view, members=4).predict()
    spreads = result_of(view).begun.spreads
    assert spreads.shape == result_of(view).begun.frames.shape
    assert spreads[:, 0, 0, 0].tolist() == [k + 0.5 for k in range(7)]


def test_an_ensemble_has_a_spread_where_nobody_knows_the_truth():
    view = screen(gliding(10), horizon=5)
    presenter(view, members=4).rollout()
    assert len(result_of(view).begun.spreads) == 5


def test_the_spread_of_a_colour_movie_is_grey():
    view = screen(replace(gliding(10, channels=3), rgb=True))
    presenter(view, members=4).predict()
    assert result_of(view).begun.spreads.shape[1] == 1


def test_a_single_model_has_no_spread():
    view = screen(gliding(10))
    presenter(view).predict()
    assert result_of(view).begun.spreads is None


def test_frames_grow_on_the_canvas_one_by_one():
    view = screen(gliding(6))
    presenter(view).predict()
    grown = [call.args[0] for call in canvas_of(view).grow.call_args_list]
    assert grown == [1, 2, 3]


def test_a_rollout_past_the_end_has_no_errors_and_says_that_nobody_knows():
    view = screen(gliding(10))
    presenter(view).rollout()
    assert len(result_of(view).begun.errors) == 0
    assert "beyond the end" in view.show_verdict.call_args.args[0]


@pytest.mark.parametrize(
    ("horizon", "said"), [(5, "up to 5 frames (10 s) ahead."), (12, "looked further.")]
)
def test_a_rollout_past_the_end_says_how_far_the_model_is_of_use(horizon, said):
    view = screen(replace(gliding(10), interval=2.0), horizon=horizon)
    view.model.return_value = ModelChoice("tissue", SAMPLE)
    presenter(view).rollout()
    assert view.show_verdict.call_args.args[0].endswith(said)


def test_a_rollout_from_the_current_frame_is_compared_while_there_are_frames():
    view = screen(gliding(10), start=7, horizon=5)
    presenter(view).rollout()
    assert len(result_of(view).begun.errors) == 3
    assert [score.lead for score in result_of(view).scores] == [1, 2, 3]


def test_the_verdict_compares_with_nothing_moves():
    view = screen(gliding(10))
    presenter(view).predict()
    assert "than “nothing moves”" in view.show_verdict.call_args.args[0]


def test_the_verdict_counts_only_frames_that_were_not_learned_from():
    view = screen(gliding(10))
    presenter(view, learned_until=8).predict()
    text = view.show_verdict.call_args.args[0]
    assert text.startswith("On 2 frames the model has not learned from")


def test_a_verdict_on_learned_frames_says_so_loudly():
    view = screen(gliding(10))
    presenter(view, learned_until=10).predict()
    assert "LEARNED FROM" in view.show_verdict.call_args.args[0]


def test_the_verdict_speaks_of_filling_in_where_a_model_does_that():
    view = screen(gliding(10))
    presenter(view, task="between", context=1).predict()
    text = view.show_verdict.call_args.args[0]
    assert text.startswith("On 8 frames, filled in between their neighbours: ")
    assert "than “the mean of both neighbours”" in text
    assert "ahead" not in text


def test_a_frame_that_is_filled_in_is_held_against_the_mean_of_its_neighbours():
    grey = np.array([0, 8, 4, 8, 0], np.float32).reshape(-1, 1, 1, 1)
    view = screen(Movie(grey + np.zeros((5, 1, 12, 12), np.float32)))
    presenter(view, task="between", context=1).predict()
    scores = result_of(view).scores
    assert [score.against for score in scores] == ["neighbours"] * 3
    assert [score.trivial["mse"] for score in scores] == [36, 16, 36]


def test_stop_keeps_the_finished_frames():
    view = screen(gliding(20))
    tested = presenter(view)
    canvas_of(view).grow.side_effect = lambda done: done == 4 and tested.stop()
    tested.predict()
    assert result_of(view).done == 4
    view.show_running.assert_called_with(False)


def test_a_failure_is_one_sentence_and_finished_frames_stay():
    view = screen(gliding(20))
    presenter(view, fail=MovieError("Frame 5 cannot be read; copy it again.")).predict()
    view.show_error.assert_called_once_with("Frame 5 cannot be read; copy it again.")
    assert result_of(view).done == 2


def test_nothing_is_said_to_a_screen_that_is_gone():
    view = screen(gliding(20))
    tested = presenter(view)
    canvas_of(view).grow.side_effect = lambda done: tested.close()
    tested.predict()
    assert result_of(view).done == 1
    assert view.show_verdict.call_args.args[0] == ""


def test_without_a_movie_the_buttons_say_what_to_do():
    view = screen(None)
    presenter(view).refresh()
    reason = view.show_ready.call_args.args[0]
    assert "open" in reason.lower() or "Open" in reason


def test_a_layer_that_is_no_movie_disables_the_buttons_with_its_sentence():
    view = screen(None)
    view.movie.side_effect = MovieError("No time axis; say which axis is time.")
    presenter(view).refresh()
    view.show_ready.assert_called_with(
        "No time axis; say which axis is time.", "No time axis; say which axis is time."
    )


def test_a_movie_that_is_too_short_says_how_many_frames_are_needed(tmp_path):
    view = screen(gliding(6), model_file(tmp_path / "m.morphocast"))
    presenter(view).refresh()
    assert "needs 7" in view.show_ready.call_args.args[0]


def test_a_start_before_the_context_says_where_to_move_the_slider(tmp_path):
    view = screen(gliding(20), model_file(tmp_path / "m.morphocast"), start=3)
    presenter(view).refresh()
    assert "frame 5 or later" in view.show_ready.call_args.args[1]


def test_while_another_job_runs_the_buttons_say_which():
    view, background = screen(gliding(20)), Now()
    tested = presenter(view, background)
    background.job = MagicMock(title="Training on hela")
    tested.refresh()
    assert view.show_ready.call_args.args[0].startswith("Training on hela")


def test_lead_and_horizon_are_shown_in_real_time():
    view = screen(gliding(20), lead=2, horizon=120)
    presenter(view).refresh()
    view.show_times.assert_called_with("= 2 min", "= 2 h")


def test_another_frame_interval_than_the_models_warns(tmp_path):
    view = screen(gliding(20), model_file(tmp_path / "m.morphocast"))
    presenter(view).refresh()
    warnings = view.show_warnings.call_args.args[0]
    assert "1800 s" in warnings[0]
    assert "0.3 µm" in warnings[1]


def test_another_number_of_channels_is_refused(tmp_path):
    path = model_file(tmp_path / "m.morphocast", channels=2)
    view = screen(gliding(20), path)
    presenter(view).refresh()
    assert "2 channel(s)" in view.show_ready.call_args.args[0]


def test_a_models_facts_are_read_without_its_weights(tmp_path):
    text = read_facts(model_file(tmp_path / "m.morphocast")).sentence()
    assert "trained on hela" in text
    assert "21 Nov 2026" in text
    assert "31% better" in text


def test_a_single_model_says_that_it_has_no_uncertainty(tmp_path):
    text = read_facts(model_file(tmp_path / "m.morphocast")).sentence()
    assert "cannot say how sure it is" in text


def test_a_model_says_what_its_adaptive_loss_has_learned(tmp_path):
    scores = {"validation": 0.69, "persistence": 1.0}
    path = model_file(tmp_path / "m.morphocast", scores=scores)
    assert "Outliers" not in read_facts(path).sentence()
    scores |= {"alpha": 0.756, "c": 4.128}
    text = read_facts(model_file(tmp_path / "a.morphocast", scores=scores)).sentence()
    assert text.endswith(
        "\nOutliers, errors above 4.13 grey levels (c), count 0.76 of 2 (alpha)."
    )


def test_an_ensemble_says_how_many_members_it_has(tmp_path):
    path = model_file(tmp_path / "m.morphocast", training={"members": 4})
    text = read_facts(path).sentence()
    assert "convlstm (4 members)" in text
    assert "how uncertain" in text


@pytest.mark.parametrize("content", [b"", b"II*\0abcdefgh", b"\xff" * 40])
def test_a_file_that_is_no_model_gets_one_sentence(tmp_path, content):
    path = tmp_path / "m.morphocast"
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match="no model of Morphocast"):
        read_facts(path)


def test_a_missing_model_gets_one_sentence(tmp_path):
    with pytest.raises(CheckpointError, match="Cannot read"):
        read_facts(tmp_path / "gone.morphocast")


def test_models_trained_now_come_before_those_of_the_folder(tmp_path):
    old = model_file(tmp_path / "a.morphocast")
    new = model_file(tmp_path / "b.morphocast")
    labels = [choice.label for choice in choices([new], tmp_path)]
    assert labels[:2] == ["b", "a"]
    assert labels[-5:] == [f"{name} (baseline)" for name in BASELINES]
    assert old.exists()


def test_a_movie_is_described_in_one_line():
    assert (
        describe(gliding(20)) == "20 frames · 24 × 28 px · 1 min per frame · 0.5 µm/px"
    )


def test_an_unknown_interval_is_said_to_be_unknown():
    assert "interval unknown" in describe(replace(gliding(20), interval=None))


def test_the_table_has_the_models_row_beside_persistence(tmp_path):
    values = {"mse": 1.0, "mae": 0.5, "psnr": 30.0, "ssim": 0.9}
    row = {"frame": 7, "lead": 1, "model": values, "trivial": values}
    row["against"] = "persistence"
    path = tmp_path / "errors.csv"
    write_scores(path, [row], name="tissue", interval=60.0)
    rows = list(csv.DictReader(path.read_text().splitlines()))
    assert [r["model"] for r in rows] == ["tissue", "persistence"]
    assert rows[0]["time_s"] == "420.0"


def test_saved_frames_keep_time_step_and_pixel_size(tmp_path):
    path = tmp_path / "out.ome.tif"
    told = list(saving(path, gliding(5), "forecast", 3, threading.Event()))
    assert told == [0.0, 0.2, 0.4, 0.6, 0.8, path]
    saved = read_movie(path)
    assert (saved.interval, saved.pixel_size) == (60.0, (0.5, 0.5))


def test_saving_that_is_stopped_leaves_the_file_as_it_was(tmp_path):
    path, view, background = tmp_path / "out.ome.tif", screen(None), Now(hold=True)
    path.write_text("older")
    forecast = presenter(view, background)
    forecast.save(gliding(5), path, "forecast", 3)
    view.show_running.assert_called_with(True)
    forecast.stop()
    background.finish()
    assert path.read_text() == "older"
    assert list(tmp_path.iterdir()) == [path]
    view.show_verdict.assert_not_called()
    view.show_error.assert_not_called()


def test_saving_speaks_to_no_screen_that_is_gone(tmp_path):
    view, background = screen(None), Now(hold=True)
    forecast = presenter(view, background)
    forecast.save(gliding(5), tmp_path / "gone" / "out.ome.tif", "forecast", 3)
    forecast.close()
    view.reset_mock()
    background.finish()
    assert view.mock_calls == []


@pytest.mark.parametrize(
    ("stored", "error"), [("bool", "u1"), ("u1", "u1"), ("i2", "u2"), ("f4", "f4")]
)
def test_errors_fit_into_the_smallest_type(stored, error):
    assert error_type(np.dtype(stored)) == np.dtype(error)


def test_results_that_would_fill_the_memory_go_to_a_file(monkeypatch):
    monkeypatch.setattr("napari_morphocast.data.room.MOST_MEMORY", 10)
    assert isinstance(room((3, 1, 4, 4), np.dtype("u1")), np.memmap)
