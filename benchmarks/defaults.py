"""Why the defaults are what they are: one setting changed at a time, the same minutes.

    python benchmarks/defaults.py MOVIE [--model unet] [--minutes 0.75] [--seeds 1]
                                  [-o TABLE]

Prints the share of the error of "nothing moves" that is removed, by lead, on the unseen
last fifth of the movie. Minutes are those of one processor core, so that a busy machine
does not change the ranking.
"""

from __future__ import annotations

import argparse
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from stopwatch import count_cpu_time

from napari_morphocast import api, read_movie
from napari_morphocast.training.config import Hardware, Run

if TYPE_CHECKING:
    from napari_morphocast.data.movie import Movie
    from napari_morphocast.evaluation.scores import Scores

LEADS = 1, 3, 5, 10
BESIDE = "denoised", "ridge", "advection"
SHARED: tuple[dict[str, Any], ...] = (
    {},
    {"start": "persistence"},
    {"start": "regression"},
    {"head": "change"},
    {"balance": False},
    {"horizon": 1},
    {"horizon": 8},
    {"context": 4},
    {"patch": 1},
    {"learning_rate": 1e-3},
    {"batch": 8},
    {"crop": 128},
    {"noise": 0.03},
    {"flips": True},
    {"ema": 0.0},
    {"mse": 0.0, "l1": 1.0},
    {"ssim": 0.1},
)
VARIANTS: dict[str, tuple[dict[str, Any], ...]] = {
    "unet": (
        *SHARED,
        {"width": 16},
        {"width": 64},
        {"depth": 2},
        {"frames": 4},
    ),
    "convlstm": (
        *SHARED,
        {"inputs": "frame"},
        {"supervision": "last"},
        {"hidden": (16,)},
        {"hidden": (24, 24)},
    ),
    "latent_lstm": (
        {},
        {"rollout": "image"},
        {"reading": "both"},
        {"skip": False},
        {"finetune": False},
        {"shortest": 64},
        {"horizon": 1},
        {"horizon": 8},
        {"context": 4},
        {"tile": 32},
        {"code": 32},
        {"width": 32},
        {"layers": 1},
        {"hidden": 128},
        {"learning_rate": 1e-3},
        {"batch": 8},
        {"crop": 128},
        {"ema": 0.0},
        {"ssim": 0.1},
    ),
}
CPU = Hardware(device="cpu")


def main() -> None:
    """Train every variant and print one line each."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("movie", type=Path)
    parser.add_argument("--model", choices=VARIANTS, default="unet")
    parser.add_argument("--minutes", type=float, default=0.75)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("-o", "--output", type=Path)
    given = parser.parse_args()
    count_cpu_time()
    movie = read_movie(given.movie)
    lines = _head(movie, given)
    print("\n".join(lines), flush=True)
    for variant in VARIANTS[given.model]:
        runs = [_skills(movie, variant, given, seed) for seed in range(given.seeds)]
        lines.append(_row(", ".join(f"{k}={v}" for k, v in variant.items()), runs))
        print(lines[-1], flush=True)
        if given.output:
            given.output.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _head(movie: Movie, given: argparse.Namespace) -> list[str]:
    scores = api.evaluate(movie, ["advection"], horizon=max(LEADS), hardware=CPU)
    return [
        f"{datetime.now(UTC):%Y-%m-%d}, benchmarks/defaults.py, {movie.name}, "
        f"{given.model}, {given.minutes:g} CPU-minutes each, {given.seeds} seed(s), "
        f"torch {torch.__version__}",
        "",
        "| changed from the defaults | "
        + " | ".join(f"lead {k}" for k in LEADS)
        + " |",
        "|---" * (1 + len(LEADS)) + "|",
        *(_row(f"({name})", [_of(scores, name)]) for name in BESIDE),
    ]


def _skills(
    movie: Movie, variant: dict[str, Any], given: argparse.Namespace, seed: int
) -> list[float]:
    run = Run.make(given.model, minutes=given.minutes, seed=seed, **variant)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.morphocast"
        for _ in api.train(movie, path, run, hardware=CPU):
            pass
        scores = api.evaluate(movie, [path], horizon=max(LEADS), hardware=CPU)
    return _of(scores, "model")


def _of(scores: Scores, name: str) -> list[float]:
    rows = scores.of(name, "skill_persistence")
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
