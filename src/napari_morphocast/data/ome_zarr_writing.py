"""OME-Zarr 0.5, written one frame at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_morphocast.data.stored import OURS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_morphocast.data.writing import Plan

TILE = 1024
COLOURS = ("FF0000", "00FF00", "0000FF")


def write_ome_zarr(
    path: Path, name: str, plan: Plan, frames: Iterator[NDArray[Any]]
) -> None:
    """Write an OME-Zarr image of one level, with axes t, c, y, x."""
    import zarr

    group = zarr.open_group(str(path), mode="w", zarr_format=3)
    c, y, x = plan.shape
    array = group.create_array(
        "0",
        shape=(plan.count, c, y, x),
        chunks=(1, 1, min(y, TILE), min(x, TILE)),
        dtype=plan.dtype,
        dimension_names=("t", "c", "y", "x"),
    )
    written = 0
    for frame in frames:
        array[written] = frame
        written += 1
    if written < plan.count:
        array.resize((written, c, y, x))
    group.attrs["ome"] = _ome(plan)
    group.attrs[OURS] = {"note": plan.text, "first": plan.first, "rgb": plan.rgb}


def _ome(plan: Plan) -> dict[str, Any]:
    step, size = plan.like.interval, plan.like.pixel_size
    time = {"name": "t", "type": "time"} | ({"unit": "second"} if step else {})
    space = {"type": "space"} | ({"unit": "micrometer"} if size else {})
    y, x = size or (1.0, 1.0)
    changes: list[dict[str, Any]] = [
        {"type": "scale", "scale": [step or 1.0, 1.0, y, x]}
    ]
    if plan.first:
        # time stays true: the first frame is where the movie would have had it
        start = plan.first * (step or 1.0)
        changes.append({"type": "translation", "translation": [start, 0.0, 0.0, 0.0]})
    multiscale = {
        "name": plan.like.name,
        "axes": [
            time,
            {"name": "c", "type": "channel"},
            {"name": "y", **space},
            {"name": "x", **space},
        ],
        "datasets": [{"path": "0", "coordinateTransformations": changes}],
    }
    ome: dict[str, Any] = {"version": "0.5", "multiscales": [multiscale]}
    names = ("red", "green", "blue") if plan.rgb else plan.channels
    if names:
        ome["omero"] = {"channels": _channels(names, plan.rgb)}
    return ome


def _channels(names: tuple[str, ...], rgb: bool) -> list[dict[str, Any]]:
    return [
        {"label": label, "color": COLOURS[i] if rgb else "FFFFFF", "active": True}
        for i, label in enumerate(names)
    ]
