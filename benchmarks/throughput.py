"""Part a: training windows and supervised frames per second beside a textbook loop."""

from __future__ import annotations

import tempfile
import time
from itertools import islice
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, cast

import torch
from stopwatch import How, figure, finish, ratio, take_turns
from table import Findings, Row
from textbook import PAST, Textbook, descend

from napari_morphocast import api
from napari_morphocast.data.scaling import Scaling
from napari_morphocast.data.simulate import simulate
from napari_morphocast.data.windows import Part
from napari_morphocast.models.base import model_class
from napari_morphocast.models.convlstm import ConvLSTM, ConvLSTMConfig
from napari_morphocast.training.config import Hardware, Run
from napari_morphocast.training.events import BatchDone, Started

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from napari_morphocast.data.movie import Movie
    from napari_morphocast.training.events import Event

RECIPE = Path(__file__).parents[1] / "examples" / "morphogenesis.toml"
SAME = 1e-5  # largest difference of two outputs that count as equal
ENOUGH = 100_000  # epochs that no measurement sees the end of


def measure(how: How) -> Findings:
    """Train by our loop and by the textbook's, in turns."""
    frames, side = (450, 200) if how.fast else (100, 32 if how.quick else 64)
    movie = simulate("tissue", frames=frames, size=(side, side)).movie
    steps = 3 if how.quick else 40 if how.fast else 6
    largest = check_same_output(how.device)
    runs = {
        "founding": Run.read(RECIPE, epochs=ENOUGH),
        "dense": Run.read(RECIPE, epochs=ENOUGH, supervision="dense", warmup=2),
        "default": Run.make(
            "convlstm", epochs=ENOUGH, crop=0, until=1.0, validation=0.2, autosave=120.0
        ),
    }
    with tempfile.TemporaryDirectory() as folder:
        turns: dict[str, Callable[[], float]] = {
            name: _ours(movie, run, Path(folder, f"{name}.morphocast"), how, steps)
            for name, run in runs.items()
        }
        turns["textbook"] = _textbook(movie, how.device, steps)
        found = take_turns(turns, how.rounds)
    rows = [_row("training windows per second, same network", found, "founding", 1)]
    for name in ("dense", "default"):
        label = (
            "same network, dense" if name == "dense" else "our defaults, whole frames"
        )
        per_window = supervised(runs[name])
        rows.append(
            _row(f"supervised frames per second, {label}", found, name, per_window)
        )
    return Findings(
        tuple(rows),
        f"a: simulated tissue, {frames} frames of {side} x {side}; "
        f"{how.rounds} rounds of {steps} steps. Beside: the textbook loop on "
        "examples/morphogenesis.toml, one supervised frame per window. The two "
        f"networks' outputs differ by at most {largest:.1g}.",
    )


def check_same_output(device: torch.device, side: int = 40) -> float:
    """Largest difference between the textbook's output and ours, same weights.

    Raises
    ------
    RuntimeError
        If it is more than rounding; a comparison of speeds would be worth nothing.
    """
    run = Run.read(RECIPE)
    torch.manual_seed(0)
    ours = ConvLSTM(cast("ConvLSTMConfig", run.settings), 1).to(device)
    theirs = Textbook().to(device)
    theirs.copy_from(ours)
    context = torch.rand(2, PAST, 1, side, side, device=device)
    exact = torch.backends.cudnn.flags(enabled=True, allow_tf32=False)
    with torch.inference_mode(), exact:
        gap = (ours.forecast(context, 1)[:, 0] - theirs(context)).abs().max()
    if not float(gap) < SAME:
        raise RuntimeError(f"the textbook network differs from ours by {float(gap)}")
    return float(gap)


def supervised(run: Run) -> int:
    """How many frames of each window the loss looks at."""
    settings, window = cast("ConvLSTMConfig", run.settings), run.window
    dense = settings.supervision == "dense"
    first = min(settings.warmup, window.context) if dense else window.context
    return window.length - first


def scaled(movie: Movie, stop: int) -> torch.Tensor:
    """All frames scaled by what is seen before ``stop``, shape (T, C, Y, X)."""
    scaling = Scaling.fit([Part(movie, 0, stop)])
    return torch.from_numpy(scaling.apply(movie.read(0, len(movie))))


def _ours(
    movie: Movie, run: Run, path: Path, how: How, steps: int
) -> Callable[[], float]:
    """How many windows our loop learns from in a second, whenever it is called."""
    hardware = Hardware(device=str(how.device))
    events = api.train(movie, path, run, hardware=hardware)
    timed = _between_batches(events, how.device)
    list(islice(timed, 3))  # warm up
    return lambda: steps * run.training.batch / sum(islice(timed, steps))


def _between_batches(events: Iterator[Event], device: torch.device) -> Iterator[float]:
    """Seconds of every full batch that follows another, without validation."""
    batches, last = 0, 0
    began = time.perf_counter()
    for event in events:
        finish(device)
        now = time.perf_counter()
        if isinstance(event, Started):
            batches = event.batches
        if isinstance(event, BatchDone):
            if last == event.epoch and event.batch < batches:
                yield now - began
            last = event.epoch
        began = time.perf_counter()


def _textbook(movie: Movie, device: torch.device, steps: int) -> Callable[[], float]:
    run = Run.read(RECIPE)
    ours = model_class(run.model)(run.settings, 1)
    model = Textbook().to(device)
    model.copy_from(cast("ConvLSTM", ours))
    stop = round(0.8 * len(movie))
    losses = descend(model, scaled(movie, stop), stop, device)
    list(islice(losses, 3))  # warm up

    def turn() -> float:
        finish(device)
        began = time.perf_counter()
        list(islice(losses, steps))
        finish(device)
        return steps / (time.perf_counter() - began)

    return turn


def _row(what: str, found: dict[str, list[float]], name: str, times: int) -> Row:
    ours = [times * rate for rate in found[name]]
    return Row(
        "a",
        what,
        figure(median(ours)),
        figure(median(found["textbook"])),
        ratio(ours, found["textbook"]),
    )
