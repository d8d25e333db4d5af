"""Part c: how long one forecast step takes, from grey levels to grey levels."""

from __future__ import annotations

from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from stopwatch import How, figure, ratio, seconds, take_turns
from table import Findings, Row
from throughput import RECIPE

from napari_morphocast.data.scaling import Scaling
from napari_morphocast.data.simulate import simulate
from napari_morphocast.training.checkpoint import Checkpoint
from napari_morphocast.training.config import Run
from napari_morphocast.training.trained import Trained

if TYPE_CHECKING:
    from collections.abc import Callable

    import torch


def measure(how: How) -> Findings:
    """Forecast one frame with our defaults and with the founding recipe, in turns."""
    rows = []
    for side in (64,) if how.quick else (200, 512):
        contenders = {
            "ours": _step(Run.make(), side, how),
            "founding": _step(Run.read(RECIPE), side, how),
        }
        found = take_turns(contenders, min(how.rounds, 5))
        rows.append(
            Row(
                "c",
                f"one step at {side} x {side}, ms",
                figure(1000 * median(found["ours"])),
                figure(1000 * median(found["founding"])),
                ratio(found["ours"], found["founding"]),
            )
        )
    return Findings(
        tuple(rows),
        "c: grey levels in, the next frame's grey levels out. Ours: the default "
        f"ConvLSTM after {Run.make().window.context} frames; beside: "
        "examples/morphogenesis.toml after 10.",
    )


def untrained(run: Run, device: torch.device) -> Trained:
    """A model with fresh weights, ready for use."""
    draft = Checkpoint(
        model=run.model,
        settings=run.settings.model_dump(),
        channels=1,
        window=run.window,
        scaling=Scaling(low=(0.0,), high=(255.0,)),
        training=run.training,
        movies=(),
    )
    return Trained(draft, draft.build().eval(), Path("untrained")).to(device)


def _step(run: Run, side: int, how: How) -> Callable[[], float]:
    model = untrained(run, how.device)
    movie = simulate("tissue", frames=model.context, size=(side, side)).movie
    known = movie.read(0, len(movie))
    times = 10 if how.fast else 1
    model.forecast(known, 1)  # warm up
    return lambda: seconds(lambda: model.forecast(known, 1), how.device, times)
