"""The skill benchmark as one table, from the files that its runs left."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

from skill_movies import ALL

from napari_morphocast.api.evaluating import BASELINES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

LEADS = 1, 3, 5, 10
AIMED = 1, 3, 5  # leads at which every baseline shall be beaten
AHEAD, LEVEL, BEHIND = "ahead", "level", "BEHIND"


@dataclass(frozen=True, slots=True)
class Runs:
    """Scores of one model on one movie, one mapping for each seed.

    Each maps (metric, lead) to value, low and high.
    """

    seeds: tuple[dict[tuple[str, int], tuple[float, float, float]], ...]

    def values(self, metric: str, lead: int) -> list[float]:
        """One value for each seed."""
        return [seed[metric, lead][0] for seed in self.seeds if (metric, lead) in seed]

    def against(self, baseline: str, lead: int) -> str:
        """Ahead, level or behind: median over seeds, and the interval around it."""
        key = f"skill_{baseline}", lead
        found = sorted(seed[key] for seed in self.seeds if key in seed)
        if not found:
            return AHEAD  # the movie has ended before this lead
        value, _, high = found[len(found) // 2]
        if high < 0:
            return BEHIND
        return AHEAD if value > 0 else LEVEL


def table(
    folder: Path, movies: Sequence[str], models: Sequence[str], head: Sequence[str]
) -> str:
    """Everything that lies in ``folder``, as Markdown."""
    lines = [*head, ""]
    heads = [f"lead {lead}" for lead in LEADS]
    lines += [
        "Share of the error of 'nothing moves' that is removed (%), median over seeds "
        "(lowest to highest; for a single run its 95 % interval). Ahead: better than "
        "the baseline in the median. BEHIND: worse, and the 95 % interval excludes 0.",
        "",
        f"| movie | model | {' | '.join(heads)} | against every baseline |",
        f"|---|---|{'---|' * len(heads)}---|",
    ]
    for movie in movies:
        for model in models:
            runs = _runs(folder, movie, model)
            if runs.seeds:
                lines.append(_line(movie, model, runs))
    return "\n".join([*lines, "", *_aims(folder, movies, models), ""])


def _runs(folder: Path, movie: str, model: str) -> Runs:
    pattern = f"{movie}-*-0.csv" if model in BASELINES else f"{movie}-{model}-*.csv"
    files = sorted(folder.glob(pattern))[: 1 if model in BASELINES else None]
    return Runs(tuple(_read(file, model) for file in files))


def _read(file: Path, model: str) -> dict[tuple[str, int], tuple[float, float, float]]:
    with file.open(newline="", encoding="utf-8") as lines:
        return {
            (row["metric"], int(row["lead"])): (
                float(row["value"]),
                float(row["low"]),
                float(row["high"]),
            )
            for row in csv.DictReader(lines)
            if row["model"] == model
        }


def _line(movie: str, model: str, runs: Runs) -> str:
    cells = [_cell(runs, lead) for lead in LEADS]
    words = "" if model in BASELINES else _standing(runs)
    return f"| {movie} | {model} | {' | '.join(cells)} | {words} |"


def _cell(runs: Runs, lead: int) -> str:
    values = runs.values("skill_persistence", lead)
    if not values:
        return ""
    if len(values) > 1:
        low, high = min(values), max(values)
    else:
        _, low, high = runs.seeds[0]["skill_persistence", lead]
    return f"{100 * median(values):.0f} ({100 * low:.0f} to {100 * high:.0f})"


def _standing(runs: Runs) -> str:
    """Say at which leads which baselines are not beaten."""
    lacking = [
        f"{runs.against(baseline, lead)} {baseline} at {lead}"
        for lead in LEADS
        if runs.values("skill_persistence", lead)
        for baseline in BASELINES
        if runs.against(baseline, lead) != AHEAD
    ]
    return ", ".join(lacking) or "ahead of all at every lead"


def _aims(folder: Path, movies: Sequence[str], models: Sequence[str]) -> Iterable[str]:
    """Say for each network on how many movies the aims are met."""
    for model in models:
        if model in BASELINES:
            continue
        for real, called in ((True, "real"), (False, "simulated")):
            runs = {
                movie: _runs(folder, movie, model)
                for movie in movies
                if ALL[movie].real == real
            }
            runs = {movie: found for movie, found in runs.items() if found.seeds}
            if runs:
                yield f"- {model}, {called} movies: {_reached(runs)}"
            shares = [s for r in runs.values() for s in r.values("predictable", 1)]
            if shares and not real:
                yield (
                    f"- {model}: predictable error removed at lead 1 on simulated "
                    f"movies: {100 * min(shares):.0f} to {100 * max(shares):.0f} %."
                )


def _reached(runs: Mapping[str, Runs]) -> str:
    places = {
        movie: {
            found.against(baseline, lead) for baseline in BASELINES for lead in AIMED
        }
        for movie, found in runs.items()
    }
    ahead = [movie for movie, found in places.items() if found == {AHEAD}]
    behind = [movie for movie, found in places.items() if BEHIND in found]
    return (
        f"ahead of every baseline at leads 1, 3 and 5 on {len(ahead)} of {len(runs)} "
        f"({', '.join(ahead) or 'none'}); behind one by more than the interval on "
        f"{len(behind)} ({', '.join(behind) or 'none'})."
    )
