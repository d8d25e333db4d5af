"""Why the defaults are what they are: one setting changed at a time, the same minutes.

    python benchmarks/defaults.py MOVIE [--minutes 0.75] [--seeds 1] [-o TABLE]

Prints the share of the error of "nothing moves" that is removed, by lead, on the unseen
last fifth of the movie. Minutes are those of one processor core, so that a busy machine
does not change the ranking.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from napari_morphocast import api, read_movie
from napari_morphocast.training import fit
from napari_morphocast.training.config import Hardware, Run

if TYPE_CHECKING:
    from napari_morphocast.data.movie import Movie

LEADS = 1, 2, 3, 6
VARIANTS: tuple[dict[str, Any], ...] = (
    {},
    {"inputs": "frame"},
    {"head": "change"},
    {"supervision": "last"},
    {"patch": 1},
    {"patch": 4, "hidden": (64,)},
    {"hidden": (16,)},
    {"hidden": (24, 24)},
    {"context": 8},
    {"horizon": 1},
    {"horizon": 4},
    {"learning_rate": 1e-3},
    {"batch": 8},
    {"crop": 128},
    {"noise": 0.03},
    {"flips": True},
    {"ema": 0.0},
    {"mse": 0.0, "l1": 1.0},
)
CPU = Hardware(device="cpu")


def main() -> None:
    """Train every variant and print one line each."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("movie", type=Path)
    parser.add_argument("--minutes", type=float, default=0.75)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("-o", "--output", type=Path)
    given = parser.parse_args()
    torch.set_num_threads(1)
    fit.time = SimpleNamespace(monotonic=time.process_time)  # type: ignore[assignment, attr-defined]
    movie = read_movie(given.movie)
    lines = _head(movie, given.minutes, given.seeds)
    print("\n".join(lines), flush=True)
    for variant in VARIANTS:
        runs = [_skills(movie, variant, given.minutes, s) for s in range(given.seeds)]
        lines.append(_row(", ".join(f"{k}={v}" for k, v in variant.items()), runs))
        print(lines[-1], flush=True)
        if given.output:
            given.output.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _head(movie: Movie, minutes: float, seeds: int) -> list[str]:
    advection = api.evaluate(movie, ["advection"], horizon=max(LEADS), hardware=CPU)
    rows = advection.of("advection", "skill_persistence")
    skills = [next(r.value for r in rows if r.lead == lead) for lead in LEADS]
    return [
        f"{datetime.now(UTC):%Y-%m-%d}, benchmarks/defaults.py, {movie.name}, "
        f"{minutes:g} CPU-minutes each, {seeds} seed(s), torch {torch.__version__}",
        "",
        "| changed from the defaults | "
        + " | ".join(f"lead {k}" for k in LEADS)
        + " |",
        "|---" * (1 + len(LEADS)) + "|",
        _row("(advection)", [skills]),
    ]


def _skills(
    movie: Movie, variant: dict[str, Any], minutes: float, seed: int
) -> list[float]:
    run = Run.make("convlstm", minutes=minutes, seed=seed, **variant)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.morphocast"
        for _ in api.train(movie, path, run, hardware=CPU):
            pass
        scores = api.evaluate(movie, [path], horizon=max(LEADS), hardware=CPU)
    rows = scores.of("model", "skill_persistence")
    return [next(r.value for r in rows if r.lead == lead) for lead in LEADS]


def _row(name: str, runs: list[list[float]]) -> str:
    """Median over seeds, with the range where there are several."""
    cells = []
    for values in np.transpose(runs):
        cell = f"{100 * np.median(values):.1f} %"
        if len(runs) > 1:
            cell += f" ({100 * min(values):.1f} to {100 * max(values):.1f})"
        cells.append(cell)
    return f"| {name or '(none)'} | " + " | ".join(cells) + " |"


if __name__ == "__main__":
    main()
