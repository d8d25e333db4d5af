"""What a model remembers of the movies it learned from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_morphocast.data.fingerprint import print_of, prints_of, seen_until
from napari_morphocast.training.checkpoint import MovieRecord

if TYPE_CHECKING:
    from collections.abc import Iterable

    from napari_morphocast.data.movie import Movie
    from napari_morphocast.data.windows import Windows

MOST_SEEN = 256


def record(movie: Movie, until: int) -> MovieRecord:
    """Remember a movie whose frames before ``until`` a model may have seen."""
    times = np.unique(np.linspace(0, until - 1, min(until, MOST_SEEN)).round())
    seen, labels = prints_of(movie, map(int, times))
    return MovieRecord(
        name=movie.name,
        shape=movie.shape,
        dtype=str(movie.dtype),
        interval=movie.interval,
        pixel_size=movie.pixel_size,
        channels=movie.channels,
        rgb=movie.rgb,
        labels=labels,
        until=until,
        seen=seen,
    )


def records(validation: Windows) -> tuple[MovieRecord, ...]:
    """Remember every movie of a split, given its validation windows."""
    return tuple(record(part.movie, part.stop) for part in validation.parts)


def first_unseen(records: Iterable[MovieRecord], movie: Movie) -> int:
    """First frame of a movie that a model did not learn from: 0 if it is new."""
    return seen_until(((entry.until, entry.seen) for entry in records), movie)


def seen_frames(records: Iterable[MovieRecord], movie: Movie, since: int) -> int:
    """Count frames from ``since`` on that a model may have been trained on.

    At least as many as are found: of long movies only some fingerprints are kept.
    Blank frames do not count, nor do those that only repeat the one before ``since``.
    """
    seen = {print_ for entry in records for print_ in entry.seen}
    if not seen:
        return 0
    seen -= {"", print_of(movie, since - 1) if since else ""}
    return sum(print_of(movie, time) in seen for time in range(since, len(movie)))
