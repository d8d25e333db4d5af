"""The Explore dock's behaviour: no Qt, no napari, no thread."""

from __future__ import annotations

import threading
from unittest.mock import MagicMock

import numpy as np
import pytest

import presenting
from movies import gliding
from napari_morphocast.errors import MovieError, SettingsError
from napari_morphocast.evaluation.embedded import Embedded
from napari_morphocast.evaluation.projection import Projected
from napari_morphocast.models.base import FORECASTERS, SYNTHESIZERS
from napari_morphocast.models.coded import Coded
from napari_morphocast.presenters import explore_colours as colours
from napari_morphocast.presenters.explore import ExplorePresenter, ExploreView
from napari_morphocast.presenters.explore_work import (
    Cells,
    Explored,
    Order,
    Share,
    Verbs,
    exploring,
    laying_out,
)
from napari_morphocast.presenters.job import BusyError, Job
from napari_morphocast.presenters.model_files import CODED, coders
from presenting import Now, require_facts_to_go


def points(count=20, cells=1, **more):
    numbers = np.arange(count)
    known = {
        "codes": np.random.default_rng(0).normal(size=(count, 3)).astype(np.float32),
        "frames": numbers // cells,
        "labels": 1 + numbers % cells if cells > 1 else np.zeros(count, int),
        "places": np.full((count, 2), 12.0 if cells > 1 else np.nan),
        "means": np.linspace(90, 110, count)[:, None],
        "deviations": np.full((count, 1), 9.0),
        "errors": np.full(count, np.nan),
        "channels": ("channel 0",),
        "crop": 8 if cells > 1 else 0,
        "model": "net",
        "movie": "gliding",
    }
    return Embedded(**(known | more))


def verbs(found=None, fail=None, slow=None):
    """Points that are always the same; what was asked for is in ``asked``."""
    asked = []

    def embed(movie, model, *, progress, **how):
        asked.append(how)
        progress(0.5)
        if fail:
            raise fail
        return points() if found is None else found

    def project(codes, kind, seed=0):
        asked.append(kind)
        if kind == "tsne" and slow is not None:
            slow.wait(10)
        return Projected(kind, codes[:, :2], (f"{kind} 1", f"{kind} 2"))

    return lambda: Verbs(embed, project, lambda **given: given), asked


def model_file(folder, name="net", kind="latent_lstm", channels=1, labels=False):
    """A model file's header, without weights."""
    return presenting.model_file(
        folder / f"{name}.morphocast",
        model=kind,
        channels=channels,
        movies=[{"name": "cells", "interval": 60.0, "labels": labels}],
    )


def screen(movie, model, kind="pca", cells=None, window=1):
    view = MagicMock(spec=ExploreView)
    view.movie.return_value = movie
    view.model.return_value = model
    view.cells.return_value = cells
    view.features.return_value = None
    view.window.return_value = window
    view.crop.return_value = None
    view.kind.return_value = kind
    view.shade.return_value = colours.TIME
    view.hardware.return_value = ("cpu", "auto")
    view.sources.return_value = ("source",)
    return view


@pytest.fixture
def view(tmp_path):
    return screen(gliding(20), model_file(tmp_path))


def presenter(view, background=None, do=None):
    return ExplorePresenter(view, background or Now(), do or verbs()[0])


def reason(view):
    return view.show_ready.call_args.args[0]


def said(view):
    return view.show_error.call_args.args[0]


def explored(view, **how):
    made = presenter(view, **how)
    made.explore()
    return made


# --- before


def test_a_layer_that_is_no_movie_says_so_in_place_of_the_one_before(tmp_path):
    view = screen(gliding(20), model_file(tmp_path))
    require_facts_to_go(presenter(view), view)


def test_the_kinds_with_codes_are_those_that_have_some():
    have = {name for name, kind in FORECASTERS.items() if issubclass(kind, Coded)}
    assert set(CODED) == have | set(SYNTHESIZERS)


def test_only_models_with_codes_are_offered(tmp_path):
    coder, other = model_file(tmp_path), model_file(tmp_path, "other", "unet")
    offered = [choice.model for choice in coders([coder, other], tmp_path)]
    assert coder in offered
    assert other not in offered


