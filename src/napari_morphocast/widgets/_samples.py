"""Sample movies for the File menu: three that are shipped, three made when asked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari_morphocast.data.movie import Movie

LayerData = tuple[Any, dict[str, Any], str]


def tissue() -> list[LayerData]:
    """Membranes of a sheet of cells that flows, stretches and divides."""
    return _shipped("tissue")


def yeast() -> list[LayerData]:
    """Budding yeast in a microfluidic trap, brightfield."""
    return _shipped("yeast")


def waves() -> list[LayerData]:
    """Spiral waves, like cAMP in a field of Dictyostelium."""
    return _shipped("waves")


def large_tissue() -> list[LayerData]:
    """A larger tissue, simulated now: 150 frames of 256 by 256 pixels."""
    return _made("tissue")


def large_yeast() -> list[LayerData]:
    """A larger chip with four traps, simulated now: 150 frames of 256 by 256 pixels."""
    return _made("yeast")


def large_waves() -> list[LayerData]:
    """A larger field of waves, simulated now: 150 frames of 256 by 256 pixels."""
    return _made("waves")


def _shipped(kind: str) -> list[LayerData]:
    from dataclasses import replace

    from napari_morphocast.data.io import read_movie
    from napari_morphocast.presenters.model_files import SAMPLES

    path = SAMPLES / f"{kind}.ome.tif"
    movie = replace(read_movie(path), name=f"{kind} (simulated)")
    return _layers(movie, str(path))


def _made(kind: str) -> list[LayerData]:
    from napari_morphocast.data.simulate import simulate

    made = simulate(kind, frames=150, size=(256, 256), seed=1)
    return _layers(made.movie, "simulated")


def _layers(movie: Movie, source: str) -> list[LayerData]:
    """Layer data that also says where the movie is from."""
    from napari_morphocast.widgets._movies import KEY, layers_of

    layers = layers_of(movie)
    for _, how, _ in layers:
        how["colormap"] = "gray"
        how["metadata"] = {KEY: {**how["metadata"][KEY], "source": source}}
    return layers
