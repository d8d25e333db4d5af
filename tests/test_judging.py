"""``morphocast evaluate`` on models that make frames, and what it writes."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from movies import gliding
from napari_morphocast import api, read_movie
from napari_morphocast.cli import main
from napari_morphocast.data.movie import Movie
from napari_morphocast.errors import MovieError
from napari_morphocast.evaluation import looks
from napari_morphocast.evaluation.judgement import GUIDED, MOTION, RANDOM, REAL, REFINED
from napari_morphocast.training.config import Hardware, Run
from napari_morphocast.training.synthesizer import TrainedSynthesizer

if TYPE_CHECKING:
    from pathlib import Path

CPU = Hardware(device="cpu")


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> tuple[Path, Path]:
    """A movie, and an autoencoder that has learned a little from it."""
    folder = tmp_path_factory.mktemp("vae")
    movie, path = gliding(600, (32, 32)), folder / "cells.morphocast"
    np.save(folder / "movie.npy", movie.frames[:, 0])
    run = Run.make("vae", side=32, width=4, latent=8, epochs=4)
    list(api.train(movie, path, run, hardware=CPU))
    return folder / "movie.npy", path


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(looks, "STEPS", 20)


def test_real_frames_are_the_floor(trained):
    movie, path = trained
    found = api.judge(read_movie(movie), path, refine=2, hardware=CPU)
    assert found.kinds == (REAL, RANDOM, GUIDED, REFINED)
    assert found.count == 60
    for measure in ("Fréchet distance", "Fréchet distance, untrained"):
        assert found.of(REAL, measure) < found.of(RANDOM, measure)
    assert found.of(GUIDED, "SSIM to its guide") > found.of(
        GUIDED, "SSIM to another guide"
    )


def test_of_frames_in_a_row_their_motion_is_measured(trained, tmp_path):
    movie = read_movie(trained[0])
    path = tmp_path / "three.morphocast"
    run = Run.make("vae", side=32, width=4, latent=8, epochs=1, frames=3)
    list(api.train(movie, path, run, hardware=CPU))
    found = api.judge(movie, path, hardware=CPU)
    assert found.of(REAL, MOTION) == pytest.approx(1, abs=0.3)
    assert found.of(RANDOM, MOTION) > 3  # untrained, it flickers
    assert MOTION not in api.judge(movie, trained[1], hardware=CPU).table()


def test_the_ratio_is_that_of_the_distances(trained):
    movie, path = trained
    found = api.judge(read_movie(movie), path, hardware=CPU)
    ratios = [
        found.of(GUIDED, measure) / found.of(RANDOM, measure)
        for measure in ("Fréchet distance", "Fréchet distance, untrained")
    ]
    assert found.ratio() == max(ratios)
    assert f"{found.ratio():.2f} times as far" in found.sentence()


def test_the_command_prints_and_writes_every_measure(trained, tmp_path, capsys):
    movie, path = trained
    for name in ("scores.csv", "scores.json"):
        out = str(tmp_path / name)
        assert main(["evaluate", str(movie), str(path), "-o", out]) == 0
    said = capsys.readouterr().out
    assert "60 unseen frames" in said
    assert "kernel distance" in said
    with (tmp_path / "scores.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert {row["model"] for row in rows} == {"cells"}
    read = json.loads((tmp_path / "scores.json").read_text(encoding="utf-8"))
    assert len(read["cells"]["measures"]) == len(rows)
    assert read["cells"]["features"] in said


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (["persistence"], "the ones and the others apart"),
        (["--controls"], "--controls is for models that forecast"),
        (["--plot", "a.png"], "--plot is for models that forecast"),
    ],
)
def test_what_is_for_forecasts_is_refused(trained, more, says, capsys):
    movie, path = trained
    assert main(["evaluate", str(movie), str(path), *more]) == 2
    assert says in capsys.readouterr().err


def test_models_of_the_same_name_are_refused(trained, tmp_path, capsys):
    movie, path = trained
    other = tmp_path / path.name
    other.write_bytes(path.read_bytes())
    assert main(["evaluate", str(movie), str(path), str(other)]) == 2
    assert "Two models are called 'cells'" in capsys.readouterr().err


@pytest.mark.parametrize("left", [0, 1])
def test_other_channels_are_refused_whether_it_is_guided_or_not(left, trained):
    _, path = trained
    model = TrainedSynthesizer.read(path)
    scores = model.checkpoint.scores | {"stages_left": left}
    model = replace(
        model, checkpoint=model.checkpoint.model_copy(update={"scores": scores})
    )
    with pytest.raises(MovieError, match=r"on 1 channel\(s\), but .* has 2"):
        api.judge(gliding(60, (32, 32), channels=2), model, hardware=CPU)


def test_too_few_unseen_frames_are_refused(trained):
    _, path = trained
    with pytest.raises(MovieError, match="16 are needed"):
        api.judge(gliding(12, (32, 32)), path, hardware=CPU)


def test_a_model_of_whole_frames_is_judged_by_the_middle_of_larger_ones(trained):
    _, path = trained
    small = gliding(96, (32, 32), noise=3)
    frames = np.random.default_rng(0).integers(0, 255, (96, 1, 80, 72), np.uint8)
    frames[..., 24:56, 20:52] = small.frames
    one, other = (
        api.judge(movie, path, hardware=CPU) for movie in (small, Movie(frames))
    )
    assert one.count == other.count
    assert one.table() == other.table()
