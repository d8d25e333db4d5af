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

    import numpy as np
    import torch
    from numpy.typing import NDArray

OTHERS = "unet", "latent_lstm", "sdc_net"  # rollouts beside those of the ConvLSTM


def measure(how: How) -> Findings:
    """Forecast one frame with our defaults and with the founding recipe, in turns."""
    rows = []
    for side in (64,) if how.quick else (200, 512):
        ours, founding = Run.make("convlstm"), Run.read(RECIPE)
        turns = {
            "ours": _first(ours, side, how),
            "founding": _first(founding, side, how),
            "ours further": _further(ours, side, how),
            "founding further": _further(founding, side, how),
            **{name: _further(Run.make(name), side, how) for name in OTHERS},
        }
        found = take_turns(turns, min(how.rounds, 5))
        size = f"{side} x {side}, ms"
        rows += [
            _row(f"one step at {size}", found["ours"], found["founding"]),
            _row(
                f"each further step of a rollout at {size}",
                found["ours further"],
                found["founding further"],
            ),
            *(
                _row(f"the same by {name}", found[name], found["ours further"])
                for name in OTHERS
            ),
        ]
    return Findings(
        tuple(rows),
        "c: grey levels in, the next frame's grey levels out. Ours: the default "
        f"ConvLSTM after {Run.make('convlstm').window.context} frames; beside: "
        "examples/morphogenesis.toml after 10, and our ConvLSTM beside the others.",
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


def _first(run: Run, side: int, how: How) -> Callable[[], float]:
    """Seconds from known frames to the next one, whenever it is called."""
    model = untrained(run, how.device)
    known = _known(model, side)
    times = 10 if how.fast else 1
    model.forecast(known, 1)  # warm up
    return lambda: seconds(lambda: model.forecast(known, 1), how.device, times)


def _further(run: Run, side: int, how: How) -> Callable[[], float]:
    """Seconds from one frame of a rollout to the next, whenever it is called."""
    model = untrained(run, how.device)
    frames = model.unroll(_known(model, side))
    times = 10 if how.fast else 2
    for _ in range(2):  # warm up
        next(frames)
    return lambda: seconds(lambda: next(frames), how.device, times)


def _known(model: Trained, side: int) -> NDArray[np.float32]:
    movie = simulate("tissue", frames=model.context, size=(side, side)).movie
    return movie.read(0, len(movie))


def _row(what: str, ours: list[float], beside: list[float]) -> Row:
    here, there = (figure(1000 * median(times)) for times in (ours, beside))
    return Row("c", what, here, there, ratio(ours, beside))
