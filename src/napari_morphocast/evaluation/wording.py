"""Scores in words and tables that a biologist can read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_morphocast.evaluation.baselines import REFERENCES
from napari_morphocast.evaluation.estimates import by_lead

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from napari_morphocast.evaluation.controls import Controls
    from napari_morphocast.evaluation.estimates import Score
    from napari_morphocast.evaluation.scores import Scores

DONE_TO = {  # contexts that tell less, by the control's name
    "shuffled": "frames before the last one shuffled",
    "repeated": "last frame repeated",
    "backwards": "frames backwards",
}
SHOWN = 4  # leads in a table
MANY = 3  # ways that a model stands later on; so many are called mixed
STANDS = {
    "ahead": "ahead of",
    "level": "level with",
    "behind": "behind",
    "unknown": "not to be told from",  # too few forecasts
    "undefined": "not comparable with",  # whose forecasts are perfect
}


def time_unit(seconds: float) -> tuple[float, str]:
    """The unit that people would use for a stretch of time, in seconds; its name."""
    for size, unit in ((86400.0, "d"), (3600.0, "h"), (60.0, "min")):
        if seconds >= (2 if unit == "d" else 1) * size:
            return size, unit
    return 1.0, "s"


def duration(seconds: float) -> str:
    """A stretch of time in the unit that people would use: 45 s, 30 min, 2.5 h."""
    size, unit = time_unit(seconds)
    return f"{seconds / size:.3g} {unit}"


def counted(number: int, what: str) -> str:
    """A number of things: 1 frame, 2 frames."""
    return f"{number} {what}" + "s" * (number != 1)


def ahead(lead: int, interval: float | None) -> str:
    """A lead in frames and, where the time step is known, in time."""
    frames = counted(lead, "frame")
    return f"{frames} ({duration(lead * interval)})" if interval else frames


def percent(share: float) -> str:
    """A share as a whole number of percent; an infinite one in words."""
    if np.isnan(share):
        return "-"
    if np.isinf(share):
        return "endless" if share > 0 else "-endless"
    return f"{round(100 * share)}"


def verdict_on(skills: Sequence[Score], reference: str, interval: float | None) -> str:
    """Say whether skills by lead mean that a baseline is beaten, and until when."""
    called = f"'{REFERENCES.get(reference, reference)}'"
    if not skills:
        return f"was not compared with {called}"
    first = skills[0]
    at = f"at {ahead(first.lead, interval)}"
    between = f"{percent(first.low)} to {percent(first.high)} %"
    if np.isnan(first.value):
        return f"cannot be compared with {called} {at}, which is perfect there"
    if np.isnan(first.low):
        return f"cannot be told from {called} {at}: there are too few frames"
    if first.low <= 0:
        why = f"the difference ({between}) may be chance"
        if first.high < 0:
            why = f"its error is {percent(-first.value)} % larger"
        words = f"does not beat {called} {at}: {why}"
        later = next((score for score in skills if score.low > 0), None)
        if later is not None:
            words += f"; it does at {ahead(later.lead, interval)}, by {_cell(later)} %"
        return words
    words = f"beats {called} by {_cell(first)} % {at}"
    lasting = useful_horizon(skills)
    if len(skills) > 1:
        words += f", and still does at {ahead(lasting, interval)}" * (lasting > 1)
        beyond = [skill for skill in skills if skill.lead > lasting]
        lost = bool(beyond) and not np.isnan(beyond[0].low)
        words += ", but no further" * lost
        losing = next((score for score in beyond if score.high < 0), None)
        if losing is not None:
            words += f"; at {counted(losing.lead, 'frame')} its error is "
            words += f"{percent(-losing.value)} % larger"
    return words


def hedging(lead: int, interval: float | None) -> str:
    """Say from which lead on a forecast is mostly the blurred last frame."""
    return (
        f"From {ahead(lead, interval)} ahead on, half of a forecast or more is the "
        "last known frame, blurred: little more is known there."
    )


def useful_horizon(skills: Sequence[Score]) -> int:
    """Longest lead up to which the whole interval of every skill is above 0."""
    last = 0
    for score in skills:
        if not score.low > 0:
            break
        last = score.lead
    return last


def standing(scores: Scores, model: str) -> str:
    """Say which baselines a model is ahead of, level with and behind, until when.

    Baselines with the same story are told together, the best story first.
    """
    stories: dict[tuple[tuple[str, int], ...], list[str]] = {}
    for name in REFERENCES:
        skills = scores.of(model, f"skill_{name}")
        if skills and name != model:
            stories.setdefault(_story(skills), []).append(name)
    if not stories:
        return "was compared with no baseline"
    told = sorted(stories, key=lambda story: -_ahead_at(story))
    return "; ".join(_tell(story, stories[story], scores.interval) for story in told)


def listed(names: Sequence[str]) -> str:
    """Names as people list them: a, b and c."""
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))


def _story(skills: Sequence[Score]) -> tuple[tuple[str, int], ...]:
    """How a model stands by lead: (word, last lead of which it is true), in order."""
    story: list[tuple[str, int]] = []
    for score in skills:
        word = _stands(score)
        if story and story[-1][0] == word:
            story.pop()
        story.append((word, score.lead))
    return tuple(story)


def _stands(score: Score) -> str:
    if np.isnan(score.value):
        return "undefined"
    if np.isnan(score.low):
        return "unknown"
    if score.low > 0:
        return "ahead"
    return "behind" if score.high < 0 else "level"


def _ahead_at(story: tuple[tuple[str, int], ...]) -> int:
    """At how many leads a model is ahead, less those at which it is behind."""
    begins = (0, *(last for _, last in story))
    worth = {"ahead": 1, "behind": -1}
    return sum(
        worth.get(word, 0) * (last - begin)
        for begin, (word, last) in zip(begins, story, strict=False)
    )


def _tell(
    story: tuple[tuple[str, int], ...], names: Sequence[str], interval: float | None
) -> str:
    """One story in words, such as: ahead of ridge until 3 frames, then level.

    Of what comes later only the kinds are told, for many turns are hard to follow.
    """
    (word, last), *rest = story
    words = f"{STANDS[word]} {listed(names)}"
    if not rest and word == "unknown":
        return f"{words}: there are too few forecasts"
    if not rest:
        return f"{words} at " + ("every lead" if last > 1 else ahead(1, interval))
    later = dict.fromkeys(word for word, _ in rest)
    then = " or ".join(later) if len(later) < MANY else "mixed"
    return f"{words} until {ahead(last, interval)}, then {then}"


def beyond_noise(scores: Scores, model: str) -> Iterator[str]:
    """Say what a model is worth where noise and still background are set aside."""
    if model == "persistence":
        return
    for found in scores.of(model, "predictable")[:1]:
        if not np.isnan(found.value):
            yield (
                f"{model} removes {_cell(found)} % of what 'nothing moves' gets wrong "
                f"beyond noise at {ahead(found.lead, scores.interval)}."
            )


def noise_floor(scores: Scores) -> str:
    """Say how small an error can be."""
    if not scores.floor:
        return "No noise was found."
    sigmas = ", ".join(f"{sigma:.3g}" for sigma in scores.noise)
    return (
        f"The noise is about {sigmas} grey levels, so no forecast can have a mean "
        f"squared error below {scores.floor:.3g}."
    )


def skill_table(scores: Scores, reference: str = "persistence") -> str:
    """Skill of every model at a few leads, with 95 % intervals, as aligned text."""
    metric = f"skill_{reference}"
    others = [m for m in scores.models if scores.of(m, metric) and m != reference]
    if not others:
        return "No scores."
    title = (
        f"Error removed, compared with '{REFERENCES.get(reference, reference)}' "
        "(percent; 100 = perfect, 0 = no better, below 0 = worse;\n"
        "in brackets the 95 % interval), by how far ahead the forecast is:"
    )
    rows = {model: scores.of(model, metric) for model in others}
    return f"{title}\n\n{_lines_by_model(rows, scores.leads, scores.interval)}"


def controls_table(found: Controls) -> str:
    """Skill of one model as it is, and where the past tells less, as aligned text."""
    metric = "skill_denoised"
    rows = {"context as recorded": found.scores.of(found.model, metric)}
    for kind, what in DONE_TO.items():
        rows[what] = found.scores.of(kind, metric)
    rows["a still scene, as noisy"] = found.still.of(found.model, metric)
    title = (
        f"Is {found.model} forecasting or denoising? Error removed, compared with\n"
        f"'{REFERENCES['denoised']}' (percent), where its context is:"
    )
    scores = found.scores
    shown = {what: scores for what, scores in rows.items() if scores}
    return f"{title}\n\n{_lines_by_model(shown, scores.leads, scores.interval)}"


def _lines_by_model(
    scores: Mapping[str, Sequence[Score]], leads: Sequence[int], interval: float | None
) -> str:
    """Named scores at a few leads, as aligned text."""
    shown = _some(leads)
    rows = [["", *(ahead(lead, interval) for lead in shown)]]
    for name, found in scores.items():
        known = by_lead(found)
        cells = [_cell(known[lead]) if lead in known else "" for lead in shown]
        rows.append([name, *cells])
    return aligned(rows)


def aligned(rows: Sequence[Sequence[str]]) -> str:
    """Rows of cells as text: the first column to the left, all others to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(_line(row, widths) for row in rows)


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
