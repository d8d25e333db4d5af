"""The Train dock with real Qt, a real thread and a real model, but no window."""

from __future__ import annotations

import gc
import threading
from pathlib import Path
from unittest.mock import MagicMock
from weakref import ref

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image
from qtpy.QtCore import Qt

from movies import gliding
from napari_morphocast.models.cell_gan_config import CellGANConfig
from napari_morphocast.presenters.job import Job
from napari_morphocast.presenters.model_files import makes
from napari_morphocast.presenters.train import Order, TrainPresenter
from napari_morphocast.widgets import _forecast, _train
from napari_morphocast.widgets._background import controller_of
from napari_morphocast.widgets._check_report import PATIENCE, CheckReport
from napari_morphocast.widgets._movies import layers_of, own_metadata
from napari_morphocast.widgets._preferences import Preferences
from napari_morphocast.widgets._train import TrainDock

TINY = {
    "context": 2,
    "horizon": 1,
    "epochs": 2,
    "minutes": 0.0,
    "width": 4,
    "crop": 0,
}
WAIT = 30_000  # milliseconds
PREVIEW = np.ones((3, 1, 24, 28), np.float32)
TAB = Qt.FocusPolicy.TabFocus


@pytest.fixture
def viewer():
    return ViewerModel()


@pytest.fixture
def open_dock(qtbot, home, viewer):
    """Opens docks that are ready to train something tiny."""

    def opening(wait=True):
        dock = TrainDock(viewer)
        qtbot.addWidget(dock)
        dock.show()
        if wait:
            qtbot.waitUntil(lambda: dock._settings.ready, timeout=WAIT)
            for form in dock._settings._forms:
                form.set_values(TINY)
        return dock

    return opening


@pytest.fixture
def dock(open_dock):
    return open_dock()


@pytest.fixture
def forecasts(monkeypatch):
    """Note the forecasts that are asked for, instead of making them."""
    asked = []
    monkeypatch.setattr(
        TrainDock, "show_forecasts", lambda _, *order: asked.append(order)
    )
    return asked


def add_movie(viewer, **more):
    more = {"axis_labels": ("T", "Y", "X"), "name": "gliding"} | more
    scale = {"scale": (60, 0.5, 0.5), "units": ("second", "micrometer", "micrometer")}
    return viewer.add_image(gliding(frames=24).frames[:, 0], **scale, **more)


def order_of(dock, *layers):
    """A run on these layers, of which the first is chosen."""
    movies, sources = [gliding(24) for _ in layers], tuple(ref(one) for one in layers)
    return Order(tuple(movies), dock.choices(), Path("new.morphocast"), source=sources)


def button(dock, name):
    return dock._buttons[name]


def test_one_click_trains_a_model_says_how_good_it_is_and_forecasts(
    qtbot, viewer, dock, forecasts, home
):
    add_movie(viewer)
    button(dock, "train").click()
    assert dock._presenter.state.error == ""
    qtbot.waitUntil(lambda: bool(forecasts), timeout=WAIT)
    assert dock._run.verdict.text() == "Checking on unseen frames…"
    (saved,) = (home / "data" / "models").glob("gliding *.morphocast")
    assert saved.name in dock._run.file.text()
    assert sum("preview" in layer.name for layer in viewer.layers) == 1
    assert button(dock, "train").isEnabled()


def test_a_complete_run_is_resumed_with_more_epochs(qtbot, viewer, dock, forecasts):
    add_movie(viewer)
    button(dock, "train").click()
    qtbot.waitUntil(lambda: len(forecasts) == 1, timeout=WAIT)
    assert not button(dock, "resume").isEnabled()
    assert "ask for more than 2" in button(dock, "resume").toolTip()
    dock._settings._forms[0].set_values({"epochs": 3})
    button(dock, "resume").click()
    qtbot.waitUntil(lambda: len(forecasts) == 2, timeout=WAIT)
    assert len(dock._presenter.state.progress.validation) == 3


def test_at_the_end_the_model_is_judged_by_unseen_frames(qtbot, viewer, dock):
    add_movie(viewer)
    button(dock, "train").click()
    verdict = dock._run.verdict
    qtbot.waitUntil(lambda: "it has never seen" in verdict.text(), timeout=WAIT)
    assert "“nothing moves”" in verdict.text()
    assert any(own_metadata(one).get("kind") == "rollout" for one in viewer.layers)


