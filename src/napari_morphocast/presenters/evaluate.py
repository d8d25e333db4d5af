"""Behaviour of the Evaluate dock: what can be scored, what happens, what is said."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, NamedTuple, Protocol

from napari_morphocast.data.labels import settled
from napari_morphocast.errors import MorphocastError, SettingsError
from napari_morphocast.presenters import evaluate_wording as wording
from napari_morphocast.presenters.chosen import MovieView
from napari_morphocast.presenters.errand import Errands, WorkView
from napari_morphocast.presenters.evaluate_work import (
    Evaluation,
    Item,
    Order,
    Region,
    Share,
    evaluating,
    real_verbs,
)
from napari_morphocast.presenters.forecast import NO_MOVIE, describe
from napari_morphocast.presenters.model_files import ModelFacts, read_facts
from napari_morphocast.presenters.wording import duration, frames

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from napari_morphocast.data.movie import Movie
    from napari_morphocast.presenters.evaluate_work import Verbs
    from napari_morphocast.presenters.job import Background

NO_MODEL = "Tick at least one model; the baselines are always scored beside it."
LOADING = "Loading PyTorch and the models…"
STOPPING = "Stopping after this forecast…"
UNSEEN = 0.8  # share of the movie after which scoring begins if no model knows it


class EvaluateView(MovieView, WorkView, Protocol):
    """All that the presenter may ask of a screen."""

    def models(self) -> Sequence[Path]:
        """Files of the ticked models."""

    def horizon(self) -> int:
        """Longest lead, in frames."""

    def since(self) -> int | None:
        """First frame to score; None for what training left unseen."""

    def region(self) -> Region | None:
        """Where errors count; raises MovieError if a layer holds no region."""

    def controls(self) -> bool:
        """Whether the controls are wanted."""

    def hardware(self) -> tuple[str, str]:
        """Device and precision to use."""

    def show_movie(self, text: str) -> None:
        """Say what the chosen movie is, or why there is none."""

    def show_scored(self, unseen: str, horizon: str, first: int, count: int) -> None:
        """Say what is scored unless the user wants other frames, and how far ahead.

        ``horizon`` is that in real time, ``first`` the first frame that is scored now,
        ``count`` how many frames there are.
        """

    def show_warnings(self, sentences: Sequence[str]) -> None:
        """Say what may be wrong with this movie and these models."""

    def show_ready(self, reason: str) -> None:
        """Enable the button if the reason against it is empty."""

    def show_evaluation(self, evaluation: Evaluation) -> None:
        """Draw what came out."""

    def show_outdated(self) -> None:
        """What is drawn, if anything, came from what was chosen before."""


class _Chosen(NamedTuple):
    """What the user has chosen, as far as it makes sense together.

    ``known`` is how many of the movie's first frames each model has learned from.
    """

    movie: Movie
    models: tuple[Path, ...]
    facts: tuple[ModelFacts, ...]
    known: tuple[int, ...]

    @property
    def unseen(self) -> int:
        """First frame that none of the models has learned from; 0 if all are new."""
        return max(self.known, default=0)

    @property
    def first(self) -> int:
        """First frame that is scored unless the user wants another."""
        return self.unseen or round(UNSEEN * len(self.movie))

    @property
    def context(self) -> int:
        """Frames that must be known before the first that can be scored."""
        return max((facts.context for facts in self.facts), default=1)


class EvaluatePresenter:
    """Turns what the user chooses into scores, and scores into words."""

    def __init__(
        self,
        view: EvaluateView,
        background: Background,
        verbs: Callable[[], Verbs] = real_verbs,
    ) -> None:
        self._view = view
        self._background = background
        self._verbs = verbs
        self._errands = Errands(view, background, self.refresh, LOADING)

    def refresh(self) -> None:
        """Look again at what is chosen, and say what can be done with it."""
        if self._errands.closed:
            return
        view = self._view
        try:
            chosen = self._chosen()
        except MorphocastError as error:
            view.show_warnings([error.on_screen])
            view.show_ready(error.on_screen)
            return
        if chosen is None:
            view.show_warnings([])
            view.show_ready(NO_MOVIE)
            return
        first = self._say_scored(chosen)
        view.show_warnings(_warnings(chosen, first))
        view.show_ready(self._reason(chosen, first))

    def evaluate(self) -> None:
        """Score the ticked models, and the baselines, on the chosen frames."""
        view = self._view
        view.show_error("")
        view.show_outdated()
        try:
            chosen = self._chosen()
            if chosen is None or not chosen.models:
                return
            self._check_controls(chosen)
            device, precision = view.hardware()
            order = Order(
                settled(chosen.movie),
                chosen.models,
                view.horizon(),
                self._first(chosen),
                view.region(),
                view.controls(),
                device,
                precision,
            )
            self._run(order)
        except MorphocastError as error:
            view.show_error(error.on_screen)

    def _check_controls(self, chosen: _Chosen) -> None:
        """Refuse controls that would fail after all has been scored."""
        both = zip(chosen.models, chosen.facts, strict=True)
        between = [path.stem for path, facts in both if facts.task == "between"]
        if between and self._view.controls():
            raise SettingsError(
                f"{between[0]} fills in frames between others, which the controls "
                "cannot test; untick Controls."
            )

    def stop(self) -> None:
        """End early; what was scored so far is shown."""
        if self._errands.running:
            self._errands.stop()
            self._view.show_progress(0, STOPPING)

    def close(self) -> None:
        """The screen is gone: stop, and speak to nobody."""
        self._errands.close()

    def _run(self, order: Order) -> None:
        stop = threading.Event()
        items = evaluating(order, stop, self._verbs)
        self._errands.run(order.title, items, self._take, self.refresh, stop)

    def _take(self, items: Sequence[Item]) -> None:
        if self._errands.closed:
            return
        for item in items:
            if isinstance(item, Evaluation):
                self._show(item)
        last = items[-1]
        if isinstance(last, Share):
            text = (
                STOPPING if self._errands.stopping else f"{last.what}: {last.done:.0%}"
            )
            self._view.show_progress(last.done, text)

    def _show(self, evaluation: Evaluation) -> None:
        if evaluation.scores.rows:
            self._view.show_evaluation(evaluation)
        else:
            self._view.show_error("Stopped before anything was scored.")

    def _chosen(self) -> _Chosen | None:
        """Movie and models; None without a movie.

        Raises
        ------
        MorphocastError
            If a file, the layer, or their combination makes no sense.
        """
        self._view.show_movie("")  # not that of the movie before, whatever goes wrong
        models = tuple(self._view.models())
        facts = tuple(read_facts(path) for path in models)
        channels = {one.channels - one.labels for one in facts}
        if len(channels) > 1:
            raise SettingsError(
                "The ticked models work on different numbers of channels; evaluate "
                "them one after the other."
            )
        labels = any(one.labels for one in facts)
        most = max((one.channels for one in facts), default=None)
        movie = self._view.movie(most, labels=labels)
        self._view.show_movie(describe(movie) if movie else NO_MOVIE)
        if movie is None:
            return None
        for one in facts:
            one.misfits(movie)
        known = tuple(one.unseen(movie) for one in facts)
        return _Chosen(movie, models, facts, known)

    def _first(self, chosen: _Chosen) -> int:
        """First frame that is scored."""
        since = self._view.since()
        return chosen.first if since is None else min(since, len(chosen.movie) - 1)

    def _say_scored(self, chosen: _Chosen) -> int:
        """Say which frames will be scored; returns the first."""
        movie, horizon = chosen.movie, self._view.horizon()
        first = self._first(chosen)
        unseen = wording.scored(movie, chosen.first, new=not chosen.unseen)
        time = f"= {duration(horizon * movie.interval)}" if movie.interval else ""
        self._view.show_scored(unseen, time, first, len(movie))
        return first

    def _reason(self, chosen: _Chosen, first: int) -> str:
        """Why nothing can be evaluated now; empty if it can."""
        running, length = self._background.job, len(chosen.movie)
        if running is not None:
            return running.in_the_way
        if not chosen.models:
            return NO_MODEL
        if first >= length:
            return (
                "The ticked models have learned from all frames of this movie; choose "
                "another movie, or score from an earlier frame."
            )
        if chosen.context >= length:
            return (
                f"The movie has {frames(length)}, but a ticked model sees "
                f"{chosen.context} before it forecasts; use a longer movie."
            )
        return ""


def _warnings(chosen: _Chosen, first: int) -> list[str]:
    """What is known to be wrong before anything is scored."""
    said = []
    each = zip(chosen.models, chosen.facts, chosen.known, strict=True)
    for path, facts, unseen in each:
        said += facts.misfits(chosen.movie)
        if unseen > first:
            said.append(
                f"{path.stem} was TRAINED on frames before {unseen}: their scores "
                "show memory, not foresight."
            )
    return said
