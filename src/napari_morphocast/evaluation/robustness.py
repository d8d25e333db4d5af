"""How forecasts suffer when the frames they start from are damaged."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_morphocast.errors import SettingsError
from napari_morphocast.evaluation import exporting, metrics
from napari_morphocast.evaluation.baselines import REFERENCES
from napari_morphocast.evaluation.bootstrap import Overlap, Resampling, shortage
from napari_morphocast.evaluation.damage import DAMAGES, DOUBLED
from napari_morphocast.evaluation.estimates import LIMITS, skill
from napari_morphocast.evaluation.robustness_wording import doubling_table, verdict_on
from napari_morphocast.evaluation.score_notes import FEW
from napari_morphocast.evaluation.scores import require_different
from napari_morphocast.evaluation.wording import counted

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_morphocast.data.movie import Movie
    from napari_morphocast.data.scaling import Scaling
    from napari_morphocast.evaluation.damage import Trial
    from napari_morphocast.evaluation.measuring import Contender


@dataclass(frozen=True, slots=True)
class DamagedScore:
    """A metric of a model whose known frames were damaged, with its 95 % interval."""

    model: str
    damage: str
    intensity: float
    lead: int
    metric: str
    value: float
    low: float
    high: float
    n: int


@dataclass(frozen=True, slots=True)
class Robustness:
    """Errors by kind and intensity of damage, always beside the baselines.

    Parameters
    ----------
    rows : tuple of DamagedScore
        Metrics are mse (grey levels²); growth: mse / mse without damage; and
        skill_persistence and the like: 1 - mse / mse of that baseline, which was
        shown the same damaged frames. Intensity 0 is no damage; the others are what
        ``evaluation.damage`` says.
    movie : str
        Name of the movie.
    interval : float or None
        Seconds per frame.
    notes : tuple of str
        Sentences without which the numbers would mislead.
    """

    rows: tuple[DamagedScore, ...]
    movie: str = ""
    interval: float | None = None
    notes: tuple[str, ...] = ()

    @property
    def models(self) -> tuple[str, ...]:
        """Names in the order they were given."""
        return tuple(dict.fromkeys(row.model for row in self.rows))

    @property
    def damages(self) -> tuple[str, ...]:
        """Kinds of damage that were tried."""
        return tuple(dict.fromkeys(row.damage for row in self.rows))

    @property
    def leads(self) -> tuple[int, ...]:
        """Leads that were scored, in frames."""
        return tuple(sorted({row.lead for row in self.rows}))

    def of(
        self, model: str, damage: str, metric: str = "mse", *, lead: int | None = None
    ) -> tuple[DamagedScore, ...]:
        """One model's scores by intensity; at the shortest lead unless told."""
        wanted = (model, damage, metric, lead or min(self.leads, default=0))
        return tuple(
            row
            for row in self.rows
            if (row.model, row.damage, row.metric, row.lead) == wanted
        )

    def doubling(
        self, model: str, damage: str, *, lead: int | None = None
    ) -> float | None:
        """Intensity at which a model's error is twice that without damage.

        Interpolated between those tried, as the figure's lines are, except for numbers
        of frames; None where the error is never doubled.
        """
        kind = DAMAGES[damage]
        for before, here in pairwise(self.of(model, damage, "growth", lead=lead)):
            if here.value < DOUBLED:
                continue
            if kind.whole or not 0 < before.value < here.value < np.inf:
                return here.intensity
            share = np.log(DOUBLED / before.value) / np.log(here.value / before.value)
            return kind.between(before.intensity, here.intensity, float(share))
        return None

    def lasting(
        self,
        model: str,
        damage: str,
        references: Sequence[str] = ("persistence",),
        *,
        lead: int | None = None,
    ) -> float | None:
        """Strongest intensity up to which a model beats some baselines, beyond chance.

        That is, with the whole intervals of its skills above 0 here and at all weaker
        ones; None where it does not even without damage.
        """
        skills = [
            self.of(model, damage, f"skill_{name}", lead=lead) for name in references
        ]
        last = None
        for rows in zip(*skills, strict=False):
            if not all(row.low > 0 for row in rows):
                break
            last = rows[0].intensity
        return last

    def table(self, lead: int | None = None) -> str:
        """Where the error of every model has doubled, as text to read."""
        return doubling_table(self, lead or min(self.leads, default=0))

    def verdict(self, model: str, damage: str, *, lead: int | None = None) -> str:
        """Say in words what one kind of damage does to a model."""
        return verdict_on(self, model, damage, lead or min(self.leads, default=0))

    def noting(self, notes: Iterable[str]) -> Robustness:
        """Add notes."""
        return replace(self, notes=(*self.notes, *notes))

    def save(self, path: str | Path) -> None:
        """Write the scores as ``.csv``, or all that ``as_dict`` has as ``.json``."""
        columns = [field.name for field in fields(DamagedScore)]
        exporting.save(path, self.rows, self.as_dict, columns)

    def as_dict(self) -> dict[str, Any]:
        """Everything as plain values, NaN and infinity included."""
        return {
            "movie": self.movie,
            "interval": self.interval,
            "notes": list(self.notes),
            "scores": [asdict(row) for row in self.rows],
        }

    def plot(self, path: str | Path) -> None:
        """Draw error by intensity, one panel for each kind of damage, as a PNG."""
        from napari_morphocast.evaluation.robustness_figure import draw

        draw(self, path)


