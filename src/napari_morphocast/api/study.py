"""The study that all processes of a sweep share; the one module that knows Optuna."""

from __future__ import annotations

import math
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import optuna
from optuna.exceptions import StorageInternalError, UpdateFinishedTrialError
from optuna.importance import FanovaImportanceEvaluator, get_param_importances
from optuna.pruners import MedianPruner, NopPruner
from optuna.samplers import BaseSampler, RandomSampler, TPESampler
from optuna.storages import RDBStorage
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy import NullPool
from sqlalchemy.exc import IntegrityError, OperationalError, SQLAlchemyError

from napari_morphocast.errors import MorphocastError, SettingsError
from napari_morphocast.evaluation.trials import Outcome, Trial
from napari_morphocast.evaluation.wording import listed
from napari_morphocast.models.lots import mixed
from napari_morphocast.training.search import STEPS
from napari_morphocast.training.space import Space, Span

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from optuna.distributions import BaseDistribution

    from napari_morphocast.training.search import Search
    from napari_morphocast.training.space import Dimension, Value

SEEN, WHY, FILE, WEIGHTS, BEGUN_WITH = "seen", "why", "file", "weights", "begun with"
BEAT, DEAD = 30.0, 600.0  # seconds between signs of life; without one, given up
WATCHED = 3  # parts of a run that pass before it may be given up
UNJUDGED = 5  # trials come to their end before any is given up
ENOUGH = 10  # trials, from which on importance is more than chance
BUSY = 60.0  # seconds to wait for another process that writes
STATES: dict[TrialState, Outcome] = {
    TrialState.COMPLETE: "done",
    TrialState.PRUNED: "pruned",
    TrialState.FAIL: "failed",
    TrialState.RUNNING: "running",
}
ENDS = {outcome: state for state, outcome in STATES.items()}
ENDS["interrupted"] = TrialState.FAIL


class Study:
    """All trials of a sweep, whichever process made them.

    Parameters
    ----------
    search : Search
        How many trials there shall be, how they are drawn, and where they are kept.
    space : Space
        What they differ in.
    seed : int
        What all chance follows from.
    begun_with : mapping
        Movies, model, settings and ranges, which all processes must have in common.
    where : str
        URL of the database, or path of an SQLite file.
    """

    def __init__(
        self,
        search: Search,
        space: Space,
        seed: int,
        begun_with: Mapping[str, str],
        where: str,
    ) -> None:
        self.space, self.trials_wanted = space, search.trials
        name = search.study or "-".join(("morphocast", *begun_with.values()))
        sampler = Draw(search.sampler, seed, space)
        pruner = (
            MedianPruner(n_startup_trials=UNJUDGED, n_warmup_steps=WATCHED)
            if search.prune
            else NopPruner()
        )
        with _told(), _quiet():
            self._study = optuna.create_study(
                storage=_opened(where),
                study_name=name,
                sampler=sampler,
                pruner=pruner,
                direction="maximize",
                load_if_exists=True,
            )
            _require_same(self._study, begun_with)

    def begin(self) -> Ticket | None:
        """Draw settings for one more trial; None if there are enough.

        Whoever's number is beyond those wanted steps back, so processes that begin at
        the same moment make no trial too many.
        """
        with _told():
            self._bury()
            if self.left <= 0:
                return None
            trial = self._study.ask()
            trial.set_user_attr(SEEN, time.time())
            earlier = len(_before(trial.number, self._study))
            if earlier >= self.trials_wanted:
                self._study.tell(trial, state=TrialState.FAIL)
                return None
            drawn = {d.name: _drawn(trial, d) for d in self.space.dimensions}
            return Ticket(self._study, trial, drawn)

    @property
    def left(self) -> int:
        """How many trials nobody has begun."""
        return self.trials_wanted - len(self._counting())

    @property
    def trials(self) -> tuple[Trial, ...]:
        """Every trial, in the order in which they were begun."""
        return tuple(_shown(t) for t in self._all() if t.params)

    def home(self, number: int) -> str:
        """Computer and path at which a trial's model was kept, if it was."""
        return str(self._all()[number].user_attrs.get(FILE, ""))

    def maker(self, weights: str) -> int | None:
        """Number of the trial whose weights have this digest."""
        made = (t for t in self._all() if t.user_attrs.get(WEIGHTS) == weights)
        return max((t.number for t in made), default=None)

    def importance(self) -> dict[str, float]:
        """Share of the differences in skill that each setting explains.

        Functional ANOVA (Hutter et al., 2014) of the trials that came to their end;
        empty if too few of them differ.
        """
        done = {t.value for t in self._all() if t.state == TrialState.COMPLETE}
        if len(done) < ENOUGH:
            return {}
        forest = FanovaImportanceEvaluator(seed=0)
        with _told():
            found = get_param_importances(self._study, evaluator=forest)
        return {name: float(share) for name, share in found.items()}

    def agreed(self, key: str, mine: float) -> float:
        """A number that all processes share: that of the first who knew it."""
        with _told():
            if key not in self._study.user_attrs:
                self._study.set_user_attr(key, mine)
            return float(self._study.user_attrs[key])

    def _all(self) -> list[FrozenTrial]:
        with _told():
            return self._study.get_trials(deepcopy=False)

    def _counting(self) -> list[FrozenTrial]:
        """Trials that need not be made again."""
        return [trial for trial in self._all() if _counts(trial)]

    def _bury(self) -> None:
        """Give up trials whose process has not been seen for long."""
        for trial in self._all():
            if trial.state != TrialState.RUNNING or trial.datetime_start is None:
                continue
            seen = trial.user_attrs.get(SEEN, trial.datetime_start.timestamp())
            if time.time() - seen > DEAD:
                with suppress(UpdateFinishedTrialError):  # by somebody else, just now
                    self._study.tell(
                        trial.number, state=TrialState.FAIL, skip_if_finished=True
                    )


