"""Surprises in the Forecast dock: a layer, rings, and a list that leads to them."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from napari.components import ViewerModel

from movies import gliding
from napari_morphocast.data.movie import Movie
from napari_morphocast.evaluation.surprise import ALARMS
from napari_morphocast.presenters.forecasting import Begun, Order, Result
from napari_morphocast.presenters.surprise import searching
from napari_morphocast.widgets._background import controller_of
from napari_morphocast.widgets._cells import with_cells
from napari_morphocast.widgets._forecast import ForecastDock
from napari_morphocast.widgets._layers import Source
from napari_morphocast.widgets._movies import (
    layers_of,
    movie_from_layer,
    own_metadata,
)


def eventful(channels=1):
    """A noisy movie in which a cell appears in frame 25."""
    grey = 50 + 3 * np.random.default_rng(0).standard_normal((40, channels, 32, 36))
    grey[25:, -1, 8:14, 20:26] += 60
    return Movie(grey.astype(np.uint8), 60.0, (0.5, 0.5), name="eventful")


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
    wait(qtbot, viewer)


def wait(qtbot, viewer):
    qtbot.waitUntil(lambda: controller_of(viewer).job is None, timeout=60_000)


def search(dock, viewer, qtbot, movie):
    for data, how, _ in layers_of(movie):
        viewer.add_image(data, **how)
    dock.presenter.refresh()
    dock.form.predict.click()
    wait(qtbot, viewer)
    dock.form.surprise.click()
    wait(qtbot, viewer)


def named(viewer, start):
    return next(layer for layer in viewer.layers if layer.name.startswith(start))


def test_there_is_nothing_to_find_before_a_prediction(dock):
    assert not dock.form.surprise.isEnabled()
    assert "Predict" in dock.form.surprise.toolTip()


def test_the_map_lies_where_the_forecast_lies(dock, viewer, qtbot):
    search(dock, viewer, qtbot, eventful())
    maps, forecast = named(viewer, "surprise +1"), named(viewer, "forecast")
    assert maps.data.shape == forecast.data.shape
    np.testing.assert_array_equal(maps.translate, forecast.translate)
    np.testing.assert_array_equal(maps.scale, forecast.scale)
    assert maps.units == forecast.units


def test_the_map_is_clear_below_the_threshold(dock, viewer, qtbot):
    search(dock, viewer, qtbot, eventful())
    maps = named(viewer, "surprise +1")
    low = maps.contrast_limits[0]
    assert low == pytest.approx(maps.metadata["napari-morphocast"]["threshold"])
    assert maps.colormap.map(np.array([-0.5]))[0, 3] == 0


def test_the_dock_states_the_rate_of_alarms(dock, viewer, qtbot):
    search(dock, viewer, qtbot, eventful())
    assert "95 % interval" in dock.form.verdict.text()


def test_more_alarms_lower_the_threshold(dock, viewer, qtbot):
    assert dock.form.alarms.value() / 100 == ALARMS
    search(dock, viewer, qtbot, eventful())
    few = own_metadata(named(viewer, "surprise +1"))["threshold"]
    again(dock, viewer, qtbot)
    assert own_metadata(named(viewer, "surprise +1"))["threshold"] < 0.8 * few


def test_searching_again_replaces_what_was_found_in_the_same_forecast(
    dock, viewer, qtbot
):
    search(dock, viewer, qtbot, eventful())
    before = len(viewer.layers)
    again(dock, viewer, qtbot)
    assert len(viewer.layers) == before


def test_a_newer_forecast_hides_the_list(dock, viewer, qtbot):
    search(dock, viewer, qtbot, eventful())
    dock.form.predict.click()
    assert dock.form.surprises.isHidden()


def test_what_was_renamed_is_kept_when_searching_again(dock, viewer, qtbot):
    search(dock, viewer, qtbot, eventful())
    rings = named(viewer, "surprises")
    rings.name = "my events"
    again(dock, viewer, qtbot)
    assert rings in viewer.layers
    assert named(viewer, "surprises") is not rings


def again(dock, viewer, qtbot):
    dock.form.alarms.setValue(1)
    dock.form.surprise.click()
    wait(qtbot, viewer)


def test_choosing_an_event_moves_the_viewer_there(dock, viewer, qtbot):
    search(dock, viewer, qtbot, eventful())
    dock.form.surprises.setCurrentRow(0)
    assert viewer.dims.point[0] == 25 * 60.0
    assert viewer.scene.camera.center[-2:] == pytest.approx((5.25, 11.25), abs=0.75)


def test_rings_lie_around_the_events(dock, viewer, qtbot):
    search(dock, viewer, qtbot, eventful())
    rings = named(viewer, "surprises")
    assert rings.data_to_world(rings.data[0])[0] == 25 * 60.0
    assert rings.data[0][0] == rings.features["frame"][0] == 25  # as in a saved CSV
    listed = dock.form.surprises.count()
    assert rings.features["rank"].tolist() == list(range(1, listed + 1))


def test_a_list_whose_rings_were_deleted_leads_nowhere(dock, viewer, qtbot):
    search(dock, viewer, qtbot, eventful())
    before = viewer.dims.point
    viewer.layers.remove(named(viewer, "surprises"))
    dock.form.surprises.setCurrentRow(0)
    assert viewer.dims.point == before


def persisted(movie):
    """The forecast that nothing changes."""
    order = Order("prediction", movie, "persistence", "persistence", 1)
    frames = movie.raw(0, len(movie) - 1)
    return Result(Begun(order, 1, 1, 0, frames, np.zeros_like(frames)), len(frames))


def test_channels_that_are_layers_get_a_map_each(dock, viewer):
    movie = eventful(2)
    layers = [viewer.add_image(data, **how) for data, how, _ in layers_of(movie)]
    sources = [Source.of(layer) for layer in layers]
    found = list(searching(persisted(movie), ALARMS, threading.Event()))[-1]
    dock.form.surprises.show_found(sources, found)
    assert sum(one.name.startswith("surprise +1") for one in viewer.layers) == 2
    assert "channel 1" in dock.form.surprises.item(0).text()


def test_a_segmentation_gets_no_map(dock, viewer):
    layers = [viewer.add_image(data, **how) for data, how, _ in layers_of(eventful())]
    seen = movie_from_layer(layers[0])
    cells = viewer.add_labels(
        (seen.frames[:, 0] > 80).astype(np.uint8),
        scale=layers[0].scale,
        units=layers[0].units,
    )
    movie, sources = with_cells(seen, [Source.of(layers[0])], cells)
    found = list(searching(persisted(movie), ALARMS, threading.Event()))[-1]
    dock.form.surprises.show_found(sources, found)
    assert sum(one.name.startswith("surprise +1") for one in viewer.layers) == 1
    assert "channel" not in dock.form.surprises.item(0).text()


def test_a_search_that_is_stopped_finds_nothing():
    stop = threading.Event()
    items = searching(persisted(eventful()), ALARMS, stop)
    next(items)
    stop.set()
    assert list(items) == []


def test_a_movie_too_short_says_so(dock, viewer, qtbot):
    search(dock, viewer, qtbot, gliding(8))
    assert "8 are needed" in dock.form.error.text()


def test_a_surprise_is_not_offered_as_a_movie(dock, viewer, qtbot):
    search(dock, viewer, qtbot, eventful())
    assert dock.form.picker.layers.count() == 1
