"""Input, forecast and error next to each other in one click, and back in one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary, ref

from napari.layers import Image

from napari_morphocast.errors import MovieError
from napari_morphocast.widgets._layers import MAPS, is_of, results_in
from napari_morphocast.widgets._movies import own_metadata
from napari_morphocast.widgets._viewers import real_viewer

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari.components import ViewerModel
    from napari.layers import Layer

FONT = 8  # points; names are long and the row is narrow


@dataclass(frozen=True, slots=True, eq=False)
class _Before:
    """How the viewer looked, to be put back."""

    visible: dict[Layer, bool]
    named: dict[Layer, bool]
    enabled: bool
    shape: tuple[int, int]
    stride: int
    center: tuple[float, ...]
    zoom: float
    leave: Callable[..., None]  # is called when napari's own button ends the grid


_before: WeakKeyDictionary[ViewerModel, _Before] = WeakKeyDictionary()


def is_side_by_side(viewer: ViewerModel) -> bool:
    """Whether the viewer shows its forecast side by side now."""
    return real_viewer(viewer) in _before and viewer.canvas.grid.enabled


def show_side_by_side(viewer: ViewerModel) -> None:
    """Show movie, forecast and error in a row or column; time and camera are shared.

    The forecast is the selected one, or else the newest, of those that have a frame
    at the time shown.

    Raises
    ------
    MovieError
        If there is no forecast in this viewer.
    """
    shown, grid = _row(viewer), viewer.canvas.grid
    if real_viewer(viewer) not in _before:
        _before[real_viewer(viewer)] = _Before(
            {layer: layer.visible for layer in viewer.layers},
            {layer: layer.name_overlay.visible for layer in viewer.layers},
            grid.enabled,
            grid.shape,
            grid.stride,
            viewer.scene.camera.center,
            viewer.scene.camera.zoom,
            leave := _leaving(real_viewer(viewer)),
        )
        grid.events.enabled.connect(leave)
    for layer in viewer.layers:
        layer.visible = layer in shown
        layer.name_overlay.visible = layer in shown
        layer.name_overlay.font_size = FONT
        if isinstance(layer, Image):
            layer.colorbar.visible = own_metadata(layer).get("kind") in MAPS
            layer.colorbar.position = "bottom_right"
    grid.stride = 1  # the lowest layer, the input, comes first
    grid.shape = _shape(viewer, shown)
    grid.enabled = True
    viewer.reset_view()


def show_as_before(viewer: ViewerModel) -> None:
    """Undo ``show_side_by_side``; layers that came since then stay as they are."""
    before = _before.get(real_viewer(viewer))
    if before is not None:
        _put_back(viewer)
        viewer.canvas.grid.enabled = before.enabled


def _leaving(viewer: ViewerModel) -> Callable[..., None]:
    """What undoes all but the grid once that has gone; must not keep the viewer."""
    known = ref(viewer)

    def leave(event: Any = None) -> None:
        here = known()
        if here is not None and not here.canvas.grid.enabled:
            _put_back(here)

    return leave


def _put_back(viewer: ViewerModel) -> None:
    before = _before.pop(real_viewer(viewer))
    viewer.canvas.grid.events.enabled.disconnect(before.leave)
    viewer.canvas.grid.shape = before.shape
    viewer.canvas.grid.stride = before.stride
    for layer in viewer.layers:
        layer.visible = before.visible.get(layer, layer.visible)
        layer.name_overlay.visible = before.named.get(layer, False)
        if isinstance(layer, Image):
            layer.colorbar.visible = False
    viewer.scene.camera.center, viewer.scene.camera.zoom = before.center, before.zoom


def _row(viewer: ViewerModel) -> list[Image]:
    """Source, forecast and error, in the order of the layer list."""
    results = results_in(viewer)
    forecasts = [one for one in results if own_metadata(one)["kind"] not in MAPS]
    if not forecasts:
        raise MovieError(
            "There is no forecast in this viewer yet; press Predict all first."
        )
    active = viewer.layers.selection.active
    wanted = [*forecasts, *(one for one in results if one is active)]
    now = [one for one in wanted if _has_now(viewer, one)]
    chosen = (now or wanted)[-1]
    run = own_metadata(chosen)["run"]
    return [
        layer
        for layer in viewer.layers
        if isinstance(layer, Image)
        and (own_metadata(layer).get("run") == run or is_of(chosen, layer))
    ]


def _has_now(viewer: ViewerModel, layer: Image) -> bool:
    """Whether the slider is within the frames of a layer."""
    shown = layer.world_to_data(viewer.dims.point)
    hidden = len(shown) - viewer.dims.ndisplay
    pairs = zip(shown[:hidden], layer.data.shape, strict=False)
    return all(-0.5 <= place < length - 0.5 + 1e-6 for place, length in pairs)


def _shape(viewer: ViewerModel, shown: list[Image]) -> tuple[int, int]:
    """Rows and columns: a row or a column, whichever gives the larger pictures."""
    rows, columns = viewer.canvas.size
    low, high = shown[0].extent.world
    height, width = (float(side) or 1.0 for side in (high - low)[-2:])
    count = len(shown)
    in_a_row = min(rows / height, columns / count / width)
    in_a_column = min(rows / count / height, columns / width)
    return (1, count) if in_a_row >= in_a_column else (count, 1)
