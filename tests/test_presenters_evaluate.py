"""The Evaluate dock's behaviour: no Qt, no torch, no thread."""

from __future__ import annotations

import threading
from dataclasses import replace
from types import SimpleNamespace
from unittest.mock import MagicMock

import numpy as np
import pytest

import presenting
from movies import counted, gliding
from napari_morphocast.data.fingerprint import fingerprint
from napari_morphocast.errors import MovieError
from napari_morphocast.evaluation.scores import Score, Scores
from napari_morphocast.presenters import evaluate_wording as wording
from napari_morphocast.presenters.evaluate import EvaluatePresenter, EvaluateView
from napari_morphocast.presenters.evaluate_work import (
    Evaluation,
    Order,
    Region,
    Share,
    Verbs,
    evaluating,
)
from napari_morphocast.presenters.job import Job
from presenting import Now, require_facts_to_go


def scores(skill=0.5, notes=(), leads=(1, 2), model="cells"):
    """A model and one baseline; the model removes ``skill`` of its error."""
    found = {("persistence", "mse"): 4.0, (model, "mse"): 4 * (1 - skill)}
    found |= {(model, "skill_persistence"): skill}
    rows = [
        Score(name, metric, lead, value, value - 0.1, value + 0.1, 9)
        for (name, metric), value in found.items()
        for lead in leads
    ]
    return Scores(tuple(rows), "gliding", 60.0, tuple(notes))


def control(verdict):
    return SimpleNamespace(verdict=verdict, table=lambda: "a table")


def verbs(found=None, verdict="forecasting: so it is", fail=None):
    """Scores that are always the same; what was asked for is in ``asked``."""
    asked = []

    def evaluate(movie, models, *, progress, **how):
        asked.append((models, how))
        progress(0.5)
        if fail:
            raise fail
        return scores() if found is None else found

    def controls(movie, model, *, progress, **how):
        asked.append((model, how))
        progress(0.5)
        return control(verdict)

    made = Verbs(evaluate, controls, lambda **given: given)
    return lambda: made, asked


def model_file(
    folder, name="cells", learned=None, until=12, channels=1, context=3, task="forecast"
):
    """A model file's header, without weights; ``learned`` is the movie it knows."""
    seen = [fingerprint(learned.raw(0, 1))] if learned else []
    return presenting.model_file(
        folder / f"{name}.morphocast",
        channels=channels,
        window={"context": context, "horizon": 2, "task": task},
        movies=[{"name": "cells", "interval": 60.0, "until": until, "seen": seen}],
    )


def screen(movie, models, since=None, region=None, controls=False):
    view = MagicMock(spec=EvaluateView)
    view.movie.return_value = movie
    view.models.return_value = models
    view.horizon.return_value = 5
    view.since.return_value = since
    view.region.return_value = region
    view.controls.return_value = controls
    view.hardware.return_value = ("cpu", "auto")
    return view


def presenter(view, background=None, do=None):
    return EvaluatePresenter(view, background or Now(), do or verbs()[0])


def reason(view):
    return view.show_ready.call_args.args[0]


def shown(view):
    return view.show_evaluation.call_args.args[0]


def test_without_a_layer_the_dock_says_what_to_do():
    view = screen(None, [])
    presenter(view).refresh()
    assert "Open movie" in reason(view)
    assert "Open movie" in view.show_movie.call_args.args[0]


def test_without_a_ticked_model_nothing_can_be_evaluated():
    view = screen(gliding(20), [])
    presenter(view).refresh()
    assert "Tick" in reason(view)


def test_scored_is_what_training_left_unseen(tmp_path):
    movie = gliding(20)
    view = screen(movie, [model_file(tmp_path, learned=movie)])
    presenter(view).refresh()
    text, time, first, count = view.show_scored.call_args.args
    assert (text, time) == ("12 to 19: unseen in training", "= 5 min")
    assert (first, count) == (12, 20)


def test_of_several_models_the_one_that_has_seen_most_decides(tmp_path):
    movie = gliding(20)
    paths = [model_file(tmp_path, "a", movie, 8), model_file(tmp_path, "b", movie, 15)]
    view = screen(movie, paths)
    presenter(view).refresh()
    assert view.show_scored.call_args.args[2] == 15


def test_of_a_movie_that_is_new_to_the_models_the_end_is_scored(tmp_path):
    view = screen(gliding(20), [model_file(tmp_path)])
    presenter(view).refresh()
    assert view.show_scored.call_args.args[0] == "16 to 19: the movie's end"


def test_scoring_frames_of_the_training_is_warned_of_beforehand(tmp_path):
    movie = gliding(20)
    view = screen(movie, [model_file(tmp_path, learned=movie)], since=5)
    presenter(view).refresh()
    assert "TRAINED on frames before 12" in view.show_warnings.call_args.args[0][0]
    assert reason(view) == ""


