"""Where a run keeps what it learns, and whether it can go on; needs no torch."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from napari_morphocast.errors import CheckpointError
from napari_morphocast.presenters.model_files import ENDING

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path


def new_path(folder: Path, movie: str, now: datetime) -> Path:
    """A model file that does not exist yet, named after the movie and the time.

    Raises
    ------
    CheckpointError
        If the folder cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CheckpointError(
            f"Cannot make the folder for models, {folder}: {error.strerror}; choose "
            "another one in the Preferences."
        ) from None
    name = re.sub(r"[^\w\-. ()]+", "_", movie).strip(" ._")[:60] or "movie"
    stem = f"{name} {now:%Y-%m-%d %H.%M}"
    names = [stem, *(f"{stem} ({number})" for number in range(2, 1000))]
    free = (folder / f"{n}{ENDING}" for n in names)
    return next(
        path for path in free if not path.exists() and not _state(path).exists()
    )


def resumable(path: Path | None) -> Path | None:
    """Say of which model the run can go on: this one, or none."""
    return path if path is not None and _state(path).is_file() else None


def _state(path: Path) -> Path:
    """Where ``training.resume`` keeps a run's state; asked here without torch."""
    return path.with_name(path.name + ".resume")
