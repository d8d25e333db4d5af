"""The manifest: what napari is promised is there, and napari honours it."""

from __future__ import annotations

from importlib.resources import files

import pytest
from npe2 import PluginManifest
from qtpy.QtWidgets import QPushButton

from movies import gliding

NAME = "napari-morphocast"
DOCKS = ("Train", "Forecast", "Evaluate", "Synthesize", "Explore")


@pytest.fixture(scope="module")
def manifest():
    return PluginManifest.from_file(files("napari_morphocast") / "napari.yaml")


@pytest.fixture
def window(screen, home, make_napari_viewer, npe2pm, manifest):
    """A real napari with our manifest and nobody else's."""
    viewer = make_napari_viewer()
    npe2pm.register(manifest)
    yield viewer
    from napari_morphocast.widgets._background import controller_of

    assert controller_of(viewer).job is None


def test_every_command_is_there(manifest):
    manifest.validate_imports()


def test_every_title_begins_with_a_verb(manifest):
    verbs = {"Train", "Forecast", "Evaluate", "Make", "Explore"}
    verbs |= {"Show", "Open", "Simulate"}
    titles = [command.title for command in manifest.contributions.commands]
    assert {title.split()[0] for title in titles} <= verbs


def test_every_menu_is_one_that_napari_honours(manifest):
    from napari._app_model.constants._menus import is_menu_contributable

    menus = manifest.contributions.menus
    assert menus
    assert all(is_menu_contributable(menu) for menu in menus)


def test_preferences_are_those_that_are_read(manifest):
    categories = manifest.contributions.configurations.values()
    names = {name for category in categories for name in category.properties}
    assert names == {"device", "precision", "autosave", "models_folder"}


def test_no_reader_makes_naparis_chooser_pop_up(manifest):
    assert not manifest.contributions.readers


def test_every_menu_item_is_in_naparis_menus(window, manifest):
    from napari._app_model import get_app_model

    menus = get_app_model().menus
    for menu, items in manifest.contributions.menus.items():
        shown = {getattr(i.command, "id", "") for i in menus.get_menu(menu)}
        assert {item.command for item in items} <= shown


@pytest.mark.parametrize("name", DOCKS)
def test_every_dock_opens(window, name):
    dock, widget = window.window.add_plugin_dock_widget(NAME, name)
    assert widget.toolTip() is not None
    window.window.remove_dock_widget(dock)


def test_a_sample_opened_from_the_train_dock_can_be_trained_on_at_once(window, qtbot):
    dock, widget = window.window.add_plugin_dock_widget(NAME, "Train")
    buttons = {b.text().replace("&", ""): b for b in widget.findChildren(QPushButton)}
    buttons["Open sample"].click()
    qtbot.waitUntil(lambda: buttons["Train"].isEnabled(), timeout=60_000)
    window.window.remove_dock_widget(dock)


def test_a_movie_opened_from_a_dock_is_the_chosen_one(window):
    window.open_sample(NAME, "waves")
    dock, widget = window.window.add_plugin_dock_widget(NAME, "Forecast")
    (layer,) = window.open_sample(NAME, "tissue")
    widget.form.picker.choose(layer)
    assert widget.form.picker.layer() is layer
    window.window.remove_dock_widget(dock)


@pytest.mark.parametrize("sample", ["tissue", "yeast", "waves"])
def test_every_shipped_sample_opens_with_time_and_size(window, sample):
    (layer,) = window.open_sample(NAME, sample)
    assert [str(unit) for unit in layer.units] == ["second", *["micrometer"] * 2]


def test_commands_forecast_a_movie_and_compare_it(window, qtbot):
    from napari_morphocast.widgets._background import controller_of
    from napari_morphocast.widgets._commands import compare, forecast_layer
    from napari_morphocast.widgets._preferences import remember
    from napari_morphocast.widgets._side_by_side import is_side_by_side

    remember(forecast={"model": "linear"})
    window.open_sample(NAME, "tissue")
    for layers in (3, 5):
        forecast_layer(window)
        qtbot.waitUntil(lambda: controller_of(window).job is None, timeout=60_000)
        assert len(window.layers) == layers
    compare(window)
    assert is_side_by_side(window)
    compare(window)
    assert not is_side_by_side(window)


def test_the_movie_of_a_selected_result_is_forecast_and_no_other(window, qtbot):
    from napari_morphocast.widgets._background import controller_of
    from napari_morphocast.widgets._commands import forecast_layer
    from napari_morphocast.widgets._movies import own_metadata
    from napari_morphocast.widgets._preferences import remember

    remember(forecast={"model": "persistence"})
    _, dock = window.window.add_plugin_dock_widget(NAME, "Forecast")
    frames = gliding(9).frames[:, 0]
    movies = [window.add_image(frames, axis_labels="TYX", name=name) for name in "ab"]
    for movie in movies:
        window.layers.selection.active = movie
        forecast_layer(window)
        qtbot.waitUntil(lambda: controller_of(window).job is None, timeout=60_000)
        dock.form.picker.choose(movies[0])
    last = window.layers.selection.active
    forecast_layer(window)
    qtbot.waitUntil(lambda: controller_of(window).job is None, timeout=60_000)
    assert own_metadata(window.layers[-1])["source"] == movies[1].name
    window.layers.remove(movies[1])
    window.layers.selection.active = last
    forecast_layer(window)
    assert controller_of(window).job is None
    assert "is not here" in dock.form.error.text()
