"""Error by intensity of damage as a picture: one panel for each kind of damage."""

from __future__ import annotations

from itertools import zip_longest
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_morphocast.evaluation.baselines import KNOWN, REFERENCES
from napari_morphocast.evaluation.damage import DAMAGES, DOUBLED
from napari_morphocast.evaluation.figures import new_figure, save_figure
from napari_morphocast.evaluation.wording import ahead

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from napari_morphocast.evaluation.damage import Damage
    from napari_morphocast.evaluation.robustness import Robustness

ACROSS = 3  # panels in a row
LABELS = 7  # most numbers below a panel
FEW = 4  # intensities; so few have their own numbers instead of round ones
BEYOND = 3.0  # how far intervals are drawn below and above all errors, as a factor
GAP = 0.4  # decades between no damage and the weakest
RING: dict[str, Any] = {
    "marker": "o",
    "linestyle": "none",
    "markerfacecolor": "white",
    "markersize": 6,
    "zorder": 4,
}


def draw(found: Robustness, path: str | Path) -> None:
    """Draw mean squared error by intensity, with 95 % intervals."""
    across = min(ACROSS, len(found.damages))
    rows = -(-len(found.damages) // across)  # of panels for each lead
    down = rows * len(found.leads)
    figure = new_figure(max(7, 4 * across), 1.2 + 3.0 * down)
    grid = figure.subplots(down, across, sharey=True, squeeze=False)
    for lead, panels in zip(found.leads, np.split(grid, len(found.leads)), strict=True):
        for axes, damage in zip_longest(panels.flat, found.damages):
            if damage is None:
                axes.set_axis_off()
            else:
                _panel(axes, found, damage, lead)
    _clip(grid[0, 0], [row.value for row in found.rows if row.metric == "mse"])
    for axes in grid[:, 0]:
        axes.set_ylabel("mean squared error\n(grey levels²)")
    grid[0, 0].plot([], [], color="0.3", label="error has doubled", **RING)
    figure.legend(
        *grid[0, 0].get_legend_handles_labels(),
        loc="outside lower center",
        ncols=max(2, across),
        frameon=False,
        fontsize=9,
    )
    title = f"{found.movie}: forecasts from damaged frames (bands: 95 % intervals)"
    figure.suptitle(title, wrap=True)
    save_figure(figure, path)


def _clip(axes: Axes, errors: Sequence[float]) -> None:
    """Let the errors decide what is shown, not the widest interval."""
    known = [error for error in errors if 0 < error < np.inf]
    if known:
        low, high = axes.get_ylim()
        axes.set_ylim(max(low, min(known) / BEYOND), min(high, max(known) * BEYOND))


def _panel(axes: Axes, found: Robustness, damage: str, lead: int) -> None:
    """Draw one kind of damage at one lead."""
    kind = DAMAGES[damage]
    tried = [row.intensity for row in found.of(found.models[0], damage, lead=lead)]
    places = _places(kind, tried)
    for model in found.models:
        _curve(axes, found, (model, damage, lead), places)
    ticks = {float(places[0]): "none"} | _ticks(kind, tried, places)
    axes.set_xticks(list(ticks), list(ticks.values()))
    axes.set(yscale="log", xlabel=kind.axis)
    axes.set_title(f"{kind.title}, {ahead(lead, found.interval)} ahead", fontsize=11)
    axes.grid(axis="y", color="0.92")
    axes.spines[["top", "right"]].set_visible(False)


def _curve(
    axes: Axes,
    found: Robustness,
    which: tuple[str, str, int],
    places: NDArray[np.float64],
) -> None:
    """Draw one model's errors with their intervals, and where they have doubled."""
    model, damage, lead = which
    rows = found.of(model, damage, lead=lead)
    values = [row.value for row in rows]
    trivial = model in REFERENCES
    (line,) = axes.plot(
        places,
        values,
        color=KNOWN[model].colour if trivial else None,
        linewidth=1.2 if trivial else 2.4,
        marker=".",
        markersize=4,
        zorder=2 if trivial else 3,
        label=f"{model}: '{REFERENCES[model]}'" if trivial else model,
    )
    colour = line.get_color()
    lows, highs = [row.low for row in rows], [row.high for row in rows]
    axes.fill_between(places, lows, highs, color=colour, alpha=0.15, linewidth=0)
    doubled = found.doubling(model, damage, lead=lead)
    if doubled is not None:
        tried = [row.intensity for row in rows]
        place = _place(doubled, DAMAGES[damage], tried, places)
        at = values[tried.index(doubled)] if doubled in tried else DOUBLED * values[0]
        axes.plot(place, at, color=colour, **RING)


def _places(kind: Damage, tried: Sequence[float]) -> NDArray[np.float64]:
    """Where intensities lie on the axis; none at all a little before the weakest."""
    if kind.even:
        return np.arange(len(tried), dtype=np.float64)
    marks = np.log10(tried[1:])
    return np.concatenate([marks[:1] - GAP, marks])


def _place(
    intensity: float,
    kind: Damage,
    tried: Sequence[float],
    places: NDArray[np.float64],
) -> float:
    """Where an intensity lies that was not tried."""
    if kind.even or intensity <= tried[1]:
        return float(np.interp(intensity, tried, places))
    return float(np.log10(intensity))


def _ticks(
    kind: Damage, tried: Sequence[float], places: NDArray[np.float64]
) -> dict[float, str]:
    """Places on the axis with the numbers to write there: few and round."""
    if kind.even or len(tried) < FEW:
        step = -(-(len(tried) - 1) // LABELS) or 1
        chosen = range(len(tried) - 1, 0, -step)
        return {float(places[i]): kind.number(tried[i]) for i in chosen}
    marks = np.log10([kind.shown(intensity) for intensity in tried[1:]])
    order = np.argsort(marks)
    decades = range(-3, 7)
    for digits in ((1, 2, 5), (1,)):
        round_ = [digit * 10.0**decade for decade in decades for digit in digits]
        inside = [n for n in round_ if marks.min() <= np.log10(n) <= marks.max()]
        if len(inside) <= LABELS:
            break
    where = np.interp(np.log10(inside), marks[order], places[1:][order])
    return {float(w): f"{n:g}" for w, n in zip(where, inside, strict=True)}
