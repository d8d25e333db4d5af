"""Training a model, and going on with a run."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from napari_morphocast.data.finite import require_finite
from napari_morphocast.data.movie import Movie
from napari_morphocast.data.outliers import left_out, without_outliers
from napari_morphocast.data.scaling import Scaling
from napari_morphocast.data.windows import shortened, split_in_time
from napari_morphocast.errors import MovieError, SettingsError
from napari_morphocast.models.base import Forecaster, model_class
from napari_morphocast.training.checkpoint import SUFFIX, Checkpoint, read, stamp
from napari_morphocast.training.config import Hardware, Run, TrainConfig, checked
from napari_morphocast.training.devices import choose
from napari_morphocast.training.fit import Job, fit
from napari_morphocast.training.record import records
from napari_morphocast.training.resume import RunState, begun_with, read_state
from napari_morphocast.training.trained import Trained
from napari_morphocast.training.tuning import stretches

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from torch import Tensor

    from napari_morphocast.data.windows import Part, Split, WindowSpec
    from napari_morphocast.models.base import Model as Network
    from napari_morphocast.training.events import Event

SMALLEST = 16  # side of a frame in pixels


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
        A trained model to finetune; it decides model, window, grey-level scaling, and
        all of the training that follows from these.
    stop : threading.Event, optional
        Set it from any thread to end early with what has been learned.

    Raises
    ------
    MorphocastError
        If movie, settings, device or path make no sense; says what to do.
    """
    some = listed(movies)
    run, path, note = run or Run.make(), Path(save_to), ""
    before = Trained.read(Path(start_from)) if start_from else None
    if before is not None:
        run = _continued(run, before, some[0])
    else:
        run, note = fitted(run, some)
    check_place(path)
    split = divided(some, run.window, run.training)
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
    model, fair = (before.model, {}) if before else _fresh(draft, split)
    draft, more = _with_an_epoch_each(draft, len(model.stages()))
    note = f"{note} {more}".strip()
    state = RunState(draft=draft.model_dump_json(), fair=fair)
    how = hardware or Hardware(), stop or threading.Event()
    return _begin(model, split, Job(draft, path, *how, state, note))


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

    Raises
    ------
    MorphocastError
        If there is no such run, it is complete, or the movies are others.
    """
    path = Path(save_to)
    state = read_state(path)
    draft = begun_with(state, path)
    _, model = read(path)
    changes: dict[str, Any] = {}
    if epochs is not None:
        changes["epochs"] = epochs
    if minutes is not None:
        changes["minutes"] = state.seconds / 60 + minutes if minutes else 0.0
    training = checked(TrainConfig, {**draft.training.model_dump(), **changes})
    draft = draft.model_copy(update={"training": training})
    some = listed(movies)
    split = divided(some, draft.window, training)
    now = [(r.seen, r.labels, r.shape[1]) for r in records(split.validation)]
    if now != [(r.seen, r.labels, r.shape[1]) for r in draft.movies]:
        names = ", ".join(
            f"{r.name} and its segmentation" if r.labels else r.name
            for r in draft.movies
        )
        raise MovieError(
            f"The run that makes {path} began with other frames (of {names}); resume "
            "with those, or finetune on the new ones."
        )
    if state.complete(training):
        raise SettingsError(
            f"The run that makes {path} is complete after {state.epoch} epochs; give "
            "more epochs or minutes to go on."
        )
    job = Job(draft, path, hardware or Hardware(), stop or threading.Event(), state)
    return _begin(model, split, job)


def _begin(model: Network, split: Split, job: Job) -> Iterator[Event]:
    """Start a run, after the last checks."""
    choose(job.hardware.device)
    if job.draft.training.outliers:
        job = replace(job, note=f"{job.note} {left_out(split.train)}".strip())
    return fit(model, split.train, split.validation, job)


def _fresh(draft: Checkpoint, split: Split) -> tuple[Network, dict[str, Tensor]]:
    """Make a network, and solve at once for what needs no descent.

    On all known frames, for the latest are most like those to come, and few
    coefficients for all pixels remember nothing; and, to judge by the validation
    frames, on those before them.
    """
    torch.manual_seed(draft.training.seed)
    model = draft.build()
    if not model.stages():
        raise SettingsError(
            f"{draft.model} needs no training; use its name as a model."
        )
    if not isinstance(model, Forecaster):
        return model, {}
    how = split.train.spec, draft.scaling, model.lookback
    model.tune(_examples(split.train.parts, *how))
    fair = {name: found.clone() for name, found in model.found.items()}
    model.tune(_examples(split.known, *how))
    return model, fair


def _with_an_epoch_each(draft: Checkpoint, stages: int) -> tuple[Checkpoint, str]:
    """Leave no stage out, however few epochs were asked for, and say so."""
    if draft.training.epochs >= stages:
        return draft, ""
    training = draft.training.model_copy(update={"epochs": stages})
    note = f"{draft.model} learns in {stages} stages, so there are {stages} epochs."
    return draft.model_copy(update={"training": training}), note


def _continued(run: Run, before: Trained, movie: Movie) -> Run:
    """Finetune: the old model's settings, window and what these imply; the rest new.

    What the new training does not say is what suits the old model.
    """
    before.require_channels(movie)
    if movie.labels and not before.labels:
        raise MovieError(
            f"{before.name!r} has learned without a segmentation; finetune it without "
            "one (labels)."
        )
    kept = before.checkpoint
    kind = model_class(kept.model)
    fixed = kind.fixed(checked(kind.Config, kept.settings))
    same = kept.training.model_dump(include={"members", *kind.implied, *fixed})
    given = run.training.model_dump(exclude_unset=True)
    values = kept.settings | kept.window.model_dump() | given | same
    return Run.make(kept.model, **values)


def fitted(run: Run, movies: Sequence[Movie]) -> tuple[Run, str]:
    """Shorten the usual window for short movies, and say so; note a segmentation."""
    if "labels" in type(run.settings).model_fields:
        if getattr(run.settings, "labels", False) and not movies[0].labels:
            raise SettingsError(
                "No segmentation was given that the model could see (labels); give one "
                "for each movie, or leave the setting labels out."
            )
        seen = run.settings.model_copy(update={"labels": movies[0].labels})
        run = replace(run, settings=seen)
    usual, training = run.window, run.training
    shortest = min(movies, key=len)
    window = shortened(usual, len(shortest), training.until, training.validation)
    if window == usual:
        return run, ""
    note = (
        f"{shortest.name!r} has only {len(shortest)} frames, so the context is "
        f"{window.context} and the training rollout {window.horizon} frame(s) instead "
        f"of {usual.context} and {usual.horizon}."
    )
    return replace(run, window=window), note


def listed(movies: Movie | Sequence[Movie]) -> list[Movie]:
    """Movies in a list, also if there is one only; refuses none."""
    some = [movies] if isinstance(movies, Movie) else list(movies)
    if not some:
        raise MovieError("There is no movie to learn from; give at least one.")
    return some


def divided(movies: Sequence[Movie], spec: WindowSpec, config: TrainConfig) -> Split:
    """Split movies that can be trained on together."""
    channels = {movie.shape[1] for movie in movies}
    if len(channels) > 1:
        each = ", ".join(f"{m.name!r} has {m.shape[1]}" for m in movies)
        raise MovieError(
            f"Movies trained on together need the same channels, but {each}; "
            "choose one channel."
        )
    if len({movie.labels for movie in movies}) > 1:
        raise MovieError(
            "Some of these movies have a segmentation and some have none; give one "
            "for each."
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
    if not config.outliers:
        return split
    return split._replace(train=without_outliers(split.train, config.outliers))


def _examples(
    parts: Sequence[Part], spec: WindowSpec, scaling: Scaling, lookback: int
) -> Iterator[Tensor]:
    """Stretches of some parts, (T, C, Y, X): frames that are shown, then a target.

    Between two halves only the last frame shown is a target, so a stretch has no more
    frames before it than are looked at.
    """
    spec = spec.model_copy(update={"horizon": 1})
    shown = spec.order if spec.task == "forecast" else spec.order[-lookback - 1 :]
    for frames in stretches(parts, spec.length, scaling):
        yield frames[list(shown)]


def check_place(path: Path) -> None:
    """Refuse a place where no new model can be saved."""
    if path.suffix != SUFFIX:
        raise SettingsError(f"A model is saved as a {SUFFIX} file, not as {path.name}.")
    if path.exists():
        raise SettingsError(
            f"There is a model {path} already; give another name, delete it, or go on "
            "with it by resuming."
        )
    if not path.parent.is_dir():
        raise SettingsError(f"There is no folder {path.parent}; make it first.")