def test_a_movie_that_was_learned_whole_cannot_be_evaluated(tmp_path):
    movie = gliding(20)
    view = screen(movie, [model_file(tmp_path, learned=movie, until=20)])
    presenter(view).refresh()
    assert "learned from all frames" in reason(view)


def test_a_look_reads_no_frame_twice(tmp_path):
    movie, read = counted(gliding(20))
    presenter(screen(movie, [model_file(tmp_path, learned=gliding(20))])).refresh()
    assert read == [0]


def test_a_layer_that_is_no_movie_says_so_in_place_of_the_one_before(tmp_path):
    view = screen(gliding(20), [model_file(tmp_path)])
    require_facts_to_go(presenter(view), view)


def test_a_movie_that_is_too_short_cannot_be_evaluated(tmp_path):
    view = screen(gliding(20), [model_file(tmp_path, context=30)])
    presenter(view).refresh()
    assert "sees 30" in reason(view)


def test_models_for_different_channels_are_refused(tmp_path):
    paths = [model_file(tmp_path, "a"), model_file(tmp_path, "b", channels=2)]
    view = screen(gliding(20), paths)
    presenter(view).refresh()
    assert "one after the other" in reason(view)


def test_a_model_for_other_channels_than_the_movie_is_refused(tmp_path):
    view = screen(gliding(20), [model_file(tmp_path, channels=2)])
    presenter(view).refresh()
    assert "2 channel" in reason(view)


def test_while_something_runs_the_button_says_what(tmp_path):
    training = Job("Training on hela", iter(()), print, print, print)
    busy = Now(job=training)
    view = screen(gliding(20), [model_file(tmp_path)])
    presenter(view, busy).refresh()
    assert "Training on hela" in reason(view)


def test_evaluate_shows_what_came_out(tmp_path):
    view = screen(gliding(20), [model_file(tmp_path)])
    presenter(view).evaluate()
    assert shown(view).scores.models == ("persistence", "cells")
    assert view.show_running.call_args_list[0].args == (True,)
    assert view.show_running.call_args_list[-1].args == (False,)


def test_the_share_and_the_region_are_handed_on(tmp_path):
    do, asked = verbs()
    mask = np.ones((24, 28), np.bool_)
    path = model_file(tmp_path)
    view = screen(gliding(20), [path], since=7, region=Region("cell", mask))
    presenter(view, do=do).evaluate()
    ((models, how),) = asked
    assert models == [path]
    assert round(how["since"] * 20) == 7
    assert how["region"] is mask
    assert how["horizon"] == 5


def test_controls_follow_for_every_model(tmp_path):
    do, asked = verbs()
    paths = [model_file(tmp_path, "a"), model_file(tmp_path, "b")]
    view = screen(gliding(20), paths, controls=True)
    presenter(view, do=do).evaluate()
    assert [models for models, _ in asked] == [paths, *paths]
    assert set(shown(view).controls) == {"a", "b"}


def test_the_region_restricts_the_controls_too(tmp_path):
    do, asked = verbs()
    mask = np.ones((24, 28), bool)
    region = Region("cell", mask)
    view = screen(gliding(20), [model_file(tmp_path)], region=region, controls=True)
    presenter(view, do=do).evaluate()
    assert [how["region"] is mask for _, how in asked] == [True, True]


def test_controls_of_what_fills_in_frames_are_refused_before_scoring(tmp_path):
    do, asked = verbs()
    path = model_file(tmp_path, "middle", task="between", context=4)
    view = screen(gliding(20), [path], controls=True)
    presenter(view, do=do).evaluate()
    assert "untick Controls" in view.show_error.call_args.args[0]
    assert asked == []


def test_the_heading_names_the_first_frame_that_was_scored(tmp_path):
    order = Order(gliding(20), (), 2, 1)
    measured = SimpleNamespace(starts=np.array([4, 5]))
    assert "frames 4 to 19" in order.scored(replace(scores(), measured=measured))


def test_stopped_while_it_loads_nothing_is_begun(tmp_path):
    do, asked = verbs()
    stop = threading.Event()
    stop.set()
    order = Order(gliding(20), (model_file(tmp_path),), 2, 16)
    assert list(evaluating(order, stop, do)) == []
    assert asked == []


def test_what_is_shown_is_outdated_as_soon_as_another_is_asked_for(tmp_path):
    view = screen(gliding(20), [model_file(tmp_path)])
    view.region.side_effect = MovieError("No region.")
    presenter(view).evaluate()
    view.show_outdated.assert_called_once()
    view.show_evaluation.assert_not_called()


def test_an_empty_region_is_one_sentence(tmp_path):
    view = screen(gliding(20), [model_file(tmp_path)])
    view.region.side_effect = MovieError("Nothing in the layer lies on the movie.")
    presenter(view).evaluate()
    view.show_error.assert_called_with("Nothing in the layer lies on the movie.")


