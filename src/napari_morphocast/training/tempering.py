"""Keep as much of what a run has learned as its validation frames vouch for."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import numpy as np
import torch

from napari_morphocast.training.checkpoint import read, save
from napari_morphocast.training.learned_errors import learned_errors, of_losses
from napari_morphocast.training.tuning import exchanged
from napari_morphocast.training.validating import losses

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray
    from torch import Tensor

    from napari_morphocast.models.base import Forecaster
    from napari_morphocast.training.feed import Feed
    from napari_morphocast.training.resume import RunState

# Usual deviation of the gain from one stretch of frames to another: a part of any
# gain, and a part of the gain itself.
USUAL, USUAL_SHARE = 0.05, 0.5


def temper(path: Path, state: RunState, feed: Feed, device: torch.device) -> float:
    """Move the weights in a checkpoint back towards those that the run began with.

    Where validation frames are few, luck has a say in which epoch is the best. So the
    weights become ``start + share (learned - start)``, as Wortsman et al.
    (2022, arXiv:2109.01903, equation 1) do with finetuned ones. If the network
    between both is worse than their losses promise, by more than luck makes it, the
    nearer one is taken. What an adaptive loss has learned about errors is kept whole.

    Parameters
    ----------
    path : Path
        Checkpoint of a forecaster; its scores then say which share was ``kept``.
    state : RunState
        Weights before forecasts were learned, and at their best.
    feed : Feed
        Gives the validation windows.
    device : torch.device
        Where they are.

    Returns
    -------
    float
        The share of what was learned that is kept.

    Raises
    ------
    CheckpointError
        If the file cannot be read or written.
    """
    start, learned = state.start, state.kept
    if all(torch.equal(start[name], one) for name, one in learned.items()):
        return 1.0
    checkpoint, model = read(path)
    forecaster = cast("Forecaster", model).to(device).eval()

    def judged(weights: dict[str, Tensor]) -> NDArray[np.float64]:
        forecaster.load_state_dict(weights)
        with exchanged(forecaster, state.fair):
            return losses(forecaster, feed)

    start = start | of_losses(forecaster, learned)
    before, after = judged(start), judged(learned)
    share = vouched(before, after, feed.validation.stretches)
    weights = _between(start, learned, share)
    found = judged(weights).mean()
    expected = (1 - share) * before.mean() + share * after.mean()
    if not found <= expected + 2 * USUAL * before.mean():
        share = float(round(share))
        weights, found = (learned, after.mean()) if share else (start, before.mean())
    forecaster.load_state_dict(weights)
    scores = checkpoint.scores | {"validation": float(found), "kept": share}
    scores |= learned_errors(forecaster, checkpoint.scaling)
    save(path, checkpoint.model_copy(update={"scores": scores}), weights)
    return share


def vouched(
    before: NDArray[np.float64], after: NDArray[np.float64], stretches: float
) -> float:
    """Share of what was learned that is worth keeping, 0..1.

    The positive part of James and Stein's estimate: 1 less the variance of the mean
    gain over its square. Neighbouring windows share frames, so the variance is that
    between stretches without overlap, with the usual one as if it was seen once more.

    Parameters
    ----------
    before, after : NDArray
        Losses of the start and of what was learned, of all windows in time order.
    stretches : float
        How many times the frames hold what a window foretells; of more than there are
        windows none is seen.
    """
    gains = (before - after) / before.mean()
    gain = float(gains.mean())
    if gain <= 0:
        return 0.0
    stretches = max(1.0, min(stretches, len(gains)))
    count = int(stretches)
    means = np.array([part.mean() for part in np.array_split(gains, count)])
    usual = USUAL**2 + (USUAL_SHARE * gain) ** 2
    variance = (usual + ((means - gain) ** 2).sum()) / count
    return float(max(0.0, 1 - variance / stretches / gain**2))


def _between(
    start: dict[str, Tensor], learned: dict[str, Tensor], share: float
) -> dict[str, Tensor]:
    return {
        name: torch.lerp(start[name], one, share) if one.is_floating_point() else one
        for name, one in learned.items()
    }
