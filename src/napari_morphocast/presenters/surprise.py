"""Behaviour of "Find surprises": from a finished forecast to where it was wrong."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from napari_morphocast.errors import ForecastError, MorphocastError
from napari_morphocast.presenters.job import Background, Job, telling

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from napari_morphocast.evaluation.surprise import Surprise
    from napari_morphocast.presenters.forecasting import Result

COMPARING = 0.1  # of the work; the rest is measuring


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """What was surprising in a forecast.

    Parameters
    ----------
    result : Result
        The forecast.
    surprise : Surprise
        Maps, threshold, rate of false alarms, and regions.
    """

    result: Result
    surprise: Surprise

    @property
    def verdict(self) -> str:
        """How often it is wrong, and what to know besides."""
        return " ".join([self.surprise.sentence(), *self.surprise.notes])


class SurpriseView(Protocol):
    """All that is asked of a screen."""

    def show_running(self, running: bool) -> None:
        """Whether this dock's work is under way."""

    def show_progress(self, share: float, text: str) -> None:
        """How far it is, 0..1."""

    def show_verdict(self, text: str) -> None:
        """What came out, in plain words."""

    def show_error(self, message: str) -> None:
        """What went wrong, in one sentence."""


class SurpriseFinder:
    """Measures the surprise of a forecast that is there already."""

    def __init__(self, view: SurpriseView, background: Background) -> None:
        self._view = view
        self._background = background
        self._job: Job | None = None
        self._closed = False

    def find(
        self, result: Result, alarms: float, show: Callable[[Found], None]
    ) -> None:
        """Measure in another thread, then ``show`` what was found.

        ``alarms`` is the share of usual pixels that may be flagged.
        """

        def on_items(items: list[float | Found]) -> None:
            for item in () if self._closed else items:
                if isinstance(item, Found):
                    show(item)
                    self._view.show_verdict(item.verdict)
                else:
                    self._view.show_progress(item, "Comparing with what happened…")

        def on_end() -> None:
            self._job = None
            if not self._closed:
                self._view.show_running(False)

        stop = threading.Event()
        title = f"Looking for surprises in {result.begun.order.movie.name}"
        items = searching(result, alarms, stop)
        job = Job(title, items, on_items, self._failed, on_end, stop)
        try:
            self._background.run(job)
        except MorphocastError as error:
            self._failed(error.on_screen)
            return
        self._job = job
        self._view.show_running(True)

    def stop(self) -> None:
        """Give up."""
        if self._job is not None:
            self._job.stop.set()

    def close(self) -> None:
        """The screen is gone: stop, and speak to nobody."""
        self._closed = True
        self.stop()

    def _failed(self, message: str) -> None:
        if not self._closed:
            self._view.show_error(message)


def searching(
    result: Result, alarms: float, stop: threading.Event
) -> Iterator[float | Found]:
    """Yield the share that is done, and at last what was found."""
    from napari_morphocast.evaluation.surprise import Errors, learned

    begun, count = result.begun, result.done
    errors = Errors(begun.order.movie, begun.first, count)
    for k in range(count):
        errors.add(begun.frames[k])
        yield COMPARING * (k + 1) / count
        if stop.is_set():
            return

    def measure(tell: Callable[[float], None]) -> Surprise:
        return errors.surprise(alarms=alarms, until=count, stop=stop, progress=tell)

    try:
        surprise = yield from telling(measure, _after_comparing)
    except ForecastError:
        if not stop.is_set():
            raise
        return
    notes = learned(begun.order.label, begun.unseen)
    yield Found(result, replace(surprise, notes=notes))


def _after_comparing(share: float) -> float:
    return COMPARING + (1 - COMPARING) * share
