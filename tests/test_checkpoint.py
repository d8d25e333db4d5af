import json
import struct
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from movies import constant, gliding
from napari_morphocast import api
from napari_morphocast.data.movie import Movie
from napari_morphocast.errors import CheckpointError, MovieError
from napari_morphocast.training.checkpoint import read
from napari_morphocast.training.config import Hardware, Run
from napari_morphocast.training.trained import Trained

SMALL = {"hidden": (4,), "context": 3, "horizon": 1, "epochs": 1}


@pytest.fixture(scope="module")
def path(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("models") / "cells.morphocast"
    run = Run.make("convlstm", **SMALL)
    list(api.train(gliding(), path, run, hardware=Hardware(device="cpu")))
    return path


def test_a_model_read_back_forecasts_the_same(path):
    known = gliding().read(0, 5)
    first, again = Trained.read(path), Trained.read(path)
    np.testing.assert_array_equal(first.forecast(known, 3), again.forecast(known, 3))


def test_a_checkpoint_says_what_it_learned_from(path):
    movie = read(path)[0].movies[0]
    assert (movie.name, movie.interval, movie.until) == ("gliding", 60.0, 24)
    assert len(movie.seen) == 24


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(CheckpointError, match="no model file at"):
        read(tmp_path / "none.morphocast")


def test_a_foreign_file_is_refused(tmp_path):
    foreign = tmp_path / "foreign.morphocast"
    foreign.write_bytes(b"II*\x00 this is a picture")
    with pytest.raises(CheckpointError, match="no morphocast model"):
        read(foreign)


def test_weights_of_something_else_are_refused(tmp_path):
    other = tmp_path / "other.morphocast"
    save_file({"weight": torch.ones(3)}, other)
    with pytest.raises(CheckpointError, match="not of a morphocast model"):
        read(other)


def test_a_truncated_file_is_refused(path, tmp_path):
    whole = path.read_bytes()
    short = tmp_path / "short.morphocast"
    for length in (0, 7, 8, 100, len(whole) // 2, len(whole) - 1):
        short.write_bytes(whole[:length])
        with pytest.raises(CheckpointError):
            read(short)


def test_a_flipped_bit_anywhere_is_refused_or_harmless(path, tmp_path):
    whole = path.read_bytes()
    known = gliding().read(0, 5)
    expected = Trained.read(path).forecast(known, 1)
    rng = np.random.default_rng(0)
    for place in rng.integers(0, len(whole), 150):
        flipped = bytearray(whole)
        flipped[place] ^= 1 << int(rng.integers(8))
        damaged = tmp_path / "damaged.morphocast"
        damaged.write_bytes(flipped)
        try:
            trained = Trained.read(damaged)
        except CheckpointError:
            continue
        if trained.checkpoint == Trained.read(path).checkpoint:
            np.testing.assert_array_equal(trained.forecast(known, 1), expected)


def rewritten(path: Path, to: Path, **changes: object) -> Path:
    """The same file with some fields of its description changed."""
    raw = path.read_bytes()
    (length,) = struct.unpack("<Q", raw[:8])
    header = json.loads(raw[8 : 8 + length])
    description = json.loads(header["__metadata__"]["morphocast"])
    header["__metadata__"]["morphocast"] = json.dumps({**description, **changes})
    text = json.dumps(header).encode()
    to.write_bytes(struct.pack("<Q", len(text)) + text + raw[8 + length :])
    return to


def test_a_future_format_is_refused_even_if_it_has_new_fields(path, tmp_path):
    future = rewritten(path, tmp_path / "future.morphocast", format=99, dreams=True)
    with pytest.raises(CheckpointError, match=r"format 99.*update napari-morphocast"):
        read(future)


def test_an_unknown_model_is_refused(path, tmp_path):
    unknown = rewritten(path, tmp_path / "unknown.morphocast", model="oracle")
    with pytest.raises(CheckpointError, match="oracle"):
        read(unknown)


def test_settings_that_do_not_fit_the_weights_are_refused(path, tmp_path):
    settings = {**read(path)[0].settings, "hidden": [5]}
    wrong = rewritten(path, tmp_path / "wrong.morphocast", settings=settings)
    with pytest.raises(CheckpointError, match=r"'convlstm' model; train it again"):
        read(wrong)


def test_no_code_is_run_by_reading(path):
    assert b"pickle" not in path.read_bytes()
    assert path.read_bytes()[8:9] == b"{"


def test_other_channels_are_refused(path):
    with pytest.raises(MovieError, match=r"1 channel.*has 2"):
        Trained.read(path).misfits(gliding(channels=2))


@pytest.mark.parametrize(
    ("factor", "warned"), [(1.05, False), (1.2, True), (0.5, True)]
)
def test_another_time_step_is_warned_about(path, factor, warned):
    from dataclasses import replace

    movie = replace(gliding(), interval=60.0 * factor)
    warnings = Trained.read(path).misfits(movie)
    assert bool(warnings) == warned
    assert all(warning.startswith("cells learned") for warning in warnings)


@pytest.mark.parametrize(
    ("factor", "offset", "warned"),
    [(1, 0, False), (1.5, 0, False), (250, 0, True), (0.2, 0, True), (1, -100, True)],
)
def test_other_grey_levels_are_warned_about(path, factor, offset, warned):
    movie = Movie(gliding().frames * np.float32(factor) + offset, name="dim")
    warnings = Trained.read(path).misfits(movie)
    assert [w for w in warnings if "grey levels" in w and "finetune" in w] == warnings
    assert bool(warnings) == warned


def test_a_movie_without_contrast_has_no_grey_levels_to_warn_about(path):
    assert Trained.read(path).misfits(constant()) == []
