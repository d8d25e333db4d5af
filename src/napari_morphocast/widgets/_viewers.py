"""The viewer behind what napari hands out."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari.components import ViewerModel


def real_viewer(viewer: ViewerModel) -> ViewerModel:
    """The viewer itself, whose layers are always the same objects.

    Docks opened through the menu get a proxy that hands out each layer in a new proxy
    every time, so that no layer is ever the one found before.
    """
    real: ViewerModel = getattr(viewer, "__wrapped__", viewer)
    return real
