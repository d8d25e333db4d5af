"""What a training run tells: small frozen values that any screen can draw."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

Ending = Literal["done", "time", "plateau", "stopped", "diverged", "collapsed"]

ENDLESS = 100_000  # epochs: the time limit alone decides
ENDINGS: dict[Ending, str] = {
    "done": "all epochs done",
    "time": "the time is up",
    "plateau": "no better on unseen frames for a while",
    "stopped": "stopped; what was learned is kept",
    "diverged": "the loss became NaN; the last good weights are kept. "
    "Try a smaller learning rate",
    "collapsed": "the networks no longer play against each other (all frames alike, or "
    "nothing more to learn); the last good weights are kept. Try another seed, or a "
    "smaller learning rate",
}
SPOILED = "diverged", "collapsed"  # endings of runs that went wrong
UNIMPROVED = (
    "No epoch forecast the validation frames better than what training began with, so "
    "the model forecasts as that does."
)
UNVOUCHED = (
    "What was learned forecast the validation frames better, but they are too few to "
    "vouch for so little: the model forecasts as it did before."
)
PARTLY = (
    "The validation frames vouch for {:.0f} % of what was learned: that much was kept."
)
MOST = 0.9  # of what was learned: that less was kept is worth a word


@dataclass(frozen=True, slots=True)
class Started:
    """Training begins, or goes on after ``epoch`` epochs with their two curves.

    ``persistence`` is the validation loss of "nothing moves": the line to beat.
    ``best_epoch`` is the best of them so far, 0 if none was better than the start.
    ``note`` is a sentence for the user, if there is anything to say.
    """

    epochs: int
    batches: int
    persistence: float
    device: str
    parameters: int
    epoch: int = 0
    minutes: float = 0.0
    train: tuple[float, ...] = ()
    validation: tuple[float, ...] = ()
    note: str = ""
    best_epoch: int = 0


@dataclass(frozen=True, slots=True)
class BatchDone:
    """One optimiser step was made; both counts start at 1."""

    epoch: int
    batch: int
    loss: float
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class EpochDone:
    """One pass over the training windows ended and was checked on unseen frames.

    ``preview`` has the shape (N, C, Y, X), in the movie's grey levels: last input,
    forecast and truth of one validation window, or some frames that were made.
    ``stage`` is what is being learned, ``signals`` what else is worth watching, and
    ``forecasts`` whether the losses are those of forecasts, as of "nothing moves".
    """

    epoch: int
    train: float
    validation: float
    best: bool
    seconds: float
    preview: NDArray[np.float32] | None = field(default=None, compare=False, repr=False)
    stage: str = ""
    signals: Mapping[str, float] = field(default_factory=dict)
    forecasts: bool = True


@dataclass(frozen=True, slots=True)
class Saved:
    """The best weights so far lie in ``path``."""

    path: Path


@dataclass(frozen=True, slots=True)
class Finished:
    """The run is over; ``why`` is one of ``ENDINGS``.

    ``kept`` is the share of what was learned that the validation frames vouch for.
    """

    why: Ending
    kept: float = 1.0


Event = Started | BatchDone | EpochDone | Saved | Finished


def as_dict(event: Event) -> dict[str, Any]:
    """What ``--events jsonl`` prints: the event's name and numbers, no pictures."""
    values = (
        asdict(replace(event, preview=None))
        if isinstance(event, EpochDone)
        else asdict(event)
    )
    values.pop("preview", None)
    plain = {k: str(v) if isinstance(v, Path) else v for k, v in values.items()}
    return {"event": type(event).__name__, **plain}


@dataclass(frozen=True, slots=True)
class Progress:
    """What bars and curves draw: everything told so far, folded into one value."""

    epochs: int = 0
    batches: int = 0
    epoch: int = 0
    batch: int = 0
    persistence: float = float("nan")
    device: str = ""
    minutes: float = 0.0
    train: tuple[float, ...] = ()
    validation: tuple[float, ...] = ()
    seconds: float = 0.0
    best_epoch: int = 0
    stage: str = ""
    forecasts: bool = True
    signals: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    path: Path | None = None
    ended: Ending | None = None
    kept: float = 1.0

    def after(self, event: Event) -> Progress:
        """Progress once ``event`` has happened."""
        match event:
            case Started():
                return replace(
                    self,
                    epochs=event.epochs,
                    batches=event.batches,
                    persistence=event.persistence,
                    device=event.device,
                    epoch=event.epoch,
                    minutes=event.minutes,
                    train=event.train,
                    validation=event.validation,
                    best_epoch=event.best_epoch,
                    ended=None,
                )
            case BatchDone():
                return replace(self, batch=event.batch, seconds=event.seconds)
            case EpochDone():
                return replace(
                    self,
                    epoch=event.epoch,
                    batch=0,
                    train=(*self.train, event.train),
                    validation=(*self.validation, event.validation),
                    seconds=event.seconds,
                    best_epoch=event.epoch if event.best else self.best_epoch,
                    stage=event.stage,
                    forecasts=event.forecasts,
                    signals={
                        name: (*self.signals.get(name, ()), value)
                        for name, value in event.signals.items()
                    },
                )
            case Saved():
                return replace(self, path=event.path)
            case Finished():
                return replace(self, ended=event.why, kept=event.kept)

    @property
    def share(self) -> float:
        """Share of the run that is done, 0..1: of its batches or of its time limit."""
        total = self.epochs * self.batches
        done = (self.epoch * self.batches + self.batch) / total if total else 0.0
        timed = self.seconds / (60 * self.minutes) if self.minutes else 0.0
        return min(1.0, max(done, timed))

    @property
    def remark(self) -> str:
        """What to say of a run that brought little; empty if it brought much."""
        known = self.validation and math.isfinite(self.persistence)
        if known and not self.best_epoch:
            return UNIMPROVED
        if self.kept < MOST:
            return PARTLY.format(100 * self.kept) if self.kept else UNVOUCHED
        return ""