def test_without_a_layer_the_dock_says_what_to_do(tmp_path):
    view = screen(None, model_file(tmp_path))
    presenter(view).refresh()
    assert "Open movie" in reason(view)
    assert "Open movie" in view.show_movie.call_args.args[0]


def test_without_a_model_the_dock_says_what_to_do():
    view = screen(gliding(20), None)
    presenter(view).refresh()
    assert "train a latent_lstm" in reason(view)


def test_a_model_without_codes_cannot_be_explored(tmp_path):
    view = screen(gliding(20), model_file(tmp_path, kind="unet"))
    presenter(view).refresh()
    assert "no codes" in reason(view)


def test_a_model_for_other_channels_is_one_sentence(tmp_path):
    view = screen(gliding(20), model_file(tmp_path, channels=2))
    presenter(view).refresh()
    assert "2 channel" in reason(view)


def test_a_window_longer_than_the_movie_is_refused_before_the_work(tmp_path):
    view = screen(gliding(20), model_file(tmp_path), window=21)
    presenter(view).refresh()
    assert "20 frames" in reason(view)


def test_while_something_runs_the_button_says_what(view):
    training = Job("Training on hela", iter(()), print, print, print)
    presenter(view, Now(job=training)).refresh()
    assert "Training on hela" in reason(view)


# --- points


def test_explore_shows_points_coloured_by_time(view):
    explored(view)
    assert len(view.show_explored.call_args.args[0].embedded) == 20
    assert "20 frames of gliding" in view.show_explored.call_args.args[1]
    assert view.show_map.call_args.args[0].kind == "pca"
    assert view.show_shade.call_args.args[0].ends == ("frame 0", "frame 19")
    assert view.show_running.call_args_list[-1].args == (False,)


def test_cells_and_their_crop_are_handed_on(tmp_path):
    labels = np.zeros((20, 24, 28), int)
    view = screen(gliding(20), model_file(tmp_path), cells=Cells("nuclei", labels))
    view.crop.return_value = 32
    do, asked = verbs(points(cells=2))
    explored(view, do=do)
    assert asked[0]["labels"] is labels
    assert asked[0]["crop"] == 32
    assert (
        "20 points: cells of “nuclei” in gliding"
        in view.show_explored.call_args.args[1]
    )


def test_another_plane_needs_no_other_codes(view):
    do, asked = verbs()
    made = explored(view, do=do)
    view.kind.return_value = "tsne"
    made.lay_out()
    view.kind.return_value = "pca"
    made.lay_out()
    assert asked[1:] == ["pca", "tsne"]
    assert view.show_map.call_args.args[0].kind == "pca"
    assert view.show_explored.call_count == 1


def test_a_pca_is_there_while_the_slower_plane_is_found(tmp_path):
    view = screen(gliding(20), model_file(tmp_path), kind="tsne")
    explored(view)
    shown = [call.args[0].kind for call in view.show_map.call_args_list]
    assert shown[0] == "pca"
    assert shown[-1] == "tsne"


def test_a_plane_that_cannot_be_found_now_leaves_the_one_before(view):
    background = Now()
    made = explored(view, background=background)
    background.job = Job("Training on hela", iter(()), print, print, print)
    view.kind.return_value = "tsne"
    made.lay_out()
    assert "Training on hela" in said(view)
    assert view.show_map.call_args.args[0].kind == "pca"


def test_a_wish_that_comes_too_early_does_not_lose_the_work_before(view):
    begun = []

    def run(job):
        if begun:
            raise BusyError("Something is not done yet; wait, or stop it.")
        begun.append(job)

    background = Now()
    made = explored(view, background=background)
    background.run = run
    view.kind.return_value = "tsne"
    made.lay_out()
    made.lay_out()
    assert "not done yet" in said(view)
    assert view.show_running.call_args.args == (True,)
    made.stop()
    assert begun[0].stop.is_set()


