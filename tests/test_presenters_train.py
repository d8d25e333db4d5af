"""The Train dock's behaviour: no Qt, no torch, no thread."""

from __future__ import annotations

import sys
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from unittest.mock import MagicMock

import numpy as np
import pytest

from movies import gliding
from napari_morphocast.errors import SettingsError, TrainingError
from napari_morphocast.evaluation.estimates import Score
from napari_morphocast.evaluation.proof import Proof
from napari_morphocast.presenters import forecasting
from napari_morphocast.presenters.forecasting import Begun, FrameScore, Result
from napari_morphocast.presenters.job import Job, explain
from napari_morphocast.presenters.model_files import ModelFacts
from napari_morphocast.presenters.run_files import new_path
from napari_morphocast.presenters.train import Choices, TrainPresenter, TrainView
from napari_morphocast.presenters.train_wording import beside, estimate
from napari_morphocast.presenters.trainer import too_short
from napari_morphocast.training.events import (
    UNIMPROVED,
    UNVOUCHED,
    BatchDone,
    EpochDone,
    Finished,
    Saved,
    Started,
)
from presenting import Now

NOW = datetime(2026, 11, 21, 9, 30)
PREVIEW = np.zeros((3, 1, 4, 4), np.float32)


class Script:
    """A trainer that tells a story, and remembers what was ordered."""

    def __init__(self, *events, refuse=None, fail=None, skill=None):
        self.story, self.refuse, self.fail = events, refuse, fail
        self.skill = skill
        self.orders = []

    def check(self, order):
        if self.refuse:
            raise self.refuse

    def events(self, order, stop):
        self.orders.append((order, stop))
        yield from self.story
        if self.fail:
            raise self.fail

    def rival(self, order, stop):
        return self.skill


def learned(validation=0.5, why="done", best=True, best_epoch=0, kept=1.0):
    return (
        Started(2, 3, 1.0, "cpu", 100, best_epoch=best_epoch),
        BatchDone(1, 1, 0.9),
        EpochDone(1, 0.8, validation, best, 1.0, PREVIEW),
        Finished(why, kept),
    )


def screen_for(movie, folder, horizon=1):
    view = MagicMock(spec=TrainView)
    view.movies.return_value = ([movie], "layer")
    view.choices.return_value = Choices("convlstm", {"horizon": horizon}, Path(folder))
    return view


def presenter(trainer, view, background=None, **more):
    made = TrainPresenter(background or Now(), trainer, **more)
    made.attach(view)
    return made


def forecast_of(movie, skill=0.31, unseen=5, scored=24, done=24):
    """A prediction of ``movie`` that has so much less error than "nothing moves"."""
    scores = [
        FrameScore(t, 1, {"mse": 1 - skill}, {"mse": 1.0}) for t in range(2, scored)
    ]
    order = forecasting.Order("prediction", movie, "model", "model", 1)
    frames = np.zeros((24, 1, 2, 2))
    return Result(Begun(order, 2, 2, unseen, frames, frames), done, tuple(scores))


def judged(movie, folder, result, skill=None, **more):
    """What is said after a run whose model makes this forecast."""
    view = screen_for(movie, folder)
    view.show_forecasts.side_effect = lambda order, done, stop: done(result)
    train = presenter(Script(*learned(**more), skill=skill), view)
    train.start(view)
    return train.state.verdict


def test_the_verdict_compares_with_nothing_moves_on_unseen_frames(movie, tmp_path):
    assert judged(movie, tmp_path, forecast_of(movie)) == (
        "Beats “nothing moves” by 31 % at 1 frame (1 min), on 19 frames it has "
        "never seen."
    )


@pytest.mark.parametrize(
    ("best", "best_epoch", "said"),
    [(False, 0, True), (True, 0, False), (False, 3, False)],
)
def test_a_run_that_was_never_better_than_its_start_says_so(
    movie, tmp_path, best, best_epoch, said
):
    verdict = judged(
        movie, tmp_path, forecast_of(movie), best=best, best_epoch=best_epoch
    )
    assert (UNIMPROVED in verdict) == said


@pytest.mark.parametrize(
    ("kept", "said"),
    [
        (1.0, ""),
        (0.95, ""),
        (0.63, "The validation frames vouch for 63 % of what was learned"),
        (0.0, UNVOUCHED),
    ],
)
def test_a_run_of_which_little_was_kept_says_so(movie, tmp_path, kept, said):
    verdict = judged(movie, tmp_path, forecast_of(movie), best=True, kept=kept)
    assert said in verdict
    assert ("vouch" in verdict) == bool(said)


