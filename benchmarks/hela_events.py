"""Find the divisions and deaths of HeLa cells in a surprise map.

    python benchmarks/hela_events.py [--minutes 1] [-o TABLE]

Trains a U-Net on the first 80 % of Mitocheck's HeLa nuclei for a minute of one core and
compares what surprises it with what was seen in the movie by eye. Needs
../shared/data/hela-nuclei-mitocheck.ome.tif beside the checkout.
"""

from __future__ import annotations

import argparse
import math
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from skill_movies import MOVIES
from stopwatch import count_cpu_time
from table import machine

from napari_morphocast import api
from napari_morphocast.training.config import Hardware, Run

if TYPE_CHECKING:
    from napari_morphocast.evaluation.surprise import Region, Surprise

NEAR = 16  # pixels within which a flag belongs to an event,
SOON, LATE = 2, 8  # and frames: found, and found late
MORE = 0.003  # share of the pixels that may be flagged, for those that were missed
CPU = Hardware(device="cpu")


@dataclass(frozen=True, slots=True)
class Seen:
    """What was seen in the movie by eye; places in pixels."""

    what: str
    frame: int
    y: int
    x: int


SEEN = (
    Seen("division", 8, 58, 130),
    Seen("division", 8, 100, 118),
    Seen("daughter that comes in from the left border", 21, 23, 9),
    Seen("division", 34, 150, 62),
    Seen("division", 34, 153, 189),
    Seen("division at the lower border", 54, 186, 97),
    Seen("division", 57, 93, 60),
    Seen("division", 59, 110, 95),
    Seen("division at the left border", 60, 152, 3),
    Seen("division at the lower border", 61, 184, 183),
    Seen("division at the left border", 76, 43, 3),
    Seen("division", 94, 44, 110),
    Seen("division", 95, 68, 128),
    Seen("nucleus falls to pieces", 45, 50, 73),
    Seen("arrested in mitosis, then falls to pieces", 61, 157, 127),
)


def main() -> None:
    """Train, look, compare, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=1)
    parser.add_argument("-o", "--output", type=Path)
    given = parser.parse_args()
    count_cpu_time()
    text = "\n".join(_lines(given.minutes)) + "\n"
    print(text)
    if given.output:
        given.output.write_text(text, encoding="utf-8")


def _lines(minutes: float) -> list[str]:
    movie = MOVIES["hela"].read()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "unet.morphocast"
        for _ in api.train(
            movie, path, Run.make("unet", minutes=minutes), hardware=CPU
        ):
            pass
        usual = api.surprise(movie, path, hardware=CPU)
        more = api.surprise(movie, path, alarms=MORE, hardware=CPU)
    rows = [
        f"| {seen.what} | {seen.frame} | {seen.y}, {seen.x} "
        f"| {_flagged(seen, usual, more)} |"
        for seen in SEEN
    ]
    divisions = [
        seen for seen in SEEN if seen.frame != 45 and "arrested" not in seen.what
    ]
    counts = [sum(bool(_soon(s, found)) for s in divisions) for found in (usual, more)]
    return [
        *machine(torch.device("cpu"), f"hela_events.py --minutes {minutes:g}"),
        "",
        "| What was seen | Frame | y, x | Flagged |",
        "|---|---|---|---|",
        *rows,
        "",
        f"- Divisions found within {SOON} frames: {counts[0]} of {len(divisions)}, "
        f"among {len(usual.regions)} flags; {counts[1]}, among {len(more.regions)}, "
        f"with `--alarms {MORE}`.",
        f"- By chance, {_by_chance(divisions, usual, movie.shape):.1f} of them "
        "would have been.",
    ]


def _near(seen: Seen, found: Surprise, frames: int) -> list[tuple[int, Region]]:
    """Flags that belong to an event, with their ranks, the first frame first."""
    ranked = [
        (rank, region)
        for rank, region in enumerate(found.regions, 1)
        if math.hypot(region.y - seen.y, region.x - seen.x) <= NEAR
        and abs(region.frame - seen.frame) <= frames
    ]
    return sorted(ranked, key=lambda entry: (entry[1].frame, entry[0]))


def _soon(seen: Seen, found: Surprise) -> list[tuple[int, Region]]:
    return _near(seen, found, SOON)


def _flagged(seen: Seen, usual: Surprise, more: Surprise) -> str:
    """Frames and ranks of the flags, or how they could be had."""
    for found, how in ((usual, ""), (more, f", with `--alarms {MORE}`")):
        for frames, when in ((SOON, ""), (LATE, "late: ")):
            near = _near(seen, found, frames)
            if near:
                told = "; ".join(f"frame {r.frame}, rank {rank}" for rank, r in near)
                return f"{when}{told}{how}"
    return "not flagged"


def _by_chance(
    events: list[Seen], found: Surprise, shape: tuple[int, int, int, int]
) -> float:
    """Events that as many flags would find if they lay anywhere, at any time."""
    frames, _, height, width = shape
    share = math.pi * NEAR**2 / (height * width) * (2 * SOON + 1) / frames
    return len(events) * (1 - (1 - share) ** len(found.regions))


if __name__ == "__main__":
    main()
