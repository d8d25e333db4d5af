"""What every test needs: one torch thread, no real settings, and maybe a screen."""

from __future__ import annotations

import os
import sys

import pytest

HAS_SCREEN = sys.platform != "linux" or bool(
    os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
)
if not HAS_SCREEN:
    os.environ["QT_QPA_PLATFORM"] = "offscreen"
# More than one thread is eight times slower on a busy machine with two cores.
os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture(autouse=True)
def one_torch_thread():
    """Undo what a training job may have set."""
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)


@pytest.fixture
def movie():
    """A pattern that glides to the right: easy to foretell."""
    from movies import gliding

    return gliding(frames=24)


@pytest.fixture
def home(tmp_path, monkeypatch):
    """Settings and models of a user who starts napari for the first time."""
    from napari_morphocast.widgets import _preferences

    monkeypatch.setattr(_preferences, "user_config_path", lambda _: tmp_path / "config")
    monkeypatch.setattr(_preferences, "user_data_path", lambda _: tmp_path / "data")
    return tmp_path


@pytest.fixture
def screen():
    """A real napari window needs one."""
    if not HAS_SCREEN:
        pytest.skip("no display for a real napari window; use xvfb-run")
