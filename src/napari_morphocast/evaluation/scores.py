"""Skill by lead: every model on the same forecasts, beside the trivial ones."""

from __future__ import annotations

import csv
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_morphocast.errors import MovieError, SettingsError
from napari_morphocast.evaluation import metrics
from napari_morphocast.evaluation.bootstrap import Resampling
from napari_morphocast.evaluation.wording import (
    REFERENCES,
    skill_table,
    verdict_on,
)

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_morphocast.data.movie import Movie

MEASURES = "mse", "mae", "relative", "ssim"  # what is kept of every forecast
COLUMNS = "model", "metric", "lead", "value", "low", "high", "n"
LIMITS = {  # beyond which no score can lie
    "mse": (0.0, np.inf),
    "mae": (0.0, np.inf),
    "ssim": (-1.0, 1.0),
    "skill": (-np.inf, 1.0),
}
FEW = 8  # forecasts; an interval from fewer says little


@dataclass(frozen=True, slots=True)
class Contender:
    """A forecaster that takes part.

    Parameters
    ----------
    name : str
        What tables call it.
    context : int
        How many frames it is shown.
    forecast : callable
        Maps grey levels (context, C, Y, X) and a horizon to (horizon, C, Y, X).
    """

    name: str
    context: int
    forecast: Callable[[NDArray[np.float32], int], NDArray[np.float32]]


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


@dataclass(frozen=True, slots=True)
class Scores:
    """Metric by lead by model, always beside the baselines.

    Parameters
    ----------
    rows : tuple of Score
        Metrics are mse and mae (grey levels), psnr (dB), ssim, and skill_persistence,
        skill_linear and skill_advection: 1 - mse / mse of that baseline.
    movie : str
        Name of the movie.
    interval : float or None
        Seconds per frame.
    notes : tuple of str
        Sentences without which the numbers would mislead.
    """

    rows: tuple[Score, ...]
    movie: str = ""
    interval: float | None = None
    notes: tuple[str, ...] = ()

    @property
    def models(self) -> tuple[str, ...]:
        """Names in the order they were given."""
        return tuple(dict.fromkeys(row.model for row in self.rows))

    @property
    def leads(self) -> tuple[int, ...]:
        """Leads that were scored, in frames."""
        return tuple(sorted({row.lead for row in self.rows}))

    def of(self, model: str, metric: str) -> tuple[Score, ...]:
        """One model's scores in one metric, by lead."""
        return tuple(r for r in self.rows if (r.model, r.metric) == (model, metric))

    def noting(self, notes: Iterable[str]) -> Scores:
        """Add notes."""
        return replace(self, notes=(*self.notes, *notes))

    def to_csv(self, path: str | Path) -> None:
        """Write one line per score: model,metric,lead,value,low,high,n."""
        try:
            with open(path, "w", newline="", encoding="utf-8") as file:
                writer = csv.DictWriter(file, COLUMNS)
                writer.writeheader()
                writer.writerows(asdict(row) for row in self.rows)
        except OSError as error:
            raise SettingsError(
                f"Cannot write the scores to {path}: {error.strerror}."
            ) from None

    def as_dict(self) -> dict[str, Any]:
        """Everything as plain values, NaN included."""
        return asdict(self)

    def table(self, reference: str = "persistence") -> str:
        """Skill against a baseline by lead, as text to read."""
        return skill_table(self, reference)

    def verdict(
        self,
        model: str,
        interval: float | None = None,
        *,
        reference: str = "persistence",
    ) -> str:
        """Say in words whether, by how much and how far ahead a model beats a baseline.

        Decided by the 95 % interval, not by the mean. ``interval`` is the time step
        in seconds; that of the movie unless given.
        """
        scores = self.of(model, f"skill_{reference}")
        return verdict_on(scores, reference, interval or self.interval)

    def plot(self, path: str | Path) -> None:
        """Draw error and skill by lead, with their intervals, as a PNG."""
        from napari_morphocast.evaluation.figures import draw_scores

        draw_scores(self, path)


def score(
    movie: Movie,
    contenders: Sequence[Contender],
    *,
    horizon: int,
    since: int,
    data_range: NDArray[Any],
    stop: threading.Event | None = None,
    progress: Callable[[float], None] | None = None,
    most: int = 100,
) -> Scores:
    """Let every contender foretell the same frames from the frames before them.

    Parameters
    ----------
    movie : Movie
        Read one stretch at a time.
    contenders : sequence of Contender
        Baselines are known by their names.
    horizon : int
        Longest lead (frames); each forecast runs freely that far, or to the end.
    since : int
        First frame that may be a target; what is shown before it may lie before it.
    data_range : array, shape (C,)
        Grey levels from black to white per channel, for PSNR and SSIM.
    stop : threading.Event, optional
        Set it to end with what has been scored so far.
    progress : callable, optional
        Told the share that is done, 0..1.
    most : int
        Forecasts per contender; in a longer stretch they start at even distances.

    Raises
    ------
    MovieError
        If not one frame is left to be foretold.
    """
    _different(contenders)
    context = max(contender.context for contender in contenders)
    first = max(since, context)
    ahead = _ahead(movie, first, horizon)
    starts = np.unique(np.linspace(first, len(movie) - 1, most).round().astype(int))
    kept = np.full((len(MEASURES), len(contenders), len(starts), ahead), np.nan)
    done = 0
    for start in starts:
        if stop is not None and stop.is_set():
            break
        kept[:, :, done] = _errors(movie, contenders, int(start), ahead, data_range)
        done += 1
        if progress is not None:
            progress(done / len(starts))
    step = (starts[-1] - first) / max(1, len(starts) - 1) or 1.0
    rows = _rows(kept[:, :, :done], [c.name for c in contenders], step, context)
    notes = _notes(movie, ahead, horizon, done, len(starts))
    return Scores(tuple(rows), movie.name, movie.interval, tuple(notes))


