"""Carries out the Train dock's orders with the api; torch is imported when used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_morphocast.errors import MovieError

if TYPE_CHECKING:
    import threading
    from collections.abc import Iterator, Mapping, Sequence

    from napari_morphocast.data.movie import Movie
    from napari_morphocast.data.windows import WindowSpec
    from napari_morphocast.evaluation.estimates import Score
    from napari_morphocast.presenters.train import Order
    from napari_morphocast.training.config import Hardware
    from napari_morphocast.training.events import Event


class ApiTrainer:
    """The real trainer."""

    def check(self, order: Order) -> None:
        """Raise a MorphocastError for anything wrong that needs no look at frames."""
        from napari_morphocast.training.config import Run

        run = Run.make(order.choices.model, **order.choices.settings)
        if not order.movies:
            raise MovieError("There is no movie to learn from; open one first.")
        if not order.goes_on and order.start_from is None:
            training = run.training
            _require_windows(
                order.movies, run.window, training.until, training.validation
            )

    def events(self, order: Order, stop: threading.Event) -> Iterator[Event]:
        """Train, resume or finetune; leaves one processor core to napari."""
        from napari_morphocast import api
        from napari_morphocast.training.config import Run
        from napari_morphocast.training.devices import leave_a_core

        leave_a_core()
        choices, hardware = order.choices, _hardware(order)
        run = Run.make(choices.model, **choices.settings)
        if order.goes_on:
            return api.resume(
                order.movies,
                order.path,
                epochs=run.training.epochs,
                minutes=run.training.minutes,
                hardware=hardware,
                stop=stop,
            )
        return api.train(
            order.movies,
            order.path,
            run,
            hardware=hardware,
            start_from=order.start_from,
            stop=stop,
        )

    def rival(self, order: Order, stop: threading.Event) -> Score | None:
        """Skill of the new model against the best baseline but persistence."""
        from napari_morphocast import api

        hardware = _hardware(order)
        scores = api.prove(order.movies[0], order.path, hardware=hardware, stop=stop)
        if scores is None or not scores.rows:
            return None
        name = order.path.stem
        return scores.of(name, f"skill_{api.hardest(scores, name)}")[0]


def too_short(movies: Sequence[Movie], settings: Mapping[str, Any]) -> str:
    """Why these movies have too few frames to train on; empty if they have enough.

    Only lengths are looked at, no frame is read and torch is not needed. Settings
    that are missing have their defaults; wrong ones are left to ``check``.
    """
    from pydantic import ValidationError

    from napari_morphocast.data.windows import WindowSpec

    def given(*names: str) -> dict[str, Any]:
        return {name: settings[name] for name in names if name in settings}

    try:
        spec = WindowSpec(**given("task", "context", "horizon"))
        _require_windows(movies, spec, **given("until", "validation"))
    except MovieError as error:
        return error.on_screen
    except ValidationError:
        return ""
    return ""


def _require_windows(
    movies: Sequence[Movie],
    spec: WindowSpec,
    until: float = 0.8,
    validation: float = 0.15,
) -> None:
    """Refuse movies too short even for the windows that are shortened for them."""
    from napari_morphocast.data.windows import shortened, split_in_time

    spec = shortened(spec, min(map(len, movies)), until, validation)
    split_in_time(movies, spec, until=until, validation=validation)


def _hardware(order: Order) -> Hardware:
    from napari_morphocast.training.config import Hardware, checked

    choices = order.choices
    return checked(Hardware, {"device": choices.device, "precision": choices.precision})
