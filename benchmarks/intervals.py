"""How often a 95 % interval of skill holds the truth, where good and bad times last.

    python benchmarks/intervals.py [--trials 400] [-o TABLE]

Draws errors of a forecaster and of a baseline whose sizes wander, together and apart,
over as many frames as the first column says (0: each frame by itself), takes means over
the frames that forecasts share, and counts how often the interval of skill that
``evaluate`` would give holds the skill in an endless movie of this kind.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from scipy.signal import lfilter
from table import machine

from napari_morphocast.evaluation.bootstrap import Overlap, Resampling
from napari_morphocast.evaluation.estimates import skill

if TYPE_CHECKING:
    from numpy.typing import NDArray

TIMES = 0, 3, 6, 12  # frames over which the size of errors stays alike
SHAPES = (18, 1), (18, 5), (30, 1), (30, 5), (100, 1), (100, 10)  # forecasts, lead
CONTEXT, ENDLESS, BEGIN = 8, 400_000, 300
TOGETHER, APART = 0.7, 0.35  # spread of the logarithms of errors


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=400)
    parser.add_argument("-o", "--output", type=Path)
    given = parser.parse_args()
    torch.set_num_threads(1)
    heads = " | ".join(f"{n} forecasts, lead {lead}" for n, lead in SHAPES)
    command = f"intervals.py --trials {given.trials}"
    lines = [
        *machine(torch.device("cpu"), command),
        "",
        f"| errors stay alike for (frames) | {heads} |",
        f"|---|{'---|' * len(SHAPES)}",
    ]
    rng = np.random.default_rng(0)
    for time in TIMES:
        held = [_held(rng, time, *shape, given.trials) for shape in SHAPES]
        shares = " | ".join(f"{100 * share:.0f} %" for share in held)
        lines.append(f"| {time} | {shares} |")
    print("\n".join(lines))
    if given.output is not None:
        given.output.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _held(
    rng: np.random.Generator, time: int, count: int, lead: int, trials: int
) -> float:
    """Share of the trials in which the interval holds the true skill."""
    overlap = Overlap(CONTEXT, 1.0)
    draw = Resampling.draw(count, overlap.block(lead), overlap.alike(lead))
    baseline, model = _errors(rng, time, ENDLESS, lead)
    true = 1 - model.mean() / baseline.mean()
    held = 0
    for _ in range(trials):
        means = [
            np.array([errors.mean(), *draw.means(errors)])
            for errors in _errors(rng, time, count, lead)
        ]
        found = skill(means[1], means[0])
        low, high = draw.interval(float(found[0]), found[1:], (-np.inf, 1.0))
        held += low <= true <= high
    return held / trials


def _errors(
    rng: np.random.Generator, time: int, count: int, lead: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Squared errors of a baseline, and of a forecaster that is better by a fifth."""
    sizes = [_wandering(rng, time, count + lead - 1) for _ in range(2)]
    together = np.exp(TOGETHER * sizes[0])
    apart = 0.8 * np.exp(APART * sizes[1] - APART**2 / 2)
    shared = np.ones(lead) / lead
    baseline, model = (
        np.convolve(errors, shared, "valid") for errors in (together, together * apart)
    )
    return baseline, model


def _wandering(rng: np.random.Generator, time: int, count: int) -> NDArray[np.float64]:
    """A series of variance 1 that forgets where it was within ``time`` steps."""
    keeps = np.exp(-1 / time) if time else 0.0
    pushes = rng.standard_normal(count + BEGIN) * np.sqrt(1 - keeps**2)
    return np.asarray(lfilter([1], [1, -keeps], pushes)[BEGIN:], np.float64)


if __name__ == "__main__":
    main()
