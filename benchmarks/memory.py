"""Part f: memory of training on, and predicting from, a movie larger than memory."""

from __future__ import annotations

import tempfile
from itertools import islice, product
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from children import report_of
from table import Findings, Row, aim

from napari_morphocast.data.io import write_movie
from napari_morphocast.data.movie import Movie
from napari_morphocast.data.simulate import simulate
from napari_morphocast.training.config import AUTOMATIC

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray
    from stopwatch import How

MOST = 1.5  # GB resident
NETWORKS = AUTOMATIC, "sdc_net"
TILE = 128  # pixels of the simulated movie that the large one is tiled with


def measure(how: How) -> Findings:
    """Write a 4 GB OME-Zarr, train on it and predict from it, each in a process."""
    side, count = (512, 64) if how.quick else (1024, 2048)
    seconds, ahead = ("3", "2") if how.quick else ("30", "20")
    places = ["cpu", "cuda"] if how.fast else ["cpu"]
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        path = home / "large.ome.zarr"
        size = write_large(path, side, count)
        for network, place in product(NETWORKS, places):
            gigabytes = {
                what: _peak([what, place, str(path), length, network], home)
                for what, length in (
                    ("import", "0"),
                    ("train", seconds),
                    ("predict", ahead),
                )
            }
            rows += [
                _row(what, network, place, gigabytes) for what in ("train", "predict")
            ]
    return Findings(
        tuple(rows),
        f"f: OME-Zarr of {size / 1e9:.2f} GB, {count} frames of {side} x {side}, "
        f"uint16; {seconds} s of training with the defaults, then {ahead} predicted "
        "frames, each in a process of its own. Beside: a process that has only "
        "imported everything and woken the device.",
    )


def write_large(path: Path, side: int, count: int) -> int:
    """Write a movie with chunks of one frame; returns its size in bytes."""
    small = simulate("tissue", frames=64, size=(TILE, TILE)).movie
    like = Movie(np.empty((1, 1, side, side), np.uint16), 60.0, (0.5, 0.5), "large")
    write_movie(path, islice(_tiled(small, side), count), like=like, count=count)
    return side * side * 2 * count


def _tiled(small: Movie, side: int) -> Iterator[NDArray[np.uint16]]:
    """Large frames without end: a small movie side by side, to and fro, drifting."""
    frames = np.asarray(small.frames).astype(np.uint16) * 16
    there_and_back = [*range(len(frames)), *range(len(frames) - 2, 0, -1)]
    repeats = -(-side // TILE)
    time = 0
    while True:
        frame = frames[there_and_back[time % len(there_and_back)]]
        large = np.tile(frame, (1, repeats, repeats))[:, :side, :side]
        yield np.roll(large, time // 2, -1)
        time += 1


def _peak(arguments: Sequence[str], home: Path) -> float:
    """Most memory that a process of its own had at a time, in GB."""
    return float(report_of("memory_child.py", arguments, home)["peak"]) / 1e9


def _row(what: str, network: str, place: str, gigabytes: dict[str, float]) -> Row:
    name = {"train": "training", "predict": "predicting"}[what]
    peak, floor = gigabytes[what], gigabytes["import"]
    return Row(
        "f",
        f"peak resident memory {name}, {network}, {place}, GB",
        f"{peak:.2f}",
        f"{floor:.2f}",
        f"{peak / floor:.3g}",
        aim(peak < MOST, f"under {MOST:g} GB"),
    )
