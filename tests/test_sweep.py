"""Searching for settings: shared, resumed, interrupted, and always the best kept."""

from __future__ import annotations

import math
import re
import shlex
import signal
import subprocess
import sys
import threading
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from sqlalchemy import Engine, event
from sqlalchemy.exc import IntegrityError

from movies import gliding
from napari_morphocast import api
from napari_morphocast.api import Search, study
from napari_morphocast.cli import main
from napari_morphocast.data.io import write_movie
from napari_morphocast.data.movie import Movie
from napari_morphocast.errors import MorphocastError, MovieError, TrainingError
from napari_morphocast.evaluation.trials import Trial
from napari_morphocast.evaluation.trials_figure import draw
from napari_morphocast.training.checkpoint import peek, read, save
from napari_morphocast.training.config import Hardware, Run
from napari_morphocast.training.events import EpochDone, Finished, Saved, Started
from napari_morphocast.training.space import Span

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from napari_morphocast.api import Sweep
    from napari_morphocast.training.events import Event

CPU = Hardware(device="cpu")
SMALL = {
    "hidden": (4,),
    "patch": 4,
    "context": 3,
    "horizon": 1,
    "start": "persistence",
    "epochs": 2,
    "ema": 0.5,
}
RATES = {"learning_rate": Span(1e-4, 1e-1)}
WORDS = [f"{k}={[*v] if isinstance(v, tuple) else v}" for k, v in SMALL.items()]


def searched(path: Path, movie: Movie | None = None, **told) -> Sweep:
    """A sweep over learning rates, unless told otherwise."""
    told = {"trials": 3, "fixed": SMALL, "ranges": RATES, "only": ("batch",)} | told
    search = Search(model="convlstm", **told)
    return api.sweep(movie or gliding(24), path, search, hardware=CPU)


def made(sweep: Sweep) -> list[Trial]:
    """Trials of a sweep that is run, as they end."""
    ended = (e for e in sweep.run() if isinstance(e, Trial) and e.outcome != "running")
    return list(ended)


def found(path: Path, movie: Movie | None = None, **told) -> list[Trial]:
    return made(searched(path, movie, **told))


def refusal(path: Path, movie: Movie | None = None, **told) -> str:
    with pytest.raises(MorphocastError) as refused:
        searched(path, movie, **told)
    return str(refused.value)


def by_rate(run: Run) -> float:
    """Skill that is best at a learning rate of 0.01."""
    return 1 - abs(math.log10(run.training.learning_rate) + 2) / 2


def skills(trials: list[Trial]) -> list[float]:
    return [trial.skill for trial in trials]


@pytest.fixture(autouse=True, scope="module")
def hasty() -> Iterator[None]:
    """Databases that need not survive a power cut: ten times faster."""

    def hurry(connection: Any, _: object) -> None:
        connection.execute("PRAGMA synchronous=OFF")

    event.listen(Engine, "connect", hurry)
    yield
    event.remove(Engine, "connect", hurry)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "best.morphocast"


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "net.morphocast"
    run = Run.make("convlstm", **SMALL)
    list(api.train(gliding(24), path, run, hardware=CPU))
    return path


@pytest.fixture
def pretend(
    trained: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[Callable[[Run], float]], None]:
    """Replace training by ten epochs that lead to a skill that settings decide."""
    checkpoint, model = read(trained)

    def train(_: object, path: Path, run: Run, **__: object) -> Iterator[Event]:
        return _epochs(path, skill_of(run))

    def _epochs(path: Path, skill: float) -> Iterator[Event]:
        yield Started(10, 1, 1.0, "cpu", 1)
        for epoch in range(1, 11):
            yield EpochDone(epoch, 0.0, 1 - skill * epoch / 10, True, 0.1, stage="fit")
        scores = {"validation": 1 - skill, "persistence": 1.0, "stages_left": 0.0}
        weights = {k: v + skill for k, v in model.state_dict().items()}
        save(path, checkpoint.model_copy(update={"scores": scores}), weights)
        yield Saved(path)
        yield Finished("done")

    def use(skill: Callable[[Run], float]) -> None:
        nonlocal skill_of
        skill_of = skill
        monkeypatch.setattr("napari_morphocast.api.sweeping.train", train)

    skill_of = by_rate
    return use


