"""Some of the pixels: those in a Shapes or Labels layer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Labels, Shapes
from qtpy.QtCore import QObject, Signal

from napari_morphocast.errors import MovieError
from napari_morphocast.presenters.evaluate_work import Region
from napari_morphocast.widgets._combo import combo
from napari_morphocast.widgets._on_movie import on_movie

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Layer
    from numpy.typing import NDArray

    from napari_morphocast.widgets._layers import Source

EVERYWHERE = "the whole frame"
POINTS = 100  # of the outline of an ellipse
TIP = (
    "<p>Score only what lies inside a Shapes or Labels layer. Draw one on the movie, "
    "and it appears here.</p><p>A shape counts in all frames, whichever it was drawn "
    "in, and so do labels that were painted in a single frame.</p>"
)


class RegionPicker(QObject):
    """A list of the layers that can mark some of the pixels.

    Parameters
    ----------
    viewer : ViewerModel
        Whose layers.
    kinds : tuple of type
        Which layers can.
    none : str
        What it means to choose none of them.
    tip : str
        What it is for.
    """

    changed = Signal()
    listed = Signal()  # there are other layers now

    def __init__(
        self,
        viewer: ViewerModel,
        kinds: tuple[type[Layer], ...] = (Shapes, Labels),
        none: str = EVERYWHERE,
        tip: str = TIP,
    ) -> None:
        super().__init__()
        self._viewer, self._kinds, self._none = viewer, kinds, none
        self.box = combo(tip)
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
        layers = [one for one in self._viewer.layers if isinstance(one, self._kinds)]
        before = self.box.currentData()
        self.box.blockSignals(True)
        self.box.clear()
        self.box.addItem(self._none, None)
        for layer in layers:
            self.box.addItem(layer.name, layer)
        self.box.setCurrentIndex(layers.index(before) + 1 if before in layers else 0)
        self.box.blockSignals(False)
        self.listed.emit()
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

    Both may be rotated or sheared. Axes are matched from the last one on, as napari
    shows them.

    Raises
    ------
    MovieError
        If it covers nothing of them.
    """
    shapes = isinstance(layer, Shapes)
    mask = _drawn(layer, source) if shapes else _painted(layer, source)
    if not mask.any():
        raise MovieError(
            f"Nothing in the layer {layer.name!r} lies on the movie, so no error would "
            f"count; draw on the movie, or choose {EVERYWHERE}."
        )
    return Region(layer.name, mask)


def _drawn(layer: Shapes, source: Source) -> NDArray[np.bool_]:
    """All shapes together, (Y, X), whichever frame they were drawn in."""
    ndim, to_movie = len(source.axes), source.to_world.inverse
    plane = [source.letters.index(letter) for letter in "YX"]
    outlines, kinds = [], []
    for corners, kind in zip(layer.data, layer.shape_type, strict=True):
        points = _ellipse(corners) if kind == "ellipse" else corners
        world = np.array([layer.data_to_world(point) for point in points])
        known = np.zeros((len(world), ndim))
        known[:, -layer.ndim :] = world[:, -ndim:]
        outlines.append(to_movie(known)[:, plane])
        kinds.append("polygon" if kind in ("ellipse", "rectangle") else kind)
    shape = [source.axes[at].length for at in plane]
    if not outlines:
        return np.zeros(shape, np.bool_)
    masks = Shapes(outlines, shape_type=kinds).to_masks(shape)
    return np.asarray(masks.any(0), np.bool_)


def _ellipse(box: NDArray[Any]) -> NDArray[np.float64]:
    """Outline of the ellipse in a box of four corners; stays one in a skewed box."""
    angle = np.linspace(0, 2 * np.pi, POINTS, endpoint=False)
    down, across = (box[1] - box[0]) / 2, (box[2] - box[1]) / 2
    outline = np.outer(np.cos(angle), down) + np.outer(np.sin(angle), across)
    return np.asarray(box.mean(0) + outline)


def _painted(layer: Labels, source: Source) -> NDArray[np.bool_]:
    """Every label together, (T, Y, X), or (Y, X) of those that count in all frames.

    What was painted in a single frame counts in all frames, too.
    """
    labels = on_movie(layer, source)
    if labels.still:
        return np.asarray(labels[0] != 0)
    mask = np.stack([frame != 0 for frame in labels])
    some = mask.any((1, 2))
    return mask[some][0] if some.sum() == 1 else mask
