"""What the command line shows: bars on a terminal, plain lines elsewhere."""

from __future__ import annotations

import json
import os
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

import typer

from napari_morphocast.training.events import (
    ENDINGS,
    BatchDone,
    EpochDone,
    Event,
    Progress,
    Started,
    as_dict,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from napari_morphocast.data.movie import Movie

ONLY = "fit"  # the stage of networks that have one
RANKS = "RANK", "LOCAL_RANK", "NODE_RANK", "GROUP_RANK", "SLURM_PROCID"


def leads() -> bool:
    """Whether this is the process that speaks, where several train together."""
    return all(os.environ.get(name, "0") == "0" for name in RANKS)


def say(text: str = "", *, aside: bool = False) -> None:
    """Print a line; aside, on stderr, where stdout belongs to a program."""
    if not leads():
        return
    try:
        typer.echo(text, err=aside)
    except BrokenPipeError:  # nobody reads on, as after "| head"; the work goes on
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115


def as_json(values: Any) -> str:
    """JSON without NaN, which is none."""
    from napari_morphocast.evaluation.exporting import plain

    return json.dumps(plain(values), allow_nan=False)


class Show(Protocol):
    """Shows which share of the work is done, 0..1, and maybe a few words."""

    def __call__(self, share: float, words: str = "") -> None:
        """Show both instead of what was shown before."""


@contextmanager
def bar(text: str) -> Iterator[Show]:
    """Give a function that moves a bar with this text, on a terminal."""
    if not sys.stderr.isatty() or not leads():
        yield _nothing
        return
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars

    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=30),
        TextColumn("{task.percentage:3.0f} %"),
        TimeRemainingColumn(),
    )
    with Bars(*columns, console=Console(stderr=True), transient=True) as shown:
        task = shown.add_task(text, total=1.0)

        def update(share: float, words: str = "") -> None:
            shown.update(task, completed=share, description=words or text)

        yield update


def follow(events: Iterable[Event], *, for_programs: bool = False) -> Progress:
    """Show a training run while it happens; returns where it ended."""
    progress = Progress()
    with bar("training") as show:
        for event in events:
            progress = progress.after(event)
            if for_programs:
                say(as_json(as_dict(event)))
            elif isinstance(event, Started):
                _begin(event)
            elif isinstance(event, EpochDone):
                say(epoch_line(progress, best=event.best))
            if isinstance(event, BatchDone | EpochDone):
                show(progress.share, f"epoch {progress.epoch + 1}")
    if progress.ended is not None:
        say(f"Ended: {ENDINGS[progress.ended]}.", aside=for_programs)
        if progress.remark:
            say(progress.remark, aside=for_programs)
    return progress


def epoch_line(progress: Progress, *, best: bool = False) -> str:
    """One epoch in one line, with what is learned in it, and the line to beat."""
    width, line = len(str(progress.epochs)), progress.persistence
    counted = f"epoch {progress.epoch:>{width}}/{progress.epochs}"
    parts = (
        f"epoch {progress.epoch}" if progress.minutes else counted,
        *([progress.stage] if progress.stage != ONLY else []),
        f"train {progress.train[-1]:.5f}",
        f"validation {progress.validation[-1]:.5f}",
        *([f"nothing moves {line:.5f}"] if progress.forecasts else []),
        *(f"{name} {values[-1]:.2f}" for name, values in progress.signals.items()),
        f"{progress.seconds:.0f} s",
    )
    return "   ".join(parts) + ("   best so far" if best else "")


def warn(sentences: Iterable[str], *, aside: bool = False) -> None:
    """Say what must not be overlooked."""
    for sentence in sentences:
        say(f"WARNING: {sentence}", aside=aside)


def describe(movie: Movie) -> str:
    """A movie in one line."""
    from napari_morphocast.evaluation.wording import duration

    t, c, y, x = movie.pictures.shape
    parts = [f"{t} frames", f"{c} channel" + "s" * (c > 1), f"{y} x {x} pixels"]
    parts += ["cells"] * movie.labels
    parts.append(str(movie.dtype))
    known = movie.interval
    parts.append(f"{duration(known)} per frame" if known else "unknown time step")
    size = movie.pixel_size
    parts.append(f"{size[1]:.4g} µm per pixel" if size else "unknown pixel size")
    return f"{movie.name}: {', '.join(parts)}"


def _nothing(share: float, words: str = "") -> None:
    """Show nothing."""


def _begin(event: Started) -> None:
    again = f", going on after epoch {event.epoch}" if event.epoch else ""
    say(
        f"Training on {event.device}: {event.parameters:,} parameters, "
        f"{event.batches} batches per epoch{again}."
    )
    if event.note:
        say(event.note)
