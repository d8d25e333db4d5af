"""How a movie differs from those that a model learned from, in sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari_morphocast.data.movie import Movie

TOLERANCE = 0.1  # of time step and pixel size, beyond which a movie is another world


def differences(
    interval: float | None, pixel_size: tuple[float, float] | None, movie: Movie
) -> list[str]:
    """Sentences on a time step (s) or pixel size (µm) that a model does not know."""
    given = movie.pixel_size
    sentences = (
        _differs("frame interval", interval, movie.interval, "s"),
        _differs("pixel size", pixel_size and pixel_size[1], given and given[1], "µm"),
    )
    return [sentence for sentence in sentences if sentence]


def _differs(what: str, learned: float | None, given: float | None, unit: str) -> str:
    if not learned or not given or abs(given / learned - 1) <= TOLERANCE:
        return ""
    return (
        f"The model learned from a movie with a {what} of {learned:g} {unit}, but this "
        f"one has {given:g} {unit}; expect worse forecasts, or finetune."
    )
