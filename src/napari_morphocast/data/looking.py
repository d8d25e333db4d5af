"""One pass over a movie, a few frames at a time, that measures what checks need."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from napari_morphocast.data.finite import pieces, refuse_huge
from napari_morphocast.data.noise import estimate_noise
from napari_morphocast.data.shifts import Spectrum, shift_between

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_morphocast.data.movie import Movie

LARGEST = 512  # pixels; of larger frames, the middle is looked at
SAMPLES = 24  # places in the movie where the noise is measured
BLOCK = 4  # pixels averaged to see a picture through its noise


@dataclass(frozen=True, slots=True, eq=False)
class Looked:
    """Measurements on each of T frames, and on each frame beside the one before it.

    Entry 0 of what compares with the frame before is 0, false or NaN.
    """

    shape: tuple[int, int]  # Y, X that were looked at
    noise: tuple[float, ...]  # (C,) grey levels
    saturated: tuple[float, ...]  # (C,) share of pixels at the highest grey level
    broken: NDArray[np.int64]  # (T,) pixels that are NaN or infinite
    low: NDArray[np.float64]  # (T, C) grey levels
    high: NDArray[np.float64]  # (T, C) grey levels
    mean: NDArray[np.float64]  # (T,) grey levels
    spread: NDArray[np.float64]  # (T,) contrast without fine detail, grey levels
    same: NDArray[np.bool_]  # (T,) exactly as the frame before
    rms: NDArray[np.float64]  # (T,) root mean square change, grey levels
    change: NDArray[np.float64]  # (T,) the same, per standard deviation of the picture
    shift: NDArray[np.float64]  # (T, 2) pixels (y, x); NaN where not measured
    still: NDArray[np.float64]  # (T,) power of the change
    moved: NDArray[np.float64]  # (T,) power of the change once the shift is undone

    def blank(self) -> NDArray[np.bool_]:
        """Which frames show no picture while most others do, shape (T,)."""
        usual = np.median(self.spread)
        result: NDArray[np.bool_] = self.spread < 0.12 * usual
        return result

    def repeated(self) -> NDArray[np.bool_]:
        """Which frames show the same as the frame before, shape (T,)."""
        noise = float(np.sqrt(2 * np.mean(np.square(self.noise))))
        usual = float(np.percentile(self.rms[1:], 75)) if len(self.rms) > 1 else 0.0
        near = (self.rms < 0.5 * noise) & (self.rms < 0.15 * usual)
        result: NDArray[np.bool_] = (near | self.same) & ~self._beside_blank()
        result[0] = False
        return result

    def comparable(self) -> NDArray[np.bool_]:
        """Which frames can be compared with the one before, shape (T,)."""
        result: NDArray[np.bool_] = ~self._beside_blank() & ~self.repeated()
        result[0] = False
        return result

    def _beside_blank(self) -> NDArray[np.bool_]:
        blank = self.blank()
        return blank | np.roll(blank, 1)


@dataclass(slots=True)
class _Top:
    """Highest grey level of one channel so far, and how many pixels have it."""

    level: float = -np.inf
    count: int = 0

    def see(self, frame: NDArray[np.float32]) -> None:
        level = float(frame.max())
        if level > self.level:
            self.level, self.count = level, 0
        if level == self.level:
            self.count += int(np.count_nonzero(frame == frame.dtype.type(level)))


@dataclass(slots=True)
class _Rows:
    """Measurements as they come in, one row a frame."""

    broken: list[int] = field(default_factory=list)
    low: list[NDArray[np.float32]] = field(default_factory=list)
    high: list[NDArray[np.float32]] = field(default_factory=list)
    mean: list[float] = field(default_factory=list)
    spread: list[float] = field(default_factory=list)
    same: list[bool] = field(default_factory=list)
    rms: list[float] = field(default_factory=list)
    change: list[float] = field(default_factory=list)
    shift: list[tuple[float, float]] = field(default_factory=list)
    still: list[float] = field(default_factory=list)
    moved: list[float] = field(default_factory=list)


def look_at(movie: Movie, most: int) -> Looked:
    """Measure every frame, and shifts of ``most`` pairs and where change is sudden."""
    count, channels = movie.shape[:2]
    rows, tops = _Rows(), [_Top() for _ in range(channels)]
    recent: deque[NDArray[np.float32]] = deque(maxlen=3)
    noises: list[tuple[float, ...]] = []
    apart, noise_apart = max(1, -(-count // most)), max(1, count // SAMPLES)
    for start, stop in pieces(movie, 0, count):
        frames = movie.read(start, stop)
        refuse_huge(frames, movie, start)
        for number, frame in enumerate(frames, start):
            whole = _finite(frame, rows)
            for top, channel in zip(tops, whole, strict=True):
                top.see(channel)
            seen = _middle(whole)
            _measure(seen, whole, rows)
            recent.append(seen)
            _compare(recent, rows, number % apart == 0)
            noise_due = number // noise_apart >= len(noises) or number == count - 1
            if noise_due and _fresh(recent, rows, count):
                noises.append(estimate_noise(np.stack(recent)))
    pixels = count * movie.shape[2] * movie.shape[3]
    return Looked(
        shape=(int(seen.shape[1]), int(seen.shape[2])),
        noise=tuple(float(v) for v in np.median(noises or [(0.0,) * channels], axis=0)),
        saturated=tuple(top.count / pixels for top in tops),
        **{name: np.array(getattr(rows, name)) for name in rows.__slots__},
    )


def _finite(frame: NDArray[np.float32], rows: _Rows) -> NDArray[np.float32]:
    """The frame with broken pixels, which are counted, at its lowest grey level."""
    good = np.isfinite(frame)
    rows.broken.append(int(good.size - np.count_nonzero(good)))
    if not rows.broken[-1]:
        return frame
    floor = frame[good].min() if good.any() else np.float32(0)
    return np.where(good, frame, floor)


def _middle(frame: NDArray[np.float32]) -> NDArray[np.float32]:
    """The middle of a frame (C, Y, X), at most LARGEST pixels wide and high."""
    cuts = [slice(None)]
    for length in frame.shape[1:]:
        start = max(0, (length - LARGEST) // 2)
        cuts.append(slice(start, start + LARGEST))
    return frame[tuple(cuts)]


def _measure(
    seen: NDArray[np.float32], whole: NDArray[np.float32], rows: _Rows
) -> None:
    """What one frame shows by itself."""
    rows.low.append(whole.min(axis=(1, 2)))
    rows.high.append(whole.max(axis=(1, 2)))
    rows.mean.append(float(seen.mean(dtype=np.float64)))
    _, y, x = seen.shape
    y, x = max(BLOCK, y - y % BLOCK), max(BLOCK, x - x % BLOCK)
    if min(seen.shape[1:]) < BLOCK:
        rows.spread.append(float(seen.std()))
        return
    blocks = seen[:, :y, :x].reshape(-1, y // BLOCK, BLOCK, x // BLOCK, BLOCK)
    rows.spread.append(float(blocks.mean(axis=(2, 4)).std(axis=(1, 2)).mean()))


def _compare(recent: deque[NDArray[np.float32]], rows: _Rows, planned: bool) -> None:
    """What one frame shows beside the one before."""
    rms = change = still = moved = 0.0
    same, shift = False, (np.nan, np.nan)
    if len(recent) > 1:
        before, after = recent[-2], recent[-1]
        same = bool(np.array_equal(before, after))
        rms = float(np.sqrt(np.mean(np.square(after - before))))
        change = rms / max(min(float(before.std()), float(after.std())), 1e-9)
        sudden = change > 1.5 * float(np.median(rows.change[-16:]))
        if not same and (planned or sudden):
            first, second = Spectrum.of(before.mean(0)), Spectrum.of(after.mean(0))
            shift = shift_between(first, second)
            still = first.beyond(second, (0.0, 0.0)).power
            moved = first.beyond(second, shift).power
    rows.same.append(same)
    rows.rms.append(rms)
    rows.change.append(change)
    rows.shift.append(shift)
    rows.still.append(still)
    rows.moved.append(moved)


def _fresh(recent: deque[NDArray[np.float32]], rows: _Rows, count: int) -> bool:
    """Whether the last frames differ, so that each has noise of its own."""
    wanted = min(3, count)
    usual = np.percentile(rows.rms[1:], 75) if len(rows.rms) > 1 else 0.0
    return len(recent) >= wanted and all(
        rms > 0.15 * usual for rms in rows.rms[max(1, len(rows.rms) - wanted + 1) :]
    )
