"""How a forecast moved everything, as pictures: arrows, colours, unusual kernels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from skimage.color import hsv2rgb

from napari_morphocast.data.room import room

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

ARROWS = 24  # along the longer side of a frame
SHORTEST = 0.25  # pixels: what moves less gets no arrow,
SLOWEST = 0.05  # or, where all is slow, less than this
SLOW = 0.25  # of the fastest motion that has one
FASTEST = 99.5  # percentile of motion that is as bright as can be
MAGNIFIED = 10, 5, 2  # times that arrows may be drawn longer than the motion is
LONG = 1.5  # of the distance of two arrows: no magnified one is longer
KEPT = np.dtype(np.float16)  # to a thousandth of itself
HUES = "red moves right, yellow-green down, cyan left, violet up"
ERROR_MAPS = (
    "alpha, how much outliers count",
    "c, above which errors are outliers",
)


@dataclass(frozen=True, slots=True, eq=False)
class MotionPictures:
    """How everything moved in N forecast frames.

    Parameters
    ----------
    colours : array, shape (N, 3, Y, X)
        Where to, in colours, as ``coloured`` says.
    arrows : array, shape (M, 2, 3)
        Start and way of arrows, along T, Y and X: see ``arrows``.
    times : int
        How many times longer these are than the motion.
    unusual : array, shape (N, 1, Y, X)
        How much else was done to each pixel; 0 is nothing.
    least_unusual, most_unusual : float
        What is shown darkest and brightest of it.
    errors : (array, array), optional
        How much outliers count, and from which error on one is, (Y, X) each.
    fastest : float
        Motion from which on colours are as bright as can be (pixels per frame).
    """

    colours: NDArray[np.uint8]
    arrows: NDArray[np.float32]
    unusual: NDArray[Any]
    least_unusual: float = 0.0
    most_unusual: float = 0.0
    times: int = 1
    errors: tuple[NDArray[np.float32], NDArray[np.float32]] | None = None
    fastest: float = SHORTEST


class MotionNotes:
    """Keeps what a model says about its motion, frame by frame.

    Parameters
    ----------
    count, height, width : int
        How many frames there will be, and their size.
    """

    def __init__(self, count: int, height: int, width: int) -> None:
        self._motion = room((count, 2, height, width), KEPT)
        self._unusual = room((count, 1, height, width), KEPT)
        self._done, self._least, self._most = 0, np.inf, 0.0

    def take(self, motion: NDArray[Any], unusual: NDArray[Any]) -> None:
        """Note the motion (2, Y, X) of the next frame, and what else was done."""
        self._motion[self._done] = motion
        self._unusual[self._done] = np.minimum(unusual, np.finfo(KEPT).max)
        least, most = np.percentile(unusual, (100 - FASTEST, FASTEST))
        self._least = min(self._least, float(least))
        self._most = max(self._most, float(most))
        self._done += 1

    def pictures(self) -> MotionPictures:
        """What has been noted so far; takes a while for long movies."""
        motion = self._motion[: self._done]
        times, most = magnified(motion), fastest(motion)
        return MotionPictures(
            wheel(motion, most),
            arrows(motion, times),
            self._unusual[: self._done],
            self._least,
            self._most,
            times,
            fastest=most,
        )


def wheel(motion: NDArray[Any], most: float) -> NDArray[np.uint8]:
    """Motion (T, 2, Y, X), as ``coloured`` shows it, (T, 3, Y, X)."""
    colours = room((len(motion), 3, *motion.shape[2:]), np.dtype(np.uint8))
    for t, frame in enumerate(motion):
        colours[t] = coloured(frame, most)
    return colours


def fastest(motion: Iterable[NDArray[Any]]) -> float:
    """Motion that is as bright as can be in pictures of these (pixels per frame)."""
    speeds = (float(np.percentile(_speed(frame), FASTEST)) for frame in motion)
    return max([SHORTEST, *speeds])


def coloured(frame: NDArray[Any], most: float) -> NDArray[np.uint8]:
    """Motion (2, Y, X), where pixels come from, in colours (3, Y, X).

    The hue says where to: red is to the right, and it goes round by way of yellow for
    down. What is brighter moves faster, up to ``most``; what is black rests.
    """
    y, x = -frame.astype(np.float32)
    turn = np.arctan2(y, x) / (2 * np.pi) % 1
    bright = np.minimum(_speed(frame) / most, 1)
    seen = hsv2rgb(np.stack([turn, np.ones_like(turn), bright], -1))
    return np.asarray(np.moveaxis(255 * seen, -1, 0).round(), np.uint8)


def legend(side: int) -> NDArray[np.uint8]:
    """The colours of all motions, the fastest at the rim, (side, side, 4).

    A disc with a smooth edge; the fourth part is how much of each pixel it covers.
    """
    y, x = np.mgrid[-1 : 1 : side * 1j, -1 : 1 : side * 1j].astype(np.float32)
    colours = np.moveaxis(coloured(-np.stack([y, x]), 1.0), 0, -1)
    covered = np.clip((1 - np.hypot(y, x)) * side / 2, 0, 1)[..., None]
    return np.concatenate([colours, (255 * covered).astype(np.uint8)], -1)


def _speed(frame: NDArray[Any]) -> NDArray[np.float32]:
    return np.asarray(np.hypot(*frame.astype(np.float32)), np.float32)


def arrows(motion: NDArray[Any], times: int = 1) -> NDArray[np.float32]:
    """Arrows (N, 2, 3) from where pixels were one frame before to where they are.

    Each has a start and a way along T, Y and X, on a grid wide enough to be seen;
    ``times`` longer than the motion, it still ends where the pixel is.
    """
    step, half = _grid(motion)
    thin = motion[:, :, half::step, half::step].astype(np.float32)
    speed = np.hypot(thin[:, 0], thin[:, 1])
    time, row, column = np.nonzero(speed >= _least(speed))
    back = times * thin[time, :, row, column]
    here = np.stack([time, row * step + half, column * step + half], -1)
    way = np.concatenate([np.zeros((len(back), 1)), -back], 1)
    return np.stack([here - way, way], 1).astype(np.float32)


def magnified(motion: NDArray[Any]) -> int:
    """How many times longer than the motion arrows can be drawn, to be seen."""
    step, half = _grid(motion)
    speed = np.hypot(*np.moveaxis(motion[:, :, half::step, half::step], 1, 0))
    moving = speed[speed >= _least(speed)]
    fastest = float(np.percentile(moving, FASTEST)) if moving.size else np.inf
    return next((n for n in MAGNIFIED if n * fastest <= LONG * step), 1)


def _least(speed: NDArray[Any]) -> float:
    """Speed from which on there are arrows (pixels per frame)."""
    fastest = float(np.percentile(speed, FASTEST)) if speed.size else 0.0
    return float(np.clip(SLOW * fastest, SLOWEST, SHORTEST))


def _grid(motion: NDArray[Any]) -> tuple[int, int]:
    """How far apart arrows are, and how far the first is from the border."""
    step = max(1, round(max(motion.shape[2:]) / ARROWS))
    return step, min(step, *motion.shape[2:]) // 2
