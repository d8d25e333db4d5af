"""What an ensemble knows of its own errors: spread, intervals, CRPS, ranks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from pydantic import BaseModel, ConfigDict
from scipy.ndimage import gaussian_filter
from scipy.optimize import nnls
from scipy.stats import norm

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

LEVELS = 0.5, 0.8, 0.95  # of the intervals that are scored
MEASURES = ("crps", "variance", *(f"coverage_{100 * level:.0f}" for level in LEVELS))
BINS = 64  # groups of pixels of similar spread
ROUNDS = 20  # of reweighting; far more than it takes to settle
POOL = 1.5  # pixels; sigma of the Gaussian that pools the variance of neighbours


class Calibration(BaseModel):
    """How spread becomes intervals, learned by lead on frames not trained on.

    Few members are too sure of themselves and know nothing of sensor noise. What is
    expected of the squared error is therefore ``floor + gain * variance``, and an
    interval reaches ``reach`` times the root of that to either side of the mean.

    Parameters
    ----------
    floor : tuple of tuple of float, (leads, channels)
        Variance where all members agree: noise, and what no member knows (grey
        levels squared).
    gain : tuple of tuple of float, (leads, channels)
        What the members' variance is multiplied with.
    reach : tuple of tuple of float, (leads, LEVELS)
        Half-width of the interval of each level, in expected errors.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    floor: tuple[tuple[float, ...], ...]
    gain: tuple[tuple[float, ...], ...]
    reach: tuple[tuple[float, ...], ...]

    @classmethod
    def naive(cls, size: int, channels: int) -> Calibration:
        """Believe ``size`` members: the truth is taken for one more of them."""
        reach = tuple(norm.ppf((1 + level) / 2) for level in LEVELS)
        gain = 1 + 1 / size
        return cls(
            floor=((0.0,) * channels,), gain=((gain,) * channels,), reach=(reach,)
        )

    @classmethod
    def fit(
        cls,
        leads: Sequence[tuple[NDArray[np.float32], NDArray[np.float32]]],
        pictured: int | None = None,
    ) -> Calibration:
        """Learn from forecasts of known frames, grey levels in, grey levels out.

        The intervals are those of split conformal prediction with a scaled residual
        (Lei et al., 2018): quantiles of |error| in units of the error expected.

        Parameters
        ----------
        leads : sequence of (array, array), shape (C, N) each
            For every lead, the absolute error of the members' mean at many pixels of
            every channel, and the members' ``variance`` there.
        pictured : int, optional
            How many of the channels, from the first, intervals are meant for, if not
            for all: not for a segmentation.
        """
        floors, gains, reaches = [], [], []
        for error, doubt in leads:
            lines = [_line(e**2, v) for e, v in zip(error, doubt, strict=True)]
            floor, gain = zip(*lines, strict=True)
            expected = np.array(floor)[:, None] + np.array(gain)[:, None] * doubt
            units = error / np.sqrt(expected)
            floors.append(floor)
            gains.append(gain)
            reaches.append(tuple(np.quantile(units[:pictured], LEVELS).tolist()))
        return cls(floor=tuple(floors), gain=tuple(gains), reach=tuple(reaches))

    def spread(self, members: NDArray[np.float32], lead: int) -> NDArray[np.float32]:
        """Error to be expected at every pixel: one standard deviation, in grey levels.

        Parameters
        ----------
        members : array, shape (M, ..., C, Y, X)
            Forecasts of one lead, in grey levels; of all channels or of the first.
        lead : int
            How many frames ahead, from 1; beyond the longest lead that was learned
            from, that one counts.
        """
        floor, gain = self._trusted(members, lead)
        return np.asarray(np.sqrt(floor + gain * variance(members)), np.float32)

    def intervals(self, spread: NDArray[np.float32], lead: int) -> NDArray[np.float32]:
        """Half-widths of the intervals of ``LEVELS``, shape (levels, ..., C, Y, X)."""
        reach = np.asarray(self.reach[self._row(lead)], np.float32)
        return np.asarray(np.multiply.outer(reach, spread), np.float32)

    def dressed(
        self, members: NDArray[np.float32], lead: int, rng: np.random.Generator
    ) -> NDArray[np.float32]:
        """Members that differ as much as the truth may differ from them.

        Deviations from the mean are widened and noise is added, so that the truth
        could be one more member: the mean of M members errs by 1/M of their variance
        itself, which the fitted gain holds and a member must not.
        """
        floor, gain = self._trusted(members, lead)
        mean = members.mean(0)
        widen = np.sqrt(gain / (1 + 1 / len(members)))
        noise = rng.standard_normal(members.shape, np.float32)
        wide = mean + widen * (members - mean)
        return np.asarray(wide + np.sqrt(floor) * noise, np.float32)

    def _trusted(
        self, members: NDArray[np.float32], lead: int
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Floor and gain of the channels of (M, ..., C, Y, X), both (C, 1, 1)."""
        row, channels = self._row(lead), members.shape[-3]
        return _column(self.floor[row][:channels]), _column(self.gain[row][:channels])

    def _row(self, lead: int) -> int:
        return min(lead, len(self.reach)) - 1


def variance(members: NDArray[np.float32]) -> NDArray[np.float32]:
    """How much members (M, ..., C, Y, X) differ, in squared grey levels.

    Pooled over a few neighbouring pixels, since that of few members at one pixel says
    little: with 4 members errors are told better in advance that way on all three
    simulated movies.
    """
    alone = members.var(0, ddof=1)
    nearby = (0.0,) * (alone.ndim - 2) + (POOL, POOL)
    return np.asarray(gaussian_filter(alone, nearby, mode="nearest"), np.float32)


def fair_crps(
    members: NDArray[np.float32], truth: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Continuous ranked probability score of every pixel, as if members were endless.

    mean_i |x_i - y| - sum_ij |x_i - x_j| / (2 M (M - 1)) (Ferro, 2014); of a forecast
    without uncertainty it would be the absolute error. Lower is better.

    Parameters
    ----------
    members, truth : arrays, shapes (M, ...) and (...)
        In the same units, which are those of the score.
    """
    size = len(members)
    order = np.sort(members, axis=0)
    weights = np.arange(1 - size, size, 2, dtype=np.float32)  # of sum_{i<j} x_j - x_i
    apart = np.tensordot(weights, order, 1) / (size * (size - 1))
    score: NDArray[np.float32] = np.abs(members - truth).mean(0) - apart
    return score


def rank_counts(
    members: NDArray[np.float32], truth: NDArray[np.float32], rng: np.random.Generator
) -> NDArray[np.int64]:
    """How often the truth came after 0, 1, ... M of the members, shape (M + 1,).

    A flat histogram is what a reliable ensemble has; a U means too sure, a hill too
    doubtful, a slope biased (Hamill, 2001). Ties are broken by lot.
    """
    below = (members < truth).sum(0)
    ties = (members == truth).sum(0)
    ranks = below + rng.integers(0, ties + 1)
    return np.bincount(ranks.ravel(), minlength=len(members) + 1)


def judged(
    members: NDArray[np.float32],
    truth: NDArray[np.float32],
    calibration: Calibration,
    where: NDArray[np.bool_] | None = None,
) -> tuple[dict[str, NDArray[np.float64]], NDArray[np.int64]]:
    """Hold one forecast of an ensemble against what came.

    Parameters
    ----------
    members, truth : arrays, shapes (M, H, C, Y, X) and (H, C, Y, X)
        In grey levels.
    calibration : Calibration
        What the user is told about the forecast's uncertainty.
    where : array of bool, shape (H, Y, X) or (Y, X), optional
        Pixels that count; all unless told.

    Returns
    -------
    dict of array, shape (H,), and array, shape (H, M + 1)
        ``MEASURES`` by lead: fair CRPS (grey levels), expected squared error, shares
        of pixels inside the intervals of ``LEVELS``; and how often the truth had which
        rank. CRPS and ranks are those of the dressed members.
    """
    rng = np.random.default_rng(0)
    horizon, plane = len(truth), truth.shape[-2:]
    counted = np.ones(plane, bool) if where is None else where
    counted = np.broadcast_to(counted, (horizon, *plane))
    found: dict[str, list[float]] = {name: [] for name in MEASURES}
    ranks = []
    for step, (came, here) in enumerate(zip(truth, counted, strict=True)):
        some, lead = members[:, step], step + 1
        spread = calibration.spread(some, lead)
        inside = np.abs(some.mean(0) - came) <= calibration.intervals(spread, lead)
        dressed = calibration.dressed(some, lead, rng)
        values = (fair_crps(dressed, came), spread**2, *inside)
        for name, value in zip(MEASURES, values, strict=True):
            found[name].append(value[..., here].mean() if here.any() else np.nan)
        ranks.append(rank_counts(dressed[..., here], came[..., here], rng))
    return {name: np.array(values) for name, values in found.items()}, np.array(ranks)


def _column(values: Sequence[float]) -> NDArray[np.float32]:
    return np.asarray(values, np.float32)[:, None, None]


def _line(
    squares: NDArray[np.float32], doubt: NDArray[np.float32]
) -> tuple[float, float]:
    """Fit squared error = floor + gain * variance, neither below 0.

    Maximum likelihood of Gaussian errors, by least squares reweighted with 1 / fit**2,
    over groups of pixels of similar variance.
    """
    groups = [g for g in np.array_split(np.argsort(doubt), BINS) if g.size]
    error = np.array([squares[g].mean(dtype=np.float64) for g in groups])
    known = np.array([doubt[g].mean(dtype=np.float64) for g in groups])
    size = error.mean() or 1.0  # scales: nnls wants numbers around 1
    wide = known.mean() or 1.0
    line = np.stack([np.ones_like(known), known / wide], 1)
    fit = np.ones_like(known)
    floor = gain = 0.0
    for _ in range(ROUNDS):
        (floor, gain), _ = nnls(line / fit[:, None], error / size / fit)
        fit = line @ (floor, gain) + 1e-6
    return float(max(floor, 1e-6) * size), float(gain * size / wide)