def test_what_goes_wrong_in_the_thread_is_one_sentence(view):
    do, _ = verbs(fail=MovieError("There is NaN in frame 3."))
    explored(view, do=do)
    assert said(view) == "There is NaN in frame 3."
    assert view.show_running.call_args.args == (False,)


def order(tmp_path, kind="pca"):
    return Order(gliding(20), model_file(tmp_path), kind=kind)


def test_stopped_while_it_loads_nothing_is_begun(tmp_path):
    do, asked = verbs()
    stop = threading.Event()
    stop.set()
    assert list(exploring(order(tmp_path), stop, do)) == []
    assert asked == []


def test_stop_shows_what_is_there_by_the_quickest_way(tmp_path):
    do, asked = verbs()
    stop, found = threading.Event(), []
    for item in exploring(order(tmp_path, "tsne"), stop, do):
        found.append(item)
        stop.set()
    assert list(found[-1].maps) == ["pca"]
    assert asked[1:] == ["pca"]


def test_of_a_movie_that_is_gone_nothing_is_shown(view):
    background = Now()
    made = presenter(view, background)

    def run(job):
        made.stop(keep=False)
        Now.run(background, job)

    background.run = run
    made.explore()
    view.show_explored.assert_not_called()
    assert view.show_running.call_args.args == (False,)


def test_stopped_with_too_few_points_says_so(view):
    made = presenter(view)
    made.show(Explored(Order(gliding(20), "net"), points(2)))
    assert "too" in said(view) or "enough" in said(view)
    view.show_explored.assert_not_called()


def test_a_plane_that_takes_long_is_left_alone_when_it_is_stopped(tmp_path):
    slow, stop = threading.Event(), threading.Event()
    do, _ = verbs(slow=slow)
    for item in laying_out(Explored(order(tmp_path), points()), "tsne", stop, do):
        assert isinstance(item, Share)
        stop.set()
    assert not slow.is_set()
    slow.set()


def test_a_dock_that_is_gone_is_spoken_to_no_more(view):
    background = Now(ponder=True)
    closed = explored(view, background=background)
    closed.hover(3)
    closed.close()
    view.reset_mock()
    background.reply()
    closed.refresh()
    assert not view.method_calls
    assert not background.watchers


# --- what a point is


def test_hovering_tells_the_frame_and_shows_it(tmp_path):
    view, background = screen(gliding(20), model_file(tmp_path)), Now(ponder=True)
    made = explored(view, background=background, do=verbs(points(interval=60.0))[0])
    made.hover(5)
    assert view.show_point.call_args.args == (
        5,
        "frame 5 · 5 min\nmean grey level 95.3",
    )
    background.reply()
    np.testing.assert_array_equal(
        view.show_picture.call_args.args[0], gliding(20).raw(5, 6)[0]
    )


def test_of_points_that_the_mouse_rushes_over_only_the_last_is_read(view):
    background = Now(ponder=True)
    made = explored(view, background=background)
    for point in (1, 2, 3):
        made.hover(point)
    assert len(background.questions) == 1
    background.reply()
    view.show_picture.assert_not_called()
    background.reply()
    np.testing.assert_array_equal(
        view.show_picture.call_args.args[0], gliding(20).raw(3, 4)[0]
    )
    assert not background.questions


def test_the_picture_of_a_cell_is_its_crop(tmp_path):
    of_cells = Explored(order(tmp_path), points(cells=2))
    wanted = gliding(20).raw(2, 3)[0, :, 8:16, 8:16]
    np.testing.assert_array_equal(of_cells.picture(5), wanted)


def test_the_points_of_the_current_frame_are_marked(tmp_path):
    view = screen(gliding(20), model_file(tmp_path))
    made = explored(view, do=verbs(points(cells=2))[0])
    made.moved(3)
    assert view.show_current.call_args.args[0].tolist() == [6, 7]
    made.moved(None)
    assert not len(view.show_current.call_args.args[0])


def test_the_lasso_says_how_many(view):
    explored(view).choose(np.array([1, 4, 5]))
    assert view.show_chosen.call_args.args[1] == "3 of 20 frames chosen"


