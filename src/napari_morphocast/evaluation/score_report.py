"""What scores mean, sentence by sentence: the same on every screen."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from napari_morphocast.evaluation.baselines import REFERENCES
from napari_morphocast.evaluation.reliability import reliability
from napari_morphocast.evaluation.wording import (
    ahead,
    beyond_noise,
    noise_floor,
    percent,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from napari_morphocast.evaluation.estimates import Score
    from napari_morphocast.evaluation.scores import Scores


def report(scores: Scores, models: Sequence[str]) -> Iterator[str]:
    """Say what each of some models is worth, which is better, and what noise costs."""
    for model in models:
        yield f"{model} is {scores.standing(model)}."
        if model != "persistence":
            yield f"The useful horizon of {model} is {horizon(scores, model)}."
        yield from beyond_noise(scores, model)
        if model not in REFERENCES:
            yield reliability(scores, model)
    yield from differences(scores, models)
    yield noise_floor(scores)


def horizon(scores: Scores, model: str, reference: str = "persistence") -> str:
    """How far ahead a model is surely better than a baseline, and what ends that."""
    skills = scores.of(model, f"skill_{reference}")
    last = scores.useful_horizon(model, reference)
    beyond = next((score for score in skills if score.lead > last), None)
    reach = ahead(last, scores.interval) if last else "none"
    if beyond is None:
        return f"at least {reach}, the longest lead scored" if last else "unknown"
    if np.isnan(beyond.value):
        perfect = f"'{REFERENCES[reference]}' is perfect"
        return f"{reach} ({perfect} beyond)" if last else f"undefined ({perfect})"
    if np.isnan(beyond.low):
        few = "too few forecasts to tell"
        return f"at least {reach} ({few} beyond)" if last else f"unknown ({few})"
    return reach


def differences(scores: Scores, models: Sequence[str]) -> Iterator[str]:
    """Say by how much one network's error is smaller than another's, pair by pair."""
    networks = [model for model in models if model not in REFERENCES]
    for one, other in combinations(networks, 2):
        found = scores.paired(one, other)
        if found and found[0].value < 0:
            one, other, found = other, one, scores.paired(other, one)
        if not found:
            continue
        better = any(score.low > 0 for score in found)
        worse = any(score.high < 0 for score in found)
        how = "not surely better than"
        if better or worse:
            how = "better than" if better else "worse than"
        if better and worse:
            how = "at some leads better, at others worse than"
        shown = dict.fromkeys((found[0], found[-1]))
        shares = " and ".join(
            f"{_share(score)} at {ahead(score.lead, scores.interval)}"
            for score in shown
        )
        yield f"{one} is {how} {other}: its error is {shares}."


def _share(score: Score) -> str:
    """How much smaller an error is, with its interval, and whether it may be chance."""
    larger = score.value < 0
    size = f"{percent(abs(score.value))} % {'larger' if larger else 'smaller'}"
    if np.isnan(score.low):
        return f"{size} (too few forecasts to be sure)"
    ends = (-score.high, -score.low) if larger else (score.low, score.high)
    chance = ", may be chance" * (score.low <= 0 <= score.high)
    return f"{size} ({percent(ends[0])} to {percent(ends[1])}{chance})"
