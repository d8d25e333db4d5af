"""What ``morphocast evaluate`` does, once its words are understood."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from napari_morphocast.cli.inputs import (
    check_score_targets,
    hardware_of,
    interruptible,
)
from napari_morphocast.cli.report import bar, say, warn

if TYPE_CHECKING:
    import threading
    from collections.abc import Sequence

    from napari_morphocast.cli.inputs import Opening
    from napari_morphocast.data.movie import Movie
    from napari_morphocast.evaluation.controls import Controls
    from napari_morphocast.evaluation.scores import Scores
    from napari_morphocast.training.config import Hardware


@dataclass(frozen=True, slots=True)
class Comparison:
    """What is scored, and where the scores go."""

    horizon: int
    since: float
    controls: bool
    table: Path | None
    plot: Path | None


def compare(
    path: Path, opening: Opening, models: Sequence[str], how: Comparison, device: str
) -> None:
    """Score models beside the baselines; print tables, verdicts and warnings."""
    check_score_targets(how.table, how.plot, path, *models)
    movie = opening.open(path)
    hardware = hardware_of({"device": device})
    with interruptible() as stop:
        scores = _score(movie, models, how, hardware, stop)
        if opening.fill_nan:
            warn(["Pixels that were filled in count as truth in these scores."])
        _say_scores(scores, models)
        tested = []
        for model in models if how.controls else ():
            if not stop.is_set():
                tested.append(_control(movie, model, how, hardware, stop))
                _say_controls(tested[-1])
        _write(scores, tested, how)


def _score(
    movie: Movie,
    models: Sequence[str],
    how: Comparison,
    hardware: Hardware,
    stop: threading.Event,
) -> Scores:
    from napari_morphocast import api

    with bar("scoring") as show:
        return api.evaluate(
            movie,
            models,
            horizon=how.horizon,
            since=how.since,
            hardware=hardware,
            stop=stop,
            progress=lambda share: show(share, ""),
        )


def _control(
    movie: Movie,
    model: str,
    how: Comparison,
    hardware: Hardware,
    stop: threading.Event,
) -> Controls:
    from napari_morphocast import api

    with bar("controls") as show:
        return api.controls(
            movie,
            model,
            horizon=how.horizon,
            since=how.since,
            hardware=hardware,
            stop=stop,
            progress=lambda share: show(share, ""),
        )


def _say_scores(scores: Scores, models: Sequence[str]) -> None:
    """Print warnings, a table, and what it means."""
    from napari_morphocast.evaluation.reliability import reliability
    from napari_morphocast.evaluation.wording import beyond_noise, noise_floor

    warn(scores.notes)
    say(f"{scores.table()}\n")
    for name in dict.fromkeys(Path(model).stem for model in models):
        say(f"{name} is {scores.standing(name)}.")
        for sentence in beyond_noise(scores, name):
            say(sentence)
        say(reliability(scores, name))
    say(noise_floor(scores))


def _say_controls(found: Controls) -> None:
    """Print where the skill goes when the past tells less."""
    say(f"\n{found.table()}\n")
    say(f"{found.model}: {found.verdict}.")


def _write(scores: Scores, tested: Sequence[Controls], how: Comparison) -> None:
    """Write what was asked for."""
    if how.table is not None:
        scores.save(how.table, tested)
        say(f"Wrote {how.table}.")
    if how.plot is not None:
        scores.plot(how.plot)
        say(f"Wrote {how.plot}.")