def test_what_goes_wrong_in_the_thread_is_one_sentence(tmp_path):
    do, _ = verbs(fail=MovieError("There is NaN in frame 3."))
    view = screen(gliding(20), [model_file(tmp_path)])
    presenter(view, do=do).evaluate()
    view.show_error.assert_called_with("There is NaN in frame 3.")
    assert view.show_running.call_args.args == (False,)


def test_stopped_before_anything_was_scored_says_so(tmp_path):
    do, _ = verbs(found=Scores(()))
    view = screen(gliding(20), [model_file(tmp_path)])
    presenter(view, do=do).evaluate()
    view.show_evaluation.assert_not_called()
    assert "Stopped" in view.show_error.call_args.args[0]


def test_stop_keeps_what_was_scored_and_skips_the_controls(tmp_path):
    do, asked = verbs()
    order = Order(gliding(20), (model_file(tmp_path),), 5, 16, controls=True)
    stop = threading.Event()
    items = []
    for item in evaluating(order, stop, do):
        items.append(item)
        stop.set()
    assert [type(item) for item in items] == [Share, Evaluation]
    assert len(asked) == 1


def test_a_dock_that_is_gone_is_spoken_to_no_more(tmp_path):
    view = screen(gliding(20), [model_file(tmp_path)])
    closed = presenter(view, background := Now())
    closed.close()
    view.reset_mock()
    closed.refresh()
    assert not view.method_calls
    assert not background.watchers


def found(controls=None, **story):
    return Evaluation("gliding", scores(**story), controls or {})


def test_a_model_that_was_trained_on_these_frames_is_an_alarm():
    loud, quiet = wording.alarms(found(notes=["cells was TRAINED on 3", "Only 4"]))
    assert (loud, quiet) == (["cells was TRAINED on 3"], ["Only 4"])


def test_a_model_that_only_denoises_is_an_alarm():
    blur = control("denoising, not forecasting: it removes as much")
    loud, _ = wording.alarms(found(controls={"cells": blur}))
    assert "denoising, not forecasting" in loud[0]


def test_the_finding_says_verdict_and_control():
    text = wording.finding(found(controls={"cells": control("no skill")}), "cells")
    assert text.startswith("beats 'nothing moves' by 50 (40 to 60) % at 1 frame")
    assert text.endswith("Controls: no skill.")


def ensemble(*shares):
    """Scores of a model whose 80 % intervals held these shares of the pixels."""
    single = scores(leads=range(1, len(shares) + 1))
    rows = [
        Score("cells", "coverage_80", lead, share, share - 0.1, share + 0.1, 9)
        for lead, share in enumerate(shares, 1)
    ]
    return replace(single, rows=(*single.rows, *rows))


@pytest.mark.parametrize(
    ("shares", "told"),
    [
        ((0.81,), "81 % of the pixels at 1 frame (1 min): as promised."),
        ((0.84, 0.5, 0.76), "76 % of the pixels at 3 frames (3 min): as promised."),
        ((0.79, 0.6), "60 % of the pixels at 2 frames (2 min): as promised, then too"),
        ((0.9, 0.95), "95 % of the pixels at 2 frames (2 min): too doubtful."),
    ],
)
def test_the_finding_says_whether_an_ensemble_keeps_its_promise(shares, told):
    text = wording.finding(Evaluation("", ensemble(*shares)), "cells")
    assert "Its 80 % intervals held the truth of " in text
    assert told in text


def test_the_finding_says_that_a_single_model_promises_nothing():
    assert "cannot say how sure it is" in wording.finding(found(), "cells")


def test_only_what_was_measured_is_offered():
    assert list(wording.errors(scores())) == ["mse"]
    assert list(wording.skills(scores())) == ["skill_persistence"]


@pytest.mark.parametrize(
    ("interval", "label"), [(60.0, "1\n1 min"), (None, "1"), (1800.0, "1\n30 min")]
)
def test_leads_are_labelled_in_frames_and_time(interval, label):
    assert wording.lead_ticks(range(1, 4), interval, 6)[0] == label


def test_the_finding_says_how_far_the_forecasts_are_of_use():
    assert "Useful horizon: at least 2 frames (2 min)" in wording.finding(
        found(), "cells"
    )


@pytest.mark.parametrize("leads", [6, 10, 13, 40])
def test_the_longest_lead_has_a_label(leads):
    assert wording.lead_ticks(range(1, leads + 1), None, 6)[-1] == str(leads)


def test_a_long_lead_axis_has_few_labels():
    labels = wording.lead_ticks(range(1, 41), 60.0, 6)
    assert sum(map(bool, labels)) <= 6
    assert len(labels) == 40