# --- what is found


def test_the_best_model_is_kept_and_ready_to_use(path):
    sweep = searched(path)
    trials = made(sweep)
    assert [trial.outcome for trial in trials] == ["done"] * 3
    assert sweep.kept == sweep.best == max(trials, key=lambda trial: trial.skill)
    checkpoint, _ = read(path)
    assert checkpoint.skill == pytest.approx(sweep.best.skill)
    rate = sweep.best.tried["learning_rate"]
    assert checkpoint.training.learning_rate == rate
    assert (
        len(list(api.rollout(gliding(24), path, horizon=2, hardware=CPU).frames)) == 2
    )


def test_the_best_trial_can_be_trained_again(path, tmp_path):
    sweep = searched(path, trials=2)
    made(sweep)
    run = Run.make("convlstm", **sweep.settings(sweep.best))
    again = tmp_path / "again.morphocast"
    list(api.train(gliding(24), again, run, hardware=CPU))
    assert peek(again)[1] == peek(path)[1]


def test_test_frames_are_never_looked_at(path, tmp_path):
    movie = gliding(24)
    frames = movie.frames.copy()
    frames[19:] = np.random.default_rng(0).integers(0, 255, frames[19:].shape)
    blind = Movie(frames, movie.interval, movie.pixel_size, name=movie.name)
    other = tmp_path / "blind.morphocast"
    assert skills(found(path, trials=2)) == skills(found(other, blind, trials=2))


def test_the_first_trial_has_the_defaults(path, pretend):
    pretend(by_rate)
    usual = Run.make("convlstm", **SMALL).training
    first, *_ = found(path)
    assert first.tried == {"learning_rate": usual.learning_rate, "batch": usual.batch}
    assert searched(path).usual.number == 0


def test_a_sweep_comes_near_the_best_settings(path, pretend):
    pretend(by_rate)
    sweep = searched(path, trials=25)
    made(sweep)
    assert sweep.best.skill > 0.95
    shares = sweep.importance()
    assert next(iter(shares)) == "learning_rate"
    assert sum(shares.values()) == pytest.approx(1)


def test_nothing_is_said_of_importance_after_a_few_trials(path, pretend):
    pretend(by_rate)
    sweep = searched(path)
    made(sweep)
    assert sweep.importance() == {}


def test_the_table_has_the_best_first(path, pretend, tmp_path):
    pretend(by_rate)
    sweep = searched(path, trials=6)
    made(sweep)
    head, first, *_ = sweep.table().splitlines()
    assert head.split()[:3] == ["trial", "skill", "(%)"]
    assert first.split()[0] == str(sweep.best.number)
    sweep.save(tmp_path / "trials.csv")
    assert len((tmp_path / "trials.csv").read_text().splitlines()) == 7


def test_the_picture_of_a_single_trial_is_laid_out(tmp_path):
    draw([Trial(0, "done", {"width": 4}, 0.1)], {}, tmp_path / "p.png")  # no warning
    assert (tmp_path / "p.png").stat().st_size > 1000


def test_the_seed_decides_what_is_drawn(path, tmp_path, pretend):
    pretend(by_rate)
    ways = [tmp_path / f"{name}.morphocast" for name in "abc"]
    seeds = 1, 1, 2
    drawn = [
        [t.tried for t in found(way, sampler="random", fixed={**SMALL, "seed": seed})]
        for way, seed in zip(ways, seeds, strict=True)
    ]
    assert drawn[0] == drawn[1] != drawn[2]


# --- trials that come to nothing


