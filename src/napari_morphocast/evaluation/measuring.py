"""Every contender's forecasts of the same frames, and how far off each of them is."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_morphocast.evaluation import calibration as uncertain
from napari_morphocast.evaluation import metrics
from napari_morphocast.evaluation.bootstrap import Overlap
from napari_morphocast.evaluation.pixels import changing, counted
from napari_morphocast.evaluation.spectrum import frequencies, radial_power

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from napari_morphocast.data.movie import Movie

WHOLE = "mse", "mae", "relative", "ssim"  # over all pixels that count
ERRORS = *WHOLE, *(f"{name}_changing" for name in WHOLE)  # summed over changing
WORST = np.inf, np.inf, np.inf, -1.0  # where a forecast is no number
MEASURES = (*ERRORS, *uncertain.MEASURES)  # what is kept of every forecast


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
    members : callable, optional
        Of an ensemble, instead of ``forecast``: maps the same to the forecasts of all
        members, (members, horizon, C, Y, X); their mean is the forecast.
    calibration : Calibration, optional
        How the members' spread becomes intervals; they are believed unless given.
    """

    name: str
    context: int
    forecast: Callable[[NDArray[np.float32], int], NDArray[np.float32]]
    members: Callable[[NDArray[np.float32], int], NDArray[np.float32]] | None = None
    calibration: uncertain.Calibration | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Terms:
    """What a forecast is measured by, the same for every contender.

    Parameters
    ----------
    ahead : int
        Longest lead (frames).
    data_range : array, shape (C,)
        Grey levels from black to white per channel.
    noise : tuple of float
        Standard deviation of the noise of each channel, in grey levels.
    region : array of bool, shape (Y, X) or (T, Y, X), optional
        Pixels whose errors count; all unless given.
    """

    ahead: int
    data_range: NDArray[Any]
    noise: tuple[float, ...]
    region: NDArray[np.bool_] | None = None

    @property
    def share(self) -> float:
        """Share of the pixels whose errors count."""
        return 1.0 if self.region is None else float(self.region.mean())


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """How far off every single forecast was: what all means and intervals come from.

    Parameters
    ----------
    models : tuple of str
        Names of the contenders.
    starts : array, shape (N,)
        Number in the movie of the first frame that each forecast stands for.
    context : int
        Most frames that a contender was shown.
    errors : array, shape (MEASURES, models, N, leads)
        NaN where the movie has ended or no pixel counts; the worst there is where a
        forecast has pixels that are no numbers.
    moving : array, shape (N, leads)
        Share of the pixels that changed; NaN like the errors.
    power : array, shape (models + 1, leads, F)
        Power by spatial frequency, summed over forecasts; the truth's comes last.
    ranks : dict of str to array, shape (leads, members + 1)
        How often the truth had which rank among the members of an ensemble.
    floor : float
        Variance of the noise as a share of the squared range of grey levels, mean over
        channels: what no forecast can know.
    """

    models: tuple[str, ...]
    starts: NDArray[np.intp]
    context: int
    errors: NDArray[np.float64]
    moving: NDArray[np.float64]
    power: NDArray[np.float64]
    ranks: dict[str, NDArray[np.int64]]
    floor: float

    def of(self, measure: str, lead: int) -> NDArray[np.float64]:
        """One measure at one lead, of the forecasts that got so far, (models, n)."""
        values = self.errors[MEASURES.index(measure), ..., lead - 1]
        return np.asarray(values[:, self.reached(lead)], np.float64)

    def reached(self, lead: int) -> NDArray[np.bool_]:
        """Which forecasts could be compared with a frame at this lead, shape (N,)."""
        return np.isfinite(self.moving[:, lead - 1])

    @property
    def overlap(self) -> Overlap:
        """How much neighbouring forecasts have in common."""
        return Overlap.of(self.starts, self.context)


def measure(
    movie: Movie,
    contenders: Sequence[Contender],
    starts: NDArray[np.intp],
    terms: Terms,
    *,
    stop: threading.Event | None = None,
    progress: Callable[[float], None] | None = None,
) -> Measured:
    """Let every contender foretell the frames from each start on.

    Contenders work side by side, and get frames before the start only. With ``stop``
    set, what was measured so far is returned.
    """
    context = max(contender.context for contender in contenders)
    sheet = _Sheet(contenders, len(starts), terms.ahead, movie.shape)
    done = 0
    with ThreadPoolExecutor(min(len(contenders), os.cpu_count() or 1)) as pool:
        for start in map(int, starts):
            if stop is not None and stop.is_set():
                break
            known = movie.read(start - context, start)
            scene = _Scene.of(movie, known[-1], start, terms)
            judge = partial(scene.judge, known)
            sheet.note(done, scene, list(pool.map(judge, contenders)))
            done += 1
            if progress is not None:
                progress(done / len(starts))
    return Measured(
        tuple(contender.name for contender in contenders),
        starts[:done],
        context,
        sheet.errors[:, :, :done],
        sheet.moving[:done],
        sheet.power,
        sheet.ranks,
        float(np.mean(np.square(np.asarray(terms.noise) / terms.data_range))),
    )


