"""Every way to close things while training, in a real napari window."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow
STORIES = Path(__file__).with_name("closing_stories.py")
LONGEST = 5.0  # seconds; it is 0.5 when nothing else runs on the two cores


@pytest.fixture
def happens(screen, tmp_path):
    """Runs a story; fails if napari froze, aborted, or left a traceback."""

    def running(story):
        done = subprocess.run(
            [sys.executable, str(STORIES), str(tmp_path), story],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-3000:]
        assert "Traceback" not in done.stderr, done.stderr[-3000:]
        return json.loads(done.stdout.splitlines()[-1])

    return running


@pytest.mark.parametrize("story", ["dock_closed", "layer_deleted", "window_closed"])
def test_training_stops_and_saves_when(happens, story):
    end = happens(story)
    assert end["ended"] == "stopped"
    assert end["saved"]
    assert end["error"] == ""
    assert end["stall"] < LONGEST


def test_hiding_the_dock_does_not_stop_training(happens):
    assert happens("dock_hidden")["running"]


def test_a_second_viewer_disturbs_nothing(happens):
    end = happens("second_viewer")
    assert end["goes_on"]
    assert end["ended"] == "stopped"
    assert end["saved"]


def test_napari_can_quit_while_it_trains(happens):
    assert happens("napari_quits")["models"] == 1


def test_a_script_can_end_while_napari_evaluates(happens):
    assert happens("script_ends")["running"]


@pytest.mark.parametrize(
    "story",
    ["explore_closed", "explore_window_closed", "explore_layer_deleted", "map_closed"],
)
def test_exploring_ends_in_silence(happens, story):
    end = happens(story)
    assert not end["running"]
    assert end["stall"] < LONGEST
