"""The movies of the skill benchmark: real ones beside the checkout, simulated ones.

``UNSEEN`` are those that no default was ever chosen on: short and long, noisy and
clean, of 8 and 16 bits, and three of which little or nothing can be foretold.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
from scipy.ndimage import gaussian_filter

from napari_morphocast.data.io import read_movie
from napari_morphocast.data.movie import Movie
from napari_morphocast.data.simulate import simulate

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

ROOT = Path(__file__).parents[1]
REAL = ROOT.parent / "shared" / "data"
SAMPLES = ROOT / "src" / "napari_morphocast" / "sample_data"


class Readable(Protocol):
    """Where a movie comes from."""

    real: bool

    def is_here(self) -> bool:
        """Whether it can be read."""

    def read(self) -> Movie:
        """Read the movie."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where a movie lies, and what must be chosen to read it."""

    path: Path
    z: str | None = None
    real: bool = True

    def is_here(self) -> bool:
        """Whether the file exists."""
        return self.path.exists()

    def read(self) -> Movie:
        """Read the movie."""
        return read_movie(self.path, z=self.z)


@dataclass(frozen=True, slots=True)
class Drawn:
    """A movie that is simulated anew each time."""

    kind: str
    frames: int
    seed: int
    noise: float = 0.03
    after: Callable[[NDArray[np.float32]], NDArray[np.float32]] | None = None
    real: bool = False

    def is_here(self) -> bool:
        """It always is."""
        return True

    def read(self) -> Movie:
        """Simulate the movie."""
        size = (96, 96)
        drawn = simulate(
            self.kind, frames=self.frames, size=size, seed=self.seed, noise=self.noise
        ).movie
        if self.after is None:
            return drawn
        frames = self.after(drawn.read(0, len(drawn)))
        return Movie(np.clip(frames.round(), 0, None).astype(np.uint16))


def jittered(frames: NDArray[np.float32]) -> NDArray[np.float32]:
    """Move the stage by up to two pixels, differently at every frame."""
    steps = np.random.default_rng(5).integers(-2, 3, (len(frames), 2))
    pairs = zip(frames, steps, strict=True)
    return np.stack([np.roll(frame, step, (1, 2)) for frame, step in pairs])


def static(frames: NDArray[np.float32]) -> NDArray[np.float32]:
    """One still picture under camera noise: nothing happens."""
    noise = np.random.default_rng(6).normal(0, 20, frames.shape)
    return (10 * frames[:1] + noise + 200).astype(np.float32)


def wandering(frames: NDArray[np.float32]) -> NDArray[np.float32]:
    """Grey levels that take a random step at every frame: nothing can be foretold."""
    steps = np.random.default_rng(7).normal(0, 200, frames.shape)
    smooth = gaussian_filter(steps, (0, 0, 3, 3))
    return (20_000 + smooth.cumsum(0)).astype(np.float32)


MOVIES: dict[str, Readable] = {
    "hela": Source(REAL / "hela-nuclei-mitocheck.ome.tif"),
    "mitosis": Source(REAL / "mitosis-two-channel-imagej.tif"),
    "cardiac": Source(REAL / "cardiac-microbundle-beating.ome.tif"),
    "t98g": Source(REAL / "t98g-phase-contrast.ome.tif"),
    "microglia": Source(REAL / "microglia-3d.ome.tif", z="max"),
    "drosophila": Source(REAL / "drosophila-nuclei-rgb.tif"),
    "sarcomeres": Source(REAL / "sarcomeres-beating.tif"),
    "tissue": Source(SAMPLES / "tissue.ome.tif", real=False),
    "yeast": Source(SAMPLES / "yeast.ome.tif", real=False),
    "waves": Source(SAMPLES / "waves.ome.tif", real=False),
}
UNSEEN: dict[str, Readable] = {
    "short": Drawn("tissue", 20, seed=101),
    "long": Drawn("yeast", 300, seed=102),
    "noisy": Drawn("tissue", 80, seed=103, noise=0.15),
    "clean": Drawn("waves", 60, seed=104, noise=0.0),
    "few": Drawn("waves", 30, seed=105, noise=0.1),
    "jitter": Drawn("tissue", 60, seed=106, after=jittered),
    "static": Drawn("yeast", 60, seed=107, after=static),
    "walk": Drawn("tissue", 60, seed=108, after=wandering),
}
ALL = {**MOVIES, **UNSEEN}
