"""Virtual experiments: scenes that nobody saw, and what a forecaster makes of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import ceil, sqrt
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_morphocast.api.loading import load, names_baseline, ready, require_task
from napari_morphocast.data.room import room
from napari_morphocast.data.scaling import as_stored
from napari_morphocast.data.tiling import tiled
from napari_morphocast.errors import ForecastError, SettingsError
from napari_morphocast.models.base import Forecaster
from napari_morphocast.training.trained import baseline_class

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable

    from numpy.typing import NDArray

    from napari_morphocast.api.loading import Model
    from napari_morphocast.api.synthesizing import Synthesis
    from napari_morphocast.data.movie import Movie
    from napari_morphocast.training.config import Hardware
    from napari_morphocast.training.trained import Trained


@dataclass(frozen=True, slots=True, eq=False)
class Imagined:
    """Virtual experiments: synthetic frames and their rollouts.

    Parameters
    ----------
    frames : array, shape (N, T, C, Y, X)
        Of every experiment, the synthetic frames first.
    known : int
        How many of the T frames are synthetic; the others are forecast.
    movie : Movie
        All experiments side by side, as squarely as may be.
    remarks : tuple of str
        How such scenes differ from what the forecaster has learned from.
    """

    frames: NDArray[Any]
    known: int
    movie: Movie
    remarks: tuple[str, ...] = ()


def imagine(
    made: Synthesis,
    forecaster: Model,
    *,
    horizon: int = 12,
    like: Movie | None = None,
    hardware: Hardware | None = None,
    stop: threading.Event | None = None,
    progress: Callable[[float], None] | None = None,
) -> Imagined:
    """Roll synthetic frames out, as if they were the latest frames of a movie.

    A synthesizer with ``frames`` of 2 or more makes frames in a row, which move; single
    ones look to a forecaster like a scene that has been resting.

    Parameters
    ----------
    made : Synthesis
        What ``synthesize`` has made.
    forecaster : Trained, str or path
        A forecaster, its file, or the name of a baseline.
    horizon : int
        How many frames to forecast.
    like : Movie, optional
        A real movie; baselines that are tuned before they forecast need one.
    hardware : Hardware, optional
        Where to compute.
    stop : threading.Event, optional
        Set it to end early; experiments that are complete by then are kept.
    progress : callable, optional
        Told the share that is done, 0..1.

    Raises
    ------
    SettingsError, MovieError
        If the forecaster is none, or has learned from other channels.
    ForecastError
        If it was stopped before any experiment was complete.
    """
    if horizon < 1:
        raise SettingsError(f"The horizon must be 1 frame or more, not {horizon}.")
    check_forecaster(forecaster, like)
    trained = ready(made.movie if like is None else like, forecaster, hardware)
    trained.require_channels(made.movie)
    count, known, channels, *plane = made.frames.shape
    frames = room((count, known + horizon, channels, *plane), made.frames.dtype)
    frames[:, :known] = made.frames
    done = 0
    for scene in frames:
        if not _roll_out(trained, scene, known, stop):
            break
        done += 1
        if progress is not None:
            progress(done / count)
    if not done:
        raise ForecastError("Stopped before any scene was rolled out to its end.")
    frames = frames[:done]
    movie = _side_by_side(frames, made.movie, trained)
    return Imagined(frames, known, movie, tuple(trained.misfits(made.movie)))


def check_forecaster(forecaster: Model, like: Movie | None = None) -> None:
    """Refuse what cannot roll synthetic frames out, before any are made.

    Raises
    ------
    SettingsError, CheckpointError
        If the forecaster is none, if it needs a segmentation, or if it is a baseline
        that has to be tuned on frames that follow each other, as synthetic scenes do
        not, and there is no real movie.
    """
    if not names_baseline(forecaster):
        trained = load(forecaster)
        trained.require_forecaster()
        require_task(trained, "forecast")
        if trained.labels:
            raise SettingsError(
                f"{trained.name!r} needs to see where the cells are, and synthetic "
                "scenes have no segmentation; choose a forecaster that has learned "
                "without one."
            )
    elif baseline_class(str(forecaster)).tune is not Forecaster.tune and like is None:
        raise SettingsError(
            f"The baseline {forecaster} is tuned on frames that follow each other, and "
            "synthetic scenes do not; choose a real movie to tune it on, or another "
            "forecaster",
            "a movie is given with --like.",
        )


def _roll_out(
    trained: Trained, scene: NDArray[Any], known: int, stop: threading.Event | None
) -> bool:
    """Fill in a scene (T, C, Y, X) after the frames known; False if stopped."""
    context = _as_long_as(scene[:known].astype(np.float32), trained.context)
    coming = trained.unroll(context)
    for lead in range(known, len(scene)):
        if stop is not None and stop.is_set():
            return False
        scene[lead] = as_stored(next(coming), scene.dtype)
    return True


def _side_by_side(frames: NDArray[Any], like: Movie, trained: Trained) -> Movie:
    """Scenes (N, T, C, Y, X) as one movie, as squarely as may be."""
    return replace(
        like,
        frames=tiled(frames, ceil(sqrt(len(frames))), fill=frames.min()),
        name=f"SYNTHETIC, rolled out by {trained.name}",
        interval=like.interval or trained.interval,
    )


def _as_long_as(frames: NDArray[Any], length: int) -> NDArray[Any]:
    """The latest frames of (T, ...), or the first repeated before them."""
    missing = max(0, length - len(frames))
    return np.concatenate([*[frames[:1]] * missing, frames])[-length:]
