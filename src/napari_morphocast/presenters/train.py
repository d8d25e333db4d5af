"""What the Train dock does: check, start, follow, stop, and say how it went."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

from napari_morphocast.errors import (
    CheckpointError,
    MorphocastError,
    MovieError,
    SettingsError,
)
from napari_morphocast.presenters.job import Job
from napari_morphocast.presenters.model_files import facts_if_any, makes
from napari_morphocast.presenters.run_files import new_path, resumable
from napari_morphocast.presenters.train_state import TrainState, no_resuming
from napari_morphocast.presenters.train_wording import (
    CHECKING,
    MAKES,
    beside,
    judgement,
    nothing_learned,
    unseen,
)
from napari_morphocast.training.events import (
    SPOILED,
    EpochDone,
    Event,
    Progress,
    Started,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from napari_morphocast.data.movie import Movie
    from napari_morphocast.evaluation.estimates import Score
    from napari_morphocast.presenters.forecasting import Result
    from napari_morphocast.presenters.job import Background


@dataclass(frozen=True, slots=True)
class Choices:
    """What was chosen on the screen: a model, its settings by name, and hardware."""

    model: str
    settings: Mapping[str, Any]
    folder: Path
    device: str = "auto"
    precision: str = "auto"


@dataclass(frozen=True, slots=True, eq=False)
class Order:
    """One run: what it learns from, how, and where its model goes.

    ``start_from`` is a model to finetune; ``goes_on`` says that the run that makes
    ``path`` is resumed. ``source`` is the view's own reminder of where the movies
    came from.
    """

    movies: tuple[Movie, ...]
    choices: Choices
    path: Path
    start_from: Path | None = None
    goes_on: bool = False
    source: object = None


class TrainView(Protocol):
    """All that the presenter may ask of a screen."""

    def movies(self) -> tuple[Sequence[Movie], object]:
        """Movies to learn from, and what reminds the view of where they are from."""

    def choices(self) -> Choices:
        """What is chosen now; raises a MorphocastError if something is unreadable."""

    def show_state(self, state: TrainState) -> None:
        """Draw everything."""

    def show_preview(self, frames: NDArray[np.float32], order: Order) -> None:
        """Show last input, forecast and truth, shape (3, C, Y, X), in grey levels."""

    def show_forecasts(
        self,
        order: Order,
        done: Callable[[Result | None], None],
        stop: threading.Event,
    ) -> None:
        """Forecast the movie with the model that is ready now, until ``stop`` is set.

        ``done`` gets the prediction one frame ahead, or None if there is none.
        """


class Trainer(Protocol):
    """Checks and carries out orders; the real one imports torch."""

    def check(self, order: Order) -> None:
        """Raise a MorphocastError for anything wrong that is quickly found."""

    def events(self, order: Order, stop: threading.Event) -> Iterator[Event]:
        """Train; called in a thread, for it looks at every frame first."""

    def rival(self, order: Order, stop: threading.Event) -> Score | None:
        """Skill against the best baseline but persistence; called in a thread."""


class TrainPresenter:
    """Trains for one viewer, and outlives the docks that show it.

    Screens come and go with ``attach`` and ``detach``; when the last one is gone,
    the run is stopped, saves what it learned, and speaks to nobody.
    """

    def __init__(
        self,
        background: Background,
        trainer: Trainer,
        *,
        last: Path | None = None,
        keep: Callable[[Path], None] = lambda _: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._background = background
        self._trainer = trainer
        self._clock = clock
        self._views: list[TrainView] = []
        self._job: Job | None = None
        self._order: Order | None = None
        self._check_stop = threading.Event()
        self._began: tuple[float, float] | None = None  # time, and share done by then
        self._last = last  # model of the newest run, this session's or an earlier
        self._keep = keep
        self.state = TrainState(resumable=resumable(last))
        background.watch(self._notice)

    @property
    def order(self) -> Order | None:
        """The run that is on its way, or the last one."""
        return self._order

    def attach(self, view: TrainView) -> None:
        """Show everything on one more screen."""
        self._views.append(view)
        view.show_state(self.state)

    def detach(self, view: TrainView) -> None:
        """A screen is gone, and must not be spoken to any more."""
        if view in self._views:
            self._views.remove(view)
        if not self._views:
            self.stop()
            self._check_stop.set()

    def start(self, view: TrainView, start_from: Path | None = None) -> None:
        """Train a new model, from scratch or from an earlier one."""
        try:
            movies, source = view.movies()
            if not movies:
                raise MovieError("There is no movie to learn from; open one first.")
            choices = view.choices()
            path = new_path(choices.folder, movies[0].name, datetime.now())
            order = Order(
                tuple(movies), choices, path, start_from=start_from, source=source
            )
            self._begin(order, Progress())
        except MorphocastError as error:
            self._set(error=error.on_screen)

    def resume(self, view: TrainView) -> None:
        """Go on with the last run, up to the epochs or minutes chosen now."""
        try:
            path = resumable(self._last)
            if path is None:
                raise CheckpointError("There is no run to go on with; train one first.")
            movies, source = view.movies()
            choices = view.choices()
            reason = no_resuming(self.state, choices.settings)
            if reason:
                raise SettingsError(reason)
            order = Order(tuple(movies), choices, path, goes_on=True, source=source)
            self._begin(order, self.state.progress)
        except MorphocastError as error:
            self._set(error=error.on_screen)

    def stop(self) -> None:
        """End the run soon, or the check of its model; what was learned is kept."""
        if self._job is not None:
            self._job.stop.set()
        elif self.state.checking:
            self._check_stop.set()
        else:
            return
        self._set(stopping=True)

    def stop_if(self, concerned: Callable[[Order], bool]) -> None:
        """End the run if it is about something that has just gone."""
        if self._order is not None and concerned(self._order):
            self.stop()

    def _begin(self, order: Order, progress: Progress) -> None:
        self._trainer.check(order)
        job = Job(
            title=f"Training on {order.movies[0].name}",
            items=iter(()),
            on_items=self._take,
            on_error=self._fail,
            on_end=self._end,
        )
        # Not started before somebody asks, which is in the thread.
        job = replace(job, items=_lazily(self._trainer, order, job.stop))
        self._check_stop.set()
        before = self._order, self.state
        self._job, self._order, self._began = job, order, None
        self._last = order.path
        self.state = TrainState(running=True, progress=replace(progress, ended=None))
        try:
            self._background.run(job)
        except MorphocastError:
            self._job, (self._order, self.state) = None, before
            raise
        self._keep(order.path)
        self._set()

    def _take(self, events: list[Any]) -> None:
        progress, preview = self.state.progress, None
        for event in events:
            progress = progress.after(event)
            if isinstance(event, Started):
                self._began = self._clock(), progress.share
                self._set(note=event.note)
            if isinstance(event, EpochDone) and event.preview is not None:
                preview = event.preview
        self._set(progress=progress, remaining=self._remaining(progress))
        if preview is not None and self._order is not None:
            for view in self._views[-1:]:
                view.show_preview(preview, self._order)

    def _remaining(self, progress: Progress) -> float | None:
        if self._began is None:
            return None
        began, before = self._began
        gained = progress.share - before
        if gained <= 0.005:
            return None
        return (self._clock() - began) * (1 - progress.share) / gained

    def _fail(self, message: str) -> None:
        path = self._order.path if self._order is not None else None
        short = message if path is None else message.replace(str(path), repr(path.name))
        self._set(error=short)

    def _end(self) -> None:
        self._job = None
        self._set(
            running=False,
            stopping=False,
            remaining=None,
            resumable=resumable(self._last),
        )
        order, progress = self._order, self.state.progress
        if order is None or self.state.error:
            return
        if not progress.validation:
            self._set(verdict=nothing_learned(progress.ended))
        elif progress.ended in (None, *SPOILED):
            return
        elif makes(order.path):
            self._set(verdict=MAKES)
        else:
            self._check(order)

    def _check(self, order: Order) -> None:
        """Forecast the movie, and judge the model by the frames it has not seen."""
        stop = self._check_stop = threading.Event()

        def say(verdict: str) -> None:
            if order is self._order and not self.state.running:
                self._set(verdict=verdict, checking=False, stopping=False)

        began = self.state.progress.remark

        def done(result: Result | None) -> None:
            said = f"{judgement(result)} {began}".strip()
            say(said)
            fresh = result and unseen(result) and not result.begun.between
            if fresh and not stop.is_set():
                self._background.ask(
                    lambda: self._trainer.rival(order, stop),
                    lambda skill: say(
                        " ".join([said, *beside(skill, facts_if_any(order.path))])
                    ),
                    lambda _: None,  # the verdict stands without it
                )

        for view in self._views[-1:]:
            self._set(verdict=CHECKING, checking=True)
            view.show_forecasts(order, done, stop)

    def _notice(self) -> None:
        job = self._background.job
        other = job is not None and job is not self._job
        self._set(busy=job.title if job is not None and other else "")

    def _set(self, **changes: Any) -> None:
        self.state = replace(self.state, **changes)
        for view in tuple(self._views):
            view.show_state(self.state)


def _lazily(trainer: Trainer, order: Order, stop: threading.Event) -> Iterator[Event]:
    yield from trainer.events(order, stop)
