"""Part g: what number formats, memory layout and kernel search are worth here.

Only what pays here is switched on in ``training/devices.py``.
"""

from __future__ import annotations

import gc
import tempfile
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, cast

import torch
from stopwatch import How, figure, ratio, seconds, take_turns
from table import Findings, Row, aim
from throughput import RECIPE

from napari_morphocast import api
from napari_morphocast.data.simulate import simulate
from napari_morphocast.data.windows import Window
from napari_morphocast.models.base import Forecaster, model_class
from napari_morphocast.training.config import Hardware, Run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@dataclass(frozen=True, slots=True)
class Way:
    """One way of computing the same training step."""

    name: str
    tf32: bool = False
    bf16: bool = False
    channels_last: bool = False
    search: bool = False  # cudnn.benchmark


PLAIN = Way("plain float32")
ON_CUDA = (
    PLAIN,
    Way("TF32", tf32=True),
    Way("bf16-mixed", bf16=True),
    Way("channels_last", channels_last=True),
    Way("cudnn.benchmark", search=True),
    Way("TF32 + benchmark", tf32=True, search=True),
    Way("TF32 + benchmark + channels_last", True, False, True, True),
    Way("bf16 + benchmark", bf16=True, search=True),
    Way("bf16 + benchmark + channels_last", False, True, True, True),
)
ELSEWHERE = (PLAIN, Way("channels_last", channels_last=True))


def measure(how: How) -> Findings:
    """Time the training step of two recipes in every way."""
    ways = ON_CUDA if how.fast else ELSEWHERE
    side = 32 if how.quick else 128 if how.fast else 64
    rows = []
    for label, run in (("defaults", Run.make()), ("founding recipe", Run.read(RECIPE))):
        turns = {way.name: _step(run, way, side, how) for way in ways}
        found = take_turns(turns, how.rounds)
        plain = found[PLAIN.name]
        rows += [
            Row(
                "g",
                f"training step, {label}, {way.name}, ms",
                figure(1000 * median(found[way.name])),
                figure(1000 * median(plain)),
                ratio(found[way.name], plain),
            )
            for way in ways[1:]
        ]
    if how.fast:
        rows.append(_given_back(how))
    return Findings(
        tuple(rows),
        f"g: one optimiser step at {side} x {side}, batches of "
        f"{Run.make().training.batch} (defaults) and 1 (founding recipe). Beside: "
        "plain float32 without TF32, channels first, no kernel search; a ratio below "
        "1 is faster.",
    )


@contextmanager
def computing(way: Way) -> Iterator[None]:
    """Switch the device to one way of computing, and back."""
    before = torch.get_float32_matmul_precision()
    with ExitStack() as stack:
        stack.callback(torch.set_float32_matmul_precision, before)
        torch.set_float32_matmul_precision("high" if way.tf32 else "highest")
        stack.enter_context(
            torch.backends.cudnn.flags(
                enabled=True, benchmark=way.search, allow_tf32=way.tf32
            )
        )
        yield


def _step(run: Run, way: Way, side: int, how: How) -> Callable[[], float]:
    """Seconds of one optimiser step, whenever it is called."""
    torch.manual_seed(0)
    model = cast("Forecaster", model_class(run.model)(run.settings, 1))
    layout = torch.channels_last if way.channels_last else torch.contiguous_format
    model = model.to(how.device, memory_format=layout)  # type: ignore[call-overload]
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4)
    batch, spec = run.training.batch, run.window
    frames = torch.rand(batch, spec.length, 1, side, side, device=how.device)
    window = Window(frames[:, : spec.context], frames[:, spec.context :])

    def step() -> None:
        optimizer.zero_grad(set_to_none=True)
        with computing(way):
            with torch.autocast(how.device.type, torch.bfloat16, enabled=way.bf16):
                loss = model.loss(window)
            loss.backward()
        optimizer.step()

    for _ in range(5 if how.fast else 1):  # warm up
        step()
    return lambda: seconds(step, how.device, 20 if how.fast else 2)


def _given_back(how: How) -> Row:
    """Memory of the card that is allocated before and after a short training."""
    movie = simulate("tissue", frames=60, size=(128, 128)).movie
    before = _allocated()
    with tempfile.TemporaryDirectory() as folder:
        hardware = Hardware(device=str(how.device))
        torch.cuda.reset_peak_memory_stats(how.device)
        path = Path(folder, "short.morphocast")
        for _ in api.train(movie, path, Run.make(epochs=2), hardware=hardware):
            pass
        peak = torch.cuda.max_memory_allocated(how.device) / 2**20
    after = _allocated()
    return Row(
        "g",
        "GPU memory allocated after training, MiB",
        f"{after / 2**20:.1f}",
        f"{before / 2**20:.1f} before",
        f"peak {peak:.0f}",
        aim(after == before, "all given back"),
    )


def _allocated() -> int:
    gc.collect()
    torch.cuda.empty_cache()
    return torch.cuda.memory_allocated()
