"""Surprise: what stands out, what does not, and how often it does so by chance."""

from __future__ import annotations

import csv
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from movies import constant, gliding
from napari_morphocast import api
from napari_morphocast.cli import main
from napari_morphocast.data.io import read_movie, write_movie
from napari_morphocast.data.movie import Movie
from napari_morphocast.errors import ForecastError, MorphocastError, MovieError
from napari_morphocast.evaluation.surprise import Errors
from napari_morphocast.training.record import record
from napari_morphocast.training.trained import Trained

WHERE = slice(8, 14), slice(20, 26)  # of an event
MIDDLE = pytest.approx((10.5, 22.5), abs=1.5)


def noisy(frames=40, size=(32, 36), seed=0, **event):
    """Grey 50 with noise; what happens is added from one frame on."""
    rng = np.random.default_rng(seed)
    grey = 50 + 3 * rng.standard_normal((frames, 1, *size))
    for frame, value in (event.get("at") or {}).items():
        grey[frame:, :, *WHERE] += value
    return Movie(grey.astype(np.float32), name="noisy")


def surprise(movie, **settings):
    return api.surprise(movie, "persistence", **settings)


def test_a_cell_that_appears_is_the_greatest_surprise():
    found = surprise(noisy(at={25: 60}))
    first = found.regions[0]
    assert (first.frame, (first.y, first.x)) == (25, MIDDLE)


def test_a_cell_that_vanishes_is_the_greatest_surprise():
    found = surprise(noisy(at={0: 60, 25: -60}))
    first = found.regions[0]
    assert (first.frame, (first.y, first.x)) == (25, MIDDLE)


def test_an_event_in_a_dark_corner_outdoes_a_flicker_that_never_ends():
    movie = noisy(60, at={30: 40})
    flicker = np.random.default_rng(1).normal(0, 60, (60, 1, 1, 1))
    movie.frames[:, :, 22:28, 4:10] += flicker
    found = surprise(movie)
    assert (found.regions[0].y, found.regions[0].x) == MIDDLE


def test_what_is_always_wrong_does_not_surprise():
    movie = noisy(60)
    movie.frames[::2, :, *WHERE] += 80  # persistence is wrong here in every frame
    found = surprise(movie)
    maps = found.maps
    assert maps[..., WHERE[0], WHERE[1]].mean() < 2
    assert not any((r.y, r.x) == MIDDLE for r in found.regions if r.strength > 6)


def test_a_frame_has_no_say_in_what_is_usual_for_it():
    calm, eventful = noisy(), noisy(at={25: 60})
    maps = [surprise(movie).maps[24] for movie in (calm, eventful)]
    ratio = maps[1][0, 11, 23] / np.abs(blurred_change(eventful, 25)[11, 23])
    other = maps[0][0, 11, 23] / np.abs(blurred_change(calm, 25)[11, 23])
    assert ratio == pytest.approx(other, rel=0.1)


def blurred_change(movie, frame):
    after, before = movie.frames[frame, 0], movie.frames[frame - 1, 0]
    return gaussian_filter(before - after, 2.0)


def test_pieces_of_one_event_are_one_region():
    movie = noisy()
    movie.frames[25:, :, 10:12, 14:16] += 200
    movie.frames[25:, :, 10:12, 20:22] += 200
    assert len([r for r in surprise(movie).regions if r.frame == 25]) == 1


def test_the_threshold_lets_the_share_through_that_was_asked_for():
    found = surprise(noisy(60), alarms=0.01)
    share = np.mean(found.maps > found.threshold)
    assert share == pytest.approx(0.01, rel=0.1)


@pytest.mark.parametrize("seed", range(3))
def test_the_stated_rate_holds_on_frames_that_had_no_say(seed):
    found = surprise(noisy(160, (64, 64), seed), alarms=0.01, until=0.5)
    unseen = found.maps[80:]
    share = np.mean([frame > found.threshold for frame in unseen])
    assert share == pytest.approx(found.rate.value, rel=0.25)
    assert found.rate.low < 0.01 < found.rate.high


@pytest.mark.slow
def test_cells_that_come_and_go_are_found_at_the_stated_rate(monkeypatch):
    monkeypatch.syspath_prepend(Path(__file__).parents[1] / "benchmarks")
    measure = import_module("surprise").measure
    found = [measure(seed, "linear") for seed in range(4)]
    assert sum(one.hits for one in found) >= 22  # of 24
    promised = np.mean([one.promised for one in found])
    assert np.mean([one.kept for one in found]) < 2 * promised


def test_nothing_is_flagged_where_nothing_happens():
    errors = Errors(constant(20), 0, 20)
    for frame in constant(20).raw(0, 20):
        errors.add(frame)
    assert errors.surprise(alarms=0.01, until=20).regions == ()


def test_maps_are_made_frame_by_frame_and_again_when_asked():
    found = surprise(noisy())
    assert found.maps.shape == (39, 1, 32, 36)


def test_each_channel_has_surprises_of_its_own():
    movie = noisy(at={25: 60})
    both = np.concatenate([noisy(seed=1).frames, movie.frames], axis=1)
    assert surprise(replace(movie, frames=both)).regions[0].channel == 1


def test_the_table_names_the_channel_of_the_file(tmp_path, capsys):
    movie = noisy(at={25: 60})
    both = np.concatenate([noisy(seed=1).frames, movie.frames], axis=1)
    path, events = tmp_path / "m.npy", tmp_path / "e.csv"
    np.save(path, both)
    asked = ["surprise", str(path), "persistence", "-o", str(tmp_path / "s.npy")]
    asked += ["--axes", "TCYX", "--channel", "1", "--events", str(events)]
    assert main(asked) == 0
    with events.open(encoding="utf-8") as file:
        assert {row["channel"] for row in csv.DictReader(file)} == {"1"}
    assert "frame 25  channel 1  y" in capsys.readouterr().out


