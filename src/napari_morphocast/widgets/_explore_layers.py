"""Chosen points as layers: frames as a movie, cells as points on the movie."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_morphocast.widgets._movies import KEY, lazily

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari.components import ViewerModel
    from napari.layers import Image, Points
    from numpy.typing import NDArray

    from napari_morphocast.presenters.explore_work import Explored
    from napari_morphocast.widgets._layers import Source

RING = 0.5  # of the side of a crop, across
COLOUR = "#ff9628"


def add_frames(
    viewer: ViewerModel,
    sources: Sequence[Source],
    explored: Explored,
    points: NDArray[np.int64],
) -> list[Image]:
    """Add the chosen frames, one after the other from the movie's first time on.

    They lie where the movie lies, and are read from it when they are looked at.
    """
    movie = explored.order.movie.pictures
    frames = sorted(set(explored.embedded.frames[points].tolist()))
    added = []
    for number, source in enumerate(sources[: movie.shape[1]]):
        pick = slice(number, number + 1) if len(sources) > 1 else slice(None)
        lazy = lazily(movie)[frames, pick]
        letters = source.letters + "S" * source.colour
        about = {**_about(explored, source), "kind": "chosen frames", "frames": frames}
        added.append(
            viewer.add_image(
                source.arranged(lazy, colour=source.colour),
                name=f"{len(frames)} chosen frames · {source.name}",
                rgb=source.colour,
                metadata={KEY: {**about, "axes": letters}},
                **source.place(0, lazy.shape[1]),
                **source.look,
            )
        )
    return added


def add_cells(
    viewer: ViewerModel,
    source: Source,
    explored: Explored,
    points: NDArray[np.int64],
) -> Points:
    """Add a ring around every chosen cell, in its frame, with what is known of it."""
    embedded = explored.embedded
    means = {
        f"mean of {name}": embedded.means[points, number]
        for number, name in enumerate(embedded.channels)
    }
    cells = explored.order.cells
    return viewer.add_points(
        np.array([place_of(source, explored, int(p)) for p in points]),
        name=f"{len(points)} chosen cells · {source.name}",
        features={
            "frame": embedded.frames[points],
            "label": embedded.labels[points],
            "error": embedded.errors[points],
            **means,
        },
        metadata={
            KEY: {
                **_about(explored, source),
                "kind": "chosen cells",
                "labels": cells.name if cells else "",
                "crop": embedded.crop,
            }
        },
        size=RING * embedded.crop,
        face_color="transparent",
        border_color=COLOUR,
        border_width=0.08,
        **source.place(0, 1),
    )


def place_of(
    source: Source,
    explored: Explored,
    point: int,
    here: Sequence[float] | None = None,
) -> list[float]:
    """Where a point is in the movie, along the axes of ``source``.

    Along axes that say nothing of it, such as Z, it is ``here``, or else at 0.
    """
    embedded = explored.embedded
    y, x = np.nan_to_num(embedded.places[point]).tolist()
    at = dict(
        zip(source.letters, [] if here is None else map(float, here), strict=False)
    )
    at |= {"T": float(embedded.frames[point]), "Y": y, "X": x}
    return [at.get(letter, 0.0) for letter in source.letters]


def _about(explored: Explored, source: Source) -> dict[str, Any]:
    order = explored.order
    return {
        "model": order.model.stem,
        "model_path": str(order.model),
        "source": source.name,
        "path": source.path,
        "version": version("napari-morphocast"),
    }