class Ticket:
    """One trial that this process makes."""

    def __init__(
        self, study: optuna.Study, trial: optuna.Trial, drawn: dict[str, Value]
    ) -> None:
        self._study, self._trial, self._shown = study, trial, time.monotonic()
        self.number, self.drawn = trial.number, drawn

    @property
    def trial(self) -> Trial:
        """What can be told of it now."""
        with _told():
            return _shown(self._study.get_trials(deepcopy=False)[self.number])

    def alive(self) -> bool:
        """Show now and then that it goes on; False if it was given up meanwhile."""
        if time.monotonic() - self._shown < BEAT:
            return True
        self._shown = time.monotonic()
        return self._note({SEEN: time.time()})

    def hopeless(self, step: int, skill: float) -> bool:
        """Tell the best skill so far; whether others were better at that step."""
        if not WATCHED <= step < STEPS:
            return False
        with _told():
            self._trial.report(skill, step)
            return self._trial.should_prune()

    def keep(self, weights: str, file: str) -> None:
        """Note which weights it found, and where they lie."""
        self._note({WEIGHTS: weights, FILE: file})

    def end(self, outcome: Outcome, skill: float = math.nan, why: str = "") -> None:
        """Tell how it ended; of an interrupted trial nothing is told, so it is void."""
        if why and not self._note({WHY: why}):
            return
        value = skill if outcome == "done" else None
        with _told(), suppress(UpdateFinishedTrialError):
            state = ENDS[outcome]
            self._study.tell(self._trial, value, state, skip_if_finished=True)

    def _note(self, facts: Mapping[str, Any]) -> bool:
        """Keep some facts with the trial; False if it was given up as dead."""
        try:
            with _told():
                for key, value in facts.items():
                    self._trial.set_user_attr(key, value)
        except UpdateFinishedTrialError:
            return False
        return True


