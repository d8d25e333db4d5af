"""Searching for good settings: many trainings, of which the best model is kept."""

from __future__ import annotations

import hashlib
import json
import logging
import math
import os
import platform
import threading
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, NamedTuple

from napari_morphocast.api.training import (
    check_place,
    divided,
    fitted,
    listed,
    train,
)
from napari_morphocast.errors import MovieError, SettingsError, TrainingError
from napari_morphocast.evaluation.trials import SHOWN, ranked, table, write
from napari_morphocast.evaluation.trials_figure import draw
from napari_morphocast.models.base import Forecaster, model_class
from napari_morphocast.training.checkpoint import SUFFIX, peek
from napari_morphocast.training.config import Hardware, Run
from napari_morphocast.training.events import (
    ENDINGS,
    SPOILED,
    EpochDone,
    Progress,
    Started,
)
from napari_morphocast.training.memory import ran_out
from napari_morphocast.training.record import records
from napari_morphocast.training.search import STEPS, Search
from napari_morphocast.training.space import MEASURING, Space

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Mapping, Sequence

    from napari_morphocast.api.study import Study, Ticket
    from napari_morphocast.data.movie import Movie
    from napari_morphocast.evaluation.trials import Outcome, Trial
    from napari_morphocast.training.events import Event
    from napari_morphocast.training.space import Value

NEEDED = "optuna", "sqlalchemy", "filelock"  # of the extra "sweep"
LOG = logging.getLogger(__name__)
ALIKE = 1e-3  # relative difference of two measures of the same, on other hardware