@pytest.mark.parametrize(
    ("low", "value", "high", "said"),
    [
        (0.1, 0.2, 0.3, "Also beats the best of the other baselines, ridge"),
        (-0.3, -0.2, -0.1, "its error is 20 % larger"),
        (-0.1, 0.0, 0.1, "the difference may be chance"),
    ],
)
def test_the_verdict_names_the_best_of_the_other_baselines(
    movie, tmp_path, low, value, high, said
):
    skill = Score("model", "skill_ridge", 1, value, low, high, 19)
    verdict = judged(movie, tmp_path, forecast_of(movie), skill)
    assert verdict.startswith("Beats “nothing moves” by 31 %")
    assert said in verdict


@pytest.mark.parametrize(
    ("useful", "furthest", "said"),
    [
        (5, 5, "it is of use up to 5 frames (50 s) ahead, as far as was looked."),
        (2, 5, "it is of use up to 2 frames (20 s) ahead, but no further."),
        (0, 5, ""),
    ],
)
def test_how_far_ahead_a_model_is_of_use_is_said(useful, furthest, said):
    facts = ModelFacts("unet", 1, 8, interval=10.0, proof=Proof(18, useful, furthest))
    assert "".join(beside(None, facts)).removeprefix("Rolled out ") == said
    assert facts.proof.sentence(interval=10.0) in facts.sentence()


def test_a_model_that_fills_in_frames_is_compared_with_their_neighbours(
    movie, tmp_path
):
    made = forecast_of(movie)
    scores = tuple(replace(score, against="neighbours") for score in made.scores)
    filled = replace(made, begun=replace(made.begun, between=True), scores=scores)
    assert judged(movie, tmp_path, filled) == (
        "Beats “the mean of both neighbours” by 31 % where it fills in a frame, on "
        "19 frames it has never seen."
    )


def test_a_model_worse_than_nothing_moves_is_called_so(movie, tmp_path):
    said = judged(movie, tmp_path, forecast_of(movie, skill=-0.12))
    assert "Does not beat" in said
    assert "12 % larger" in said


def test_the_error_on_frames_that_were_learned_from_does_not_count(movie, tmp_path):
    good = forecast_of(movie, 0.9)
    bad = [replace(s, model={"mse": 1.5}) for s in good.scores if s.frame >= 5]
    mixed = replace(good, scores=(*good.scores[:3], *bad))
    assert "50 % larger" in judged(movie, tmp_path, mixed)


def test_few_unseen_frames_are_called_too_few(movie, tmp_path):
    said = judged(movie, tmp_path, forecast_of(movie, unseen=22))
    assert "on 2 frames it has never seen, so few that it may be chance" in said


def test_a_model_that_saw_every_frame_is_not_judged(movie, tmp_path):
    said = judged(movie, tmp_path, forecast_of(movie, unseen=24))
    assert said.startswith("The model has learned from every frame")


@pytest.mark.parametrize("stopped", [True, False])
def test_without_a_whole_forecast_the_model_is_not_judged(movie, tmp_path, stopped):
    result = forecast_of(movie, done=9) if stopped else None
    assert judged(movie, tmp_path, result).startswith("Not checked on unseen frames")


def test_until_the_forecast_is_there_the_verdict_waits(movie, tmp_path):
    view = screen_for(movie, tmp_path)
    train = presenter(Script(*learned()), view)
    train.start(view)
    assert train.state.verdict == "Checking on unseen frames…"


def test_the_verdict_on_an_earlier_run_comes_too_late(movie, tmp_path):
    view, background = screen_for(movie, tmp_path), Now()
    train = presenter(Script(*learned()), view, background)
    train.start(view)
    _, done, _ = view.show_forecasts.call_args.args
    background.hold = True
    train.start(view)
    done(forecast_of(movie))
    assert train.state.verdict == ""


def test_a_run_that_learned_nothing_says_so(movie, tmp_path):
    view = screen_for(movie, tmp_path)
    train = presenter(Script(Started(2, 3, 1.0, "cpu", 1), Finished("stopped")), view)
    train.start(view)
    assert "nothing has been learned" in train.state.verdict


def test_a_run_stopped_at_once_makes_one_statement_and_points_to_no_file(
    movie, tmp_path
):
    view, saved = screen_for(movie, tmp_path), Saved(tmp_path / "a.morphocast")
    story = Started(2, 3, 1.0, "cpu", 1), saved, Finished("stopped")
    train = presenter(Script(*story), view)
    train.start(view)
    assert train.state.progress.path == saved.path
    assert (train.state.status, train.state.saved) == ("", None)


@pytest.mark.parametrize(
    ("why", "said"), [("time", "more minutes"), ("diverged", "smaller learning rate")]
)
def test_a_run_that_learned_nothing_says_what_to_try(movie, tmp_path, why, said):
    view = screen_for(movie, tmp_path)
    train = presenter(Script(Started(2, 3, 1.0, "cpu", 1), Finished(why)), view)
    train.start(view)
    assert said in train.state.verdict


