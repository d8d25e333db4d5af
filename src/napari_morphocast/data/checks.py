"""What may be wrong with a movie; it is said, and nothing is silently repaired."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from napari_morphocast.data.finite import fill_nan, require_finite
from napari_morphocast.data.looking import Looked, look_at
from napari_morphocast.data.noise import MAD_TO_SIGMA, estimate_noise
from napari_morphocast.data.shifts import noise_power

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from napari_morphocast.data.movie import Movie

__all__ = [
    "Problem",
    "Report",
    "check",
    "estimate_noise",
    "fill_nan",
    "require_finite",
]

Kind = Literal[
    "blank",
    "duplicate",
    "jump",
    "brightness",
    "saturation",
    "bleaching",
    "drift",
    "constant",
    "nan",
]

NEIGHBOURHOOD = 8  # frames before and after, with which a frame is compared
LISTED = 12  # frames named in a sentence; of more, only the number is told
OFTEN = 3  # a change seen more often, like a heart beat, belongs to the movie
RIGID = 0.22  # share of a change that a shift of the whole picture may leave over


@dataclass(frozen=True, slots=True)
class Problem:
    """Something about a movie that a forecast may suffer from.

    Parameters
    ----------
    kind : str
        What it is, in a word.
    frames : tuple of int
        The frames concerned, counted from 0; empty when it is the whole movie.
    message : str
        One sentence: what was found, and what to do.
    """

    kind: Kind
    frames: tuple[int, ...]
    message: str


@dataclass(frozen=True, slots=True)
class Report:
    """What was measured on a movie, and the problems found.

    Parameters
    ----------
    frames : int
        Number of frames examined; all of them.
    noise : tuple of float
        Standard deviation of the noise of each channel, in grey levels.
    low, high : tuple of float
        Lowest and highest grey level of each channel.
    saturated : tuple of float
        Share of the pixels of each channel that have its highest grey level.
    drift : (float, float)
        Median shift of the picture (y, x), in pixels per frame.
    fading : float
        Share of its brightness that the movie loses from beginning to end.
    problems : tuple of Problem
        Empty when nothing was found.
    """

    frames: int
    noise: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    saturated: tuple[float, ...]
    drift: tuple[float, float]
    fading: float
    problems: tuple[Problem, ...]

    def sentences(self) -> list[str]:
        """Plain sentences for a person: the measurements, then the problems."""
        lines = []
        for channel, sigma in enumerate(self.noise):
            where = f" in channel {channel}" if len(self.noise) > 1 else ""
            low, high = self.low[channel], self.high[channel]
            share = f" ({sigma / (high - low):.1%} of the range)" if high > low else ""
            lines.append(
                f"Grey levels from {low:g} to {high:g}{where}; "
                f"the noise is about {sigma:.3g} grey levels{share}."
            )
        found = [problem.message for problem in self.problems]
        return [*lines, *(found or [f"No problems found in {self.frames} frame(s)."])]

    def as_dict(self) -> dict[str, Any]:
        """Everything as plain values that JSON can hold."""
        return asdict(self)


def check(movie: Movie, *, most: int = 400) -> Report:
    """Examine every frame of a movie, a few at a time; of pictures only.

    Parameters
    ----------
    movie : Movie
        Of frames larger than 512 by 512 pixels, the middle is examined.
    most : int
        In longer movies, shifts are measured for this many pairs of frames, and
        wherever the picture changes suddenly.
    """
    movie = movie.pictures
    looked = look_at(movie, most)
    usable = ~looked.blank()
    constant = _constant(looked)
    finders: tuple[Callable[[Looked], Problem | None], ...] = (
        _blank,
        _duplicate,
        _jump,
        _brightness,
        _bleaching,
        _drift,
    )
    found = [_broken(looked), constant, _saturation(looked, movie)]
    if constant is None:
        found += [find(looked) for find in finders]
    return Report(
        frames=len(movie),
        noise=looked.noise,
        low=tuple(float(v) for v in looked.low.min(axis=0)),
        high=tuple(float(v) for v in looked.high.max(axis=0)),
        saturated=looked.saturated,
        drift=_median_shift(looked),
        fading=_fading(looked.mean[usable], float(looked.low.min())),
        problems=tuple(problem for problem in found if problem is not None),
    )


def _broken(looked: Looked) -> Problem | None:
    """NaN or infinite pixels."""
    frames = np.flatnonzero(looked.broken)
    if not frames.size:
        return None
    return Problem(
        "nan",
        _numbers(frames),
        f"{int(looked.broken.sum())} pixel(s) are NaN or infinite, in {_list(frames)}; "
        "repair or interpolate them.",
    )


def _constant(looked: Looked) -> Problem | None:
    """Nothing happens, or nothing is there."""
    if looked.high.max() > looked.low.min() and (
        len(looked.same) < 2 or not looked.same[1:].all()
    ):
        return None
    return Problem(
        "constant",
        (),
        "Every frame is the same, so there is nothing to forecast; "
        "check that the right file, channel and time axis were chosen.",
    )


def _saturation(looked: Looked, movie: Movie) -> Problem | None:
    """Pixels as bright as the camera can tell."""
    integers = np.issubdtype(movie.dtype, np.integer)
    worst = int(np.argmax(looked.saturated))
    top, share = float(looked.high[:, worst].max()), looked.saturated[worst]
    full = integers and (int(top) + 1) in (2**bits for bits in (8, 10, 12, 14, 15, 16))
    if share < (0.001 if full else 0.01) or top <= looked.low[:, worst].min():
        return None
    return Problem(
        "saturation",
        (),
        f"{share:.1%} of the pixels have the highest grey level, {top:g}: they are "
        "saturated, and what happens there cannot be seen; record with less light.",
    )


def _blank(looked: Looked) -> Problem | None:
    """Frames that show nothing."""
    frames = np.flatnonzero(looked.blank())
    if not frames.size:
        return None
    return Problem(
        "blank",
        _numbers(frames),
        f"No picture in {_list(frames)}; cut the movie there, or leave them out.",
    )


def _duplicate(looked: Looked) -> Problem | None:
    """Frames that repeat the one before, exactly or but for compression."""
    frames = np.flatnonzero(looked.repeated())
    if not frames.size:
        return None
    return Problem(
        "duplicate",
        _numbers(frames),
        f"The frame before is repeated in {_list(frames)}, because frames were dropped "
        "or the movie was converted; remove the repeats, or time will stutter.",
    )


def _jump(looked: Looked) -> Problem | None:
    """The picture shifts, or changes as a whole, between two frames."""
    usable = looked.comparable()
    sudden = _stands_out(looked.change, usable & ~np.roll(looked.repeated(), 1))
    sudden[np.flatnonzero(_steps(looked))] = False  # said elsewhere
    steady = np.array(_median_shift(looked))
    shifts = np.nan_to_num(np.hypot(*(looked.shift - steady).T))
    usual = _usual(shifts, usable)
    shifted = (shifts > max(2.5, 6 * usual)) & (_left(looked) < RIGID)
    shifted &= usable
    frames = np.flatnonzero(sudden | shifted)
    if not frames.size:
        return None
    far = float(shifts[shifted].max()) if shifted.any() else 0.0
    how = f"shifts by up to {far:.0f} pixels" if far else "changes more than elsewhere"
    return Problem(
        "jump",
        _numbers(frames),
        f"The whole picture {how} at {_list(frames)}; "
        "register the movie, or cut it there if the event was not the cells' own.",
    )


def _brightness(looked: Looked) -> Problem | None:
    """The picture becomes brighter or darker at once."""
    steps = _steps(looked)
    frames = np.flatnonzero(steps)
    if not frames.size:
        return None
    most = float(steps[np.argmax(np.abs(steps))])
    return Problem(
        "brightness",
        _numbers(frames),
        f"The brightness changes at once, by up to {most:+.0%}, at {_list(frames)}; "
        "check lamp and exposure, or cut the movie there.",
    )


def _bleaching(looked: Looked) -> Problem | None:
    """The picture fades steadily."""
    level = looked.mean[~looked.blank()]
    if len(level) < 10:
        return None
    tenths = np.array([part.mean() for part in np.array_split(level, 10)])
    fading = _fading(level, float(looked.low.min()))
    if fading < 0.1 or (np.diff(tenths) < 0).sum() < 9:
        return None
    return Problem(
        "bleaching",
        (),
        f"The picture fades steadily, by {fading:.0%} over the movie, as bleaching "
        "does; a model will learn this too, so correct it first if it is not wanted.",
    )


def _drift(looked: Looked) -> Problem | None:
    """The whole picture glides in one direction."""
    y, x = _median_shift(looked)
    speed = float(np.hypot(y, x))
    known = np.isfinite(looked.shift[:, 0]) & looked.comparable()
    if known.sum() < 5 or speed < 0.1 or speed * len(known) < 3:
        return None
    off = np.median(np.hypot(*(looked.shift[known] - (y, x)).T))
    if off > 0.5 * speed or np.median(_left(looked)[known]) > 0.5 * RIGID:
        return None
    return Problem(
        "drift",
        (),
        f"The whole picture drifts by {speed:.2g} pixels per frame ({y:+.2f} down, "
        f"{x:+.2f} to the right); if the stage moved, not the cells, register it.",
    )


def _steps(looked: Looked) -> NDArray[np.float64]:
    """Sudden changes of the mean, as a share of what was above black; else 0. (T,)."""
    step = np.diff(looked.mean, prepend=looked.mean[:1])
    before = np.maximum(np.roll(looked.mean, 1) - float(looked.low.min()), 1e-9)
    usable = looked.comparable()
    middle = _usual(step, usable)
    spread = MAD_TO_SIGMA * _usual(np.abs(step - middle), usable)
    odd = np.abs(step - middle) > max(8 * spread, 0.1 * float(np.median(looked.spread)))
    odd &= np.abs(step) > 0.05 * np.minimum(before, before + step)
    result: NDArray[np.float64] = np.where(odd & usable, step / before, 0.0)
    return result


def _median_shift(looked: Looked) -> tuple[float, float]:
    """Median shift (y, x) from frame to frame, in pixels."""
    known = np.isfinite(looked.shift[:, 0]) & looked.comparable()
    if not known.any():
        return 0.0, 0.0
    y, x = np.median(looked.shift[known], axis=0)
    return float(y), float(x)


def _left(looked: Looked) -> NDArray[np.float64]:
    """Share of each change that remains once the shift is undone, noise apart."""
    sigma = float(np.hypot.reduce(looked.noise)) / len(looked.noise)
    noise = noise_power(looked.shape, np.sqrt(2) * sigma)
    still = looked.still - noise
    share = (looked.moved - noise) / np.where(still > 0.5 * noise + 1e-9, still, np.nan)
    result: NDArray[np.float64] = np.nan_to_num(share, nan=1.0)
    return result


def _stands_out(
    values: NDArray[np.float64], usable: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Which values are far above all others nearby, and rare in the whole movie."""
    odd = np.zeros(len(values), bool)
    numbers = np.arange(len(values))
    for index in np.flatnonzero(usable):
        others = usable & (np.abs(numbers - index) > 1)  # a bad frame makes two changes
        near = values[others & (np.abs(numbers - index) <= NEIGHBOURHOOD)]
        if len(near) >= 5 and (1.3 * values[others] > values[index]).sum() <= OFTEN:
            limit = max(1.3 * near.max(), 1.6 * float(np.median(near)))
            odd[index] = values[index] > limit
    return odd


def _usual(values: NDArray[np.float64], usable: NDArray[np.bool_]) -> float:
    return float(np.median(values[usable])) if usable.any() else 0.0


def _fading(level: NDArray[np.float64], black: float) -> float:
    """Share of the brightness above black that is lost from beginning to end."""
    if len(level) < 10:
        return 0.0
    first, *_, last = (part.mean() for part in np.array_split(level, 10))
    return float(1 - (last - black) / max(first - black, 1e-9))


def _numbers(frames: NDArray[np.intp]) -> tuple[int, ...]:
    return tuple(int(frame) for frame in frames)


def _list(frames: NDArray[np.intp]) -> str:
    """Frames by number, counted from 0, as part of a sentence."""
    if len(frames) == 1:
        return f"frame {frames[0]} (counted from 0)"
    shown = ", ".join(str(frame) for frame in frames[:LISTED])
    more = f" and {len(frames) - LISTED} more" if len(frames) > LISTED else ""
    return f"frames {shown}{more} (counted from 0)"
