"""Surprise: how wrong a forecast is, in units of how wrong it usually is there."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.ndimage import distance_transform_edt, gaussian_filter
from skimage.measure import label, regionprops

from napari_morphocast.data.finite import read_finite
from napari_morphocast.data.room import room
from napari_morphocast.errors import ForecastError, MovieError, SettingsError
from napari_morphocast.evaluation import exporting
from napari_morphocast.evaluation.bootstrap import Resampling
from napari_morphocast.evaluation.usual import Usual

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_morphocast.data.movie import Movie

FEWEST = 8  # forecasts from which one can say what is usual
ALARMS = 0.001  # share of usual pixels that may be flagged
BLUR = 2.0  # pixels
APART = 10  # frames; nearer ones are too alike to tell what is usual in each other
EDGES = np.geomspace(1e-3, 1e6, 1801)  # of surprise, each 1.2 % above the one before


@dataclass(frozen=True, slots=True)
class Region:
    """A place where a forecast is more wrong than it usually is.

    Parameters
    ----------
    frame : int
        Number of the movie's frame, counted from 0.
    channel : int
        Number of the channel; 0 for a colour picture.
    y, x : float
        Its middle, weighted by surprise (pixels).
    size : int
        Pixels above the threshold.
    strength : float
        Largest surprise in it, in units of the usual error.
    """

    frame: int
    channel: int
    y: float
    x: float
    size: int
    strength: float


@dataclass(frozen=True, slots=True)
class Rate:
    """A share of pixels, and its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, eq=False)
class Surprise:
    """Error of every forecast frame in units of the usual error, and what stands out.

    Parameters
    ----------
    first : int
        Number of the movie's frame that the first map belongs to.
    threshold : float
        Surprise above which a pixel counts as an alarm.
    alarms : float
        Share of pixels above it that was asked for.
    rate : Rate
        Share above it on usual frames that had no say in it. Real events on these
        frames count as false alarms here: truly false ones are fewer.
    places : float
        Regions per usual frame, in the same sense: at most so many are false.
    regions : tuple of Region
        The most surprising first.
    maps : array, shape (N, C, Y, X)
        Surprise of every pixel.
    notes : tuple of str
        Sentences without which they would mislead.
    """

    first: int
    threshold: float
    alarms: float
    rate: Rate
    places: float
    regions: tuple[Region, ...]
    maps: NDArray[np.float32]
    notes: tuple[str, ...] = ()

    def sentence(self) -> str:
        """What the threshold promises, and what it does not."""
        rate = self.rate
        return (
            f"A pixel is flagged where the forecast is {self.threshold:.1f} times as "
            f"wrong as usual. That is {rate.value:.2%} of the pixels of a usual frame "
            f"(95 % interval {rate.low:.2%} to {rate.high:.2%}), in {self.places:.1f} "
            "places; real events are among them, so false alarms are at most so many."
        )

    def to_csv(self, path: str | Path) -> None:
        """Write one line per region: frame,channel,y,x,size,strength."""
        exporting.write_csv(self.regions, path, [f.name for f in fields(Region)])


def learned(model: str, seen: int) -> tuple[str, ...]:
    """What to know of a model that learned from the first ``seen`` frames."""
    return (
        f"{model} learned from the first {seen} frames of this movie and errs less "
        "there, so later frames are flagged more often than stated.",
    ) * (seen > 0)


