"""What ``morphocast sweep`` does, once its words are understood."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from napari_morphocast.cli.inputs import (
    check_file,
    check_target,
    hardware_of,
    interruptible,
    parsed,
    those_given,
)
from napari_morphocast.cli.report import bar, describe, leads, say
from napari_morphocast.cli.work import worth
from napari_morphocast.errors import SettingsError
from napari_morphocast.training.events import Progress

if TYPE_CHECKING:
    import threading
    from collections.abc import Sequence
    from pathlib import Path

    from napari_morphocast.api import Search, Sweep
    from napari_morphocast.cli.inputs import Opening, Settings
    from napari_morphocast.training.space import Values


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is searched for, still as it was typed."""

    settings: Settings
    only: tuple[str, ...]
    ranges: tuple[str, ...]
    trials: int
    sampler: str
    prune: bool
    storage: str
    study: str

    def search(self) -> Search:
        """Check the words; what they mean for the model is checked later."""
        from napari_morphocast.api import Search
        from napari_morphocast.training.config import checked

        fixed = self.settings.values()
        names = (name.strip() for some in self.only for name in some.split(","))
        values = {
            "model": str(fixed.pop("model", "auto")),
            "fixed": fixed,
            "only": tuple(filter(None, names)),
            "ranges": dict(map(to_try, self.ranges)),
            "trials": self.trials,
            "sampler": self.sampler,
            "prune": self.prune,
            "storage": self.storage,
            "study": self.study,
        }
        return checked(Search, values)


def search(
    paths: Sequence[Path],
    opening: Opening,
    wanted: Wanted,
    outputs: tuple[Path, Path | None, Path | None],
    device: str,
) -> None:
    """Make trials, say what came of each, and in the end what was found."""
    from napari_morphocast import api

    model, table, plot = outputs
    given = *paths, *opening.labels
    check_target(model, *given)
    check_file(table, (".csv",), "the trials", *given)
    check_file(plot, (".png",), "the picture", *given)
    movies, how = opening.open_all(paths), wanted.search()
    with interruptible() as stop:
        hardware = hardware_of({"device": device})
        found = api.sweep(movies, model, how, hardware=hardware, stop=stop)
        for movie in movies:
            say(describe(movie))
        say(f"Trying {'; '.join(map(str, found.space.dimensions))}.")
        _follow(found, how.trials)
        _conclude(found, how, stop, (table, plot))
        if not stop.is_set() and leads() and model.exists():
            for sentence in worth(movies[0], model, hardware, stop):
                say(sentence)


def to_try(text: str) -> tuple[str, Values]:
    """Split ``key=low..high`` or ``key=[a, b]``.

    Raises
    ------
    SettingsError
        If it is neither.
    """
    from napari_morphocast.training.space import TRY, Span

    key, _, values = text.partition("=")
    if values.startswith("[") and values.endswith("]"):
        each = (word for word in values[1:-1].split(",") if word.strip())
        return key, tuple(parsed(f"{key}={word}")[1] for word in each)
    low, _, high = values.partition("..")
    try:
        return key, Span(float(low), float(high))
    except ValueError:
        told = f"There is nothing to choose from in {text!r}"
        raise SettingsError(told, TRY) from None


def _follow(found: Sweep, trials: int) -> None:
    """Show the trials while they are made."""
    from napari_morphocast.evaluation.trials import Trial

    with bar("sweep") as show:
        progress, begun = Progress(), trials - found.left
        for event in found.run():
            if not isinstance(event, Trial):
                progress = progress.after(event)
                done = begun - 1 + progress.share
                show(done / trials, f"trial {begun} of {trials}")
            elif event.outcome == "running":
                progress, begun = Progress(), trials - found.left
            else:
                say(event.sentence)


def _conclude(
    found: Sweep,
    how: Search,
    stop: threading.Event,
    outputs: tuple[Path | None, Path | None],
) -> None:
    """Say what was found, and write it."""
    from napari_morphocast.evaluation.trials import counted, weighed

    trials, best = found.trials, found.best
    table, plot = outputs
    if table is not None and trials:
        found.save(table)
    say(f"\n{counted(trials)}")
    if best is None:
        whys = [trial.why for trial in trials if trial.why]
        if whys and not stop.is_set():
            raise SettingsError(f"No trial came to its end; the last one: {whys[-1]}")
        _say_kept(found, how)
        return
    say(f"\n{found.table()}\n")
    say(weighed(found.importance()) or "Too few trials to say which settings matter.")
    if plot is not None:
        found.plot(plot)
    for output in those_given(*outputs):
        say(f"Wrote {output}.")
    _say_kept(found, how)
    if found.left:
        say(f"{found.left} trials are left; the same command goes on.")
    if any(trial.outcome == "running" for trial in trials):
        say(
            "What still runs is made by other processes. If one was killed, the same "
            "command makes its trial again, ten minutes later."
        )


def _say_kept(found: Sweep, how: Search) -> None:
    """Say which model was kept, how far it is from the defaults, how to repeat it."""
    kept, best, usual = found.kept, found.best, found.usual
    if best is not None and (kept is None or kept.skill < best.skill):
        where = found.home(best) or "nowhere"
        say(f"The model of the best trial, {best.number}, lies elsewhere: {where}.")
    if kept is None:
        return
    beside = ", which was interrupted" if kept.outcome == "interrupted" else ""
    told = f"skill {100 * kept.skill:.1f} % on validation frames"
    if usual is not None and usual.number != kept.number:
        told += f" (the defaults: {100 * usual.skill:.1f} %)"
    say(f"The model is {found.path}, of trial {kept.number}{beside}: {told}.")
    model = f" --model {how.model}" * (how.model != "auto")
    words = (f"--set {k}={_toml(v)}" for k, v in found.settings(kept).items())
    say(f"Its settings:{model} {' '.join(words)}")


def _toml(value: Any) -> str:
    """A value as ``--set`` takes it, quoted where a shell would break it."""
    text = value if isinstance(value, str) else json.dumps(value).replace(" ", "")
    return f"'{text}'" if set(text) & set("[] ") else text
