"""Learn from validation frames how wrong an ensemble is where its members differ."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_morphocast.data.windows import Windows
from napari_morphocast.evaluation.calibration import Calibration, variance
from napari_morphocast.training.checkpoint import amend
from napari_morphocast.training.trained import Trained
from napari_morphocast.training.tuning import SIDE, exchanged, square

if TYPE_CHECKING:
    from pathlib import Path

    import torch
    from numpy.typing import NDArray

LONGEST = 12  # leads that are calibrated one by one, where there are frames for them
FEWEST, MOST = 4, 16  # windows that are forecast
PIXELS = 2**18  # to forecast in all, where that leaves enough windows


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
    windows = _far(validation)
    with exchanged(trained.model, fair):
        leads = _errors(trained, windows, _chosen(windows))
    pictured = validation.parts[0].movie.pictured
    amend(path, calibration=Calibration.fit(leads, pictured))


def _far(validation: Windows) -> Windows:
    """Windows that leave at least a third of the validation frames to foretell."""
    spec = validation.spec
    if spec.task == "between":
        return validation
    longest = max(part.stop - part.first for part in validation.parts)
    horizon = max(1, min(LONGEST, longest // 3))
    return Windows(validation.parts, spec.model_copy(update={"horizon": horizon}))


def _chosen(windows: Windows) -> NDArray[np.int64]:
    """Numbers of windows at even distances, fewer where frames are large."""
    plane = max(
        min(SIDE, height) * min(SIDE, width)
        for _, _, height, width in (part.movie.shape for part in windows.parts)
    )
    count = min(max(FEWEST, PIXELS // plane), MOST, len(windows))
    return np.linspace(0, len(windows) - 1, count).round().astype(int)


def _errors(
    trained: Trained, windows: Windows, chosen: NDArray[np.int64]
) -> list[tuple[NDArray[np.float32], NDArray[np.float32]]]:
    """Absolute errors and the members' variance by lead, both (C, pixels)."""
    rng = np.random.default_rng(0)
    found: dict[int, list[NDArray[np.float32]]] = {}
    for index in chosen:
        known, truth = _frames(windows, int(index), rng)
        members = trained.forecast_members(known, len(truth))
        both = np.stack([np.abs(members.mean(0) - truth), variance(members)], 1)
        for lead, pair in enumerate(both):  # (2, C, Y, X)
            found.setdefault(lead, []).append(pair.reshape(*pair.shape[:2], -1))
    pooled = (np.concatenate(found[lead], -1) for lead in sorted(found))
    return [(error, doubt) for error, doubt in pooled]


def _frames(
    windows: Windows, index: int, rng: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Known and later frames of one window, in grey levels.

    Of a forecast, all later frames that the part has, up to the longest lead.
    """
    place, spec = windows.place(index), windows.spec
    part, begin = windows.parts[place.part], place.target - spec.before
    order = list(spec.order)
    if spec.task == "forecast":
        order = list(range(min(spec.context + LONGEST, part.stop - begin)))
    frames = part.movie.read(begin, begin + len(order))
    shown = square(frames, rng)[order]
    return shown[: spec.context], shown[spec.context :]
