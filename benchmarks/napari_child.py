"""What is measured inside a real napari; prints one line of JSON and is gone.

python napari_child.py open Train|Forecast|nothing MOVIE
python napari_child.py ticks SECONDS MOVIE
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import napari
import numpy as np
from qtpy.QtCore import QEventLoop, Qt, QTimer
from qtpy.QtWidgets import QApplication, QLabel, QProgressBar, QPushButton, QWidget

from napari_morphocast.widgets._movies import open_movie

if TYPE_CHECKING:
    from collections.abc import Callable

PLUGIN = "napari-morphocast"
TICK = 10  # milliseconds
PATIENCE = 240.0  # seconds for torch to be imported, and for training to begin


def open_dock(name: str, movie: Path) -> dict[str, Any]:
    """Seconds until a dock is drawn, and whether torch was imported by then."""
    viewer = _viewer(movie)
    began = time.perf_counter()
    dock = _dock(viewer, name)
    while not dock.isVisible():
        QApplication.processEvents()
    QApplication.processEvents()
    took = time.perf_counter() - began
    return {"seconds": took, "torch": "torch" in sys.modules}


def ticks(seconds: float, movie: Path) -> dict[str, Any]:
    """Gaps between ticks, in ms: idle, while torch is imported, while training."""
    viewer = _viewer(movie)
    watch = _Watch()
    dock = _dock(viewer, "Train")
    train, bar = _button(dock, "Train"), dock.findChildren(QProgressBar)[0]
    loading = watch.until(train.isEnabled)
    wait(1.0)
    idle = watch.during(seconds)
    train.click()
    watch.until(lambda: bar.maximum() > 0 and bar.value() > 0)
    training = watch.during(seconds)
    if not _button(dock, "Stop").isEnabled():
        raise RuntimeError("training ended before the ticks were counted")
    kinds = {"idle": idle, "loading": loading, "training": training}
    return {kind: _summary(gaps) for kind, gaps in kinds.items()}


class _Watch:
    """Notes how long the event loop was away between two ticks of a timer."""

    def __init__(self) -> None:
        self._gaps: list[float] = []
        self._last = time.perf_counter()
        self._timer = QTimer()
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.setInterval(TICK)
        self._timer.timeout.connect(self._tick)
        self._timer.start()

    def during(self, seconds: float) -> list[float]:
        """Gaps in ms while some seconds pass."""
        self._gaps = []
        wait(seconds)
        return self._gaps

    def until(self, happened: Callable[[], bool]) -> list[float]:
        """Gaps in ms until something happens; an error if it never does."""
        self._gaps = []
        end = time.perf_counter() + PATIENCE
        while not happened():
            wait(0.05)
            if time.perf_counter() > end:
                raise TimeoutError(f"nothing happened in {PATIENCE:g} s")
        return self._gaps

    def _tick(self) -> None:
        now = time.perf_counter()
        self._gaps.append(1000 * (now - self._last))
        self._last = now


def wait(seconds: float) -> None:
    """Let Qt do its work for a while."""
    loop = QEventLoop()
    QTimer.singleShot(round(1000 * seconds), loop.quit)
    loop.exec()


def _summary(gaps: list[float]) -> dict[str, float]:
    p50, p99, worst = np.percentile(gaps or [0.0], [50, 99, 100])
    return {"p50": float(p50), "p99": float(p99), "worst": float(worst)}


def _viewer(movie: Path) -> napari.Viewer:
    viewer = napari.Viewer()
    open_movie(viewer, movie)
    wait(1.0)
    return viewer


def _dock(viewer: napari.Viewer, name: str) -> QWidget:
    if name == "nothing":
        label = QLabel("nothing")
        viewer.window.add_dock_widget(label)
        return label
    _, inner = viewer.window.add_plugin_dock_widget(PLUGIN, name)
    widget: QWidget = inner
    return widget


def _button(dock: QWidget, text: str) -> QPushButton:
    return next(
        b for b in dock.findChildren(QPushButton) if b.text().replace("&", "") == text
    )


def main(kind: str, what: str, movie: str) -> None:
    """Measure, print, and leave without asking anybody."""
    path = Path(movie)
    found = open_dock(what, path) if kind == "open" else ticks(float(what), path)
    print(json.dumps(found), flush=True)
    os._exit(0)  # napari would ask whether to stop the training


if __name__ == "__main__":
    main(*sys.argv[1:])
