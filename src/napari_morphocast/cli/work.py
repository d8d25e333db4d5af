"""What each command does, once its words are understood."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_morphocast.cli.inputs import (
    Opening,
    Settings,
    check_target,
    hardware_of,
    interruptible,
    those_given,
)
from napari_morphocast.cli.report import describe, follow, leads, say, warn
from napari_morphocast.errors import MorphocastError, SettingsError
from napari_morphocast.training.events import SPOILED

if TYPE_CHECKING:
    import threading
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from napari_morphocast.cli.outputs import Outputs
    from napari_morphocast.data.movie import Movie
    from napari_morphocast.training.config import Hardware
    from napari_morphocast.training.events import Event
    from napari_morphocast.training.trained import Trained


@dataclass(frozen=True, slots=True)
class TrainPlan:
    """Where a model comes from and goes to."""

    output: Path
    settings: Settings
    start_from: Path | None
    resume: bool
    for_programs: bool


def learn(
    paths: Sequence[Path],
    opening: Opening,
    plan: TrainPlan,
    hardware: Mapping[str, object],
) -> None:
    """Train, show how it goes, and say what the model is worth."""
    check_target(plan.output, *paths, *opening.labels, *those_given(plan.start_from))
    movies = opening.open_all(paths)
    aside = plan.for_programs
    with interruptible() as stop:
        chosen = hardware_of(hardware)
        events = _events(movies, plan, chosen, stop)
        for movie in movies if leads() else ():
            _say_checks(movie, aside=aside)
        progress = follow(events, for_programs=plan.for_programs)
        say(f"The model is {plan.output}.", aside=aside)
        if not stop.is_set() and leads() and progress.ended not in SPOILED:
            for sentence in worth(movies[0], plan.output, chosen, stop):
                say(sentence, aside=aside)


def worth(
    movie: Movie, model: Path, hardware: Hardware, stop: threading.Event
) -> Iterator[str]:
    """Say whether a model beats the trivial ones on frames it has not seen."""
    from napari_morphocast import api
    from napari_morphocast.presenters.model_files import makes
    from napari_morphocast.presenters.train_wording import FEW

    if makes(model):
        yield f"Make frames: morphocast synthesize {model} -o frames.ome.tif"
        yield f"How like real ones are they? morphocast evaluate MOVIE {model}"
        return
    try:
        scores = api.prove(movie, model, hardware=hardware, stop=stop)
    except MorphocastError as error:
        yield f"What it is worth could not be measured: {error}"
        return
    if scores is None:
        yield "No frame was left out of training, so nothing can be said of its worth."
        return
    if not scores.rows:
        return
    name = model.stem
    best, count = api.hardest(scores, name), scores.of(name, "mse")[0].n
    few = ", so few that it may be chance" * (count < FEW)
    yield f"On {count} frame(s) that it has not seen{few}, {name}"
    yield f"  {scores.verdict(name)};"
    yield f"  of the other baselines {best} is best: {name}"
    yield f"  {scores.verdict(name, reference=best)}."


def foretell_each(
    path: Path,
    opening: Opening,
    model: str,
    outputs: Outputs,
    how: tuple[int, bool],
    device: str,
) -> None:
    """Write a prediction of every frame, and maybe how far off it is."""
    from napari_morphocast import api

    outputs.check(path, model, *opening.labels)
    movie = opening.open(path)
    trained, movie = _ready(model, movie)
    outputs.check_model(trained)
    lead, between = how
    forecast = api.predict(
        movie,
        trained,
        lead=lead,
        between=between,
        hardware=hardware_of({"device": device}),
    )
    note = f"FORECAST by {trained.name}, {lead} frame(s) ahead (napari-morphocast)"
    if between:
        note = f"INTERPOLATION by {trained.name}, from both sides (napari-morphocast)"
    with interruptible() as stop:
        last = forecast.first + outputs.write(forecast, movie, trained, note, stop) - 1
        for output in outputs.paths:
            say(f"Wrote {output}: frames {forecast.first} to {last}.")


def roll_out(
    path: Path,
    opening: Opening,
    model: str,
    outputs: Outputs,
    stretch: tuple[int, int | None, int | None],
    device: str,
) -> None:
    """Write frames that are each foretold from the forecasts before them."""
    from napari_morphocast import api

    outputs.check(path, model, *opening.labels)
    movie = opening.open(path)
    trained, movie = _ready(model, movie)
    outputs.check_model(trained)
    horizon, start, context = stretch
    forecast = api.rollout(
        movie,
        trained,
        horizon=horizon,
        start=start,
        context=context,
        hardware=hardware_of({"device": device}),
    )
    with interruptible() as stop:
        note = f"FORECAST by {trained.name}, rollout (napari-morphocast)"
        last = forecast.first + outputs.write(forecast, movie, trained, note, stop) - 1
        beyond = max(0, last - max(forecast.first, len(movie)) + 1)
        for output in outputs.paths:
            say(
                f"Wrote {output}: frames {forecast.first} to {last}, {beyond} of them "
                "beyond the end of the movie."
            )
        reached, known = last - forecast.first + 1, trained.checkpoint
        if known.proof is not None:
            say(known.proof.sentence(reached, movie.interval))
        if known.hedge is not None and 0 < known.hedge.half <= reached:
            from napari_morphocast.evaluation.wording import hedging

            say(hedging(known.hedge.half, movie.interval))


def _events(
    movies: Sequence[Movie],
    plan: TrainPlan,
    hardware: Hardware,
    stop: threading.Event,
) -> Iterator[Event]:
    """Begin a run, or go on with one; checks everything first."""
    from napari_morphocast import api
    from napari_morphocast.training.checkpoint import read

    settings = plan.settings
    if plan.start_from is not None:
        kept, _ = read(plan.start_from)
        if said := settings.of_the_model(kept):
            raise SettingsError(
                f"A finetuned model keeps what it is; leave out {', '.join(said)}."
            )
    if not plan.resume:
        return api.train(
            movies,
            plan.output,
            settings.run(),
            hardware=hardware,
            start_from=plan.start_from,
            stop=stop,
        )
    if plan.start_from is not None or not settings.only_lengths():
        raise SettingsError(
            "A resumed run keeps the settings that it began with; with --resume give "
            "only --epochs or --minutes."
        )
    return api.resume(
        movies,
        plan.output,
        epochs=settings.epochs,
        minutes=settings.minutes,
        hardware=hardware,
        stop=stop,
    )


def _say_checks(movie: Movie, *, aside: bool) -> None:
    from napari_morphocast.data.checks import check

    say(describe(movie), aside=aside)
    for sentence in check(movie).sentences():
        say(f"  {sentence}", aside=aside)


def _ready(model: str, movie: Movie) -> tuple[Trained, Movie]:
    """Load a model, and say where what it sees differs from what it has learned."""
    from napari_morphocast import api

    trained = api.load(model, movie)
    warn(trained.misfits(movie))
    return trained, trained.seen_of(movie)
