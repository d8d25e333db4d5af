"""Synthetic frames as layers: sheets of pictures beside the movie, or a small movie."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_morphocast.data.tiling import tiled
from napari_morphocast.widgets._movies import KEY

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari.components import ViewerModel
    from napari.layers import Image
    from numpy.typing import NDArray

    from napari_morphocast.presenters.synthesize_work import Made, Wish
    from napari_morphocast.widgets._layers import Source

GAP = 2  # pixels between pictures


def sheet(pictures: NDArray[Any]) -> NDArray[Any]:
    """Pictures (N, C, Y, X) side by side in rows, (C, rows, columns).

    Shared by what is made and the real pictures beside it, so that both lie alike.
    """
    return tiled(pictures, columns_of(len(pictures)), GAP)


def columns_of(count: int) -> int:
    """Pictures in a row: about twice as many as there are rows."""
    return min(count, max(1, math.ceil(math.sqrt(2 * count))))


class Sheets:
    """The layers of a viewer that show what was made last.

    Pictures lie in a sheet to the right of the movie, the real ones nearest to them
    below; a way from one frame to another is a movie below the movie. What is made
    next takes the place of the last of its kind, unless that has been renamed.
    """

    def __init__(self, viewer: ViewerModel) -> None:
        self._viewer = viewer
        self._shown: dict[tuple[Any, ...], tuple[Image, str]] = {}

    def show(self, sources: Sequence[Source], made: Made) -> None:
        """Show what was made, beside the movie whose layers ``sources`` come from.

        New layers lie where nobody looks yet, so the whole scene comes into view.
        """
        before = len(self._viewer.layers)
        self._place(sources, made)
        if len(self._viewer.layers) > before:
            self._viewer.reset_view()

    def _place(self, sources: Sequence[Source], made: Made) -> None:
        if not sources:
            self._put(("alone",), _alone(made))
        way = _is_way(made.wish)
        for channel, source in enumerate(sources):
            pick = slice(channel, channel + 1) if len(sources) > 1 else slice(None)
            frames = made.frames[:, :, pick]
            self._put(("way" if way else "sheet", channel), _made(source, made, frames))
            if made.beside is not None and not way:
                real = _real(source, made, made.beside[:, pick])
                self._put(("real", channel), real)

    def _put(self, kind: tuple[Any, ...], wanted: dict[str, Any]) -> None:
        """Show in the layer that is there, if it fits, or else in a new one.

        Layers change their data rather than come and go: what was set by hand stays.
        """
        data = wanted["data"]
        source = wanted["metadata"][KEY]["source"]
        scale = tuple(wanted.get("scale", ()))
        key = *kind, source, wanted["rgb"], data.dtype, data.ndim, scale
        layer, name = self._shown.get(key, (None, ""))
        if layer is None or layer not in self._viewer.layers or layer.name != name:
            layer = None
        if layer is not None:
            layer.data, layer.translate = wanted["data"], wanted["translate"]
            layer.name, layer.metadata = wanted["name"], wanted["metadata"]
        else:
            layer = self._viewer.add_image(**wanted)
        self._shown[key] = layer, layer.name


def _made(source: Source, made: Made, frames: NDArray[Any]) -> dict[str, Any]:
    wish, (height, width) = made.wish, _size(source)
    if _is_way(wish):
        data, first, place = frames[:, -1], wish.frame, (height, 0)
    else:
        data = np.stack([sheet(row) for row in frames.swapaxes(0, 1)])
        first, place = max(0, wish.frame - made.known + 1), (0, width)
    like = wish.frame if wish.kind == "like" else None
    name = f"{wish.title} · seed {wish.seed}"
    return _layer(source, data, name, {**made.provenance, "like": like}, first, place)


def _real(source: Source, made: Made, frames: NDArray[Any]) -> dict[str, Any]:
    assert made.nearest is not None
    data = sheet(frames)[None]
    about = {"kind": "nearest", "frames": made.nearest[:, 0].tolist()}
    name = f"nearest real frames · {source.name}"
    return _layer(source, data, name, about, 0, (data.shape[-2], _size(source)[1]))


def _is_way(wish: Wish) -> bool:
    """Whether what was made is a movie that leads from one frame to another."""
    return wish.kind == "between" and not wish.horizon


def _size(source: Source) -> tuple[int, int]:
    """Height and width of the movie, in pixels."""
    lengths = {axis.letter: axis.length for axis in source.axes}
    return lengths["Y"], lengths["X"]


def _layer(
    source: Source,
    data: NDArray[Any],
    name: str,
    about: dict[str, Any],
    first: int,
    place: tuple[int, int],
) -> dict[str, Any]:
    """Arguments of a layer with (T, C, Y, X), so many pixels down and to the right.

    A single frame is shown at all times: napari 0.9.2 crashes when a movie is removed
    and only layers with fewer axes remain.
    """
    letters = source.letters
    if len(data) == 1:
        times = {axis.letter: axis.length for axis in source.axes}.get("T", 1)
        first, data = 0, np.broadcast_to(data, (times, *data.shape[1:]))
    placed = source.place(first, data.shape[1])
    translate = list(placed["translate"])
    for letter, by in zip("YX", place, strict=True):
        at = letters.index(letter)
        translate[at] += placed["scale"][at] * (by + 4 * GAP * bool(by))
    return {
        "data": source.arranged(data, colour=source.colour),
        "name": name,
        "rgb": source.colour,
        "metadata": {KEY: {**about, "source": source.name}},
        **placed,
        "translate": translate,
        **source.look,
    }


def _alone(made: Made) -> dict[str, Any]:
    """Arguments of a layer for a sheet without a movie beside it."""
    wish, movie = made.wish, made.movie
    data = np.stack([sheet(row) for row in made.frames.swapaxes(0, 1)])
    data = data if wish.horizon else data[-1:]
    if movie.rgb:
        data = np.moveaxis(data, 1, -1)
    elif data.shape[1] == 1:
        data = data[:, 0]
    letters = "TYX" if movie.rgb or data.ndim == 3 else "TCYX"
    if len(data) == 1:
        data, letters = data[0], letters[1:]
    about = {**made.provenance, "like": None, "source": wish.model.stem}
    size = movie.pixel_size or (1.0, 1.0)
    unit = "micrometer" if movie.pixel_size else "pixel"
    return {
        "data": data,
        "name": f"{wish.title} · seed {wish.seed}",
        "rgb": movie.rgb,
        "metadata": {KEY: about},
        "scale": [1.0] * (len(letters) - 2) + list(size),
        "units": ("pixel",) * (len(letters) - 2) + (unit, unit),
        "axis_labels": tuple(letters),
    }
