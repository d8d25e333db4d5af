"""The one training loop: models say what is optimised, this says how."""

from __future__ import annotations

import gc
import math
import time
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, cast

import torch
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from napari_morphocast.errors import TrainingError
from napari_morphocast.models.lots import mixed
from napari_morphocast.training.checkpoint import Checkpoint, save
from napari_morphocast.training.course import RETREATS, Course
from napari_morphocast.training.descent import Descent
from napari_morphocast.training.devices import choose, engine
from napari_morphocast.training.events import (
    SPOILED,
    BatchDone,
    Ending,
    EpochDone,
    Event,
    Finished,
    Saved,
    Started,
)
from napari_morphocast.training.feed import Feed, Shard
from napari_morphocast.training.finishing import finish
from napari_morphocast.training.learned_errors import learned_errors
from napari_morphocast.training.memory import ran_out, used_up
from napari_morphocast.training.resume import write_state
from napari_morphocast.training.tuning import exchanged
from napari_morphocast.training.validating import persistence, validate

if TYPE_CHECKING:
    import threading
    from collections.abc import Generator, Iterator
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from napari_morphocast.data.windows import Window, Windows
    from napari_morphocast.models.base import Forecaster, Model, Stage
    from napari_morphocast.training.config import Hardware
    from napari_morphocast.training.resume import RunState


@dataclass(frozen=True, slots=True, eq=False)
class Job:
    """What is trained, how, where to, and from where it goes on.

    ``draft`` is the checkpoint to be, all but its scores; ``state`` is where the run
    is, at its beginning or where it was stopped; ``note`` is told when it starts.
    """

    draft: Checkpoint
    path: Path
    hardware: Hardware
    stop: threading.Event
    state: RunState
    note: str = ""


def fit(model: Model, train: Windows, validation: Windows, job: Job) -> Iterator[Event]:
    """Train ``model`` in place, yielding an event for everything worth knowing.

    Always ends with ``Saved`` then ``Finished`` unless an exception leaves it. Set
    ``job.stop`` from any thread to end early with what has been learned so far.

    Raises
    ------
    TrainingError
        If memory runs out; says how much there was and what to change.
    """
    loop = None
    lacking = ""
    try:
        loop = _Loop(model, train, validation, job)
        yield from loop.run()
    except RuntimeError as error:  # NotImplementedError is one, too
        if ran_out(error):
            device, kept = choose(job.hardware.device), job.path.exists()
            raise TrainingError(used_up(device, job.draft, kept=kept)) from None
        if "implemented for the MPS device" not in str(error):
            raise
        lacking = str(error).split("'")[1]
    finally:
        if loop is not None:
            loop.release()
    if lacking:
        note = f"The Apple GPU lacks an operation ({lacking}), so the CPU is used."
        hardware = job.hardware.model_copy(update={"device": "cpu"})
        note = f"{job.note} {note}".strip()
        yield from fit(
            model, train, validation, replace(job, hardware=hardware, note=note)
        )


