"""Arrays that lie on a movie, (Y, X) or (T, Y, X): labels, and pixels that count."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_morphocast.data.movie import Movie


def misplaced(what: str, array: NDArray[Any], movie: Movie) -> str:
    """Which sizes differ, as the beginning of a sentence; empty if none does."""
    frames, _, height, width = movie.shape
    if array.shape in ((height, width), (frames, height, width)):
        return ""
    found = " x ".join(map(str, array.shape))
    return (
        f"{what} {found} pixels, but {movie.name!r} has {frames} frames of "
        f"{height} x {width}"
    )
