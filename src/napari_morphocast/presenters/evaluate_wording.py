"""Scores as the Evaluate dock says them: names, units, findings, warnings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_morphocast.evaluation.baselines import KNOWN, REFERENCES
from napari_morphocast.evaluation.wording import beyond_noise, duration, noise_floor

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_morphocast.data.movie import Movie
    from napari_morphocast.evaluation.scores import Scores
    from napari_morphocast.presenters.evaluate_work import Evaluation

ERRORS = {  # what it is called on an axis, and in a list
    "mse": ("MSE", "mean squared error (grey levels²)"),
    "mae": ("MAE", "mean absolute error (grey levels)"),
    "psnr": ("PSNR", "PSNR (dB, higher is better)"),
    "ssim": ("SSIM", "SSIM (higher is better)"),
    "mse_changing": ("MSE", "mean squared error of changing pixels"),
    "mae_changing": ("MAE", "mean absolute error of changing pixels"),
    "psnr_changing": ("PSNR", "PSNR of changing pixels (dB, higher is better)"),
    "ssim_changing": ("SSIM", "SSIM of changing pixels (higher is better)"),
    "crps": ("CRPS", "CRPS of ensembles (grey levels)"),
    "spread": ("spread", "spread of ensembles (grey levels)"),
}
FROM_ZERO = "mse", "mae", "mse_changing", "mae_changing", "crps", "spread"
IN_TIME = "mse", "mae", "psnr", "ssim"  # known for each forecast
PREDICTABLE = "predictable"
DENOISES = "denoising, not forecasting"  # what a failed control says
ALARM = "TRAINED"  # a note with this word makes the scores worthless as a test


def skills(scores: Scores) -> dict[str, str]:
    """What forecasts can be held against, by metric."""
    held = {f"skill_{name}": f"{name}: “{REFERENCES[name]}”" for name in REFERENCES}
    held |= {
        f"skill_changing_{name}": f"{name}, changing pixels only" for name in REFERENCES
    }
    held[PREDICTABLE] = "noise: share of the predictable error"
    known = {row.metric for row in scores.rows}
    return {metric: label for metric, label in held.items() if metric in known}


def errors(scores: Scores) -> dict[str, str]:
    """Measures of error that were taken."""
    known = {row.metric for row in scores.rows}
    return {metric: label for metric, (_, label) in ERRORS.items() if metric in known}


def tested(scores: Scores) -> tuple[str, ...]:
    """Models that are no baselines, in the order they were given."""
    return tuple(name for name in scores.models if name not in REFERENCES)


def about(name: str) -> str:
    """What a curve's name stands for."""
    return KNOWN[name].about if name in KNOWN else f"Forecasts of the model {name}."


def finding(evaluation: Evaluation, model: str) -> str:
    """Whether, by how much and how far ahead a model is better than the baselines.

    And whether it knows how sure it may be. Goes on from the model's name.
    """
    from napari_morphocast.evaluation.reliability import coverage  # takes a second
    from napari_morphocast.evaluation.score_report import horizon

    scores, control = evaluation.scores, evaluation.controls.get(model)
    useful = f"useful horizon: {horizon(scores, model)}"
    more = [useful, scores.standing(model), coverage(scores, model)]
    if control is not None:
        more.append(f"controls: {control.verdict}")
    sentences = [f"{text[:1].upper()}{text[1:]}." for text in more]
    return " ".join([f"{scores.verdict(model)}.", *sentences])


def differences(evaluation: Evaluation) -> list[str]:
    """By how much one model is better than another, pair by pair."""
    from napari_morphocast.evaluation import score_report

    scores = evaluation.scores
    return list(score_report.differences(scores, tested(scores)))


def details(evaluation: Evaluation) -> str:
    """What stands behind the findings: noise, uncertainty and controls in numbers."""
    from napari_morphocast.evaluation.reliability import reliability

    scores = evaluation.scores
    said = [noise_floor(scores)]
    said += [text for model in tested(scores) for text in beyond_noise(scores, model)]
    said += [reliability(scores, model) for model in scores.ranks]
    return "\n\n".join([*said, *(c.table() for c in evaluation.controls.values())])


def alarms(evaluation: Evaluation) -> tuple[list[str], list[str]]:
    """What makes the scores worthless as a test, and what only limits them."""
    notes = evaluation.scores.notes
    loud = [note for note in notes if ALARM in note]
    quiet = [note for note in notes if note not in loud]
    for name, control in evaluation.controls.items():
        if DENOISES in control.verdict:
            loud.append(f"{name} is {DENOISES}: it does as well without the past.")
    return loud, quiet


def scored(movie: Movie, first: int, *, new: bool) -> str:
    """Frames that no model has learned from; of a ``new`` movie, only its end."""
    if first >= len(movie):
        return "what training left unseen: none"
    span = f"{first} to {len(movie) - 1}"
    return f"{span}: the movie's end" if new else f"{span}: unseen in training"


def heading(evaluation: Evaluation) -> str:
    """What was scored, and by how many forecasts of each model."""
    made = max((row.n for row in evaluation.scores.rows), default=0)
    return f"{evaluation.scored} · {made} forecasts"


def lead_axis(interval: float | None) -> str:
    """Name of a lead axis."""
    return "how far ahead (frames, time)" if interval else "how far ahead (frames)"


def lead_ticks(leads: Sequence[int], interval: float | None, most: int) -> list[str]:
    """Labels of a lead axis, frames above time; empty where there is no room.

    The first and the last lead always have one.
    """
    step, last = max(1, -(-len(leads) // most)), len(leads) - 1
    labelled = {*range(0, last - step + 1, step), 0, last}
    return [
        (f"{lead}\n{duration(lead * interval)}" if interval else str(lead))
        * (place in labelled)
        for place, lead in enumerate(leads)
    ]
