"""How well a model foretells the validation frames."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import torch

from napari_morphocast.data.windows import Window
from napari_morphocast.models.base import Forecaster

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray
    from torch import Tensor

    from napari_morphocast.models.base import Model, Stage
    from napari_morphocast.training.feed import Feed


@torch.no_grad()
def validate(
    model: Model, stage: Stage, feed: Feed
) -> tuple[float, NDArray[np.float32]]:
    """Mean loss on the validation windows, and pictures of the first ones."""
    measure = stage.validate or model.validate
    total = count = 0.0
    preview = np.empty((0,), np.float32)
    for batch in feed.checks():
        loss, found = measure(batch)
        total += float(loss) * len(batch.target)
        count += len(batch.target)
        if not preview.size:
            preview = feed.grey(model.pictures(batch, found).float())
    return total / count, preview


@torch.no_grad()
def losses(model: Forecaster, feed: Feed) -> NDArray[np.float64]:
    """Loss of each validation window by itself, in time order."""
    found = [float(model.validate(window)[0]) for window in _one_by_one(feed)]
    return np.array(found)


@torch.no_grad()
def persistence(model: Model, feed: Feed) -> float:
    """Validation loss of "nothing moves"; NaN for what does not forecast."""
    if not isinstance(model, Forecaster):
        return math.nan
    still = [
        float(model.criterion(context[:, -1:].expand_as(target), target))
        for context, target in _one_by_one(feed)
    ]
    return float(np.mean(still))


def _one_by_one(feed: Feed) -> Iterator[Window[Tensor]]:
    for batch in feed.checks():
        for context, target in zip(*batch, strict=True):
            yield Window(context[None], target[None])
