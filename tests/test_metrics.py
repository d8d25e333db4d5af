"""Errors of frames, with a fixed data range."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from skimage.metrics import structural_similarity

from napari_morphocast.errors import MovieError
from napari_morphocast.evaluation.bootstrap import Resampling, shortage
from napari_morphocast.evaluation.metrics import mae, mse, psnr, ssim


def frames(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(0, 4000, shape).astype(np.float32)


def test_known_differences_give_known_errors() -> None:
    truth = np.zeros((2, 1, 12, 12))
    forecast = truth + np.array([3.0, -4.0])[:, None, None, None]
    assert mse(forecast, truth).tolist() == [9, 16]
    assert mae(forecast, truth).tolist() == [3, 4]


def test_a_data_range_per_channel_makes_channels_count_alike() -> None:
    truth = np.zeros((2, 12, 12))
    forecast = truth + np.array([1.0, 100.0])[:, None, None]
    assert mse(forecast, truth, [10, 1000]) == pytest.approx(0.01)


def test_psnr_follows_its_formula_with_a_fixed_data_range() -> None:
    truth, forecast = frames(1, 20, 20), frames(1, 20, 20, seed=1)
    expected = 10 * np.log10(4095**2 / np.mean((forecast - truth) ** 2))
    assert psnr(forecast, truth, 4095) == pytest.approx(expected, rel=1e-6)


def test_psnr_does_not_depend_on_what_the_forecast_reaches() -> None:
    truth = np.zeros((1, 12, 12))
    assert psnr(truth + 5, truth, 255) == psnr(truth - 5, truth, 255)


@pytest.mark.parametrize("size", [(11, 11), (33, 47)])
def test_ssim_equals_that_of_skimage(size: tuple[int, int]) -> None:
    truth, noise = frames(*size), frames(*size, seed=1)
    forecast = 0.7 * truth + 0.3 * noise
    expected = structural_similarity(
        forecast.astype(float),
        truth.astype(float),
        data_range=4095,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
    )
    assert ssim(forecast[None], truth[None], 4095) == pytest.approx(expected, abs=1e-6)


def test_ssim_is_the_mean_over_channels() -> None:
    truth, forecast = frames(2, 16, 16), frames(2, 16, 16, seed=1)
    each = [ssim(forecast[[c]], truth[[c]], [4000, 2000][c]) for c in (0, 1)]
    assert ssim(forecast, truth, [4000, 2000]) == pytest.approx(np.mean(each))


def test_identical_frames_are_perfect() -> None:
    truth = frames(3, 1, 16, 16)
    assert mse(truth, truth).tolist() == [0, 0, 0]
    assert ssim(truth, truth, 4095) == pytest.approx([1, 1, 1])
    assert np.isposinf(psnr(truth, truth, 4095)).all()


def test_errors_do_not_depend_on_how_frames_are_grouped() -> None:
    truth, forecast = frames(7, 2, 12, 12), frames(7, 2, 12, 12, seed=1)
    for metric in (mse, mae, psnr, ssim):
        one_by_one = [metric(f, t, 4000) for f, t in zip(forecast, truth, strict=True)]
        assert metric(forecast, truth, 4000) == pytest.approx(np.array(one_by_one))


def test_frames_smaller_than_the_window_are_refused_with_a_sentence() -> None:
    with pytest.raises(MovieError, match="at least 11 by 11 pixels, but these have 10"):
        ssim(frames(1, 10, 40), frames(1, 10, 40), 255)


def test_shapes_that_differ_are_never_broadcast() -> None:
    with pytest.raises(ValueError, match="a forecast"):
        mse(frames(1, 12, 12), frames(2, 12, 12))


@pytest.mark.parametrize("count", [20, 40, 100])
def test_intervals_cover_the_truth_although_neighbours_are_alike(count: int) -> None:
    rng = np.random.default_rng(0)
    covered = 0
    for seed in range(200):
        alike = np.convolve(rng.normal(size=count + 3), np.ones(4) / 4, "valid")
        draw = Resampling.draw(count, 8, times=400, seed=seed)
        low, high = draw.interval(float(alike.mean()), draw.means(alike))
        covered += low <= 0 <= high
    assert covered >= 0.85 * 200


@pytest.mark.parametrize(("count", "lead"), [(10, 3), (14, 5), (20, 5), (40, 10)])
def test_intervals_cover_the_error_of_overlapping_forecasts(
    count: int, lead: int
) -> None:
    """Persistence on an autoregressive movie of 10 pixels, whose error is known."""
    rng, keep, movies = np.random.default_rng(0), 0.9, 300
    movie = np.empty((count + lead, movies, 10))
    movie[0] = rng.normal(size=movie[0].shape)
    for before, after in pairwise(movie):
        after[:] = keep * before + np.sqrt(1 - keep**2) * rng.normal(size=after.shape)
    errors = np.square(movie[lead:] - movie[:-lead]).mean(-1)
    draw = Resampling.draw(count, 4 + lead, lead + 1, times=400)
    known = 2 * (1 - keep**lead)
    covered = 0
    for error in errors.T:
        ends = draw.interval(float(error.mean()), draw.means(error), (0, np.inf))
        covered += ends[0] <= known <= ends[1]
    assert covered >= 0.88 * movies


@pytest.mark.parametrize(("count", "alike"), [(7, 1), (10, 6)])
def test_too_few_forecasts_have_no_interval(count: int, alike: int) -> None:
    draw = Resampling.draw(count, alike, alike)
    values = np.arange(1.0, count + 1)
    assert np.isnan(draw.interval(values.mean(), draw.means(values))).all()
    assert shortage(count, alike) in (1, 2)


def test_the_interval_of_an_error_never_reaches_nothing() -> None:
    draw = Resampling.draw(9, 3)
    errors = np.array([1.0, 1, 1, 1, 1, 1, 1, 1, 80])
    low, _ = draw.interval(errors.mean(), draw.means(errors), (0, np.inf))
    assert 0 < low < 1
    assert draw.interval(errors.mean(), draw.means(errors))[0] < 0


def test_the_same_seed_draws_the_same_resamples() -> None:
    one, two = Resampling.draw(20, 4), Resampling.draw(20, 4)
    assert (one.indices == two.indices).all()
    assert len(one.indices) >= 1000


def test_resamples_are_made_of_neighbours() -> None:
    steps = np.diff(Resampling.draw(40, 10).indices, axis=1)
    assert (steps == 1).mean() > 0.85


def test_one_value_has_no_interval() -> None:
    draw = Resampling.draw(1, 1)
    assert np.isnan(draw.interval(2.0, draw.means(np.array([2.0])))).all()
