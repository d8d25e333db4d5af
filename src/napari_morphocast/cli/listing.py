"""What the command line tells about movies, model files and models."""

from __future__ import annotations

from textwrap import shorten
from typing import TYPE_CHECKING

from napari_morphocast.cli.report import as_json, describe, say

if TYPE_CHECKING:
    from pathlib import Path

    from pydantic import BaseModel

    from napari_morphocast.data.movie import Movie

LONGEST = 500  # letters of a note; microscopes write whole protocols


def inform(movie: Movie, *, to_json: bool) -> None:
    """Print what a movie is and what may be wrong with it."""
    from napari_morphocast.data.checks import check
    from napari_morphocast.data.io import read_metadata

    report = check(movie)
    stored = read_metadata(movie.source)
    if to_json:
        about = {
            "name": movie.name,
            "path": movie.source,
            "axes_in_file": stored.axes,
            "shape_in_file": stored.shape,
            "axes": "TCYX",
            "shape": movie.shape,
            "dtype": str(movie.dtype),
            "interval": movie.interval,
            "pixel_size": movie.pixel_size,
            "channels": movie.channels,
            "note": stored.note,
            "rgb": movie.rgb,
        }
        say(as_json({**about, "report": report.as_dict()}))
        return
    say(describe(movie))
    lengths = " x ".join(map(str, stored.shape))
    say(f"Axes in the file: {stored.axes} ({lengths})")
    if movie.channels:
        say(f"Channels: {', '.join(movie.channels)}")
    if stored.note:
        say(f"Note in the file: {shorten(stored.note, LONGEST, placeholder=' ...')}")
    for sentence in report.sentences():
        say(sentence)


def inform_of_model(path: Path, *, to_json: bool) -> None:
    """Print what a model's file says about it, but no weights."""
    from napari_morphocast.presenters.model_files import read_facts
    from napari_morphocast.training.checkpoint import peek

    checkpoint, _ = peek(path)
    if to_json:
        fingerprints = {"movies": {"__all__": {"seen"}}}
        say(as_json(checkpoint.model_dump(mode="json", exclude=fingerprints)))
        return
    say(f"{path.stem}: {read_facts(path).sentence()}")
    settings = {**checkpoint.settings, **checkpoint.window.model_dump()}
    say("Settings: " + ", ".join(f"{k} = {as_json(v)}" for k, v in settings.items()))


def list_models(*, to_json: bool) -> None:
    """Print every model and everything that can be set."""
    from napari_morphocast.data.windows import WindowSpec
    from napari_morphocast.models.base import FORECASTERS, SYNTHESIZERS
    from napari_morphocast.training.config import TrainConfig
    from napari_morphocast.training.trained import is_baseline

    kinds = {**dict(sorted(FORECASTERS.items())), **dict(sorted(SYNTHESIZERS.items()))}
    shared: dict[str, type[BaseModel]] = {"window": WindowSpec, "training": TrainConfig}
    if to_json:
        listed = {
            name: {
                "about": _first_line(kind),
                "trains": not is_baseline(kind),
                "settings": kind.Config.model_json_schema().get("properties", {}),
            }
            for name, kind in kinds.items()
        }
        common = {
            name: config.model_json_schema()["properties"]
            for name, config in shared.items()
        }
        say(as_json({"models": listed, "settings": common}))
        return
    for name, kind in kinds.items():
        say(f"{name}: {_first_line(kind)}")
        _say_settings(kind.Config)
    say("For every model that is trained:")
    for config in shared.values():
        _say_settings(config)


def _first_line(kind: type) -> str:
    return (kind.__doc__ or "").strip().splitlines()[0]


def _say_settings(config: type[BaseModel]) -> None:
    """One line per setting: name, default, bounds, meaning."""
    from napari_morphocast.training.config import bounds

    for name, about in config.model_json_schema().get("properties", {}).items():
        default = as_json(about.get("default"))
        say(f"  {name} = {default}{bounds(about)}  {about.get('description', '')}")