def test_points_are_saved_with_every_plane(view, tmp_path):
    made = explored(view)
    made.save(tmp_path / "codes.csv")
    assert "pca_1" in (tmp_path / "codes.csv").read_text().splitlines()[0]


def test_a_table_that_cannot_be_written_is_one_sentence(view, tmp_path):
    explored(view).save(tmp_path / "nowhere" / "codes.csv")
    assert "Cannot write" in said(view)


# --- colours


def test_what_is_known_is_offered(view):
    view.shade.return_value = "contrast"
    found = points(errors=np.arange(20.0))
    explored(view, do=verbs(found)[0])
    assert view.show_shades.call_args.args[0] == [
        *("time", "error of its forecast", "mean grey level", "contrast"),
    ]


def test_outliers_do_not_take_all_colours():
    shade = colours.amounts(np.append(np.linspace(0, 1, 1000), 900.0), "grey levels")
    assert shade.high < 2
    assert shade.ends[1].startswith("≥ ")
    assert shade.ends[1].endswith(" grey levels")


def written(path, *lines, separator=","):
    path.write_text("\n".join(separator.join(line) for line in lines))
    return path


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_a_table_is_joined_by_frame_and_label(tmp_path, separator):
    lines = ("Frame", "label", "area"), ("1", "2", "7.5"), ("0", "1", "3")
    path = written(tmp_path / "cells.csv", *lines, separator=separator)
    (shade,) = colours.of_table(colours.read_table(path, points(4, cells=2))).values()
    np.testing.assert_array_equal(shade.values, [3, np.nan, np.nan, 7.5])


def test_of_frames_a_table_is_joined_by_frame_alone(tmp_path):
    path = written(tmp_path / "drug.csv", ("frame", "dose"), ("0", "1"), ("2", "5"))
    (shade,) = colours.of_table(colours.read_table(path, points(3))).values()
    np.testing.assert_array_equal(shade.values, [1, np.nan, 5])


def test_words_are_kinds(tmp_path):
    lines = ("frame", "phase"), ("0", "mitosis"), ("1", "rest"), ("2", "mitosis")
    path = written(tmp_path / "phases.csv", *lines)
    found = colours.of_table(colours.read_table(path, points(4)))
    shade = found["phase · phases.csv"]
    assert shade.kinds == ("mitosis", "rest")
    np.testing.assert_array_equal(shade.values, [0, 1, 0, np.nan])


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ([("time", "dose"), ("0", "1")], "no column called frame"),
        ([("frame", "dose"), ("77", "1")], "No row"),
        ([("frame",), ("1",)], "no column besides frame"),
        ([()], "no column called frame"),
    ],
)
def test_a_table_that_says_nothing_is_one_sentence(view, tmp_path, lines, told):
    path = written(tmp_path / "drug.csv", *lines)
    assert explored(view).add_table(path) == ""
    assert told in said(view)


def test_a_file_that_is_no_table_is_one_sentence(view, tmp_path):
    (tmp_path / "drug.csv").write_bytes(b"\xff\xfe\x00\x01")
    assert explored(view).add_table(tmp_path / "drug.csv") == ""
    assert "it is no text" in said(view)


def test_the_columns_of_a_table_are_offered_beside_the_others(view, tmp_path):
    path = written(tmp_path / "drug.csv", ("frame", "dose"), ("0", "1"), ("2", "5"))
    assert explored(view).add_table(path) == "dose · drug.csv"
    assert view.show_shades.call_args.args[0][-1] == "dose · drug.csv"


def test_what_the_labels_layer_knows_is_offered_too(tmp_path):
    view = screen(gliding(20), model_file(tmp_path), cells=Cells("nuclei", None))
    view.features.return_value = "nuclei", {"label": [1, 2], "area": [30, 40]}
    explored(view, do=verbs(points(cells=2))[0])
    assert "area · nuclei" in view.show_shades.call_args.args[0]


def test_too_few_points_are_one_sentence(view):
    def refuse(codes, kind, seed=0):
        raise SettingsError("There are only 3 points.")

    do = Verbs(lambda *_, **__: points(3), refuse, lambda **given: given)
    explored(view, do=lambda: do)
    assert said(view) == "There are only 3 points."
