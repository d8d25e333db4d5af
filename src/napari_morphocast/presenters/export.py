"""Saving what was forecast: frames as a movie, errors as a table."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING, Any

from napari_morphocast.data.io import write_movie
from napari_morphocast.errors import MovieError
from napari_morphocast.presenters.job import telling

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_morphocast.data.movie import Movie

METRICS = "mse", "mae", "psnr", "ssim"


def saving(
    path: Path, movie: Movie, note: str, first: int, stop: threading.Event
) -> Iterator[float | Path]:
    """Write all frames of ``movie``; yield the share that is done, then the path.

    Once ``stop`` is set, nothing is written: an older file stays as it was.
    """
    count = len(movie)

    def frames(tell: Callable[[float], None]) -> Iterator[NDArray[Any]]:
        for t in range(count):
            if stop.is_set():
                raise MovieError(f"Saving {path.name} was stopped.")
            tell(t / count)
            yield movie.raw(t, t + 1)[0]

    def write(tell: Callable[[float], None]) -> None:
        coming = frames(tell)
        write_movie(path, coming, like=movie, count=count, note=note, first=first)

    try:
        yield from telling(write, float)
    except MovieError:
        if not stop.is_set():
            raise
        return
    yield path


def write_scores(
    path: Path,
    rows: Iterable[Mapping[str, Any]],
    *,
    name: str,
    interval: float | None,
) -> None:
    """Write errors of every frame as a table: the model's beside a trivial one's.

    Parameters
    ----------
    rows : iterable of mapping
        ``frame``, ``lead``, the metrics of ``model`` and ``trivial``, and what the
        trivial one is called, as ``against``.
    name, interval : str and float
        What to call the model, and seconds per frame.
    """
    try:
        with path.open("w", newline="", encoding="utf-8") as file:
            table = csv.writer(file)
            table.writerow(["model", "frame", "time_s", "lead", *METRICS])
            for row in rows:
                time = row["frame"] * interval if interval else ""
                for label, key in ((name, "model"), (row["against"], "trivial")):
                    values = [f"{row[key][metric]:.6g}" for metric in METRICS]
                    table.writerow([label, row["frame"], time, row["lead"], *values])
    except OSError as error:
        raise MovieError(f"Cannot write {path}: {error.strerror}.") from None
