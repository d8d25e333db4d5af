"""Who forecasts best: every forecaster, every movie, the same minutes of one core.

    python benchmarks/skill.py [--minutes 10] [--seeds 3] [--movies hela,tissue]
                               [--models start,unet,ensemble,convlstm] [--device cpu]
                               [-o FOLDER]

Trains on the first 80 % of each movie, scores free-running forecasts of the rest, and
prints one table: the share of the error of "nothing moves" that is removed, and whether
that is forecasting or denoising, by what is left with a damaged context and on a still
scene. On the CPU the minutes are those that the process computed, so that a busy
machine does not change the ranking. Every run is kept in FOLDER, as a CSV and a
verdict; what is there is not run again, and ``--seeds 0`` runs nothing and prints what
is there. Models are kept beside them: without its CSV a run is scored anew.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import torch
from skill_movies import ALL, MOVIES
from skill_table import table
from table import machine

from napari_morphocast.evaluation.baselines import BASELINES

HERE = Path(__file__).parent
# The first is a U-Net before any training, the third four of them in the same time.
MODELS = "start", "unet", "ensemble", "convlstm"


@dataclass(frozen=True, slots=True)
class Cell:
    """One training run of the benchmark."""

    movie: str
    model: str
    seed: int

    @property
    def name(self) -> str:
        """What its file is called."""
        return f"{self.movie}-{self.model}-{self.seed}"


def main() -> None:
    """Run what is missing, then print the table."""
    given = _arguments()
    movies = [m for m in given.movies.split(",") if ALL[m].is_here()]
    for name in sorted(set(given.movies.split(",")) - set(movies)):
        print(f"{name} is left out: its file is not here.", file=sys.stderr)
    given.output.mkdir(parents=True, exist_ok=True)
    models = given.models.split(",")
    cells = [
        Cell(movie, model, seed)
        for seed in range(given.seeds)
        for movie in movies
        for model in models
    ]
    missing = [c for c in cells if not (given.output / f"{c.name}.csv").exists()]
    with ThreadPoolExecutor(given.workers) as workers:
        for cell, said in zip(
            missing, workers.map(lambda c: _run(c, given), missing), strict=True
        ):
            print(f"{cell.name}: {said}", file=sys.stderr, flush=True)
    device = torch.device(given.device)
    command = f"skill.py --minutes {given.minutes:g} --device {given.device}"
    text = table(given.output, movies, [*BASELINES, *models], machine(device, command))
    (given.output / "table.md").write_text(text, encoding="utf-8")
    print(text)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--movies", default=",".join(MOVIES))
    parser.add_argument("--models", default=",".join(MODELS))
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("-o", "--output", type=Path, default=Path("skill"))
    return parser.parse_args()


def _run(cell: Cell, given: argparse.Namespace) -> str:
    """Train and score in a process of its own; its last line, or its complaint."""
    command = [
        sys.executable,
        str(HERE / "skill_child.py"),
        cell.movie,
        cell.model,
        str(cell.seed),
        str(given.minutes),
        given.device,
        str(given.output / f"{cell.name}.csv"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    lines = (done.stderr if done.returncode else done.stdout).strip().splitlines()
    return lines[-1] if lines else f"ended with {done.returncode}"


if __name__ == "__main__":
    main()
