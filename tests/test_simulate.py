"""Simulated movies: their truth is known, and there is something to forecast."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from napari_morphocast.data.io import read_movie
from napari_morphocast.data.simulate import KINDS, simulate
from napari_morphocast.errors import MovieError
from napari_morphocast.widgets import _samples

every_kind = pytest.mark.parametrize("kind", KINDS)


@cache
def usual(kind):
    """A movie of each kind, made once."""
    return simulate(kind, frames=50, size=(96, 96))


def frames_of(movie):
    return movie.read(0, len(movie))[:, 0].astype(np.float64)


def squared(values):
    return float(np.mean(np.square(values)))


@every_kind
def test_the_same_seed_makes_the_same_movie(kind):
    first, again = (simulate(kind, frames=4, size=(40, 48), seed=3) for _ in range(2))
    assert np.array_equal(first.movie.frames, again.movie.frames)
    assert np.array_equal(first.truth.frames, again.truth.frames)


@every_kind
def test_another_seed_makes_another_movie(kind):
    first, other = (simulate(kind, frames=2, size=(64, 64), seed=s) for s in (0, 1))
    assert not np.array_equal(first.truth.frames, other.truth.frames)


@every_kind
def test_a_movie_has_the_frames_size_time_and_scale_it_says(kind):
    movie = simulate(kind, frames=3, size=(50, 61)).movie
    assert movie.shape == (3, 1, 50, 61)
    assert movie.dtype in (np.uint8, np.uint16)
    assert movie.interval > 0
    assert movie.pixel_size is not None
    assert movie.name == f"{kind} (simulated)"


@every_kind
def test_the_noise_is_what_was_asked_for(kind):
    made = simulate(kind, frames=10, size=(96, 96), noise=0.04)
    truth, movie = frames_of(made.truth), frames_of(made.movie)
    low, high = np.percentile(truth, (1, 99))
    assert np.std(movie - truth) == pytest.approx(made.noise, rel=0.01)
    assert made.noise == pytest.approx(0.04 * (high - low), rel=0.1)
    assert abs(np.mean(movie - truth)) < 0.1 * made.noise


@every_kind
def test_without_noise_the_movie_is_the_truth_in_whole_grey_levels(kind):
    made = simulate(kind, frames=3, size=(64, 64), noise=0.0)
    assert np.array_equal(made.movie.frames, np.rint(made.truth.frames))


@every_kind
def test_brighter_places_have_more_photon_noise(kind):
    made = usual(kind)
    truth = frames_of(made.truth)
    error = frames_of(made.movie) - truth
    dark, bright = np.percentile(truth, (20, 80))
    assert error[truth > bright].std() > error[truth < dark].std()


@every_kind
def test_nothing_moves_is_a_forecast_that_can_be_beaten(kind):
    made = usual(kind)
    movie = frames_of(made.movie)
    assert squared(np.diff(movie, axis=0)) > 4 * 2 * made.noise**2


@every_kind
def test_what_happens_is_smooth_in_time(kind):
    truth = frames_of(usual(kind).truth)
    one, four = (squared(truth[lead:] - truth[:-lead]) for lead in (1, 4))
    assert four > 2 * one


@every_kind
def test_the_movie_goes_on_to_its_end(kind):
    for seed in range(2):
        truth = frames_of(simulate(kind, frames=80, size=(64, 64), seed=seed).truth)
        assert squared(truth[-1] - truth[-6]) > 0.1 * squared(truth[5] - truth[0])


def test_one_shift_of_the_whole_picture_does_not_explain_the_tissue():
    truth = frames_of(usual("tissue").truth)
    inner = (slice(8, -8), slice(8, -8))
    shifted = [
        squared((np.roll(truth[10], (y, x), (0, 1)) - truth[18])[inner])
        for y in range(-8, 9)
        for x in range(-8, 9)
    ]
    assert min(shifted) > 0.3 * squared((truth[10] - truth[18])[inner])


def test_an_unknown_kind_is_refused_with_the_kinds_there_are():
    with pytest.raises(MovieError, match="tissue, yeast, waves"):
        simulate("weather")


@pytest.mark.parametrize("wrong", [{"frames": 0}, {"size": (8, 64)}, {"noise": -1}])
def test_what_cannot_be_simulated_is_refused(wrong):
    with pytest.raises(MovieError, match="at least 1 frame of 16 by 16"):
        simulate("waves", **wrong)


@every_kind
def test_the_shipped_sample_opens_with_its_time_and_scale(kind):
    ((data, how, layer_type),) = getattr(_samples, kind)()
    about = how["metadata"]["napari-morphocast"]
    movie = read_movie(about["source"])
    assert layer_type == "image"
    assert data.shape == (len(movie), *movie.shape[2:])
    assert how["scale"] == (movie.interval, *movie.pixel_size)
    assert how["units"] == ("second", "micrometer", "micrometer")
    assert how["name"] == f"{kind} (simulated)"


def test_simulated_yeast_says_where_its_cells_are():
    made = simulate("yeast", frames=12, size=(96, 96), noise=0)
    cells = made.cells
    assert cells is not None
    assert cells.shape == (12, 96, 96)
    assert 0.05 < (cells > 0).mean() < 0.8
    grown = [
        (cells[-1] == name).sum() - (cells[0] == name).sum()
        for name in np.intersect1d(cells[0], cells[-1])[1:]
    ]
    assert len(grown) > 3
    assert max(grown) > 0
    assert simulate("waves", frames=2).cells is None
