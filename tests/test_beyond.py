"""The text in the canvas while frames are shown that nobody has seen."""

from __future__ import annotations

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_morphocast.widgets._beyond import TEXT, note_frames_beyond
from napari_morphocast.widgets._layers import Source, add_rollout


@pytest.fixture
def viewer(qapp):
    return ViewerModel()


@pytest.fixture
def overlay(viewer):
    return viewer.canvas.overlays.text


def roll_out(viewer, first=10, known=0):
    movie = viewer.add_image(np.zeros((10, 8, 9), np.uint8), axis_labels="TYX")
    frames = np.zeros((4, 1, 8, 9), np.uint8)
    layer = add_rollout(
        viewer, Source.of(movie), frames, first=first, known=known, provenance={}
    )
    note_frames_beyond(viewer, [layer])
    return layer


def go_to(viewer, qtbot, frame):
    viewer.dims.set_point(0, frame)
    qtbot.wait(100)


@pytest.mark.parametrize(("frame", "shown"), [(9, False), (10, True), (13, True)])
def test_the_text_is_there_beyond_the_end_only(viewer, overlay, qtbot, frame, shown):
    roll_out(viewer)
    go_to(viewer, qtbot, frame)
    assert overlay.visible == shown
    assert (overlay.text == TEXT) == shown


@pytest.mark.parametrize(("frame", "shown"), [(9, False), (10, True)])
def test_a_rollout_over_known_frames_is_marked_from_the_end_on(
    viewer, overlay, qtbot, frame, shown
):
    roll_out(viewer, first=8, known=2)
    go_to(viewer, qtbot, frame)
    assert overlay.visible == shown


def test_the_text_goes_with_the_rollout(viewer, overlay, qtbot):
    layer = roll_out(viewer)
    go_to(viewer, qtbot, 12)
    viewer.layers.remove(layer)
    qtbot.waitUntil(lambda: not overlay.visible)
    assert overlay.text == ""


def test_a_hidden_rollout_needs_no_text(viewer, overlay, qtbot):
    layer = roll_out(viewer)
    go_to(viewer, qtbot, 12)
    layer.visible = False
    qtbot.waitUntil(lambda: not overlay.visible)


def test_a_text_of_the_user_stays(viewer, overlay, qtbot):
    overlay.text, overlay.visible = "my movie", True
    roll_out(viewer)
    go_to(viewer, qtbot, 12)
    assert overlay.text == "my movie"
    go_to(viewer, qtbot, 2)
    assert (overlay.text, overlay.visible) == ("my movie", True)


def test_a_text_that_the_user_writes_meanwhile_stays(viewer, overlay, qtbot):
    roll_out(viewer)
    go_to(viewer, qtbot, 12)
    overlay.text = "for my talk"
    go_to(viewer, qtbot, 2)
    assert (overlay.text, overlay.visible) == ("for my talk", True)


def test_a_second_rollout_is_marked_too(viewer, overlay, qtbot):
    viewer.layers.remove(roll_out(viewer))
    go_to(viewer, qtbot, 2)
    roll_out(viewer)
    go_to(viewer, qtbot, 12)
    assert overlay.text == TEXT
