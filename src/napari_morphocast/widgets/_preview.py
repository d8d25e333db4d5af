"""What a model forecasts after each epoch, in one layer that is used again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_morphocast.widgets._layers import Source
from napari_morphocast.widgets._movies import KEY, own_metadata

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image
    from numpy.typing import NDArray

KIND = "preview"
NAMES = "preview: last input | forecast | truth"
MADE = "preview: SYNTHETIC frames"


def add_preview(
    viewer: ViewerModel, layer: Image, preview: NDArray[Any], names: str = NAMES
) -> Image:
    """Show (N, C, Y, X) grey levels in one layer below the movie, reusing an old one.

    The pictures, which ``names`` says what they are, stand side by side. The layer
    has all the axes of the movie, and is the same at all times: napari 0.9.2 crashes
    when a movie is removed and only a layer with fewer axes remains.
    """
    source = Source.of(layer)
    picture = side_by_side(preview, colour=source.colour)
    for other in viewer.layers:
        own = own_metadata(other)
        same = own.get("kind") == KIND and own.get("source") == source.name
        same = same and own.get("order") == names
        if same and own["picture"].shape == picture.shape:
            own["picture"][...] = picture
            other.refresh(extent=False)
            return other
    about = {"kind": KIND, "source": source.name, "order": names, "picture": picture}
    return viewer.add_image(
        _everywhere(picture, source),
        name=f"{names} · {source.name}",
        rgb=source.colour,
        metadata={KEY: about},
        **_below(source, picture.shape[1]),
        **source.look,
    )


def side_by_side(preview: NDArray[Any], *, colour: bool) -> NDArray[Any]:
    """Pictures (N, C, Y, X) in one row (Y, N X + gaps), colours last if any.

    Of several channels that are no colours, the first is shown.
    """
    pictures = np.moveaxis(preview, 1, -1) if colour else preview[:, 0]
    gap = max(1, pictures.shape[2] // 32)
    dark = np.full((pictures.shape[1], gap, *pictures.shape[3:]), pictures.min())
    first, *others = pictures
    row = np.concatenate([first, *(part for one in others for part in (dark, one))], 1)
    if not colour:
        return row
    if float(row.max(initial=0)) <= 1:  # colours between 0 and 1
        return np.asarray(np.clip(row, 0, 1))
    return np.asarray(np.clip(np.rint(row), 0, 255), np.uint8)


def _everywhere(picture: NDArray[Any], source: Source) -> NDArray[Any]:
    """The picture at all times and depths of the source; a view, no copy."""
    letters = source.letters
    if letters.index("X") < letters.index("Y"):
        picture = picture.swapaxes(0, 1)
    inside = [at for at, letter in enumerate(letters) if letter in "YX"]
    shape = [axis.length for axis in source.axes]
    thin = [1] * len(shape)
    for at, length in zip(inside, picture.shape, strict=False):
        thin[at] = shape[at] = length
    colours = picture.shape[2:]
    return np.broadcast_to(picture.reshape(*thin, *colours), (*shape, *colours))


def _below(source: Source, width: int) -> dict[str, Any]:
    """Below the middle of the source, with a little room between.

    Three pictures below one are larger on most screens than four in a row.
    """
    starts = [axis.translate for axis in source.axes]
    rows, columns = source.letters.index("Y"), source.letters.index("X")
    high, wide = source.axes[rows], source.axes[columns]
    starts[rows] += 1.05 * high.length * high.scale
    starts[columns] -= (width - wide.length) / 2 * wide.scale
    return {
        "scale": [axis.scale for axis in source.axes],
        "translate": starts,
        "units": tuple(axis.unit for axis in source.axes),
        "axis_labels": tuple(axis.label for axis in source.axes),
    }
