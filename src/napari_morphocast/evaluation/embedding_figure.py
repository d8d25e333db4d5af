"""Codes as a picture: points on a plane, coloured by time, and the path through it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_morphocast.evaluation.figures import new_figure, save_figure
from napari_morphocast.evaluation.projection import NAMES
from napari_morphocast.evaluation.wording import time_unit

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from matplotlib.axes import Axes
    from matplotlib.collections import PathCollection
    from numpy.typing import NDArray

    from napari_morphocast.evaluation.embedded import Embedded
    from napari_morphocast.evaluation.projection import Projected

FAINT = "0.75"
AREA = 3000.0  # square points that all dots share
DOT = 3.0, 36.0  # smallest and largest area of one


def draw(path: str | Path, embedded: Embedded, maps: Sequence[Projected]) -> None:
    """Draw each projection of the same codes side by side.

    Parameters
    ----------
    path : path
        The PNG.
    embedded : Embedded
        The codes.
    maps : sequence of Projected
        At least one.
    """
    figure = new_figure(4.4 * len(maps) + 0.8, 4.4)
    panels = figure.subplots(1, len(maps), squeeze=False)[0]
    moment, unit = _moments(embedded)
    for axes, shown in zip(panels, maps, strict=True):
        dots = _panel(axes, embedded, shown, moment)
    figure.colorbar(dots, ax=list(panels), label=unit)
    what = "crops around cells" if embedded.of_cells else "frames"
    by = f"as the model {embedded.model} sees them"
    figure.suptitle(f"{len(embedded)} {what} of {embedded.movie}, {by}")
    save_figure(figure, path)


def _panel(
    axes: Axes, embedded: Embedded, shown: Projected, moment: NDArray[Any]
) -> PathCollection:
    order, leads = embedded.path()
    way = shown.points[order].astype(float)
    broken = np.insert(way, np.flatnonzero(~leads) + 1, np.nan, 0)
    axes.plot(broken[:, 0], broken[:, 1], color=FAINT, lw=0.6, zorder=1)
    area = float(np.clip(AREA / max(1, len(way)), *DOT))
    x, y = shown.points.T
    dots = axes.scatter(x, y, c=moment, s=area, cmap="viridis", lw=0)
    dots.set_zorder(2)
    axes.set(xlabel=shown.axes[0], ylabel=shown.axes[1], title=NAMES[shown.kind])
    axes.set_xticks([])
    axes.set_yticks([])
    return dots


def _moments(embedded: Embedded) -> tuple[NDArray[np.floating[Any]], str]:
    """Time of each point, and what it is counted in."""
    if embedded.interval is None:
        return embedded.frames.astype(float), "frame"
    last = float(embedded.frames.max(initial=0)) * embedded.interval
    size, unit = time_unit(last)
    return embedded.frames * embedded.interval / size, f"time ({unit})"
