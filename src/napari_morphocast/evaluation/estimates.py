"""Means of what was measured, with intervals: by model, metric and lead."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_morphocast.errors import SettingsError
from napari_morphocast.evaluation import metrics
from napari_morphocast.evaluation.baselines import REFERENCES
from napari_morphocast.evaluation.bootstrap import ANY, Resampling, shortage
from napari_morphocast.evaluation.calibration import LEVELS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    from napari_morphocast.evaluation.measuring import Measured

LIMITS = {  # beyond which no score can lie
    "mse": (0.0, np.inf),
    "mae": (0.0, np.inf),
    "ssim": (-1.0, 1.0),
    "skill": (-np.inf, 1.0),
    "crps": (0.0, np.inf),
    "spread": (0.0, np.inf),
    "coverage": (0.0, 1.0),
}
COMPARED = "mse", "mae", "ssim", "mse_changing", "mae_changing", "ssim_changing"
PERFECT = 1e-12  # squared error, in units of black to white, that is only rounding


@dataclass(frozen=True, slots=True)
class Score:
    """One number: a metric of a model at a lead, its 95 % interval, forecasts used."""

    model: str
    metric: str
    lead: int
    value: float
    low: float
    high: float
    n: int


def by_lead(scores: Iterable[Score]) -> dict[int, Score]:
    """One model's scores in one metric by how far ahead they are."""
    return {score.lead: score for score in scores}


def estimate(measured: Measured) -> tuple[Score, ...]:
    """Every metric of every model at every lead, in this order."""
    rows = []
    for lead in range(1, measured.moving.shape[1] + 1):
        if measured.reached(lead).any():
            rows += list(_Lead(measured, lead).scores())
    order = {metric: place for place, metric in enumerate(r.metric for r in rows)}
    place = {model: number for number, model in enumerate(measured.models)}
    rows.sort(key=lambda r: (place[r.model], order[r.metric], r.lead))
    return tuple(rows)


def compare(
    measured: Measured, one: str, other: str, metric: str = "mse"
) -> tuple[Score, ...]:
    """Share of the other model's error that one model removes, by lead.

    Paired: each resample holds the same frames for both. The error of SSIM is how much
    it is below 1; of squared ones each channel counts in units of its range.
    """
    if metric not in COMPARED:
        raise SettingsError(
            f"Models are compared by {', '.join(COMPARED)}, not by {metric!r}."
        )
    for name in (one, other):
        if name not in measured.models:
            raise SettingsError(
                f"{name!r} was not scored; choose one of {', '.join(measured.models)}."
            )
    leads = range(1, measured.moving.shape[1] + 1)
    reached = [lead for lead in leads if measured.reached(lead).any()]
    return tuple(_Lead(measured, lead).paired(one, other, metric) for lead in reached)


def missing(measured: Measured, lead: int) -> int:
    """Frames by which the movie is too short to tell what is better at a lead."""
    overlap = measured.overlap
    short = shortage(int(measured.reached(lead).sum()), overlap.alike(lead))
    return int(np.ceil(short * overlap.step))


class _Lead:
    """Everything measured at one lead, and its resamples.

    An estimate is one array: the value from all forecasts, then those from the
    resamples; whatever is computed from such arrays has its interval at once.
    """

    def __init__(self, measured: Measured, lead: int) -> None:
        self.measured = measured
        self.lead = lead
        self.count = int(measured.reached(lead).sum())
        overlap = measured.overlap
        self.draw = Resampling.draw(
            self.count, overlap.block(lead), overlap.alike(lead)
        )

    def scores(self) -> Iterator[Score]:
        """All metrics of all models."""
        for model in self.measured.models:
            for metric, found in self._metrics(model):
                yield self._score(model, metric, found)

    def paired(self, one: str, other: str, metric: str) -> Score:
        """One model's error relative to another's."""
        found = skill(self._error(one, metric), self._error(other, metric))
        kind = metric.removeprefix("mse_") if metric != "mse" else ""
        name = "_".join(filter(None, ("skill", kind, other)))
        return self._score(one, name, found)

    def _metrics(self, model: str) -> Iterator[tuple[str, NDArray[np.float64]]]:
        yield "mse", self._mean("mse", model)
        yield "mae", self._mean("mae", model)
        yield "psnr", metrics.decibels(self._mean("relative", model))
        yield "ssim", self._mean("ssim", model)
        yield "mse_changing", self._changing("mse", model)
        yield "mae_changing", self._changing("mae", model)
        yield "psnr_changing", metrics.decibels(self._changing("relative", model))
        yield "ssim_changing", self._changing("ssim", model)
        known = [name for name in REFERENCES if name in self.measured.models]
        for name in known:
            yield f"skill_{name}", self._skill("relative", model, name)
        for name in known:
            found = self._skill("relative_changing", model, name)
            yield f"skill_changing_{name}", found
        if "persistence" in known:
            still, error = (self._mean("relative", m) for m in ("persistence", model))
            most = still - self.measured.floor
            yield "predictable", np.where(most > 0, _ratio(still - error, most), np.nan)
        if model in self.measured.ranks:
            yield "crps", self._mean("crps", model)
            yield "spread", np.sqrt(self._mean("variance", model))
            for level in LEVELS:
                name = f"coverage_{100 * level:.0f}"
                yield name, self._mean(name, model)

    def _error(self, model: str, metric: str) -> NDArray[np.float64]:
        """What is to become small."""
        measure, _, changing = metric.replace("mse", "relative").partition("_")
        mean = self._changing if changing else self._mean
        found = mean(measure, model)
        return 1 - found if measure == "ssim" else found

    def _changing(self, measure: str, model: str) -> NDArray[np.float64]:
        """Mean over the pixels that change, of all forecasts together."""
        moving = self.measured.moving[self.measured.reached(self.lead)]
        summed = self._mean(f"{measure}_changing", model)
        return _ratio(summed, self._both(moving[:, self.lead - 1]))

    def _skill(self, measure: str, model: str, other: str) -> NDArray[np.float64]:
        """Share of another's error that is removed; NaN where that has none."""
        error, against = (self._mean(measure, name) for name in (model, other))
        return skill(error, np.where(against > PERFECT, against, np.nan))

    def _mean(self, measure: str, model: str) -> NDArray[np.float64]:
        values = self.measured.of(measure, self.lead)
        return self._both(values[self.measured.models.index(model)])

    def _both(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Mean of all values, then the means of the resamples, shape (1 + times,)."""
        return np.concatenate([[values.mean()], self.draw.means(values)])

    def _score(self, model: str, metric: str, found: NDArray[np.float64]) -> Score:
        limits = LIMITS.get(metric.split("_")[0], ANY)
        value = float(found[0])
        low, high = self.draw.interval(value, found[1:], limits)
        return Score(model, metric, self.lead, value, low, high, self.count)


def skill(error: Any, reference: Any) -> NDArray[np.float64]:
    """Share of the reference's error that is removed; 0 where both are perfect."""
    error, reference = np.asarray(error), np.asarray(reference)
    return np.where(error == reference, 0.0, 1 - _ratio(error, reference))


def _ratio(above: Any, below: Any) -> NDArray[np.float64]:
    """Quotient; infinite or NaN where there is nothing to divide by."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(above / below, np.float64)
