"""Checks of a movie: what is wrong is found and said, what is right is left alone."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from napari_morphocast.data.checks import (
    check,
    estimate_noise,
    fill_nan,
    require_finite,
)
from napari_morphocast.data.io import read_movie
from napari_morphocast.data.movie import Movie
from napari_morphocast.data.simulate import KINDS, simulate
from napari_morphocast.errors import MovieError

REAL = Path(__file__).parents[2] / "shared" / "data"
every_kind = pytest.mark.parametrize("kind", KINDS)


@cache
def made(kind, seed=0):
    return simulate(kind, frames=60, size=(96, 96), seed=seed)


def spoiled(kind, spoil, dtype=None):
    """A simulated movie after ``spoil`` has changed its frames (T, 1, Y, X)."""
    frames = made(kind).movie.raw(0, 60).copy()
    frames = frames if dtype is None else frames.astype(dtype)
    changed = spoil(frames)
    return Movie(frames if changed is None else changed)


def found(movie, **options):
    return {p.kind: p for p in check(movie, **options).problems}


def real(name):
    if not (REAL / name).exists():
        pytest.skip(f"{REAL / name} is not here")
    return read_movie(REAL / name)


@every_kind
@pytest.mark.parametrize("seed", range(3))
def test_a_good_movie_has_no_problems(kind, seed):
    assert not check(made(kind, seed).movie).problems


@every_kind
@pytest.mark.parametrize("noise", [0.01, 0.03, 0.08])
def test_the_noise_is_found_within_a_fifth(kind, noise):
    simulated = simulate(kind, frames=9, size=(96, 96), noise=noise, seed=2)
    report = check(simulated.movie)
    assert report.noise[0] == pytest.approx(simulated.noise, rel=0.2)


def test_the_noise_of_a_single_frame_is_judged_from_space_alone():
    simulated = made("yeast")
    (sigma,) = estimate_noise(simulated.movie.read(5, 6))
    assert sigma == pytest.approx(simulated.noise, rel=0.2)


def test_each_channel_has_its_own_noise():
    rng = np.random.default_rng(0)
    frames = 50 + rng.normal(0, [[[[2]], [[7]]]], (5, 2, 64, 64))
    assert estimate_noise(frames.astype(np.float32)) == pytest.approx((2, 7), rel=0.05)


@every_kind
def test_a_blank_frame_is_named(kind):
    def close_the_shutter(frames):
        frames[33] = np.random.default_rng(0).poisson(9, frames[33].shape)

    assert found(spoiled(kind, close_the_shutter))["blank"].frames == (33,)


@every_kind
def test_repeated_frames_are_named(kind):
    def stutter(frames):
        frames[20], frames[41] = frames[19], frames[40]

    assert found(spoiled(kind, stutter))["duplicate"].frames == (20, 41)


def test_a_frame_that_is_repeated_but_for_compression_is_named():
    def stutter(frames):
        faint = np.random.default_rng(0).random(frames[20].shape) < 0.02
        frames[20] = frames[19] + faint

    assert found(spoiled("tissue", stutter))["duplicate"].frames == (20,)


@every_kind
def test_only_the_repeats_are_named_and_no_jump_after_them(kind):
    movie = spoiled(kind, lambda frames: np.delete(frames.repeat(2, 0), range(60), 0))
    assert set(found(movie)) == {"duplicate"}


@every_kind
def test_a_sudden_shift_is_named(kind):
    def bump_the_table(frames):
        frames[25:] = np.roll(frames[25:], (6, -4), (2, 3))

    assert found(spoiled(kind, bump_the_table))["jump"].frames == (25,)


def test_a_sudden_shift_is_found_in_a_movie_longer_than_the_cap():
    def bump_the_table(frames):
        frames[25:] = np.roll(frames[25:], (6, -4), (2, 3))

    assert 25 in found(spoiled("yeast", bump_the_table), most=7)["jump"].frames


@every_kind
def test_a_step_of_the_lamp_is_named(kind):
    def turn_up(frames):
        frames[30:] *= 1.2

    problems = found(spoiled(kind, turn_up, "float32"))
    assert problems["brightness"].frames == (30,)
    assert "jump" not in problems


@every_kind
def test_bleaching_is_told_with_its_amount(kind):
    def bleach(frames):
        frames *= np.exp(-np.arange(60) / 60)[:, None, None, None]

    problems = found(spoiled(kind, bleach, "float32"))
    assert "fades steadily" in problems["bleaching"].message


def test_saturated_pixels_are_told():
    def too_much_light(frames):
        return np.clip(frames.astype(float) * 2.2, 0, 255).astype(np.uint8)

    assert "255" in found(spoiled("tissue", too_much_light))["saturation"].message


def test_a_drifting_stage_is_told_with_its_speed():
    still = simulate("tissue", frames=1, size=(200, 200), noise=0.0).truth.read(0, 1)
    noise = np.random.default_rng(0).normal(0, 3, (40, 1, 96, 96))
    frames = [still[0, :, 90 - t : 186 - t, 2 * t : 2 * t + 96] for t in range(40)]
    report = check(Movie(np.stack(frames) + noise))
    assert [p.kind for p in report.problems] == ["drift"]
    assert report.drift == pytest.approx((1, -2), abs=0.1)


def test_a_movie_in_which_nothing_happens_is_told():
    frame = made("tissue").movie.raw(0, 1)
    assert set(found(Movie(frame.repeat(9, 0)))) == {"constant"}


def test_pixels_that_are_no_numbers_are_counted():
    def damage(frames):
        frames[7, 0, 4, :3] = np.nan
        frames[9, 0, 5, 5] = np.inf

    problem = found(spoiled("waves", damage, "float32"))["nan"]
    assert problem.frames == (7, 9)
    assert problem.message.startswith("4 pixel(s)")


def test_a_report_is_plain_sentences_and_json():
    report = check(made("tissue").movie)
    assert "noise is about" in report.sentences()[0]
    assert report.sentences()[-1] == "No problems found in 60 frame(s)."
    assert json.loads(json.dumps(report.as_dict()))["frames"] == 60


@pytest.mark.parametrize("frames", [1, 2, 3])
@pytest.mark.parametrize("size", [(1, 1), (2, 9), (16, 16)])
def test_the_shortest_and_smallest_movies_can_be_checked(frames, size):
    rng = np.random.default_rng(0)
    movie = Movie(rng.integers(0, 99, (frames, 2, *size)).astype(np.uint8))
    assert check(movie).sentences()


def test_a_long_movie_is_read_a_few_frames_at_a_time():
    class Guarded:
        shape, dtype = (200, 1, 600, 600), np.dtype("float32")

        def __getitem__(self, key):
            assert key.stop - key.start <= 24
            level = np.arange(key.start, key.stop, dtype=np.float32)
            return level[:, None, None, None] + np.zeros((1, 600, 600), np.float32)

    assert check(Movie(Guarded()), most=10).frames == 200


def test_require_finite_names_the_first_bad_frame_and_the_remedy():
    movie = holed()
    with pytest.raises(MovieError, match=r"Frame 4 .* 2 pixel.*--fill-nan"):
        require_finite(movie, 0, 10)


def test_require_finite_looks_only_where_it_is_told():
    require_finite(holed(), 5, 10)


def holed():
    """Ten frames that brighten by 1 each; two pixels of frame 4 are broken."""
    frames = np.arange(10.0)[:, None, None, None] + np.zeros((1, 4, 5))
    frames[4, 0, 1, 1], frames[4, 0, 2, 3] = np.nan, np.inf
    return Movie(frames.astype(np.float32))


def test_filling_interpolates_in_time():
    filled = fill_nan(holed())
    assert np.array_equal(filled.read(4, 5), np.full((1, 1, 4, 5), 4.0))


def test_filling_changes_no_other_pixel():
    movie = made("tissue").truth
    assert np.array_equal(fill_nan(movie).read(0, 9), movie.read(0, 9))


def test_a_pixel_that_is_broken_at_the_start_takes_the_next_value():
    frames = holed().read(0, 10)
    frames[:3, 0, 0, 0] = np.nan
    assert np.all(fill_nan(Movie(frames)).read(0, 3)[:, 0, 0, 0] == 3)


def test_a_pixel_that_is_always_broken_takes_its_neighbours_value():
    frames = holed().read(0, 10)
    frames[:, 0, 0, 0] = np.nan
    filled = fill_nan(Movie(frames)).read(0, 10)
    assert np.array_equal(filled[:, 0, 0, 0], np.arange(10.0))


def test_a_movie_without_one_finite_pixel_is_refused():
    empty = Movie(np.full((3, 1, 4, 4), np.nan))
    with pytest.raises(MovieError, match="no finite pixel"):
        fill_nan(empty).read(0, 1)


def test_a_filled_movie_can_be_cut_and_keeps_its_facts():
    movie = replace(holed(), interval=30.0)
    part = fill_nan(movie).between(4, 6)
    assert part.interval == 30.0
    assert np.array_equal(part.read(0, 2)[:, 0, 1, 1], [4.0, 5.0])


def test_the_repeated_frames_of_a_converted_movie_are_found():
    problems = found(real("drosophila-repeated-frames.tif"))
    assert problems["duplicate"].frames == (3, 6, 9, 12, 15, 18)


def test_the_same_movie_without_repeats_is_left_alone():
    assert not found(real("drosophila-nuclei-rgb.tif"))


def test_the_moment_the_golgi_bursts_is_found():
    assert found(real("golgi-float32.tif"))["jump"].frames == (16,)


@pytest.mark.parametrize(
    "name", ["hela-nuclei-mitocheck.ome.tif", "cardiac-microbundle-beating.ome.tif"]
)
def test_divisions_and_heart_beats_are_no_problems(name):
    assert not found(real(name))
