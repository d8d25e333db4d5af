"""Cells of a Labels layer on the grid of a movie, frame by frame."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.ndimage import affine_transform

from napari_morphocast.presenters.explore_work import Cells
from napari_morphocast.widgets._movies import data_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from napari.layers import Labels
    from numpy.typing import NDArray

    from napari_morphocast.widgets._layers import Source


def cells_of(layer: Labels, source: Source) -> Cells:
    """The layer's labels where they lie on the movie that ``source`` describes.

    Axes are matched from the last one on, as napari shows them.
    """
    ndim = len(source.axes)
    steps = np.vstack([np.zeros(ndim), np.eye(ndim)])
    places = np.array([layer.world_to_data(source.to_world(step)) for step in steps])
    places = places[:, -min(layer.ndim, ndim) :]
    return Cells(
        layer.name, _OnMovie(data_of(layer), source, places[0], places[1:] - places[0])
    )


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


@dataclass(frozen=True, slots=True, eq=False)
class _OnMovie:
    """Labels (T, Y, X) on the grid of a movie; each frame is made when it is asked for.

    Parameters
    ----------
    data : array
        The layer's labels.
    source : Source
        Where the movie lies.
    start : array, shape (D,)
        Where the movie's first pixel is in the last D axes of the labels.
    turn : array, shape (axes of the movie, D)
        How far a step along each axis of the movie leads there.
    """

    data: Any
    source: Source
    start: NDArray[np.float64]
    turn: NDArray[np.float64]

    @property
    def dtype(self) -> np.dtype[Any]:
        found: np.dtype[Any] = np.dtype(self.data.dtype)
        return found

    @property
    def shape(self) -> tuple[int, ...]:
        lengths = {axis.letter: axis.length for axis in self.source.axes}
        return lengths["T"], lengths["Y"], lengths["X"]

    def __getitem__(self, frame: int) -> NDArray[Any]:
        letters = self.source.letters
        depth = len(self.start)
        kept = letters[len(letters) - depth :]  # what the labels' axes are, too
        place = self.start + frame * self.turn[letters.index("T")]
        if "T" in kept:
            time = round(float(place[kept.index("T")]))
            if not 0 <= time < self.data.shape[-depth + kept.index("T")]:
                return np.zeros(self.shape[1:], self.dtype)
        else:
            time = 0
        plane = np.asarray(self._plane(kept, time))
        rows = [kept.index(letter) for letter in "YX"]
        steps = [letters.index(letter) for letter in "YX"]
        turn = self.turn[np.ix_(steps, rows)].T
        same = np.allclose(turn, np.eye(2)) and np.allclose(place[rows], 0)
        if same and plane.shape == self.shape[1:]:
            return plane
        how: dict[str, Any] = {"order": 0, "mode": "grid-constant"}
        found = affine_transform(plane, turn, place[rows], self.shape[1:], **how)
        return np.asarray(found)

    def _plane(self, kept: str, time: int) -> Any:
        """Labels of one time, (Y, X); of several slices, the largest label."""
        extra = self.data.ndim - len(kept)
        at = tuple(time if letter == "T" else slice(None) for letter in kept)
        found = np.asarray(self.data[(slice(None),) * extra + at])
        return found.max(tuple(range(found.ndim - 2))) if found.ndim > 2 else found
