"""Getting a model ready for a movie."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from napari_morphocast.errors import SettingsError
from napari_morphocast.training.checkpoint import SUFFIX
from napari_morphocast.training.config import Hardware
from napari_morphocast.training.devices import choose
from napari_morphocast.training.trained import Trained

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch

    from napari_morphocast.data.movie import Movie
    from napari_morphocast.data.windows import Task

Model = Trained | str | Path


def load(
    model: Model, movie: Movie | None = None, *, until: int | None = None
) -> Trained:
    """Get a forecaster ready: a ``.morphocast`` file, or a baseline by its name.

    Parameters
    ----------
    model : Trained, str or path
        A file, or the name of a baseline.
    movie : Movie, optional
        What a baseline shall forecast.
    until : int, optional
        Baselines that can be tuned are tuned on the frames before this one; on those
        that training would use unless told.

    Raises
    ------
    CheckpointError, SettingsError
        If there is no such file or baseline, or the file is damaged.
    """
    if isinstance(model, Trained):
        return model
    if not names_baseline(model):
        return Trained.read(Path(model))
    if movie is None:
        raise SettingsError(f"The baseline {model} needs the movie it shall forecast.")
    return Trained.baseline(str(model), movie, until)


def names_baseline(model: Model) -> bool:
    """Whether a model is meant by the name of a baseline, not read from a file."""
    if isinstance(model, Trained):
        return False
    path = Path(model)
    return path.suffix != SUFFIX and not path.exists()


def ready(
    movie: Movie,
    model: Model,
    hardware: Hardware | None,
    *,
    task: Task = "forecast",
    until: int | None = None,
) -> Trained:
    """Load a model that fits the movie and has learned the task, on its device."""
    device = device_of(hardware)
    trained = load(model, movie, until=until)
    trained.require_channels(movie)
    require_task(trained, task)
    return trained.to(device)


def require_task(trained: Trained, task: Task) -> None:
    """Refuse a model that has learned to do something else."""
    if trained.task != task:
        raise SettingsError(*_other_task(trained, task))


def device_of(hardware: Hardware | None) -> torch.device:
    """Where to compute; the fastest device unless told."""
    return choose((hardware or Hardware()).device)


def several(models: Model | Sequence[Model]) -> Sequence[Model]:
    """Models in a list, also if there is one only."""
    return [models] if isinstance(models, Trained | str | Path) else models


def _other_task(trained: Trained, task: Task) -> tuple[str, str]:
    """Say that a model does not do what is asked of it, and what can be done."""
    if task == "between":
        return (
            f"{trained.name!r} foretells frames from those before them, not from those "
            "on both sides; train a model with task = between",
            "or leave out --between.",
        )
    return (
        f"{trained.name!r} has learned to fill in a frame between its neighbours, not "
        "to foretell what comes next; train a model with task = forecast",
        "or use 'predict --between'.",
    )
