"""The Synthesize dock: layers beside the movie that say that they are synthetic."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from napari.components import ViewerModel

from movies import gliding
from napari_morphocast import api, read_movie
from napari_morphocast.training.config import Hardware, Run
from napari_morphocast.widgets._background import controller_of
from napari_morphocast.widgets._movies import layers_of, own_metadata
from napari_morphocast.widgets._sheets import GAP, columns_of, sheet
from napari_morphocast.widgets._synthesize import SynthesizeDock

SIDE = 32


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    path = tmp_path_factory.mktemp("vae") / "cells.morphocast"
    run = Run.make("vae", side=SIDE, width=4, latent=4, epochs=1)
    list(api.train(gliding(30, (40, 44)), path, run, hardware=Hardware(device="cpu")))
    return path


@pytest.fixture
def viewer(home):
    return ViewerModel()


@pytest.fixture
def dock(viewer, qtbot, model):
    for data, how, _ in layers_of(gliding(30, (40, 44))):
        viewer.add_image(data, **how)
    made = SynthesizeDock(viewer)
    qtbot.addWidget(made)
    made.choose_model(model)
    made.presenter.refresh()
    yield made
    made.presenter.close()
    wait(qtbot, viewer)


def wait(qtbot, viewer):
    qtbot.waitUntil(lambda: controller_of(viewer).job is None, timeout=60_000)


def press(button, viewer, qtbot):
    button.click()
    wait(qtbot, viewer)


def synthetic(viewer):
    return [
        one for one in viewer.layers if own_metadata(one).get("kind") == "synthetic"
    ]


def test_pictures_stand_in_rows_with_gaps():
    pictures = np.arange(1, 4, dtype=np.uint8)[:, None, None, None]
    whole = sheet(np.broadcast_to(pictures, (3, 1, 4, 5)))
    assert columns_of(3) == 3
    assert whole.shape == (1, 4, 3 * 5 + 2 * GAP)
    assert whole[0, 0, :5].tolist() == [1] * 5
    assert whole[0, 0, 5 : 5 + GAP].tolist() == [0] * GAP


def test_the_button_names_the_frame_on_the_screen(dock, viewer):
    viewer.dims.set_point(0, 7 * viewer.layers[0].scale[0])
    assert dock.form.like.text() == "&Like frame 7"


def test_frames_lie_beside_the_movie_and_say_that_they_are_synthetic(
    dock, viewer, qtbot
):
    movie = viewer.layers[0]
    viewer.dims.set_point(0, 0)
    press(dock.form.like, viewer, qtbot)
    (made,) = synthetic(viewer)
    assert made.name.startswith("SYNTHETIC like frame 0")
    assert own_metadata(made)["seed"] == dock.form.seed.value()
    assert made.translate[-1] > movie.extent.world[1, -1] - movie.scale[-1]
    assert made.units[-1] == movie.units[-1]
    assert "synthetic, no microscope saw them" in dock.form.verdict.text()


def test_the_real_frames_below_are_those_of_the_movie(dock, viewer, qtbot):
    press(dock.form.random, viewer, qtbot)
    real = next(one for one in viewer.layers if one.name.startswith("nearest real"))
    first = own_metadata(real)["frames"][0]
    frame = gliding(30, (40, 44)).raw(first, first + 1)[0, 0]
    shown = np.asarray(real.data)[first][:SIDE, :SIDE]
    windows = np.lib.stride_tricks.sliding_window_view(frame, (SIDE, SIDE))
    assert (windows == shown).all((2, 3)).any()


def test_pressing_again_takes_the_place_of_what_was_made(dock, viewer, qtbot):
    press(dock.form.like, viewer, qtbot)
    before = [layer.name for layer in viewer.layers]
    viewer.dims.set_point(0, 3 * viewer.layers[0].scale[0])
    press(dock.form.like, viewer, qtbot)
    after = [layer.name for layer in viewer.layers]
    assert len(after) == len(before)
    assert any(name.startswith("SYNTHETIC like frame 3") for name in after)


def test_what_is_new_comes_into_view_and_later_the_camera_rests(dock, viewer, qtbot):
    camera = viewer.scene.camera
    viewer.reset_view()
    movie = camera.center[-1]
    press(dock.form.like, viewer, qtbot)
    assert camera.center[-1] > movie
    camera.center, camera.zoom = (0, 1, 2), 30
    press(dock.form.like, viewer, qtbot)
    assert (camera.center, camera.zoom) == ((0, 1, 2), 30)


def test_a_renamed_layer_is_kept(dock, viewer, qtbot):
    press(dock.form.like, viewer, qtbot)
    synthetic(viewer)[0].name = "mine"
    press(dock.form.like, viewer, qtbot)
    assert len(synthetic(viewer)) == 2


def test_the_same_seed_makes_the_same_frames(dock, viewer, qtbot):
    press(dock.form.like, viewer, qtbot)
    once = np.array(synthetic(viewer)[0].data)
    dock.form.again.setChecked(True)
    press(dock.form.like, viewer, qtbot)
    np.testing.assert_array_equal(synthetic(viewer)[0].data, once)
    dock.form.again.setChecked(False)
    press(dock.form.like, viewer, qtbot)
    assert not np.array_equal(synthetic(viewer)[0].data, once)


def test_a_way_is_a_movie(dock, viewer, qtbot):
    dock.form.other.setValue(20)
    press(dock.form.between, viewer, qtbot)
    (made,) = synthetic(viewer)
    assert made.data.shape == (dock.form.count.value(), SIDE, SIDE)
    assert made.translate[-2] > 0


def test_what_was_made_can_be_saved(dock, viewer, qtbot, tmp_path):
    assert not dock.form.save.isEnabled()
    press(dock.form.like, viewer, qtbot)
    assert dock.form.save.isEnabled()
    dock.save(tmp_path / "made.ome.tif")
    assert read_movie(tmp_path / "made.ome.tif").shape[2:] == (SIDE, SIDE)


def test_without_a_movie_random_frames_are_shown_all_the_same(
    viewer, qtbot, model, home
):
    dock = SynthesizeDock(ViewerModel())
    qtbot.addWidget(dock)
    dock.choose_model(model)
    dock.presenter.refresh()
    press(dock.form.random, dock._viewer, qtbot)
    (made,) = synthetic(dock._viewer)
    assert made.name.startswith("SYNTHETIC at random")
    assert made.units[-1] == "micrometer"
    dock.presenter.close()


def test_another_movie_gets_layers_of_its_own(dock, viewer, qtbot):
    press(dock.form.like, viewer, qtbot)
    other = gliding(30, (40, 44))
    deep = replace(other, frames=other.frames.astype(np.uint16) * 9, name="deep")
    for data, how, _ in layers_of(deep):
        layer = viewer.add_image(data, **how)
    dock.form.picker.choose(layer)
    press(dock.form.like, viewer, qtbot)
    assert len(synthetic(viewer)) == 2
    assert synthetic(viewer)[-1].contrast_limits == layer.contrast_limits


def test_choices_are_remembered(dock, viewer, qtbot, model):
    dock.form.count.setValue(5)
    press(dock.form.random, viewer, qtbot)
    again = SynthesizeDock(viewer)
    qtbot.addWidget(again)
    assert again.form.count.value() == 5
    assert again.model() == model
    again.presenter.close()


def test_what_was_made_is_rolled_out_in_its_place(dock, viewer, qtbot):
    viewer.dims.set_point(0, 4 * viewer.layers[0].scale[0])
    assert not dock.form.rollout.isEnabled()
    press(dock.form.like, viewer, qtbot)
    (still,) = synthetic(viewer)
    picture = np.asarray(still.data)[0]
    dock.form.horizon.setValue(3)
    forecasters = dock.form.forecasters
    forecasters.setCurrentIndex(forecasters.findText("persistence (baseline)"))
    press(dock.form.rollout, viewer, qtbot)
    (rolled,) = synthetic(viewer)
    assert "rolled out by persistence" in rolled.name
    told = own_metadata(rolled)
    assert (told["forecaster"], told["known"]) == ("persistence", 1)
    assert len(rolled.data) == 4
    assert rolled.translate[0] == viewer.layers[0].translate[0] + 4 * rolled.scale[0]
    assert (np.asarray(rolled.data) == picture).all()
    dock.form.horizon.setValue(6)
    press(dock.form.rollout, viewer, qtbot)  # from what was made, not from there on
    assert len(synthetic(viewer)[0].data) == 7


def test_without_a_movie_a_rollout_is_a_movie_of_its_own(viewer, qtbot, model):
    dock = SynthesizeDock(viewer)
    qtbot.addWidget(dock)
    dock.choose_model(model)
    dock.presenter.refresh()
    press(dock.form.random, viewer, qtbot)
    dock.form.horizon.setValue(3)
    forecasters = dock.form.forecasters
    forecasters.setCurrentIndex(forecasters.findText("linear (baseline)"))
    press(dock.form.rollout, viewer, qtbot)
    rolled = synthetic(viewer)[-1]
    assert own_metadata(rolled)["known"] == 1
    assert rolled.data.shape[0] == 4
    assert rolled.axis_labels[0] == "T"
    dock.presenter.close()


def test_beside_a_colour_movie_frames_at_random_lie_alone(viewer, qtbot, model):
    colours = np.zeros((12, 48, 48, 3), np.uint8)
    viewer.add_image(colours, rgb=True, axis_labels=("T", "Y", "X"))
    dock = SynthesizeDock(viewer)
    qtbot.addWidget(dock)
    dock.choose_model(model)
    dock.presenter.refresh()
    assert not dock.form.like.isEnabled()
    press(dock.form.random, viewer, qtbot)
    assert len(synthetic(viewer)) == 1
    assert not dock.form.error.text()
    dock.presenter.close()
