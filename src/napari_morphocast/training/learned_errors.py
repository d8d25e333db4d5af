"""What an adaptive loss has learned about a model's errors, in two numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from napari_morphocast.models.robust import AdaptiveLoss

if TYPE_CHECKING:
    from torch import Tensor, nn

    from napari_morphocast.data.scaling import Scaling


def of_losses(model: nn.Module, weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """Those of a model's weights that adaptive losses have: no forecast needs them."""
    parts = model.named_modules()
    names = tuple(f"{name}." for name, part in parts if isinstance(part, AdaptiveLoss))
    return {name: one for name, one in weights.items() if name.startswith(names)}


@torch.no_grad()
def learned_errors(model: nn.Module, scaling: Scaling) -> dict[str, float]:
    """``alpha`` and ``c`` of a model's adaptive loss; nothing if it has learned none.

    How much outliers count, from 0 (hardly) to 2 (in full), and from which error on one
    is, in grey levels: means over channels, places and members.
    """
    losses = [part for part in model.modules() if isinstance(part, AdaptiveLoss)]
    if not any(loss.learned for loss in losses):
        return {}
    alpha = torch.stack([loss.shape for loss in losses]).cpu()
    c = torch.stack([loss.scale for loss in losses]).cpu()
    span = torch.from_numpy(scaling.span[: c.shape[1]])
    return {"alpha": float(alpha.mean()), "c": float((c * span).mean())}