class Result(NamedTuple):
    """How a trial ended."""

    outcome: Outcome
    skill: float = math.nan
    why: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Sweep:
    """A search for good settings, which ``run`` goes on with.

    Parameters
    ----------
    path : Path
        Where the best model lies, as soon as there is one.
    space : Space
        What is tried.
    """

    path: Path
    space: Space
    _movies: Sequence[Movie]
    _run: Run
    _fixed: Mapping[str, Any]
    _study: Study
    _hardware: Hardware
    _stop: threading.Event

    def run(self) -> Iterator[Event | Trial]:
        """Make trials until there are enough, or somebody says stop.

        Yields
        ------
        Trial or Event
            Every trial when it begins and when it has ended; in between what its
            training tells.
        """
        while not self._stop.is_set() and (ticket := self._study.begin()):
            result = Result("interrupted")
            try:
                yield ticket.trial
                result = yield from self._made(ticket)
            finally:
                ticket.end(*result)
            yield ticket.trial

    @property
    def trials(self) -> tuple[Trial, ...]:
        """All trials so far, of all processes."""
        return self._study.trials

    @property
    def best(self) -> Trial | None:
        """The trial with the most skill."""
        return next(iter(ranked(self.trials)), None)

    @property
    def kept(self) -> Trial | None:
        """The trial whose model lies at ``path``, with the skill of that model."""
        if not self.path.exists():
            return None
        checkpoint, weights = peek(self.path)
        number = self._study.maker(weights)
        made = (trial for trial in self.trials if trial.number == number)
        return next((replace(t, skill=checkpoint.skill) for t in made), None)

    @property
    def usual(self) -> Trial | None:
        """The trial that had the defaults, if it came to its end."""
        defaults = self.space.defaults()
        return next((t for t in ranked(self.trials) if t.tried == defaults), None)

    @property
    def left(self) -> int:
        """How many trials nobody has begun yet."""
        return max(0, self._study.left)

    def settings(self, trial: Trial) -> dict[str, Any]:
        """Settings with which ``train`` repeats a trial, for ``Run.make``."""
        return {**self._fixed, **self.space.run_settings(trial.tried)}

    def home(self, trial: Trial) -> str:
        """Computer and path at which a trial's model was kept, if it was."""
        return self._study.home(trial.number)

    def importance(self) -> dict[str, float]:
        """Share of the differences in skill that each setting explains.

        The largest first; empty as long as fewer than ten trials came to their end.
        """
        return self._study.importance()

    def table(self, count: int = SHOWN) -> str:
        """The best trials with what they tried, as text."""
        return table(self.trials, count)

    def save(self, path: str | Path) -> None:
        """Write all trials as ``.csv``."""
        write(self.trials, path)

    def plot(self, path: str | Path) -> None:
        """Draw what mattered, and the skill of all trials, as PNG."""
        draw(self.trials, self.importance(), path)

    def _made(self, ticket: Ticket) -> Generator[Event, None, Result]:
        """Train with the settings of one trial; what goes wrong is its result."""
        with TemporaryDirectory(
            prefix=f".{self.path.stem}-",
            dir=self.path.parent,  # on the same disk, where it can be moved at once
            ignore_cleanup_errors=True,
        ) as folder:
            path = Path(folder) / f"trial{SUFFIX}"
            try:
                return (yield from self._followed(ticket, path))
            except (SettingsError, MovieError) as error:
                return Result("pruned", why=str(error))
            except (TrainingError, RuntimeError, ValueError, MemoryError) as error:
                LOG.info("trial %d failed", ticket.number, exc_info=True)
                return Result("failed", why=_reason(error))

    def _checked_run(self, drawn: Mapping[str, Value]) -> Run:
        """Settings of a trial, which must fit the movies as they are."""
        given = {**self._fixed, **self.space.run_settings(drawn)}
        run = Run.make(self._run.model, **given)
        fitting, _ = fitted(run, self._movies)
        if fitting.window != run.window:
            raise MovieError(
                f"The shortest movie is too short for a context of "
                f"{run.window.context} and a training rollout of {run.window.horizon}."
            )
        return fitting

    def _followed(self, ticket: Ticket, path: Path) -> Generator[Event, None, Result]:
        """Go along with a training; leave it when it is hopeless."""
        run = self._checked_run(ticket.drawn)
        judged = self._judged(run)
        progress, best, step = Progress(), -math.inf, 0
        for event in train(
            self._movies, path, run, hardware=self._hardware, stop=self._stop
        ):
            yield event
            progress = progress.after(event)
            if isinstance(event, Started) and (bad := self._unlike(event.persistence)):
                return bad
            if not ticket.alive():
                return Result("interrupted")
            if not isinstance(event, EpochDone) or event.stage not in judged:
                continue
            best = max(best, 1 - event.validation / progress.persistence)
            while step < int(STEPS * progress.share):
                step += 1
                if ticket.hopeless(step, best):
                    return Result("pruned", why=_behind(step))
        return self._ended(ticket, progress, path)

    def _ended(self, ticket: Ticket, progress: Progress, path: Path) -> Result:
        """Judge a training that came to an end, and keep its model if it is best."""
        ending = progress.ended
        if ending in SPOILED:
            return Result("failed", why=ENDINGS[ending])
        checkpoint, weights = peek(path)
        if ending == "stopped" and checkpoint.scores["stages_left"]:
            return Result("interrupted")
        self._offer(ticket, path, checkpoint.skill, weights)
        done: Outcome = "interrupted" if ending == "stopped" else "done"
        return Result(done, checkpoint.skill)

    def _offer(self, ticket: Ticket, path: Path, skill: float, weights: str) -> None:
        """Put a model in place of a worse one; no two processes do it at once."""
        from filelock import FileLock

        with FileLock(self.path.with_name(f".{self.path.name}.lock")):
            if self.path.exists() and peek(self.path)[0].skill >= skill:
                return
            ticket.keep(weights, f"{platform.node()}:{self.path.resolve()}")
            os.replace(path, self.path)

    def _judged(self, run: Run) -> set[str]:
        """Stages whose validation loss is that of forecasts, so it can be compared."""
        model = model_class(run.model)(run.settings, self._movies[0].shape[1])
        return {stage.name for stage in model.stages() if stage.validate is None}

    def _unlike(self, persistence: float) -> Result | None:
        """Refuse a trial whose validation loss is not that of the others."""
        if not persistence > 0:
            why = "nothing changes in the validation frames, so there is no skill"
            return Result("failed", why=why)
        usual = self._study.agreed("nothing moves", persistence)
        if math.isclose(persistence, usual, rel_tol=ALIKE):
            return None
        why = "its validation loss does not measure what that of the others does"
        return Result("pruned", why=why)


