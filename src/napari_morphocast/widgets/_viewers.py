"""The viewer behind what napari hands out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_morphocast.widgets._movies import layer_facts

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image
    from numpy.typing import ArrayLike


def real_viewer(viewer: ViewerModel) -> ViewerModel:
    """The viewer itself, whose layers are always the same objects.

    Docks opened through the menu get a proxy that hands out each layer in a new proxy
    every time, so that no layer is ever the one found before.
    """
    real: ViewerModel = getattr(viewer, "__wrapped__", viewer)
    return real


def time_axis(layer: Image) -> int:
    """Which axis of a layer is time; the first, if none is known to be."""
    return max(0, layer_facts(layer).axes.find("T"))


def frame_shown(viewer: ViewerModel, layer: Image | None) -> int | None:
    """Number of a layer's frame that the viewer shows; None if there is no layer."""
    if layer is None or layer not in viewer.layers:
        return None
    return round(float(layer.world_to_data(viewer.dims.point)[time_axis(layer)]))


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