def test_an_error_names_the_file_only_and_points_to_no_earlier_one(movie, tmp_path):
    view, last = screen_for(movie, tmp_path), tmp_path / "old.morphocast"
    last.with_name("old.morphocast.resume").touch()
    train = presenter(Script(*learned(), Saved(last)), view, last=last)
    train.resume(view)
    assert train.state.saved == last
    train._trainer = Script(fail=TrainingError(f"The run that makes {last} is over."))
    train.resume(view)
    assert train.state.error == "The run that makes 'old.morphocast' is over."
    assert train.state.saved is None


def test_too_few_frames_are_known_before_anything_is_pressed(movie):
    assert "need at least" in too_short([movie], {"context": 40, "horizon": 2})
    assert too_short([movie], {"context": 2, "horizon": 1}) == ""


def test_a_short_movie_gets_a_shorter_window_unless_one_was_chosen():
    assert too_short([gliding(12)], {"context": 8, "horizon": 4}) == ""
    assert "need at least" in too_short([gliding(12)], {"context": 9})


def test_what_the_run_has_to_say_is_shown(movie, tmp_path):
    view, note = screen_for(movie, tmp_path), "The CPU is used."
    train = presenter(Script(Started(2, 3, 1.0, "cpu", 1, note=note)), view)
    train.start(view)
    assert train.state.note == note


def test_the_estimate_is_the_time_limit():
    assert estimate({"minutes": 2.0, "epochs": 9}).startswith("At most 2 min")


def test_without_a_limit_the_estimate_counts_the_epochs():
    assert "9 passes" in estimate({"minutes": 0.0, "epochs": 9})


def test_a_complete_run_goes_on_only_with_more_epochs(movie, tmp_path):
    view = screen_for(movie, tmp_path)
    train = presenter(Script(*learned()), view)
    train.start(view)
    train.order.path.with_name(train.order.path.name + ".resume").touch()
    train._end()
    view.choices.return_value = Choices("convlstm", {"epochs": 1}, tmp_path)
    train.resume(view)
    assert "ask for more than 1" in train.state.error
    view.choices.return_value = Choices("convlstm", {"epochs": 2}, tmp_path)
    train.resume(view)
    assert train._trainer.orders[-1][0].goes_on


def test_forecasts_follow_a_run_without_another_click(movie, tmp_path):
    view = screen_for(movie, tmp_path)
    presenter(Script(*learned()), view).start(view)
    order, _, _ = view.show_forecasts.call_args.args
    assert order.movies == (movie,)
    assert order.path.parent == tmp_path


@pytest.mark.parametrize(
    "end",
    [
        lambda train, view: train.stop(),
        lambda train, view: train.stop_if(lambda order: order.source == "layer"),
        lambda train, view: train.detach(view),
    ],
    ids=["stop", "layer deleted", "dock closed"],
)
def test_the_forecasts_after_a_run_are_stopped_like_the_run(movie, tmp_path, end):
    view = screen_for(movie, tmp_path)
    train = presenter(Script(*learned()), view)
    train.start(view)
    _, done, stop = view.show_forecasts.call_args.args
    assert (train.state.no_stopping, stop.is_set()) == ("", False)
    end(train, view)
    assert stop.is_set()
    assert train.state.status == "Stopping after this frame…"
    done(None)
    assert train.state.verdict.startswith("Not checked")
    assert train.state.no_stopping == "Nothing is being trained."


def test_a_check_that_was_stopped_compares_with_no_other_baseline(movie, tmp_path):
    view, background = screen_for(movie, tmp_path), Now(ponder=True)
    train = presenter(Script(*learned()), view, background)
    train.start(view)
    train.stop()
    view.show_forecasts.call_args.args[1](forecast_of(movie))
    assert not background.questions


def test_no_forecasts_follow_a_run_that_learned_nothing(movie, tmp_path):
    view = screen_for(movie, tmp_path)
    presenter(Script(Started(2, 3, 1.0, "cpu", 1), Finished("stopped")), view).start(
        view
    )
    view.show_forecasts.assert_not_called()


def test_the_preview_is_shown_after_each_epoch(movie, tmp_path):
    view = screen_for(movie, tmp_path)
    presenter(Script(*learned()), view).start(view)
    assert view.show_preview.call_args.args[0] is PREVIEW


def test_wrong_settings_are_refused_before_anything_starts(movie, tmp_path):
    view, background = screen_for(movie, tmp_path), Now(hold=True)
    train = presenter(Script(refuse=SettingsError("Too big.")), view, background)
    train.start(view)
    assert train.state.error == "Too big."
    assert background.job is None


