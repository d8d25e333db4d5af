"""The Evaluate dock in napari, with a small model on a movie that it knows."""

from __future__ import annotations

import json

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image, Labels, Shapes
from qtpy.QtWidgets import QFileDialog

from movies import gliding
from napari_morphocast import api
from napari_morphocast.errors import MovieError
from napari_morphocast.presenters.model_files import SAMPLE
from napari_morphocast.training.config import Run
from napari_morphocast.widgets._background import controller_of
from napari_morphocast.widgets._evaluate import EvaluateDock
from napari_morphocast.widgets._layers import Source
from napari_morphocast.widgets._movies import layers_of
from napari_morphocast.widgets._regions import region_of

SMALL = {"context": 3, "horizon": 1, "epochs": 1, "hidden": (4,), "crop": 0}
SQUARE = [[4, 6], [4, 10], [8, 10], [8, 6]]  # pixels


@pytest.fixture
def viewer(home):
    return ViewerModel()


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A model that has learned from the first 16 frames of a movie of 20."""
    path = tmp_path_factory.mktemp("models") / "cells.morphocast"
    list(api.train(gliding(20), path, Run.make("convlstm", **SMALL)))
    return path


@pytest.fixture
def dock(viewer, qtbot, model):
    made = EvaluateDock(viewer)
    made._tick(set())
    made.choose_model(model)
    qtbot.addWidget(made)
    yield made
    made.presenter.close()
    wait(qtbot, viewer)


def show(viewer, movie):
    return [viewer.add_image(data, **how) for data, how, _ in layers_of(movie)]


def wait(qtbot, viewer):
    qtbot.waitUntil(lambda: controller_of(viewer).job is None, timeout=60_000)


@pytest.fixture
def evaluated(dock, viewer, qtbot):
    """A dock that shows how good the model is at the end of its movie."""
    show(viewer, gliding(20))
    evaluate(dock, viewer, qtbot)
    return dock


def evaluate(dock, viewer, qtbot):
    dock.form.horizon.setValue(2)
    dock.presenter.refresh()
    dock.form.evaluate.click()
    wait(qtbot, viewer)
    assert dock.form.error.text() == ""


@pytest.fixture
def save_as(tmp_path, monkeypatch):
    """What the user types when asked for a file."""
    path = tmp_path / "kept"
    monkeypatch.setattr(
        QFileDialog, "getSaveFileName", lambda *_: (str(path), "any kind")
    )
    return path


def curves(dock, chart):
    return len(dock.form.results.curves._charts[chart].listDataItems())


def test_an_empty_viewer_says_what_to_do(dock):
    assert "Open" in dock.form.movie_facts.text()
    assert not dock.form.evaluate.isEnabled()
    assert "Open" in dock.form.evaluate.toolTip()
    assert "Evaluate a model first" in dock.form.export.toolTip()


def test_the_sample_model_is_ticked_at_first(viewer, qtbot):
    first = EvaluateDock(viewer)
    qtbot.addWidget(first)
    assert first.models() == [SAMPLE]
    first.presenter.close()


def test_a_model_that_was_added_is_ticked(dock, model):
    assert dock.models() == [model]


def test_evaluate_says_and_draws_what_the_model_is_worth(evaluated):
    results = evaluated.form.results
    assert results.isVisibleTo(evaluated)
    assert "'nothing moves'" in results._findings.text()
    assert "frames 16 to 19 · whole frame" in results._what.text()
    assert curves(evaluated, "error") == len(results.evaluation.scores.models) == 6
    assert evaluated.form.export.isEnabled()


def test_few_forecasts_are_a_warning_that_is_seen(evaluated):
    assert (
        "too few to tell what is better; score 4 frames more"
        in evaluated.form.results._note.text()
    )
    assert evaluated.form.results._note.isVisibleTo(evaluated)


def test_unticking_a_model_in_the_legend_hides_its_curves(evaluated):
    before = curves(evaluated, "error")
    evaluated.form.results.curves.legend._boxes["linear"].setChecked(False)
    assert curves(evaluated, "error") == before - 1


def test_another_measure_and_lead_are_drawn(evaluated):
    shown = evaluated.form.results.curves
    shown.error.setCurrentIndex(shown.error.findData("ssim"))
    shown.lead.setCurrentIndex(shown.lead.findData(2))
    assert shown._charts["time"].getAxis("left").labelText == "SSIM"
    assert list(shown._frames) == [17, 18, 19]


def test_a_click_moves_the_viewer_to_the_frame(evaluated, viewer):
    evaluated.form.results.curves._charts["time"].clicked.emit(17.8)
    assert viewer.dims.point[0] == 18 * 60.0


def test_the_slider_moves_the_mark(evaluated, viewer):
    viewer.dims.set_point(0, 17 * 60.0)
    assert evaluated.form.results.curves._charts["time"]._line.value() == 17


def test_a_click_after_the_movie_was_deleted_does_nothing(evaluated, viewer):
    viewer.layers.clear()
    evaluated.form.results.curves._charts["time"].clicked.emit(17.0)


def test_a_reopened_dock_shows_the_last_evaluation(evaluated, viewer, qtbot):
    again = EvaluateDock(viewer)
    qtbot.addWidget(again)
    assert again.form.results.evaluation is evaluated.form.results.evaluation
    assert again.form.horizon.value() == 2


def test_the_theme_is_followed(evaluated, viewer):
    viewer.theme = "light"
    chart = evaluated.form.results.curves._charts["skill"]
    assert chart.backgroundBrush().color().lightness() > 200


def test_two_models_are_evaluated_side_by_side(dock, viewer, qtbot, tmp_path, model):
    copy = tmp_path / "other.morphocast"
    copy.write_bytes(model.read_bytes())
    show(viewer, gliding(20))
    dock.choose_model(copy)
    assert dock.models() == [copy, model]
    evaluate(dock, viewer, qtbot)
    assert dock.form.results.evaluation.scores.models[:2] == ("other", "cells")


def test_frames_of_the_training_are_an_alarm(dock, viewer, qtbot):
    show(viewer, gliding(20))
    dock.form.since.setCurrentIndex(1)
    dock.form.first.setValue(10)
    evaluate(dock, viewer, qtbot)
    assert "TRAINED" in dock.form.results._alarm.text()
    assert dock.form.results._alarm.isVisibleTo(dock)


def test_controls_stand_beside_the_verdict(dock, viewer, qtbot):
    show(viewer, gliding(20))
    dock.form.controls.setChecked(True)
    evaluate(dock, viewer, qtbot)
    assert "Controls: " in dock.form.results._findings.text()


def test_export_keeps_what_the_controls_found(dock, viewer, qtbot, save_as):
    show(viewer, gliding(20))
    dock.form.controls.setChecked(True)
    evaluate(dock, viewer, qtbot)
    dock.form.save_json.trigger()
    (found,) = json.loads(save_as.with_suffix(".json").read_text())["controls"]
    assert found["verdict"] in dock.form.results._findings.text()
    dock.form.save_csv.trigger()
    assert "cells (shuffled),mse,1," in save_as.with_suffix(".csv").read_text()


def test_stop_keeps_what_was_scored(dock, viewer, qtbot):
    show(viewer, gliding(200))
    dock.form.horizon.setValue(3)
    dock.presenter.refresh()
    dock.form.evaluate.click()
    qtbot.waitUntil(lambda: dock.form.progress.value() > 0, timeout=60_000)
    dock.form.stop.click()
    wait(qtbot, viewer)
    assert "Stopped after" in dock.form.results._note.text()


def test_a_region_restricts_the_score(dock, viewer, qtbot):
    show(viewer, gliding(20))
    viewer.add_shapes([np.array(SQUARE) / 2], name="cell")
    box = dock.form.regions.box
    box.setCurrentIndex(box.findText("cell"))
    evaluate(dock, viewer, qtbot)
    assert "inside cell" in dock.form.results._what.text()


def test_after_a_refused_region_the_old_scores_are_marked(evaluated, viewer):
    viewer.add_shapes(name="nothing drawn")
    box = evaluated.form.regions.box
    box.setCurrentIndex(box.findText("nothing drawn"))
    evaluated.form.evaluate.click()
    assert evaluated.form.error.text()
    assert evaluated.form.results._what.text().startswith("Before: gliding")


def test_a_deleted_region_is_the_whole_frame_again(dock, viewer):
    layer = viewer.add_shapes([np.array(SQUARE)], name="cell")
    dock.form.regions.box.setCurrentIndex(1)
    viewer.layers.remove(layer)
    assert dock.form.regions.layer() is None


@pytest.mark.parametrize("ending", [".csv", ".json", ".png"])
def test_scores_are_saved(evaluated, tmp_path, ending):
    path = tmp_path / f"scores{ending}"
    evaluated.form.results.evaluation.save(path)
    assert path.stat().st_size > 1000
    if ending == ".json":
        assert json.loads(path.read_text())["movie"] == "gliding"


def test_every_control_explains_itself(evaluated):
    form, shown = evaluated.form, evaluated.form.results.curves
    controls = (
        *(form.models, form.browse, form.horizon, form.since, form.first),
        *(form.controls, form.regions.box, form.evaluate, form.stop, form.export),
        *(shown.skill, shown.error, shown.lead, *shown.legend._boxes.values()),
    )
    assert all(control.toolTip() for control in controls)


def test_scores_stay_with_their_movie_until_others_have_come(evaluated, viewer, qtbot):
    first = viewer.layers[0]
    later = viewer.add_image(first.data, name="later", scale=(2, 1, 1))
    evaluated.form.picker.choose(later)
    evaluated._evaluate()
    assert evaluated._layer() is first
    wait(qtbot, viewer)
    assert evaluated._layer() is later


# --- regions


def source():
    """A movie of 5 frames of 20 x 24 pixels of half a micrometre, not at the origin."""
    where = {"scale": (60, 0.5, 0.5), "translate": (0, 10, 20), "axis_labels": "TYX"}
    return Source.of(Image(np.zeros((5, 20, 24)), **where))


def test_a_shape_covers_what_lies_below_it_whatever_its_scale():
    square = [[12.0, 23.0], [12.0, 25.0], [14.0, 25.0], [14.0, 23.0]]  # micrometres
    mask = region_of(Shapes([np.array(square)]), source()).mask
    assert mask.shape == (20, 24)
    assert mask[4:9, 6:11].all()
    assert mask.sum() == 25


def test_a_shape_counts_in_all_frames_whichever_it_was_drawn_in():
    at_frame_3 = np.array([[180, 12, 23], [180, 12, 25], [180, 14, 25], [180, 14, 23]])
    assert region_of(Shapes([at_frame_3]), source()).mask.shape == (20, 24)


def labels(painted, **where):
    return Labels(np.asarray(painted, np.uint8), **where)


def test_labels_are_matched_by_where_they_lie():
    where = {"scale": (0.5, 0.5), "translate": (11, 20)}
    mask = region_of(labels(np.ones((4, 24)), **where), source()).mask
    assert mask[2:6].all()
    assert mask.sum() == 4 * 24


def test_labels_that_change_are_a_region_that_changes():
    painted = np.zeros((5, 20, 24))
    painted[1, 3:6, 3:6] = painted[2, 4:7, 4:7] = 7
    where = {"scale": (60, 0.5, 0.5), "translate": (0, 10, 20)}
    mask = region_of(labels(painted, **where), source()).mask
    np.testing.assert_array_equal(mask, painted > 0)


def test_labels_painted_in_one_frame_count_in_all():
    painted = np.zeros((5, 20, 24))
    painted[2, 3:6, 3:6] = 1
    where = {"scale": (60, 0.5, 0.5), "translate": (0, 10, 20)}
    assert region_of(labels(painted, **where), source()).mask.shape == (20, 24)


WHERE = {"scale": (60, 0.5, 0.5), "translate": (0, 10, 20)}
SKEW = [[1, 0, 0, 0], [0, 0.9, 0.3, 2], [0, -0.2, 1.1, 1], [0, 0, 0, 1]]
TURNS = {
    "rotated": {"rotate": 30},
    "sheared": {"shear": [0, 0, 0.4]},
    "skewed": {"affine": np.array(SKEW)},
}


@pytest.fixture(params=TURNS)
def turned(request):
    """The movie of ``source``, but it does not lie straight."""
    where = {**WHERE, **TURNS[request.param], "axis_labels": "TYX"}
    return Image(np.zeros((5, 20, 24)), **where)


@pytest.mark.parametrize("kind", ["rectangle", "ellipse", "polygon"])
def test_a_shape_covers_what_lies_below_it_however_the_movie_is_turned(turned, kind):
    box = np.array([[4.3, 6.3], [4.3, 16.7], [13.7, 16.7], [13.7, 6.3]])
    straight = {"scale": (0.5, 0.5), "translate": (10, 20)}
    wanted = region_of(Shapes([box], shape_type=kind, **straight), source()).mask
    world = np.array([turned.data_to_world((0, *corner)) for corner in box])
    found = region_of(Shapes([world], shape_type=kind), Source.of(turned)).mask
    np.testing.assert_array_equal(found, wanted)


def test_labels_turned_as_the_movie_is_cover_the_same_pixels(turned):
    painted = np.random.default_rng(0).random((5, 20, 24)) > 0.5
    turn = {name: getattr(turned, name) for name in ("rotate", "shear", "affine")}
    mask = region_of(labels(painted, **WHERE, **turn), Source.of(turned)).mask
    np.testing.assert_array_equal(mask, painted)


def test_labels_cover_what_lies_below_them_however_the_movie_is_turned(turned):
    layer = labels(np.indices((40, 40)).sum(0) % 9 > 3, translate=(5.03, 15.07))
    mask = region_of(layer, Source.of(turned)).mask
    for pixel in np.ndindex(20, 24):
        under = layer.get_value(turned.data_to_world((0, *pixel)), world=True)
        assert mask[pixel] == bool(under)


def test_a_region_beside_the_movie_is_refused():
    with pytest.raises(MovieError, match="lies on the movie"):
        region_of(labels(np.ones((4, 4)), translate=(500, 500)), source())


def test_an_empty_shapes_layer_is_refused():
    with pytest.raises(MovieError, match="lies on the movie"):
        region_of(Shapes(), source())
