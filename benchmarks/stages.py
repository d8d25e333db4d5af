"""SDC-Net++ after each of its stages: the tables of the thesis, with what they lacked.

    python benchmarks/stages.py [MOVIE] [--labels MASKS] [--minutes 10] [--recipe 2]
                                [--only ours,thesis] [--keep FOLDER] [-o TABLE]

With ``simulated`` as MOVIE it draws trapped yeast, and knows where the cells are: long
enough to learn from, for of 120 frames neither ours nor the thesis' learned anything.
Trains SDC-Net++ with and without a critic, as the thesis has it (its size, its
optimiser, a robust loss with a map of errors, kernels that are learned, instance
normalisation) and with our defaults, each for the same
minutes of one core, keeps the network after every stage, and scores all of them on the
unseen last fifth of the movie one, five and seven frames ahead: beside the baselines
and the ConvLSTM of ``examples/morphogenesis.toml``. Each is printed, and written, as
soon as it is scored. "Skill" is the share of the squared error of "nothing moves" that
is removed; "over advection", "over the stage before" and "over plain" that of
advection, of the stage before and of ``ours`` or ``thesis`` after its last stage, on
the same frames. "Detail" is power over that of the truth at the finest scales that
noise does not hide: below 1 is blurred.

Networks that are in the folder of ``--keep`` are scored, not trained again.

No forecast is hedged with the blurred last frame, so that texture is the network's.
``-single`` never sees its own forecasts: in the same minutes its last stage, too,
learns one frame ahead, and that is what unseen frames choose its weights by.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from scoring import scored
from stopwatch import count_cpu_time
from table import machine

import napari_morphocast
from napari_morphocast import api, read_movie
from napari_morphocast.data.labels import read_labels, with_labels
from napari_morphocast.data.simulate import simulate
from napari_morphocast.training.config import Hardware, Run
from napari_morphocast.training.events import EpochDone

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_morphocast.data.movie import Movie
    from napari_morphocast.evaluation.scores import Scores

SAMPLE = Path(napari_morphocast.__file__).parent / "sample_data" / "yeast.ome.tif"
RECIPE = Path(__file__).parents[1] / "examples" / "morphogenesis.toml"
LEADS = 1, 5, 7
STAGES = "flow", "kernels", "fine-tune", "rollout", "fit"  # the last is the recipe's
METRICS = "mse", "mae", "ssim", "psnr"
HEAD = (
    "| network | lead | skill (%) | over advection (%) | over the stage before (%) "
    "| over plain (%) | MSE | L1 | SSIM | PSNR | detail |",
    "|---|---|---|---|---|---|---|---|---|---|---|",
)
RIVAL = "advection"
CPU = Hardware(device="cpu")
THESIS: dict[str, Any] = {
    "loss": "adaptive",
    "kernels": "learned",
    "norm": "instance",
    "activation": "pade",
    "errors": "map",
    "width": 16,
    "depth": 4,
    "optimizer": "adamp",
    "learning_rate": 3e-4,
    "weight_decay": 0.01,
    "caution": False,
}
VARIANTS: dict[str, dict[str, Any]] = {
    "ours": {},
    "ours-single": {"horizon": 1},
    "ours-rollouts": {"rollouts": 75.0},
    "ours-long": {"rollouts": 75.0, "horizon": 8},
    "ours-adamp": {"optimizer": "adamp"},
    "ours-critic": {"adversarial": 0.01},
    "ours-adversarial": {"adversarial": 1.0},
    "ours-adaptive": {"loss": "adaptive"},
    "ours-instance": {"norm": "instance"},
    "ours-pade": {"activation": "pade"},
    "ours-smooth": {"smooth": 0.1},
    "ours-known": {"source": "known"},
    "ours-apart": {"time": "apart"},
    "ours-noflow": {"flow": "none"},
    "ours-flowhead": {"flow": "learned"},
    "ours-cells": {"labels": True},
    "ours-growth": {"labels": True, "growth": 1.5},
    "thesis": THESIS,
    "thesis-single": {**THESIS, "horizon": 1},
    "thesis-critic": {**THESIS, "adversarial": 0.01},
    "thesis-growth": {**THESIS, "labels": True, "growth": 1.5},
}


def main() -> None:
    """Train, score and print one network after the other."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("movie", nargs="?", default=str(SAMPLE))
    parser.add_argument("--labels", type=Path)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--recipe", type=float, default=0, help="minutes; 0 = same")
    every = ",".join([*VARIANTS, "recipe"])
    parser.add_argument("--only", default=every)
    parser.add_argument("--keep", type=Path)
    parser.add_argument("-o", "--output", type=Path)
    given = parser.parse_args()
    unknown = set(given.only.split(",")) - set(every.split(","))
    if unknown:
        parser.error(f"there is no {', '.join(unknown)}; choose among {every}")
    count_cpu_time()
    movie, labels = _movie(given)
    seen = None if labels is None else with_labels(movie, labels)
    only = "" if given.only == every else f" --only {given.only}"
    command = f"stages.py {Path(given.movie).name} --minutes {given.minutes:g}{only}"
    table = Table(given.output)
    table.add([*machine(torch.device("cpu"), command), "", *HEAD])
    table.add(_rows(api.evaluate(movie, [], horizon=max(LEADS), hardware=CPU)))
    with tempfile.TemporaryDirectory() as name:
        folder = given.keep or Path(name)
        folder.mkdir(parents=True, exist_ok=True)
        for variant in given.only.split(","):
            settings = VARIANTS.get(variant, {})
            shown = seen if settings.get("labels") else movie
            if shown is None:
                continue
            stages = _trained(shown, _run(variant, given), folder, variant)
            table.add(_beside(shown, stages, folder))


