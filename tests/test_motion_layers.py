"""Why a forecast moved what it moved: pictures, layers and files of motion."""

import threading
from dataclasses import replace
from itertools import chain

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Vectors
from qtpy.QtWidgets import QLabel
from tifffile import TiffFile

from movies import gliding
from napari_morphocast import api
from napari_morphocast.cli import main
from napari_morphocast.data.io import read_movie, write_movie
from napari_morphocast.presenters.forecasting import (
    FrameDone,
    Order,
    Result,
    forecasting,
)
from napari_morphocast.presenters.motion import (
    MotionNotes,
    MotionPictures,
    arrows,
    legend,
    magnified,
    wheel,
)
from napari_morphocast.training.config import Hardware, Run
from napari_morphocast.widgets._background import controller_of
from napari_morphocast.widgets._forecast import ForecastDock
from napari_morphocast.widgets._layers import Source
from napari_morphocast.widgets._motion import add_motion
from napari_morphocast.widgets._movies import layers_of


def moving(
    y: float, x: float, frames: int = 3, size: tuple[int, int] = (40, 48)
) -> np.ndarray:
    """Backward displacements of a scene that moves by (y, x) per frame."""
    field = np.zeros((frames, 2, *size), np.float32)
    field[:, 0], field[:, 1] = -y, -x
    return field


@pytest.mark.parametrize(
    ("y", "x", "colour"),
    [
        (0, 2, (255, 0, 0)),
        (2 * 3**0.5, 2, (255, 255, 0)),
        (0, -2, (0, 255, 255)),
        (-2 * 3**0.5, 2, (255, 0, 255)),
        (0, 0, (0, 0, 0)),
    ],
)
def test_the_hue_says_where_to(y, x, colour):
    seen = wheel(moving(y, x), 2)
    assert seen.shape == (3, 3, 40, 48)
    assert np.abs(seen[0, :, 5, 5].astype(int) - colour).max() <= 1


def test_arrows_end_where_the_pixels_are():
    found = arrows(moving(3, -2))
    start, way = found[:, 0], found[:, 1]
    assert np.allclose(way, (0, 3, -2))
    ends = start + way
    assert np.allclose(ends % 1, 0)
    assert set(ends[:, 0]) == {0, 1, 2}
    assert ends[:, 1].max() < 40
    assert ends[:, 2].max() < 48


def test_where_all_is_slow_all_that_moves_has_long_arrows():
    slow = moving(0, 0.2)
    slow[..., 30:] = 0.01  # this rests
    assert magnified(slow) == 10
    found = arrows(slow, 10)
    assert np.allclose(found[:, 1], (0, 0, 2))
    ends = found.sum(1)
    every = arrows(10 * moving(0, 0.2)).sum(1)
    assert len(ends) == (every[:, 2] < 30).sum()


@pytest.mark.parametrize("size", [(16, 800), (800, 16), (1, 90)])
def test_long_narrow_frames_have_arrows_too(size):
    ends = arrows(moving(0, 3, size=size)).sum(1)
    assert len(ends) >= 3 * 20
    assert (ends[:, 1:] < size).all()


def test_arrows_of_what_hardly_moves_are_magnified_and_say_so(home):
    notes = MotionNotes(3, 240, 240)
    for frame in moving(0, 1, size=(240, 240)):
        notes.take(frame, np.zeros((1, 240, 240), np.float32))
    seen = notes.pictures()
    assert seen.times == 10
    start, way = seen.arrows[:, 0], seen.arrows[:, 1]
    assert np.allclose(way, (0, 0, 10))
    assert np.array_equal(start + way, arrows(moving(0, 1, size=(240, 240))).sum(1))
    viewer = ViewerModel()
    source = Source.of(viewer.add_image(np.zeros((5, 240, 240)), name="cells"))
    added = add_motion(viewer, source, seen, which="+1", provenance={"first": 2})
    assert added[-1].name == "motion ×10 +1 · cells"


