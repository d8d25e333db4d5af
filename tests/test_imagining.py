"""Virtual experiments: synthetic frames, rolled out by a forecaster."""

import signal
import sys
from pathlib import Path

import numpy as np
import pytest

import napari_morphocast
from movies import gliding
from napari_morphocast import api
from napari_morphocast.api.synthesizing import Synthesis
from napari_morphocast.cli import main
from napari_morphocast.data.io import read_metadata, read_movie
from napari_morphocast.data.movie import Movie
from napari_morphocast.errors import ForecastError, MovieError, SettingsError
from napari_morphocast.training.config import Hardware, Run

CPU = Hardware(device="cpu")
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


class After:
    """Somebody who says stop once it has been asked for so often."""

    def __init__(self, asked: int) -> None:
        self.left = asked

    def is_set(self) -> bool:
        self.left -= 1
        return self.left < 0


@pytest.mark.parametrize(("asked", "whole"), [(4, 1), (7, 1), (8, 2), (11, 2)])
def test_a_stop_keeps_scenes_that_are_whole(asked, whole):
    kept = api.imagine(made(), "linear", horizon=4, stop=After(asked))
    assert kept.frames.shape[:2] == (whole, 5)
    assert kept.movie.shape[2:] == (16, 16 * whole)
    assert np.array_equal(
        kept.frames, api.imagine(made(), "linear", horizon=4).frames[:whole]
    )


@pytest.mark.parametrize("asked", [0, 3])
def test_a_stop_before_a_scene_is_whole_keeps_nothing(asked):
    with pytest.raises(ForecastError, match="before any scene"):
        api.imagine(made(), "linear", horizon=4, stop=After(asked))


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


@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C cannot be sent there")
@pytest.mark.parametrize(
    ("early", "said"),
    [(False, "1 of 3 SYNTHETIC images, FORECAST"), (True, "anything to keep")],
)
def test_ctrl_c_while_scenes_are_rolled_out_says_what_is_kept(
    early, said, tmp_path, capsys, monkeypatch
):
    def imagine(*given, progress, **how):
        def tell(share):
            signal.raise_signal(signal.SIGINT)

        if early:
            signal.raise_signal(signal.SIGINT)
        return real(*given, progress=tell, **how)

    real, out = api.imagine, tmp_path / "experiment.ome.tif"
    monkeypatch.setattr(api, "imagine", imagine)
    command = ["synthesize", str(SAMPLE), "-o", str(out), "--count", "3"]
    assert main([*command, "--rollout", "persistence", "--horizon", "2"]) == 130
    told = capsys.readouterr()
    assert said in told.out + told.err
    assert out.exists() != early
    assert early or read_movie(out).shape == (3, 1, 64, 64)


def test_one_command_makes_scenes_and_rolls_them_out(tmp_path, capsys):
    out = tmp_path / "experiment.ome.tif"
    command = ["synthesize", str(SAMPLE), "-o", str(out), "--count", "2", "--rollout"]
    assert main([*command, "advection", "--horizon", "3"]) == 0
    movie = read_movie(out)
    assert movie.shape == (4, 1, 64, 128)
    assert (
        "2 SYNTHETIC images, FORECAST by advection from frame 1 on"
        in capsys.readouterr().out
    )
    assert read_metadata(str(out)).shape


@pytest.fixture(scope="module")
def learned(tmp_path_factory):
    """A Cell-GAN that makes three frames in a row, and a forecaster of such scenes."""
    folder, movie = tmp_path_factory.mktemp("learned"), gliding(24, (32, 32))
    tiny = {"side": 32, "width": 0.002, "latent": 8, "depth": 1, "frames": 3}
    small = {"width": 4, "depth": 2, "kernel": 3, "context": 3}
    runs = {"cell_gan": tiny, "sdc_net": small}
    for kind, settings in runs.items():
        run = Run.make(kind, **settings, epochs=2, batches=2)
        list(api.train(movie, folder / f"{kind}.morphocast", run, hardware=CPU))
    return tuple(str(folder / f"{kind}.morphocast") for kind in runs)


def test_sdc_net_goes_on_from_three_frames_of_a_cell_gan(learned, tmp_path, capsys):
    gan, forecaster = learned
    out = tmp_path / "experiment.ome.tif"
    command = ["synthesize", gan, "-o", str(out), "--count", "2", "--seed", "5"]
    assert main([*command, "--rollout", forecaster, "--horizon", "4"]) == 0
    said = "2 SYNTHETIC images, FORECAST by sdc_net from frame 3 on"
    assert said in capsys.readouterr().out
    written = read_movie(out)
    assert written.shape == (7, 1, 32, 64)
    first = api.synthesize(gan, count=2, seed=5, hardware=CPU).frames
    assert first.shape == (2, 3, 1, 32, 32)
    assert not np.array_equal(first[:, 0], first[:, 2])
    trained = api.load(forecaster)
    for number, scene in enumerate(first):
        cut = written.raw(0, 7)[..., 32 * number : 32 * (number + 1)]
        assert np.array_equal(cut[:3], scene)
        ahead = trained.forecast(scene.astype(np.float32), 4)
        assert np.abs(cut[3:] - ahead).max() <= 0.5
