"""What an ensemble's uncertainty is worth, in words and a small table."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_morphocast.evaluation.calibration import LEVELS
from napari_morphocast.evaluation.estimates import by_lead
from napari_morphocast.evaluation.wording import ahead, percent

if TYPE_CHECKING:
    from napari_morphocast.evaluation.scores import Scores

SHOWN = 3  # leads in a table
LEVEL = 0.8  # of the interval that is told in a sentence,
SLACK = 0.05  # and how far from it a share may be and still be called kept


def reliability(scores: Scores, model: str) -> str:
    """Say whether the truth lay in a model's intervals as often as it promised.

    Of a single model, that there is nothing to say.
    """
    if not scores.of(model, "crps"):
        return (
            f"{model} is a single model: it cannot say how sure it is. "
            "(An ensemble can; train with --members 4.)"
        )
    leads = scores.leads
    places = np.unique(np.linspace(0, len(leads) - 1, SHOWN).round().astype(int))
    widths = [f"{100 * level:.0f} %" for level in LEVELS]
    head = ["", *widths, "spread", "error", "CRPS"]
    rows = [head, *(_row(scores, model, leads[place]) for place in places)]
    wide = [max(len(row[column]) for row in rows) for column in range(len(head))]
    lines = [
        "   ".join(cell.rjust(width) for cell, width in zip(row, wide, strict=True))
        for row in rows
    ]
    title = (
        f"{model} says how sure it is. Percent of pixels whose truth lay in its "
        "intervals;\nspread (error expected), error made and CRPS in grey levels:"
    )
    return "\n".join([title, "", *lines, "", _ranks(scores.ranks[model][0])])


def coverage(scores: Scores, model: str) -> str:
    """Say whether a model's intervals held the truth, without a full stop."""
    rows = scores.of(model, f"coverage_{100 * LEVEL:.0f}")
    if not rows:
        return "it is a single model, which cannot say how sure it is"
    shown = dict.fromkeys((rows[0], rows[-1]))
    found = " and ".join(
        f"{percent(row.value)} % of the pixels at {ahead(row.lead, scores.interval)}"
        for row in shown
    )
    words = dict.fromkeys(_kept(row.value) for row in shown)
    return (
        f"its {percent(LEVEL)} % intervals held the truth of {found}: "
        f"{', then '.join(words)}"
    )


def _kept(share: float) -> str:
    if abs(share - LEVEL) <= SLACK:
        return "as promised"
    return "too sure" if share < LEVEL else "too doubtful"


def _row(scores: Scores, model: str, lead: int) -> list[str]:
    names = "spread", "mse", "crps"
    known = {
        metric: by_lead(scores.of(model, metric))[lead].value
        for metric in (*(f"coverage_{100 * level:.0f}" for level in LEVELS), *names)
    }
    spread, mse, crps = (known.pop(name) for name in names)
    grey = (f"{value:.3g}" for value in (spread, np.sqrt(mse), crps))
    return [ahead(lead, scores.interval), *map(percent, known.values()), *grey]


def _ranks(counts: list[int]) -> str:
    shares = np.array(counts) / max(1, sum(counts))
    found = " ".join(percent(float(share)) for share in shares)
    return (
        f"Rank histogram at the first lead: {found} % (from below all members to above "
        f"all; {percent(1 / len(counts))} each is right, more at both ends too sure)."
    )
