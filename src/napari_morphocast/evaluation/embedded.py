"""Codes of frames or cells as a table: what each is of, and how it looks."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_morphocast.evaluation.exporting import check_ending, write_lines

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

PER_POINT = "codes", "frames", "labels", "places", "means", "deviations", "errors"


@dataclass(frozen=True, slots=True, eq=False)
class Embedded:
    """Codes of N frames, windows, or crops around cells, in the order of time.

    Parameters
    ----------
    codes : array, shape (N, D)
        What the model makes of each.
    frames : array, shape (N,)
        Number of the frame, counted from 0; of a window's last.
    labels : array, shape (N,)
        Which cell; 0 for whole frames.
    places : array, shape (N, 2)
        Middle of the cell along Y and X, in pixels; NaN for whole frames.
    means, deviations : array, shape (N, C)
        Mean and standard deviation of the grey levels of each channel.
    errors : array, shape (N,)
        Mean absolute error of the forecast one frame ahead, in grey levels; NaN where
        there is none.
    model, movie : str
        What both are called.
    channels : tuple of str
        Names of the channels.
    interval : float, optional
        Seconds per frame.
    crop : int
        Side of the crops (pixels); 0 for whole frames.
    window : int
        Frames in a row that make one point.
    notes : tuple of str
        What should be known about these codes, in sentences.
    """

    codes: NDArray[np.float32]
    frames: NDArray[np.int64]
    labels: NDArray[np.int64]
    places: NDArray[np.float64]
    means: NDArray[np.float64]
    deviations: NDArray[np.float64]
    errors: NDArray[np.float64]
    model: str = "model"
    movie: str = "movie"
    channels: tuple[str, ...] = ()
    interval: float | None = None
    crop: int = 0
    window: int = 1
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.codes)

    @property
    def of_cells(self) -> bool:
        """Whether points are cells, not whole frames."""
        return bool(self.crop)

    def joined(self, window: int) -> Embedded:
        """Windows instead of frames: codes of so many in a row side by side.

        Those of the same label; all else is that of the last. A row that misses a
        frame makes no point.
        """
        if window == 1:
            return self
        places = zip(self.frames.tolist(), self.labels.tolist(), strict=True)
        at = {place: number for number, place in enumerate(places)}
        rows = [
            [at.get((frame - back, label), -1) for back in reversed(range(window))]
            for frame, label in at
        ]
        whole = np.array([row for row in rows if min(row) >= 0], int)
        whole = whole.reshape(-1, window)
        kept: dict[str, Any] = {
            name: getattr(self, name)[whole[:, -1]] for name in PER_POINT
        }
        size = window * self.codes.shape[1]
        kept["codes"] = self.codes[whole].reshape(len(whole), size)
        return replace(self, **kept, window=window)

    def path(self) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """The way through time: points in order, and whether each leads to the next.

        A cell leads to the same label in the next frame that has it.
        """
        order = np.lexsort((self.frames, self.labels))
        label = self.labels[order]
        return order, np.append(label[1:] == label[:-1], False)[: len(order)]

    def track(self, point: int) -> NDArray[np.int64]:
        """All points of the same cell, in order."""
        return np.flatnonzero(self.labels == self.labels[point])

    def to_csv(
        self, path: str | Path, points: Mapping[str, NDArray[Any]] | None = None
    ) -> None:
        """Write a line for each point; ``points`` are projections (N, 2) by name."""
        check_ending(path, (".csv",), "the codes")
        shown = dict(points or {})
        write_lines(self._lines(shown), path, self._columns(shown))

    def _columns(self, points: Mapping[str, NDArray[Any]]) -> list[str]:
        channels = range(self.means.shape[1])
        return [
            *("frame", "time_s", "label", "y", "x"),
            *(f"{what}_{c}" for c in channels for what in ("mean", "sd")),
            "error",
            *(f"{name}_{axis}" for name in points for axis in (1, 2)),
            *(f"code_{number}" for number in range(self.codes.shape[1])),
        ]

    def _lines(self, points: Mapping[str, NDArray[Any]]) -> Iterator[dict[str, Any]]:
        columns = self._columns(points)
        seconds = np.nan if self.interval is None else self.interval
        looks = np.stack([self.means, self.deviations], 2).reshape(len(self), -1)
        for at, frame in enumerate(self.frames.tolist()):
            numbers = np.concatenate(
                [
                    *(self.places[at], looks[at], self.errors[at : at + 1]),
                    *(shown[at] for shown in points.values()),
                    self.codes[at],
                ]
            )
            label = int(self.labels[at]) if self.of_cells else ""
            line = [frame, _cell(frame * seconds), label, *map(_cell, numbers.tolist())]
            yield dict(zip(columns, line, strict=True))


def _cell(value: float) -> str:
    """A number; nothing where there is none."""
    return "" if np.isnan(value) else f"{value:.7g}"