def test_hopeless_trials_are_given_up(path, pretend):
    pretend(by_rate)
    trials = found(path, trials=14, sampler="random")
    given_up = [trial for trial in trials if trial.outcome == "pruned"]
    assert given_up
    assert all("worse than half" in trial.why for trial in given_up)
    best = max(t.skill for t in trials if t.outcome == "done")
    assert all(trial.skill < best for trial in given_up)


def test_no_trial_is_given_up_if_nobody_wants_that(path, pretend):
    pretend(by_rate)
    trials = found(path, trials=14, sampler="random", prune=False)
    assert {trial.outcome for trial in trials} == {"done"}


def test_impossible_settings_are_told_to_the_sampler(path, pretend):
    pretend(by_rate)
    trials = found(path, trials=8, ranges={"kernel": Span(3, 6)}, sampler="random")
    impossible = [t for t in trials if t.tried["kernel"] % 2 == 0]
    assert impossible
    assert all(t.outcome == "pruned" and "must be odd" in t.why for t in impossible)


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (TrainingError("Memory ran out on cuda:0."), "Memory ran out"),
        (RuntimeError("CUDA out of memory. Tried to allocate\nmuch"), "memory ran out"),
        (MemoryError(), "memory ran out"),
        (RuntimeError("Kernel size can't be greater"), "Kernel size can't be greater"),
    ],
)
def test_a_trial_that_fails_is_no_end(path, pretend, error, told):
    def fails(run: Run) -> float:
        if run.training.learning_rate > 0.003:
            raise error
        return by_rate(run)

    pretend(fails)
    trials = found(path, trials=6, sampler="random")
    failed = [trial for trial in trials if trial.outcome == "failed"]
    assert failed
    assert len(trials) == 6
    assert told in failed[0].why


def test_a_run_that_diverges_has_failed(path, monkeypatch):
    def diverging(*_: object, **__: object) -> Iterator[Event]:
        return iter([Started(1, 1, 1.0, "cpu", 1), Finished("diverged")])

    monkeypatch.setattr("napari_morphocast.api.sweeping.train", diverging)
    trials = found(path)
    assert [trial.outcome for trial in trials] == ["failed"] * 3
    assert "the loss became NaN" in trials[0].why


def test_a_disk_that_is_full_ends_the_sweep(path, pretend):
    def full(run: Run) -> float:
        raise OSError(28, "No space left on device")

    pretend(by_rate)
    sweep = searched(path)
    pretend(full)
    with pytest.raises(OSError, match="No space"):
        made(sweep)
    assert [trial.outcome for trial in sweep.trials] == ["interrupted"]


def test_a_context_too_long_for_the_movie_is_not_shortened(path):
    fixed = {k: v for k, v in SMALL.items() if k != "context"}
    long = {"context": (3, 17)}
    trials = found(path, trials=6, fixed=fixed, ranges=long, sampler="random")
    cut = [trial for trial in trials if trial.tried["context"] == 17]
    assert cut
    assert {trial.outcome for trial in cut} == {"pruned"}


def test_a_trial_whose_loss_measures_something_else_does_not_count_as_good(
    path, pretend, monkeypatch
):
    pretend(by_rate)
    sweep = searched(path)
    monkeypatch.setattr(study.Study, "agreed", lambda *_: 2.0)
    assert {trial.outcome for trial in made(sweep)} == {"pruned"}
    assert not path.exists()


# --- sharing and resuming


def test_the_same_sweep_again_makes_the_trials_that_are_left(path, pretend):
    pretend(by_rate)
    assert len(found(path, trials=4)) == 4
    assert found(path, trials=4) == []
    assert [trial.number for trial in found(path, trials=6)] == [4, 5]


