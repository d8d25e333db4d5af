"""Write the three simulated movies that come with the plugin."""

from __future__ import annotations

from pathlib import Path

import tifffile

from napari_morphocast.data.simulate import KINDS, simulate

FOLDER = Path(__file__).parents[1] / "src" / "napari_morphocast" / "sample_data"
FRAMES = {"tissue": 92, "yeast": 92, "waves": 72}
SEEDS = {"tissue": 0, "yeast": 0, "waves": 9}
SIZE = (96, 96)
NOISE = 0.02  # of the range; noise is what does not compress


def main() -> None:
    """Simulate and write each kind; compressed, as they travel with the package."""
    for kind in KINDS:
        made = simulate(
            kind, frames=FRAMES[kind], size=SIZE, seed=SEEDS[kind], noise=NOISE
        )
        movie = made.movie
        path = FOLDER / f"{kind}.ome.tif"
        tifffile.imwrite(
            path,
            movie.raw(0, len(movie))[:, 0],
            photometric="minisblack",
            compression="zlib",
            predictor=True,
            compressionargs={"level": 9},
            metadata={
                "axes": "TYX",
                "Name": f"{kind} (simulated)",
                "Description": "Simulated by morphocast.",
                "TimeIncrement": movie.interval,
                "TimeIncrementUnit": "s",
                "PhysicalSizeX": movie.pixel_size[1],
                "PhysicalSizeXUnit": "µm",
                "PhysicalSizeY": movie.pixel_size[0],
                "PhysicalSizeYUnit": "µm",
            },
        )
        print(
            f"{path.name}: {path.stat().st_size / 1e3:.0f} kB, noise {made.noise:.2f}"
        )


if __name__ == "__main__":
    main()
