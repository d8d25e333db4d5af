"""What ``synthesize --like`` and ``evaluate`` say of movies that are like no other."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from tifffile import TiffFile

from movies import gliding
from napari_morphocast import api, read_movie
from napari_morphocast.api.synthesizing import nearest
from napari_morphocast.cli import main
from napari_morphocast.data.io import write_movie
from napari_morphocast.errors import ForecastError, MovieError
from napari_morphocast.evaluation import looks
from napari_morphocast.training.config import Hardware
from napari_morphocast.training.synthesizer import TrainedSynthesizer

if TYPE_CHECKING:
    from napari_morphocast.data.movie import Movie

CPU = Hardware(device="cpu")
SAMPLES = Path(api.__file__).parents[1] / "sample_data"
MODEL, YEAST = SAMPLES / "yeast.morphocast", SAMPLES / "yeast.ome.tif"


@pytest.fixture(scope="module")
def yeast() -> Movie:
    movie = read_movie(YEAST)
    return replace(movie, frames=movie.raw(0, 12))


@pytest.fixture(scope="module")
def model() -> TrainedSynthesizer:
    return TrainedSynthesizer.read(MODEL)


def saved(movie: Movie, path: Path) -> Path:
    frames = iter(movie.raw(0, len(movie)))
    write_movie(path, frames, like=movie, count=len(movie))
    return path


def test_other_grey_levels_and_pixels_are_told(yeast, model):
    assert model.misfits(yeast) == []
    bright = replace(yeast, frames=yeast.frames.astype(np.uint16) * 200)
    assert "grey levels" in " ".join(model.misfits(bright))
    coarse = replace(yeast, pixel_size=(20.0, 20.0))
    assert "pixel size" in " ".join(model.misfits(coarse))


@pytest.mark.parametrize(
    ("height", "width", "says"),
    [
        (96, 96, "only the middle 64 x 64"),
        (50, 96, "mirrored at their edges to fill 64 x 64"),
        (64, 64, ""),
    ],
)
def test_what_is_imitated_of_other_sizes_is_told(yeast, model, height, width, says):
    movie = replace(yeast, frames=yeast.frames[..., :height, :width])
    assert says in " ".join(model.imitated(movie))
    assert bool(model.imitated(movie)) == bool(says)


@pytest.mark.parametrize("size", [(31, 64), (96, 6)])
def test_frames_that_would_be_mostly_mirror_images_are_refused(yeast, model, size):
    movie = replace(yeast, frames=yeast.frames[..., : size[0], : size[1]])
    for ask in (model.misfits, lambda it: api.synthesize(model, like=it)):
        with pytest.raises(MovieError, match="larger ones are needed"):
            ask(movie)
    with pytest.raises(MovieError, match="larger ones are needed"):
        api.judge(movie, model)


def test_the_command_tells_it_and_notes_all_choices(yeast, tmp_path, capsys):
    odd = replace(yeast, frames=yeast.frames.astype(np.uint16) * 200)
    guide, out = saved(odd, tmp_path / "odd.ome.tif"), tmp_path / "made.ome.tif"
    command = ["synthesize", str(MODEL), "-o", str(out), "--like", str(guide)]
    assert main([*command, "--count", "1", "--refine", "2", "--seed", "7"]) == 0
    said = capsys.readouterr()
    assert "grey levels of about 31 to 221, but those of 'odd' are 8" in said.out
    assert "e+0" not in said.out
    assert "only the middle 64 x 64" in said.out
    assert "1 SYNTHETIC image, seed 7." in said.out
    with TiffFile(out) as file:
        about = file.ome_metadata
    assert "like frame 11 of odd, variation 0.3, 2 steps of search" in about
    assert "SYNTHETIC by yeast, seed 7" in about


@pytest.mark.parametrize(
    "useless",
    [
        ["--frame", "-1"],
        ["--refine", "-5"],
        ["--axes", "TYX"],
        ["--channel", "1"],
        ["--fill-nan"],
        ["--horizon", "3"],
    ],
)
def test_options_that_would_do_nothing_are_refused(useless, tmp_path, capsys):
    out = tmp_path / "made.npy"
    assert main(["synthesize", str(MODEL), "-o", str(out), *useless]) == 2
    said = capsys.readouterr().err
    assert f"{useless[0]} needs --" in said
    assert not out.exists()


def test_broken_pixels_of_a_guide_can_be_filled(yeast, tmp_path, capsys):
    frames = yeast.frames[:, 0].astype(np.float32)
    frames[5, 20:22, 20:22] = np.nan
    np.save(tmp_path / "nan.npy", frames)
    command = ["synthesize", str(MODEL), "-o", str(tmp_path / "made.npy"), "--like"]
    command += [str(tmp_path / "nan.npy"), "--frame", "5", "--refine", "0"]
    assert main(command) == 2
    assert "--fill-nan" in capsys.readouterr().err
    assert main([*command, "--fill-nan"]) == 0


def test_a_frame_that_is_not_there_is_named(yeast, model):
    with pytest.raises(MovieError, match=r"no frame 99 to imitate; .* 0 to 11"):
        api.synthesize(model, like=yeast, frame=99)


def test_what_becomes_of_scenes_is_drawn_too(tmp_path, monkeypatch):
    drawn = {}
    monkeypatch.setattr(
        "napari_morphocast.evaluation.figures.draw_sheet",
        lambda path, rows, rgb: drawn.update(rows),
    )
    command = ["synthesize", str(MODEL), "-o", str(tmp_path / "m.npy"), "--count", "2"]
    command += ["--plot", str(tmp_path / "m.png"), "--rollout", "persistence"]
    assert main([*command, "--horizon", "4"]) == 0
    assert list(drawn) == [
        "SYNTHETIC, seed 0",
        *(f"SYNTHETIC, forecast {n} ahead" for n in (1, 2, 4)),
    ]
    shapes = {np.shape(row) for row in drawn.values()}
    assert shapes == {(2, 1, 64, 64)}


def test_the_nearest_piece_is_the_one_with_the_least_squares(yeast, model):
    made = api.synthesize(model, count=3, seed=4)
    found = nearest(yeast, made, 12)
    images = made.frames[:, 0].astype(float)
    for image, (number, y, x) in zip(images, found.tolist(), strict=True):
        least = min(
            np.square(yeast.frames[n, :, j : j + 64, i : i + 64] - image).mean()
            for n in range(12)
            for j in range(0, 33, 4)
            for i in range(0, 33, 4)
        )
        piece = yeast.frames[number, :, y : y + 64, x : x + 64]
        assert np.square(piece - image).mean() == pytest.approx(least)


def test_a_search_is_only_judged_where_frames_are_made(yeast, tmp_path, capsys):
    path = saved(yeast, tmp_path / "yeast.ome.tif")
    command = ["evaluate", str(path), str(SAMPLES / "tissue.morphocast")]
    assert main([*command, "--refine", "5"]) == 2
    assert "--refine is for models that make frames" in capsys.readouterr().err


def test_a_stop_while_frames_are_made_measures_nothing(model):
    stop = threading.Event()
    stop.set()
    with pytest.raises(ForecastError, match="nothing was measured"):
        api.judge(read_movie(YEAST), model, stop=stop, hardware=CPU)


def test_the_shipped_pair_has_enough_frames_for_every_measure(monkeypatch, capsys):
    monkeypatch.setattr(looks, "STEPS", 5)
    assert main(["evaluate", str(YEAST), str(MODEL), "--refine", "1"]) == 0
    said = capsys.readouterr().out
    assert "recall" in said
    assert "like real ones, refined" in said
    assert "times as far from those as frames made at random" in said


def test_too_few_frames_are_told_with_how_many_are_needed(model, monkeypatch):
    monkeypatch.setattr(looks, "STEPS", 5)
    movie = gliding(40, (64, 64))
    said = api.judge(movie, model, hardware=CPU).sentence()
    assert "need 40 pictures of each kind; here are 20" in said
