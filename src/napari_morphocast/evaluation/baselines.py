"""Forecasts that know no biology: what they are called, and how they are drawn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Baseline:
    """One of them.

    Parameters
    ----------
    says : str
        What it claims, as the end of "it beats ...".
    about : str
        One sentence on what it does.
    colour : str
        Of its curves, seen well on dark and on light.
    dash : str
        Of its curves, where there is room to tell more than models from baselines.
    """

    says: str
    about: str
    colour: str
    dash: Literal["dash", "dot", "dash dot", "dash dot dot"]


BASELINES = {
    "persistence": Baseline(
        "nothing moves",
        "Nothing moves: every forecast is the last frame seen.",
        "#8c8c8c",
        "dash",
    ),
    "denoised": Baseline(
        "nothing moves, only noise goes",
        "Nothing moves, and noise is blurred away as far as it pays.",
        "#a5705f",
        "dash dot",
    ),
    "linear": Baseline(
        "every pixel goes on changing",
        "Every pixel goes on changing as it did between the last two frames.",
        "#a8a91f",
        "dot",
    ),
    "ridge": Baseline(
        "every pixel follows its neighbours",
        "Each pixel follows linearly from those around it in the latest frames.",
        "#d377b5",
        "dash dot dot",
    ),
    "advection": Baseline(
        "everything goes on moving",
        "Everything goes on moving as it did in the latest frames.",
        "#1fb0bf",
        "dash",
    ),
}
NEIGHBOURS = Baseline(
    "the mean of both neighbours",
    "A frame that is filled in is the mean of those before and after it.",
    "#5f9ea0",
    "dot",
)
KNOWN = {**BASELINES, "neighbours": NEIGHBOURS}
REFERENCES = {name: baseline.says for name, baseline in KNOWN.items()}