def test_the_forecasts_after_training_can_be_stopped(qtbot, viewer, dock):
    add_movie(viewer)
    button(dock, "train").click()
    controller, state = controller_of(viewer), dock._presenter
    qtbot.waitUntil(lambda: state.state.checking, timeout=WAIT)
    assert "the model is saved already" in button(dock, "stop").toolTip()
    button(dock, "stop").click()
    assert controller.job.stop.is_set()
    qtbot.waitUntil(lambda: controller.job is None, timeout=WAIT)
    assert not state.state.checking


def test_each_run_shows_its_preview_and_goes_back_to_where_the_user_looked(
    viewer, dock, monkeypatch
):
    monkeypatch.setattr(_forecast, "show_forecasts", MagicMock())
    camera, order = viewer.scene.camera, order_of(dock, add_movie(viewer))
    for place in (7.0, 9.0):
        camera.center, camera.zoom = (0.0, place, place), place
        dock.show_preview(PREVIEW, order)
        assert viewer.layers[1].visible
        assert camera.zoom != place
        dock.show_forecasts(order, print, threading.Event())
        assert not viewer.layers[1].visible
        assert (camera.center, camera.zoom) == ((0.0, place, place), place)


def test_a_user_who_moves_on_during_a_run_is_not_called_back(viewer, dock, monkeypatch):
    monkeypatch.setattr(_forecast, "show_forecasts", MagicMock())
    camera, order = viewer.scene.camera, order_of(dock, add_movie(viewer))
    dock.show_preview(PREVIEW, order)
    camera.zoom = 50.0
    dock.show_preview(PREVIEW, order)
    dock.show_forecasts(order, print, threading.Event())
    assert camera.zoom == 50


def test_the_time_limit_stands_beside_the_train_button(dock):
    dock._settings._forms[0].set_values({"minutes": 3.0})
    assert dock._run.estimate.text().startswith("At most 3 min")


def test_without_a_movie_the_dock_says_what_to_do(dock):
    assert "Open a time-lapse movie" in dock._movie._note.text()
    assert not button(dock, "train").isEnabled()
    assert "Open a movie first" in button(dock, "train").toolTip()


def test_every_button_has_a_tooltip(dock):
    assert all(b.toolTip() for b in dock._buttons.values())


def test_a_layer_shows_its_axes_time_step_and_pixel_size(viewer, dock):
    add_movie(viewer)
    assert dock._movie._axes.text() == "TYX"
    assert dock._movie._interval.value() == 1
    assert dock._movie._unit.currentText() == "min"
    assert [n.value() for n in dock._movie._sizes] == [0.5, 0.5]


def test_a_correction_goes_to_the_layer_too(viewer, dock):
    layer = add_movie(viewer)
    dock._movie._interval.setValue(3)
    assert layer.scale[0] == 180
    assert dock._movie.movie().interval == 180


def test_axes_that_do_not_fit_the_layer_are_refused(viewer, dock):
    add_movie(viewer)
    dock._movie._axes.setText("TZCYX")
    dock._movie._axes.editingFinished.emit()
    assert "does not name the 3 axes" in dock._run.error.text()
    assert dock._movie._axes.text() == "TYX"


def test_one_of_several_channels_can_be_chosen(viewer, dock):
    frames = gliding(frames=24, channels=2).frames
    viewer.add_image(frames, axis_labels=("T", "C", "Y", "X"))
    assert dock._movie.movie().shape[1] == 2
    dock._movie._channel.setCurrentIndex(2)
    assert dock._movie.movie().shape[1] == 1


def channels_offered(dock):
    box = dock._movie._channel
    return [box.itemText(row) for row in range(box.count())]


def test_channels_that_come_one_by_one_are_offered_together(viewer, dock):
    for data, how, _ in layers_of(gliding(frames=24, channels=3)):
        viewer.add_image(data, **how)
    assert channels_offered(dock) == ["only this layer", "all 3 together"]
    dock._movie._channel.setCurrentIndex(1)
    viewer.layers.pop()
    assert dock._movie._channel.currentText() == "all 2 together"
    assert dock._movie.movie().shape[1] == 2
    viewer.layers.pop()
    assert channels_offered(dock) == []
    assert dock._movie.movie().shape[1] == 1


