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
    for pair in combinations(networks, 2):
        for one, other in (pair, pair[::-1]):
            found = scores.paired(one, other)
            if found and (found[0].value >= 0 or one != pair[0]):
                shown = dict.fromkeys((found[0], found[-1]))
                gains = " and ".join(
                    f"{_share(score.value, score.low, score.high)} at "
                    f"{ahead(score.lead, scores.interval)}"
                    for score in shown
                )
                sure = any(score.low > 0 for score in shown)
                better = "better" if sure else "not surely better"
                yield f"{one} is {better} than {other}, by {gains}."
                break


def _share(value: float, low: float, high: float) -> str:
    """A share in percent with its interval, and whether it may be chance."""
    if np.isnan(low):
        return f"{percent(value)} % (too few forecasts to be sure)"
    chance = ", may be chance" * (low <= 0 <= high)
    return f"{percent(value)} % ({percent(low)} to {percent(high)}{chance})"
