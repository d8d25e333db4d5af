"""Learn from validation frames how far ahead a forecaster is to be relied on."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import torch
from scipy.optimize import isotonic_regression

from napari_morphocast.models.denoised import Denoised, DenoisedConfig
from napari_morphocast.models.hedge import Hedge
from napari_morphocast.models.regression import STILL
from napari_morphocast.training.checkpoint import amend
from napari_morphocast.training.tempering import vouched
from napari_morphocast.training.trained import Trained
from napari_morphocast.training.trials import trials
from napari_morphocast.training.tuning import exchanged, stretches

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray
    from torch import Tensor

    from napari_morphocast.data.windows import Windows

TINY = 1e-12  # a squared error that is only rounding


def hedge(
    path: Path, validation: Windows, device: torch.device, fair: dict[str, Tensor]
) -> None:
    """Note in a forecaster's file how much of the blurred last frame to mix in.

    At each lead it is the share with which the validation frames would have been
    foretold best, as far as they vouch for it (``vouched``), and never less than at a
    shorter lead. The blur is that of the baseline ``denoised``, tuned on all known
    frames.

    Parameters
    ----------
    path : Path
        Checkpoint of a forecaster that foretells what comes next.
    validation : Windows
        Frames that were not trained on.
    device : torch.device
        Where to compute.
    fair : dict
        What the model begins with, found without the validation frames.

    Raises
    ------
    CheckpointError
        If the file cannot be read or written.
    """
    trained = replace(Trained.read(path).to(device), hedged=False)
    parts = [replace(part, first=0) for part in validation.parts]
    pictured = parts[0].movie.pictured
    model = Denoised(DenoisedConfig(), pictured)  # on the CPU, which counts in doubles
    seen = stretches(parts, model.lookback + 1, trained.checkpoint.scaling)
    model.tune(frames[:, :pictured] for frames in seen)
    with exchanged(trained.model, fair):
        leads = _products(trained, model.eval(), validation)
    frames = sum(part.stop - part.first for part in validation.parts)
    shares = [_share(found, frames / lead) for lead, found in enumerate(leads, 1)]
    rising = isotonic_regression(shares, weights=[len(found) for found in leads])
    share, sigma = rising.x.clip(0, 1).round(3).tolist(), model.sigma.tolist()
    furthest = max(len(share), len(sigma))
    further = {
        name: (*known, *[known[-1]] * (furthest - len(known)))
        for name, known in (("share", share), ("sigma", sigma))
    }
    amend(path, hedge=Hedge(**further))


def _products(
    trained: Trained, model: Denoised, validation: Windows
) -> list[NDArray[np.float64]]:
    """By lead, mean products of the errors of forecast and blurred frame, (N, 2, 2).

    In units of the error of "nothing moves", so that all windows count alike.
    """
    found: dict[int, list[NDArray[np.float64]]] = {}
    scaling, pictured = trained.checkpoint.scaling, validation.parts[0].movie.pictured
    for known, truth in trials(validation):
        ahead = trained.forecast(known, len(truth))
        last = torch.from_numpy(known[-1:, :pictured])[None]
        blurred = model.forecast(last, len(truth))[0].numpy()
        still = np.broadcast_to(known[-1, :pictured], blurred.shape)
        frames = np.stack([ahead[:, :pictured], blurred, still], 1)
        apart = (frames - truth[:, None, :pictured]) / scaling.span[:pictured]
        errors = apart.reshape(len(truth), 3, -1).astype(np.float64)
        for lead, each in enumerate(errors @ errors.swapaxes(1, 2) / errors.shape[-1]):
            found.setdefault(lead, []).append(each)
    return [_compared(np.stack(found[lead])) for lead in sorted(found)]


def _compared(products: NDArray[np.float64]) -> NDArray[np.float64]:
    """Products of the first two, in units of the third, (N, 2, 2)."""
    still = products[:, 2, 2]
    least = max(TINY, STILL * float(np.median(still)))
    return np.asarray(products[:, :2, :2] / still.clip(least)[:, None, None])


def _share(products: NDArray[np.float64], stretches: float) -> float:
    """Share of the second that makes the error of a mixture least, if vouched for."""
    mean = products.mean(0)
    apart = mean[0, 0] + mean[1, 1] - 2 * mean[0, 1]
    if apart < TINY:
        return 0.0
    share = float(np.clip((mean[0, 0] - mean[0, 1]) / apart, 0, 1))
    weights = np.array([1 - share, share])
    before, after = products[:, 0, 0], products @ weights @ weights
    return share * vouched(before, after, stretches) if share else 0.0