def test_a_layer_that_is_changed_elsewhere_is_described_anew(viewer, dock, qtbot):
    layer = add_movie(viewer)
    report = dock._movie._report
    layer.scale = (120, 0.25, 0.25)
    layer.axis_labels = ("t", "x", "y")
    assert dock._movie._interval.value() == 2
    assert dock._movie._axes.text() == "TXY"
    assert dock._movie.movie().pixel_size == (0.25, 0.25)
    dock._movie._axes.editingFinished.emit()  # on the way through with the Tab key
    assert layer.axis_labels == ("t", "x", "y")
    qtbot.waitUntil(lambda: "24 frames" in report.text(), timeout=WAIT)
    layer.data = layer.data[:20]
    qtbot.waitUntil(lambda: "20 frames" in report.text(), timeout=WAIT)


def test_a_layer_that_is_chosen_no_more_is_followed_no_more(viewer, dock):
    layer = add_movie(viewer)
    other = viewer.add_image(np.zeros((9, 8, 8)), axis_labels=("T", "Y", "X"))
    dock._movie.choose(other)
    layer.scale = (300, 1, 1)
    assert dock._movie._interval.value() == 0
    dock._movie.forget()
    other.axis_labels = ("T", "X", "Y")
    assert dock._movie._axes.text() == "TYX"


def test_a_renamed_layer_has_its_new_name_in_the_lists(viewer, dock):
    layer, other = add_movie(viewer), add_movie(viewer)
    layer.name, other.name = "first", "second"
    assert dock._movie._layer.currentText() == "first"
    assert dock._movie._others.item(0).text() == "second"


def test_several_layers_can_be_learned_from(viewer, dock):
    add_movie(viewer)
    add_movie(viewer, name="another")
    item = dock._movie._others.item(0)
    item.setCheckState(item.checkState().Checked)
    assert len(dock._movie.all_movies()) == 2


def test_a_layer_is_not_learned_from_twice_once_it_is_chosen(viewer, dock):
    first, second = add_movie(viewer), add_movie(viewer, name="second")
    panel = dock._movie
    panel.choose(first)
    panel._others.item(0).setCheckState(Qt.CheckState.Checked)
    panel._layer.setCurrentIndex(panel._layer.findData(second))
    assert panel.layers() == [second]
    assert panel._others.item(0).text() == first.name


def test_stacks_are_learned_from_with_the_chosen_depth_and_channel(viewer, dock):
    frames = np.arange(24 * 2 * 3 * 64, dtype=np.uint16).reshape(24, 2, 3, 8, 8)
    for name in ("one", "another"):
        viewer.add_image(frames, axis_labels=("T", "C", "Z", "Y", "X"), name=name)
    panel = dock._movie
    panel._others.item(0).setCheckState(Qt.CheckState.Checked)
    panel._channel.setCurrentIndex(panel._channel.findData(1))
    panel._z.setCurrentIndex(panel._z.findData(2))
    for movie in panel.all_movies():
        np.testing.assert_array_equal(movie.raw(0, 24)[:, 0], frames[:, 1, 2])
    assert button(dock, "train").isEnabled()


def test_the_depth_of_a_ticked_stack_can_be_chosen(viewer, dock):
    add_movie(viewer)
    stack = np.zeros((24, 3, 24, 28), np.uint8)
    viewer.add_image(stack, axis_labels=("T", "Z", "Y", "X"), name="stack")
    panel = dock._movie
    assert not panel._z.isVisibleTo(panel)
    panel._others.item(0).setCheckState(Qt.CheckState.Checked)
    assert panel._z.isVisibleTo(panel)
    assert [movie.shape for movie in panel.all_movies()] == [(24, 1, 24, 28)] * 2


