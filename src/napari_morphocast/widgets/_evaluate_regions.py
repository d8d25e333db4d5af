"""The part of the frame that counts: from a Shapes or Labels layer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Labels, Shapes
from qtpy.QtCore import QObject, Signal

from napari_morphocast.errors import MovieError
from napari_morphocast.presenters.evaluate_work import Region
from napari_morphocast.widgets._movies import data_of
from napari_morphocast.widgets._pickers import combo

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from numpy.typing import NDArray

    from napari_morphocast.widgets._layers import Axis, Source

EVERYWHERE = "the whole frame"
TIP = (
    "<p>Score only what lies inside a Shapes or Labels layer. Draw one on the movie, "
    "and it appears here.</p><p>A shape counts in all frames, whichever it was drawn "
    "in, and so do labels that were painted in a single frame.</p>"
)


class RegionPicker(QObject):
    """A list of the layers that can restrict a score."""

    changed = Signal()

    def __init__(self, viewer: ViewerModel) -> None:
        super().__init__()
        self._viewer = viewer
        self.box = combo(TIP)
        self.box.currentIndexChanged.connect(self.changed)
        for event in self._events():
            event.connect(self.refill)
        self.refill()

    def layer(self) -> Shapes | Labels | None:
        """The chosen layer; None for the whole frame."""
        layer = self.box.currentData()
        return layer if layer in self._viewer.layers else None

    def refill(self, event: Any = None) -> None:
        """List the layers again; keeps the choice if it is still there."""
        layers = [o for o in self._viewer.layers if isinstance(o, Shapes | Labels)]
        before = self.box.currentData()
        self.box.blockSignals(True)
        self.box.clear()
        self.box.addItem(EVERYWHERE, None)
        for layer in layers:
            self.box.addItem(layer.name, layer)
        self.box.setCurrentIndex(layers.index(before) + 1 if before in layers else 0)
        self.box.blockSignals(False)
        if before is not None and before not in layers:
            self.changed.emit()

    def disconnect_viewer(self) -> None:
        """Hear nothing more of the viewer; touches no Qt object."""
        for event in self._events():
            event.disconnect(self.refill)

    def _events(self) -> tuple[Any, ...]:
        events = self._viewer.layers.events
        return events.inserted, events.removed, events.renamed


def region_of(layer: Shapes | Labels, source: Source) -> Region:
    """Where a layer covers the frames of the movie that ``source`` describes.

    Raises
    ------
    MovieError
        If it covers nothing of them.
    """
    axes = {axis.letter: axis for axis in source.axes}
    if isinstance(layer, Shapes):
        mask = _drawn(layer, axes["Y"], axes["X"])
    else:
        mask = _painted(layer, source)
    if not mask.any():
        raise MovieError(
            f"Nothing in the layer {layer.name!r} lies on the movie, so no error would "
            f"count; draw on the movie, or choose {EVERYWHERE}."
        )
    return Region(layer.name, mask)


def _drawn(layer: Shapes, rows: Axis, columns: Axis) -> NDArray[np.bool_]:
    """All shapes together, (Y, X), whichever frame they were drawn in."""
    if not layer.data:
        return np.zeros((rows.length, columns.length), np.bool_)
    corners = [
        np.array([layer.data_to_world(corner)[-2:] for corner in shape])
        for shape in layer.data
    ]
    start = rows.translate, columns.translate
    step = rows.scale, columns.scale
    pixels = [(corner - start) / step for corner in corners]
    drawn = Shapes(pixels, shape_type=layer.shape_type)
    masks = drawn.to_masks((rows.length, columns.length))
    return np.asarray(masks.any(0), np.bool_)


def _painted(layer: Labels, source: Source) -> NDArray[np.bool_]:
    """Every label together, (Y, X) or, if it differs from frame to frame, (T, Y, X).

    Axes are matched from the last one on, as napari shows them.
    """
    ndim = min(layer.ndim, len(source.axes))
    axes = source.axes[len(source.axes) - ndim :]
    painted = np.asarray(data_of(layer)) != 0
    painted = painted.any(tuple(range(painted.ndim - ndim)))
    extra = layer.ndim - ndim
    for at, axis in enumerate(axes):
        here = axis.translate + axis.scale * np.arange(axis.length)
        step, start = layer.scale[extra + at], layer.translate[extra + at]
        painted = _taken(painted, at, (here - start) / step)
    other = tuple(at for at, axis in enumerate(axes) if axis.letter not in "TYX")
    mask = painted.any(other)
    letters = [axis.letter for axis in axes if axis.letter in "TYX"]
    mask = mask.transpose([letters.index(a) for a in "TYX" if a in letters])
    if mask.ndim == 3:
        frames = mask.any((1, 2))
        if frames.sum() == 1:
            mask = mask[frames][0]
    return np.asarray(mask, np.bool_)


def _taken(painted: NDArray[Any], axis: int, places: NDArray[Any]) -> NDArray[np.bool_]:
    """The planes nearest to ``places`` along an axis; nothing beyond its ends."""
    nearest = np.round(places).astype(int)
    inside = (nearest >= 0) & (nearest < painted.shape[axis])
    taken = painted.take(np.clip(nearest, 0, painted.shape[axis] - 1), axis)
    shape = [-1 if at == axis else 1 for at in range(painted.ndim)]
    return np.asarray(taken & inside.reshape(shape), np.bool_)