def starts(movie: Movie, since: int, leads: Sequence[int], most: int) -> list[int]:
    """Frames at which forecasts begin, at even distances over the end of a movie.

    Every one is followed by as many frames as the longest lead needs.

    Raises
    ------
    SettingsError
        If nothing was asked for.
    """
    if min(leads, default=0) < 1 or most < 1:
        raise SettingsError("Give leads of 1 frame or more, and 1 forecast or more.")
    last = len(movie) - max(leads)
    places = np.unique(np.linspace(since, last, most).round())
    return [int(place) for place in places]


def measure(
    movie: Movie,
    contenders: Sequence[Contender],
    trials: Sequence[Trial],
    begins: Sequence[int],
    *,
    leads: Sequence[int],
    scaling: Scaling,
    stop: threading.Event | None = None,
    progress: Callable[[float], None] | None = None,
) -> Robustness:
    """Let every contender forecast from damaged frames; the truth stays as it is.

    Parameters
    ----------
    movie : Movie
        Read one stretch at a time.
    contenders : sequence of Contender
        Baselines are known by their names.
    trials : sequence of Trial
        Made by ``plan``; each kind begins without damage.
    begins : sequence of int
        First foretold frame of every forecast, rising.
    leads : sequence of int
        What is scored (frames).
    scaling : Scaling
        What black and white are.
    stop : threading.Event, optional
        Set it to end with the forecasts made so far.
    progress : callable, optional
        Told the share that is done, 0..1.
    """
    names = [contender.name for contender in contenders]
    require_different(names)
    errors = []
    total = len(begins) * len(trials)
    for error in _errors(movie, contenders, trials, begins, leads, scaling):
        if stop is not None and stop.is_set():
            break
        errors.append(error)
        if progress is not None:
            progress(len(errors) / total)
    done = len(errors) // len(trials)
    shape = done, len(trials), len(contenders), len(leads)
    kept = np.reshape(errors[: done * len(trials)], shape)
    overlap = Overlap.of(begins, max(contender.context for contender in contenders))
    rows: list[DamagedScore] = []
    for place, lead in enumerate(leads if done else ()):
        draw = Resampling.draw(done, overlap.block(lead), overlap.alike(lead))
        rows += _rows(kept[..., place].T, names, trials, lead, draw)
    notes = tuple(_notes(done, len(begins), overlap.alike(min(leads))))
    return Robustness(tuple(rows), movie.name, movie.interval, notes)


def _errors(
    movie: Movie,
    contenders: Sequence[Contender],
    trials: Sequence[Trial],
    begins: Sequence[int],
    leads: Sequence[int],
    scaling: Scaling,
) -> Iterator[NDArray[np.float64]]:
    """Mean squared errors (contenders, leads), by start and within it by trial."""
    places = np.asarray(leads) - 1
    context = max(contender.context for contender in contenders)
    for begin in begins:
        known = movie.read(begin - context, begin)
        truth = movie.read(begin, begin + max(leads))[places, : movie.pictured]
        clean = _error(contenders, known, places, truth)
        for trial in trials:
            if not trial.intensity:
                yield clean
                continue
            versions = trial.on(known, begin, scaling, movie.dtype)
            found = [_error(contenders, frames, places, truth) for frames in versions]
            yield np.mean(found, 0)


def _error(
    contenders: Sequence[Contender],
    known: NDArray[np.float32],
    places: NDArray[np.intp],
    truth: NDArray[np.float32],
) -> NDArray[np.float64]:
    """Mean squared errors (contenders, leads) of one forecast by each."""
    horizon, shown = int(places.max()) + 1, slice(truth.shape[1])
    foretold = (
        c.forecast(known[-c.context :], horizon)[places, shown] for c in contenders
    )
    return np.stack([metrics.mse(frames, truth) for frames in foretold])


def _rows(
    errors: NDArray[np.float64],
    models: Sequence[str],
    trials: Sequence[Trial],
    lead: int,
    draw: Resampling,
) -> Iterator[DamagedScore]:
    """Scores at one lead, from mean squared errors (models, trials, forecasts).

    On the last axis of what is estimated is the value, then those of the resamples.
    """
    again = np.stack([[draw.means(trial) for trial in model] for model in errors])
    mse = np.concatenate([errors.mean(-1, keepdims=True), again], -1)
    clean = np.maximum.accumulate([n * (not t.intensity) for n, t in enumerate(trials)])
    found = {"mse": mse, "growth": 1 - skill(mse, mse[:, clean])}
    for name in REFERENCES:
        if name in models:
            found[f"skill_{name}"] = skill(mse, mse[models.index(name)])
    for model, name in enumerate(models):
        for metric, values in found.items():
            limits = LIMITS["skill" if metric.startswith("skill") else "mse"]
            for trial, (value, *others) in zip(trials, values[model], strict=True):
                low, high = draw.interval(value, np.asarray(others), limits)
                what = name, trial.damage.name, trial.intensity, lead, metric
                yield DamagedScore(*what, float(value), low, high, errors.shape[-1])


def _notes(done: int, planned: int, alike: float) -> Iterator[str]:
    """Say what is less than was asked for, or than can be relied on."""
    if done < planned:
        yield f"Stopped after {done} of {planned} forecasts per model and damage."
    if done and shortage(done, alike):
        yield (
            f"Only {counted(done, 'forecast')} could be scored, too few for intervals; "
            "score a longer stretch or more forecasts."
        )
    elif 0 < done < FEW:
        yield (
            f"Only {counted(done, 'forecast')} could be scored, so the intervals are "
            "rough; score a longer stretch or more forecasts."
        )