class _Loop:
    """One run: the state that changes, and the steps that change it."""

    def __init__(
        self, model: Model, train: Windows, validation: Windows, job: Job
    ) -> None:
        self.job, self.config, self.state = job, job.draft.training, job.state
        self.fabric = engine(job.hardware)
        self.device = self.fabric.device
        shard = Shard(self.fabric.global_rank, self.fabric.world_size)
        self.feed = Feed(
            train, validation, job.draft.scaling, self.config, self.device, shard
        )
        self.model = model.to(self.device)
        average = get_ema_multi_avg_fn(self.config.ema)
        self.average = AveragedModel(self.model, multi_avg_fn=average)
        self.course = Course(model.stages(), self.config, self.state)
        self.descent = Descent(self.fabric, self.config)
        self.began = time.monotonic() - self.state.seconds
        self.written = time.monotonic()
        self.persistence = persistence(self.model, self.feed)
        if self.state.weights:
            self.model.load_state_dict(self.state.weights)
            self.average.load_state_dict(self.state.average)

    def run(self) -> Iterator[Event]:
        """Stage after stage until there is a reason to end."""
        course, state = self.course, self.state
        yield self._started()
        why = yield from self._stage()
        while why in ("done", "time", "plateau") and not course.last:
            self._go_back()
            course.advance()
            why = yield from self._stage()
        if why == "stopped" and state.epoch == 0:
            start = state.best
            self._offer(self._validate()[0])
            state.best = start  # what the first epoch has to beat once the run goes on
        self._keep()
        kept = 1.0
        if self.fabric.is_global_zero:
            given = self.job.path, state, self.feed, self.config, self.device
            forecasts = self.course.forecast and math.isfinite(self.persistence)
            kept = finish(*given, forecasts=forecasts)
        yield Saved(self.job.path)
        yield Finished(why, kept)

    def _stage(self) -> Generator[Event, None, Ending]:
        """Epoch after epoch of one stage; returns why it ended."""
        course, state = self.course, self.state
        self.descent.begin(course.stage, state.optimizers)
        if not math.isfinite(state.best):
            self._offer(self._first_look())
        why: Ending = "done"
        while why == "done" and not course.done:
            why = yield from self._epoch(course.stage)
            if why in ("done", "time"):
                good = yield from self._check()
                why = why if good else "collapsed"
            if why == "done" and course.plateau:
                why = "plateau"
            if why in ("plateau", *SPOILED) and self._retreat():
                why = "done"
        return why

    def release(self) -> None:
        """Give the device's memory back."""
        self.model.cpu()
        del self.average, self.feed, self.descent
        gc.collect()
        if self.device.type == "cuda":
            torch.cuda.empty_cache()

    def _started(self) -> Started:
        return Started(
            epochs=self.config.epochs,
            batches=self.feed.batches,
            persistence=self.persistence,
            device=str(self.device),
            parameters=sum(p.numel() for p in self.model.parameters()),
            epoch=self.state.epoch,
            minutes=self.config.minutes,
            train=tuple(self.state.train),
            validation=tuple(self.state.validation),
            note=self.job.note,
            best_epoch=self.state.best_epoch,
        )

    def _epoch(self, stage: Stage) -> Generator[Event, None, Ending]:
        """Go through the rest of one epoch; returns "done", or why the run must end."""
        state = self.state
        rank = (self.fabric.global_rank,) if self.fabric.world_size > 1 else ()
        for batch, weight in self.feed.epoch(state.epoch, state.batch):
            torch.manual_seed(mixed(self.config.seed, state.epoch, state.batch, *rank))
            loss = self._step(stage, batch, weight)
            if not math.isfinite(loss):
                return "diverged"
            state.loss += loss
            state.batch += 1
            state.seconds, stop = self._agreed()
            yield BatchDone(state.epoch + 1, state.batch, loss, state.seconds)
            if stop:
                return "stopped"
            if self.course.late:
                return "time"
            if time.monotonic() - self.written >= self.config.autosave:
                self._keep()
        return "done"

    def _step(self, stage: Stage, batch: Window[Tensor], weight: float) -> float:
        """Descend once along what is due; returns the mean loss of the first's name.

        NaN if any loss is not finite.
        """
        self.model.train()
        rate = self.config.learning_rate * self.course.warmth(self.feed.batches)
        steps = self.state.epoch * self.feed.batches + self.state.batch
        losses = {}
        for objective in stage.objectives:
            if steps % objective.every == 0:
                losses[objective] = self.descent.step(objective, batch, weight, rate)
        self.average.update_parameters(self.model)
        if not all(loss.isfinite() for loss in losses.values()):
            return math.nan
        first = stage.objectives[0].name
        shown = [loss for one, loss in losses.items() if one.name == first]
        return float(torch.stack(shown).mean()) if shown else 0.0

    def _agreed(self) -> tuple[float, bool]:
        """Seconds so far and the wish to stop, the same in all processes."""
        seconds, stop = time.monotonic() - self.began, self.job.stop.is_set()
        if self.fabric.world_size == 1:
            return seconds, stop
        mine = torch.tensor([seconds, float(stop)], dtype=torch.float64)
        most = self.fabric.all_reduce(mine.to(self.device), reduce_op="max")
        return float(most[0]), bool(most[1])

    def _offer(self, validation: float) -> None:
        """Keep the weights as they are if nothing better is there yet.

        So no epoch is taken that is worse on the validation frames than what the run
        started from: a fresh model's regression or mixture, or the old model.
        """
        if not validation >= self.state.best:
            self.state.best = validation
            self._save(validation)

    def _first_look(self) -> float:
        """Begin a stage and validate; what makes forecasts worse is undone."""
        networks = self.model, self.average.module
        for network in networks:
            begin = cast("Model", network).stages()[self.state.place].begin
            if begin is not None:  # alike for both
                torch.manual_seed(mixed(self.config.seed, self.state.place))
                begin()
        validation, _ = self._validate()
        if self.course.stage.validate is not None:
            return validation
        doubt = self.course.stage.begin is not None
        while validation > self.persistence or doubt:
            doubt = False
            before = [deepcopy(network.state_dict()) for network in networks]
            fair = self.state.fair
            for network in networks:
                cast("Forecaster", network).forget()
            now, was = self.model.state_dict(), before[0]
            self.state.fair = {n: f for n, f in fair.items() if now[n].equal(was[n])}
            without, _ = self._validate()
            if not without < validation:
                self.state.fair = fair
                for network, weights in zip(networks, before, strict=True):
                    network.load_state_dict(weights)
                break
            validation = without
        return validation

    @property
    def _forecasts(self) -> bool:
        """Whether the stage is judged by forecasts, as "nothing moves" can be."""
        return self.course.stage.validate is None and math.isfinite(self.persistence)

    def _weights(self) -> dict[str, Tensor]:
        """A copy of the averaged weights, on the host."""
        weights = self.average.module.state_dict()
        return {name: tensor.cpu().clone() for name, tensor in weights.items()}

    def _check(self) -> Generator[Event, None, bool]:
        """End an epoch: look at unseen frames, keep the weights if they are better.

        Returns whether the networks are still sound.
        """
        state = self.state
        validation, preview = self._validate()
        sound = not self._collapsed()
        best = sound and validation < state.best
        state.train.append(state.loss / max(1, state.batch))
        state.validation.append(validation)
        state.epoch += 1
        state.batch, state.loss = 0, 0.0
        state.seconds, _ = self._agreed()
        if best:
            state.best, state.best_epoch = validation, state.epoch
            self._save(validation)
        yield EpochDone(
            epoch=state.epoch,
            train=state.train[-1],
            validation=validation,
            best=best,
            seconds=state.seconds,
            preview=preview,
            stage=self.course.stage.name,
            forecasts=self._forecasts,
            signals=self.model.signals(),
        )
        if best:
            yield Saved(self.job.path)
        return sound

    def _validate(self) -> tuple[float, NDArray[np.float32]]:
        """Mean loss on the validation windows, and pictures of the first ones."""
        self._share_buffers()
        model = cast("Model", self.average.module).eval()
        stage = model.stages()[self.state.place]
        with exchanged(model, self.state.fair), self.fabric.autocast():
            return validate(model, stage, self.feed)

    def _share_buffers(self) -> None:
        """Give all processes those of the first, so that they judge alike."""
        if self.fabric.world_size > 1:
            for buffer in (*self.model.buffers(), *self.average.buffers()):
                buffer.copy_(self.fabric.broadcast(buffer))

    @torch.no_grad()
    def _collapsed(self) -> bool:
        """Whether networks that play against each other have nothing more to say."""
        if not self.course.settled:
            return False
        if self.course.stage.game and self.descent.faded:
            return True
        model = cast("Model", self.average.module).eval()
        collapsed = model.stages()[self.state.place].collapsed
        return collapsed is not None and collapsed(self.feed.checks())

    def _retreat(self) -> bool:
        """Go back to the best weights, and on more slowly; False if that was done."""
        state = self.state
        if state.retreats == RETREATS:
            return False
        self._go_back()
        self.descent.begin(self.course.stage)
        state.optimizers, state.batch, state.loss = [], 0, 0.0
        state.retreats, state.retreated = state.retreats + 1, state.epoch
        return True

    def _go_back(self) -> None:
        """Take up the best weights again."""
        self.model.load_state_dict(self.state.kept)
        self.average.module.load_state_dict(self.state.kept)

    def _save(self, validation: float) -> None:
        """Write the averaged weights as the checkpoint, and the state beside it."""
        state = self.state
        scores = {
            "validation": validation,
            "epoch": float(state.epoch),
            "stages_left": float(self.course.left),
        }
        if self._forecasts:
            scores["persistence"] = self.persistence
        state.kept = self._weights()
        if self.config.caution and self._forecasts and not state.start:
            state.start = state.kept  # of a first look: no epoch is done
        if self.fabric.is_global_zero:
            scores |= learned_errors(self.average.module, self.job.draft.scaling)
            draft = self.job.draft.model_copy(update={"scores": scores})
            save(self.job.path, draft, state.kept)
        self._keep()

    def _keep(self) -> None:
        """Write what the run needs to go on."""
        self.written = time.monotonic()
        if not self.fabric.is_global_zero:
            return
        now = replace(
            self.state,
            weights=self.model.state_dict(),
            average=self.average.state_dict(),
            optimizers=self.descent.states() or self.state.optimizers,
        )
        write_state(self.job.path, now)
