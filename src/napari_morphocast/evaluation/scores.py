"""Skill by lead: every model on the same forecasts, beside the trivial ones."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_morphocast.data.noise import estimate_noise
from napari_morphocast.errors import MovieError, SettingsError
from napari_morphocast.evaluation import exporting, metrics
from napari_morphocast.evaluation.baselines import BASELINES, REFERENCES
from napari_morphocast.evaluation.estimates import Score, compare, estimate
from napari_morphocast.evaluation.measuring import (
    WHOLE,
    Contender,
    Measured,
    Terms,
    measure,
)
from napari_morphocast.evaluation.pixels import check_region
from napari_morphocast.evaluation.score_notes import notes_on
from napari_morphocast.evaluation.spectrum import Spectra, frequencies
from napari_morphocast.evaluation.wording import (
    counted,
    skill_table,
    standing,
    useful_horizon,
    verdict_on,
)

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_morphocast.data.movie import Movie
    from napari_morphocast.evaluation.controls import Controls

__all__ = ["Contender", "Score", "Scores", "score"]

MOST, FEWEST = 100, 20  # forecasts per contender
PIXELS = 2**22  # of all frames that forecasts start from
NOISE_FRAMES = 16  # neighbouring frames that the noise is estimated from


@dataclass(frozen=True, slots=True)
class Scores:
    """Metric by lead by model, always beside the baselines.

    Parameters
    ----------
    rows : tuple of Score
        Metrics are mse and mae (grey levels), psnr (dB), ssim; the same on pixels that
        change, mse_changing to ssim_changing; for every baseline skill_<name> and
        skill_changing_<name>, 1 - mse / mse of that baseline on the whole frame and on
        pixels that change, where each channel counts in units of its own range of grey
        levels; predictable, the share of persistence's error above the
        noise that is removed; and for ensembles crps, spread (grey levels) and
        coverage_50, coverage_80, coverage_95.
    movie : str
        Name of the movie.
    interval : float or None
        Seconds per frame.
    notes : tuple of str
        Sentences without which the numbers would mislead.
    noise : tuple of float
        Standard deviation of the noise of each channel, in grey levels.
    measured : Measured or None
        Every single forecast.
    spectra : Spectra or None
        Power of the forecasts over power of the truth, by spatial frequency.
    region : float
        Share of the pixels whose errors count; 1 for whole frames.
    """

    rows: tuple[Score, ...]
    movie: str = ""
    interval: float | None = None
    notes: tuple[str, ...] = ()
    noise: tuple[float, ...] = ()
    measured: Measured | None = field(default=None, repr=False)
    spectra: Spectra | None = field(default=None, repr=False)
    region: float = 1.0

    @property
    def models(self) -> tuple[str, ...]:
        """Names in the order they were given."""
        return tuple(dict.fromkeys(row.model for row in self.rows))

    @property
    def leads(self) -> tuple[int, ...]:
        """Leads that were scored, in frames."""
        return tuple(sorted({row.lead for row in self.rows}))

    @property
    def floor(self) -> float:
        """Mean squared error that no forecast can go below: the noise's variance."""
        return float(np.mean(np.square(self.noise))) if self.noise else 0.0

    @property
    def ranks(self) -> dict[str, list[list[int]]]:
        """Of ensembles, by lead: how often the truth had which rank among members."""
        found = self.measured.ranks if self.measured else {}
        return {model: counts.tolist() for model, counts in found.items()}

    def of(self, model: str, metric: str) -> tuple[Score, ...]:
        """One model's scores in one metric, by lead."""
        return tuple(r for r in self.rows if (r.model, r.metric) == (model, metric))

    def paired(self, one: str, other: str, metric: str = "mse") -> tuple[Score, ...]:
        """Share of the error of ``other`` that ``one`` removes, by lead.

        Decided on the same frames, so that a small difference can be told from chance
        even where both errors vary much.

        Parameters
        ----------
        one, other : str
            Two models.
        metric : str
            mse, mae or ssim (of which 1 - SSIM is the error), or one of these with
            _changing behind it.
        """
        return compare(self.measured, one, other, metric) if self.measured else ()

    def over_time(
        self, model: str, metric: str = "mse", lead: int = 1
    ) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
        """Error of single forecasts: numbers of the frames foretold, and their errors.

        Parameters
        ----------
        model : str
            One of ``models``.
        metric : str
            mse, mae, psnr or ssim.
        lead : int
            How far ahead the frames were foretold.
        """
        measured = self.measured
        if measured is None or lead not in self.leads:
            return np.empty(0, np.intp), np.empty(0)
        kind = "relative" if metric == "psnr" else metric
        if kind not in WHOLE:
            raise SettingsError(
                f"Forecasts have mse, mae, psnr and ssim, not {metric!r}."
            )
        values = measured.of(kind, lead)[measured.models.index(model)]
        frames = measured.starts[measured.reached(lead)] + lead - 1
        return frames, metrics.decibels(values) if metric == "psnr" else values

    def useful_horizon(self, model: str, reference: str = "persistence") -> int:
        """Longest lead up to which a model is surely ahead of a baseline; 0 for none.

        One frame more, and the 95 % interval of its skill touches 0.
        """
        return useful_horizon(self.of(model, f"skill_{reference}"))

    def noting(self, notes: Iterable[str]) -> Scores:
        """Add notes."""
        return replace(self, notes=(*self.notes, *notes))

    def save(self, path: str | Path, controls: Iterable[Controls] = ()) -> None:
        """Write the scores, then those of controls, as ``.csv`` or ``.json``.

        The one is tidy: model,metric,lead,value,low,high,n; the other has all that
        ``as_dict`` has, and null for what is not finite.
        """
        tested = tuple(controls)

        def values() -> dict[str, Any]:
            found = {"controls": [control.as_dict() for control in tested]}
            return self.as_dict() | (found if tested else {})

        rows = chain(self.rows, *(control.rows for control in tested))
        exporting.save(path, rows, values)

    def as_dict(self) -> dict[str, Any]:
        """Everything but the single forecasts as plain values, NaN included."""
        return {
            "movie": self.movie,
            "interval": self.interval,
            "frames": self._frames,
            "region": self.region,
            "noise": list(self.noise),
            "notes": list(self.notes),
            "useful_horizon": self._useful_horizons(1),
            "useful_horizon_seconds": self._useful_horizons(self.interval),
            "scores": [asdict(row) for row in self.rows],
            "spectra": self.spectra.as_dict() if self.spectra else None,
            "ranks": self.ranks,
        }

    @property
    def _frames(self) -> list[int] | None:
        """First frames of the first and the last forecast, counted from 0."""
        if self.measured is None or not len(self.measured.starts):
            return None
        return [int(self.measured.starts[0]), int(self.measured.starts[-1])]

    def _useful_horizons(
        self, unit: float | None
    ) -> dict[str, dict[str, float | None]]:
        """By model and baseline, in a unit of time; None where it is not known."""
        return {
            model: {
                name: unit and unit * self.useful_horizon(model, name)
                for name in REFERENCES
                if name != model and self.of(model, f"skill_{name}")
            }
            for model in self.models
        }

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

    def standing(self, model: str) -> str:
        """Say in one sentence which baselines a model is ahead of, and until when."""
        return standing(self, model)

    def plot(self, path: str | Path) -> None:
        """Draw error, skill and spectrum, with intervals, as a PNG."""
        from napari_morphocast.evaluation.score_figure import draw_scores

        draw_scores(self, path)


