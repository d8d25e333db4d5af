"""Virtual experiments: synthetic frames, rolled out by a forecaster."""

from pathlib import Path

import numpy as np
import pytest

import napari_morphocast
from napari_morphocast import api
from napari_morphocast.api.synthesizing import Synthesis
from napari_morphocast.cli import main
from napari_morphocast.data.io import read_metadata, read_movie
from napari_morphocast.data.movie import Movie
from napari_morphocast.errors import MovieError, SettingsError

SAMPLE = Path(napari_morphocast.__file__).parent / "sample_data" / "yeast.morphocast"


def made(count: int = 3, rows: int = 1, channels: int = 1) -> Synthesis:
    """Pictures that glide by a pixel per frame."""
    lot = np.random.default_rng(0)
    wide = lot.integers(0, 200, (count, channels, 16, 24), np.uint8)
    frames = np.stack([wide[..., t : t + 16] for t in range(rows)], 1)
    movie = Movie(frames.reshape(-1, *frames.shape[2:]), interval=60.0)
    return Synthesis(frames, movie, 0)


def test_a_single_frame_is_a_scene_that_rests():
    still = api.imagine(made(), "advection", horizon=4)
    assert still.known == 1
    assert still.frames.shape == (3, 5, 1, 16, 16)
    assert (still.frames == still.frames[:, :1]).all()


def test_frames_in_a_row_go_on_moving():
    first = made(2, rows=3)
    moving = api.imagine(first, "linear", horizon=2)
    assert moving.known == 3
    assert np.array_equal(moving.frames[:, :3], first.frames)
    assert not np.array_equal(moving.frames[:, 3], moving.frames[:, 2])
    assert moving.frames.dtype == np.uint8


def test_all_experiments_stand_side_by_side():
    imagined = api.imagine(made(3), "persistence", horizon=2)
    assert imagined.movie.shape == (3, 1, 32, 32)
    sheet = imagined.movie.raw(2, 3)[0]
    assert np.array_equal(sheet[:, :16, 16:], imagined.frames[1, 2])
    assert np.array_equal(sheet[:, 16:, :16], imagined.frames[2, 2])
    assert "SYNTHETIC" in imagined.movie.name


def test_what_cannot_be_rolled_out_is_refused():
    with pytest.raises(SettingsError, match="horizon"):
        api.imagine(made(), "persistence", horizon=0)
    with pytest.raises(SettingsError, match="no model file and no baseline"):
        api.imagine(made(), "nothing")
    with pytest.raises((MovieError, SettingsError), match="channel"):
        api.imagine(made(channels=2), SAMPLE.with_name("tissue.morphocast"))


@pytest.mark.parametrize("baseline", ["ridge", "denoised"])
def test_a_baseline_is_tuned_on_a_real_movie_not_on_scenes_in_no_order(baseline):
    with pytest.raises(SettingsError, match="choose a real movie") as refused:
        api.imagine(made(rows=3), baseline, horizon=2)
    assert "--like" not in refused.value.on_screen
    real = Movie(np.tile(made(1, rows=3).frames[0], (4, 1, 1, 1)))
    assert api.imagine(made(rows=3), baseline, horizon=2, like=real).known == 3
    tuned = api.load(baseline, real)
    assert api.imagine(made(rows=3), tuned, horizon=2).known == 3


@pytest.mark.parametrize(
    ("forecaster", "why"),
    [
        ("nothing", "no model file and no baseline"),
        ("ridge", "with --like"),
        (str(SAMPLE), "does not forecast"),
    ],
)
def test_a_forecaster_is_refused_before_anything_is_made(
    forecaster, why, tmp_path, capsys, monkeypatch
):
    monkeypatch.setattr(api, "synthesize", None)
    out = tmp_path / "experiment.ome.tif"
    command = ["synthesize", str(SAMPLE), "-o", str(out), "--rollout", forecaster]
    assert main(command) == 2
    assert why in capsys.readouterr().err


def test_one_command_makes_scenes_and_rolls_them_out(tmp_path, capsys):
    out = tmp_path / "experiment.ome.tif"
    command = ["synthesize", str(SAMPLE), "-o", str(out), "--count", "2", "--rollout"]
    assert main([*command, "advection", "--horizon", "3"]) == 0
    movie = read_movie(out)
    assert movie.shape == (4, 1, 64, 128)
    assert "FORECAST by advection from frame 1 on" in capsys.readouterr().out
    assert read_metadata(str(out)).shape