def _different(contenders: Sequence[Contender]) -> None:
    names = [contender.name for contender in contenders]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise SettingsError(
            f"Two models are called {twice!r}, so their scores could not be told "
            "apart; rename one file."
        )


def _ahead(movie: Movie, first: int, horizon: int) -> int:
    """Longest lead for which there is a frame to compare with."""
    if horizon < 1:
        raise SettingsError(f"The horizon must be 1 frame or more, not {horizon}.")
    if first >= len(movie):
        raise MovieError(
            f"{movie.name!r} has {len(movie)} frames, so none is left to score from "
            f"frame {first} on; score from an earlier frame or use a longer movie."
        )
    return min(horizon, len(movie) - first)


def _notes(
    movie: Movie, ahead: int, horizon: int, done: int, planned: int
) -> Iterator[str]:
    """Say what is less than was asked for, or than can be relied on."""
    if ahead < horizon:
        yield (
            f"Only {ahead} frame(s) of {movie.name!r} are left to score, so the "
            f"horizon is {ahead} instead of {horizon}."
        )
    if done < planned:
        yield f"Stopped after {done} of {planned} forecasts per model."
    if 0 < done < FEW:
        yield (
            f"Only {done} forecast(s) could be scored, so the intervals are rough; "
            "score a longer stretch."
        )


def _errors(
    movie: Movie,
    contenders: Sequence[Contender],
    start: int,
    ahead: int,
    data_range: NDArray[Any],
) -> NDArray[np.float64]:
    """Measure one forecast of each contender, (measures, contenders, leads).

    NaN where the movie has ended. Contenders get frames before ``start`` only.
    """
    truth = movie.read(start, min(start + ahead, len(movie)))
    result = np.full((len(MEASURES), len(contenders), ahead), np.nan)
    for index, contender in enumerate(contenders):
        known = movie.read(start - contender.context, start)
        forecast = contender.forecast(known, len(truth))
        result[:, index, : len(truth)] = (
            metrics.mse(forecast, truth),
            metrics.mae(forecast, truth),
            metrics.mse(forecast, truth, data_range),
            metrics.ssim(forecast, truth, data_range),
        )
    return result


def _rows(
    kept: NDArray[np.float64], models: Sequence[str], step: float, context: int
) -> list[Score]:
    """Means and intervals by model, metric and lead.

    Two forecasts ``context + lead`` frames apart share no frame: that is a block.
    """
    by_lead = []
    for lead in range(1, kept.shape[-1] + 1):
        values = kept[..., lead - 1]
        values = values[:, :, np.isfinite(values[0, 0])]  # forecasts that got so far
        if values.shape[-1]:
            block = int(np.ceil((context + lead) / step))
            by_lead += _at_lead(values, models, lead, block)
    order = {metric: place for place, metric in enumerate(r.metric for r in by_lead)}
    place = {model: number for number, model in enumerate(models)}
    return sorted(by_lead, key=lambda r: (place[r.model], order[r.metric], r.lead))


def _at_lead(
    values: NDArray[np.float64], models: Sequence[str], lead: int, block: int
) -> list[Score]:
    """Scores at one lead, from the measures (measures, models, forecasts)."""
    count = values.shape[-1]
    draw = Resampling.draw(count, block)
    whole = values.mean(-1)
    again = np.stack([[draw.means(v) for v in measure] for measure in values])
    mse, mae, relative, ssim = range(len(MEASURES))
    rows = []
    for index, model in enumerate(models):
        found = {
            "mse": (whole[mse, index], again[mse, index]),
            "mae": (whole[mae, index], again[mae, index]),
            "psnr": (
                metrics.decibels(whole[relative, index]),
                metrics.decibels(again[relative, index]),
            ),
            "ssim": (whole[ssim, index], again[ssim, index]),
        }
        for name in REFERENCES:
            if name in models:
                other = list(models).index(name)
                found[f"skill_{name}"] = (
                    _skill(whole[mse, index], whole[mse, other]),
                    _skill(again[mse, index], again[mse, other]),
                )
        for metric, (value, replicates) in found.items():
            low, high = np.clip(
                draw.interval(float(value), replicates),
                *LIMITS.get(metric.split("_")[0], (-np.inf, np.inf)),
            ).tolist()
            rows.append(Score(model, metric, lead, float(value), low, high, count))
    return rows


def _skill(error: Any, reference: Any) -> NDArray[np.float64]:
    """Share of the reference's error that is removed; 0 where both are perfect."""
    error, reference = np.asarray(error), np.asarray(reference)
    with np.errstate(divide="ignore", invalid="ignore"):
        skill = 1 - error / reference
    return np.where(error == reference, 0.0, skill)
