"""Labels of a layer on the grid of a movie, frame by frame."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.ndimage import affine_transform

from napari_morphocast.widgets._movies import data_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari.layers import Labels
    from numpy.typing import NDArray

    from napari_morphocast.widgets._layers import Source


def on_movie(layer: Labels, source: Source) -> OnMovie:
    """The layer's labels where they lie on the movie that ``source`` describes.

    Both may be rotated or sheared. Axes are matched from the last one on, as napari
    shows them.
    """
    ndim = len(source.axes)
    steps = np.vstack([np.zeros(ndim), np.eye(ndim)])
    places = np.array([layer.world_to_data(source.to_world(step)) for step in steps])
    places = places[:, -min(layer.ndim, ndim) :]
    return OnMovie(data_of(layer), source, places[0], places[1:] - places[0])


@dataclass(frozen=True, slots=True, eq=False)
class OnMovie:
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
    ndim: int = 3

    @property
    def dtype(self) -> np.dtype[Any]:
        found: np.dtype[Any] = np.dtype(self.data.dtype)
        return found

    @property
    def shape(self) -> tuple[int, ...]:
        lengths = {axis.letter: axis.length for axis in self.source.axes}
        return lengths["T"], lengths["Y"], lengths["X"]

    def __len__(self) -> int:
        return self.shape[0]

    def __iter__(self) -> Iterator[NDArray[Any]]:
        return map(self._frame, range(len(self)))

    def __getitem__(self, time: Any) -> NDArray[Any]:
        frames = range(len(self))[time]
        if isinstance(frames, int):
            return self._frame(frames)
        whole = np.empty((len(frames), *self.shape[1:]), self.dtype)
        for number, frame in enumerate(frames):
            whole[number] = self._frame(frame)
        return whole

    @property
    def still(self) -> bool:
        """Whether the labels have no time, and so hold for all frames."""
        return "T" not in self._kept

    @property
    def reached(self) -> int:
        """How many of the frames lie between the first and the last of the labels."""
        return sum(self._time(frame) is not None for frame in range(len(self)))

    @property
    def _kept(self) -> str:
        """Those axes of the movie that the labels have, too."""
        letters = self.source.letters
        return letters[len(letters) - len(self.start) :]

    def _place(self, frame: int) -> NDArray[np.float64]:
        step = self.turn[self.source.letters.index("T")]
        return np.asarray(self.start + frame * step)

    def _time(self, frame: int) -> int | None:
        """Which time of the labels a frame shows; None beyond their ends."""
        if self.still:
            return 0
        at = self._kept.index("T")
        time = round(float(self._place(frame)[at]))
        length = self.data.shape[at - len(self.start)]
        return time if 0 <= time < length else None

    def _frame(self, frame: int) -> NDArray[Any]:
        kept, letters, time = self._kept, self.source.letters, self._time(frame)
        if time is None:
            return np.zeros(self.shape[1:], self.dtype)
        place = self._place(frame)
        plane = self._plane(kept, time)
        rows = [kept.index(letter) for letter in "YX"]
        steps = [letters.index(letter) for letter in "YX"]
        turn = self.turn[np.ix_(steps, rows)].T
        same = np.allclose(turn, np.eye(2)) and np.allclose(place[rows], 0)
        if same and plane.shape == self.shape[1:]:
            return plane
        how: dict[str, Any] = {"order": 0, "mode": "grid-constant"}
        found = affine_transform(plane, turn, place[rows], self.shape[1:], **how)
        return np.asarray(found)

    def _plane(self, kept: str, time: int) -> NDArray[Any]:
        """Labels of one time, (Y, X); of several slices, the largest label."""
        extra = self.data.ndim - len(kept)
        at = tuple(time if letter == "T" else slice(None) for letter in kept)
        found = np.asarray(self.data[(slice(None),) * extra + at])
        letters = " " * extra + kept.replace("T", "")
        deep = tuple(axis for axis, letter in enumerate(letters) if letter not in "YX")
        flat = found.max(deep) if deep else found
        return flat if letters.index("Y") < letters.index("X") else flat.T