def test_channels_of_a_ticked_movie_are_learned_from_together_too(viewer, dock):
    for movie in (gliding(24, channels=2), gliding(24, channels=2)):
        for data, how, _ in layers_of(movie):
            viewer.add_image(data, **how)
    panel = dock._movie
    panel._others.item(0).setCheckState(Qt.CheckState.Checked)
    panel._channel.setCurrentIndex(panel._channel.findData("together"))
    assert [movie.shape[1] for movie in panel.all_movies()] == [2, 2]


def test_the_frames_are_examined_and_the_findings_shown(qtbot, viewer, dock):
    frames = gliding(frames=24).frames[:, 0].copy()
    frames[12] = 0
    viewer.add_image(frames, axis_labels=("T", "Y", "X"))
    report = dock._movie._report
    qtbot.waitUntil(lambda: "⚠" in report.text(), timeout=WAIT)
    assert "frame 12" in report.text()


def test_a_movie_that_is_too_short_disables_train_and_says_why(viewer, dock):
    viewer.add_image(np.zeros((4, 16, 16), np.uint8), axis_labels=("T", "Y", "X"))
    assert not button(dock, "train").isEnabled()
    assert "has 4 frames" in button(dock, "train").toolTip()
    assert "has 4 frames" in dock._run.estimate.text()


def test_a_layer_without_time_disables_train_and_says_why(viewer, dock):
    viewer.add_image(np.zeros((16, 16), np.uint8), axis_labels=("Y", "X"))
    assert not button(dock, "train").isEnabled()
    assert "time" in button(dock, "train").toolTip()
    assert "time" in dock._run.estimate.text()


def test_preferences_that_change_while_the_dock_is_open_are_used(
    dock, monkeypatch, tmp_path
):
    changed = Preferences("cpu", "32-true", 7.0, tmp_path)
    monkeypatch.setattr(_train, "preferences", lambda: changed)
    chosen = dock.choices()
    assert (chosen.device, chosen.precision) == ("cpu", "32-true")
    assert (chosen.folder, chosen.settings["autosave"]) == (tmp_path, 7.0)


def test_what_was_chosen_in_the_dock_wins_over_the_preferences(dock, monkeypatch):
    combo = dock._settings._device
    combo.activated.emit(combo.currentIndex())
    dock._settings._forms[1].set_values({"autosave": 9.0})
    changed = Preferences("cpu", autosave=7.0)
    monkeypatch.setattr(_train, "preferences", lambda: changed)
    chosen = dock.choices()
    assert (chosen.device, chosen.settings["autosave"]) == ("auto", 9.0)


def test_typing_goes_on_while_a_run_tells_of_itself(viewer, dock, qtbot):
    add_movie(viewer)
    box = dock._settings._forms[0]._rows["minutes"].input.widget
    box.selectAll()
    for key in "2.5":
        qtbot.keyClicks(box, key)
        dock.show_state(dock._presenter.state)
    assert dock.choices().settings["minutes"] == 2.5


def test_forecasts_of_a_deleted_layer_go_to_no_other_one(viewer, dock):
    gone, ticked, done = Image(np.zeros((24, 8, 8))), add_movie(viewer), []
    order = order_of(dock, gone, ticked)
    del gone
    gc.collect()
    dock.show_forecasts(order, done.append, threading.Event())
    assert done == [None]


def test_stop_keeps_what_was_learned(qtbot, viewer, dock, forecasts, home):
    add_movie(viewer)
    dock._settings._forms[0].set_values({"epochs": 100_000})
    button(dock, "train").click()
    state = dock._presenter
    qtbot.waitUntil(lambda: len(state.state.progress.validation) > 0, timeout=WAIT)
    button(dock, "stop").click()
    assert not button(dock, "stop").isEnabled()
    qtbot.waitUntil(lambda: not state.state.running, timeout=WAIT)
    assert state.state.progress.ended == "stopped"
    assert list((home / "data" / "models").glob("*.morphocast"))


def test_a_reopened_dock_shows_the_running_job_with_its_stop_button(
    qtbot, viewer, dock, open_dock, forecasts
):
    add_movie(viewer)
    dock._settings._forms[0].set_values({"epochs": 100_000})
    button(dock, "train").click()
    again = open_dock(wait=False)
    assert button(again, "stop").isEnabled()
    button(again, "stop").click()
    qtbot.waitUntil(lambda: not dock._presenter.state.running, timeout=WAIT)


