"""Scores in words and tables that a biologist can read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_morphocast.evaluation.scores import Score, Scores

REFERENCES = {
    "persistence": "nothing moves",
    "linear": "every pixel goes on changing",
    "advection": "everything goes on moving",
}
SHOWN = 4  # leads in a table


def duration(seconds: float) -> str:
    """A stretch of time in the unit that people would use: 45 s, 30 min, 2.5 h."""
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= (2 if unit == "d" else 1) * size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds:.3g} s"


def ahead(lead: int, interval: float | None) -> str:
    """A lead in frames and, where the time step is known, in time."""
    frames = f"{lead} frame" + "s" * (lead != 1)
    return f"{frames} ({duration(lead * interval)})" if interval else frames


def percent(share: float) -> str:
    """A share as a whole number of percent; an infinite one in words."""
    if np.isnan(share):
        return "?"
    if np.isinf(share):
        return "endless" if share > 0 else "-endless"
    return f"{100 * share:.0f}"


def verdict_on(skills: Sequence[Score], reference: str, interval: float | None) -> str:
    """Say whether skills by lead mean that a baseline is beaten, and until when."""
    called = f"'{REFERENCES.get(reference, reference)}'"
    if not skills:
        return f"was not compared with {called}"
    first = skills[0]
    at = f"at {ahead(first.lead, interval)}"
    between = f"{percent(first.low)} to {percent(first.high)} %"
    if np.isnan(first.low):
        return f"cannot be told from {called} {at}: there are too few frames"
    if first.high < 0:
        worse = f"{percent(-first.value)} %"
        return f"does not beat {called} {at}: its error is {worse} larger"
    if first.low <= 0:
        return f"does not beat {called} {at}: the difference ({between}) may be chance"
    words = f"beats {called} by {percent(first.value)} % {at}"
    lasting = useful_horizon(skills)
    if len(skills) > 1:
        words += f", and still does at {ahead(lasting, interval)}" * (lasting > 1)
        beyond = [skill for skill in skills if skill.lead > lasting]
        lost = bool(beyond) and not np.isnan(beyond[0].low)
        words += ", but no further" * lost
    return words


def useful_horizon(skills: Sequence[Score]) -> int:
    """Longest lead up to which the whole interval of every skill is above 0."""
    last = 0
    for score in skills:
        if not score.low > 0:
            break
        last = score.lead
    return last


def skill_table(scores: Scores, reference: str = "persistence") -> str:
    """Skill of every model at a few leads, with 95 % intervals, as aligned text."""
    metric = f"skill_{reference}"
    leads = _some(scores.leads)
    others = [m for m in scores.models if scores.of(m, metric) and m != reference]
    if not leads or not others:
        return "No scores."
    rows = [["", *(ahead(lead, scores.interval) for lead in leads)]]
    for model in others:
        found = {score.lead: score for score in scores.of(model, metric)}
        cells = [_cell(found[lead]) if lead in found else "" for lead in leads]
        rows.append([model, *cells])
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [_line(row, widths) for row in rows]
    title = (
        f"Error removed, compared with '{REFERENCES.get(reference, reference)}' "
        "(percent; 100 = perfect, 0 = no better, below 0 = worse;\n"
        "in brackets the 95 % interval), by how far ahead the forecast is:"
    )
    return "\n".join([title, "", *lines])


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    cells = [f"{c:>{w}}" for c, w in zip(row[1:], widths[1:], strict=True)]
    return "   ".join([f"{row[0]:<{widths[0]}}", *cells]).rstrip()


def _cell(score: Score) -> str:
    if np.isnan(score.low):
        return percent(score.value)
    return f"{percent(score.value)} ({percent(score.low)} to {percent(score.high)})"


def _some(leads: Sequence[int]) -> list[int]:
    """The first and the last lead, and a few between, nearer to the first."""
    if len(leads) <= SHOWN:
        return list(leads)
    places = np.geomspace(1, len(leads), SHOWN).round().astype(int)
    return [leads[place - 1] for place in places]