@pytest.mark.parametrize(
    ("x", "times"), [(0.04, 1), (0.1, 10), (0.7, 10), (2, 5), (5, 2), (9, 1)]
)
def test_magnified_arrows_do_not_cross(x, times):
    assert magnified(moving(0, x, size=(240, 240))) == times


def test_a_map_of_kernels_is_darkest_where_they_do_least(home):
    notes = MotionNotes(2, 24, 28)
    unusual = np.linspace(0.3, 0.5, 24 * 28, dtype=np.float32).reshape(1, 24, 28)
    for frame in moving(0, 2, 2, (24, 28)):
        notes.take(frame, unusual)
    seen = notes.pictures()
    viewer = ViewerModel()
    source = Source.of(viewer.add_image(np.zeros((5, 24, 28)), name="cells"))
    note = {"first": 2}
    kernels, *_ = add_motion(viewer, source, seen, which="+1", provenance=note)
    assert kernels.contrast_limits == pytest.approx([0.3, 0.5], abs=0.01)
    level = replace(seen, least_unusual=0.49)
    kernels, *_ = add_motion(viewer, source, level, which="+1", provenance=note)
    assert kernels.contrast_limits == pytest.approx([0.45, 0.5], abs=0.01)


def test_what_rests_has_no_arrow():
    assert len(arrows(moving(0.03, 0.03))) == 0
    some = np.where(np.arange(48) < 24, moving(0, 0.2), moving(0, 4))
    assert arrows(some)[:, 0, 2].min() >= 16  # not those that move 20 times slower


@pytest.mark.parametrize("axes", ["TYX", "TCYX", "TZYX", "YXT"])
def test_motion_lies_on_the_frames_whatever_the_order_of_axes(axes, home):
    viewer = ViewerModel()
    shape = {"T": 10, "C": 2, "Z": 3, "Y": 40, "X": 48}
    scale = {"T": 60.0, "C": 1.0, "Z": 2.0, "Y": 0.5, "X": 0.25}
    layer = viewer.add_image(
        np.zeros([shape[a] for a in axes], np.uint8),
        name="cells",
        axis_labels=axes,
        scale=[scale[a] for a in axes],
    )
    seen = MotionPictures(
        wheel(moving(3, -2), 2),
        arrows(moving(3, -2)),
        np.ones((3, 1, 40, 48), np.float16),
        most_unusual=1.0,
    )
    added = add_motion(
        viewer, Source.of(layer), seen, which="+1", provenance={"first": 6}
    )
    assert [one.name.split(" ")[0] for one in added] == ["unusual", "motion", "motion"]
    vectors = added[-1]
    assert isinstance(vectors, Vectors)
    for one in added:
        assert one.translate[axes.index("T")] == 6 * 60.0
        assert one.scale[axes.index("X")] == 0.25
    way = vectors.data[0, 1]
    assert way[axes.index("Y")] == 3
    assert way[axes.index("X")] == -2
    assert way[axes.index("T")] == 0


def test_notes_of_a_stopped_forecast_hold_what_is_done():
    notes = MotionNotes(5, 40, 48)
    for frame in moving(0, 2)[:2]:
        notes.take(frame, np.zeros((1, 40, 48), np.float32))
    seen = notes.pictures()
    assert len(seen.colours) == len(seen.unusual) == 2
    assert set(seen.arrows[:, 0, 0]) == {0, 1}


def test_a_stopped_forecast_shows_how_what_is_done_has_moved():
    order = Order("prediction", gliding(12), "advection", "advection", 1, device="cpu")
    stop, items = threading.Event(), []
    for item in forecasting([order], stop):
        items.append(item)
        if isinstance(item, FrameDone) and item.done == 2:
            stop.set()
    *_, last, seen = items
    assert last.done == 2
    assert len(seen.colours) == 2
    assert len(seen.arrows)


