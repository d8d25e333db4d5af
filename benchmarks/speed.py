"""Measure how fast napari-morphocast is here, side by side with what it replaces.

    python benchmarks/speed.py [-o FILE] [--only a,b] [--skip memory] [--quick]

Prints one table, on whatever device there is. No figure stands alone: each has another
one beside it that was measured in the same run, in turns, and their ratio.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import alternatives
import first_forecast
import latency
import memory
import opening
import throughput
import ticking
import torch
from stopwatch import How
from table import Findings, report

from napari_morphocast.training.devices import choose

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

PARTS: dict[str, tuple[str, Callable[[How], Findings]]] = {
    "a": ("throughput", throughput.measure),
    "b": ("first-forecast", first_forecast.measure),
    "c": ("latency", latency.measure),
    "d": ("opening", opening.measure),
    "e": ("ticks", ticking.measure),
    "f": ("memory", memory.measure),
    "g": ("alternatives", alternatives.measure),
}
FEW_CORES = 2  # where torch gets one thread, so that the machine stays usable


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure what was asked for, print the table, and write it if wanted."""
    options = _options(arguments)
    if (os.cpu_count() or 1) <= FEW_CORES:
        os.environ["OMP_NUM_THREADS"] = "1"  # for the processes that are started
        torch.set_num_threads(1)
    how = How(choose(options.device), options.quick)
    if how.device.type == "cpu":
        os.environ["CUDA_VISIBLE_DEVICES"] = ""  # the docks shall not use it either
    command = f"benchmarks/speed.py{' --quick (no result)' if how.quick else ''}"
    findings, text = [], ""
    for letter in options.parts:
        name, measure = PARTS[letter]
        began = time.perf_counter()
        print(f"measuring {letter}, {name} …", file=sys.stderr, flush=True)
        findings.append(measure(how))
        took = time.perf_counter() - began
        print(f"measured {letter} in {took:.0f} s", file=sys.stderr, flush=True)
        text = report(findings, how.device, command)
        if options.output:  # after every part: a later one may take long, or fail
            options.output.write_text(text, encoding="utf-8")
    print(text)
    return 0


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    listed = ", ".join(f"{letter} = {name}" for letter, (name, _) in PARTS.items())
    parser = argparse.ArgumentParser(
        description="Measure speed side by side, and print one table.",
        epilog=f"Parts: {listed}. Letters and names both do, with commas between.",
    )
    parser.add_argument("-o", "--output", type=Path, help="also write the table here")
    parser.add_argument("--only", type=_parts, help="measure these parts")
    parser.add_argument("--skip", type=_parts, default=[], help="leave these parts out")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or mps")
    parser.add_argument(
        "--quick", action="store_true", help="see that it works; no result"
    )
    options = parser.parse_args(arguments)
    wanted = options.only or list(PARTS)
    options.parts = [letter for letter in wanted if letter not in options.skip]
    return options


def _parts(text: str) -> list[str]:
    """Letters of parts that are given by letter or by name."""
    letters = {name: letter for letter, (name, _) in PARTS.items()}
    chosen = [letters.get(word.strip(), word.strip()) for word in text.split(",")]
    unknown = [word for word in chosen if word not in PARTS]
    if unknown:
        raise argparse.ArgumentTypeError(
            f"there is no part {', '.join(unknown)}; choose from {', '.join(PARTS)}"
        )
    return chosen


if __name__ == "__main__":
    sys.exit(main())
