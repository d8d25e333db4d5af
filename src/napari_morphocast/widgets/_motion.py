"""Layers that show why a forecast moved what it moved: arrows, colours, kernels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from napari_morphocast.presenters.motion import ERROR_MAPS
from napari_morphocast.widgets._movies import KEY

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from napari.components import ViewerModel
    from napari.layers import Layer
    from numpy.typing import NDArray

    from napari_morphocast.presenters.motion import MotionPictures
    from napari_morphocast.widgets._layers import Source

LEAST = 0.1  # what is shown brightest in a map of kernels, if nothing is more unusual
DARKEST = 0.9  # of the brightest; or a map of kernels that hardly differ would shout
THIN = 0.006  # width of an arrow, relative to the frame's
COLOUR = "#ffd400"


def add_motion(
    viewer: ViewerModel,
    source: Source,
    seen: MotionPictures,
    *,
    which: str,
    provenance: Mapping[str, Any],
) -> list[Layer]:
    """Add the motion of forecast frames as arrows and colours, and what else was done.

    Parameters
    ----------
    viewer, source
        Where to; the layer that the forecast belongs to.
    seen : MotionPictures
        How everything moves.
    which : str
        Which forecast it was, for the names of the layers.
    provenance : mapping
        What is known about the forecast; ``first`` is the number of the movie's frame
        that the first one stands for.
    """
    letters, place = source.letters, source.place(provenance["first"], 1)
    faint = {"blending": "additive", "visible": False}

    def about(kind: str, axes: str = letters, **more: float) -> dict[str, Any]:
        return {KEY: {**provenance, "kind": kind, "axes": axes, **more}}

    maps: list[Layer] = [
        viewer.add_image(
            source.arranged(one.frames, colour=False),
            name=f"{one.name} {which} · {source.name}",
            rgb=False,
            colormap=one.colours,
            contrast_limits=(one.least, one.most),
            metadata=about(one.kind),
            **faint,
            **place,
        )
        for one in _maps(seen)
    ]
    colours = viewer.add_image(
        source.arranged(seen.colours, colour=True),
        name=f"motion in colours {which} · {source.name}",
        rgb=True,
        metadata=about("colours", letters + "S", fastest=seen.fastest),
        **faint,
        **place,
    )
    arrows = viewer.add_vectors(
        _arranged(seen.arrows, letters),
        ndim=len(letters),
        name=f"motion{_longer(seen)} {which} · {source.name}",
        vector_style="arrow",
        edge_color=COLOUR,
        edge_width=THIN * max(seen.colours.shape[2:]),
        metadata=about("arrows"),
        **place,
    )
    return [*maps, colours, arrows]


def _longer(seen: MotionPictures) -> str:
    """How many times longer than the motion arrows are, unless they are as long."""
    return f" ×{seen.times}" if seen.times > 1 else ""


class _Map(NamedTuple):
    """Frames (T, 1, Y, X), and how they are shown: darkest and brightest of what."""

    kind: str
    name: str
    frames: NDArray[Any]
    colours: str
    most: float
    least: float = 0.0


def _maps(seen: MotionPictures) -> Iterator[_Map]:
    """What else there is to see, as far as there is."""
    if seen.most_unusual:
        most = max(LEAST, seen.most_unusual)
        least = min(DARKEST * most, seen.least_unusual)
        yield _Map("kernels", "unusual kernels", seen.unusual, "inferno", most, least)
    if seen.errors is not None:
        alpha, scale = (
            np.broadcast_to(part, (len(seen.colours), 1, *part.shape))
            for part in seen.errors
        )
        much, usual = ERROR_MAPS
        yield _Map("errors", much, alpha, "viridis", 2.0)
        yield _Map("errors", usual, scale, "viridis", float(scale.max()))


def _arranged(arrows: NDArray[np.float32], letters: str) -> NDArray[np.float32]:
    """Arrows (N, 2, 3) along T, Y and X with the axes of a layer, (N, 2, D)."""
    none = np.zeros(arrows.shape[:2], np.float32)
    known = dict(zip("TYX", np.moveaxis(arrows, 2, 0), strict=True))
    return np.stack([known.get(letter, none) for letter in letters], -1)
