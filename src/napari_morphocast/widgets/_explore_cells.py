"""Cells of a Labels layer, and what it knows of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_morphocast.presenters.explore_work import Cells
from napari_morphocast.widgets._on_movie import on_movie

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from napari.layers import Labels

    from napari_morphocast.widgets._layers import Source


def cells_of(layer: Labels, source: Source) -> Cells:
    """The layer's labels where they lie on the movie that ``source`` describes."""
    return Cells(layer.name, on_movie(layer, source))


def features_of(layer: Labels) -> tuple[str, Mapping[str, Sequence[Any]]] | None:
    """What a layer knows of its labels, with their numbers; None for nothing.

    Where no column says of which label a row is, napari takes the row's number.
    """
    table = layer.features
    if table.empty:
        return None
    columns = {str(name): table[name].tolist() for name in table.columns}
    if "label" not in {name.lower() for name in columns}:
        columns["label"] = columns.pop("index", None) or table.index.tolist()
    return layer.name, columns
