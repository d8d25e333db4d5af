"""Behaviour of the Forecast dock: what can be done, what happens, what is said."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from napari_morphocast.data.labels import settled
from napari_morphocast.errors import MorphocastError, MovieError
from napari_morphocast.evaluation.baselines import BASELINES, REFERENCES
from napari_morphocast.evaluation.wording import hedging
from napari_morphocast.presenters.chosen import MovieView, movie_for
from napari_morphocast.presenters.errand import Errands, WorkView
from napari_morphocast.presenters.export import saving
from napari_morphocast.presenters.forecasting import (
    Canvas,
    Order,
    Recorder,
    Result,
    forecasting,
    real_verbs,
)
from napari_morphocast.presenters.model_files import (
    ModelChoice,
    ModelFacts,
    facts_if_any,
    read_facts,
)
from napari_morphocast.presenters.wording import ahead, duration, frames

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from napari_morphocast.data.movie import Movie
    from napari_morphocast.presenters.forecasting import Item, Kind, Verbs
    from napari_morphocast.presenters.job import Background

NO_MOVIE = (
    "There is no image layer yet: press Open movie…, or choose File ▸ Open Sample ▸ "
    "Morphocast."
)
NO_FUTURE = "This model fills in frames between others; it does not look ahead."
SAVING = "Saving…"
STOPPING = "Stopping after this frame…"


class ForecastView(MovieView, WorkView, Protocol):
    """All that the presenter may ask of a screen."""

    def model(self) -> ModelChoice | None:
        """The chosen model."""

    def lead(self) -> int:
        """How many frames ahead to predict."""

    def horizon(self) -> int:
        """How many frames to roll out."""

    def start(self) -> int | None:
        """First frame of a rollout; None for the movie's end."""

    def hardware(self) -> tuple[str, str]:
        """Device and precision to use."""

    def canvas(self) -> Canvas:
        """Where forecasts of the chosen movie are to be shown."""

    def show_movie(self, text: str) -> None:
        """Say what the chosen movie is, or why there is none."""

    def show_model(self, text: str) -> None:
        """Say what the chosen model is."""

    def show_warnings(self, sentences: Sequence[str]) -> None:
        """Say what may be wrong with this movie and this model."""

    def show_times(self, lead: str, horizon: str) -> None:
        """Say how long lead and horizon are in real time."""

    def show_ready(self, predict: str, rollout: str) -> None:
        """Enable a button for which the reason against it is empty."""

    def show_verdict(self, text: str) -> None:
        """What came out, in plain words."""


class ForecastPresenter:
    """Turns what the user chooses into forecasts, and forecasts into words."""

    def __init__(
        self,
        view: ForecastView,
        background: Background,
        verbs: Callable[[], Verbs] = real_verbs,
    ) -> None:
        self._view = view
        self._background = background
        self._verbs = verbs
        self.predicted: tuple[Result, Canvas] | None = None  # the newest, and where
        self._errands = Errands(view, background, self.refresh)

    def refresh(self) -> None:
        """Look again at what is chosen, and say what can be done with it."""
        if self._errands.closed:
            return
        choice, facts = self._view.model(), None
        warnings: list[str] = []
        if choice is None:
            self._view.show_model("Choose a model, or train one in the Train dock.")
        elif isinstance(choice.model, str):
            self._view.show_model(BASELINES[choice.model].about)
        else:
            try:
                facts = read_facts(choice.model)
                self._view.show_model(facts.sentence())
            except MorphocastError as error:
                self._view.show_model("")
                self._show_blocked(error.on_screen)
                return
        try:
            movie = movie_for(facts, self._view)
            if movie is None:
                self._view.show_movie(NO_MOVIE)
                self._show_blocked("", NO_MOVIE)
                return
            self._view.show_movie(describe(movie))
            warnings = facts.misfits(movie) if facts else []
        except MovieError as error:
            self._view.show_movie("")
            self._show_blocked(error.on_screen)
            return
        self._view.show_warnings(warnings)
        self._show_times(movie)
        self._show_ready(movie, facts)

    def predict(self) -> None:
        """Forecast every frame of the movie from the frames before it."""
        self._start("prediction")

    def rollout(self) -> None:
        """Forecast on and on from the movie's end or the current frame."""
        self._start("rollout")

    def save(self, movie: Movie, path: Path, note: str, first: int) -> None:
        """Write frames that were forecast; ``first`` is the number of the first one.

        Raises
        ------
        BusyError
            If another job is running.
        """
        view = self._view

        def take(items: list[float | Path]) -> None:
            for item in () if self._errands.closed else items:
                if isinstance(item, float):
                    view.show_progress(item, STOPPING if stop.is_set() else SAVING)
                else:
                    view.show_verdict(f"Saved as {item}")

        stop = threading.Event()
        items = saving(path, movie, note, first, stop)
        self._errands.run(f"Saving {path.name}", items, take, lambda: None, stop)
        view.show_progress(0, SAVING)

    def stop(self) -> None:
        """End early; finished frames stay, but no file that is not complete."""
        if self._errands.running:
            self._errands.stop()
            self._view.show_progress(0, STOPPING)

    def close(self) -> None:
        """The screen is gone: stop, keep what is done, speak to nobody."""
        self._errands.close()
        self.predicted = None

    def _start(self, kind: Kind) -> None:
        view = self._view
        choice = view.model()
        try:
            facts = _facts_of(choice)
            movie = movie_for(facts, view)
            if choice is None or movie is None:
                return
            device, precision = view.hardware()
            prediction = kind == "prediction"
            lead = 1 if facts and facts.task == "between" else view.lead()
            order = Order(
                kind,
                settled(movie),
                choice.model,
                choice.label,
                lead if prediction else view.horizon(),
                None if prediction else view.start(),
                device,
                precision,
            )
            self._run([order])
        except MorphocastError as error:
            view.show_error(error.on_screen)

    def _run(self, orders: Sequence[Order]) -> None:
        canvas = self._view.canvas()
        recorder = Recorder(canvas)

        def on_items(items: list[Item]) -> None:
            recorder.take(items)
            if not self._errands.closed:
                self._view.show_progress(*_progress(recorder.results[-1], stop))

        def on_end() -> None:
            recorder.finish()
            newest = recorder.results[-1] if recorder.results else None
            if self._errands.closed:
                return
            if newest and newest.done and newest.begun.order.kind == "prediction":
                self.predicted = None if newest.begun.between else (newest, canvas)
            self._ended(recorder.results)

        stop = threading.Event()
        items = forecasting(orders, stop, self._verbs)
        self._view.show_verdict("")
        self._errands.run(orders[0].title, items, on_items, on_end, stop)

    def _ended(self, results: Sequence[Result]) -> None:
        done = [verdict(result) for result in results if result.done]
        if done:
            self._view.show_verdict(done[-1])
        self.refresh()

    def _show_blocked(self, problem: str, reason: str = "") -> None:
        """Neither button can be used; ``problem`` is shown, ``reason`` is a tooltip."""
        self._view.show_warnings([problem] if problem else [])
        self._view.show_ready(reason or problem, reason or problem)

    def _show_times(self, movie: Movie) -> None:
        lead, horizon = self._view.lead(), self._view.horizon()
        self._view.show_times(
            _in_time(lead, movie.interval), _in_time(horizon, movie.interval)
        )

    def _show_ready(self, movie: Movie, facts: ModelFacts | None) -> None:
        running = self._background.job
        if running is not None:
            self._view.show_ready(running.in_the_way, running.in_the_way)
            return
        context = facts.context if facts else 1
        if facts is not None and facts.task == "between":
            self._view.show_ready(_too_short(movie, context, context + 1), NO_FUTURE)
            return
        start = self._view.start()
        self._view.show_ready(
            _too_short(movie, context, context + self._view.lead()),
            _too_early(context, len(movie) if start is None else start),
        )