def test_the_forecast_of_advection_shows_how_everything_moves(home, qtbot):
    viewer = ViewerModel()
    for data, how, _ in layers_of(gliding(12)):
        viewer.add_image(data, **how)
    dock = ForecastDock(viewer)
    qtbot.addWidget(dock)
    models = dock.form.models
    models.setCurrentIndex(models.findText("advection (baseline)"))
    dock.presenter.refresh()
    dock.form.predict.click()
    qtbot.waitUntil(lambda: controller_of(viewer).job is None, timeout=60_000)
    named = [layer.name.split(" · ")[0] for layer in viewer.layers[1:]]
    assert named == ["forecast +1", "error +1", "motion in colours +1", "motion +1"]
    assert viewer.layers.selection.active.name.startswith("forecast")
    layers = dock.form.picker.layers
    listed = [layers.itemText(i) for i in range(layers.count())]
    assert "motion in colours" not in " ".join(listed)
    dock.presenter.close()


def test_the_wheel_is_in_the_dock_while_motion_is_shown_in_colours(home, qtbot):
    viewer = ViewerModel()
    dock = ForecastDock(viewer)
    qtbot.addWidget(dock)
    source = Source.of(viewer.add_image(np.zeros((5, 40, 48)), name="cells"))
    notes, shown = MotionNotes(3, 40, 48), dock.form.legend
    for frame in moving(3, 0):
        notes.take(frame, np.zeros((1, 40, 48), np.float32))
    seen, note = notes.pictures(), {"first": 2}
    colours, _ = add_motion(viewer, source, seen, which="+1", provenance=note)
    assert shown.isHidden()
    colours.visible = True
    assert not shown.isHidden()
    said = "Motion in colours: brightest from 3 pixels per frame on."
    assert said in {label.text() for label in shown.findChildren(QLabel)}
    viewer.layers.remove(colours)
    qtbot.waitUntil(shown.isHidden)
    dock.presenter.close()


def test_the_wheel_shows_every_motion_in_its_colour():
    disc = legend(101)
    assert disc.shape == (101, 101, 4)
    assert disc[50, 98, :3].tolist() == pytest.approx([245, 0, 0], abs=1)
    assert disc[50, 2, :3].tolist() == pytest.approx([0, 245, 245], abs=1)
    assert disc[50, 50].tolist() == [0, 0, 0, 255]
    assert disc[0, 0, 3] == 0


def test_a_forecast_that_moves_nothing_has_no_motion_layers():
    assert Result.__dataclass_fields__["motion"].default is None
    steps = api.predict(gliding(12), "linear").steps
    assert next(iter(steps)).motion is None


def test_steps_of_advection_say_where_pixels_come_from():
    movie = gliding(12)
    step = next(iter(api.rollout(movie, "advection", horizon=2).steps))
    assert step.motion is not None
    assert step.unusual is not None
    assert step.motion.shape == (2, *movie.shape[2:])
    assert not step.unusual.any()
    assert np.abs(np.median(step.motion[1])) > 0.3


def test_motion_is_written_beside_the_forecast(tmp_path, capsys):
    movie, out = gliding(12), tmp_path / "motion.ome.tif"
    given = tmp_path / "movie.ome.tif"
    write_movie(given, movie.read(0, 12), like=movie, count=12)
    frames = str(tmp_path / "frames.ome.tif")
    command = ["predict", str(given), "advection", "-o", frames, "--motion", str(out)]
    assert main(command) == 0
    written = read_movie(out)
    assert written.channels[2] == "unusual kernel"
    assert written.shape[:2] == (8, 3)
    assert main([*command[:2], "linear", *command[3:]]) == 2
    assert "moving pixels" in capsys.readouterr().err