class Table:
    """Lines that are printed, and written to a file, as soon as they are known."""

    def __init__(self, output: Path | None) -> None:
        self.output = output
        self.lines: list[str] = []

    def add(self, lines: Sequence[str]) -> None:
        """Print and write more lines."""
        self.lines += lines
        print("\n".join(lines), flush=True)
        if self.output is not None:
            text = "\n".join([*self.lines, ""])
            self.output.write_text(text, encoding="utf-8")


def _run(variant: str, given: argparse.Namespace) -> Run:
    """How a network is trained."""
    if variant == "recipe":
        return Run.read(RECIPE, minutes=given.recipe or given.minutes)
    settings = {"hedge": False, **VARIANTS[variant]}
    return Run.make("sdc_net", minutes=given.minutes, **settings)


def _movie(given: argparse.Namespace) -> tuple[Movie, NDArray[Any] | None]:
    """The movie, and where its cells are, if anybody knows."""
    if given.movie == "simulated":
        made = simulate("yeast", frames=400, size=(128, 128), seed=3)
        return made.movie, made.cells
    labels = None if given.labels is None else read_labels(given.labels)
    return read_movie(Path(given.movie)), labels


def _trained(movie: Movie, run: Run, folder: Path, name: str) -> list[Path]:
    """The best weights after every stage of a run, which may have been before."""
    stages = [folder / f"{name}-{stage}.morphocast" for stage in STAGES]
    if not any(stage.exists() for stage in stages):
        with tempfile.TemporaryDirectory() as now:
            for kept in _train(movie, run, Path(now) / f"{name}.morphocast"):
                shutil.move(kept, folder)
    return [stage for stage in stages if stage.exists()]


def _train(movie: Movie, run: Run, path: Path) -> list[Path]:
    """Train; copies of the file after every stage."""
    kept: dict[str, Path] = {}
    for event in api.train(movie, path, run, hardware=CPU):
        if isinstance(event, EpochDone):
            copy = path.with_stem(f"{path.stem}-{event.stage}")
            kept[event.stage] = copy
            shutil.copyfile(path, copy)
    stages = list(kept.values())
    shutil.copyfile(path, stages[-1])  # of what was learned only a share may be kept
    return stages


def _beside(movie: Movie, stages: list[Path], folder: Path) -> list[str]:
    """Lines of the stages of one network, scored on the same frames as advection.

    And as its family's plain network, if that has been trained.
    """
    family = stages[-1].stem.split("-")[0]
    plain = folder / f"{family}-rollout.morphocast"
    others = [plain] if plain.exists() and plain not in stages else []
    scores = scored(movie, [*stages, *others, RIVAL], max(LEADS))
    names = [path.stem for path in stages]
    return _rows(scores, names, others[0].stem if others else None)


def _rows(
    scores: Scores, models: Sequence[str] = (), plain: str | None = None
) -> list[str]:
    """One line per network and lead."""
    lines = []
    detail = _detail(scores)
    before = {after: stage for stage, after in pairwise(models)}
    for model in models or scores.models:
        skill = {row.lead: row for row in scores.of(model, "skill_persistence")}
        rival = _paired(scores, model, RIVAL)
        stage = _paired(scores, model, before.get(model))
        other = _paired(scores, model, plain if [model] == list(models[-1:]) else None)
        for lead in LEADS:
            values = [
                next(row.value for row in scores.of(model, metric) if row.lead == lead)
                for metric in METRICS
            ]
            shown = " | ".join(f"{value:.4g}" for value in values)
            lines.append(
                f"| {model} | {lead} | {_said(skill.get(lead))} "
                f"| {_said(rival.get(lead), '')} | {_said(stage.get(lead), '')} "
                f"| {_said(other.get(lead), '')} | {shown} | {detail[model][lead]} |"
            )
    return lines


def _paired(scores: Scores, one: str, other: str | None) -> dict[int, Any]:
    """By lead, the share of the squared error of another that one removes."""
    rows = scores.paired(one, other) if other else ()
    return {row.lead: row for row in rows}


def _said(row: Any, unknown: str = "0") -> str:
    if row is None:
        return unknown
    if not np.isfinite(row.low):
        return f"{100 * row.value:.0f}"
    return f"{100 * row.value:.0f} ({100 * row.low:.0f} to {100 * row.high:.0f})"


def _detail(scores: Scores) -> dict[str, dict[int, str]]:
    """Power over that of the truth without its noise, at fine but visible scales.

    Those are the upper half of the frequencies at which noise is the lesser part.
    """
    spectra = scores.spectra
    assert spectra is not None
    found: dict[str, dict[int, str]] = {model: {} for model in scores.models}
    for lead in LEADS:
        noise = spectra.noise[lead - 1]
        seen = np.flatnonzero(noise < 0.5)
        fine = seen[len(seen) // 2 :]
        for model in scores.models:
            ratios = spectra.of(model, lead)[fine] / (1 - noise[fine])
            found[model][lead] = f"{np.nanmean(ratios):.2f}"
    return found


if __name__ == "__main__":
    main()
