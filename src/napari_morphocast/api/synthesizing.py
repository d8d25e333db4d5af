"""Frames that nobody saw, made by a trained synthesizer."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_morphocast.api.loading import device_of
from napari_morphocast.data.finite import read_finite
from napari_morphocast.data.movie import Movie
from napari_morphocast.data.scaling import as_stored
from napari_morphocast.errors import MovieError, SettingsError
from napari_morphocast.training.synthesizer import TrainedSynthesizer, middle

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray
    from torch import Tensor

    from napari_morphocast.training.config import Hardware

PLACES = 9  # along each axis of a frame, at which the nearest piece is looked for
ALIKE = 0.3  # variation of frames that are made like one
REFINE = 30  # steps; half a second on one core for frames of 64 x 64 pixels
MOST = 10_000  # images that are made at once


@dataclass(frozen=True, slots=True, eq=False)
class Synthesis:
    """Synthetic frames, and how to make the same again.

    Parameters
    ----------
    frames : array, shape (N, frames, C, Y, X)
        In the type and grey levels of the movie that the model learned from.
    movie : Movie
        The same frames one after the other, with that movie's pixel size and channels.
    seed : int
        What all chance followed from.
    like : int, optional
        Number of the frame that they are like.
    note : str
        By which model they were made, and with which choices; says SYNTHETIC.
    """

    frames: NDArray[Any]
    movie: Movie
    seed: int
    like: int | None = None
    note: str = ""


def synthesize(
    model: TrainedSynthesizer | str | Path,
    *,
    count: int = 8,
    like: Movie | None = None,
    frame: int = -1,
    variation: float | None = None,
    refine: int = REFINE,
    seed: int = 0,
    hardware: Hardware | None = None,
    stop: threading.Event | None = None,
    progress: Callable[[float], None] | None = None,
) -> Synthesis:
    """Make frames that look like those of the movies that a model learned from.

    Parameters
    ----------
    model : TrainedSynthesizer, str or path
        A trained synthesizer, or its file.
    count : int
        How many images, up to 10,000; each has as many frames as the model makes.
    like : Movie, optional
        Make them like a frame of this movie.
    frame : int
        Number of that frame, the last of those in a row; negative from the end.
    variation : float, optional
        How various they are: 1 unless given for frames like none in particular, where
        1 is that of real ones; 0.3 for frames that are like one, where 0 is as like
        as the model can make them.
    refine : int
        Steps by which the likeness to a frame is improved before; 0 for none.
    seed : int
        What all chance follows from.
    hardware : Hardware, optional
        Where to compute.
    stop : threading.Event, optional
        Set it to end the refinement with what was found so far.
    progress : callable, optional
        Told the share of the refinement that is done, 0..1.

    Raises
    ------
    SettingsError
        If a number is out of bounds, or the model is no synthesizer.
    MovieError
        If the movie has no such frame, or other channels.
    """
    trained = synthesizer(model).to(device_of(hardware))
    strength = variation if variation is not None else (ALIKE if like else 1.0)
    _check(count, strength, refine)
    if like is None:
        made = trained.sample(count, seed, strength)
        return _synthesis(trained, made, seed, f"variation {strength:g}")
    known, number = _known(trained, like, frame)
    code = trained.encode(known)
    code = trained.refine(known, code, refine, stop=stop, progress=progress)
    codes = trained.varied(code, count, seed, strength)
    search = f"{refine} steps of search{_cut_short(stop)}"
    how = f"like frame {number} of {like.name}, variation {strength:g}, {search}"
    return _synthesis(trained, trained.decode(codes, seed), seed, how, number)


def interpolate(
    model: TrainedSynthesizer | str | Path,
    movie: Movie,
    frames: tuple[int, int],
    *,
    count: int = 16,
    seed: int = 0,
    hardware: Hardware | None = None,
    stop: threading.Event | None = None,
    progress: Callable[[float], None] | None = None,
) -> Synthesis:
    """Make a small movie that leads from a frame like one to a frame like another.

    Parameters
    ----------
    model, movie, seed, hardware, stop, progress
        As in ``synthesize``.
    frames : (int, int)
        Numbers of the two frames; negative from the end.
    count : int
        How many images, those at both ends included.
    """
    trained = synthesizer(model).to(device_of(hardware))
    _check(count, 0.0, 0)
    known = [_known(trained, movie, frame)[0] for frame in frames]
    ends: list[Tensor] = []
    for number, one in enumerate(known):
        tell = part_of(progress, number, len(known))
        code = trained.encode(one)
        ends.append(trained.refine(one, code, REFINE, stop=stop, progress=tell))
    codes = trained.between(ends[0], ends[1], count)
    how = f"on the way from frame {frames[0]} to {frames[1]} of {movie.name}"
    how += _cut_short(stop)
    return _synthesis(trained, trained.decode(codes, seed), seed, how)


def nearest(
    movie: Movie,
    made: Synthesis,
    until: int,
    *,
    stop: threading.Event | None = None,
    progress: Callable[[float], None] | None = None,
) -> NDArray[np.int64]:
    """Find the piece of a real frame that each made image is most like, by its pixels.

    Parameters
    ----------
    movie : Movie
        What the model learned from.
    made : Synthesis
        Made images.
    until : int
        Frames before this one are looked at, larger ones at up to 81 places.
    stop : threading.Event, optional
        Set it to end with the best among the frames looked at so far.
    progress : callable, optional
        Told the share of the frames that has been looked at, 0..1.

    Returns
    -------
    array of int, shape (N, 3)
        Number of the frame, y and x of the piece's corner; of a frame that is smaller
        than the images, the mirrored whole begins at negative ones.
    """
    images = made.frames[:, -1].astype(np.float32)
    mean = images.mean(dtype=np.float64).astype(np.float32)  # of small numbers no
    flat = images.reshape(len(images), -1) - mean  # digits are lost in their squares
    least = np.full(len(images), np.inf)
    found = np.zeros((len(images), 3), np.int64)
    for number in range(until):
        if stop is not None and stop.is_set():
            break
        frame = read_finite(movie, number, number + 1)[0]
        corners = list(_corners(frame.shape[-2:], images.shape[-2:]))
        pieces = np.stack([piece(frame, one, images).ravel() for one in corners]) - mean
        apart = np.square(pieces).sum(1) - 2 * flat @ pieces.T  # up to the image's own
        place = apart.argmin(1)
        closest = apart[np.arange(len(images)), place]
        nearer = closest < least
        found[nearer, 0] = number
        found[nearer, 1:] = np.array(corners)[place[nearer]]
        least = np.minimum(least, closest)
        if progress is not None:
            progress((number + 1) / until)
    return found


def piece(
    frame: NDArray[Any], corner: tuple[int, int], like: NDArray[Any]
) -> NDArray[Any]:
    """Cut a piece as large as ``like`` out of a frame (C, Y, X)."""
    height, width = like.shape[-2:]
    if min(corner) < 0:
        return middle(frame, (height, width))
    y, x = corner
    return frame[..., y : y + height, x : x + width]


def _corners(
    frame: tuple[int, ...], plane: tuple[int, ...]
) -> Iterator[tuple[int, int]]:
    """Corners of pieces all over a frame, at most ``PLACES`` along each axis."""
    room = [whole - part for whole, part in zip(frame, plane, strict=True)]
    if min(room) < 0:
        yield -1, -1
        return
    axes = [np.linspace(0, most, PLACES).round().astype(int) for most in room]
    y, x = (sorted(set(axis.tolist())) for axis in axes)
    yield from product(y, x)


def synthesizer(model: TrainedSynthesizer | str | Path) -> TrainedSynthesizer:
    """Read a synthesizer, unless it is one."""
    if isinstance(model, TrainedSynthesizer):
        return model
    return TrainedSynthesizer.read(Path(model))


def part_of(
    progress: Callable[[float], None] | None, number: int, count: int
) -> Callable[[float], None]:
    """Tell the shares of one of several equal parts of the work as those of all."""

    def tell(share: float) -> None:
        if progress is not None:
            progress((number + share) / count)

    return tell


def _check(count: int, variation: float, refine: int) -> None:
    if not 1 <= count <= MOST:
        raise SettingsError(f"From 1 to {MOST} images can be made, not {count}.")
    if not 0 <= variation <= 2:
        raise SettingsError(f"The variation can be from 0 to 2, not {variation:g}.")
    if refine < 0:
        raise SettingsError(f"Refining takes 0 steps or more, not {refine}.")


def _require_guided(trained: TrainedSynthesizer) -> None:
    if not trained.guided:
        raise SettingsError(
            f"{trained.name} has not learned to imitate a frame: its training ended "
            "before that. Make frames at random, or go on with its training."
        )


def _known(
    trained: TrainedSynthesizer, movie: Movie, frame: int
) -> tuple[NDArray[np.float32], int]:
    """The frame and those before it that the model makes at once, and its number."""
    _require_guided(trained)
    number = frame + len(movie) if frame < 0 else frame
    row = trained.model.frames
    if len(movie) < row:
        raise MovieError(
            f"{trained.name} imitates {row} frames in a row, but {movie.name!r} has "
            f"only {len(movie)}; choose another movie or model."
        )
    if not row - 1 <= number < len(movie):
        why = f" as {trained.name} imitates {row} in a row" * (row > 1)
        raise MovieError(
            f"{movie.name!r} has no frame {frame} to imitate; choose one from "
            f"{row - 1} to {len(movie) - 1}{why}."
        )
    return read_finite(movie, number + 1 - row, number + 1), number


def _cut_short(stop: threading.Event | None) -> str:
    return " (stopped early)" if stop is not None and stop.is_set() else ""


def _synthesis(
    trained: TrainedSynthesizer,
    made: NDArray[np.float32],
    seed: int,
    how: str,
    like: int | None = None,
) -> Synthesis:
    record = trained.checkpoint.movies[0]
    frames = as_stored(made, np.dtype(record.dtype))
    movie = Movie(
        frames.reshape(-1, *frames.shape[2:]),
        pixel_size=record.pixel_size,
        name=f"SYNTHETIC by {trained.name}, seed {seed}",
        channels=record.channels,
        rgb=record.rgb,
        labels=bool(record.labels),
        interval=record.interval if trained.model.frames > 1 else None,
    )
    note = f"SYNTHETIC frames by {trained.name}, seed {seed}, {how}"
    return Synthesis(frames, movie, seed, like, note)
