"""OME-Zarr 0.4 and 0.5: the largest level of the first image, and its scales."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_morphocast.data.stored import OURS, FileMetadata, Stored
from napari_morphocast.data.units import micrometres, positive, seconds
from napari_morphocast.errors import MovieError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

MARKERS = ("zarr.json", ".zgroup", ".zarray", ".zattrs")
MOST_PIXELS = 2**31  # in one plane; more is a damaged header
KINDS = {"time": "T", "channel": "C"}


def is_zarr(folder: Path) -> bool:
    """Whether a folder is a Zarr group or array rather than a folder of frames."""
    return any((folder / marker).exists() for marker in MARKERS)


def open_ome_zarr(folder: Path) -> Stored:
    """Read the metadata of an OME-Zarr image; the pixels stay where they are."""
    import zarr

    node = zarr.open(str(folder), mode="r")
    if isinstance(node, zarr.Array):
        return _bare(node, folder.name)
    image = _image(node, folder.name)
    attributes = _attributes(image)
    multiscale = attributes["multiscales"][0]
    level = multiscale["datasets"][0]
    array = image[str(level["path"])]
    if not isinstance(array, zarr.Array):
        raise MovieError(
            f"{folder.name}: its largest level {level['path']!r} is no array; "
            "write the OME-Zarr again."
        )
    _check_size(array, folder.name)
    axes, units = _axes(multiscale, array.ndim)
    scale = _scale(multiscale, level, array.ndim)
    ours = image.attrs.get(OURS)
    told = ours if isinstance(ours, dict) else {}
    colour = bool(told.get("rgb"))
    metadata = FileMetadata(
        axes=axes,
        shape=tuple(array.shape),
        interval=_interval(axes, units, scale),
        pixel_size=_pixel_size(axes, units, scale),
        channels=() if colour else _channels(attributes),
        dtype=array.dtype,
        note=str(told.get("note") or ""),
    )
    return Stored(array, metadata, colour=colour)


def _image(group: Any, name: str) -> Any:
    """The group with the image: this one, or the first of a converted series."""
    if "multiscales" in _attributes(group):
        return group
    if "bioformats2raw.layout" in _attributes(group) and "0" in group:
        return _image(group["0"], name)
    raise MovieError(
        f"{name} is a Zarr folder without an OME-Zarr image at its top; "
        "choose the image inside it, or write it as OME-Zarr 0.4 or 0.5."
    )


def _attributes(group: Any) -> Mapping[str, Any]:
    """OME attributes: under "ome" since version 0.5, at the top before."""
    attributes = dict(group.attrs)
    newer = attributes.get("ome")
    return newer if isinstance(newer, dict) else attributes


def _bare(array: Any, name: str) -> Stored:
    _check_size(array, name)
    names = getattr(array.metadata, "dimension_names", None) or ()
    letters = "".join(_letter({"name": str(n)}) for n in names)
    default = {3: "TYX", 5: "TCZYX"}.get(array.ndim, "Q" * array.ndim)
    axes = letters if len(letters) == array.ndim else default
    return Stored(array, FileMetadata(axes, tuple(array.shape), dtype=array.dtype))


def _check_size(array: Any, name: str) -> None:
    plane = 1
    for length in array.shape[-2:]:
        plane *= length
    if plane > MOST_PIXELS:
        raise MovieError(
            f"{name} claims pictures of {plane} pixels, so its description is damaged; "
            "write it again."
        )


def _axes(multiscale: Mapping[str, Any], ndim: int) -> tuple[str, list[str]]:
    """Letters and units; versions before 0.4 had names only, or nothing at all."""
    axes = multiscale.get("axes") or list("tczyx"[-ndim:])
    entries = [a if isinstance(a, dict) else {"name": str(a)} for a in axes]
    letters = "".join(_letter(entry) for entry in entries)
    return letters, [str(entry.get("unit") or "") for entry in entries]


def _letter(axis: Mapping[str, Any]) -> str:
    kind = KINDS.get(str(axis.get("type", "")))
    name = str(axis.get("name", "")).upper()
    return kind or (name if name in set("TCZYX") else "Q")


def _scale(
    multiscale: Mapping[str, Any], level: Mapping[str, Any], ndim: int
) -> list[float | None]:
    """Step along each axis: that of the level times that of the whole image."""
    total: list[float | None] = [1.0] * ndim
    known = False
    for part in (level, multiscale):
        for change in part.get("coordinateTransformations") or ():
            steps = change.get("scale")
            if change.get("type") == "scale" and steps and len(steps) == ndim:
                known = True
                total = [
                    positive((a or 0) * float(b))
                    for a, b in zip(total, steps, strict=True)
                ]
    return total if known else [None] * ndim


def _interval(axes: str, units: list[str], scale: list[float | None]) -> float | None:
    at = axes.find("T")
    return seconds(scale[at], units[at]) if at >= 0 else None


def _pixel_size(
    axes: str, units: list[str], scale: list[float | None]
) -> tuple[float, float] | None:
    if not {"Y", "X"} <= set(axes):
        return None
    y, x = (micrometres(scale[axes.find(a)], units[axes.find(a)]) for a in "YX")
    return (y, x) if y and x else None


def _channels(attributes: Mapping[str, Any]) -> tuple[str, ...]:
    entries = (attributes.get("omero") or {}).get("channels") or ()
    names = tuple(str(entry.get("label") or "") for entry in entries)
    return names if any(names) else ()
