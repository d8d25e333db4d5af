"""The trials of a sweep: what was tried and what came of it, as table and CSV."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from napari_morphocast.evaluation.exporting import check_ending, write_lines
from napari_morphocast.evaluation.wording import aligned, duration, percent

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

Outcome = Literal["running", "done", "pruned", "failed", "interrupted"]

SHOWN = 10  # trials in a table
LEAST_IMPORTANT = 0.01  # share of the differences in skill that is worth a word


@dataclass(frozen=True, slots=True)
class Trial:
    """One training run of a sweep.

    Parameters
    ----------
    number : int
        Counted from 0 over all processes that share the study.
    outcome : str
        "done", "pruned" (given up, or impossible settings), "failed", "interrupted"
        (does not count, and is made up for), or "running".
    tried : mapping of str to value
        What it differed in.
    skill : float
        Share of the validation loss of "nothing moves" that was removed; of a pruned
        trial, until then.
    seconds : float
        How long it took.
    why : str
        What went wrong, or why it was given up.
    """

    number: int
    outcome: Outcome
    tried: Mapping[str, Any] = field(default_factory=dict)
    skill: float = math.nan
    seconds: float = math.nan
    why: str = ""

    @property
    def sentence(self) -> str:
        """All that a line can say of it."""
        words = {
            "running": "begins",
            "done": f"skill {100 * self.skill:.1f} %",
            "pruned": f"given up: {self.why}",
            "failed": f"failed: {self.why}",
            "interrupted": "interrupted; it does not count",
        }[self.outcome]
        tried = "  ".join(f"{name} {word(value)}" for name, value in self.tried.items())
        return f"trial {self.number}   {words.rstrip('.')}   {tried}".rstrip()


def ranked(trials: Sequence[Trial]) -> list[Trial]:
    """Trials that came to their end, the best first."""
    done = [trial for trial in trials if trial.outcome == "done"]
    return sorted(done, key=lambda trial: (-trial.skill, trial.number))


def table(trials: Sequence[Trial], count: int = SHOWN) -> str:
    """The best trials with what they tried, as aligned text."""
    best = ranked(trials)[:count]
    if not best:
        return "No trial came to its end."
    names = list(best[0].tried)
    rows = [["trial", "skill (%)", "time", *names]]
    for trial in best:
        tried = [word(trial.tried[name]) for name in names]
        skill = f"{100 * trial.skill:.2f}"
        rows.append([str(trial.number), skill, duration(trial.seconds), *tried])
    return aligned(rows)


def counted(trials: Sequence[Trial]) -> str:
    """How many trials there were, and of which kinds."""
    kinds: dict[Outcome, str] = {
        "done": "trained to the end",
        "pruned": "given up early",
        "failed": "failed",
        "interrupted": "interrupted",
        "running": "still running",
    }
    numbers = {k: sum(trial.outcome == k for trial in trials) for k in kinds}
    told = ", ".join(f"{n} {kinds[k]}" for k, n in numbers.items() if n)
    return f"{len(trials)} trials: {told}." if told else "No trials yet."


def weighed(importance: Mapping[str, float]) -> str:
    """What decided about the skill, in one sentence; nothing if nobody knows."""
    shares = {k: share for k, share in importance.items() if share >= LEAST_IMPORTANT}
    if not shares:
        return ""
    told = ", ".join(f"{name} {percent(share)} %" for name, share in shares.items())
    return f"Of the differences in skill among the trials, these explain: {told}."


def write(trials: Sequence[Trial], path: str | Path) -> None:
    """Write one line for each trial as ``.csv``."""
    check_ending(path, (".csv",), "the trials")
    names = list(dict.fromkeys(name for trial in trials for name in trial.tried))
    own = ("number", "outcome", "skill", "seconds", "why")
    lines = ({k: getattr(t, k) for k in own} | {**t.tried} for t in trials)
    write_lines(lines, path, [*own, *names])


def word(value: object) -> str:
    """A value as a table shows it."""
    return f"{value:.3g}" if isinstance(value, float) else str(value).lower()