class Draw(BaseSampler):
    """Draws each trial by its own seed, so it does not matter which process asks.

    The first trial of a study has the defaults, where they are among the values tried:
    what a sweep finds is then never worse.

    Parameters
    ----------
    kind : str
        "tpe" learns from the trials before, "random" does not.
    seed : int
        What all chance follows from, with the number of the trial.
    space : Space
        Says what the defaults are.
    """

    def __init__(self, kind: str, seed: int, space: Space) -> None:
        self._kind, self._seed, self._defaults = kind, seed, space.defaults()
        self._now: BaseSampler = RandomSampler(seed)
        self._first = False

    def before_trial(self, study: optuna.Study, trial: FrozenTrial) -> None:
        """Begin a new sequence of random numbers."""
        self._first = not _before(trial.number, study)
        seed = mixed(self._seed, trial.number)
        self._now = (
            TPESampler(seed=seed, constant_liar=True)
            if self._kind == "tpe"
            else RandomSampler(seed)
        )

    def infer_relative_search_space(
        self, study: optuna.Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """What is drawn together."""
        return self._now.infer_relative_search_space(study, trial)

    def sample_relative(
        self,
        study: optuna.Study,
        trial: FrozenTrial,
        search_space: dict[str, BaseDistribution],
    ) -> dict[str, Any]:
        """Draw what is drawn together."""
        return self._now.sample_relative(study, trial, search_space)

    def sample_independent(
        self,
        study: optuna.Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        """Draw what is drawn alone."""
        if self._first and param_name in self._defaults:
            return self._defaults[param_name]
        return self._now.sample_independent(
            study, trial, param_name, param_distribution
        )


def _counts(trial: FrozenTrial) -> bool:
    """Whether a trial need not be made again: it is on, or ended by itself."""
    return trial.state != TrialState.FAIL or WHY in trial.user_attrs


def _before(number: int, study: optuna.Study) -> list[FrozenTrial]:
    """Trials that count and were begun before another."""
    return [t for t in study.get_trials(deepcopy=False)[:number] if _counts(t)]


def _drawn(trial: optuna.Trial, dimension: Dimension) -> Value:
    name, values = dimension.name, dimension.values
    if not isinstance(values, Span):
        chosen = trial.suggest_categorical(name, values)
        assert chosen is not None
        return chosen
    if values.whole:
        ends = round(values.low), round(values.high)
        return trial.suggest_int(name, *ends, log=values.log)
    return trial.suggest_float(name, values.low, values.high, log=values.log)


def _shown(trial: FrozenTrial) -> Trial:
    """A trial in our own words."""
    outcome = STATES[trial.state]
    if outcome == "failed" and WHY not in trial.user_attrs:
        outcome = "interrupted"
    value = trial.values[0] if trial.values else math.nan
    took = trial.duration.total_seconds() if trial.duration else math.nan
    why = str(trial.user_attrs.get(WHY, ""))
    return Trial(trial.number, outcome, trial.params, value, took, why)


def _require_same(study: optuna.Study, begun_with: Mapping[str, str]) -> None:
    """Refuse to go on with a study of something else."""
    if BEGUN_WITH not in study.user_attrs:
        if study.get_trials(deepcopy=False):
            raise SettingsError(
                f"The study {study.study_name!r} was not begun by a sweep; give it "
                "another name."
            )
        study.set_user_attr(BEGUN_WITH, dict(begun_with))
    before = study.user_attrs[BEGUN_WITH]
    other = [part for part, mark in begun_with.items() if before.get(part) != mark]
    if other:
        raise SettingsError(
            f"The study {study.study_name!r} was begun with other {listed(other)}; "
            "give this one another name, or go on with the same as then."
        )


def _opened(where: str) -> RDBStorage:
    """Open a database; two processes that make it at the same moment wait."""
    url = where if "://" in where else f"sqlite:///{where}"
    lite = url.startswith("sqlite")
    options: dict[str, Any] = {}
    if lite:  # no connection stays open, so the file can be moved or deleted
        options = {"connect_args": {"timeout": BUSY}, "poolclass": NullPool}
    for _ in range(5):
        try:
            return RDBStorage(url, options)
        except (OperationalError, IntegrityError) as error:
            if not isinstance(error, IntegrityError) and "exists" not in str(error):
                raise
        time.sleep(0.2)
    return RDBStorage(url, options)


@contextmanager
def _told() -> Iterator[None]:
    """Say in one sentence what is wrong with a database."""
    try:
        yield
    except (SQLAlchemyError, StorageInternalError, ImportError) as error:
        reason = str(getattr(error, "orig", None) or error).splitlines()[0].rstrip(".")
        raise MorphocastError(
            f"The storage of the sweep cannot be used ({reason}); give one as in "
            "sqlite:///sweep.db."
        ) from None


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep Optuna from telling that it made or found a study."""
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(before)
