"""The spatially-displaced convolution beside the formulation with unfold.

    python benchmarks/displaced.py [-o TABLE]

Both make the same frame from kernels of 7 x 7 and a motion at every pixel, forwards and
backwards; prints how many times longer unfold takes, and how many frames' worth of
memory either one keeps for the way back. One thread; a first round is not counted.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from stopwatch import ratio, take_turns
from table import machine
from torch import Tensor
from torch.nn import functional as F

from napari_morphocast.models.displaced import Kernels, displaced

SIZES = 64, 128, 256
SIDE, ROUNDS = 7, 9
HEAD = (
    "| frame | forward, unfold / ours | with gradients | kept, unfold | kept, ours |",
    "|---|---|---|---|---|",
)

Method = Callable[[Tensor, Tensor, Kernels], Tensor]


def unfolded(frames: Tensor, motion: Tensor, kernels: Kernels) -> Tensor:
    """All 49 neighbours of every pixel as channels, sampled, then summed."""
    height, width = frames.shape[-2:]
    around = F.pad(frames, (SIDE // 2,) * 4, mode="replicate")
    planes = F.unfold(around, SIDE).view(len(frames), -1, height, width)
    y = motion[:, 0] + torch.arange(height)[:, None]
    x = motion[:, 1] + torch.arange(width)
    grid = torch.stack([2 * x / (width - 1) - 1, 2 * y / (height - 1) - 1], -1)
    taps = F.grid_sample(planes, grid, padding_mode="border", align_corners=True)
    weights = (kernels.rows[:, :, None] * kernels.columns[:, None]).flatten(1, 2)
    return (taps * weights).sum(1, keepdim=True)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-o", "--output", type=Path)
    given = parser.parse_args()
    torch.set_num_threads(1)
    lines = [*machine(torch.device("cpu"), "displaced.py"), "", *HEAD]
    for size in SIZES:
        forward, both = (_ratio(size, learning=it) for it in (False, True))
        kept = [_kept(method, size) for method in (unfolded, displaced)]
        lines.append(
            f"| {size} x {size} | {forward} | {both} | {kept[0]:.0f} frames "
            f"| {kept[1]:.0f} frames |"
        )
    print("\n".join(lines))
    if given.output is not None:
        given.output.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _scene(size: int) -> tuple[Tensor, Tensor, Kernels]:
    lot = torch.Generator().manual_seed(0)
    frames = torch.rand(1, 1, size, size, generator=lot)
    motion = 4 * torch.rand(1, 2, size, size, generator=lot) - 2
    rows, columns = torch.rand(2, 1, SIDE, size, size, generator=lot)
    scene = [frames, motion, rows, columns]
    for given in scene:
        given.requires_grad_()
    return scene[0], scene[1], Kernels(scene[2], scene[3])


def _ratio(size: int, *, learning: bool) -> str:
    """How many times longer unfold takes: median, and range of the rounds."""
    contenders = {
        method.__name__: partial(_time, method, size, learning=learning)
        for method in (unfolded, displaced)
    }
    take_turns(contenders, 1)  # warm up
    unfold, ours = take_turns(contenders, ROUNDS).values()
    return ratio(unfold, ours)


def _time(method: Method, size: int, *, learning: bool) -> float:
    """Seconds that the process computes, at every size for as many pixels."""
    took = 0.0
    for _ in range((SIZES[-1] // size) ** 2):
        frames, motion, kernels = _scene(size)
        began = time.process_time()
        with torch.set_grad_enabled(learning):
            made = method(frames, motion, kernels)
        if learning:
            made.sum().backward()
        took += time.process_time() - began
    return took


def _kept(method: Method, size: int) -> float:
    """Memory that is kept for gradients, in frames."""
    kept: dict[int, int] = {}

    def note(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    scene = _scene(size)
    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        method(*scene)
    return sum(kept.values()) / (4 * size**2)


if __name__ == "__main__":
    main()
