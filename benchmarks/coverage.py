"""Whether an ensemble's intervals hold what they promise, on simulated movies.

    python benchmarks/coverage.py [--minutes 1] [--members 4] [--seeds 1] [-o TABLE]

Trains an ensemble on the first part of each simulated movie and prints, for the unseen
end, in how many percent of the pixels the truth lay in the intervals of 50, 80 and
95 %, by lead; beside them the error, the error that was expected, and fair CRPS.
"""

from __future__ import annotations

import argparse
import platform
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from napari_morphocast import api
from napari_morphocast.data.simulate import KINDS, simulate
from napari_morphocast.evaluation.calibration import LEVELS
from napari_morphocast.training.config import Hardware, Run

if TYPE_CHECKING:
    from napari_morphocast.data.movie import Movie
    from napari_morphocast.evaluation.scores import Scores

LEADS = 1, 3, 5, 10
AIM = 0.05  # furthest from nominal
COVERAGES = tuple(f"coverage_{100 * level:.0f}" for level in LEVELS)
HEAD = (
    "movie",
    "seed",
    "lead",
    "skill",
    *(f"in {100 * level:.0f} %" for level in LEVELS),
    "expected error",
    "error",
    "CRPS",
    "MAE",
    "ranks (%)",
    f"aim: within {100 * AIM:.0f} points",
)


def main() -> None:
    """Train one ensemble per movie and seed, and print a line per lead."""
    given = _arguments()
    torch.set_num_threads(given.threads)
    lines = [
        f"{datetime.now(UTC):%Y-%m-%d}, benchmarks/coverage.py, {given.minutes:g} "
        f"minutes for {given.members} {_run(0, given).model} members, {given.frames} "
        f"frames of {given.side} x {given.side}, {given.device}, {given.threads} "
        f"thread(s), torch {torch.__version__}, {platform.machine()}",
        "",
        f"| {' | '.join(HEAD)} |",
        "|---" * len(HEAD) + "|",
    ]
    print("\n".join(lines), flush=True)
    size = given.side, given.side
    for kind in given.movies:
        for seed in range(given.seeds):
            movie = simulate(kind, frames=given.frames, size=size, seed=seed).movie
            rows = _rows(kind, seed, _scores(movie, seed, given))
            print("\n".join(rows), flush=True)
            lines += rows
            if given.output:
                given.output.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("movies", nargs="*", default=KINDS, help="tissue, yeast, waves")
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--members", type=int, default=4)
    parser.add_argument("--model", default="auto")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--frames", type=int, default=120)
    parser.add_argument("--side", type=int, default=96, help="pixels")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("-o", "--output", type=Path)
    return parser.parse_args()


def _run(seed: int, given: argparse.Namespace) -> Run:
    return Run.make(
        given.model, minutes=given.minutes, members=given.members, seed=seed
    )


def _scores(movie: Movie, seed: int, given: argparse.Namespace) -> Scores:
    hardware, run = Hardware(device=given.device), _run(seed, given)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "ensemble.morphocast"
        for _ in api.train(movie, path, run, hardware=hardware):
            pass
        return api.evaluate(movie, [path], horizon=max(LEADS), hardware=hardware)


def _rows(kind: str, seed: int, scores: Scores) -> list[str]:
    """One line per lead."""
    rows = []
    for lead in (lead for lead in LEADS if lead in scores.leads):
        held = [_value(scores, metric, lead) for metric in COVERAGES]
        off = max(abs(h - level) for h, level in zip(held, LEVELS, strict=True))
        counts = np.array(scores.ranks["ensemble"][lead - 1])
        cells = (
            kind,
            seed,
            lead,
            f"{_value(scores, 'skill_persistence', lead):.2f}",
            *(f"{100 * h:.1f}" for h in held),
            f"{_value(scores, 'spread', lead):.3g}",
            f"{_value(scores, 'mse', lead) ** 0.5:.3g}",
            f"{_value(scores, 'crps', lead):.3g}",
            f"{_value(scores, 'mae', lead):.3g}",
            " ".join(f"{100 * share:.0f}" for share in counts / counts.sum()),
            "met" if off <= AIM else f"missed ({100 * off:.1f})",
        )
        rows.append(f"| {' | '.join(map(str, cells))} |")
    return rows


def _value(scores: Scores, metric: str, lead: int) -> float:
    return next(s.value for s in scores.of("ensemble", metric) if s.lead == lead)


if __name__ == "__main__":
    main()