def describe(movie: Movie) -> str:
    """A movie in one line: frames, size, time step, pixel size."""
    count, channels, height, width = movie.pictures.shape
    parts = [frames(count), f"{height} × {width} px"]
    if channels > 1:
        parts.append("colour" if movie.rgb else f"{channels} channels")
    parts += ["cells"] * movie.labels
    parts.append(
        f"{_in_time(1, movie.interval)[2:]} per frame"
        if movie.interval
        else "frame interval unknown"
    )
    if movie.pixel_size:
        parts.append(f"{movie.pixel_size[1]:.3g} µm/px")
    return " · ".join(parts)


def verdict(result: Result) -> str:
    """What a forecast is worth, in plain words."""
    order = result.begun.order
    length = ahead(order.frames, order.movie.interval)
    if not result.scores:
        beyond = ahead(result.done, order.movie.interval)
        return (
            f"{beyond} forecast beyond the end of the movie. Nobody knows yet whether "
            f"they are right; long rollouts blur and drift. {_known(result)}"
        ).strip()
    unseen = result.begun.unseen
    fresh = [score for score in result.scores if score.frame >= unseen]
    scores = fresh or list(result.scores)
    where = f"On {frames(len(scores))}"
    if unseen and fresh:
        where += " the model has not learned from"
    elif unseen:
        where += " that the model has LEARNED FROM, so this is no test"
    how = f"{length} ahead" if order.kind == "prediction" else f"up to {length} ahead"
    if result.begun.between:
        how = "filled in between their neighbours"
    return f"{where}, {how}: {_comparison(scores)}."


def _known(result: Result) -> str:
    """How far ahead the model is known to be of use."""
    order = result.begun.order
    named = isinstance(order.model, str)  # so is a baseline
    facts = None if named else facts_if_any(Path(order.model))
    if facts is None:
        return ""
    said, interval = [], order.movie.interval
    if facts.proof is not None:
        said.append(facts.proof.sentence(result.done, interval))
    if 0 < facts.hedged <= result.done:
        said.append(hedging(facts.hedged, interval))
    return " ".join(said)


def _facts_of(choice: ModelChoice | None) -> ModelFacts | None:
    if choice is None or isinstance(choice.model, str):
        return None
    return read_facts(choice.model)


def _comparison(scores: Sequence[Any]) -> str:
    ours = sum(score.model["mse"] for score in scores)
    trivial = sum(score.trivial["mse"] for score in scores)
    if not trivial:
        return "nothing moves in this movie"
    skill, other = 1 - ours / trivial, f"“{REFERENCES[scores[0].against]}”"
    if abs(skill) < 0.005:
        return f"as good as {other}"
    word = "better" if skill > 0 else "worse"
    return f"{abs(skill):.0%} {word} than {other} (mean squared error)"


def _progress(result: Result, stop: threading.Event) -> tuple[float, str]:
    if stop.is_set():
        return result.share, STOPPING
    total = len(result.begun.frames)
    return result.share, f"{result.done} of {frames(total)}"


def _in_time(count: int, interval: float | None) -> str:
    return f"= {duration(count * interval)}" if interval else ""


def _too_short(movie: Movie, context: int, needed: int) -> str:
    if len(movie) >= needed:
        return ""
    return (
        f"The movie has {frames(len(movie))}, but this needs {needed}: the model sees "
        f"{context} before it forecasts."
    )


def _too_early(context: int, start: int) -> str:
    if start >= context:
        return ""
    return (
        f"The model must see {frames(context)} before it forecasts: move the time "
        f"slider to frame {context - 1} or later, or start from the end."
    )
