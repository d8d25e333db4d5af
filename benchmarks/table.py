"""What was measured as one table that people and programs can read."""

from __future__ import annotations

import os
import platform
from dataclasses import astuple, dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import torch

import napari_morphocast

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

HEAD = ("", "what", "ours", "beside", "ratio", "aim")


@dataclass(frozen=True, slots=True)
class Row:
    """One line: our figure, what it is compared with, and the ratio of the two.

    ``aim`` is empty where there is none, else says whether it was met.
    """

    part: str
    what: str
    ours: str
    beside: str = ""
    ratio: str = ""
    aim: str = ""


@dataclass(frozen=True, slots=True)
class Findings:
    """Rows of one part of the benchmark, and a sentence on how they were made."""

    rows: tuple[Row, ...]
    note: str


def aim(met: bool, wanted: str) -> str:
    """Say whether an aim was met, in words that cannot be overlooked."""
    return f"met ({wanted})" if met else f"aim missed ({wanted})"


def report(findings: Sequence[Findings], device: torch.device, command: str) -> str:
    """Date, machine, one table, and a note for every part."""
    rows = [row for found in findings for row in found.rows]
    notes = [f"- {found.note}" for found in findings if found.note]
    return "\n".join([*machine(device, command), "", *_lines(rows), "", *notes, ""])


def _lines(rows: Sequence[Row]) -> Iterable[str]:
    cells = [HEAD, *(astuple(row) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for number, line in enumerate(cells):
        padded = [cell.ljust(w) for cell, w in zip(line, widths, strict=True)]
        yield f"| {' | '.join(padded)} |"
        if number == 0:
            yield f"|{'|'.join('-' * (w + 2) for w in widths)}|"


def machine(device: torch.device, command: str) -> list[str]:
    return [
        f"{datetime.now().astimezone():%Y-%m-%d %H:%M %Z}, {command}",
        f"{_processor()}, {os.cpu_count()} cores, {torch.get_num_threads()} used by "
        f"torch; {_card(device)}",
        f"napari-morphocast {napari_morphocast.__version__}, torch "
        f"{torch.__version__}, Python {platform.python_version()}, {platform.system()}",
    ]


def _processor() -> str:
    listing = Path("/proc/cpuinfo")
    if listing.is_file():
        for line in listing.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _card(device: torch.device) -> str:
    if device.type != "cuda":
        return "no GPU used" if device.type == "cpu" else f"device {device}"
    memory = torch.cuda.get_device_properties(device).total_memory
    return (
        f"{torch.cuda.get_device_name(device)} with {memory / 2**30:.0f} GB, CUDA "
        f"{torch.version.cuda}"
    )
