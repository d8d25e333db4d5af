"""A segmentation beside the pictures: one more channel of a movie."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_morphocast.data.movie import LazyFrames
from napari_morphocast.data.overlay import misplaced, read_overlay
from napari_morphocast.errors import MovieError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_morphocast.data.movie import Movie

NAME = "cells"  # what the channel is called
SURE = 0.5  # probability from which on a pixel of a black-and-white movie is a cell
BRIGHTEST = 65535  # grey level, in movies that could hold more


def read_labels(path: Path) -> NDArray[Any]:
    """Values of a TIFF or .npy file, without axes of length 1."""
    return read_overlay(path, "labels")


def with_labels(movie: Movie, labels: Any) -> Movie:
    """The same movie with a segmentation as its last channel; no copy of the frames.

    Models see it and forecast it, like any other channel; scores leave it out.

    Parameters
    ----------
    movie : Movie
        Pictures; of a colour picture each colour becomes a channel.
    labels : array, shape (T, Y, X) or (Y, X)
        Whole numbers: what is not 0 is cell. Others are probabilities, 0..1.

    Raises
    ------
    MovieError
        If the sizes differ, or what should be probabilities is none.
    """
    if wrong := misplaced("The labels have", labels, movie):
        raise MovieError(f"{wrong}; give labels of the same frames.")
    if labels.dtype.kind not in "biuf":
        raise MovieError(f"Labels are numbers, but these are {labels.dtype}.")
    if labels.dtype.kind == "f":
        _require_probabilities(float(labels.min()), float(labels.max()))
    return replace(
        movie,
        frames=_Beside(movie, labels),
        channels=(*movie.channel_names, NAME),
        rgb=False,
        labels=True,
    )


def _require_probabilities(least: float, most: float) -> None:
    if math.isnan(least):
        raise MovieError(
            "Some of these labels are no number (NaN); save labels as whole numbers."
        )
    if least < 0 or most > 1:
        raise MovieError(
            f"Probabilities lie between 0 and 1, but these labels go from {least:g} to "
            f"{most:g}; save labels as whole numbers."
        )


def settled(movie: Movie) -> Movie:
    """The same movie with its segmentation as it is now, whatever is painted later."""
    beside = movie.frames
    if not isinstance(beside, _Beside):
        return movie
    kept = np.stack([_share(part) for part in beside.labels])
    return replace(movie, frames=replace(beside, labels=kept))


@dataclass(frozen=True, slots=True, eq=False)
class _Beside(LazyFrames):
    """Frames with labels as one more channel, from 0 to the brightest grey level."""

    movie: Movie
    labels: Any

    @property
    def shape(self) -> tuple[int, ...]:
        t, c, y, x = self.movie.shape
        return t, c + 1, y, x

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.movie.dtype

    @property
    def channel(self) -> int | None:
        """Which of several channels the pictures are, if only one was chosen."""
        return getattr(self.movie.frames, "channel", None)

    def at(self, time: Any) -> NDArray[Any]:
        pictures = np.asarray(self.movie.frames[time])
        shown = self.labels
        if shown.ndim == 2:
            shown = np.broadcast_to(shown, (len(self.movie), *shown.shape))
        share = _share(shown[time])
        if self.dtype == np.bool_:
            share = share > SURE
        bright = share * brightest(self.dtype)
        channel = np.expand_dims(bright.astype(self.dtype), -3)
        return np.concatenate([pictures, channel], -3)


def _share(labels: NDArray[Any]) -> NDArray[Any]:
    """How surely each pixel is cell, 0..1."""
    return labels if labels.dtype.kind == "f" else np.asarray(labels != 0)


def brightest(dtype: np.dtype[Any]) -> float:
    """Grey level that stands for "surely a cell" in movies of this type."""
    if not np.issubdtype(dtype, np.integer):
        return 1.0
    return float(min(np.iinfo(dtype).max, BRIGHTEST))