def test_what_a_model_has_learned_from_is_said(tmp_path):
    movie = noisy()
    seen = record(movie, 30)
    model = Trained.baseline("linear", movie)
    learned = model.checkpoint.model_copy(update={"movies": (seen,)})
    found = api.surprise(movie, replace(model, checkpoint=learned))
    assert "first 30 frames" in found.notes[0]
    assert surprise(movie).notes == ()


def test_a_colour_movie_has_one_map():
    movie = replace(gliding(20, channels=3), rgb=True)
    assert surprise(movie).maps[0].shape == (1, 24, 28)


def test_the_lead_decides_where_the_map_begins():
    assert surprise(noisy(), lead=3).first == 3


def test_the_sentence_does_not_hide_that_events_count_as_false_alarms():
    assert "at most" in surprise(noisy()).sentence()


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"alarms": 0.0}, "between 0 and 1"),
        ({"alarms": 2.0}, "between 0 and 1"),
        ({"until": 0.0}, "above 0"),
        ({"until": 0.1}, "8 are needed"),
        ({"until": 0.01}, "Only 0 frames"),
        ({"blur": -1.0}, "blur"),
        ({"blur": 8.1}, "up to 8 pixels"),
    ],
)
def test_what_makes_no_sense_is_refused(settings, says):
    with pytest.raises(MorphocastError, match=says):
        surprise(noisy(), **settings)


def test_a_movie_too_short_to_know_what_is_usual_is_refused():
    with pytest.raises(MovieError, match="longer movie"):
        surprise(gliding(6))


def test_a_movie_that_never_changes_is_refused_whatever_the_model():
    model = Trained.baseline("linear", gliding())
    with pytest.raises(MovieError, match="same grey level"):
        api.surprise(constant(30), model)


def test_a_last_frame_that_is_no_number_is_refused():
    movie = noisy()
    movie.frames[-1, 0, 3, 3] = np.nan
    with pytest.raises(MovieError, match="NaN"):
        surprise(movie)


def test_a_forecast_that_is_no_number_is_refused():
    movie = noisy()
    errors = Errors(movie, 2, 10)
    forecast = movie.read(2, 3)[0]
    forecast[0, 3, 3] = np.nan
    with pytest.raises(ForecastError, match="frame 2 holds NaN"):
        errors.add(forecast)


def test_black_and_white_movies_surprise_too():
    movie = gliding(30, dtype="bool")
    movie.frames[20, :, 4:12, 4:12] ^= True
    assert surprise(movie, alarms=0.01).regions[0].frame in (20, 21)


def test_frames_are_compared_with_their_own_truth():
    movie = gliding(12)
    errors = Errors(movie, 2, 10)
    for frame in movie.raw(2, 12):
        errors.add(frame)
    found = errors.surprise(alarms=0.01, until=10)
    assert found.maps.max() == 0


def test_the_command_writes_maps_and_events(tmp_path):
    movie = noisy(at={25: 60})
    path, maps, events = (tmp_path / n for n in ("m.ome.tif", "s.ome.tif", "e.csv"))
    write_movie(path, iter(movie.frames), like=movie, count=40)
    asked = ["surprise", str(path), "persistence", "-o", str(maps)]
    assert main([*asked, "--events", str(events)]) == 0
    assert len(read_movie(maps)) == 39
    with events.open(encoding="utf-8") as file:
        row = next(csv.DictReader(file))
    assert row["frame"] == "25"


def test_beside_a_segmentation_pictures_keep_their_names(tmp_path, capsys):
    path, labels, maps = (tmp_path / f"{name}.ome.tif" for name in "abc")
    movie = replace(noisy(), channels=("GFP",))
    write_movie(path, iter(movie.frames), like=movie, count=len(movie))
    write_movie(labels, iter(movie.frames > 50), like=movie, count=len(movie))
    told = ["--labels", str(labels), "-o", str(maps), "--alarms", "0.1"]
    assert main(["surprise", str(path), "persistence", *told]) == 0
    assert read_movie(maps).channels == ("GFP",)
    assert "channel 0" not in capsys.readouterr().out


def test_the_command_says_how_often_it_is_wrong(tmp_path, capsys):
    movie = noisy(at={25: 60})
    path = tmp_path / "m.npy"
    np.save(path, movie.frames[:, 0])
    out = str(tmp_path / "s.npy")
    assert main(["surprise", str(path), "linear", "-o", out, "--alarms", "0.1"]) == 0
    said = capsys.readouterr().out
    assert "95 % interval" in said
    assert "more, weaker: --events FILE lists them all." in said


def test_the_regions_are_only_written_as_csv(tmp_path, capsys):
    path, maps = tmp_path / "m.npy", tmp_path / "s.npy"
    np.save(path, noisy().frames[:, 0])
    asked = ["surprise", str(path), "linear", "-o", str(maps)]
    assert main([*asked, "--events", str(tmp_path / "e.json")]) == 2
    assert "use .csv." in capsys.readouterr().err
    assert not maps.exists()


def test_the_command_refuses_to_overwrite_its_movie(tmp_path, capsys):
    path = tmp_path / "m.npy"
    np.save(path, noisy().frames[:, 0])
    assert main(["surprise", str(path), "linear", "-o", str(path)]) == 2
    assert "overwritten" in capsys.readouterr().err
