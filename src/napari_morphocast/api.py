"""The five verbs: what notebooks, the command line and the docks call."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from napari_morphocast.data.finite import read_finite, require_finite
from napari_morphocast.data.movie import Movie
from napari_morphocast.data.scaling import Scaling, as_stored
from napari_morphocast.data.windows import Part, split_in_time
from napari_morphocast.errors import MovieError, SettingsError
from napari_morphocast.evaluation.scores import Contender, score
from napari_morphocast.models.base import model_class
from napari_morphocast.training.checkpoint import SUFFIX, Checkpoint, stamp
from napari_morphocast.training.config import Hardware, Run, TrainConfig, checked
from napari_morphocast.training.devices import choose
from napari_morphocast.training.fit import Job, fit
from napari_morphocast.training.record import records, seen_frames
from napari_morphocast.training.resume import read_state
from napari_morphocast.training.trained import Trained

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from napari_morphocast.data.windows import Split, WindowSpec
    from napari_morphocast.evaluation.scores import Scores
    from napari_morphocast.models.base import Model as Network
    from napari_morphocast.training.events import Event

BASELINES = "persistence", "linear", "advection"
LONGEST_BASELINE = 4  # frames that a baseline sees
SMALLEST = 16  # side of a frame in pixels
PIXELS_AT_ONCE = 2**18  # in one batch of windows while predicting

Model = Trained | str | Path


@dataclass(frozen=True, slots=True, eq=False)
class Forecast:
    """Forecast frames, made one by one as they are asked for.

    Parameters
    ----------
    first : int
        Number of the movie's frame that the first forecast stands for; the movie's
        length for a rollout past its end.
    count : int
        How many frames there will be.
    frames : iterator of array, shape (C, Y, X)
        In the movie's own type and grey levels.
    """

    first: int
    count: int
    frames: Iterator[NDArray[Any]]


def load(model: Model, movie: Movie | None = None) -> Trained:
    """Get a forecaster ready: a ``.morphocast`` file, or a baseline by its name.

    Raises
    ------
    CheckpointError, SettingsError
        If there is no such file or baseline, or the file is damaged.
    """
    if isinstance(model, Trained):
        return model
    path = Path(model)
    if path.suffix == SUFFIX or path.exists():
        return Trained.read(path)
    if movie is None:
        raise SettingsError(f"The baseline {path} needs the movie it shall forecast.")
    return Trained.baseline(str(model), movie)


def train(
    movies: Movie | Sequence[Movie],
    save_to: str | Path,
    run: Run | None = None,
    *,
    hardware: Hardware | None = None,
    start_from: str | Path | None = None,
    stop: threading.Event | None = None,
) -> Iterator[Event]:
    """Train a model on the first part of some movies.

    Everything is checked before this returns; training happens while the events are
    taken from the iterator.

    Parameters
    ----------
    movies : Movie or sequence of Movie
        All with the same channels.
    save_to : path
        The ``.morphocast`` file that always holds the best weights so far.
    run : Run, optional
        Model and settings; ``Run.make("convlstm", epochs=20)``.
    hardware : Hardware, optional
        Device, precision and number of processes.
    start_from : path, optional
        A trained model to finetune; it decides model, window and grey-level scaling.
    stop : threading.Event, optional
        Set it from any thread to end early with what has been learned.

    Raises
    ------
    MorphocastError
        If movie, settings, device or path make no sense; says what to do.
    """
    some = _listed(movies)
    run, path = run or Run.make(), Path(save_to)
    before = load(start_from) if start_from else None
    if before is not None:
        run = _continued(run, before)
        before.misfits(some[0])
    _check_place(path)
    split = _split(some, run.window, run.training)
    draft = Checkpoint(
        model=run.model,
        settings=run.settings.model_dump(),
        channels=some[0].shape[1],
        window=run.window,
        scaling=before.checkpoint.scaling if before else Scaling.fit(split.train.parts),
        training=run.training,
        movies=records(split.validation),
        **stamp(),
    )
    torch.manual_seed(run.training.seed)
    model = before.model if before else draft.build()
    if not model.stages():
        raise SettingsError(f"{run.model} needs no training; use its name as a model.")
    job = Job(draft, path, hardware or Hardware(), stop or threading.Event())
    return _begin(model, split, job)


def resume(
    movies: Movie | Sequence[Movie],
    save_to: str | Path,
    *,
    epochs: int | None = None,
    minutes: float | None = None,
    hardware: Hardware | None = None,
    stop: threading.Event | None = None,
) -> Iterator[Event]:
    """Go on with the run that makes ``save_to``, with the settings it began with.

    Parameters
    ----------
    movies, save_to, hardware, stop
        As in ``train``; the movies must be those that the run began with.
    epochs : int, optional
        New number of epochs in all.
    minutes : float, optional
        New time limit, counted from now; 0 for none.
    """
    path = Path(save_to)
    state = read_state(path)
    draft = Checkpoint.model_validate_json(state.draft)
    changes: dict[str, Any] = {}
    if epochs is not None:
        changes["epochs"] = epochs
    if minutes is not None:
        changes["minutes"] = state.seconds / 60 + minutes if minutes else 0.0
    training = checked(TrainConfig, {**draft.training.model_dump(), **changes})
    draft = draft.model_copy(update={"training": training})
    some = _listed(movies)
    split = _split(some, draft.window, training)
    if [r.seen for r in records(split.validation)] != [r.seen for r in draft.movies]:
        names = ", ".join(r.name for r in draft.movies)
        raise MovieError(
            f"The run that makes {path} began with other frames (of {names}); resume "
            "with those, or finetune on the new ones."
        )
    if state.complete(training):
        raise SettingsError(
            f"The run that makes {path} is complete after {state.epoch} epochs; give "
            "more epochs or minutes to go on."
        )
    return _begin(
        draft.build(),
        split,
        Job(draft, path, hardware or Hardware(), stop or threading.Event(), state),
    )


def predict(
    movie: Movie, model: Model, *, lead: int = 1, hardware: Hardware | None = None
) -> Forecast:
    """Foretell every frame of a movie from the frames ``lead`` and more before it.

    Raises
    ------
    MovieError
        If the movie is shorter than context and lead, or has other channels.
    """
    ready = _ready(movie, model, hardware)
    first = ready.context + lead - 1
    if lead < 1:
        raise SettingsError(f"The lead must be 1 frame or more, not {lead}.")
    if len(movie) <= first:
        raise MovieError(
            f"{movie.name!r} has {len(movie)} frames, but {ready.name} needs "
            f"{ready.context} frames before it forecasts {lead} ahead; use a longer "
            "movie or a model with a shorter context."
        )

    def frames() -> Iterator[NDArray[Any]]:
        _, _, height, width = movie.shape
        together = min(8, max(1, PIXELS_AT_ONCE // (height * width)))
        for begin in range(first, len(movie), together):
            ends = range(begin, min(begin + together, len(movie)))
            known = read_finite(movie, begin - first, ends[-1] - lead + 1)
            windows = [known[i : i + ready.context] for i in range(len(ends))]
            ahead = ready.forecast(np.stack(windows), lead)
            yield from as_stored(ahead[:, -1], movie.dtype)

    return Forecast(first, len(movie) - first, frames())


def rollout(
    movie: Movie,
    model: Model,
    *,
    horizon: int = 12,
    start: int | None = None,
    hardware: Hardware | None = None,
) -> Forecast:
    """Foretell frame after frame, each from the forecasts before it.

    Parameters
    ----------
    movie, model, hardware
        What to forecast, with what, and where.
    horizon : int
        How many frames.
    start : int, optional
        Number of the first forecast frame: frames before it are known, it and all
        later ones are not looked at. The movie's end unless told otherwise.
    """
    ready = _ready(movie, model, hardware)
    begin = len(movie) if start is None else start
    if horizon < 1:
        raise SettingsError(f"The horizon must be 1 frame or more, not {horizon}.")
    if not ready.context <= begin <= len(movie):
        raise MovieError(
            f"A rollout of {ready.name} can start at frames {ready.context} to "
            f"{len(movie)} of {movie.name!r}, counted from 0, but not at {begin}."
        )
    known = read_finite(movie, begin - ready.context, begin)

    def frames() -> Iterator[NDArray[Any]]:
        for frame in islice(ready.unroll(known), horizon):
            yield as_stored(frame, movie.dtype)

    return Forecast(begin, horizon, frames())


def evaluate(
    movie: Movie,
    models: Model | Sequence[Model],
    *,
    horizon: int = 10,
    since: float = 0.8,
    hardware: Hardware | None = None,
    stop: threading.Event | None = None,
    progress: Callable[[float], None] | None = None,
) -> Scores:
    """Score free-running forecasts of a movie's end, beside the baselines.

    Parameters
    ----------
    movie, models, hardware
        What to forecast, with what, and where.
    horizon : int
        Longest lead (frames).
    since : float
        Share of the movie before the first frame that is scored; give what training
        was told as ``until``.
    stop : threading.Event, optional
        Set it to end with what has been scored so far.
    progress : callable, optional
        Told the share that is done, 0..1.

    Returns
    -------
    Scores
        With a note for every model that was trained on frames scored here.
    """
    if not 0 <= since < 1:
        raise SettingsError(
            f"Scoring can begin at a share from 0 to below 1 of the movie, not {since}."
        )
    first = round(len(movie) * since)
    given = [models] if isinstance(models, Trained | str | Path) else models
    ready = [_ready(movie, model, hardware) for model in given]
    furthest = max([LONGEST_BASELINE, *(r.context for r in ready)])
    require_finite(movie, max(0, first - furthest), len(movie))
    names = {model.name for model in ready}
    ready += [Trained.baseline(b, movie) for b in BASELINES if b not in names]
    contenders = [Contender(r.name, r.context, r.forecast) for r in ready]
    scaling = Scaling.fit([Part(movie, 0, len(movie))])
    scores = score(
        movie,
        contenders,
        horizon=horizon,
        since=first,
        data_range=scaling.span[:, 0, 0],
        stop=stop,
        progress=progress,
    )
    return scores.noting(note for r in ready for note in _notes(r, movie, first))


def _ready(movie: Movie, model: Model, hardware: Hardware | None) -> Trained:
    """Load a model that fits the movie, on its device."""
    device = choose((hardware or Hardware()).device)
    trained = load(model, movie)
    trained.misfits(movie)
    return trained.to(device)


def _notes(model: Trained, movie: Movie, first: int) -> Iterator[str]:
    """Say what makes a model's scores less than they seem."""
    seen = seen_frames(model.checkpoint.movies, movie, first)
    if seen:
        yield (
            f"{model.name} was TRAINED on at least {seen} of the frames scored here: "
            "its scores show memory, not foresight; score frames it has not seen."
        )
    yield from model.misfits(movie)


