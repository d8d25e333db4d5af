"""What ``morphocast evaluate`` does, once its words are understood."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from napari_morphocast.cli.inputs import (
    check_score_targets,
    hardware_of,
    interruptible,
)
from napari_morphocast.cli.judging import are_makers, judge_each
from napari_morphocast.cli.report import bar, say, warn
from napari_morphocast.errors import ForecastError, SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from napari_morphocast.cli.inputs import Opening
    from napari_morphocast.data.movie import Movie
    from napari_morphocast.evaluation.controls import Controls
    from napari_morphocast.evaluation.scores import Scores

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Comparison:
    """What is scored, and where the scores go."""

    horizon: int
    since: float
    controls: bool
    table: Path | None
    plot: Path | None
    region: Path | None = None
    refine: int = 0


def compare(
    path: Path, opening: Opening, models: Sequence[str], how: Comparison, device: str
) -> None:
    """Score models beside the baselines; print tables, verdicts and warnings."""
    from napari_morphocast import api

    if are_makers(models, how):
        judge_each(path, opening, models, how, device)
        return
    if how.refine:
        raise SettingsError(
            "--refine is for models that make frames; leave it out for those that "
            "forecast."
        )
    check_score_targets(how.table, how.plot, path, *models, *opening.labels)
    movie = opening.open(path)
    hardware = hardware_of({"device": device})
    if how.controls:
        _check_controls(models)
    region = _region(movie, how)
    with interruptible() as stop:

        def shown(score: Callable[..., T], text: str, what: str | Sequence[str]) -> T:
            with bar(text) as show:
                return score(
                    movie,
                    what,
                    horizon=how.horizon,
                    since=how.since,
                    hardware=hardware,
                    region=region,
                    stop=stop,
                    progress=show,
                )

        scores = shown(api.evaluate, "scoring", models)
        if not scores.rows:
            raise ForecastError("Not one forecast was scored.")
        if opening.fill_nan:
            warn(["Pixels that were filled in count as truth in these scores."])
        _say_scores(scores, models)
        tested = []
        for model in models if how.controls else ():
            if not stop.is_set():
                tested.append(shown(api.controls, "controls", model))
                _say_controls(tested[-1])
        _write(scores, tested, how)


def _check_controls(models: Sequence[str]) -> None:
    """Refuse what the controls cannot test, before an hour of scoring."""
    from napari_morphocast.presenters.model_files import fills_in

    for path in map(Path, models):
        if fills_in(path):
            raise SettingsError(
                f"{path.stem!r} fills in frames between others, which the controls "
                "cannot test; leave out --controls."
            )


def _region(movie: Movie, how: Comparison) -> NDArray[np.bool_] | None:
    """Read where errors count, and say how much of the movie that is."""
    if how.region is None:
        return None
    from napari_morphocast.data.mask import read_mask
    from napari_morphocast.evaluation.pixels import check_region
    from napari_morphocast.evaluation.wording import percent

    region = read_mask(how.region)
    check_region(region, movie)
    share = percent(float(region.mean()))
    say(f"Only errors inside {how.region.name} count: {share} % of the pixels.\n")
    return region


def _say_scores(scores: Scores, models: Sequence[str]) -> None:
    """Print warnings, a table, and what it means."""
    from napari_morphocast.evaluation.score_report import report

    warn(scores.notes)
    say(f"{scores.table()}\n")
    for sentence in report(scores, list(dict.fromkeys(Path(m).stem for m in models))):
        say(sentence)


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