def test_without_a_movie_the_error_says_what_to_do(tmp_path):
    view = screen_for(None, tmp_path)
    view.movies.return_value = ([], None)
    train = presenter(Script(), view)
    train.start(view)
    assert "open one first" in train.state.error


def test_a_failing_run_ends_in_one_sentence_and_can_be_started_again(movie, tmp_path):
    view, sentence = screen_for(movie, tmp_path), "Memory ran out; use a smaller batch."
    train = presenter(Script(*learned()[:2], fail=TrainingError(sentence)), view)
    train.start(view)
    assert train.state.error == sentence
    assert not train.state.running
    train._trainer = Script(*learned())
    train.start(view)
    assert train.state.error == ""
    assert train.state.verdict


def test_stop_is_seen_by_the_run_and_shown(movie, tmp_path):
    view, background = screen_for(movie, tmp_path), Now(hold=True)
    train = presenter(Script(*learned()), view, background)
    train.start(view)
    train.stop()
    assert background.job.stop.is_set()
    assert train.state.status.startswith("Stopping")


def test_a_closed_dock_stops_the_run_and_hears_nothing_more(movie, tmp_path):
    view, background = screen_for(movie, tmp_path), Now(hold=True)
    train = presenter(Script(*learned()), view, background)
    train.start(view)
    train.detach(view)
    view.reset_mock()
    background.finish()
    assert train._trainer.orders[0][1].is_set()
    assert view.mock_calls == []


def test_a_reopened_dock_shows_the_run_that_is_on(movie, tmp_path):
    view, background = screen_for(movie, tmp_path), Now(hold=True)
    train = presenter(Script(*learned()), view, background)
    train.start(view)
    again = screen_for(movie, tmp_path)
    train.attach(again)
    assert again.show_state.call_args.args[0].running


def test_a_second_run_waits_for_the_first(movie, tmp_path):
    view, background = screen_for(movie, tmp_path), Now(hold=True)
    background.job = MagicMock(spec=Job, title="Forecasting hela")
    train = presenter(Script(*learned()), view, background)
    train.start(view)
    assert train.state.error.startswith("Forecasting hela is not done yet")
    assert not train.state.running


def test_a_removed_layer_stops_only_the_run_that_uses_it(movie, tmp_path):
    view, background = screen_for(movie, tmp_path), Now(hold=True)
    train = presenter(Script(*learned()), view, background)
    train.start(view)
    train.stop_if(lambda order: order.source == "another layer")
    assert not background.job.stop.is_set()
    train.stop_if(lambda order: order.source == "layer")
    assert background.job.stop.is_set()


def test_an_interrupted_run_of_an_earlier_session_can_be_resumed(movie, tmp_path):
    last = tmp_path / "old.morphocast"
    last.with_name("old.morphocast.resume").touch()
    view = screen_for(movie, tmp_path)
    train = presenter(Script(*learned()), view, last=last)
    assert train.state.resumable == last
    train.resume(view)
    order, _ = train._trainer.orders[0]
    assert order.goes_on
    assert order.path == last


def test_finetuning_starts_from_the_chosen_file(movie, tmp_path):
    view = screen_for(movie, tmp_path)
    train = presenter(Script(*learned()), view)
    train.start(view, Path("old.morphocast"))
    assert train._trainer.orders[0][0].start_from == Path("old.morphocast")


def test_the_time_that_is_left_follows_from_the_time_that_it_took(movie, tmp_path):
    view, times = screen_for(movie, tmp_path), iter([0.0, 30.0])
    events = Started(1, 4, 1.0, "cpu", 1), BatchDone(1, 1, 0.5)
    background = Now(hold=True)
    train = presenter(Script(), view, background, clock=lambda: next(times))
    train.start(view)
    for event in events:
        background.job.on_items([event])
    assert train.state.remaining == pytest.approx(90)
    assert train.state.status.endswith("left")


def test_an_older_model_is_never_overwritten(tmp_path):
    first = new_path(tmp_path, "a/b: c", NOW)
    first.touch()
    second = new_path(tmp_path, "a/b: c", NOW)
    assert first.name == "a_b_ c 2026-11-21 09.30.morphocast"
    assert second.name == "a_b_ c 2026-11-21 09.30 (2).morphocast"


def test_out_of_memory_is_explained_in_one_sentence():
    error = RuntimeError("CUDA out of memory. Tried to allocate 2 GiB")
    assert "smaller batch" in explain(error)


def test_a_surprise_is_named_and_sent_to_the_log(caplog):
    assert "KeyError" in explain(KeyError("x"))
    assert "A job failed" in caplog.text


def test_the_presenters_need_no_torch():
    import subprocess

    code = (
        "import sys, napari_morphocast.presenters.train, "
        "napari_morphocast.presenters.trainer, napari_morphocast.presenters.catalog; "
        "sys.exit('torch' in sys.modules or 'qtpy' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
