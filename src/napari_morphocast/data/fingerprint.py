"""Telling frames apart, so that a model knows what it learned from."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Container, Iterable

    from numpy.typing import NDArray

    from napari_morphocast.data.movie import Movie


def fingerprint(frame: NDArray[Any]) -> str:
    """Eight hexadecimal digits that (almost) only this frame has."""
    native = np.ascontiguousarray(
        frame.astype(frame.dtype.newbyteorder("="), copy=False)
    )
    return hashlib.blake2b(native.tobytes(), digest_size=4).hexdigest()


def print_of(movie: Movie, time: int) -> str:
    """Fingerprint of the pictures of one frame, whatever segmentation lies beside."""
    return fingerprint(movie.raw(time, time + 1)[:, : movie.pictured])


def print_of_labels(movie: Movie, times: Iterable[int]) -> str:
    """Fingerprint of the segmentation in some frames; empty if there is none."""
    if not movie.labels:
        return ""
    cells = movie.only([movie.shape[1] - 1])
    frames = [cells.raw(int(time), int(time) + 1) for time in times]
    return fingerprint(np.concatenate(frames))


def seen_until(learned: Iterable[tuple[int, Container[str]]], movie: Movie) -> int:
    """First frame of a movie that was not learned from: 0 if the movie is new.

    Parameters
    ----------
    learned : iterable of (int, container of str)
        For every movie that was learned from, how many of its first frames were, and
        the fingerprints of some, that of the first among them.
    movie : Movie
        What is asked about.
    """
    start = print_of(movie, 0)
    return max((until for until, seen in learned if start in seen), default=0)