def test_out_of_memory_leaves_one_sentence_and_a_usable_dock(
    qtbot, viewer, dock, monkeypatch
):
    add_movie(viewer)

    def events(*_):
        raise RuntimeError("CUDA out of memory. Tried to allocate 20 GiB")
        yield

    monkeypatch.setattr(dock._presenter._trainer, "events", events)
    button(dock, "train").click()
    qtbot.waitUntil(lambda: "not enough memory" in dock._run.error.text(), timeout=WAIT)
    assert button(dock, "train").isEnabled()


def test_while_another_job_runs_the_train_button_says_which(qtbot, viewer, dock):
    add_movie(viewer)
    controller, done = controller_of(viewer), []
    items = iter(lambda: job.stop.wait(0.01), True)
    job = Job("Forecasting hela", items, done.extend, done.append, lambda: None)
    controller.run(job)
    assert "Forecasting hela" in button(dock, "train").toolTip()
    job.stop.set()
    qtbot.waitUntil(lambda: button(dock, "train").isEnabled(), timeout=WAIT)


def test_the_last_settings_are_remembered(viewer, dock, open_dock, forecasts, qtbot):
    add_movie(viewer)
    button(dock, "train").click()
    qtbot.waitUntil(lambda: bool(forecasts), timeout=WAIT)
    again = TrainDock(viewer)
    qtbot.addWidget(again)
    qtbot.waitUntil(lambda: again._settings.ready, timeout=WAIT)
    assert again._settings.values()["width"] == 4
    assert again._settings.values()["context"] == 2


def test_each_model_comes_with_what_is_usual_for_it(qtbot, home, viewer):
    dock = TrainDock(viewer)
    qtbot.addWidget(dock)
    qtbot.waitUntil(lambda: dock._settings.ready, timeout=WAIT)
    settings, models = dock._settings, dock._settings._model
    few = settings.values()
    settings._forms[1].set_values({"seed": 7, "width": 8})
    models.setCurrentText("cell_gan")
    values = settings.values()
    assert not {"context", "horizon", "crop"} & set(values)
    assert (values["batch"], values["minutes"], values["seed"]) == (8, 60, 7)
    assert values["width"] == CellGANConfig().width
    models.setCurrentText("unet")
    assert settings.values() == {**few, "seed": 7}


def test_a_model_that_makes_frames_is_trained_too(qtbot, viewer, dock, forecasts, home):
    add_movie(viewer)
    dock._settings._model.setCurrentText("vae")
    tiny = {"side": 32, "width": 4, "latent": 4, "epochs": 2}
    for form in dock._settings._forms:
        form.set_values(tiny)
    button(dock, "train").click()
    verdict = dock._run.verdict
    qtbot.waitUntil(lambda: "Synthesize dock" in verdict.text(), timeout=WAIT)
    assert not forecasts
    (saved,) = (home / "data" / "models").glob("gliding *.morphocast")
    assert makes(saved)


def test_a_viewer_has_one_presenter_however_many_docks(viewer, open_dock):
    first, second = open_dock(wait=False), open_dock(wait=False)
    assert isinstance(first._presenter, TrainPresenter)
    assert first._presenter is second._presenter


def test_the_tab_key_goes_from_top_to_bottom_and_skips_what_is_folded(dock):
    def next_after(widget):
        following = widget.nextInFocusChain()
        while not (following.isEnabled() and following.focusPolicy() & TAB):
            following = following.nextInFocusChain()
        return following

    settings = dock._settings
    first = settings._forms[0].inputs()
    assert next_after(settings._device) is first[0]
    unfold = next_after(first[-1])
    assert unfold.text() == "More settings"
    assert next_after(unfold) not in settings._forms[1].inputs()
    unfold.click()
    assert next_after(unfold) is settings._forms[1].inputs()[0]


def test_a_check_report_that_is_gone_asks_nothing_any_more(qtbot):
    background = MagicMock()
    report = CheckReport(background, lambda: gliding(12))
    qtbot.addWidget(report)
    report.forget()
    report.look_soon()
    qtbot.wait(2 * PATIENCE)
    background.ask.assert_not_called()