class Errors:
    """Gathers forecasts beside their truth until all surprise can be measured.

    Parameters
    ----------
    movie : Movie
        What was forecast.
    first, count : int
        Number of the first forecast frame, and how many there are.
    blur : float
        Sigma in pixels over which errors are averaged, signs and all, before they are
        judged: noise and small displacements cancel, a cell that is missing does not.
    """

    def __init__(
        self, movie: Movie, first: int, count: int, *, blur: float = BLUR
    ) -> None:
        if blur < 0:
            raise SettingsError(f"The blur must be 0 pixels or more, not {blur:g}.")
        most = min(movie.shape[2:]) / 4
        if blur > most:
            raise SettingsError(
                f"The blur can be up to {most:g} pixels, a quarter of the shorter side "
                f"of a frame, not {blur:g}."
            )
        movie = movie.pictures
        shape = count, 1 if movie.rgb else movie.shape[1], *movie.shape[2:]
        self._movie, self._first, self._blur = movie, first, blur
        self._sizes = room(shape, np.float32)
        self._expected = room(shape, np.float32 if movie.rgb else movie.dtype)
        self._done = 0

    def add(self, forecast: NDArray[Any]) -> None:
        """Compare the next forecast frame (C, Y, X) with what happened.

        Raises
        ------
        ForecastError
            If the forecast holds NaN or infinity.
        MovieError
            If the frame itself does.
        """
        at, forecast = self._first + self._done, forecast[: self._movie.shape[1]]
        if not np.isfinite(forecast).all():
            raise ForecastError(
                f"The forecast of frame {at} holds NaN or infinity, so nothing can be "
                f"said about surprise; use another model, or train this one again."
            )
        error = forecast.astype(np.float32) - read_finite(self._movie, at, at + 1)[0]
        size = np.abs(gaussian_filter(error, (0, self._blur, self._blur)))
        colour = self._movie.rgb
        self._sizes[self._done] = size.mean(0) if colour else size
        self._expected[self._done] = forecast.mean(0) if colour else forecast
        self._done += 1

    def surprise(
        self,
        *,
        alarms: float,
        until: int,
        stop: threading.Event | None = None,
        progress: Callable[[float], None] | None = None,
    ) -> Surprise:
        """Measure all surprise, once every forecast has been added.

        Parameters
        ----------
        alarms : float
            Share of the pixels of usual frames that the threshold lets through.
        until : int
            Forecasts before this one, counted from 0, say what is usual.
        stop : threading.Event, optional
            Set it to give up.
        progress : callable, optional
            Told the share that is done, 0..1.

        Raises
        ------
        ForecastError
            If told to give up.
        """
        self._check(alarms, until)
        apart = min(APART, until // FEWEST)
        usual = Usual.fit(
            self._sizes,
            self._expected,
            until,
            apart=apart,
            blur=self._blur,
            floor=self._floor(),
        )
        maps = _maps(usual, stop, progress)
        counts = np.stack([_histogram(frame) for frame in maps[:until]])
        threshold = _threshold(counts.sum(0), alarms)
        regions = [
            region
            for frame, surprise in enumerate(maps, self._first)
            for region in _regions(surprise, threshold, frame, self._blur)
        ]
        last = self._first + until
        return Surprise(
            self._first,
            threshold,
            alarms,
            _rate(counts, alarms, 2 * apart),
            sum(region.frame < last for region in regions) / until,
            tuple(sorted(regions, key=lambda r: -r.strength)),
            maps,
        )

    def _check(self, alarms: float, until: int) -> None:
        if not 0 < alarms < 1:
            raise SettingsError(
                f"Alarms are a share of pixels between 0 and 1, not {alarms:g}."
            )
        if until < FEWEST:
            raise MovieError(
                f"Only {max(0, until)} frames of {self._movie.name!r} say what is "
                f"usual, but {FEWEST} are needed; use a longer movie or more of it."
            )

    def _floor(self) -> float:
        """Smallest error worth a name: half a grey level, or a thousandth of all."""
        if np.issubdtype(self._movie.dtype, np.integer):
            return 0.5
        some = self._expected[:: max(1, len(self._expected) // 16)]
        span = float(some.max()) - float(some.min())
        return max(span / 1000, float(np.finfo(np.float32).tiny))


def _maps(
    usual: Usual,
    stop: threading.Event | None,
    progress: Callable[[float], None] | None,
) -> NDArray[np.float32]:
    """Surprise of every pixel, (N, C, Y, X)."""
    maps = room(usual.sizes.shape, np.float32)
    for k in range(len(maps)):
        if stop is not None and stop.is_set():
            raise ForecastError("Stopped before it was known what is usual.")
        maps[k] = usual.surprise(k)
        if progress is not None:
            progress((k + 1) / len(maps))
    return maps


def _histogram(surprise: NDArray[np.float32]) -> NDArray[np.intp]:
    """Count pixels up to each of the ``EDGES`` and above the one before."""
    within = np.minimum(surprise.ravel(), EDGES[-1])
    return np.bincount(np.searchsorted(EDGES, within), minlength=EDGES.size)


def _threshold(counts: NDArray[np.intp], alarms: float) -> float:
    """Smallest edge with no more than the share ``alarms`` of the pixels above it."""
    above = counts.sum() - counts.cumsum()
    return float(EDGES[int(np.argmax(above <= alarms * counts.sum()))])


def _rate(counts: NDArray[np.intp], alarms: float, block: int) -> Rate:
    """Share above the threshold, each stretch judged by that of all the others."""
    length = min(max(1, block), len(counts) // 3)
    total, shares = counts.sum(0), np.empty(len(counts))
    for begin in range(0, len(counts), length):
        own = counts[begin : begin + length]
        threshold = _threshold(total - own.sum(0), alarms)
        above = own[:, np.searchsorted(EDGES, threshold) + 1 :].sum(1)
        shares[begin : begin + length] = above / own.sum(1)
    draw = Resampling.draw(len(shares), block)
    value = float(shares.mean())
    low, high = draw.interval(value, draw.means(shares))
    return Rate(value, max(0.0, low), min(1.0, high))


def _regions(
    surprise: NDArray[np.float32], threshold: float, frame: int, blur: float
) -> Iterator[Region]:
    """Group pixels above the threshold; pieces closer than the blur reaches are one.

    A group smaller than the blur itself is a tip that barely looks out.
    """
    for channel, picture in enumerate(surprise):
        flagged = picture > threshold
        if not flagged.any():
            continue
        near = distance_transform_edt(~flagged) <= 2 * blur
        for found in regionprops(label(near) * flagged, picture):
            if found.area < np.pi * blur**2:
                continue
            y, x = found.centroid_weighted
            yield Region(
                frame,
                channel,
                round(float(y), 1),
                round(float(x), 1),
                int(found.area),
                round(float(found.intensity_max), 1),
            )