class _Sheet:
    """Where judgements are noted; NaN where there are none."""

    def __init__(
        self,
        contenders: Sequence[Contender],
        starts: int,
        ahead: int,
        shape: tuple[int, int, int, int],
    ) -> None:
        rings = len(frequencies(*shape[2:]))
        self.names = [contender.name for contender in contenders]
        self.errors = np.full((len(MEASURES), len(self.names), starts, ahead), np.nan)
        self.moving = np.full((starts, ahead), np.nan)
        self.power = np.zeros((len(self.names) + 1, ahead, rings))
        self.ranks: dict[str, NDArray[np.int64]] = {}

    def note(self, place: int, scene: _Scene, found: Sequence[_Judgement]) -> None:
        """Write down what came of one start; its last leads may be missing."""
        reach = len(scene.truth)
        self.moving[place, :reach] = metrics.over_pixels(scene.changes, scene.where)
        self.power[-1, :reach] += scene.power(scene.truth)
        for index, (name, judgement) in enumerate(zip(self.names, found, strict=True)):
            self.errors[:, index, place, :reach] = judgement.errors
            self.power[index, :reach] += judgement.power
            if judgement.ranks is not None:
                size = len(self.moving[0]), judgement.ranks.shape[1]
                counts = self.ranks.setdefault(name, np.zeros(size, np.int64))
                counts[:reach] += judgement.ranks


@dataclass(frozen=True, slots=True, eq=False)
class _Judgement:
    """One forecast of one contender, by lead."""

    errors: NDArray[np.float64]  # (MEASURES, leads)
    power: NDArray[np.float64]  # (leads, F)
    ranks: NDArray[np.int64] | None  # (leads, members + 1)


@dataclass(frozen=True, slots=True, eq=False)
class _Scene:
    """The frames that came (H, C, Y, X), and which of their pixels count."""

    truth: NDArray[np.float32]
    where: NDArray[np.bool_] | None
    changes: NDArray[np.bool_]
    terms: Terms

    @classmethod
    def of(
        cls, movie: Movie, last: NDArray[np.float32], start: int, terms: Terms
    ) -> _Scene:
        """Read what came after ``last``, which is the frame before ``start``.

        Only pictures are compared, no segmentation beside them.
        """
        end = min(start + terms.ahead, len(movie))
        truth = movie.read(start, end)[:, : movie.pictured]
        where, seen = counted(terms.region, start, end), last[: movie.pictured]
        return cls(truth, where, changing(seen, truth, terms.noise), terms)

    def judge(self, known: NDArray[np.float32], contender: Contender) -> _Judgement:
        """Let a contender foretell these frames from the known ones before them."""
        known, (horizon, shown, *_) = known[-contender.context :], self.truth.shape
        if contender.members is None:
            forecast = contender.forecast(known, horizon)[:, :shown]
            unsure = np.full((len(uncertain.MEASURES), horizon), np.nan)
            ranks = None
        else:
            members = contender.members(known, horizon)[:, :, :shown]
            forecast = members.mean(0)
            unsure, ranks = self._uncertainty(contender, members)
        errors = np.concatenate([self._errors(forecast), unsure])
        return _Judgement(errors, self.power(forecast), ranks)

    def power(self, frames: NDArray[np.float32]) -> NDArray[np.float64]:
        """Mean power of all channels by spatial frequency, (H, F).

        Pixels that are no numbers count as black.
        """
        scale = self.terms.data_range[:, None, None]
        known = np.where(np.isfinite(frames), frames, 0)
        return np.asarray(radial_power(known / scale).mean(1), np.float64)

    def _errors(self, forecast: NDArray[np.float32]) -> NDArray[np.float64]:
        """Errors by lead, (ERRORS, leads)."""
        truth, where, span = self.truth, self.where, self.terms.data_range
        apart = np.asarray(forecast, np.float64) - truth
        squares = np.square(apart)
        relative = squares / np.square(span)[:, None, None]
        similar = metrics.similarities(forecast, truth, span)
        maps = squares, np.abs(apart), relative, similar
        bad = ~np.isfinite(forecast).all((1, 2, 3))
        for values, worst in zip(maps, WORST, strict=True):
            values[bad] = worst
        whole = [metrics.over_pixels(values, where) for values in maps[:-1]]
        whole.append(metrics.away_from_edges(similar, where))
        moved = (np.where(self.changes, values, 0.0) for values in maps)
        changing = [metrics.over_pixels(values, where) for values in moved]
        return np.stack([*whole, *changing])

    def _uncertainty(
        self, contender: Contender, members: NDArray[np.float32]
    ) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """What an ensemble's spread is worth, by lead, and the ranks of the truth."""
        size, channels = len(members), self.truth.shape[1]
        trust = contender.calibration or uncertain.Calibration.naive(size, channels)
        where = None if self.where is None else self.where[..., 0, :, :]
        values, ranks = uncertain.judged(members, self.truth, trust, where)
        return np.stack([values[name] for name in uncertain.MEASURES]), ranks
