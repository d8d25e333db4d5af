"""Part d: how long importing takes, and opening a dock in a real napari."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from children import environment, report_of
from stopwatch import How, figure, ratio, take_turns, with_display
from table import Findings, Row, aim

if TYPE_CHECKING:
    from collections.abc import Callable

SAMPLE = Path(__file__).parents[1] / "sample_data" / "tissue.ome.tif"
LONGEST = 1.0  # seconds until a dock is there
IMPORT = "import time; began = time.perf_counter(); import {}; "
PRINT = "print(time.perf_counter() - began)"


def measure(how: How) -> Findings:
    """Time imports, ``morphocast --help``, and both docks, each in fresh processes."""
    rounds = min(how.rounds, 5)
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        rows = _imports(home, rounds) + _docks(home, rounds)
    return Findings(
        rows,
        f"d: fresh processes, {rounds} rounds. A dock is timed from the command of the "
        "Plugins menu until it is drawn, with the sample movie open; beside: a dock "
        "with nothing but a label.",
    )


def _imports(home: Path, rounds: int) -> tuple[Row, ...]:
    help_page = [sys.executable, "-m", "napari_morphocast", "--help"]
    turns: dict[str, Callable[[], float]] = {
        "package": partial(_import_time, "napari_morphocast", home),
        "torch": partial(_import_time, "torch", home),
        "help": partial(_process_time, help_page, home),
        "nothing": partial(_process_time, [sys.executable, "-c", "pass"], home),
    }
    found = take_turns(turns, rounds)
    return (
        _row("import napari_morphocast, ms; beside torch", found, "package", "torch"),
        _row("morphocast --help, ms; beside bare Python", found, "help", "nothing"),
    )


def _docks(home: Path, rounds: int) -> tuple[Row, ...]:
    before = with_display()
    if before is None:
        return (Row("d", "opening a dock", "skipped: no display and no xvfb-run"),)
    late: list[str] = []

    def turn(name: str) -> float:
        found = report_of("napari_child.py", ["open", name, str(SAMPLE)], home, before)
        late.extend([name] if found["torch"] else [])
        return float(found["seconds"])

    turn("nothing")  # the first napari in a new home makes its settings
    late.clear()
    names = "Train", "Forecast", "nothing"
    found = take_turns({name: partial(turn, name) for name in names}, rounds)
    rows = []
    for name in names[:2]:
        met = median(found[name]) < LONGEST and name not in late
        wanted = "under 1 s" + (", but torch was imported" if name in late else "")
        row = _row(f"opening {name}, ms", found, name, "nothing", aim(met, wanted))
        rows.append(row)
    return tuple(rows)


def _import_time(module: str, home: Path) -> float:
    done = subprocess.run(
        [sys.executable, "-c", IMPORT.format(module) + PRINT],
        env=environment(home),
        capture_output=True,
        text=True,
        check=True,
    )
    return float(done.stdout)


def _process_time(command: list[str], home: Path) -> float:
    began = time.perf_counter()
    subprocess.run(command, env=environment(home), capture_output=True, check=True)
    return time.perf_counter() - began


def _row(
    what: str, found: dict[str, list[float]], name: str, other: str, *more: Any
) -> Row:
    ours, beside = found[name], found[other]
    return Row(
        "d",
        what,
        figure(1000 * median(ours)),
        figure(1000 * median(beside)),
        ratio(ours, beside),
        *more,
    )
