"""MNIST from its files, and the digits that turn and are marked by a square.

Frames are bytes 0..255 until they are used. What Ensmenger (2023) leaves open is
settled here: the first frame of a sequence is upright and each further one is turned by
one more angle, interpolated from the digit itself; the last frame is what must be
foretold; squares lie wholly within a sequence.
"""

from __future__ import annotations

import gzip
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

SHARED = Path(__file__).resolve().parents[1].parent / "shared" / "data"
HELD = 5000  # training digits that choose settings, and are never trained on
AT_ONCE = 4096  # frames that are turned together
ANGLES = 30, 45, 60, 75, 90
FURTHER = tuple(range(10, 100, 10))
LONGEST, SHORTEST = 6, 3  # frames of a sequence, with the one to foretell


class Digits(NamedTuple):
    """Pictures (N, 28, 28) and what they show (N,), both bytes."""

    pictures: Tensor
    labels: Tensor

    def first(self, count: int) -> Digits:
        """The first of them."""
        return Digits(self.pictures[:count], self.labels[:count])


class Sequences(NamedTuple):
    """Sequences that end together; frames before a shorter one's first are empty.

    frames (N, 6, 28, 28) and labels (N,) are bytes, lengths (N,) count all frames,
    angles (N,) are degrees per frame.
    """

    frames: Tensor
    lengths: Tensor
    angles: Tensor
    labels: Tensor

    @property
    def shown(self) -> Tensor:
        """How many frames lie before the one to foretell, (N,)."""
        return self.lengths - 1


@dataclass(frozen=True, slots=True)
class Kind:
    """One of the seven sets of sequences.

    ``squares`` is the number of frames with a square, 0 for any number; None where
    there is none. ``growing`` ones have sides of 3, 5, 7, 5, 3 pixels, others of 5.
    """

    words: str
    angles: tuple[int, ...] = ANGLES
    squares: int | None = None
    growing: bool = False
    varying: bool = False


KINDS = {
    "a": Kind("6 frames, random angle"),
    "b": Kind("6 frames, 30°, 3 squares", (30,), 3),
    "c": Kind("6 frames, 30°, growing squares", (30,), 0, growing=True),
    "d": Kind("6 frames, random angle, growing squares", ANGLES, 0, growing=True),
    "e": Kind("3-6 frames, random angle", varying=True),
    "f": Kind(
        "3-6 frames, random angle, 3 growing squares", ANGLES, 3, True, varying=True
    ),
    "g": Kind("3-6 frames, random angle, growing squares", ANGLES, 0, True, True),
}


def mnist(*, quick: bool) -> tuple[Digits, Digits, Digits]:
    """Digits for training, for choosing settings, and for the test."""
    if not (SHARED / "mnist-train-images-idx3-ubyte.gz").is_file():
        sys.exit(
            f"The digits of MNIST are missing: put mnist-*-ubyte.gz into {SHARED}."
        )
    known, unseen = _read("train"), _read("t10k")
    held = Digits(known.pictures[-HELD:], known.labels[-HELD:])
    if quick:
        return known.first(512), held.first(256), unseen.first(256)
    return known.first(len(known.labels) - HELD), held, unseen


def unit(pictures: Tensor) -> Tensor:
    """Bytes (..., Y, X) as one channel (..., 1, Y, X) of numbers 0..1."""
    return pictures.float().unsqueeze(-3) / 255


def turned(pictures: Tensor, degrees: Tensor) -> Tensor:
    """Turn pictures (N, 28, 28) counter-clockwise by degrees (N,)."""
    parts = zip(pictures.split(AT_ONCE), degrees.split(AT_ONCE), strict=True)
    return torch.cat([_turned(*part) for part in parts])


def augmented(digits: Digits, share: float, most: float, seed: int) -> Tensor:
    """Turn a share of the digits by up to ``most`` degrees; half get a square."""
    chance = torch.Generator().manual_seed(seed)
    count = len(digits.labels)
    angles = most * torch.rand(count, generator=chance)
    angles *= torch.rand(count, generator=chance) < share
    frames = turned(digits.pictures, angles)
    sides = torch.randint(3, 9, (count,), generator=chance)
    return marked(frames, sides * (torch.rand(count, generator=chance) < 0.5))


def marked(frames: Tensor, sides: Tensor) -> Tensor:
    """Put squares of sides (...) into the top left of frames (..., 28, 28)."""
    places = torch.arange(frames.shape[-1])
    along = places < sides[..., None]
    square = along[..., :, None] & along[..., None, :]
    return frames.masked_fill(square, 255)


def sequences(digits: Digits, kind: Kind, seed: int) -> Sequences:
    """Make one sequence of every digit."""
    chance = np.random.default_rng(seed)
    count = len(digits.labels)
    lengths = np.full(count, LONGEST)
    if kind.varying:
        lengths = chance.integers(SHORTEST, LONGEST + 1, count)
    angles = chance.choice(kind.angles, count)
    steps = np.arange(LONGEST) - (LONGEST - lengths[:, None])  # (N, 6), of one each
    frames = torch.stack(
        [
            turned(digits.pictures, torch.from_numpy(angles * np.maximum(step, 0)))
            for step in steps.T
        ],
        1,
    )
    if kind.squares is not None:
        frames = marked(frames, torch.from_numpy(_sides(kind, lengths, steps, chance)))
    frames[torch.from_numpy(steps) < 0] = 0
    found = map(torch.from_numpy, (lengths, angles))
    return Sequences(frames, *found, digits.labels)


def _sides(
    kind: Kind, lengths: np.ndarray, steps: np.ndarray, chance: np.random.Generator
) -> np.ndarray:
    """Side of the square in each frame, (N, 6); 0 where there is none."""
    count = np.full(len(lengths), kind.squares)
    if not kind.squares:
        count = chance.integers(1, lengths + 1)
    start = chance.integers(0, lengths - count + 1)
    place = steps - start[:, None]
    inside = (place >= 0) & (place < count[:, None])
    growing = 1 + 2 * np.minimum(place + 1, count[:, None] - place)
    sides: np.ndarray = np.where(inside, growing if kind.growing else 5, 0)
    return sides


def _turned(pictures: Tensor, degrees: Tensor) -> Tensor:
    radians = torch.deg2rad(degrees.float())
    cos, sin, zero = radians.cos(), radians.sin(), torch.zeros(len(degrees))
    matrix = torch.stack([cos, -sin, zero, sin, cos, zero], 1).view(-1, 2, 3)
    frames = pictures[:, None].float()
    grid = F.affine_grid(matrix, list(frames.shape), align_corners=False)
    found = F.grid_sample(frames, grid, align_corners=False)
    return found[:, 0].round().clamp(0, 255).byte()


def _read(name: str) -> Digits:
    pictures, labels = (
        np.frombuffer(gzip.decompress((SHARED / file).read_bytes()), np.uint8)
        for file in (
            f"mnist-{name}-images-idx3-ubyte.gz",
            f"mnist-{name}-labels-idx1-ubyte.gz",
        )
    )
    shown = torch.from_numpy(pictures[16:].copy()).view(-1, 28, 28)
    return Digits(shown, torch.from_numpy(labels[8:].copy()))
