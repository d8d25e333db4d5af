"""Part e: whether napari stays responsive while the Train dock trains."""

from __future__ import annotations

import tempfile
from pathlib import Path
from statistics import median
from typing import Any

from children import report_of
from stopwatch import How, ratio, spread, with_display
from table import Findings, Row, aim

from napari_morphocast.data.io import write_movie
from napari_morphocast.data.simulate import simulate

MOST = 50.0  # milliseconds, the aim for the 99th percentile


def measure(how: How) -> Findings:
    """Count ticks of a 10 ms timer in a real viewer, idle and training."""
    before = with_display()
    if before is None:
        row = Row("e", "GUI ticks", "skipped: no display and no xvfb-run")
        return Findings((row,), "")
    seconds, rounds = (2.0, 1) if how.quick else (10.0, 3)
    frames, side = (200, 128) if how.fast else (120, 96)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "tissue.ome.tif")
        movie = simulate("tissue", frames=frames, size=(side, side)).movie
        write_movie(path, iter(movie.raw(0, frames)), like=movie, count=frames)
        found = [
            report_of(
                "napari_child.py",
                ["ticks", str(seconds), str(path)],
                Path(folder),
                before,
            )
            for _ in range(rounds)
        ]
    rows = [
        _row(found, kind, name)
        for kind, name in (
            ("p50", "median"),
            ("p99", "99th percentile"),
            ("worst", "worst"),
        )
    ]
    rows.append(_loading(found))
    return Findings(
        tuple(rows),
        f"e: gaps between the ticks of a 10 ms timer, {seconds:g} s idle and as long "
        f"while the Train dock trains its defaults on {frames} frames of {side} x "
        f"{side}, previews and curves included; {rounds} fresh napari(s). Beside: the "
        "same viewer and dock, idle.",
    )


def _row(found: list[dict[str, Any]], figure: str, name: str) -> Row:
    training = [one["training"][figure] for one in found]
    idle = [one["idle"][figure] for one in found]
    wanted = (
        aim(median(training) < MOST, f"under {MOST:g} ms") if figure == "p99" else ""
    )
    what = f"GUI tick while training, {name}, ms"
    return Row("e", what, spread(training), spread(idle), ratio(training, idle), wanted)


def _loading(found: list[dict[str, Any]]) -> Row:
    loading = [one["loading"]["worst"] for one in found]
    idle = [one["idle"]["worst"] for one in found]
    what = "GUI tick while torch is imported, worst, ms"
    return Row("e", what, spread(loading), spread(idle), ratio(loading, idle))