def sweep(
    movies: Movie | Sequence[Movie],
    save_to: str | Path,
    search: Search | None = None,
    *,
    hardware: Hardware | None = None,
    stop: threading.Event | None = None,
) -> Sweep:
    """Search for the settings with which a model forecasts validation frames best.

    Everything is checked before this returns; trials are made while the events of
    ``Sweep.run`` are taken. Several processes with the same ``search`` share the work,
    and the same call goes on with what was begun. Test frames are never looked at.

    Parameters
    ----------
    movies : Movie or sequence of Movie
        As in ``train``.
    save_to : path
        The ``.morphocast`` file that always holds the best model so far.
    search : Search, optional
        Model, what is tried, and how often.
    hardware : Hardware, optional
        Where each trial computes: one device.
    stop : threading.Event, optional
        Set it from any thread to end; the trial that is on does not count.

    Raises
    ------
    MorphocastError
        If Optuna is missing, or movies, settings or storage make no sense.
    """
    study_of = _study_class()
    some, path, search = listed(movies), Path(save_to), search or Search()
    hardware = hardware or Hardware()
    run, fixed, space = _planned(some, search, hardware)
    if not path.exists():
        check_place(path)
    with TemporaryDirectory() as folder:  # what is wrong with all trials is wrong now
        train(some, Path(folder) / f"trial{SUFFIX}", run, hardware=hardware)
    where = search.storage or str(path.with_suffix(".sweep.db"))
    marks = _marks(some, run, space)
    study = study_of(search, space, run.training.seed, marks, where)
    found = Sweep(
        path, space, some, run, fixed, study, hardware, stop or threading.Event()
    )
    if path.exists() and found.kept is None:
        raise SettingsError(
            f"There is a model {path} already, which this sweep did not make; give "
            "another name, or delete it."
        )
    return found


def _planned(
    movies: Sequence[Movie], search: Search, hardware: Hardware
) -> tuple[Run, dict[str, Any], Space]:
    """A run that is told nothing, the settings that all share, and what is tried."""
    run = Run.make(search.model, **search.fixed)
    if not issubclass(model_class(run.model), Forecaster):
        raise SettingsError(
            f"{run.model!r} makes frames instead of forecasts, so no validation loss "
            "says which settings are better; sweep a forecaster."
        )
    if hardware.devices * hardware.nodes > 1:
        raise SettingsError(
            "A trial computes on one device; start the same sweep once for each."
        )
    measuring = MEASURING
    if run.window.task == "between":
        measuring |= {"context"}
    if len({movie.shape[2:] for movie in movies}) > 1:
        measuring |= {"batch"}  # those of a batch are cut to the smallest frame
    usual, (run, _) = run.window, fitted(run, movies)
    space = Space.around(run, search.fixed, search.only, search.ranges, measuring)
    fixed = {**search.fixed, "horizon": run.window.horizon}
    if run.window.context != usual.context:
        fixed["context"] = run.window.context
    return run, fixed, space


def _marks(movies: Sequence[Movie], run: Run, space: Space) -> dict[str, str]:
    """What tells one study from another."""
    seen = records(divided(movies, run.window, run.training).validation)
    shared = run.flat()
    for name in (*space.settings, "autosave"):
        del shared[name]
    return {
        "movies": _mark([(record.seen, record.labels) for record in seen]),
        "model": run.model,
        "settings": _mark(shared),
        "ranges": _mark([str(dimension) for dimension in space.dimensions]),
    }


def _mark(values: Any) -> str:
    text = json.dumps(values, sort_keys=True, default=str)
    return hashlib.blake2b(text.encode(), digest_size=4).hexdigest()


def _study_class() -> type[Study]:
    try:
        from napari_morphocast.api.study import Study
    except ModuleNotFoundError as error:
        if str(error.name).split(".")[0] not in NEEDED:
            raise
        raise SettingsError(
            f"A sweep needs {error.name}, which is not installed; "
            'pip install "napari-morphocast[sweep]" does that.'
        ) from None
    return Study


def _reason(error: Exception) -> str:
    """Why a training failed, in one line."""
    if isinstance(error, MemoryError) or (
        isinstance(error, RuntimeError) and ran_out(error)
    ):
        return "memory ran out"
    return str(error).strip().split("\n")[0] or type(error).__name__


def _behind(step: int) -> str:
    return f"worse than half of the others after {100 * step // STEPS} % of the run"
