"""Take the pictures of the docks for the documentation (``make screenshots``).

Does in a real napari what the pages say, with the settings of somebody who starts it
for the first time, and leaves PNGs in docs/images. Takes about six minutes.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import napari
import numpy as np
from matplotlib.pyplot import imsave
from qtpy.QtWidgets import QApplication, QPushButton, QWidget

from napari_morphocast import api
from napari_morphocast.presenters.motion import legend
from napari_morphocast.training.config import Run
from napari_morphocast.widgets import _preferences
from napari_morphocast.widgets._background import controller_of
from napari_morphocast.widgets._movies import own_metadata

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari.layers import Layer
    from numpy.typing import NDArray

IMAGES = Path(__file__).parents[1] / "docs" / "images"
LONGEST = 240  # seconds that anything may take
EPOCHS = 12  # seen in the picture of a model that learns
LATE = 80  # frame on which an error is seen
MINUTES = 2.0  # that SDC-Net++ learns
ENLARGED, WHEEL = 4.0, 90  # pictures in a row, and side of their legend (pixels)
GROWN = 60  # frame of the yeast movie that others are made like


class Scene:
    """A napari with a sample movie and one dock after the other."""

    def __init__(self, sample: str) -> None:
        self.viewer = napari.Viewer()
        self.viewer.open_sample("napari-morphocast", sample)
        self.docks: list[QWidget] = []

    def open(self, name: str, height: int = 800) -> QWidget:
        """Open a dock in place of the one before."""
        for dock in self.docks:
            self.viewer.window.remove_dock_widget(dock)
        dock, widget = self.viewer.window.add_plugin_dock_widget(
            "napari-morphocast", name
        )
        self.docks = [dock]
        self.viewer.window.resize(1280, height)
        rest(3)
        return widget

    def done(self) -> None:
        """Wait until no work is under way."""
        rest(1)
        wait(lambda: controller_of(self.viewer).job is None)
        rest(2)

    def take(self, name: str) -> None:
        """Save what the window shows."""
        rest(1)
        path = IMAGES / f"{name}.png"
        self.viewer.window.screenshot(str(path), canvas_only=False, flash=False)


def wait(until: Callable[[], bool]) -> None:
    """Let napari live until something has happened."""
    end = time.monotonic() + LONGEST
    while not until():
        if time.monotonic() > end:
            raise TimeoutError
        QApplication.processEvents()
        time.sleep(0.01)


def rest(seconds: float) -> None:
    """Let napari live for a while."""
    end = time.monotonic() + seconds
    wait(lambda: time.monotonic() > end)


def press(dock: QWidget, text: str) -> None:
    """Find a button of a dock by what it says, as a user would, and click it."""
    buttons = (b for b in dock.findChildren(QPushButton) if b.isVisible())
    button = next(b for b in buttons if b.text().replace("&", "") == text)
    wait(button.isEnabled)
    button.click()


def learning(scene: Scene) -> None:
    """Train the default model for a minute."""
    _preferences.remember(train={"minutes": 1.0})
    dock = scene.open("Train")
    press(dock, "Train")
    status = dock._run.status
    wait(lambda: f"Epoch {EPOCHS} " in status.text())
    scene.take("training")
    scene.done()
    wait(lambda: "best of the other" in dock._run.verdict.text())
    scene.viewer.dims.set_point(0, LATE * 60)
    scene.take("train")


def foretelling(scene: Scene) -> None:
    """Forecast every frame, then beyond the end."""
    dock = scene.open("Forecast")
    press(dock, "Predict all")
    scene.done()
    press(dock, "Side by side")
    scene.viewer.dims.set_point(0, LATE * 60)
    scene.take("forecast")
    press(dock, "Side by side")
    press(dock, "Rollout")
    scene.done()
    scene.take("rollout")


def moving(scene: Scene) -> None:
    """See how the baseline of optical flow moves everything."""
    dock = scene.open("Forecast")
    models = dock.form.models
    models.setCurrentIndex(models.findText("advection (baseline)"))
    rest(1)
    press(dock, "Predict all")
    scene.done()
    scene.viewer.dims.set_point(0, LATE * 180)
    scene.viewer.reset_view()
    scene.take("motion")


def filtering(scene: Scene) -> None:
    """See how SDC-Net++ moves and filters: arrows, colours, kernels in a row."""
    dock = scene.open("Forecast")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "moves.morphocast"
        run = Run.make("sdc_net", minutes=MINUTES)
        for _ in api.train(dock.movie(1), path, run):
            QApplication.processEvents()
        dock.choose_model(path)
        rest(1)
        press(dock, "Predict all")
        scene.done()
    layers = {own_metadata(one).get("kind"): one for one in scene.viewer.layers}
    scene.viewer.dims.set_point(0, LATE * 60)
    parts = ("prediction", "arrows"), ("colours",), ("kernels",)
    row = [canvas(scene, [layers[kind] for kind in kinds]) for kinds in parts]
    corner = legend(WHEEL)
    covered = corner[..., 3:] / 255
    below = row[1][-WHEEL:, -WHEEL:]
    below[:] = covered * corner[..., :3] + (1 - covered) * below
    imsave(IMAGES / "kernels.png", np.concatenate(row, 1))


def canvas(scene: Scene, shown: list[Layer]) -> NDArray[np.uint8]:
    """What the canvas shows of some layers."""
    for layer in scene.viewer.layers:
        layer.visible = layer in shown
    rest(1)
    taken = scene.viewer.export_figure(scale_factor=ENLARGED, flash=False)
    return np.array(taken[..., :3])


def judging(scene: Scene) -> None:
    """Score the sample model."""
    dock = scene.open("Evaluate", height=1000)
    press(dock, "Evaluate")
    scene.done()
    scene.take("evaluate")


def imagining(scene: Scene) -> None:
    """Make frames like one of the yeast movie, by the sample model."""
    dock = scene.open("Synthesize")
    scene.viewer.dims.set_point(0, GROWN * 180)
    press(dock, f"Like frame {GROWN}")
    scene.done()
    scene.viewer.reset_view()
    scene.take("synthesize")


def exploring(scene: Scene) -> None:
    """See the frames of the yeast movie as points, by the sample model."""
    dock = scene.open("Explore", height=1000)
    press(dock, "Explore")
    scene.done()
    results = dock.form.results
    results.maps.setCurrentIndex(results.maps.findData("tsne"))
    scene.done()
    scene.viewer.dims.set_point(0, GROWN * 180)
    scene.viewer.reset_view()
    results.map._over_point(LATE)
    scene.take("explore")


def main() -> None:
    """Take all pictures."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        _preferences.user_config_path = lambda _: home / "config"
        _preferences.user_data_path = lambda _: home / "data"
        yeast = moving, imagining, exploring
        for part in (learning, foretelling, judging, filtering, *yeast):
            scene = Scene("yeast" if part in yeast else "tissue")
            part(scene)
            scene.viewer.close()


if __name__ == "__main__":
    main()
