"""Small movies for tests, each made in one line."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from napari_morphocast.data.movie import Movie


def gliding(
    frames: int = 30,
    size: tuple[int, int] = (24, 28),
    channels: int = 1,
    dtype: str = "uint8",
    noise: float = 0.0,
) -> Movie:
    """A smooth pattern that glides one pixel to the right in every frame."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[: size[0], : size[1] + frames]
    pattern = np.sin(x / 2.5) + np.cos(y / 3.5 + x / 9)
    wide = np.stack([pattern * (1 + c / 4) for c in range(channels)])
    stack = np.stack([wide[..., t : t + size[1]] for t in range(frames)][::-1])
    grey = 100 + 40 * stack + noise * rng.standard_normal(stack.shape)
    levels = grey > 100 if dtype == "bool" else grey.astype(dtype)
    return Movie(levels, 60.0, (0.5, 0.5), name="gliding")


def constant(frames: int = 12) -> Movie:
    """A movie in which nothing ever happens."""
    return Movie(np.full((frames, 1, 20, 20), 7, np.uint8), name="constant")


@dataclass
class Counting:
    """Frames that note which of them were read."""

    frames: Any
    read: list[int] = field(default_factory=list)
    shape: tuple[int, ...] = ()
    dtype: Any = None

    def __post_init__(self) -> None:
        self.shape, self.dtype = self.frames.shape, self.frames.dtype

    def __getitem__(self, key: Any) -> Any:
        time = key[0] if isinstance(key, tuple) else key
        self.read += np.atleast_1d(np.arange(len(self.frames))[time]).tolist()
        return self.frames[key]


def counted(movie: Movie) -> tuple[Movie, list[int]]:
    """The same movie, and the numbers of the frames that have been read of it."""
    frames = Counting(movie.frames)
    return replace(movie, frames=frames), frames.read
