"""The movies of the skill benchmark: real ones beside the checkout, simulated ones."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from napari_morphocast import read_movie

if TYPE_CHECKING:
    from napari_morphocast import Movie

ROOT = Path(__file__).parents[1]
REAL = ROOT.parent / "shared" / "data"
SAMPLES = ROOT / "src" / "napari_morphocast" / "sample_data"


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


MOVIES = {
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
