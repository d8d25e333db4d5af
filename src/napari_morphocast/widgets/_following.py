"""What a chosen layer says about itself, and hearing when that is changed elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from napari_morphocast.widgets._movies import channels_of_one_movie, layer_facts

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari.components import ViewerModel
    from napari.layers import Image, Layer

    from napari_morphocast.widgets._movies import LayerFacts

EVENTS = "axis_labels", "units", "scale", "data"


class Said(NamedTuple):
    """A layer, and all that it says about itself as a movie."""

    layer: Image
    facts: LayerFacts
    family: list[Layer]  # all layers that are channels of its movie
    data: int  # which array it is


def said_of(viewer: ViewerModel, layer: Image) -> Said:
    """All that a layer says about itself now."""
    family = channels_of_one_movie(viewer, layer)
    return Said(layer, layer_facts(layer), family, id(layer.data))


class Follower:
    """Calls when another dock, a script or napari itself changes a layer."""

    def __init__(self, call: Callable[[], None]) -> None:
        self._call = call
        self._layer: Image | None = None

    def follow(self, layer: Image | None) -> None:
        """Hear of this layer, and of no other one any more; touches no Qt object."""
        if layer is self._layer:
            return
        if self._layer is not None:
            for name in EVENTS:
                self._layer.events[name].disconnect(self._hear)
        self._layer = layer
        if layer is not None:
            for name in EVENTS:
                layer.events[name].connect(self._hear)

    def _hear(self, event: Any = None) -> None:
        self._call()
