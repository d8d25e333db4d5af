"""The skill benchmark as one table, from the files that its runs left."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from math import isnan
from statistics import fmean, median
from typing import TYPE_CHECKING

from skill_movies import ALL

from napari_morphocast.evaluation.baselines import BASELINES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

LEADS = 1, 3, 5, 10
AIMED = 1, 3, 5  # leads at which every baseline shall be beaten
PROMISED = 50, 80, 95  # per cent of true values that intervals shall hold
NEAR = 5  # points that they may be off
KINDS = (True, "real"), (False, "simulated")  # of movies
AHEAD, BEHIND = "AHEAD of", "BEHIND"  # by the whole interval
MAYBE_AHEAD, MAYBE_BEHIND = "ahead of", "behind"
VERDICTS = {  # how those of the controls begin, in short
    "forecasting": "forecasting",
    "denoising": "denoising",
    "no skill": "no sure skill",
    "too few": "cannot tell",
}


@dataclass(frozen=True, slots=True)
class Runs:
    """Scores of one model on one movie, one mapping for each seed.

    Each maps (metric, lead) to value, low and high.
    """

    seeds: tuple[dict[tuple[str, int], tuple[float, float, float]], ...]
    verdicts: tuple[str, ...] = ()  # of the controls

    @property
    def nature(self) -> str:
        """Whether it forecasts or denoises; all that the seeds are found to do."""
        return " or ".join(dict.fromkeys(self.verdicts))

    def blind(self, lead: int) -> bool:
        """Whether the movie is too short for an interval of skill."""
        found = [seed.get(("skill_persistence", lead)) for seed in self.seeds]
        return any(scores is None or isnan(scores[1]) for scores in found)

    def values(self, metric: str, lead: int) -> list[float]:
        """One value for each seed."""
        return [seed[metric, lead][0] for seed in self.seeds if (metric, lead) in seed]

    def against(self, baseline: str, lead: int) -> str:
        """Say where the median seed stands, and in capitals where that is sure.

        Empty if the movie has ended before this lead.
        """
        key = f"skill_{baseline}", lead
        found = sorted(seed[key] for seed in self.seeds if key in seed)
        if not found:
            return ""
        value, low, high = found[(len(found) - 1) // 2]
        if low > 0:
            return AHEAD
        if high < 0:
            return BEHIND
        return MAYBE_AHEAD if value > 0 else MAYBE_BEHIND


def table(
    folder: Path, movies: Sequence[str], models: Sequence[str], head: Sequence[str]
) -> str:
    """Everything that lies in ``folder``, as Markdown."""
    lines = [*head, ""]
    heads = [f"lead {lead}" for lead in LEADS]
    lines += [
        "Share of the error of 'nothing moves' that is removed (%), median over seeds "
        "(lowest to highest; for a single run its 95 % interval, where there are "
        "enough forecasts for one). AHEAD and BEHIND: of a baseline, by the whole 95 % "
        "interval; ahead and behind: it may be chance. What a model does is found by "
        "damaging its context: a forecast gets worse then, mere denoising does not.",
        "",
        f"| movie | model | {' | '.join(heads)} | does | against every baseline |",
        f"|---|---|{'---|' * len(heads)}---|---|",
    ]
    runs = {m: {n: _runs(folder, n, m) for n in movies} for m in models}
    lines += [
        _line(movie, model, runs[model][movie])
        for movie in movies
        for model in models
        if runs[model][movie].seeds
    ]
    return "\n".join([*lines, "", *_means(runs), "", *_aims(runs), ""])


def _runs(folder: Path, movie: str, model: str) -> Runs:
    pattern = f"{movie}-*-0.csv" if model in BASELINES else f"{movie}-{model}-*.csv"
    files = sorted(folder.glob(pattern))[: 1 if model in BASELINES else None]
    said = (file.with_suffix(".txt") for file in files)
    verdicts = (_verdict(file) for file in said if model not in BASELINES)
    return Runs(tuple(_read(file, model) for file in files), tuple(verdicts))


def _verdict(file: Path) -> str:
    text = file.read_text(encoding="utf-8")
    return next(short for begin, short in VERDICTS.items() if text.startswith(begin))


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
    return f"| {movie} | {model} | {' | '.join(cells)} | {runs.nature} | {words} |"


def _cell(runs: Runs, lead: int) -> str:
    values = runs.values("skill_persistence", lead)
    if not values:
        return ""
    if len(values) > 1:
        low, high = min(values), max(values)
    else:
        _, low, high = runs.seeds[0]["skill_persistence", lead]
    cell = f"{100 * median(values):.0f}"
    if isnan(low):
        return cell
    return f"{cell} ({100 * low:.0f} to {100 * high:.0f})"


def _standing(runs: Runs) -> str:
    """Say where it stands, and against whom not surely ahead at which leads."""
    said = []
    for word in (MAYBE_AHEAD, MAYBE_BEHIND, BEHIND):
        places = {
            baseline: [n for n in LEADS if runs.against(baseline, n) == word]
            for baseline in BASELINES
        }
        listed = [
            f"{baseline} ({', '.join(map(str, leads))})"
            for baseline, leads in places.items()
            if leads
        ]
        said += [f"{word} {', '.join(listed)}"] * bool(listed)
    return "; ".join(said) or f"{AHEAD} all at every lead"


def _means(runs: Mapping[str, Mapping[str, Runs]]) -> Iterable[str]:
    """Mean skill of each model over the real and over the simulated movies."""
    heads = " | ".join(f"lead {lead}" for lead in AIMED)
    yield f"| mean over | model | {heads} |"
    yield f"|---|---|{'---|' * len(AIMED)}"
    for real, called in KINDS:
        for model, found in runs.items():
            chosen = [one for movie, one in found.items() if ALL[movie].real == real]
            if chosen:
                cells = " | ".join(_mean(chosen, lead) for lead in AIMED)
                yield f"| {len(chosen)} {called} movies | {model} | {cells} |"


def _mean(runs: Iterable[Runs], lead: int) -> str:
    """Mean skill over movies; empty if one of them has none at this lead."""
    skills = [found.values("skill_persistence", lead) for found in runs]
    return f"{100 * fmean(map(median, skills)):.0f}" if all(skills) else ""


def _aims(by_model: Mapping[str, Mapping[str, Runs]]) -> Iterable[str]:
    """Say for each network on how many movies the aims are met."""
    for model, by_movie in by_model.items():
        if model in BASELINES:
            continue
        for real, called in KINDS:
            runs = {
                movie: found
                for movie, found in by_movie.items()
                if ALL[movie].real == real and found.seeds
            }
            if runs:
                yield f"- {model}, {called} movies: {_reached(runs)}"
            if any(found.values("coverage_50", 1) for found in runs.values()):
                yield f"- {model}, {called} movies: {_covered(runs)}"
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
    short = [movie for movie, found in places.items() if "" in found]
    places = {movie: found - {""} for movie, found in places.items()}
    ahead = [m for m, found in places.items() if found <= {AHEAD, MAYBE_AHEAD}]
    surely = [m for m, found in places.items() if found <= {AHEAD}]
    behind = [m for m, found in places.items() if BEHIND in found]
    blind = [m for m, run in runs.items() if any(map(run.blind, AIMED))]
    return (
        f"ahead of every baseline at leads 1, 3 and 5 on {_counted(ahead, runs)}, by "
        f"the whole interval everywhere on {_counted(surely, runs)}; behind one by the "
        f"whole interval on {_counted(behind, runs)}; of too few frames for an "
        f"interval at one of these leads: {', '.join(blind) or 'none'}; too short for "
        f"all of these leads, and counted by those that there are: "
        f"{', '.join(short) or 'none'}."
    )


def _covered(runs: Mapping[str, Runs]) -> str:
    """Say how many intervals of an ensemble hold what they promise."""
    found = [
        (held - promised, movie, promised, lead, held)
        for movie, run in runs.items()
        for promised in PROMISED
        for lead in LEADS
        for shares in [run.values(f"coverage_{promised}", lead)]
        if shares and not isnan(held := 100 * median(shares))
    ]
    wide = sum(apart > NEAR for apart, *_ in found)
    narrow = sum(apart < -NEAR for apart, *_ in found)
    _, movie, promised, lead, held = max(found, key=lambda one: abs(one[0]))
    true = len(found) - wide - narrow
    return (
        f"{true} of {len(found)} intervals of {PROMISED[0]}, {PROMISED[1]} and "
        f"{PROMISED[2]} % hold as much as they promise, within {NEAR} points; the "
        f"worst is that of {promised} % on {movie} at lead {lead}, which holds "
        f"{held:.0f} %. {wide} are too wide, {narrow} too narrow."
    )


def _counted(some: Sequence[str], among: Mapping[str, Runs]) -> str:
    return f"{len(some)} of {len(among)} ({', '.join(some) or 'none'})"
