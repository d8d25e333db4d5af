"""What ``morphocast robustness`` does, once its words are understood."""

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
    from collections.abc import Sequence

    from napari_morphocast.cli.inputs import Opening
    from napari_morphocast.evaluation.robustness import Robustness


@dataclass(frozen=True, slots=True)
class Stress:
    """What is done to the frames that models are shown, and what is scored."""

    kinds: tuple[str, ...]
    steps: int
    leads: tuple[int, ...]
    since: float
    forecasts: int


def stress(
    path: Path,
    opening: Opening,
    models: Sequence[str],
    how: Stress,
    outputs: tuple[Path | None, Path | None],
    device: str,
) -> None:
    """Score forecasts from damaged frames; print where the models give in."""
    from napari_morphocast import api
    from napari_morphocast.evaluation.damage import DAMAGES

    table, plot = outputs
    check_score_targets(table, plot, path, *models, *opening.labels)
    movie = opening.open(path)
    with interruptible() as stop:
        with bar("forecasting from damaged frames") as show:
            found = api.robustness(
                movie,
                models,
                kinds=how.kinds or tuple(DAMAGES),
                steps=how.steps,
                leads=how.leads,
                since=how.since,
                forecasts=how.forecasts,
                hardware=hardware_of({"device": device}),
                stop=stop,
                progress=show,
            )
        if opening.fill_nan:
            warn(["Pixels that were filled in count as truth in these scores."])
        _say(found, models)
        if table is not None and found.rows:
            found.save(table)
            say(f"Wrote {table}.")
        if plot is not None and found.rows:
            found.plot(plot)
            say(f"Wrote {plot}.")


def _say(found: Robustness, models: Sequence[str]) -> None:
    """Print warnings, a table for each lead, and what it means for each model."""
    from napari_morphocast.evaluation.damage import DAMAGES
    from napari_morphocast.evaluation.wording import ahead

    warn(found.notes)
    for lead in found.leads:
        say(f"{found.table(lead)}\n")
        for name in dict.fromkeys(Path(model).stem for model in models):
            say(f"{name}, {ahead(lead, found.interval)} ahead:")
            for damage in found.damages:
                words = found.verdict(name, damage, lead=lead)
                say(f"  {DAMAGES[damage].title}: {words}.")
            say()
