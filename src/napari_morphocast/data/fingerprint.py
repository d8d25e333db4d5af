"""Telling frames apart, so that a model knows what it learned from."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Container, Iterable

    from numpy.typing import NDArray

    from napari_morphocast.data.movie import Movie


LOOK = 16  # frames at the beginning of a movie, of which one is not blank


def fingerprint(frame: NDArray[Any]) -> str:
    """Eight hexadecimal digits that (almost) only this frame has."""
    return hashlib.blake2b(_bytes(frame), digest_size=4).hexdigest()


def _bytes(frame: NDArray[Any]) -> bytes:
    return frame.astype(frame.dtype.newbyteorder("="), copy=False).tobytes()


def print_of(movie: Movie, time: int) -> str:
    """Fingerprint of the pictures of one frame, whatever segmentation lies beside.

    Empty if the frame is blank: movies of all kinds have such frames.
    """
    frame = movie.raw(time, time + 1)[:, : movie.pictured]
    return "" if (frame == frame.flat[0]).all() else fingerprint(frame)


def prints_of(movie: Movie, times: Iterable[int]) -> tuple[tuple[str, ...], str]:
    """Fingerprints of the pictures of some frames, and one of their segmentations.

    The latter is empty if there is none. Each frame is read once.
    """
    seen, cells = [], hashlib.blake2b(digest_size=4)
    for time in times:
        frame = movie.raw(time, time + 1)
        seen.append(fingerprint(frame[:, : movie.pictured]))
        cells.update(_bytes(frame[:, movie.pictured :]))
    return tuple(seen), cells.hexdigest() if movie.labels else ""


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
    prints = (print_of(movie, time) for time in range(min(len(movie), LOOK)))
    start = next(filter(None, prints), "")
    found = [until for until, seen in learned if start and start in seen]
    return max(found, default=0)
