"""What a user may do to a viewer while it works; run in a process of its own.

``python closing_stories.py HOME STORY`` prints one line of JSON about how it ended.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import napari
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QApplication

from movies import gliding
from napari_morphocast import api
from napari_morphocast.training.config import Run
from napari_morphocast.widgets import _preferences
from napari_morphocast.widgets._background import controller_of
from napari_morphocast.widgets._evaluate import EvaluateDock
from napari_morphocast.widgets._explore import ExploreDock
from napari_morphocast.widgets._train import TrainDock

HOME, STORY = Path(sys.argv[1]), sys.argv[2]
ENDLESS = {"context": 2, "horizon": 1, "epochs": 100_000, "minutes": 0.0}
ENDLESS |= {"hidden": (4,), "crop": 0}
_preferences.user_config_path = lambda _: HOME / "config"
_preferences.user_data_path = lambda _: HOME / "data"


def wait(until, seconds=60.0):
    """Let napari work until something is true; return the longest stall in seconds."""
    longest, end = 0.0, time.monotonic() + seconds
    while not until():
        if time.monotonic() > end:
            raise TimeoutError("waited too long")
        begin = time.monotonic()
        QApplication.processEvents()
        longest = max(longest, time.monotonic() - begin)
        time.sleep(0.005)
    return longest


def training(frames=24):
    """A viewer that trains, after its first epoch."""
    viewer = napari.Viewer()
    scale = {"scale": (60, 0.5, 0.5), "units": ("s", "um", "um")}
    data = gliding(frames=frames).frames[:, 0]
    viewer.add_image(data, axis_labels=("T", "Y", "X"), name="gliding", **scale)
    dock = TrainDock(viewer)
    place = viewer.window.add_dock_widget(dock, name="Train")
    wait(lambda: dock._settings.ready)
    for form in dock._settings._forms:
        form.set_values(ENDLESS)
    dock._buttons["train"].click()
    presenter = dock._presenter
    wait(lambda: len(presenter.state.progress.validation) > 1)
    return viewer, dock, place, presenter


def say(**values):
    sys.stdout.write(json.dumps(values) + "\n")
    sys.stdout.flush()


def tell(presenter, **more):
    state = presenter.state
    saved = state.progress.path
    say(
        running=state.running,
        ended=state.progress.ended,
        saved=saved is not None and saved.is_file(),
        error=state.error,
        **more,
    )


def dock_closed():
    viewer, _, place, presenter = training()
    place.destroyOnClose()  # what the x of a dock does
    stall = wait(lambda: not presenter.state.running)
    tell(presenter, stall=stall)
    viewer.close()


def dock_hidden():
    viewer, _, place, presenter = training()
    place.hide()
    epochs = len(presenter.state.progress.validation)
    wait(lambda: len(presenter.state.progress.validation) > epochs)
    tell(presenter)
    presenter.stop()
    wait(lambda: not presenter.state.running)
    viewer.close()


def layer_deleted():
    viewer, _, _, presenter = training()
    viewer.layers.remove("gliding")
    stall = wait(lambda: not presenter.state.running)
    tell(presenter, stall=stall)
    viewer.close()


def window_closed():
    viewer, _, _, presenter = training()
    viewer.close()
    stall = wait(lambda: not presenter.state.running)
    tell(presenter, stall=stall)


def second_viewer():
    viewer, _, _, presenter = training()
    other = napari.Viewer()
    TrainDock(other)
    epochs = len(presenter.state.progress.validation)
    wait(lambda: len(presenter.state.progress.validation) > epochs)
    other.close()
    wait(lambda: len(presenter.state.progress.validation) > epochs + 2)
    goes_on = presenter.state.running
    viewer.close()
    stall = wait(lambda: not presenter.state.running)
    tell(presenter, stall=stall, goes_on=goes_on)


def napari_quits():
    viewer, *_ = training()
    QTimer.singleShot(300, viewer.close)
    napari.run()
    models = (HOME / "data" / "models").glob("*.morphocast")
    say(models=len(list(models)))


def script_ends():
    viewer = napari.Viewer()
    viewer.add_image(gliding(frames=200).frames[:, 0], axis_labels=("T", "Y", "X"))
    path, small = HOME / "cells.morphocast", {"context": 3, "hidden": (4,), "crop": 0}
    list(api.train(gliding(20), path, Run.make("convlstm", epochs=1, **small)))
    dock = EvaluateDock(viewer)
    viewer.window.add_dock_widget(dock, name="Evaluate")
    dock._tick(set())
    dock.choose_model(path)
    dock.presenter.refresh()
    dock.form.evaluate.click()
    wait(lambda: dock.form.progress.value() > 0)
    viewer.close()
    say(running=controller_of(viewer).job is not None)


def exploring(before):
    """A viewer that explores; ends once it works and ``before`` says so."""
    viewer = napari.Viewer()
    frames = gliding(frames=400, size=(64, 64)).frames[:, 0]
    viewer.add_image(frames, axis_labels=("T", "Y", "X"), name="gliding")
    dock = ExploreDock(viewer)
    place = viewer.window.add_dock_widget(dock, name="Explore")
    dock._refresh()
    dock.form.explore.click()
    wait(lambda: before(dock))
    return viewer, place


def ended(viewer, place):
    """Wait until nothing works any more, and say how long napari stood still."""
    controller = controller_of(viewer)
    place()
    stall = wait(lambda: controller.job is None)
    say(running=controller.job is not None, stall=stall)


def explore_closed():
    viewer, place = exploring(lambda dock: dock.form.progress.value() > 0)
    ended(viewer, place.destroyOnClose)
    viewer.close()


def explore_window_closed():
    viewer, _ = exploring(lambda dock: dock.form.progress.value() > 0)
    ended(viewer, viewer.close)


def explore_layer_deleted():
    viewer, place = exploring(lambda dock: dock.form.progress.value() > 0)
    dock = place.inner_widget()
    ended(viewer, viewer.layers.clear)
    assert dock.presenter.explored is None
    viewer.close()


def map_closed():
    def laying_out(dock):
        maps = dock.form.results.maps
        if controller_of(dock._viewer).job is None and dock.presenter.explored:
            maps.setCurrentIndex(maps.findData("tsne"))
        return "t-SNE" in dock.form.doing.text()

    viewer, place = exploring(laying_out)
    ended(viewer, place.destroyOnClose)
    viewer.close()


globals()[STORY]()
