"""What an ensemble says about its own errors, checked where the truth is known."""

import numpy as np
import pytest

from napari_morphocast.evaluation.calibration import (
    LEVELS,
    Calibration,
    fair_crps,
    judged,
    rank_counts,
    variance,
)


def normal(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def overconfident(leads=1, count=6, noise=2.0, seed=0):
    """Members that differ a third as much as they should, and truth with noise.

    The left half of the picture is twice as uncertain as the right half.
    """
    rng = np.random.default_rng(seed)
    doubt = np.where(np.arange(64) < 32, 6.0, 3.0).astype(np.float32)
    shape = (count, leads, 1, 48, 64)
    middle = 100 + 20 * rng.standard_normal(shape)
    members = middle + doubt / 3 * rng.standard_normal((4, *shape))
    truth = middle + doubt * rng.standard_normal(shape)
    truth += noise * rng.standard_normal(shape)
    return members.astype(np.float32), truth.astype(np.float32)


def fitted(leads=1, **how) -> Calibration:
    members, truth = overconfident(leads, **how)
    return learned(members.swapaxes(1, 2), truth.swapaxes(0, 1))


def learned(members, truth) -> Calibration:
    """From members (M, leads, N, 1, Y, X) and truth (leads, N, 1, Y, X)."""
    error, doubt = np.abs(members.mean(0) - truth), variance(members)
    leads = range(len(truth))
    return Calibration.fit(
        [(error[k].reshape(1, -1), doubt[k].reshape(1, -1)) for k in leads]
    )


def test_crps_is_what_its_definition_says():
    members, truth = normal(5, 7, 3), normal(7, 3, seed=1)
    pairs = sum(np.abs(a - b) for a in members for b in members)
    expected = np.abs(members - truth).mean(0) - pairs / (2 * 5 * 4)
    np.testing.assert_allclose(fair_crps(members, truth), expected, atol=1e-6)


def test_crps_agrees_with_scoringrules():
    scoringrules = pytest.importorskip("scoringrules")
    members, truth = normal(4, 30, 20), normal(30, 20, seed=1)
    theirs = scoringrules.crps_ensemble(truth, members, m_axis=0, estimator="fair")
    np.testing.assert_allclose(fair_crps(members, truth), theirs, atol=1e-5)


def test_crps_does_not_depend_on_the_number_of_members():
    truth = normal(200, 200)
    few, many = (fair_crps(normal(m, 200, 200, seed=m), truth) for m in (2, 20))
    assert few.mean() == pytest.approx(many.mean(), rel=0.02)


def test_ranks_of_an_ensemble_that_the_truth_belongs_to_are_flat():
    counts = rank_counts(normal(4, 200, 200), normal(200, 200, seed=1), rng())
    np.testing.assert_allclose(counts / counts.sum(), 0.2, atol=0.01)


def test_ranks_of_equal_values_are_drawn_by_lot():
    counts = rank_counts(np.zeros((4, 100, 100)), np.zeros((100, 100)), rng())
    np.testing.assert_allclose(counts / counts.sum(), 0.2, atol=0.02)


def rng() -> np.random.Generator:
    return np.random.default_rng(2)


def test_intervals_hold_what_they_promise_on_new_frames():
    members, truth = overconfident(seed=1)
    values, _ = judged(members[:, 0], truth[0], fitted())
    found = [values[f"coverage_{100 * level:.0f}"][0] for level in LEVELS]
    np.testing.assert_allclose(found, LEVELS, atol=0.02)


def test_members_alone_promise_too_much():
    members, truth = overconfident()
    values, _ = judged(members[:, 0], truth[0], Calibration.naive(4, 1))
    assert values["coverage_80"][0] < 0.5


def test_the_spread_is_as_large_as_the_error():
    members, truth = overconfident(seed=1)
    spread = fitted().spread(members[:, 0], 1)
    error = members[:, 0].mean(0) - truth[0]
    assert np.mean(spread**2) == pytest.approx(np.mean(error**2), rel=0.1)


def test_the_spread_is_larger_where_the_members_differ_more():
    members, _ = overconfident(seed=1)
    spread = fitted().spread(members[:, 0], 1)
    assert spread[..., :32].mean() > 1.6 * spread[..., 32:].mean()


def test_dressed_members_have_a_flat_rank_histogram():
    members, truth = overconfident(seed=1)
    _, ranks = judged(members[:, 0], truth[0], fitted())
    np.testing.assert_allclose(ranks[0] / ranks[0].sum(), 0.2, atol=0.03)


def test_every_lead_is_calibrated_by_itself():
    calibration = fitted(leads=2)
    assert len(calibration.reach) == 2


def test_beyond_the_longest_lead_the_longest_counts():
    members, _ = overconfident()
    calibration = fitted(leads=2)
    last, beyond = (calibration.spread(members[:, 0], lead) for lead in (2, 9))
    np.testing.assert_array_equal(last, beyond)


def test_members_that_agree_everywhere_still_get_intervals():
    truth = 100 + normal(3, 1, 20, 20)
    same = np.full((4, *truth.shape), 100, np.float32)
    calibration = learned(same[:, None], truth[None])
    assert calibration.spread(same, 1) == pytest.approx(truth.std(), rel=0.05)


def test_a_segmentation_has_a_spread_but_no_say_in_the_intervals():
    rng = np.random.default_rng(5)
    error, doubt = rng.random((2, 2, 500), np.float32)
    error[1] *= 100
    both = Calibration.fit([(error, doubt)], pictured=1)
    alone = Calibration.fit([(error[:1], doubt[:1])])
    assert both.reach == alone.reach
    members = normal(4, 2, 20, 20)
    np.testing.assert_array_equal(
        both.spread(members[:, :1], 1), alone.spread(members[:, :1], 1)
    )
    assert both.spread(members, 1).shape == (2, 20, 20)


def test_a_perfect_ensemble_has_finite_intervals():
    members, _ = overconfident(count=2)
    same = np.repeat(members[:1], 4, 0)
    calibration = learned(same, same[0])
    assert np.isfinite(calibration.reach).all()


def test_only_pixels_of_the_region_are_judged():
    members, truth = overconfident()
    region = np.zeros((48, 64), bool)
    region[:, :8] = True
    changed = truth.copy()
    changed[..., 8:] += 1000
    before, ranks = judged(members[:, 0], truth[0], fitted(), region)
    after, _ = judged(members[:, 0], changed[0], fitted(), region)
    assert before["crps"] == after["crps"]
    assert ranks.sum() == 48 * 8


def test_a_calibration_survives_its_own_json():
    calibration = fitted()
    again = Calibration.model_validate_json(calibration.model_dump_json())
    assert again == calibration
