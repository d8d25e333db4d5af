"""Where a run is in its stages: how long each lasts, how fast it learns by then."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_morphocast.models.base import Stage
    from napari_morphocast.training.config import TrainConfig
    from napari_morphocast.training.resume import RunState

WARMUP = 0.05  # share of a stage in which the learning rate rises
COLDEST = 0.02  # share of the peak learning rate that a stage ends with
SETTLED = 0.3  # share of a stage after which made images should look different
RETREATS = 1  # to the best weights, before a stage ends for want of better ones
SLOWER = 0.1  # learning rate after a retreat, relative to before


class Course:
    """The stages of a run, in order, and what of them is done.

    Epochs and minutes are divided by the stages' shares; what a stage leaves, because
    it got no better for a while, goes to those after it.

    Parameters
    ----------
    stages : sequence of Stage
        In order.
    config : TrainConfig
        Epochs, minutes, patience.
    state : RunState
        Counters of the run, which this only reads, but for ``advance``.
    """

    def __init__(
        self, stages: Sequence[Stage], config: TrainConfig, state: RunState
    ) -> None:
        self.stages, self.config, self.state = tuple(stages), config, state
        self.again = 0  # epoch of a run that waits anew since it was resumed
        self.again = state.epoch if self.plateau else 0

    @property
    def stage(self) -> Stage:
        """The stage that is on."""
        return self.stages[self.state.place]

    @property
    def last(self) -> bool:
        """Whether no stage follows."""
        return self.state.place == len(self.stages) - 1

    @property
    def forecast(self) -> bool:
        """Whether this stage or one before it was judged by forecasts."""
        return any(s.validate is None for s in self.stages[: self.state.place + 1])

    @property
    def left(self) -> int:
        """Stages of which no epoch is done, though this one may be on."""
        begun = self.state.epoch > self.state.began or self.state.place == 0
        return len(self.stages) - self.state.place - begun

    @property
    def epochs(self) -> int:
        """Epochs of the stage that is on."""
        left = max(0, self.config.epochs - self.state.began)
        if self.last:
            return left
        later = len(self.stages) - 1 - self.state.place
        return max(1, min(round(left * self._share), left - later))

    @property
    def seconds(self) -> float:
        """Seconds of the stage that is on; infinite without a limit."""
        if not self.config.minutes:
            return math.inf
        return (60 * self.config.minutes - self.state.since) * self._share

    @property
    def done(self) -> bool:
        """Whether all epochs of the stage are done."""
        return self.state.epoch - self.state.began >= self.epochs

    @property
    def late(self) -> bool:
        """Whether the time of the stage is up."""
        return self.state.seconds - self.state.since >= self.seconds

    @property
    def plateau(self) -> bool:
        """Whether unseen frames have not been forecast better for too long."""
        state = self.state
        since = max(state.began, state.best_epoch, state.retreated, self.again)
        waited = state.epoch - since
        return bool(self.config.patience) and waited >= self.config.patience

    def warmth(self, batches: int) -> float:
        """Share of the peak learning rate: a short rise, then half a cosine."""
        slower: float = SLOWER**self.state.retreats
        if self.config.schedule == "constant":
            return slower
        steps = (self.state.epoch - self.state.began) * batches + self.state.batch
        done = max((steps + 1) / (self.epochs * batches), self._spent)
        if done < WARMUP:
            return slower * done / WARMUP
        fall = min(1.0, (done - WARMUP) / (1 - WARMUP))
        height = COLDEST + (1 - COLDEST) * (1 + math.cos(math.pi * fall)) / 2
        return slower * height

    @property
    def settled(self) -> bool:
        """Whether the stage is so far that what it makes can be judged."""
        epochs = (self.state.epoch - self.state.began) / max(1, self.epochs)
        return max(epochs, self._spent) >= SETTLED

    def advance(self) -> None:
        """Go on to the next stage."""
        state = self.state
        state.place += 1
        state.began, state.since = state.epoch, state.seconds
        state.best, state.best_epoch = math.inf, state.epoch
        state.retreats, state.batch, state.loss = 0, 0, 0.0
        state.optimizers = []

    @property
    def _spent(self) -> float:
        """Share of the stage's time that is over; 0 without a limit."""
        return (self.state.seconds - self.state.since) / self.seconds

    @property
    def _share(self) -> float:
        """Share of what is left that this stage takes."""
        shares = [stage.share for stage in self.stages[self.state.place :]]
        return shares[0] / sum(shares)
