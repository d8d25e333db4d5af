"""What a run needs to go on as if it had never been interrupted."""

from __future__ import annotations

import pickle
from dataclasses import asdict, dataclass, field, fields
from typing import TYPE_CHECKING, Any

import torch
from pydantic import ValidationError

from napari_morphocast.errors import CheckpointError
from napari_morphocast.training.checkpoint import Checkpoint, replacing

if TYPE_CHECKING:
    from pathlib import Path

    from napari_morphocast.training.config import TrainConfig


@dataclass(slots=True)
class RunState:
    """Where a run is: counters, curves, weights (raw, averaged, best), optimisers.

    Everything random follows from the seed and these counters, so no generator's
    state is kept.
    """

    epoch: int = 0
    batch: int = 0
    loss: float = 0.0  # summed over the batches of this epoch
    seconds: float = 0.0
    best: float = float("inf")
    best_epoch: int = 0
    retreats: int = 0  # to the best weights, to go on more slowly
    retreated: int = 0  # epoch of the last one
    place: int = 0  # of the stage that is on, in order
    began: int = 0  # epoch before the stage's first one
    since: float = 0.0  # seconds at which the stage began
    train: list[float] = field(default_factory=list)
    validation: list[float] = field(default_factory=list)
    weights: dict[str, Any] = field(default_factory=dict)
    average: dict[str, Any] = field(default_factory=dict)
    optimizers: list[dict[str, Any]] = field(default_factory=list)
    kept: dict[str, Any] = field(default_factory=dict)  # averaged, at their best
    start: dict[str, Any] = field(default_factory=dict)  # and before any forecast
    fair: dict[str, Any] = field(default_factory=dict)  # start to be judged with
    draft: str = ""  # the checkpoint to be, as JSON

    def complete(self, training: TrainConfig) -> bool:
        """Whether these settings leave nothing to do."""
        timed_out = training.minutes and self.seconds >= 60 * training.minutes
        return bool(timed_out) or self.epoch >= training.epochs


def state_path(path: Path) -> Path:
    """Where the state of the run that makes the checkpoint ``path`` lies."""
    return path.with_name(path.name + ".resume")


def write_state(path: Path, state: RunState) -> None:
    """Keep the state of the run that makes the checkpoint ``path``."""
    with replacing(state_path(path)) as temporary:
        try:
            torch.save(asdict(state), temporary)
        except RuntimeError as error:  # how torch says that the disk is full
            raise OSError(f"the disk may be full; {error}".splitlines()[0]) from None


def read_state(path: Path) -> RunState:
    """Read the state of the run that makes the checkpoint ``path``; runs no code.

    Raises
    ------
    CheckpointError
        If there is none, or it is damaged.
    """
    where = state_path(path)
    if not where.is_file():
        raise CheckpointError(
            f"There is nothing to resume beside {path} (no file {where.name}); "
            "train without resuming, or finetune from the model."
        )
    try:
        values = torch.load(where, weights_only=True, map_location="cpu")
        return RunState(**{f.name: values[f.name] for f in fields(RunState)})
    except (RuntimeError, OSError, EOFError, KeyError, TypeError, ValueError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
    except pickle.UnpicklingError:
        reason = "it is no state of a run"
    raise CheckpointError(
        f"{where} is damaged ({reason}); delete it and finetune from the model instead."
    )


def begun_with(state: RunState, path: Path) -> Checkpoint:
    """Settings and movies that the run which makes ``path`` began with.

    Raises
    ------
    CheckpointError
        If it was begun by a version that has other settings.
    """
    try:
        return Checkpoint.model_validate_json(state.draft)
    except ValidationError as error:
        where = ".".join(map(str, error.errors()[0]["loc"]))
        raise CheckpointError(
            f"The run that makes {path} was begun by another version of "
            f"napari-morphocast (it differs in {where or 'all'}); finetune from the "
            "model instead."
        ) from None
