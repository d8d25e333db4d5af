"""How a movie differs from those that a model learned from, in sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_morphocast.data.scaling import Scaling
from napari_morphocast.data.windows import Part
from napari_morphocast.errors import MovieError

if TYPE_CHECKING:
    from napari_morphocast.data.movie import Movie

TOLERANCE = 0.1  # of time step and pixel size, beyond which a movie is another world
WIDER, SHIFTED = 3.0, 0.5  # grey range: its factor; its offset, in units of itself


def require_channels(
    channels: int, labels: bool, movie: Movie, model: str = "The model"
) -> None:
    """Refuse a movie without the segmentation, or the channels, that a model knows.

    Raises
    ------
    MovieError
        If the model cannot be used on this movie at all.
    """
    if labels and not movie.labels:
        raise MovieError(
            f"{model} has learned from a segmentation, too, but {movie.name!r} has "
            "none; give one of the same frames as its cells (labels)."
        )
    given = movie.shape[1] if labels else movie.pictured
    if given != channels:
        raise MovieError(
            f"{model} was trained on {channels} channel(s), but {movie.name!r} has "
            f"{given}; choose a channel or another model."
        )


def differences(
    interval: float | None,
    pixel_size: tuple[float, float] | None,
    movie: Movie,
    model: str = "The model",
) -> list[str]:
    """Sentences on a time step (s) or pixel size (µm) that a model does not know."""
    given = movie.pixel_size
    sentences = (
        _differs("frame interval", interval, movie.interval, "s"),
        _differs("pixel size", pixel_size and pixel_size[1], given and given[1], "µm"),
    )
    return [f"{model} {sentence}" for sentence in sentences if sentence]


def other_greys(learned: Scaling, movie: Movie, model: str) -> list[str]:
    """A sentence if black and white of a movie are far from those that were learned.

    Looks at a sample of the frames; nothing is said of a movie without any contrast.
    """
    try:
        given = Scaling.fit([Part(movie, 0, len(movie))])
    except MovieError:
        return []
    factor, span = (given.span / learned.span).ravel(), learned.span.ravel()
    shift = np.abs(np.subtract(given.low, learned.low)) / span
    far = (factor > WIDER) | (factor < 1 / WIDER) | (shift > SHIFTED)
    return [
        f"{model} learned from grey levels of about {low} to {high}, but those of "
        f"{movie.name!r} are {black} to {white}; convert them as its movie was, or "
        "finetune."
        for low, high, black, white in [
            map(_rough, levels)
            for levels in np.transpose(
                [learned.low, learned.high, given.low, given.high]
            )[far][:1]
        ]
    ]


def _rough(level: float) -> str:
    """Three digits, but 43400 rather than 4.34e+04."""
    return f"{float(f'{level:.3g}'):g}"


def _differs(what: str, learned: float | None, given: float | None, unit: str) -> str:
    if not learned or not given or abs(given / learned - 1) <= TOLERANCE:
        return ""
    return (
        f"learned from a movie with a {what} of {learned:g} {unit}, but this one has "
        f"{given:g} {unit}; expect worse results, or finetune."
    )
