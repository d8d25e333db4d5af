"""The trials of a sweep as a picture: what mattered, and where the good values lie."""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING

from napari_morphocast.evaluation.figures import new_figure, save_figure
from napari_morphocast.evaluation.trials import ranked

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from matplotlib.axes import Axes

    from napari_morphocast.evaluation.trials import Trial

CLOSER = 3  # of the most important settings are shown value by value
WIDE = 8.0  # from this ratio of the largest to the smallest value on, the axis is log
COLOUR, FAINT = "tab:blue", "0.7"


def draw(
    trials: Sequence[Trial], importance: Mapping[str, float], path: str | Path
) -> None:
    """Draw how important each setting is, and the skill of all trials.

    Parameters
    ----------
    trials : sequence of Trial
        Of which at least one came to its end.
    importance : mapping of str to float
        Share of the differences in skill that each setting explains; the largest
        first. May be empty.
    path : path
        The PNG.
    """
    closer = list(importance)[:CLOSER]
    figure = new_figure(4 * (2 + len(closer)), 3.6)
    bars, course, *others = figure.subplots(1, 2 + len(closer))
    _bars(bars, importance)
    _course(course, trials)
    for axes, name in zip(others, closer, strict=True):
        _closer(axes, ranked(trials), name)
    save_figure(figure, path)


def _bars(axes: Axes, importance: Mapping[str, float]) -> None:
    names = list(importance)[::-1]
    axes.barh(names, [importance[name] for name in names], color=COLOUR)
    axes.set(xlabel="share of the differences in skill")
    if not names:
        where = axes.transAxes
        axes.text(0.5, 0.5, "too few trials to tell", ha="center", transform=where)


def _course(axes: Axes, trials: Sequence[Trial]) -> None:
    """Skill by number of trial, and the best so far."""
    done = sorted(ranked(trials), key=lambda trial: trial.number)
    pruned = [trial for trial in trials if trial.outcome == "pruned"]
    for some, colour, marker, label in (
        (pruned, FAINT, "x", "given up"),
        (done, COLOUR, "o", "trained to the end"),
    ):
        numbers, skills = [t.number for t in some], [t.skill for t in some]
        axes.scatter(numbers, skills, c=colour, marker=marker, s=16, label=label)
    best = list(accumulate((trial.skill for trial in done), max))
    axes.step([t.number for t in done], best, where="post", color=COLOUR, lw=1)
    axes.set(xlabel="trial", ylabel="skill on validation frames")
    axes.legend(frameon=False)


def _closer(axes: Axes, done: Sequence[Trial], name: str) -> None:
    """Skill by the value of one setting."""
    from matplotlib.ticker import LogLocator

    values = [trial.tried[name] for trial in done]
    numbers = [v for v in values if isinstance(v, int | float) and v is not True]
    ordered = len(numbers) == len(values) and len(set(values)) > CLOSER
    shown = values if ordered else [str(value).lower() for value in values]
    axes.scatter(shown, [trial.skill for trial in done], c=COLOUR, s=16)
    if ordered and min(numbers) > 0 and max(numbers) >= WIDE * min(numbers):
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_major_formatter("{x:g}")
        axes.xaxis.set_minor_formatter("")
    axes.set_xlabel(name)