def _begin(model: Network, split: Split, job: Job) -> Iterator[Event]:
    """Start a run, after the last checks."""
    choose(job.hardware.device)
    return fit(model, split.train, split.validation, job)


def _continued(run: Run, before: Trained) -> Run:
    """Finetune: the old model's settings and window, the new training's rest."""
    kept = before.checkpoint
    config = model_class(kept.model).Config
    return Run(kept.model, checked(config, kept.settings), kept.window, run.training)


def _listed(movies: Movie | Sequence[Movie]) -> list[Movie]:
    some = [movies] if isinstance(movies, Movie) else list(movies)
    if not some:
        raise MovieError("There is no movie to learn from; give at least one.")
    return some


def _split(movies: Sequence[Movie], spec: WindowSpec, config: TrainConfig) -> Split:
    """Split movies that can be trained on together."""
    channels = {movie.shape[1] for movie in movies}
    if len(channels) > 1:
        listed = ", ".join(f"{m.name!r} has {m.shape[1]}" for m in movies)
        raise MovieError(
            f"Movies trained on together need the same channels, but {listed}; "
            "choose one channel."
        )
    for movie in movies:
        if min(movie.shape[2:]) < SMALLEST:
            raise MovieError(
                f"The frames of {movie.name!r} have {movie.shape[2]} x "
                f"{movie.shape[3]} pixels; at least {SMALLEST} x {SMALLEST} are needed."
            )
    split = split_in_time(
        movies, spec, until=config.until, validation=config.validation
    )
    for part in split.validation.parts:
        require_finite(part.movie, 0, part.stop)
    return split


def _check_place(path: Path) -> None:
    if path.suffix != SUFFIX:
        raise SettingsError(f"A model is saved as a {SUFFIX} file, not as {path.name}.")
    if path.exists():
        raise SettingsError(
            f"There is a model {path} already; give another name, delete it, or go on "
            "with it by resuming."
        )
    if not path.parent.is_dir():
        raise SettingsError(f"There is no folder {path.parent}; make it first.")