def test_processes_share_the_trials_of_one_database(path, tmp_path, pretend):
    pretend(by_rate)
    url = f"sqlite:///{tmp_path / 'sweep.db'}"
    ended: list[Trial] = []
    sweeps = [searched(path, trials=20, storage=url) for _ in range(3)]
    threads = [
        threading.Thread(target=lambda s=sweep: ended.extend(made(s)))
        for sweep in sweeps
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(ended) == len({trial.number for trial in ended}) == 20
    assert sweeps[0].kept == sweeps[0].best
    assert peek(path)[0].skill == pytest.approx(max(skills(ended)))


@pytest.mark.slow
def test_two_commands_share_one_study(path, tmp_path):
    words = command(tmp_path, "--trials", "6", "--storage", f"{tmp_path / 's.db'}")
    call = [sys.executable, "-m", "napari_morphocast", *words]
    both = [subprocess.Popen(call, stdout=subprocess.PIPE, text=True) for _ in "ab"]
    told = [process.communicate(timeout=200)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0]
    lines = [line for one in told for line in one.splitlines()]
    assert (
        len([line for line in lines if line.startswith("trial ") and "(%)" not in line])
        == 6
    )


def test_a_database_that_another_process_is_making_is_tried_again(path, monkeypatch):
    begun, make = [], study.RDBStorage

    def late(*told):
        begun.append(told)
        if len(begun) < 3:
            raise IntegrityError("", {}, Exception("UNIQUE alembic_version"))
        return make(*told)

    monkeypatch.setattr(study, "RDBStorage", late)
    assert not searched(path).trials
    assert len(begun) == 3


def test_a_trial_whose_process_died_is_made_again(path, pretend, monkeypatch):
    pretend(by_rate)
    dying = searched(path).run()
    assert next(dying).outcome == "running"
    monkeypatch.setattr(study, "DEAD", -1.0)
    assert len(found(path)) == 3
    left_over = dict.fromkeys(trial.outcome for trial in searched(path).trials)
    assert list(left_over) == ["interrupted", "done"]
    dying.close()


def test_a_trial_given_up_by_others_is_left(path, pretend, monkeypatch):
    pretend(by_rate)
    sleeping = searched(path, trials=1)
    running = sleeping.run()
    next(running)
    monkeypatch.setattr(study, "DEAD", -1.0)
    monkeypatch.setattr(study, "BEAT", -1.0)
    assert len(found(path, trials=1)) == 1
    ended = [e for e in running if isinstance(e, Trial)]
    assert [trial.outcome for trial in ended] == ["interrupted"]


@pytest.mark.parametrize(
    ("told", "part"),
    [
        ({"fixed": {**SMALL, "epochs": 3}}, "other settings"),
        ({"ranges": {"learning_rate": Span(1e-3, 1e-2)}}, "other ranges"),
        ({"movie": gliding(25)}, "other movies"),
    ],
)
def test_a_study_of_something_else_is_refused(path, tmp_path, pretend, told, part):
    pretend(by_rate)
    where = {"study": "mine", "storage": f"sqlite:///{tmp_path / 'sweep.db'}"}
    found(path, **where)
    assert part in refusal(tmp_path / "other.morphocast", **where, **told)


def test_other_settings_are_a_study_of_their_own(path, tmp_path, pretend):
    pretend(by_rate)
    url = f"sqlite:///{tmp_path / 'sweep.db'}"
    found(path, storage=url)
    other = tmp_path / "other.morphocast"
    assert len(found(other, storage=url, fixed={**SMALL, "epochs": 3})) == 3


def test_a_model_that_no_sweep_made_is_left_alone(path, trained):
    path.write_bytes(trained.read_bytes())
    assert "which this sweep did not make" in refusal(path)
    assert path.read_bytes() == trained.read_bytes()


def test_a_better_model_is_never_replaced(path, tmp_path, pretend):
    pretend(by_rate)
    found(path, trials=6)
    best = peek(path)
    pretend(lambda run: by_rate(run) / 10)
    found(path, trials=12, prune=False)
    assert peek(path) == best


def test_where_the_best_model_lies_is_known_if_it_is_elsewhere(path, tmp_path, pretend):
    pretend(by_rate)
    url = f"sqlite:///{tmp_path / 'sweep.db'}"
    found(path, storage=url)
    here = searched(tmp_path / "here.morphocast", storage=url)
    assert here.kept is None
    assert here.home(here.best).endswith(str(path))


# --- what is refused


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ({"fixed": {**SMALL, "foo": 1}}, "no setting called 'foo'"),
        ({"only": ("horizon",)}, "given and be tried"),
        ({"only": ("until",)}, "what the validation loss measures"),
        ({"storage": "sqlite:////nowhere/sweep.db"}, "cannot be used (unable to open"),
        ({"storage": "foo://bar"}, "cannot be used (Can't load plugin"),
    ],
)
def test_what_makes_no_sense_is_told_at_once(path, told, expected):
    assert expected in refusal(path, **told)


