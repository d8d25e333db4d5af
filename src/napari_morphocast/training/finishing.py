"""What is settled once a run has ended: how much to keep, and how far to trust it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_morphocast.training.calibrating import calibrate
from napari_morphocast.training.hedging import hedge
from napari_morphocast.training.tempering import temper

if TYPE_CHECKING:
    from pathlib import Path

    import torch

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
        Whether the weights were chosen by forecasts, not by a measure of their own.
    """
    kept = 1.0
    if state.start and forecasts:
        kept = temper(path, state, feed, device)
    if config.hedge and forecasts and feed.validation.spec.task == "forecast":
        hedge(path, feed.validation, device, state.fair)
    if config.members > 1:
        calibrate(path, feed.validation, device, state.fair)
    return kept
