"""One step downhill along each objective: gradients, their length, the optimiser."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lightning_fabric import Fabric
    from torch import Tensor, nn

    from napari_morphocast.data.windows import Window
    from napari_morphocast.models.base import Objective, Stage
    from napari_morphocast.training.config import TrainConfig

MEMORY = 0.98  # of the usual length of a gradient
FADED = 1e-5  # of the longest usual gradient: less moves nothing any more
BETAS = 0.9, 0.999  # of AdamP, as of AdamW


class Descent:
    """The optimisers of a stage, one for each objective.

    Parameters
    ----------
    fabric : Fabric
        Where it is computed, and by how many processes.
    config : TrainConfig
        Learning rate, weight decay and clipping.
    """

    def __init__(self, fabric: Fabric, config: TrainConfig) -> None:
        self.fabric, self.config = fabric, config
        self.optimizers: dict[nn.Module, torch.optim.Optimizer] = {}
        self.longest: dict[str, float] = {}  # usual gradient of each objective, ever

    def begin(self, stage: Stage, states: Sequence[dict[str, Any]] = ()) -> None:
        """Make the stage's optimisers, as they were when their states were taken."""
        modules = dict.fromkeys(objective.module for objective in stage.objectives)
        self.optimizers = {module: self._optimizer(module, stage) for module in modules}
        for optimizer in self.optimizers.values():
            optimizer.param_groups[0]["usual"] = {}
        if states:
            for optimizer, state in zip(self.optimizers.values(), states, strict=True):
                optimizer.load_state_dict(state)
        for optimizer in self.optimizers.values():
            group = optimizer.param_groups[0]
            self.longest |= group.get("longest", {})
            group["longest"] = self.longest  # to be kept with the state

    def states(self) -> list[dict[str, Any]]:
        """What ``begin`` needs to go on from here."""
        return [optimizer.state_dict() for optimizer in self.optimizers.values()]

    @property
    def faded(self) -> bool:
        """Whether the gradients of an objective have all but vanished."""
        return any(
            usual < FADED * self.longest.get(name, 0.0)
            for optimizer in self.optimizers.values()
            for name, usual in optimizer.param_groups[0]["usual"].items()
        )

    def step(
        self, objective: Objective, batch: Window[Tensor], weight: float, rate: float
    ) -> Tensor:
        """Move the objective's own parameters, and no others; returns the loss.

        A gradient that is not finite moves nothing, and the loss is then NaN.
        """
        parameters = list(objective.module.parameters())
        optimizer = self.optimizers[objective.module]
        group = optimizer.param_groups[0]
        group["lr"] = min(rate, objective.fastest)
        optimizer.zero_grad(set_to_none=True)
        with self.fabric.autocast():
            loss = objective.loss(batch) * weight
        loss.backward(inputs=parameters)
        mean = self._shared(loss.detach(), parameters)
        if not self._clip(parameters, group["usual"], objective.name):
            return torch.full_like(mean, math.nan)
        optimizer.step()
        return mean

    def _optimizer(self, module: nn.Module, stage: Stage) -> torch.optim.Optimizer:
        rate, decay = self.config.learning_rate, self.config.weight_decay
        if stage.betas is None and self.config.optimizer == "adamw":
            return torch.optim.AdamW(module.parameters(), rate, weight_decay=decay)
        from pytorch_optimizer import AdamP  # takes a second to import

        projected: torch.optim.Optimizer = AdamP(
            module.parameters(), rate, betas=stage.betas or BETAS, weight_decay=decay
        )
        return projected

    def _clip(
        self, parameters: list[nn.Parameter], usual: dict[str, float], name: str
    ) -> bool:
        """Shorten an unusually long gradient; whether it is finite at all.

        A rollout that runs away has a gradient thousands of times the usual one; its
        trace in the optimiser's moments would spoil many steps to come.
        """
        before = usual.get(name, 0.0)
        most = self.config.clip * before or math.inf
        length = float(torch.nn.utils.clip_grad_norm_(parameters, most))
        if not math.isfinite(length):
            return False
        memory = MEMORY if before else 0.0
        usual[name] = memory * before + (1 - memory) * min(length, most)
        self.longest[name] = max(usual[name], self.longest.get(name, 0.0))
        return True

    def _shared(self, loss: Tensor, parameters: list[nn.Parameter]) -> Tensor:
        """Average loss and gradients over all processes, in one message."""
        if self.fabric.world_size == 1:
            return loss
        gradients = [p.grad for p in parameters if p.grad is not None]
        flat = torch.cat([loss.reshape(1), *(g.reshape(-1) for g in gradients)])
        flat = self.fabric.all_reduce(flat, reduce_op="mean")  # type: ignore[assignment]
        sizes = [1, *(g.numel() for g in gradients)]
        for gradient, values in zip(gradients, flat.split(sizes)[1:], strict=True):
            gradient.copy_(values.view_as(gradient))
        return flat[0]
