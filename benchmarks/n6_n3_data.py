"""Sequences of one digit that turns, shifts, brightens and is noisy, as movies.

The data of the report (Williams, 2025) are not public; these follow its words. Turn,
shift and brightness go on with a speed that is remembered from frame to frame, so two
frames say something of the third; now and then a digit jumps.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from torch.nn import functional as F

from napari_morphocast.data.movie import Movie
from napari_morphocast.data.outliers import outliers

if TYPE_CHECKING:
    from healing_data import Digits

FRAMES, SIDE = 16, 36
MEMORY = 0.8  # of each speed, from frame to frame
SPEEDS = 6.0, 0.4, 0.4, 0.03  # degrees, pixels along y and x, ln of the brightness
JUMPS = 1 / 180  # of all changes: the report finds 33 among 6000 steps
FAR = 90.0, 6.0, 6.0, 0.0  # standard deviation of a jump
NOISE, BLACK, CONTRAST = 0.02, 0.1, 0.7
TESTED = 3, 15  # the fourth and the last frame, counted from 0
LEARNED = slice(4, 15)  # no frame of the test, so no window that holds one


@dataclass(frozen=True, slots=True)
class Sequences:
    """Frames (N, 16, 36, 36) in bytes, as they are without noise, and what jumped.

    ``truth`` is in 0..1, as is ``foreseen``: frames, from the third on, of whoever
    knew without error where the last two digits were, and how speeds are remembered.
    ``jumped`` (N, 16) says that a frame jumped from the last.
    """

    frames: np.ndarray
    truth: np.ndarray
    foreseen: np.ndarray
    jumped: np.ndarray

    def movies(self, kept: np.ndarray) -> list[Movie]:
        """Make a movie of each sequence kept, (N,), without the test's frames."""
        return [
            Movie(frames[LEARNED, None], name=f"sequence {number}")
            for number, frames in enumerate(self.frames)
            if kept[number]
        ]

    def joined(self, count: int) -> Movie:
        """The first sequences as one movie, for what takes a single one."""
        return Movie(self.frames[:count].reshape(-1, 1, SIDE, SIDE), name="joined")

    def usual(self, sigmas: float) -> tuple[np.ndarray, Removed]:
        """Which sequences have no change that the package calls an outlier, (N,).

        All are looked at as one movie, as the report fits one Gaussian to all; where
        one sequence ends and the next begins is no change.
        """
        movie = self.joined(len(self.frames))
        found = np.zeros(len(movie), bool)
        found[list(outliers(movie, 0, len(movie), sigmas))] = True
        within = found.reshape(self.jumped.shape).copy()
        within[:, 0] = False
        right = int((within & self.jumped).sum())
        kept: np.ndarray = ~within.any(1)
        return kept, Removed(int(within.sum()), right, int(self.jumped.sum()))


class Removed(NamedTuple):
    """Changes called outliers, how many of them were jumps, and all jumps."""

    found: int
    right: int
    jumps: int


def sequences(digits: Digits, label: int, count: int, seed: int) -> Sequences:
    """Make a sequence of each of the first ``count`` digits with a label."""
    chance = np.random.default_rng([seed, label])
    some = digits.pictures[digits.labels == label][:count]
    count = len(some)
    speed = chance.standard_normal((count, 4)) * SPEEDS
    place = np.zeros((count, 4))
    jumped = chance.random((count, FRAMES)) < JUMPS
    jumped[:, 0] = False
    places, speeds = [place], [speed]
    for step in range(1, FRAMES):
        place = place + speed
        place = place + jumped[:, step, None] * chance.standard_normal((count, 4)) * FAR
        places.append(place)
        fresh = chance.standard_normal((count, 4)) * SPEEDS
        speed = MEMORY * speed + np.sqrt(1 - MEMORY**2) * fresh
        speeds.append(speed)
    pictures = F.pad(some[:, None].float() / 255, (4, 4, 4, 4))
    shown = np.stack([_moved(pictures, place) for place in places], 1)
    truth = BLACK + CONTRAST * shown
    likely = [places[0]] * 2 + [
        place + MEMORY * speed
        for place, speed in zip(places[1:-1], speeds[:-2], strict=True)
    ]
    foreseen = np.stack([_moved(pictures, place) for place in likely], 1)
    foreseen = (BLACK + CONTRAST * foreseen).astype(np.float32)
    noisy = truth + NOISE * chance.standard_normal(truth.shape)
    frames = (255 * noisy).round().clip(0, 255).astype(np.uint8)
    return Sequences(frames, truth.astype(np.float32), foreseen, jumped)


def _moved(pictures: torch.Tensor, places: np.ndarray) -> np.ndarray:
    """Pictures (N, 1, 36, 36) where and how they are by now, (N, 36, 36)."""
    angle, y, x, light = torch.from_numpy(places).float().T
    cos, sin = torch.deg2rad(angle).cos(), torch.deg2rad(angle).sin()
    y, x = -2 * y / SIDE, -2 * x / SIDE
    rows = cos, -sin, cos * x - sin * y, sin, cos, sin * x + cos * y
    matrix = torch.stack(rows, 1).view(-1, 2, 3)
    grid = F.affine_grid(matrix, list(pictures.shape), align_corners=False)
    found = F.grid_sample(pictures, grid, align_corners=False)[:, 0]
    lit: np.ndarray = (found * light.exp()[:, None, None]).clamp(max=1.25).numpy()
    return lit
