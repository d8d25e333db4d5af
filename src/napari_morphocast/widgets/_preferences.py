"""What the user prefers (napari's Preferences) and used last (a small file)."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from platformdirs import user_config_path, user_data_path

NAME = "napari-morphocast"
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Preferences:
    """Choices that outlive a run; ``autosave`` is in seconds."""

    device: str = "auto"
    precision: str = "auto"
    autosave: float = 60.0
    models_folder: Path = Path()


def preferences() -> Preferences:
    """Read napari's Preferences; what is not set there has its default."""
    from napari.settings import get_plugin_settings

    try:
        given = get_plugin_settings(NAME)
    except (KeyError, ValueError):  # the plugin is not installed as such
        given = {}
    values = _flat(given)
    folder = str(values.get("models_folder") or "").strip()
    return Preferences(
        device=str(values.get("device") or "auto"),
        precision=str(values.get("precision") or "auto"),
        autosave=float(values.get("autosave") or 60.0),
        models_folder=Path(folder).expanduser()
        if folder
        else user_data_path(NAME) / "models",
    )


def remembered() -> dict[str, Any]:
    """What was used last; empty the first time, or if the file is unreadable."""
    try:
        found = json.loads(_file().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def remember(**values: Any) -> None:
    """Keep what was used last, beside what is already kept."""
    path = _file()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({**remembered(), **values}), encoding="utf-8")
    except OSError as error:
        log.info("Cannot remember the last settings: %s", error)


def _file() -> Path:
    return user_config_path(NAME) / "last.json"


def _flat(given: Any) -> dict[str, Any]:
    """Preferences without their categories."""
    if hasattr(given, "model_dump"):
        given = given.model_dump()
    flat: dict[str, Any] = {}
    for key, value in dict(given).items():
        if isinstance(value, dict):
            flat.update(_flat(value))
        else:
            flat[key.rsplit(".", 1)[-1]] = value
    return flat
