"""Several networks that forecast together: where they differ, nobody can be sure."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor, nn

from napari_morphocast.data.windows import Window
from napari_morphocast.models.base import Forecaster

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from napari_morphocast.models.base import ModelConfig, Stage, Validate


class Ensemble(Forecaster):
    """Members of one kind that differ by where they began and what they saw when.

    Each is trained by its own optimiser on its own windows and forecasts from its own
    forecasts (deep ensembles, Lakshminarayanan et al., 2017); what is foretold is
    their mean.

    Parameters
    ----------
    kind : type of Forecaster
        What every member is.
    config : ModelConfig
        Settings of every member.
    channels : int
        Channels of a frame.
    size : int
        How many members.
    """

    def __init__(
        self, kind: type[Forecaster], config: ModelConfig, channels: int, size: int
    ) -> None:
        super().__init__(config, channels)
        self.members = nn.ModuleList(kind(config, channels) for _ in range(size))

    @property
    def shortest_context(self) -> int:
        """Fewest frames that the members can start from."""
        return self._each[0].shortest_context

    @property
    def lookback(self) -> int:
        """How many of the frames before a target the members look at."""
        return self._each[0].lookback

    def tune(self, stretches: Iterable[Tensor]) -> None:
        """Let every member find what can be found at once, on its own random half."""
        kept = list(stretches)
        for number, member in enumerate(self._each):
            lot = torch.Generator().manual_seed(number)
            order = torch.randperm(len(kept), generator=lot).tolist()
            member.tune([kept[place] for place in order[: -(-len(kept) // 2)]])

    @property
    def found(self) -> dict[str, Tensor]:
        """What each member found."""
        return {
            f"members.{number}.{name}": found
            for number, member in enumerate(self._each)
            for name, found in member.found.items()
        }

    def forget(self) -> None:
        """Undo what all members found."""
        for member in self._each:
            member.forget()

    def unroll(self, context: Tensor) -> Iterator[Tensor]:
        """Foretell the mean of the members' own free-running forecasts."""
        for frames in self.unroll_members(context):
            yield frames.mean(0)

    def unroll_members(self, context: Tensor) -> Iterator[Tensor]:
        """Foretell frame after frame with every member, shape (M, B, C, Y, X)."""
        ahead = [member.unroll(context) for member in self._each]
        while True:
            yield torch.stack([next(frames) for frames in ahead])

    def criterion(self, forecast: Tensor, target: Tensor) -> Tensor:
        """Scalar distance from the truth, as the members measure it."""
        return self._each[0].criterion(forecast, target)

    def stages(self) -> tuple[Stage, ...]:
        """The members' stages side by side, each objective on the member's windows."""
        together = zip(*(member.stages() for member in self._each), strict=True)
        return tuple(self._joined(stages) for stages in together)

    @property
    def _each(self) -> list[Forecaster]:
        return [cast("Forecaster", member) for member in self.members]

    def _joined(self, stages: tuple[Stage, ...]) -> Stage:
        objectives = tuple(
            replace(objective, loss=self._on_own_windows(objective.loss, number))
            for number, stage in enumerate(stages)
            for objective in stage.objectives
        )
        return replace(
            stages[0],
            objectives=objectives,
            validate=_joint(stages),
            begin=_all_begin(stages),
        )

    def _on_own_windows(
        self, loss: Callable[[Window[Tensor]], Tensor], number: int
    ) -> Callable[[Window[Tensor]], Tensor]:
        """Limit a loss to the windows of one member: of M, every M-th."""
        size = len(self.members)

        def own(batch: Window[Tensor]) -> Tensor:
            first = number % len(batch.context)
            return loss(Window(*(part[first::size] for part in batch)))

        return own


def _all_begin(stages: tuple[Stage, ...]) -> Callable[[], None] | None:
    """Begin every member's stage, where there is something to begin."""
    each = [stage.begin for stage in stages if stage.begin is not None]
    if not each:
        return None

    def begin() -> None:
        for one in each:
            one()

    return begin


def _joint(stages: tuple[Stage, ...]) -> Validate | None:
    """Mean loss and mean finding of the members' own measures, where they have one."""
    each = [stage.validate for stage in stages if stage.validate is not None]
    if not each:
        return None

    def validate(batch: Window[Tensor]) -> tuple[Tensor, Tensor]:
        losses, found = zip(*(measure(batch) for measure in each), strict=True)
        return torch.stack(losses).mean(), torch.stack(found).mean(0)

    return validate
