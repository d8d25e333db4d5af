"""Scores as a picture: error, skill and fine detail by lead, beside the baselines."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_morphocast.evaluation.baselines import KNOWN, REFERENCES
from napari_morphocast.evaluation.calibration import LEVELS
from napari_morphocast.evaluation.figures import new_figure, save_figure
from napari_morphocast.evaluation.wording import ahead, duration, listed, percent

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from matplotlib.axes import Axes

    from napari_morphocast.evaluation.scores import Scores
    from napari_morphocast.evaluation.spectrum import Spectra

LOWEST = -1.0  # skill that is still drawn
FAR = 4.0  # times the usual error; worse models are not drawn whole
SHARPEST = 3.0  # power over the truth's that is still drawn


def draw_scores(scores: Scores, path: str | Path) -> None:
    """Draw error, skill, skill on changing pixels, spectrum; and uncertainty, if any.

    Ensembles add two panels: coverage by lead, and the rank histogram.
    """
    columns = 3 if scores.ranks else 2
    figure = new_figure(5.5 * columns, 8.2)
    panels = figure.subplots(2, columns)
    against = f"compared with '{REFERENCES['persistence']}'"
    _error(panels[0, 0], scores)
    _skill(panels[0, 1], scores, "skill_persistence", against)
    _skill(
        panels[1, 0],
        scores,
        "skill_changing_persistence",
        f"pixels that change, {against}",
    )
    if scores.spectra is not None:
        _spectrum(panels[1, 1], scores.spectra, scores)
    if scores.ranks:
        _coverage(panels[0, 2], scores)
        _ranks(panels[1, 2], scores)
    for axes in panels.flat:
        axes.spines[["top", "right"]].set_visible(False)
    named = [axes.get_legend_handles_labels() for axes in (panels[0, 0], panels[1, 1])]
    figure.legend(
        *(first + last for first, last in zip(*named, strict=True)),
        loc="outside lower center",
        ncols=3,
        frameon=False,
        fontsize=9,
    )
    save_figure(figure, path)


def _error(axes: Axes, scores: Scores) -> None:
    """Mean squared error, and the noise that no forecast can go below."""
    _curves(axes, scores, "mse")
    if scores.noise:
        axes.axhline(
            scores.floor, color="k", linestyle=":", linewidth=1, label="noise (σ²)"
        )
    axes.set(ylabel="mean squared error (grey levels²)", title=_scored(scores))
    worst = _extremes(scores, "mse", np.nanmax)
    usual = sorted(worst.values())[(len(worst) - 1) // 2]
    shown = [error for error in worst.values() if error <= FAR * usual]
    top = max(1.2 * max(shown), 1.1 * scores.floor)
    axes.set_ylim(0, top or None)
    _tell_off_scale(axes, [name for name, error in worst.items() if error > top])


def _scored(scores: Scores) -> str:
    """The movie, and how much of it."""
    part = f"{percent(scores.region)} % of the pixels"
    return scores.movie if scores.region == 1 else f"{scores.movie}, {part}"


def _skill(axes: Axes, scores: Scores, metric: str, title: str) -> None:
    """Share of persistence's error that is removed."""
    _curves(axes, scores, metric)
    axes.axhline(0, color=KNOWN["persistence"].colour, linestyle="--")
    axes.set(ylabel="error removed", title=title)
    lowest, highest = axes.get_ylim()
    axes.set_ylim(max(lowest, LOWEST), min(max(highest, 0.1), 1.0))
    worst = _extremes(scores, metric, np.nanmin)
    _tell_off_scale(axes, [name for name, skill in worst.items() if skill < LOWEST])


