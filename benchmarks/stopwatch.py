"""Measuring side by side: rounds that take turns, medians, ratios with their spread."""

from __future__ import annotations

import math
import os
import shutil
import sys
import time
from dataclasses import dataclass
from statistics import median
from types import SimpleNamespace
from typing import TYPE_CHECKING

import torch

from napari_morphocast.training import fit

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


@dataclass(frozen=True, slots=True)
class How:
    """Where to measure, and whether thoroughly or only to see that it works."""

    device: torch.device
    quick: bool

    @property
    def rounds(self) -> int:
        """How often each contender has its turn."""
        return 2 if self.quick else 7

    @property
    def fast(self) -> bool:
        """Whether the device is fast enough for large pictures."""
        return self.device.type == "cuda"


def count_cpu_time() -> None:
    """Let minutes of training be what this process has computed, on one core."""
    torch.set_num_threads(1)
    fit.time = SimpleNamespace(monotonic=time.process_time)  # type: ignore[assignment, attr-defined]


def take_turns(
    contenders: Mapping[str, Callable[[], float]], rounds: int
) -> dict[str, list[float]]:
    """Let every contender measure itself once a round, every other round backwards.

    Whatever slows the machine down for a while then slows all of them.
    """
    found: dict[str, list[float]] = {name: [] for name in contenders}
    for number in range(rounds):
        order = list(contenders)
        for name in reversed(order) if number % 2 else order:
            found[name].append(contenders[name]())
    return found


def ratio(ours: Sequence[float], beside: Sequence[float]) -> str:
    """Median of the ratios within the rounds, with the lowest and the highest."""
    return spread([a / b for a, b in zip(ours, beside, strict=True)])


def spread(values: Sequence[float]) -> str:
    """Median, lowest and highest: "1.3 (1.2 to 1.4)"; one value stands alone."""
    low, high = figure(min(values)), figure(max(values))
    middle = figure(median(values))
    return middle if len(values) == 1 else f"{middle} ({low} to {high})"


def figure(value: float) -> str:
    """Three digits that count, or all of them before the point."""
    return f"{value:.0f}" if 1000 <= value < math.inf else f"{value:.3g}"


def finish(device: torch.device) -> None:
    """Wait until the device has done what it was told."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def seconds(work: Callable[[], object], device: torch.device, times: int = 1) -> float:
    """Wall time of ``work`` on a device, a mean over ``times`` calls."""
    finish(device)
    began = time.perf_counter()
    for _ in range(times):
        work()
    finish(device)
    return (time.perf_counter() - began) / times


def with_display() -> list[str] | None:
    """What to put before a command that opens windows; None where none can open."""
    if sys.platform != "linux":
        return []
    if os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"):
        return []
    if shutil.which("xvfb-run"):
        screen = "-screen 0 1280x1024x24"
        return ["xvfb-run", "--auto-servernum", "--server-args", screen]
    return None
