"""What the Explore dock says of its points."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_morphocast.evaluation.wording import counted
from napari_morphocast.presenters.wording import duration

if TYPE_CHECKING:
    from napari_morphocast.evaluation.embedded import Embedded
    from napari_morphocast.presenters.explore_work import Explored


def heading(explored: Explored) -> str:
    """What the points are of."""
    embedded, order = explored.embedded, explored.order
    row = f" in windows of {embedded.window}" if embedded.window > 1 else ""
    many = _points(embedded, len(embedded))
    what = f"{many} of {embedded.movie}{row}"
    if order.cells is not None:
        what = f"{many}{row}: cells of “{order.cells.name}” in {embedded.movie}"
    return f"{what}, as the model {embedded.model} sees them"


def told(embedded: Embedded, point: int) -> str:
    """What one point is, line by line."""
    frame = int(embedded.frames[point])
    when = f"frame {frame}"
    if embedded.interval is not None:
        when += f" · {duration(frame * embedded.interval)}"
    lines = [when]
    if embedded.of_cells:
        lines.append(f"label {embedded.labels[point]}")
    levels = [f"{level:.3g}" for level in embedded.means[point]]
    lines.append(f"mean grey level {', '.join(levels)}")
    if np.isfinite(embedded.errors[point]):
        lines.append(f"error {embedded.errors[point]:.3g} grey levels")
    return "\n".join(lines)


def chosen(embedded: Embedded, count: int) -> str:
    """How many points are inside the lasso."""
    if not count:
        return ""
    return f"{count} of {_points(embedded, len(embedded))} chosen"


def _points(embedded: Embedded, count: int) -> str:
    return counted(count, "point" if embedded.of_cells else "frame")
