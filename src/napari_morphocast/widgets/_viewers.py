"""The viewer behind what napari hands out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from numpy.typing import ArrayLike


def real_viewer(viewer: ViewerModel) -> ViewerModel:
    """The viewer itself, whose layers are always the same objects.

    Docks opened through the menu get a proxy that hands out each layer in a new proxy
    every time, so that no layer is ever the one found before.
    """
    real: ViewerModel = getattr(viewer, "__wrapped__", viewer)
    return real


def look_at(viewer: ViewerModel, world: ArrayLike, *, centre: bool = True) -> None:
    """Move the sliders to a place of the last axes, and the camera, too, if asked."""
    place, dims = np.asarray(world, float), viewer.dims
    offset = dims.ndim - len(place)
    shown = set(dims.displayed)
    for axis, value in enumerate(place.tolist(), offset):
        if axis not in shown:
            dims.set_point(axis, value)
    if not centre:
        return
    camera = viewer.scene.camera
    middle = list(camera.center)
    for at, axis in enumerate(dims.displayed, len(middle) - len(dims.displayed)):
        if axis >= offset:
            middle[at] = float(place[axis - offset])
    camera.center = tuple(middle)
