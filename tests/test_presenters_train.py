"""The Train dock's behaviour: no Qt, no torch, no thread."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from unittest.mock import MagicMock

import numpy as np
import pytest

from napari_morphocast.errors import SettingsError, TrainingError
from napari_morphocast.presenters.job import BusyError, Job, explain, work
from napari_morphocast.presenters.train import (
    Choices,
    TrainPresenter,
    TrainView,
    new_path,
)
from napari_morphocast.training.events import BatchDone, EpochDone, Finished, Started

NOW = datetime(2026, 11, 21, 9, 30)
PREVIEW = np.zeros((3, 1, 4, 4), np.float32)


@dataclass
class Now:
    """Does the work at once, in this thread; one call of on_items for each item."""

    job: Job | None = None
    hold: bool = False
    watchers: list = field(default_factory=list)

    def run(self, job):
        if self.job is not None:
            raise BusyError(f"{self.job.title} is not done yet; wait, or stop it.")
        self.job = job
        if not self.hold:
            self.finish()

    def finish(self):
        job, steps = self.job, work(self.job.items, self.job.stop, bool)
        while True:
            try:
                job.on_items([next(steps)])
            except StopIteration as end:
                message = end.value
                break
        self.job = None
        if message:
            job.on_error(message)
        job.on_end()
        for changed in self.watchers:
            changed()

    def watch(self, changed):
        self.watchers.append(changed)
        return lambda: self.watchers.remove(changed)


class Script:
    """A trainer that tells a story, and remembers what was ordered."""

    def __init__(self, *events, refuse=None, fail=None):
        self.story, self.refuse, self.fail = events, refuse, fail
        self.orders = []

    def check(self, order):
        if self.refuse:
            raise self.refuse

    def events(self, order, stop):
        self.orders.append((order, stop))
        yield from self.story
        if self.fail:
            raise self.fail


def learned(validation=0.5, why="done"):
    return (
        Started(2, 3, 1.0, "cpu", 100),
        BatchDone(1, 1, 0.9),
        EpochDone(1, 0.8, validation, True, 1.0, PREVIEW),
        Finished(why),
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


def test_the_verdict_compares_with_nothing_moves_in_frames_and_minutes(movie, tmp_path):
    view = screen_for(movie, tmp_path)
    train = presenter(Script(*learned(0.69)), view)
    train.start(view)
    assert train.state.verdict.startswith("Beats “nothing moves” by 31 % at 1 frame (1")


def test_a_model_worse_than_nothing_moves_is_called_so(movie, tmp_path):
    view = screen_for(movie, tmp_path, horizon=2)
    train = presenter(Script(*learned(1.2)), view)
    train.start(view)
    assert "Does not beat" in train.state.verdict
    assert "20 % larger" in train.state.verdict


def test_forecasts_follow_a_run_without_another_click(movie, tmp_path):
    view = screen_for(movie, tmp_path)
    presenter(Script(*learned()), view).start(view)
    (order,) = view.show_forecasts.call_args.args
    assert order.movies == (movie,)
    assert order.path.parent == tmp_path


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
