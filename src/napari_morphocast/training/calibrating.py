"""Learn from validation frames how wrong an ensemble is where its members differ."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_morphocast.evaluation.calibration import Calibration, variance
from napari_morphocast.training.checkpoint import amend
from napari_morphocast.training.trained import Trained
from napari_morphocast.training.trials import trials
from napari_morphocast.training.tuning import exchanged

if TYPE_CHECKING:
    from pathlib import Path

    import torch
    from numpy.typing import NDArray

    from napari_morphocast.data.windows import Windows


def calibrate(
    path: Path, validation: Windows, device: torch.device, fair: dict[str, torch.Tensor]
) -> None:
    """Note in the file of an ensemble how far its members can be trusted.

    ``fair`` is the start that has not seen the validation frames.

    Raises
    ------
    CheckpointError
        If the file cannot be read or written.
    """
    trained = Trained.read(path).to(device)
    with exchanged(trained.model, fair):
        leads = _errors(trained, validation)
    pictured = validation.parts[0].movie.pictured
    amend(path, calibration=Calibration.fit(leads, pictured))


def _errors(
    trained: Trained, validation: Windows
) -> list[tuple[NDArray[np.float32], NDArray[np.float32]]]:
    """Absolute errors and the members' variance by lead, both (C, pixels)."""
    found: dict[int, list[NDArray[np.float32]]] = {}
    for known, truth in trials(validation):
        members = trained.forecast_members(known, len(truth))
        both = np.stack([np.abs(members.mean(0) - truth), variance(members)], 1)
        for lead, pair in enumerate(both):  # (2, C, Y, X)
            found.setdefault(lead, []).append(pair.reshape(*pair.shape[:2], -1))
    pooled = (np.concatenate(found[lead], -1) for lead in sorted(found))
    return [(error, doubt) for error, doubt in pooled]
