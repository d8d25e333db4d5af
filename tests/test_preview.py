"""The picture of the newest epoch, below the movie."""

from __future__ import annotations

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_morphocast.widgets._preview import add_preview, side_by_side

PREVIEW = np.arange(3, dtype=np.float32)[:, None, None, None] * np.ones((1, 8, 9))


@pytest.fixture
def viewer():
    return ViewerModel()


def add(viewer, shape=(10, 8, 9), axes=("T", "Y", "X"), **more):
    return viewer.add_image(np.zeros(shape, np.uint8), axis_labels=axes, **more)


def test_a_preview_is_one_layer_that_is_used_again(viewer):
    layer = add(viewer)
    add_preview(viewer, layer, PREVIEW)
    shown = add_preview(viewer, layer, PREVIEW + 7)
    assert len(viewer.layers) == 2
    assert shown.data.min() == 7


def test_input_forecast_and_truth_stand_in_this_order():
    assert list(side_by_side(PREVIEW, colour=False)[0, [0, 13, 28]]) == [0, 1, 2]


def test_a_preview_lies_below_the_middle_of_the_movie(viewer):
    layer = add(viewer, scale=(60, 0.5, 0.25), units=("s", "um", "um"))
    shown = add_preview(viewer, layer, PREVIEW)
    assert shown.translate[-2] > 8 * 0.5
    assert shown.translate[-1] == -(29 - 9) / 2 * 0.25
    assert list(shown.units) == list(layer.units)


def test_a_preview_has_the_axes_of_the_movie_and_is_the_same_at_all_times(viewer):
    layer = add(viewer, (10, 2, 9, 8), ("T", "Z", "X", "Y"))
    shown = add_preview(viewer, layer, PREVIEW)
    assert shown.data.shape == (10, 2, 29, 8)
    assert (shown.data[0, 0] == shown.data[9, 1]).all()


def test_a_preview_of_a_colour_movie_has_colours(viewer):
    layer = viewer.add_image(
        np.zeros((10, 8, 9, 3), np.uint8), rgb=True, axis_labels=("T", "Y", "X")
    )
    shown = add_preview(viewer, layer, np.full((3, 3, 8, 9), 300.0, np.float32))
    assert shown.rgb
    assert shown.data.dtype == np.uint8
    assert shown.data.max() == 255
