"""Putting a layer's axes, time step and pixel size right, and all that lies on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from napari.layers import Image

from napari_morphocast.widgets._layers import is_of
from napari_morphocast.widgets._movies import of_one_movie, own_metadata

if TYPE_CHECKING:
    from collections.abc import Iterable

    from napari.layers import Layer

    from napari_morphocast.widgets._movies import LayerFacts

# From which step to which, and its unit, by axis, counted from the last, -1.
Steps = dict[int, tuple[float, float, str]]


def repair(layer: Layer, facts: LayerFacts, others: Iterable[Layer] = ()) -> None:
    """Give a layer the axis labels, scale and units that its facts say.

    An axis that the facts say nothing about keeps its scale and unit. Of the
    ``others`` in the viewer those that lie on the layer stay there.
    """
    known: dict[str, tuple[float, str]] = {}
    if facts.interval:
        known["T"] = facts.interval, "second"
    if facts.pixel_size:
        known |= {
            a: (s, "micrometer") for a, s in zip("YX", facts.pixel_size, strict=True)
        }
    letters = facts.axes.replace("S", "")
    steps = {
        at - len(letters): (float(layer.scale[at]), *known[letter])
        for at, letter in enumerate(letters)
        if letter in known
    }
    with_it = [one for one in _on(layer, others) if _alike(one, steps)]
    layer.axis_labels = tuple(letters)
    for one in (layer, *with_it):
        _stretch(one, steps)


def _on(layer: Layer, others: Iterable[Layer]) -> list[Layer]:
    """What belongs to a movie: its channels, what was drawn on it or made of it."""
    others = [one for one in others if one is not layer]
    family = of_one_movie(layer, others)
    return [
        one
        for one in others
        if one in family
        or any(is_of(one, channel) for channel in family)
        or not (isinstance(one, Image) or "kind" in own_metadata(one))
    ]


def _alike(one: Layer, steps: Steps) -> bool:
    """Whether a layer has the old steps wherever there are new ones."""
    return all(
        np.isclose(one.scale[axis], old)
        for axis, (old, new, _) in steps.items()
        if -axis <= one.ndim and not np.isclose(old, new)
    )


def _stretch(layer: Layer, steps: Steps) -> None:
    """Take other steps along some axes, as many from the origin as before."""
    scale, units = [float(s) for s in layer.scale], [str(u) for u in layer.units]
    for axis, (old, new, unit) in steps.items():
        if -axis <= layer.ndim:
            scale[axis], units[axis] = scale[axis] / old * new, unit
    moved = np.asarray(layer.translate) / layer.scale * scale
    layer.units = tuple(units)
    layer.scale = scale
    layer.translate = moved
