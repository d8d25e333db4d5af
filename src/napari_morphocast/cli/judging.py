"""What ``morphocast evaluate`` does with models that make frames."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from napari_morphocast.cli.inputs import (
    check_score_targets,
    hardware_of,
    interruptible,
)
from napari_morphocast.cli.report import bar, say, warn
from napari_morphocast.errors import SettingsError
from napari_morphocast.presenters.model_files import makes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_morphocast.cli.evaluating import Comparison
    from napari_morphocast.cli.inputs import Opening


def are_makers(models: Sequence[str], how: Comparison) -> bool:
    """Whether frames that are made shall be judged, rather than forecasts.

    Raises
    ------
    SettingsError
        If some models make frames and others forecast, or an option is for forecasts.
    """
    kinds = {makes(Path(model)) for model in models}
    if kinds == {True, False}:
        raise SettingsError(
            "Some of these models make frames and others forecast; evaluate the ones "
            "and the others apart."
        )
    if True not in kinds:
        return False
    for option, given in (
        ("--controls", how.controls),
        ("--region", how.region),
        ("--plot", how.plot),
    ):
        if given:
            raise SettingsError(
                f"{option} is for models that forecast; leave it out for those that "
                "make frames."
            )
    return True


def judge_each(
    path: Path, opening: Opening, models: Sequence[str], how: Comparison, device: str
) -> None:
    """Hold frames that are made against real ones that the models have not seen."""
    from napari_morphocast import api
    from napari_morphocast.api.synthesizing import synthesizer
    from napari_morphocast.evaluation.judgement import save
    from napari_morphocast.evaluation.scores import require_different

    require_different([Path(model).stem for model in models])
    check_score_targets(how.table, None, path, *models)
    movie = opening.open(path)
    hardware, found = hardware_of({"device": device}), {}
    with interruptible() as stop:
        for model in models:
            trained = synthesizer(model)
            name = trained.name
            warn(trained.misfits(movie))
            with bar("comparing") as show:
                judged = found[name] = api.judge(
                    movie,
                    trained,
                    refine=how.refine,
                    hardware=hardware,
                    stop=stop,
                    progress=show,
                )
            say(f"{name} on {movie.name}, {judged.count} unseen frames")
            say(judged.table())
            say(judged.sentence() + "\n")
            if stop.is_set():
                break
        if how.table is not None:
            save(how.table, found)
            say(f"Wrote {how.table}.")