def _spectrum(axes: Axes, spectra: Spectra, scores: Scores) -> None:
    """Power over the truth's at the longest lead; where it falls, detail is lost."""
    lead = scores.leads[-1]
    most = {model: np.nanmax(spectra.of(model, lead)) for model in spectra.models}
    for model in spectra.models:
        axes.plot(
            spectra.frequencies,
            spectra.of(model, lead),
            color=_colour(scores, model),
            linewidth=_width(model),
        )
    axes.plot(
        spectra.frequencies,
        1 - spectra.noise[lead - 1],
        color="k",
        linestyle=":",
        linewidth=1,
        label="fine detail: sharp, but free of noise",
    )
    axes.axhline(1, color="0.8", linewidth=1, zorder=0)
    axes.set(
        xlabel="spatial frequency (cycles per pixel)",
        ylabel="power, forecast / truth",
        title=f"fine detail {ahead(lead, scores.interval)} ahead",
        ylim=(0, np.clip(1.05 * max(most.values()), 1.2, SHARPEST)),
    )
    _tell_off_scale(axes, [name for name, top in most.items() if top > SHARPEST])


def _coverage(axes: Axes, scores: Scores) -> None:
    """Share of pixels whose truth lay in an ensemble's intervals, and the promise."""
    for level in LEVELS:
        axes.axhline(level, color="k", linestyle=":", linewidth=1)
        _curves(axes, scores, f"coverage_{100 * level:.0f}")
    axes.set(
        ylabel="truth in the interval", title="coverage, found and promised (dotted)"
    )
    axes.set_yticks(LEVELS, [f"{level:.0%}" for level in LEVELS])
    axes.set_ylim(min(axes.get_ylim()[0], 0.4), 1)


def _ranks(axes: Axes, scores: Scores) -> None:
    """How often the truth had which rank among the members, over how often it should.

    At the first lead; the axis is relative, for ensembles may differ in size.
    """
    for model, counts in scores.ranks.items():
        shares = np.array(counts[0]) / max(1, sum(counts[0]))
        axes.stairs(
            shares * len(shares),
            np.linspace(0, 1, len(shares) + 1),
            color=_colour(scores, model),
            linewidth=_width(model),
        )
    axes.axhline(1, color="k", linestyle=":", linewidth=1)
    axes.set(
        xlabel="rank of the truth among the members",
        ylabel="found / expected",
        title=f"rank histogram {ahead(scores.leads[0], scores.interval)} ahead",
        ylim=(0, max(2, axes.get_ylim()[1])),
    )
    axes.set_xticks([0, 1], ["below all", "above all"])


def _curves(axes: Axes, scores: Scores, metric: str) -> None:
    """One line with its interval for every model that has this metric."""
    from matplotlib.ticker import MaxNLocator

    for model in scores.models:
        rows = scores.of(model, metric)
        leads = [row.lead for row in rows]
        trivial = model in REFERENCES
        colour = _colour(scores, model)
        axes.plot(
            leads,
            [row.value for row in rows],
            color=colour,
            linewidth=_width(model),
            marker="o",
            markersize=3,
            label=f"{model}: '{REFERENCES[model]}'" if trivial else model,
        )
        axes.fill_between(
            leads,
            [row.low for row in rows],
            [row.high for row in rows],
            color=colour,
            alpha=0.15,
            linewidth=0,
        )
    unit = f", {duration(scores.interval)} each" if scores.interval else ""
    axes.set_xlabel(f"lead (frames{unit})")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))


def _extremes(
    scores: Scores, metric: str, choose: Callable[[list[float]], float]
) -> dict[str, float]:
    """Every model's best or worst value of a metric, where it has one."""
    found = {
        name: [row.value for row in scores.of(name, metric)] for name in scores.models
    }
    return {
        name: float(choose(values))
        for name, values in found.items()
        if not np.isnan(values).all()
    }


def _tell_off_scale(axes: Axes, models: list[str]) -> None:
    """Name the models of which something lies outside the axes."""
    if models:
        axes.text(
            0.99,
            0.99,
            f"off the scale: {listed(models)}",
            transform=axes.transAxes,
            ha="right",
            va="top",
            fontsize=9,
            color="0.35",
            bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.8},
        )


def _colour(scores: Scores, model: str) -> str:
    """Always the same for one model, in whichever panels it is drawn."""
    others = [name for name in scores.models if name not in KNOWN]
    return KNOWN[model].colour if model in KNOWN else f"C{others.index(model)}"


def _width(model: str) -> float:
    return 1.2 if model in REFERENCES else 2.2
