"""Forecasts as layers: true in time and space, whatever the source's axes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from napari.components import ViewerModel

from movies import gliding
from napari_morphocast.errors import MovieError
from napari_morphocast.presenters.forecasting import (
    Begun,
    FrameDone,
    FrameScore,
    Order,
    Recorder,
)
from napari_morphocast.widgets._canvas import LayerCanvas
from napari_morphocast.widgets._layers import (
    Source,
    add_error,
    add_prediction,
    add_rollout,
    add_spread,
)
from napari_morphocast.widgets._movies import own_metadata
from napari_morphocast.widgets._side_by_side import (
    is_side_by_side,
    show_as_before,
    show_side_by_side,
)

VALUES = {"mse": 1.0, "mae": 1.0, "psnr": 30.0, "ssim": 0.9}
UNITS = {"T": "second", "C": "pixel", "Z": "micrometer", "Y": "micrometer"}
STEPS = {"T": 60.0, "C": 1.0, "Z": 2.0, "Y": 0.5, "X": 0.25}
LENGTHS = {"T": 10, "C": 2, "Z": 4, "Y": 8, "X": 9}


@pytest.fixture
def viewer():
    return ViewerModel()


def add(viewer, axes="TYX", **given):
    """A movie called cells that begins at 600 s."""
    return viewer.add_image(
        np.zeros([LENGTHS[a] for a in axes], np.uint8),
        name="cells",
        axis_labels=tuple(axes),
        scale=[STEPS[a] for a in axes],
        translate=[600.0 if a == "T" else 0.0 for a in axes],
        units=tuple(UNITS.get(a, "micrometer") for a in axes),
        **given,
    )


def add_colour(viewer):
    return viewer.add_image(
        np.zeros((10, 8, 9, 3), np.uint8), name="cells", rgb=True, axis_labels="TYX"
    )


def frames(count=3, channels=1):
    stack = np.zeros((count, channels, 8, 9), np.uint8)
    stack += np.arange(count, dtype=np.uint8)[:, None, None, None]
    return stack


def predict(viewer, source, stack=None, first=6, lead=1):
    return add_prediction(
        viewer,
        source,
        frames() if stack is None else stack,
        first=first,
        lead=lead,
        provenance={"run": "1", "source": source.name},
    )


def begun(viewer, kind="prediction", known=3, first=6, count=3, spread=False):
    order = Order(kind, gliding(10), "persistence", "persistence", 1)
    errors = np.zeros((known, 1, 8, 9), np.uint8)
    frames = np.zeros((count, 1, 8, 9), np.uint8)
    spreads = np.ones(frames.shape, np.float32) if spread else None
    return Begun(order, first, 6, 0, frames, errors, spreads)


def forecast(viewer, layer, done=3, **given):
    """Everything that happens when a forecast of ``done`` frames is made."""
    recorder = Recorder(LayerCanvas(viewer, [Source.of(layer)]))
    score = FrameScore(6, 1, VALUES, VALUES)
    items = [FrameDone(k + 1, score) for k in range(done)]
    recorder.take([begun(viewer, **given), *items])
    recorder.finish()


def named(viewer):
    return [layer.name for layer in viewer.layers]


@pytest.mark.parametrize("axes", ["TYX", "TCYX", "TZYX", "TZCYX", "ZTYX", "YXT"])
def test_a_forecast_lies_on_its_frames_whatever_the_order_of_axes(viewer, axes):
    layer = predict(viewer, Source.of(add(viewer, axes)))
    at = axes.index("T")
    assert layer.translate[at] == 600.0 + 6 * 60.0
    assert layer.scale[axes.index("X")] == 0.25
    assert layer.data.shape[at] == 3
    assert tuple(layer.axis_labels) == tuple(axes)


def test_units_stay_consistent_with_the_source(viewer):
    predict(viewer, Source.of(add(viewer)))
    assert viewer.layers.units is not None


def test_contrast_and_colormap_are_the_sources(viewer):
    source = add(viewer, contrast_limits=(3, 77), colormap="green", gamma=0.5)
    layer = predict(viewer, Source.of(source))
    assert layer.contrast_limits == [3, 77]
    assert (layer.colormap.name, layer.gamma) == ("green", 0.5)


def test_a_turned_movie_has_turned_forecasts(viewer):
    layer = predict(viewer, Source.of(add(viewer, rotate=30)))
    np.testing.assert_allclose(layer.rotate, viewer.layers[0].rotate)


def test_frames_written_later_appear_without_a_copy(viewer):
    stack = frames()
    layer = predict(viewer, Source.of(add(viewer, "TZYX")), stack)
    stack[1] = 99
    assert (layer.data[1] == 99).all()


def test_the_forecast_of_a_projection_is_seen_at_every_depth(viewer):
    source = add(viewer, "TZYX")
    layer = predict(viewer, Source.of(source))
    for z in range(4):
        place = layer.world_to_data((600.0 + 6 * 60.0, z * 2.0, 0, 0))
        assert round(place[1]) == 0


def test_the_forecast_of_one_channel_lies_on_that_channel(viewer):
    layer = predict(viewer, Source.of(add(viewer, "TCYX"), channel=1))
    assert layer.translate[1] == 1.0


def test_a_forecast_of_all_channels_keeps_them(viewer):
    layer = predict(viewer, Source.of(add(viewer, "TCYX")), frames(channels=2))
    assert layer.data.shape == (3, 2, 8, 9)


def test_a_colour_movie_has_colour_forecasts_and_grey_errors(viewer):
    source = Source.of(add_colour(viewer))
    layer = predict(viewer, source, frames(channels=3))
    error = add_error(viewer, source, frames(), first=6, provenance={})
    assert (layer.rgb, layer.data.shape) == (True, (3, 8, 9, 3))
    assert (error.rgb, error.data.shape) == (False, (3, 8, 9))


def test_errors_are_inferno_from_zero(viewer):
    source = Source.of(add(viewer, contrast_limits=(20, 100)))
    layer = add_error(viewer, source, frames(), first=6, provenance={})
    assert layer.colormap.name == "inferno"
    assert layer.contrast_limits == [0, 20]


def test_the_spread_is_drawn_like_the_errors(viewer):
    source = Source.of(add(viewer, contrast_limits=(20, 100)))
    error = add_error(viewer, source, frames(), first=6, provenance={})
    spread = add_spread(viewer, source, frames(), first=6, provenance={})
    assert spread.name == "spread of rollout from 6 · cells"
    assert spread.contrast_limits == error.contrast_limits
    assert np.array_equal(spread.translate, error.translate)


def test_the_spread_of_a_colour_movie_has_the_errors_brightness(viewer):
    source = Source.of(add_colour(viewer))
    error = add_error(viewer, source, frames(), first=6, provenance={})
    spread = add_spread(viewer, source, frames() * 1.0, first=6, provenance={})
    assert spread.contrast_limits == error.contrast_limits


def test_a_forecast_of_an_ensemble_brings_its_spread(viewer):
    forecast(viewer, add(viewer), spread=True)
    assert named(viewer)[1:] == [
        "forecast +1 · cells",
        "error +1 · cells",
        "spread +1 · cells",
    ]


def test_the_spread_of_frames_that_never_came_is_cut_off(viewer):
    forecast(viewer, add(viewer), done=2, spread=True)
    assert len(viewer.layers["spread +1 · cells"].data) == 2


def test_the_spread_stands_beside_forecast_and_error(viewer):
    forecast(viewer, add(viewer), spread=True)
    show_side_by_side(viewer)
    assert [layer.visible for layer in viewer.layers] == [True] * 4


def test_names_say_what_a_layer_is(viewer):
    source = Source.of(add(viewer))
    predict(viewer, source, lead=2)
    add_error(viewer, source, frames(), first=6, provenance={})
    add_rollout(viewer, source, frames(), first=10, known=0, provenance={})
    add_rollout(viewer, source, frames(), first=7, known=3, provenance={})
    assert named(viewer)[1:] == [
        "forecast +2 · cells",
        "error of rollout from 6 · cells",
        "rollout beyond the end · cells",
        "rollout from 7 · cells",
    ]


def test_names_say_that_frames_were_filled_in(viewer):
    recorder = Recorder(LayerCanvas(viewer, [Source.of(add(viewer))]))
    recorder.take([replace(begun(viewer), between=True)])
    assert named(viewer)[1:] == ["forecast between · cells", "error between · cells"]


def test_a_rollout_goes_on_where_the_movie_ends(viewer):
    source = add(viewer)
    layer = add_rollout(
        viewer, Source.of(source), frames(), first=10, known=0, provenance={}
    )
    assert layer.translate[0] == 600.0 + 10 * 60.0
    assert viewer.dims.range[0].stop == layer.translate[0] + 2 * 60.0


def test_nothing_is_overwritten(viewer):
    layer = add(viewer)
    forecast(viewer, layer)
    forecast(viewer, layer)
    assert "forecast +1 · cells [1]" in named(viewer)
    assert len(viewer.layers) == 5


def test_layers_say_where_they_come_from(viewer):
    forecast(viewer, add(viewer))
    about = own_metadata(viewer.layers[1])
    assert (about["kind"], about["model"], about["source"]) == (
        "prediction",
        "persistence",
        "cells",
    )
    assert about["scores"][0]["model"] == VALUES


def test_frames_that_never_came_are_cut_off(viewer):
    forecast(viewer, add(viewer), done=2)
    assert [layer.data.shape[0] for layer in viewer.layers[1:]] == [2, 2]


def test_a_forecast_without_a_frame_leaves_no_layer(viewer):
    forecast(viewer, add(viewer), done=0)
    assert named(viewer) == ["cells"]


def test_layers_deleted_while_they_grow_are_let_go(viewer):
    layer = add(viewer)
    recorder = Recorder(LayerCanvas(viewer, [Source.of(layer)]))
    recorder.take([begun(viewer, "rollout")])
    viewer.layers.clear()
    recorder.take([FrameDone(1)])
    recorder.finish()
    assert named(viewer) == []


def test_the_slider_follows_a_rollout(viewer):
    layer = add(viewer)
    recorder = Recorder(LayerCanvas(viewer, [Source.of(layer)]))
    recorder.take([begun(viewer, "rollout", known=0, first=10)])
    recorder.take([FrameDone(2)])
    assert viewer.dims.point[0] == 600.0 + 11 * 60.0


def test_a_slider_that_somebody_moved_stays_there(viewer):
    layer = add(viewer)
    recorder = Recorder(LayerCanvas(viewer, [Source.of(layer)]))
    recorder.take([begun(viewer, "rollout", known=0, first=10)])
    recorder.take([FrameDone(1)])
    viewer.dims.set_point(0, 660.0)
    recorder.take([FrameDone(2)])
    assert viewer.dims.point[0] == 660.0


def test_frames_to_come_do_not_cover_the_movie(viewer):
    layer = add(viewer)
    viewer.dims.set_point(0, 600.0 + 7 * 60.0)
    recorder = Recorder(LayerCanvas(viewer, [Source.of(layer)]))
    recorder.take([begun(viewer), FrameDone(1)])
    assert not viewer.layers[1].visible
    recorder.take([FrameDone(2)])
    assert viewer.layers[1].visible


def test_a_stopped_forecast_is_visible(viewer):
    layer = add(viewer)
    viewer.dims.set_point(0, 600.0 + 7 * 60.0)
    forecast(viewer, layer, done=1)
    assert viewer.layers[1].visible


def test_side_by_side_shows_movie_forecast_and_error_in_this_order(viewer):
    forecast(viewer, add(viewer))
    show_side_by_side(viewer)
    assert is_side_by_side(viewer)
    assert [layer.name for layer in viewer.layers if layer.visible] == [
        "cells",
        "forecast +1 · cells",
        "error +1 · cells",
    ]
    places = [viewer.canvas.grid.position(i, viewer.layers) for i in range(3)]
    assert places == sorted(places)
    assert len(set(places)) == 3


def test_side_by_side_shows_what_there_is_at_the_time_of_the_slider(viewer):
    layer = add(viewer)
    forecast(viewer, layer)
    forecast(viewer, layer, kind="rollout", known=0, first=10)
    viewer.dims.set_point(0, viewer.layers["forecast +1 · cells"].translate[0])
    show_side_by_side(viewer)
    assert viewer.layers["error +1 · cells"].visible
    assert not any(one.visible for one in viewer.layers if "rollout" in one.name)


def test_one_more_click_brings_everything_back(viewer):
    forecast(viewer, add(viewer))
    before = [layer.visible for layer in viewer.layers]
    show_side_by_side(viewer)
    show_as_before(viewer)
    assert [layer.visible for layer in viewer.layers] == before
    assert not viewer.canvas.grid.enabled


def test_leaving_the_grid_by_naparis_own_button_brings_everything_back(viewer):
    forecast(viewer, add(viewer))
    labels = viewer.add_labels(np.zeros((4, 4), int))
    before = [layer.visible for layer in viewer.layers]
    for _ in range(2):
        show_side_by_side(viewer)
        assert not labels.visible
        viewer.canvas.grid.enabled = False
        assert [layer.visible for layer in viewer.layers] == before
        assert not is_side_by_side(viewer)
    show_as_before(viewer)
    assert not viewer.canvas.grid.enabled


def test_another_forecast_side_by_side_forgets_nothing_of_before(viewer):
    viewer.canvas.grid.enabled = True
    forecast(viewer, add(viewer))
    labels = viewer.add_labels(np.zeros((4, 4), int))
    for _ in range(2):
        show_side_by_side(viewer)
    show_as_before(viewer)
    assert labels.visible
    assert viewer.canvas.grid.enabled


def test_side_by_side_knows_a_movie_that_was_renamed(viewer):
    movie = add(viewer)
    forecast(viewer, movie)
    movie.name = "heart"
    other = add(viewer)  # which is called cells now
    show_side_by_side(viewer)
    assert movie.visible
    assert not other.visible


def test_side_by_side_leaves_labels_and_the_camera_as_they_were(viewer):
    forecast(viewer, add(viewer))
    labels = viewer.add_labels(np.zeros((4, 4), int))
    viewer.scene.camera.zoom = 3.21
    viewer.scene.camera.center = (0.0, 1.5, 2.5)
    show_side_by_side(viewer)
    assert not labels.visible
    show_as_before(viewer)
    assert labels.visible
    assert viewer.scene.camera.zoom == pytest.approx(3.21)
    assert viewer.scene.camera.center == pytest.approx((0.0, 1.5, 2.5))


def test_a_prediction_moves_a_slider_that_stands_where_it_has_no_frame(viewer):
    layer = add(viewer)
    viewer.dims.set_point(0, 0.0)
    forecast(viewer, layer)
    (prediction, *_) = [one for one in viewer.layers if one.name.startswith("forecast")]
    at = prediction.world_to_data(viewer.dims.point)[0]
    assert 0 <= round(at) < len(prediction.data)


def test_side_by_side_takes_the_selected_forecast(viewer):
    layer = add(viewer)
    forecast(viewer, layer)
    forecast(viewer, layer)
    viewer.layers.selection.active = viewer.layers[1]
    show_side_by_side(viewer)
    assert [one.visible for one in viewer.layers] == [True, True, True, False, False]


def test_side_by_side_without_a_forecast_says_what_to_do(viewer):
    add(viewer)
    with pytest.raises(MovieError, match="no forecast"):
        show_side_by_side(viewer)
