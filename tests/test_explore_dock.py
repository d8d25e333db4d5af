"""The Explore dock in napari: points that lead to frames and cells, and back."""

from __future__ import annotations

import gc
from weakref import ref

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image, Labels
from qtpy.QtCore import QEvent, QPointF, Qt
from qtpy.QtGui import QMouseEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QFileDialog

from movies import gliding
from napari_morphocast import api
from napari_morphocast.presenters.model_files import SAMPLE_MAKER
from napari_morphocast.training.config import Hardware, Run
from napari_morphocast.widgets._background import controller_of
from napari_morphocast.widgets._explore import KEPT, ExploreDock
from napari_morphocast.widgets._explore_cells import cells_of, features_of
from napari_morphocast.widgets._layers import Source
from napari_morphocast.widgets._movies import layers_of, own_metadata

FRAMES, MINUTE = 20, 60.0
LEFT = Qt.MouseButton.LeftButton
SMALL = {"context": 3, "horizon": 1, "epochs": 1, "code": 6, "width": 4, "hidden": 4}


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A latent_lstm that knows the movie."""
    path = tmp_path_factory.mktemp("models") / "cells.morphocast"
    run = Run.make("latent_lstm", **SMALL)
    list(api.train(gliding(FRAMES), path, run, hardware=Hardware(device="cpu")))
    return path


@pytest.fixture
def viewer(home):
    return ViewerModel()


@pytest.fixture
def dock(viewer, qtbot, model):
    made = ExploreDock(viewer)
    qtbot.addWidget(made)
    made.choose_model(model)
    yield made
    made.presenter.close()
    wait(qtbot, viewer)


def show(viewer, movie):
    return [viewer.add_image(data, **how) for data, how, _ in layers_of(movie)]


def wait(qtbot, viewer):
    qtbot.waitUntil(lambda: controller_of(viewer).job is None, timeout=60_000)


def explore(dock, viewer, qtbot):
    dock._refresh()
    dock.form.explore.click()
    wait(qtbot, viewer)
    assert dock.form.error.text() == ""


def add_cells(viewer):
    """Two cells on the movie, one of them in the last frames only."""
    painted = np.zeros((FRAMES, 24, 28), np.uint8)
    painted[:, 4:8, 4:8], painted[15:, 14:18, 20:24] = 1, 2
    (layer,) = [one for one in viewer.layers if isinstance(one, Image)]
    return viewer.add_labels(
        painted,
        name="nuclei",
        scale=layer.scale,
        units=layer.units,
        axis_labels=layer.axis_labels,
        features={"index": [1, 2], "area": [16.0, 12.0]},
    )


@pytest.fixture
def explored(dock, viewer, qtbot):
    """A dock that shows every frame of a movie."""
    show(viewer, gliding(FRAMES))
    explore(dock, viewer, qtbot)
    return dock


@pytest.fixture
def of_cells(dock, viewer, qtbot):
    """A dock that shows every cell of a Labels layer."""
    show(viewer, gliding(FRAMES))
    add_cells(viewer)
    dock.form.points.box.setCurrentIndex(1)
    dock.form.crop.setValue(8)
    explore(dock, viewer, qtbot)
    return dock


def test_an_empty_viewer_says_what_to_do(dock):
    assert "Open" in dock.form.movie_facts.text()
    assert not dock.form.explore.isEnabled()
    assert "Explore a movie first" in dock.form.export.toolTip()
    assert "becomes a point" in dock.form.what.text()


def test_the_sample_model_is_chosen_at_first(viewer, qtbot):
    first = ExploreDock(viewer)
    qtbot.addWidget(first)
    assert first.model() == SAMPLE_MAKER
    first.presenter.close()


def test_every_frame_is_a_point_on_a_map(explored):
    results = explored.form.results
    assert results.isVisibleTo(explored)
    assert not explored.form.what.isVisibleTo(explored)
    assert "20 frames of gliding" in results.heading.text()
    assert len(results.map._dots.points()) == FRAMES
    assert results.bar._high.text() == "19 min"
    assert explored.form.export.isEnabled()


def test_a_click_moves_the_viewer_to_the_frame(explored, viewer):
    explored.form.results.clicked.emit(13)
    assert viewer.dims.point[0] == 13 * MINUTE


def test_the_slider_moves_the_mark(explored, viewer):
    viewer.dims.set_point(0, 7 * MINUTE)
    shown = explored.form.results.map
    x, y = shown._current.getData()
    assert (x[0], y[0]) == tuple(shown._points[7])


def test_a_click_after_the_movie_was_deleted_does_nothing(explored, viewer):
    viewer.layers.clear()
    explored.form.results.clicked.emit(13)
    explored.form.results.lassoed.emit(np.arange(3))


def test_hovering_shows_the_frame(explored, qtbot):
    results = explored.form.results
    results.hovered.emit(5)
    assert "frame 5 · 5 min" in results.point.text()
    qtbot.waitUntil(lambda: not results.picture.pixmap().isNull(), timeout=5000)
    results.hovered.emit(-1)
    assert "Click a point" in results.point.text()


def test_another_map_keeps_colours_and_choice(explored, viewer, qtbot):
    results = explored.form.results
    results.lassoed.emit(np.array([2, 3]))
    brushes = [spot.brush().color().name() for spot in results.map._dots.points()]
    results.maps.setCurrentIndex(results.maps.findData("tsne"))
    wait(qtbot, viewer)
    assert results.map.getAxis("bottom").labelText == "t-SNE 1"
    assert [p.brush().color().name() for p in results.map._dots.points()] == brushes
    assert len(results.map._chosen.points()) == 2


def test_points_are_coloured_by_error(explored):
    shades = explored.form.results.shades
    shades.setCurrentText("error of its forecast")
    names = {p.brush().color().name() for p in explored.form.results.map._dots.points()}
    assert len(names) > 5
    assert explored.form.results.bar._high.text().endswith("grey levels")


def test_points_are_coloured_by_a_table(explored, tmp_path):
    table = tmp_path / "drug.csv"
    rows = [f"{t},{'drug' if t > 9 else 'none'}" for t in range(FRAMES)]
    table.write_text("\n".join(["frame,state", *rows]))
    explored.add_table(table)
    assert explored.shade() == "state · drug.csv"
    assert "drug" in explored.form.results.bar._kinds.text()


def test_chosen_frames_become_a_layer_in_place(explored, viewer):
    viewer.dims.set_point(0, 15 * MINUTE)
    explored.form.results.lassoed.emit(np.array([9, 2, 4]))
    assert explored.form.results.chosen.text() == "3 of 20 frames chosen"
    explored.form.results.keep.click()
    movie, made = viewer.layers
    assert made.name == "3 chosen frames · gliding"
    np.testing.assert_array_equal(made.data, gliding(FRAMES).frames[[2, 4, 9], 0])
    assert own_metadata(made)["frames"] == [2, 4, 9]
    assert own_metadata(made)["model"] == "cells"
    np.testing.assert_array_equal(made.scale, movie.scale)
    assert made.units == movie.units
    assert tuple(made.contrast_limits) == tuple(movie.contrast_limits)
    assert viewer.dims.point[0] == 0
    assert explored.form.picker.layers.count() == 1


def test_every_cell_is_a_point(of_cells):
    found = of_cells.presenter.explored.embedded
    assert len(found) == FRAMES + 5
    assert set(found.labels.tolist()) == {1, 2}
    assert "area · nuclei" in [
        of_cells.form.results.shades.itemText(n)
        for n in range(of_cells.form.results.shades.count())
    ]


def test_a_click_moves_the_viewer_to_the_cell(of_cells, viewer):
    found = of_cells.presenter.explored.embedded
    (point,) = np.flatnonzero((found.labels == 2) & (found.frames == 17))
    of_cells.go_to(int(point))
    assert viewer.dims.point[0] == 17 * MINUTE
    np.testing.assert_allclose(viewer.scene.camera.center[-2:], (15.5 / 2, 21.5 / 2))


def test_hovering_shows_the_way_of_the_cell(of_cells):
    found = of_cells.presenter.explored.embedded
    results = of_cells.form.results
    results.hovered.emit(int(np.flatnonzero(found.labels == 2)[0]))
    assert len(results.map._track.getData()[0]) == 5
    results.hovered.emit(-1)
    assert not len(results.map._track.getData()[0])


def test_chosen_cells_become_rings_on_the_movie(of_cells, viewer):
    found = of_cells.presenter.explored.embedded
    points = np.flatnonzero(found.labels == 2)
    of_cells.form.results.lassoed.emit(points)
    of_cells.form.results.keep.click()
    rings = viewer.layers[-1]
    assert rings.name == "5 chosen cells · gliding"
    assert rings.features["label"].tolist() == [2] * 5
    np.testing.assert_allclose(rings.data[0], (15, 15.5, 21.5))
    np.testing.assert_array_equal(rings.scale, viewer.layers[0].scale)


def test_channels_of_one_movie_are_explored_together(viewer, qtbot, tmp_path):
    path, both = tmp_path / "two.morphocast", gliding(FRAMES, channels=2)
    list(api.train(both, path, Run.make("latent_lstm", **SMALL)))
    show(viewer, both)
    dock = ExploreDock(viewer)
    qtbot.addWidget(dock)
    dock.choose_model(path)
    explore(dock, viewer, qtbot)
    assert dock.presenter.explored.embedded.means.shape[1] == 2
    dock.form.results.hovered.emit(5)
    picture = dock.form.results.picture
    qtbot.waitUntil(lambda: not picture.pixmap().isNull(), timeout=5000)
    dock.form.results.lassoed.emit(np.arange(3))
    dock.keep_chosen()
    assert [layer.data.shape[0] for layer in viewer.layers[2:]] == [3, 3]
    dock.presenter.close()


def test_a_slice_of_a_stack_is_explored(dock, viewer, qtbot):
    deep = np.repeat(gliding(FRAMES).frames, 3, 1)  # three slices
    viewer.add_image(deep, axis_labels=("T", "Z", "Y", "X"), name="stack")
    explore(dock, viewer, qtbot)
    assert len(dock.presenter.explored.embedded) == FRAMES
    dock.form.results.lassoed.emit(np.arange(4))
    dock.keep_chosen()
    assert viewer.layers[-1].data.shape == (4, 1, 24, 28)
    viewer.dims.set_point(1, 2)
    dock.go_to(6)
    assert viewer.dims.current_step[:2] == (6, 2)


def test_rings_lie_on_the_channel_that_was_explored(dock, viewer, qtbot):
    both = np.repeat(gliding(FRAMES).frames, 3, 1)
    layer = viewer.add_image(both, axis_labels=("T", "C", "Y", "X"), name="channels")
    painted = np.zeros((FRAMES, 24, 28), np.uint8)
    painted[:, 4:8, 4:8] = 1
    labels = viewer.add_labels(painted[:, None].repeat(3, 1))
    dock._refresh()
    dock.form.picker.channel.setCurrentIndex(2)  # after all of them and the first
    dock.form.points.box.setCurrentIndex(dock.form.points.box.findData(labels))
    explore(dock, viewer, qtbot)
    dock.form.results.lassoed.emit(np.arange(3))
    dock.keep_chosen()
    rings = viewer.layers[-1]
    places = [layer.world_to_data(rings.data_to_world(one)) for one in rings.data]
    assert [place[1] for place in places] == [1, 1, 1]


def test_a_shorter_movie_is_explored_after_a_lasso(explored, viewer, qtbot):
    explored.form.results.lassoed.emit(np.arange(15, FRAMES))
    viewer.layers.clear()
    show(viewer, gliding(12))
    explore(explored, viewer, qtbot)
    assert len(explored.presenter.explored.embedded) == 12
    assert not len(explored._lassoed)


def test_points_stay_with_their_movie_until_others_have_come(explored, viewer, qtbot):
    first = viewer.layers[0]
    later = viewer.add_image(first.data, name="later", scale=(2, 1, 1))
    explored.form.picker.layers.setCurrentText("later")
    explored._explore()
    assert explored._layer() is first
    wait(qtbot, viewer)
    assert explored._layer() is later


def test_points_are_saved_as_a_table(explored, tmp_path, monkeypatch):
    path = tmp_path / "kept"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(path), ""))
    explored.form.export.click()
    lines = path.with_suffix(".csv").read_text().splitlines()
    assert len(lines) == FRAMES + 1
    assert "pca_1" in lines[0]


def test_what_was_explored_is_kept_no_longer_than_its_layer(viewer, qtbot, model):
    show(viewer, gliding(FRAMES))
    dock, alive = ExploreDock(viewer), ref(viewer.layers[0].data)
    qtbot.addWidget(dock)
    dock.choose_model(model)
    explore(dock, viewer, qtbot)
    dock.presenter.close()
    assert KEPT in controller_of(viewer).kept
    viewer.layers.clear()
    viewer.layers.selection._current = None  # napari would keep the layer
    qtbot.waitUntil(lambda: gc.collect() >= 0 and alive() is None)


def test_a_reopened_dock_shows_the_same_points(explored, viewer, qtbot):
    again = ExploreDock(viewer)
    qtbot.addWidget(again)
    assert again.presenter.explored is explored.presenter.explored
    assert len(again.form.results.map._dots.points()) == FRAMES
    again.presenter.close()


def test_a_reopened_dock_forgets_a_movie_that_was_deleted(explored, viewer, qtbot):
    viewer.layers.clear()
    again = ExploreDock(viewer)
    qtbot.addWidget(again)
    assert again.presenter.explored is None
    assert not controller_of(viewer).kept.get("exploration")
    again.presenter.close()


def test_the_theme_is_followed(explored, viewer):
    viewer.theme = "light"
    assert explored.form.results.map.backgroundBrush().color().lightness() > 200


def test_every_control_explains_itself(explored):
    form, results = explored.form, explored.form.results
    controls = (
        *(form.models, form.browse, form.points.box, form.crop, form.window),
        *(form.explore, form.export, form.stop, results.maps, results.shades),
        *(results.table, results.path, results.keep),
    )
    assert all(control.toolTip() for control in controls)


# --- in a real window


def mouse(shown, kind, place, buttons):
    """Send the map an event of the left button, as a user would."""
    view, at = shown.viewport(), QPointF(*place)
    button = Qt.MouseButton.NoButton if kind == QEvent.Type.MouseMove else LEFT
    there = QPointF(view.mapToGlobal(at.toPoint()))
    none = Qt.KeyboardModifier.NoModifier
    QApplication.sendEvent(view, QMouseEvent(kind, at, there, button, buttons, none))


def draw(shown, places):
    """Press at the first place, move through all, and release."""
    none = Qt.MouseButton.NoButton
    mouse(shown, QEvent.Type.MouseMove, places[0], none)
    mouse(shown, QEvent.Type.MouseButtonPress, places[0], LEFT)
    for place in places[1:]:
        QTest.qWait(30)  # pyqtgraph listens a hundred times a second
        mouse(shown, QEvent.Type.MouseMove, place, LEFT)
    mouse(shown, QEvent.Type.MouseButtonRelease, places[-1], none)


def on_screen(shown, point):
    """Where a point is drawn."""
    place = shown._box.mapViewToScene(QPointF(*shown._points[point]))
    found = shown.mapFromScene(place)
    return found.x(), found.y()


def test_a_story_with_the_mouse(screen, home, make_napari_viewer, qtbot, model):
    viewer = make_napari_viewer(show=True)
    show(viewer, gliding(FRAMES))
    dock = ExploreDock(viewer)
    place = viewer.window.add_dock_widget(dock, name="Explore")
    viewer.window.resize(1200, 950)
    dock.choose_model(model)
    explore(dock, viewer, qtbot)
    shown = dock.form.results.map
    qtbot.waitUntil(lambda: shown.height() >= 280)
    qtbot.wait(200)
    draw(shown, [on_screen(shown, 6)])
    qtbot.waitUntil(lambda: viewer.dims.point[0] == 6 * MINUTE)
    assert "frame 6" in dock.form.results.point.text()
    qtbot.wait(600)  # else this were a double click
    (x, y), near = on_screen(shown, 11), 8
    corners = [(x - near, y - near), (x + near, y - near), (x + near, y + near)]
    draw(shown, [*corners, (x - near, y + near)])
    assert 11 in dock._lassoed
    assert len(dock._lassoed) < FRAMES
    dock.form.results.keep.click()
    assert own_metadata(viewer.layers[-1])["frames"] == sorted(dock._lassoed)
    viewer.window.remove_dock_widget(place)
    wait(qtbot, viewer)


# --- cells on the grid of the movie


WHERE = {"scale": (60, 0.5, 0.5), "translate": (0, 10, 20)}


def movie_layer(**turn):
    return Image(np.zeros((5, 20, 24)), axis_labels="TYX", **WHERE, **turn)


def random_labels():
    return np.random.default_rng(0).integers(0, 9, (5, 20, 24)).astype(np.uint16)


@pytest.mark.parametrize("turn", [{}, {"rotate": 30}, {"shear": [0, 0, 0.4]}])
def test_labels_lie_as_the_movie_does_however_it_is_turned(turn):
    painted = random_labels()
    found = cells_of(Labels(painted, **WHERE, **turn), Source.of(movie_layer(**turn)))
    assert found.labels.shape == (5, 20, 24)
    assert found.labels.dtype == np.uint16
    np.testing.assert_array_equal(
        np.stack([found.labels[t] for t in range(5)]), painted
    )


def test_labels_that_begin_later_and_elsewhere_lie_where_they_lie():
    painted = random_labels()
    where = {"scale": (60, 0.5, 0.5), "translate": (120, 11, 20)}
    found = cells_of(Labels(painted, **where), Source.of(movie_layer())).labels
    assert not found[1].any()
    np.testing.assert_array_equal(found[2][2:], painted[0, :18])
    assert not found[2][:2].any()


def test_labels_of_one_picture_hold_for_all_frames():
    painted = random_labels()[0]
    layer = Labels(painted, scale=(0.5, 0.5), translate=(10, 20))
    found = cells_of(layer, Source.of(movie_layer())).labels
    np.testing.assert_array_equal(found[4], painted)


def test_labels_of_a_stack_are_seen_through_its_slices():
    painted = np.zeros((5, 3, 20, 24), np.uint8)
    painted[2, 1, 4, 5], painted[2, 2, 6, 7] = 3, 4
    stack = Image(np.zeros(painted.shape), axis_labels="TZYX")
    found = cells_of(Labels(painted), Source.of(stack)).labels
    assert (found[2][4, 5], found[2][6, 7]) == (3, 4)
    assert not found[1].any()


def test_features_without_numbers_of_labels_are_counted_by_row():
    layer = Labels(random_labels(), features={"area": [0.0, 5.0, 6.0]})
    name, columns = features_of(layer)
    assert name == layer.name
    assert columns["label"] == [0, 1, 2]
    assert features_of(Labels(random_labels())) is None