@pytest.mark.parametrize("ending", [".ome.tif", ".tif", ".npy", ".ome.zarr"])
def test_the_colours_of_napari_are_written_beside_the_motion(ending, tmp_path, capsys):
    movie, given = gliding(12), tmp_path / "movie.ome.tif"
    write_movie(given, movie.read(0, 12), like=movie, count=12)
    out = tmp_path / f"moves{ending}"
    frames = ["-o", str(tmp_path / "frames.ome.tif"), "--motion", str(out)]
    assert main(["predict", str(given), "advection", *frames]) == 0
    written = read_movie(tmp_path / f"moves-colours{ending}")
    assert written.rgb
    notes = MotionNotes(8, 24, 28)
    for step in api.predict(read_movie(given), "advection").steps:
        notes.take(step.motion, step.unusual)
    shown = notes.pictures().colours
    assert written.shape == shown.shape
    assert np.abs(written.raw(0, 8) - shown.astype(int)).max() <= 2
    assert f"moves-colours{ending}: frames 4 to 11" in capsys.readouterr().out
    assert not (tmp_path / f"moves-alpha-c{ending}").exists()


def test_colours_are_written_over_no_other_file(tmp_path, capsys):
    names = "movie.tif", "frames.tif", "moves.tif", "moves-colours.tif"
    given, *others = (str(tmp_path / name) for name in names)
    movie = gliding(12)
    write_movie(given, movie.read(0, 12), like=movie, count=12)
    options = zip(("-o", "--motion", "--error"), others, strict=True)
    command = ["predict", given, "advection", *chain(*options)]
    assert main(command) == 2
    said = "--error and the colours beside --motion name the same file"
    assert said in capsys.readouterr().err
    clash = ["predict", others[2], "advection", "-o", others[0], "--motion", others[1]]
    assert main(clash) == 2
    assert "would be overwritten" in capsys.readouterr().err


def test_maps_of_errors_are_written_as_they_are_shown(tmp_path, capsys):
    given, out = tmp_path / "movie.ome.tif", tmp_path / "moves.ome.tif"
    movie, path = gliding(24), tmp_path / "net.morphocast"
    write_movie(given, movie.read(0, 24), like=movie, count=24)
    small = {"width": 4, "depth": 2, "kernel": 3, "epochs": 1, "batches": 2}
    run = Run.make("sdc_net", loss="adaptive", errors="map", **small)
    list(api.train(movie, path, run, hardware=Hardware(device="cpu")))
    frames = ["-o", str(tmp_path / "frames.ome.tif"), "--motion", str(out)]
    assert main(["rollout", str(given), str(path), "--horizon", "2", *frames]) == 0
    assert "moves-alpha-c.ome.tif: alpha, how much" in capsys.readouterr().out
    with TiffFile(tmp_path / "moves-alpha-c.ome.tif") as file:
        written = file.asarray()
        assert "alpha, how much outliers count" in file.ome_metadata
    maps = api.load(path).error_maps(24, 28)
    np.testing.assert_array_equal(written.reshape(2, 24, 28), np.stack(maps))
    assert main(["rollout", str(given), "advection", "--horizon", "2", *frames]) == 0
    told = capsys.readouterr().out
    assert "moves-alpha-c.ome.tif lies there from before, but advection has no" in told


def test_learned_maps_of_errors_are_layers_beside_the_motion(home):
    viewer = ViewerModel()
    data, how, _ = layers_of(gliding(12))[0]
    source = Source.of(viewer.add_image(data, **how))
    motion = np.ones((3, 2, 24, 28), np.float32)
    alpha = np.linspace(0, 2, 24 * 28, dtype=np.float32).reshape(24, 28)
    seen = MotionPictures(
        wheel(motion, 2), arrows(motion), motion[:, :1], errors=(alpha, 5 * alpha)
    )
    note = {"first": 4, "run": "now"}
    added = add_motion(viewer, source, seen, which="+1", provenance=note)
    maps = {one.name.split(",")[0]: one for one in added if "," in one.name}
    assert set(maps) == {"alpha", "c"}
    assert maps["alpha"].data.shape == (3, 24, 28)
    np.testing.assert_array_equal(maps["c"].data[2], 5 * alpha)
    assert maps["c"].contrast_limits == [0, 10]
    assert not maps["alpha"].visible
