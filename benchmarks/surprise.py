"""Whether the surprise map finds cells that vanish or appear, at the rate it promises.

For each seed a movie of crawling cells is simulated twice: once without events, once
with cells that vanish or appear in its last fifth. What is usual is learned from the
rest. The first movie tells the share of flagged pixels where nothing happens, the
second how many events are found.
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from napari_morphocast import api
from napari_morphocast.data.movie import Movie
from napari_morphocast.training.config import Run

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari_morphocast.evaluation.surprise import Region

FRAMES = 100
UNTIL = 0.8
RADIUS = 5.0  # pixels, of a cell
NEAR = 2 * RADIUS  # pixels between an event and the region that finds it
ECHO = 5  # frames after an event in which it may be flagged again
PHOTONS = 1.5  # per grey level


@dataclass(frozen=True, slots=True)
class Event:
    """A cell vanishes or appears."""

    frame: int
    y: float
    x: float
    appears: bool


@dataclass(frozen=True, slots=True, eq=False)
class Crowd:
    """A movie of crawling cells, and what happens in it."""

    movie: Movie
    events: tuple[Event, ...]


@dataclass(frozen=True, slots=True)
class Found:
    """Events found of all, other regions flagged, and shares of flagged pixels."""

    hits: int
    events: int
    others: int
    promised: float
    kept: float
    quiet: float  # regions per frame where nothing happens


def crowd(
    seed: int,
    *,
    events: int = 0,
    frames: int = FRAMES,
    size: tuple[int, int] = (96, 96),
    cells: int = 10,
) -> Crowd:
    """Simulate cells that crawl around on a torus and change direction slowly.

    The first ``events`` cells vanish or, every other one, appear after ``UNTIL``; the
    rest of the movie does not depend on them.
    """
    rng = np.random.default_rng(seed)
    paths = _crawl(frames, size, cells + events, rng)
    light = rng.uniform(40, 120, cells + events)
    first = round(frames * UNTIL)
    when = np.linspace(first + 1, frames - 2, events).round().astype(int)
    there = np.ones((frames, cells + events), bool)
    happened = []
    for cell, frame in enumerate(when):
        appears = cell % 2 == 1
        there[:, cell] = (np.arange(frames) >= frame) == appears
        happened.append(Event(int(frame), *paths[frame, cell].tolist(), appears))
    grey = np.stack(
        [_draw(*each, light, size) for each in zip(paths, there, strict=True)]
    )
    noisy = rng.poisson(grey * PHOTONS) / PHOTONS
    levels = np.clip(np.rint(noisy), 0, 255).astype(np.uint8)[:, None]
    return Crowd(Movie(levels, 300.0, name=f"crowd {seed}"), tuple(happened))


def _crawl(
    frames: int, size: tuple[int, int], cells: int, rng: np.random.Generator
) -> np.ndarray:
    """Places (T, N, 2) of cells whose velocity is a slow random walk, in pixels."""
    kept, change = 0.9, 0.4
    speed = rng.normal(0, change, (frames, cells, 2))
    speed[0] /= np.sqrt(1 - kept**2)  # as fast as they will be later
    for t in range(1, frames):
        speed[t] += kept * speed[t - 1]
    return (rng.uniform(0, size, (cells, 2)) + speed.cumsum(0)) % size


def _draw(
    places: np.ndarray, there: np.ndarray, light: np.ndarray, size: tuple[int, int]
) -> np.ndarray:
    """One picture of soft discs on a dim background."""
    picture = np.full(size, 12.0)
    axes = [np.arange(n)[None] for n in size]
    for place, bright in zip(places[there], light[there], strict=True):
        y, x = (
            (axis - at + n / 2) % n - n / 2
            for axis, at, n in zip(axes, place, size, strict=True)
        )
        distance = np.hypot(y.T, x)
        picture += bright / (1 + np.exp(2 * (distance - RADIUS)))
    return picture


def measure(
    seed: int, model: str | Path, *, events: int = 6, alarms: float = 0.001
) -> Found:
    """Look for events in one movie, and at the rate of alarms in its quiet twin."""
    quiet = crowd(seed).movie
    eventful = crowd(seed, events=events)
    calm = api.surprise(quiet, model, alarms=alarms, until=UNTIL)
    first = round(len(quiet) * UNTIL)
    maps = calm.maps[first - calm.first :]
    kept = float(np.mean([frame > calm.threshold for frame in maps]))
    late = [r for r in calm.regions if r.frame >= first]
    found = api.surprise(eventful.movie, model, alarms=alarms, until=UNTIL)
    late_found = [r for r in found.regions if r.frame >= first]
    hits = [any(_is(r, e, 0) for r in late_found) for e in eventful.events]
    others = [
        r for r in late_found if not any(_is(r, e, ECHO) for e in eventful.events)
    ]
    return Found(
        sum(hits), events, len(others), calm.rate.value, kept, len(late) / len(maps)
    )


def _is(region: Region, event: Event, echo: int) -> bool:
    """Whether a region is where and when an event was, or its echo."""
    at_once = 0 <= region.frame - event.frame <= echo
    return at_once and np.hypot(region.y - event.y, region.x - event.x) <= NEAR


def trained(seed: int, folder: Path, minutes: float) -> Path:
    """Train on another crowd, so that nothing here was seen before."""
    path = folder / "convlstm.morphocast"
    run = Run.make("convlstm", minutes=minutes, seed=seed)
    for _ in api.train(crowd(seed + 1000).movie, path, run):
        pass
    return path


def table(found: Mapping[str, list[Found]]) -> str:
    """One line per model, over all seeds."""
    lines = [
        "| model | events found | other regions per frame | flagged, promised | "
        "flagged where nothing happens | regions per frame there |",
        "|---|---|---|---|---|---|",
    ]
    for name, some in found.items():
        end = len(some) * (FRAMES - round(FRAMES * UNTIL))
        cells = (
            name,
            f"{sum(f.hits for f in some)} of {sum(f.events for f in some)}",
            f"{sum(f.others for f in some) / end:.2f}",
            f"{np.mean([f.promised for f in some]):.3%}",
            f"{np.mean([f.kept for f in some]):.3%}",
            f"{np.mean([f.quiet for f in some]):.2f}",
        )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--minutes", type=float, default=0.5, help="of training")
    parser.add_argument("--alarms", type=float, default=0.001)
    parser.add_argument("--models", nargs="*", default=["persistence", "linear"])
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        models: dict[str, str | Path] = {name: name for name in given.models}
        if given.minutes:
            models["convlstm"] = trained(0, Path(folder), given.minutes)
        print(
            table(
                {
                    name: [
                        measure(seed, model, alarms=given.alarms)
                        for seed in range(given.seeds)
                    ]
                    for name, model in models.items()
                }
            )
        )


if __name__ == "__main__":
    main()
