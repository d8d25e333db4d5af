"""SDC-Net++ after each of its stages: the tables of the thesis, with what they lacked.

    python benchmarks/stages.py [MOVIE] [--labels MASKS] [--minutes 10] [--recipe 2]
                                [--only ours,thesis] [-o TABLE]

With ``simulated`` as MOVIE it draws trapped yeast, and knows where the cells are.
Trains SDC-Net++ with and without a critic, as the thesis has it (robust loss, kernels
that are learned, instance normalisation) and with our defaults, each for the same
minutes of one core, keeps the network after every stage, and scores all of them on the
unseen last fifth of the movie one, five and seven frames ahead: beside the baselines
and the ConvLSTM of ``examples/morphogenesis.toml``. "Detail" is power over that of the
truth at the finest scales that noise does not hide: below 1 is blurred.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
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
METRICS = "mse", "mae", "ssim", "psnr"
HEAD = "| network | lead | skill (%) | MSE | L1 | SSIM | PSNR | detail |"
THESIS: dict[str, Any] = {
    "loss": "adaptive",
    "kernels": "learned",
    "norm": "instance",
    "activation": "pade",
}
VARIANTS: dict[str, dict[str, Any]] = {
    "ours": {},
    "ours-critic": {"adversarial": 0.01},
    "ours-known": {"source": "known"},
    "ours-apart": {"time": "apart"},
    "ours-noflow": {"flow": "none"},
    "ours-flowhead": {"flow": "learned"},
    "ours-cells": {"labels": True},
    "ours-growth": {"labels": True, "growth": 1.5},
    "thesis": THESIS,
    "thesis-critic": {**THESIS, "adversarial": 0.01},
    "thesis-growth": {**THESIS, "labels": True, "growth": 1.5},
}


def main() -> None:
    """Train, score, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("movie", nargs="?", default=str(SAMPLE))
    parser.add_argument("--labels", type=Path)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--recipe", type=float, default=0, help="minutes; 0 = same")
    parser.add_argument("--only", default=",".join(VARIANTS))
    parser.add_argument("-o", "--output", type=Path)
    given = parser.parse_args()
    count_cpu_time()
    movie, labels = _movie(given)
    seen = None if labels is None else with_labels(movie, labels)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        plain: list[Path] = []
        sighted: list[Path] = []
        for variant in given.only.split(","):
            run = Run.make("sdc_net", minutes=given.minutes, **VARIANTS[variant])
            if not VARIANTS[variant].get("labels"):
                plain += _trained(movie, run, folder, variant)
            elif seen is not None:
                sighted += _trained(seen, run, folder, variant)
        recipe = Run.read(RECIPE, minutes=given.recipe or given.minutes)
        plain += _trained(movie, recipe, folder, "recipe")[-1:]
        lines = _table(_scored(movie, plain))
        if seen is not None and sighted:
            lines += _table(_scored(seen, sighted), [path.stem for path in sighted])[2:]
    command = f"stages.py {Path(given.movie).name} --minutes {given.minutes:g}"
    text = "\n".join([*machine(torch.device("cpu"), command), "", *lines])
    print(text)
    if given.output is not None:
        given.output.write_text(f"{text}\n", encoding="utf-8")


def _movie(given: argparse.Namespace) -> tuple[Movie, NDArray[Any] | None]:
    """The movie, and where its cells are, if anybody knows."""
    if given.movie == "simulated":
        made = simulate("yeast", frames=120, size=(128, 128), seed=3)
        return made.movie, made.cells
    labels = None if given.labels is None else read_labels(given.labels)
    return read_movie(Path(given.movie)), labels


def _scored(movie: Movie, models: list[Path]) -> Scores:
    where = Hardware(device="cpu")
    return api.evaluate(movie, models, horizon=max(LEADS), hardware=where)


def _trained(movie: Movie, run: Run, folder: Path, name: str) -> list[Path]:
    """The best weights after every stage of a run."""
    path = folder / f"{name}.morphocast"
    kept: dict[str, Path] = {}
    for event in api.train(movie, path, run, hardware=Hardware(device="cpu")):
        if isinstance(event, EpochDone):
            copy = folder / f"{name}-{event.stage}.morphocast"
            kept[event.stage] = copy
            shutil.copyfile(path, copy)
    return list(kept.values())


def _table(scores: Scores, models: Sequence[str] = ()) -> list[str]:
    """One line per network and lead."""
    lines = [HEAD, "|---|---|---|---|---|---|---|---|"]
    detail = _detail(scores)
    for model in models or scores.models:
        skill = {row.lead: row for row in scores.of(model, "skill_persistence")}
        for lead in LEADS:
            values = [
                next(row.value for row in scores.of(model, metric) if row.lead == lead)
                for metric in METRICS
            ]
            shown = " | ".join(f"{value:.4g}" for value in values)
            lines.append(
                f"| {model} | {lead} | {_said(skill.get(lead))} | {shown} "
                f"| {detail[model][lead]} |"
            )
    return lines


def _said(row: Any) -> str:
    if row is None:
        return "0"
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