def score(
    movie: Movie,
    contenders: Sequence[Contender],
    *,
    horizon: int,
    since: int,
    data_range: NDArray[Any],
    region: NDArray[np.bool_] | None = None,
    noise: Sequence[float] | None = None,
    stop: threading.Event | None = None,
    progress: Callable[[float], None] | None = None,
    most: int | None = None,
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
    region : array of bool, shape (Y, X) or (T, Y, X), optional
        Pixels whose errors count; spectra are always those of whole frames.
    noise : sequence of float, optional
        Standard deviation of the noise of each channel, where it is known (grey
        levels); estimated on the pixels that count unless given.
    stop : threading.Event, optional
        Set it to end with what has been scored so far.
    progress : callable, optional
        Told the share that is done, 0..1.
    most : int, optional
        Forecasts per contender; in a longer stretch they start at even distances. 20
        to 100 unless given, the fewer the larger the frames.

    Raises
    ------
    MovieError
        If not one frame is left to be foretold.
    """
    require_different([contender.name for contender in contenders])
    check_region(region, movie)
    first, reach = _stretch(movie, contenders, since, horizon)
    known = tuple(noise) if noise is not None else noise_of(movie, first, region)
    starts = starts_of(movie, first, most)
    terms = Terms(reach, data_range[: movie.pictured], known, region)
    measured = measure(movie, contenders, starts, terms, stop=stop, progress=progress)
    rows = estimate(measured) if len(measured.starts) else ()
    spectra = _spectra(measured, terms, movie) if rows else None
    found = Scores(
        rows, movie.name, movie.interval, (), known, measured, spectra, terms.share
    )
    return found.noting(notes_on(found, horizon, len(starts)))


def require_different(names: Sequence[str]) -> None:
    """Refuse models of the same name."""
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise SettingsError(
            f"{twice!r} stands there twice; name it once."
            if twice in BASELINES
            else f"Two models are called {twice!r}, so their scores could not be told "
            "apart; rename one file."
        )


def first_frame(movie: Movie, context: int, since: int, lead: int = 1) -> int:
    """First frame from ``since`` on that can be foretold, and scored at a lead.

    Raises
    ------
    MovieError
        If there is none; it says whether an earlier ``since`` would help.
    """
    first, length = max(since, context), len(movie)
    if length < context + lead:
        raise MovieError(
            f"{movie.name!r} has {counted(length, 'frame')}, but {context + lead} are "
            f"needed: {context} to see, and {lead} to score; use a longer movie."
        )
    if length < first + lead:
        raise MovieError(
            f"{movie.name!r} has {length} frames, so none is left to score {lead} "
            f"ahead from frame {first} on; score from an earlier frame or use a longer "
            "movie."
        )
    return first


def _stretch(
    movie: Movie, contenders: Sequence[Contender], since: int, horizon: int
) -> tuple[int, int]:
    """First frame that all can foretell, and the longest lead that can be scored."""
    context = max(contender.context for contender in contenders)
    first = first_frame(movie, context, since)
    if horizon < 1:
        raise SettingsError(f"The horizon must be 1 frame or more, not {horizon}.")
    return first, min(horizon, len(movie) - first)


def starts_of(movie: Movie, first: int, most: int | None = None) -> NDArray[np.intp]:
    """First frames of all forecasts, at even distances."""
    if most is None:
        height, width = movie.shape[2:]
        most = min(MOST, max(FEWEST, PIXELS // (height * width)))
    return np.unique(np.linspace(first, len(movie) - 1, most).round().astype(np.intp))


def noise_of(
    movie: Movie, first: int, region: NDArray[np.bool_] | None
) -> tuple[float, ...]:
    """Noise of the pixels that count, in the middle of what is scored."""
    begin = max(0, (first + len(movie) - NOISE_FRAMES) // 2)
    end = min(begin + NOISE_FRAMES, len(movie))
    where = region[begin:end] if region is not None and region.ndim == 3 else region
    return estimate_noise(movie.read(begin, end)[:, : movie.pictured], where)


def _spectra(measured: Measured, terms: Terms, movie: Movie) -> Spectra:
    """Power relative to the truth's, of which a part is noise."""
    truth = measured.power[-1]
    forecasts = np.array([measured.reached(n + 1).sum() for n in range(terms.ahead)])
    white = np.mean(np.square(np.asarray(terms.noise) / terms.data_range))
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = measured.power[:-1] / truth
        share = white * forecasts[:, None] / truth
    rings = frequencies(*movie.shape[2:])
    return Spectra(rings, measured.models, ratios, np.minimum(share, 1.0))
