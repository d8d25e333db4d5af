"""What is settled once a run has ended: how much to keep, and how far to trust it."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from napari_morphocast.training.calibrating import calibrate
from napari_morphocast.training.checkpoint import read, save
from napari_morphocast.training.hedging import hedge
from napari_morphocast.training.tempering import temper
from napari_morphocast.training.tuning import exchanged
from napari_morphocast.training.validating import losses, persistence

if TYPE_CHECKING:
    from pathlib import Path

    import torch
    from torch import Tensor

    from napari_morphocast.models.base import Forecaster
    from napari_morphocast.training.config import TrainConfig
    from napari_morphocast.training.feed import Feed
    from napari_morphocast.training.resume import RunState


def finish(
    path: Path,
    state: RunState,
    feed: Feed,
    config: TrainConfig,
    device: torch.device,
    *,
    forecasts: bool,
) -> float:
    """Settle what a checkpoint holds; returns the share of what was learned.

    Parameters
    ----------
    path : Path
        Checkpoint of the best weights.
    state : RunState
        Where the run has come to.
    feed : Feed
        Gives the validation windows.
    config : TrainConfig
        What was asked for.
    device : torch.device
        Where to compute.
    forecasts : bool
        Whether it has learned to forecast, and not only what that needs first.
    """
    kept = 1.0
    if forecasts:
        _require_scores(path, feed, device, state.fair)
    if state.start and forecasts:
        kept = temper(path, state, feed, device)
    if config.hedge and forecasts and feed.validation.spec.task == "forecast":
        hedge(path, feed.validation, device, state.fair)
    if config.members > 1:
        calibrate(path, feed.validation, device, state.fair)
    return kept


def _require_scores(
    path: Path, feed: Feed, device: torch.device, fair: dict[str, Tensor]
) -> None:
    """Score forecasts where the weights are from a stage with a measure of its own."""
    checkpoint, model = read(path)
    if "persistence" in checkpoint.scores:
        return
    forecaster = cast("Forecaster", model).to(device).eval()
    with exchanged(forecaster, fair):
        validation = float(losses(forecaster, feed).mean())
    found = {"validation": validation, "persistence": persistence(forecaster, feed)}
    known = checkpoint.model_copy(update={"scores": checkpoint.scores | found})
    save(path, known, forecaster.state_dict())