def test_a_model_that_makes_no_forecasts_is_refused(path):
    for model, told in (("vae", "sweep a forecaster"), ("ridge", "needs no training")):
        with pytest.raises(MorphocastError, match=told):
            api.sweep(gliding(24), path, Search(model=model), hardware=CPU)


def test_movies_of_different_size_share_one_batch(path):
    movies = [gliding(24), replace(gliding(24, size=(32, 32)), name="wide")]
    search = partial(Search, model="convlstm", trials=1)
    tried = api.sweep(movies, path, search(fixed=SMALL), hardware=CPU).space.settings
    assert "batch" not in tried
    with pytest.raises(MorphocastError, match="what the validation loss measures"):
        api.sweep(movies, path, search(only=("batch",)), hardware=CPU)


def test_a_movie_in_which_nothing_happens_has_no_skill(path):
    frames = gliding(24).frames.copy()
    frames[14:] = frames[14]
    (trial,) = found(path, Movie(frames, name="still at last"), trials=1)
    assert trial.outcome == "failed"
    assert "nothing changes" in trial.why


def test_a_movie_that_is_too_short_is_refused(path):
    with pytest.raises(MovieError, match="longer movie"):
        searched(path, gliding(4))


def test_without_optuna_it_says_what_to_install(path, monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    monkeypatch.delitem(sys.modules, "napari_morphocast.api.study")
    told = refusal(path)
    assert told == (
        "A sweep needs optuna, which is not installed; "
        'pip install "napari-morphocast[sweep]" does that.'
    )


# --- the command line


def command(folder: Path, *words: str) -> list[str]:
    """A small sweep of a movie in a folder."""
    movie = folder / "cells.ome.tif"
    if not movie.exists():
        cells = gliding(24)
        write_movie(movie, iter(cells.raw(0, 24)), like=cells, count=24)
    settings = [word for pair in WORDS for word in ("--set", pair)]
    tried = ["--only", "batch", "--try", "learning_rate=1e-4..1e-1"]
    where = ["-o", str(folder / "best.morphocast"), "--device", "cpu"]
    model = ["--model", "convlstm"]
    return ["sweep", str(movie), *where, *model, *settings, *tried, *words]


def test_the_command_prints_a_table_and_what_mattered(path, tmp_path, capsys, pretend):
    pretend(by_rate)
    plot, table = tmp_path / "importance.png", tmp_path / "trials.csv"
    words = command(tmp_path, "--trials", "14", "--no-prune")
    assert main([*words, "--plot", str(plot), "--table", str(table)]) == 0
    told = capsys.readouterr().out
    assert "Trying batch 1 to 16 (log); learning_rate 0.0001 to 0.1 (log)." in told
    assert "14 trials: 14 trained to the end." in told
    assert "these explain: learning_rate" in told
    assert f"The model is {path}, of trial" in told
    assert "(the defaults: 65.1 %)" in told
    assert plot.stat().st_size > 1000
    assert table.read_text().startswith("number,outcome,skill,seconds,why,batch,")


def test_the_settings_that_it_prints_train_the_same_model(path, tmp_path, capsys):
    assert main(command(tmp_path, "--trials", "2")) == 0
    lines = capsys.readouterr().out.splitlines()
    (line,) = [line for line in lines if line.startswith("Its settings: ")]
    words = line.removeprefix("Its settings: ").replace("'", "").split()
    again = tmp_path / "again.morphocast"
    movie = str(tmp_path / "cells.ome.tif")
    assert main(["train", movie, "-o", str(again), *words, "--device", "cpu"]) == 0
    assert peek(again)[1] == peek(path)[1]


def test_random_search_is_one_command(tmp_path, capsys, pretend):
    pretend(by_rate)
    words = command(tmp_path, "--sampler", "random", "--trials", "20", "--no-prune")
    assert main(words) == 0
    assert "20 trials: 20 trained to the end." in capsys.readouterr().out


def test_the_search_of_the_founding_document_is_the_command_in_the_docs(
    tmp_path, capsys, pretend
):
    pretend(by_rate)
    page = Path(__file__).parents[1] / "docs" / "sweep.md"
    (line,) = re.findall(r"^morphocast (.*--sampler random.*)$", page.read_text(), re.M)
    sweep, _, dash, _, *words = shlex.split(line)
    command(tmp_path)
    where = [str(tmp_path / name) for name in ("cells.ome.tif", "best.morphocast")]
    words[words.index("200")] = "4"
    assert main([sweep, where[0], dash, where[1], *words, "--device", "cpu"]) == 0
    assert {"hidden.layers 1 to 7", "denoise false, true"} <= set(
        re.split("; |Trying ", capsys.readouterr().out)
    )


@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C cannot be sent there")
def test_ctrl_c_keeps_what_was_found_and_the_same_command_goes_on(
    path, tmp_path, capsys, pretend
):
    count = 0

    def interrupted(run: Run) -> float:
        nonlocal count
        count += 1
        if count == 4:  # the first is the check before all trials
            signal.raise_signal(signal.SIGINT)
        return by_rate(run)

    pretend(interrupted)
    assert main(command(tmp_path, "--trials", "5")) == 130
    told = capsys.readouterr().out
    assert "The model is" in told
    assert "trials are left; the same command goes on." in told
    assert path.exists()
    pretend(by_rate)
    assert main(command(tmp_path, "--trials", "5")) == 0
    assert "5 trained to the end" in capsys.readouterr().out


@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C cannot be sent there")
def test_ctrl_c_in_the_first_trial_keeps_what_was_learned(path, tmp_path, monkeypatch):
    words = command(tmp_path, "--trials", "2")
    epochs = words.index("epochs=2")
    words[epochs] = "epochs=1000"
    monkeypatch.setattr("napari_morphocast.cli.sweep.bar", interrupting(after=30))
    assert main(words) == 130
    assert read(path)[0].skill >= 0


def interrupting(after: int) -> object:
    """A progress bar that presses Ctrl-C after so many steps."""
    from contextlib import contextmanager

    @contextmanager
    def bar(_: str) -> Iterator[Callable[[float, str], None]]:
        steps = iter(range(10**9))

        def show(*_: object) -> None:
            if next(steps) == after:
                signal.raise_signal(signal.SIGINT)

        yield show

    return bar


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("--trials 0", "'trials' cannot be 0"),
        ("--try batch=4", "nothing to choose from in 'batch=4'; give several"),
        ("--try batch", "nothing to choose from in 'batch'"),
        ("--try batch=[64]", "nothing to choose from for 'batch'"),
        ("--try batch=0..9", "cannot be 0; it can be at least 1"),
        ("--only kernal", "no setting called 'kernal'"),
        ("--set batch=3", "given and be tried"),
        ("--minutes -1", "'minutes' cannot be -1"),
        ("--plot nowhere/p.png", "There is no folder"),
        ("--plot p.pdf", "use .png"),
        ("--table t.xlsx", "use .csv"),
        ("--device cuda:77", "There is no device"),
        ("--sampler best", "--sampler"),
    ],
)
def test_bad_words_get_one_sentence(words, expected, tmp_path, capsys):
    assert main(command(tmp_path, *words.split())) == 2
    told = capsys.readouterr().err
    assert expected in told
    assert told.count("\n") == 1
    assert not list(tmp_path.glob("*.db"))
