"""Forecast what living cells do next."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari_morphocast.api import evaluate, load, predict, rollout, train
    from napari_morphocast.data.io import read_movie, write_movie
    from napari_morphocast.data.movie import Movie
    from napari_morphocast.errors import MorphocastError

__version__ = "0.1.0"

__all__ = [
    "MorphocastError",
    "Movie",
    "evaluate",
    "load",
    "predict",
    "read_movie",
    "rollout",
    "train",
    "write_movie",
]

_HOME = {
    "MorphocastError": "errors",
    "Movie": "data.movie",
    "evaluate": "api",
    "load": "api",
    "predict": "api",
    "read_movie": "data.io",
    "rollout": "api",
    "train": "api",
    "write_movie": "data.io",
}


def __getattr__(name: str) -> Any:
    """Import public names when they are first used: importing us costs no torch."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
