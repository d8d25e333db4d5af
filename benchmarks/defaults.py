"""Why the defaults are what they are: one setting changed at a time, the same minutes.

    python benchmarks/defaults.py [--movies hela,cardiac,yeast] [--model unet]
                                  [--minutes 2] [--seeds 2] [--only start,horizon]
                                  [-o FOLDER]

Trains a network with the defaults, and one for each changed setting, and lets both
foretell the unseen last fifth of a movie. Prints the share of the defaults' error that
the change removes on the same frames: below 0 the defaults are better. Minutes are
those of one processor core, so that a busy machine does not change the ranking. What is
in FOLDER is not run again: several of these may fill it at once, each with movies of
its own; ``--seeds 0`` prints the table of what is there.
"""

from __future__ import annotations

import argparse
import csv
from dataclasses import dataclass, replace
from math import isnan
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import torch
from scoring import scored
from skill_movies import ALL
from stopwatch import count_cpu_time
from table import machine

from napari_morphocast import api
from napari_morphocast.training.config import Hardware, Run

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_morphocast.data.movie import Movie

LEADS = 1, 5
MOST_SEEDS = 100  # that are looked for
COLUMNS = "lead", "skill", "over", "low", "high"
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
    {"schedule": "constant"},
    {"flips": True},
    {"ema": 0.0},
    {"caution": False},
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


@dataclass(frozen=True, slots=True)
class Cell:
    """One changed network beside that of the defaults."""

    movie: str
    model: str
    minutes: float
    seed: int
    changed: dict[str, Any]

    @property
    def run(self) -> Run:
        """How it is trained."""
        return Run.make(
            self.model, minutes=self.minutes, seed=self.seed, **self.changed
        )

    @property
    def name(self) -> str:
        """What its file is called."""
        settings = [f"{key}={value}" for key, value in self.changed.items()] or ["none"]
        family = self.movie, self.model, f"{self.minutes:g}", str(self.seed)
        return "-".join([*family, *settings]).replace(" ", "")


def main() -> None:
    """Run what is missing, then print the table."""
    given = _arguments()
    given.output.mkdir(parents=True, exist_ok=True)
    count_cpu_time()
    movies = given.movies.split(",")
    wanted = [v for v in VARIANTS[given.model] if not v or _is_wanted(v, given.only)]
    for seed in range(given.seeds):
        for movie in movies:
            for changed in wanted:
                cell = Cell(movie, given.model, given.minutes, seed, changed)
                if not (given.output / f"{cell.name}.csv").exists():
                    print(cell.name, flush=True)
                    _measure(cell, given.output)
    text = "\n".join(_table(given, movies, wanted))
    (given.output / f"{given.model}.md").write_text(text, encoding="utf-8")
    print(text)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--movies", default="hela,cardiac,yeast")
    parser.add_argument("--model", choices=VARIANTS, default="unet")
    parser.add_argument("--minutes", type=float, default=2)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--only", default="", help="settings to change; all unless set")
    parser.add_argument("-o", "--output", type=Path, default=Path("defaults"))
    return parser.parse_args()


def _is_wanted(changed: dict[str, Any], only: str) -> bool:
    return not only or bool(set(changed) & set(only.split(",")))


def _measure(cell: Cell, folder: Path) -> None:
    """Train a changed network, and that of the defaults unless it is there."""
    movie = ALL[cell.movie].read()
    plain = replace(cell, changed={})
    paths = [folder / f"{one.name}.morphocast" for one in (plain, cell)]
    for one, path in zip((plain, cell), paths, strict=True):
        if not path.exists():
            for _ in api.train(movie, path, one.run, hardware=CPU):
                pass
    lines = _compared(movie, paths)
    with (folder / f"{cell.name}.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerows([COLUMNS, *lines])
    if cell != plain:
        for path in folder.glob(f"{cell.name}.morphocast*"):
            path.unlink()


def _compared(movie: Movie, paths: Sequence[Path]) -> list[tuple[float, ...]]:
    """By lead: skill of the changed network, and what it has over the other."""
    scores = scored(movie, dict.fromkeys(paths), max(LEADS))
    plain, changed = (path.stem for path in paths)
    skills = {row.lead: row.value for row in scores.of(changed, "skill_persistence")}
    gains = {row.lead: row for row in scores.paired(changed, plain)}
    return [
        (lead, skills[lead], gains[lead].value, gains[lead].low, gains[lead].high)
        for lead in LEADS
    ]


def _table(
    given: argparse.Namespace, movies: Sequence[str], wanted: Sequence[dict[str, Any]]
) -> list[str]:
    """One row for each change, and two columns for each movie."""
    command = f"defaults.py --model {given.model} --minutes {given.minutes:g}"
    heads = [f"{movie}, lead {lead}" for movie in movies for lead in LEADS]
    lines = [
        *machine(torch.device("cpu"), command),
        "",
        "(none): share of the error of 'nothing moves' that is removed (%). Others: "
        "share of the error of (none) that is removed on the same frames (%). Median "
        "over seeds, in brackets from the lowest to the highest end of their 95 % "
        "intervals.",
        "",
        f"| changed from the defaults | {' | '.join(heads)} |",
        "|---" * (1 + len(heads)) + "|",
    ]
    for changed in wanted:
        cells = [
            _said(given, movie, changed, lead) for movie in movies for lead in LEADS
        ]
        name = ", ".join(f"{key} = {value}" for key, value in changed.items())
        lines.append(f"| {name or '(none)'} | {' | '.join(cells)} |")
    return [*lines, ""]


def _said(
    given: argparse.Namespace, movie: str, changed: dict[str, Any], lead: int
) -> str:
    """One cell of the table, from all seeds that are there."""
    found = []
    for seed in range(MOST_SEEDS):
        cell = Cell(movie, given.model, given.minutes, seed, changed)
        path = given.output / f"{cell.name}.csv"
        if path.exists():
            with path.open(newline="", encoding="utf-8") as file:
                rows = {int(row["lead"]): row for row in csv.DictReader(file)}
            found.append({key: float(rows[lead][key]) for key in COLUMNS})
    if not found:
        return ""
    key = "over" if changed else "skill"
    said = f"{100 * median(row[key] for row in found):.1f}"
    low, high = min(row["low"] for row in found), max(row["high"] for row in found)
    if not changed or isnan(low):
        return said
    return f"{said} ({100 * low:.1f} to {100 * high:.1f})"


if __name__ == "__main__":
    main()
