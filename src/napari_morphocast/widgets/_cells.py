"""A Labels layer as a segmentation that models see beside the pictures."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from napari.layers import Labels

from napari_morphocast.data.labels import brightest, with_labels
from napari_morphocast.errors import MovieError
from napari_morphocast.presenters.wording import frames
from napari_morphocast.widgets._on_movie import on_movie
from napari_morphocast.widgets._regions import RegionPicker

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari.components import ViewerModel

    from napari_morphocast.data.movie import Movie
    from napari_morphocast.widgets._layers import Source

NONE, OPACITY = "not seen", 0.4
TIP = (
    "<p>A Labels layer that says where cells are. A model that learns with it sees "
    "them beside the pictures and forecasts them, too; sdc_net moves them along with "
    "the pixels.</p><p>Scores count the pictures only.</p>"
)


class CellsPicker(RegionPicker):
    """A list of the Labels layers."""

    def __init__(self, viewer: ViewerModel) -> None:
        super().__init__(viewer, (Labels,), NONE, TIP)

    @property
    def any(self) -> bool:
        """Whether there are some."""
        return bool(self.box.count() > 1)


def with_cells(
    movie: Movie, sources: Sequence[Source], layer: Labels
) -> tuple[Movie, list[Source]]:
    """A movie with the labels of a layer as its last channel, and whence each comes.

    They are read when a frame is looked at, or once if they have no time; ``settled``
    keeps them as they are.

    Raises
    ------
    MovieError
        If channels lie in one layer, or labels do not lie on the movie.
    """
    if movie.shape[1] != len(sources):
        raise MovieError(
            f"{movie.name!r} has several channels in one layer; choose one of them to "
            "use a segmentation beside it, or split the layer into its channels."
        )
    labels = on_movie(layer, sources[0])
    seen = labels[0] if labels.still else labels
    if not any(part.any() for part in seen):
        raise MovieError(
            f"Nothing in the layer {layer.name!r} lies on the movie; choose the labels "
            "that belong to it."
        )
    if labels.reached < len(movie) / 2:
        raise MovieError(
            f"The layer {layer.name!r} lies on {frames(labels.reached)} of "
            f"{len(movie)} only: give it the time step of the movie, or choose the "
            "labels that belong to it."
        )
    return with_labels(movie, seen), [*sources, cells_of(sources[0], movie)]


def cells_of(source: Source, movie: Movie) -> Source:
    """What the layers of forecast cells inherit from those of the pictures."""
    look = {
        "contrast_limits": (0.0, brightest(movie.dtype)),
        "colormap": "cyan",
        "blending": "additive",
        "opacity": OPACITY,
    }
    return replace(source, name=f"{source.name} · cells", look=look, channel=None)
