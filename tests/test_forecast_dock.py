"""The Forecast dock in napari: first on a viewer without window, then a real one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from napari.components import ViewerModel

from movies import gliding
from napari_morphocast import api
from napari_morphocast.data.io import read_movie, write_movie
from napari_morphocast.data.simulate import simulate
from napari_morphocast.training.config import Run
from napari_morphocast.widgets._background import controller_of
from napari_morphocast.widgets._forecast import ForecastDock, show_forecasts
from napari_morphocast.widgets._movies import layers_of, own_metadata


@pytest.fixture
def viewer(home):
    return ViewerModel()


@pytest.fixture
def dock(viewer, qtbot):
    made = ForecastDock(viewer)
    qtbot.addWidget(made)
    made.form.models.setCurrentIndex(made.form.models.findText("linear (baseline)"))
    yield made
    made.presenter.close()
    qtbot.waitUntil(lambda: controller_of(viewer).job is None, timeout=60_000)


def show(viewer, movie):
    return [viewer.add_image(data, **how) for data, how, _ in layers_of(movie)]


def wait(qtbot, viewer):
    qtbot.waitUntil(lambda: controller_of(viewer).job is None, timeout=60_000)


def predict(dock, viewer, qtbot):
    dock.presenter.refresh()
    dock.form.predict.click()
    wait(qtbot, viewer)


def names(viewer):
    return [layer.name for layer in viewer.layers]


def test_an_empty_viewer_says_what_to_do(dock):
    assert "Open" in dock.form.movie_facts.text()
    assert not dock.form.predict.isEnabled()
    assert "Open" in dock.form.predict.toolTip()


def test_predict_all_adds_forecast_and_error_in_their_place(dock, viewer, qtbot):
    show(viewer, gliding(10))
    predict(dock, viewer, qtbot)
    assert names(viewer) == [
        "gliding",
        "forecast +1 · gliding",
        "error +1 · gliding",
    ]
    assert viewer.layers[1].translate[0] == 2 * 60.0
    assert "nothing moves" in dock.form.verdict.text()


def test_the_error_is_that_of_the_shown_forecast(dock, viewer, qtbot):
    show(viewer, gliding(10))
    predict(dock, viewer, qtbot)
    movie, forecast, error = (np.asarray(layer.data, int) for layer in viewer.layers)
    np.testing.assert_array_equal(error, abs(forecast - movie[2:]))


def test_a_rollout_goes_on_beyond_the_end(dock, viewer, qtbot):
    show(viewer, gliding(10))
    dock.presenter.refresh()
    dock.form.horizon.setValue(4)
    dock.form.rollout.click()
    wait(qtbot, viewer)
    layer = viewer.layers[-1]
    assert layer.name == "rollout beyond the end · gliding"
    assert (layer.data.shape[0], layer.translate[0]) == (4, 600.0)


def test_a_rollout_from_the_current_frame_meets_known_frames(dock, viewer, qtbot):
    show(viewer, gliding(10))
    viewer.dims.set_point(0, 5 * 60.0)
    dock.form.start.setCurrentIndex(1)
    dock.form.horizon.setValue(3)
    dock.presenter.refresh()
    dock.form.rollout.click()
    wait(qtbot, viewer)
    assert names(viewer)[1:] == [
        "rollout from 6 · gliding",
        "error of rollout from 6 · gliding",
    ]


def test_channels_that_are_layers_are_forecast_one_by_one(dock, viewer, qtbot):
    show(viewer, gliding(10, channels=2))
    predict(dock, viewer, qtbot)
    assert "forecast" in names(viewer)[2]
    assert len(viewer.layers) == 4


def test_a_colour_movie_is_forecast_in_colour(dock, viewer, qtbot):
    show(viewer, replace(gliding(10, channels=3), rgb=True))
    predict(dock, viewer, qtbot)
    assert viewer.layers[1].rgb
    assert not viewer.layers[2].rgb


def test_a_stack_with_depth_is_projected_as_chosen(dock, viewer, qtbot):
    viewer.add_image(
        np.random.default_rng(0).random((8, 3, 16, 17)), axis_labels="TZYX"
    )
    assert dock.form.picker.z.isVisibleTo(dock)
    predict(dock, viewer, qtbot)
    assert viewer.layers[1].data.shape == (6, 1, 16, 17)


def test_results_are_not_offered_as_movies(dock, viewer, qtbot):
    show(viewer, gliding(10))
    predict(dock, viewer, qtbot)
    assert dock.form.picker.layers.count() == 1


def test_a_renamed_layer_has_its_new_name_in_the_list(dock, viewer):
    show(viewer, gliding(10))[0].name = "mitosis"
    assert dock.form.picker.layers.currentText() == "mitosis"


def test_a_deleted_movie_leaves_the_list(dock, viewer):
    show(viewer, gliding(10))
    viewer.layers.clear()
    dock.presenter.refresh()
    assert dock.form.picker.layer() is None
    assert not dock.form.predict.isEnabled()


def test_deleting_everything_during_a_forecast_is_survived(dock, viewer, qtbot):
    show(viewer, simulate("waves", frames=60, size=(64, 64), seed=0).movie)
    dock.presenter.refresh()
    dock.form.predict.click()
    qtbot.waitUntil(lambda: len(viewer.layers) > 1, timeout=60_000)
    viewer.layers.clear()
    wait(qtbot, viewer)
    assert names(viewer) == []


def test_a_dock_that_is_gone_is_spoken_to_no_more(viewer, qtbot):
    made = ForecastDock(viewer)
    qtbot.addWidget(made)
    made.form.models.setCurrentIndex(made.form.models.findText("linear (baseline)"))
    show(viewer, gliding(40))
    made.presenter.refresh()
    made.form.predict.click()
    made.presenter.close()
    wait(qtbot, viewer)
    assert made.form.verdict.text() == ""


def test_show_forecasts_adds_prediction_error_and_rollout(viewer, qtbot):
    (layer,) = show(viewer, gliding(10))
    show_forecasts(viewer, layer, gliding(10), Path("linear"), 3)
    wait(qtbot, viewer)
    kinds = [own_metadata(one).get("kind") for one in viewer.layers]
    assert kinds == [None, "prediction", "error", "rollout"]


def test_a_model_that_fills_in_frames_is_shown_without_a_rollout(
    dock, viewer, qtbot, tmp_path
):
    model = tmp_path / "between.morphocast"
    small = {"context": 2, "hidden": (4,), "epochs": 1}
    list(api.train(gliding(20), model, Run.make("convlstm", task="between", **small)))
    (layer,) = show(viewer, gliding(20))
    show_forecasts(viewer, layer, gliding(20), model, 3)
    wait(qtbot, viewer)
    assert names(viewer)[1:] == [
        "forecast between · gliding",
        "error between · gliding",
    ]
    dock.choose_model(model)
    predict(dock, viewer, qtbot)
    assert "filled in between their neighbours" in dock.form.verdict.text()


def test_the_last_settings_are_there_again(dock, viewer, qtbot):
    show(viewer, gliding(10))
    dock.form.lead.setValue(3)
    predict(dock, viewer, qtbot)
    again = ForecastDock(viewer)
    qtbot.addWidget(again)
    assert again.lead() == 3
    assert again.model().model == "linear"


def test_a_result_is_saved_with_its_time_and_size(dock, viewer, qtbot, tmp_path):
    show(viewer, gliding(10))
    predict(dock, viewer, qtbot)
    path = tmp_path / "forecast.ome.tif"
    dock._exporter.save_frames(viewer.layers[1], path)
    wait(qtbot, viewer)
    saved = read_movie(path)
    assert (len(saved), saved.interval, saved.pixel_size) == (8, 60.0, (0.5, 0.5))


def test_saving_ends_with_its_dock_and_speaks_to_it_no_more(
    dock, viewer, qtbot, tmp_path
):
    show(viewer, gliding(10))
    predict(dock, viewer, qtbot)
    verdict = dock.form.verdict.text()
    dock._exporter.save_frames(viewer.layers[1], tmp_path / "forecast.ome.tif")
    assert not dock.form.stop.isHidden()
    dock.presenter.close()
    wait(qtbot, viewer)
    assert dock.form.verdict.text() == verdict


def test_errors_are_saved_beside_those_of_persistence(dock, viewer, qtbot, tmp_path):
    show(viewer, gliding(10))
    predict(dock, viewer, qtbot)
    path = tmp_path / "errors.csv"
    dock._exporter.save_scores(viewer.layers[1], path)
    assert len(path.read_text().splitlines()) == 1 + 2 * 8


def test_every_control_explains_itself(dock):
    form, picker = dock.form, dock.form.picker
    controls = (
        *(form.models, form.browse, form.predict, form.lead, form.rollout),
        *(form.horizon, form.start, form.stop, form.beside, form.export),
        *(picker.layers, picker.open, picker.channel, picker.z, picker.read),
    )
    assert all(control.toolTip() for control in controls)


def test_a_layer_with_more_axes_than_there_are_names_says_so(dock, viewer):
    viewer.add_image(np.zeros((2, 2, 2, 2, 8, 8)))
    dock.presenter.refresh()
    assert "the array has 6" in dock.form.warnings.text()
    assert not dock.form.predict.isEnabled()


def test_what_was_predicted_goes_with_its_dock(dock, viewer, qtbot):
    show(viewer, gliding(10))
    predict(dock, viewer, qtbot)
    assert dock.presenter.predicted
    dock.presenter.close()
    assert dock.presenter.predicted is None


def test_a_layer_of_naparis_own_reader_is_repaired(
    screen, home, make_napari_viewer, tmp_path, qtbot
):
    viewer, movie = make_napari_viewer(), gliding(10)
    path = tmp_path / "cells.ome.tif"
    frames = (movie.raw(t, t + 1)[0] for t in range(10))
    write_movie(path, frames, like=movie, count=10)
    viewer.open(path, plugin="napari")
    dock = ForecastDock(viewer)
    qtbot.addWidget(dock)
    dock.presenter.refresh()
    assert "guess" in dock.form.movie_facts.text()
    dock.form.picker.read.click()
    assert tuple(viewer.layers[0].scale) == (60.0, 0.5, 0.5)
    dock.presenter.close()
