"""What each command does, once its words are understood."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_morphocast.cli_inputs import (
    Opening,
    Settings,
    check_movie_target,
    check_target,
    hardware_of,
    interruptible,
    until_stopped,
)
from napari_morphocast.cli_report import bar, describe, follow, leads, say, warn
from napari_morphocast.errors import MorphocastError, SettingsError

if TYPE_CHECKING:
    import threading
    from collections.abc import Iterator, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from napari_morphocast.api import Forecast
    from napari_morphocast.data.movie import Movie
    from napari_morphocast.evaluation.scores import Scores
    from napari_morphocast.training.config import Hardware
    from napari_morphocast.training.events import Event
    from napari_morphocast.training.trained import Trained

VERDICT_FRAMES = 24  # unseen frames that the words after training are based on


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
    check_target(plan.output, *paths, *filter(None, [plan.start_from]))
    movies = [opening.open(path, to_learn=True) for path in paths]
    aside = plan.for_programs
    with interruptible() as stop:
        events = _events(movies, plan, hardware_of(hardware), stop)
        for movie in movies if leads() else ():
            _say_checks(movie, aside=aside)
        progress = follow(events, for_programs=plan.for_programs)
        say(f"The model is {plan.output}.", aside=aside)
        if not stop.is_set() and leads() and progress.ended != "diverged":
            for sentence in worth(movies[0], plan.output, stop):
                say(sentence, aside=aside)


def worth(movie: Movie, model: Path, stop: threading.Event) -> Iterator[str]:
    """Say whether a model beats the trivial ones on frames it has not seen."""
    from napari_morphocast import api

    trained = api.load(model)
    first = round(len(movie) * trained.checkpoint.training.until)
    if first >= len(movie):
        yield "No frame was left out of training, so nothing can be said of its worth."
        return
    last = min(len(movie), first + VERDICT_FRAMES)
    begin = max(0, first - max(trained.context, 8))
    view = movie.between(begin, last)
    share = (first - begin) / len(view)
    try:
        scores = api.evaluate(view, [trained], horizon=1, since=share, stop=stop)
    except MorphocastError as error:
        yield f"What it is worth could not be measured: {error}"
        return
    yield f"On {last - first} frame(s) that it has not seen, {trained.name}"
    yield f"  {scores.verdict(trained.name)};"
    yield f"  {scores.verdict(trained.name, reference='advection')}."


def foretell_each(
    path: Path,
    opening: Opening,
    model: str,
    outputs: Sequence[Path],
    lead: int,
    device: str,
) -> None:
    """Write a forecast of every frame, and maybe how far off it is."""
    from napari_morphocast import api

    _check_outputs(outputs, path, model)
    movie = opening.open(path)
    trained = _ready(model, movie)
    forecast = api.predict(
        movie, trained, lead=lead, hardware=hardware_of({"device": device})
    )
    note = f"FORECAST by {trained.name}, {lead} frame(s) ahead (napari-morphocast)"
    with interruptible() as stop:
        if len(outputs) == 1:
            _write(outputs[0], _shown(forecast, stop), forecast, movie, note)
        else:
            _write_both(outputs, forecast, movie, note, stop)
    for output in outputs:
        say(f"Wrote {output}: frames {forecast.first} to {len(movie) - 1}.")


def roll_out(
    path: Path,
    opening: Opening,
    model: str,
    output: Path,
    stretch: tuple[int, int | None],
    device: str,
) -> None:
    """Write frames that are each foretold from the forecasts before them."""
    from napari_morphocast import api

    _check_outputs([output], path, model)
    movie = opening.open(path)
    trained = _ready(model, movie)
    horizon, start = stretch
    forecast = api.rollout(
        movie,
        trained,
        horizon=horizon,
        start=start,
        hardware=hardware_of({"device": device}),
    )
    with interruptible() as stop:
        note = f"FORECAST by {trained.name}, rollout (napari-morphocast)"
        _write(output, _shown(forecast, stop), forecast, movie, note)
    last = forecast.first + forecast.count - 1
    beyond = max(0, last - max(forecast.first, len(movie)) + 1)
    say(
        f"Wrote {output}: frames {forecast.first} to {last}, {beyond} of them beyond "
        "the end of the movie."
    )


def compare(
    path: Path,
    opening: Opening,
    models: Sequence[str],
    stretch: tuple[int, float],
    outputs: tuple[Path | None, Path | None],
    device: str,
) -> None:
    """Score models beside the baselines; print a table, verdicts and warnings."""
    from napari_morphocast import api

    table, plot = outputs
    for output in filter(None, outputs):
        check_target(output, path, *models)
    movie = opening.open(path)
    horizon, since = stretch
    with interruptible() as stop:
        with bar("scoring") as show:
            scores = api.evaluate(
                movie,
                models,
                horizon=horizon,
                since=since,
                hardware=hardware_of({"device": device}),
                stop=stop,
                progress=lambda share: show(share, ""),
            )
        if table is not None:
            scores.to_csv(table)
        if plot is not None:
            scores.plot(plot)
        if opening.fill_nan:
            warn(["Pixels that were filled in count as truth in these scores."])
        _say_scores(scores, models)
        for output in filter(None, outputs):
            say(f"Wrote {output}.")


def _events(
    movies: Sequence[Movie],
    plan: TrainPlan,
    hardware: Hardware,
    stop: threading.Event,
) -> Iterator[Event]:
    """Begin a run, or go on with one; checks everything first."""
    from napari_morphocast import api

    settings = plan.settings
    if plan.start_from is not None and (kept := settings.of_the_model()):
        raise SettingsError(
            f"A finetuned model keeps what it is; leave out {', '.join(kept)}."
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


def _say_scores(scores: Scores, models: Sequence[str]) -> None:
    """Print warnings, a table, and what it means."""
    warn(scores.notes)
    say(f"{scores.table()}\n")
    for name in dict.fromkeys(Path(model).stem for model in models):
        for reference in ("persistence", "advection"):
            if name != reference:
                say(f"{name} {scores.verdict(name, reference=reference)}.")


def _say_checks(movie: Movie, *, aside: bool) -> None:
    from napari_morphocast.data.checks import check

    say(describe(movie), aside=aside)
    for sentence in check(movie).sentences():
        say(f"  {sentence}", aside=aside)


def _ready(model: str, movie: Movie) -> Trained:
    """Load a model, and say where the movie differs from what it has learned."""
    from napari_morphocast import api

    trained = api.load(model, movie)
    warn(trained.misfits(movie))
    return trained


def _check_outputs(outputs: Sequence[Path], *inputs: Path | str) -> None:
    for output in outputs:
        check_movie_target(output, *inputs)
    if len({output.expanduser().resolve() for output in outputs}) < len(outputs):
        raise SettingsError("-o and --error name the same file; give two names.")


def _shown(forecast: Forecast, stop: threading.Event) -> Iterator[NDArray[Any]]:
    """Pass forecast frames on, with a bar, until somebody says stop."""
    with bar("forecasting") as show:
        for done, frame in enumerate(until_stopped(forecast.frames, stop), 1):
            show(done / forecast.count, "")
            yield frame


def _write(
    path: Path,
    frames: Iterator[NDArray[Any]],
    forecast: Forecast,
    movie: Movie,
    note: str,
) -> None:
    from napari_morphocast.data.io import write_movie

    write_movie(
        path, frames, like=movie, count=forecast.count, note=note, first=forecast.first
    )


def _write_both(
    outputs: Sequence[Path],
    forecast: Forecast,
    movie: Movie,
    note: str,
    stop: threading.Event,
) -> None:
    """Write forecasts and their errors; each forecast is made only once.

    The errors wait in a temporary file, not in memory, until the forecasts are
    written.
    """
    import tempfile

    import numpy as np

    shape = (forecast.count, *movie.shape[1:])
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        kept = np.lib.format.open_memmap(
            Path(folder) / "error.npy", "w+", movie.dtype, shape
        )
        made: list[int] = []
        frames = _noting(forecast, movie, kept, made, stop)
        _write(outputs[0], frames, forecast, movie, note)
        errors = (np.array(kept[number]) for number in made)
        _write(outputs[1], errors, forecast, movie, f"ABSOLUTE ERROR of a {note}")
        del kept, errors, frames


def _noting(
    forecast: Forecast,
    movie: Movie,
    kept: NDArray[Any],
    made: list[int],
    stop: threading.Event,
) -> Iterator[NDArray[Any]]:
    """Pass forecast frames on, and note the absolute error of each in ``kept``."""
    for number, frame in enumerate(_shown(forecast, stop)):
        time = forecast.first + number
        truth = movie.raw(time, time + 1)[0]
        kept[number] = _absolute_error(frame, truth, movie.dtype)
        made.append(number)
        yield frame


def _absolute_error(
    frame: NDArray[Any], truth: NDArray[Any], dtype: np.dtype[Any]
) -> NDArray[Any]:
    """Absolute difference in the movie's own type."""
    import numpy as np

    from napari_morphocast.data.scaling import as_stored

    difference = np.abs(frame.astype(np.float64) - truth.astype(np.float64))
    return as_stored(difference, dtype)
