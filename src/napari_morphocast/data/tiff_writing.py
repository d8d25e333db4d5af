"""OME-TIFF and ImageJ hyperstacks, written one frame at a time."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_morphocast.errors import MovieError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_morphocast.data.writing import Plan

CLASSIC_TIFF = 2**32 - 2**25  # bytes of pixels; longer files are BigTIFF
ORDER = ">" if sys.byteorder == "big" else "<"
IMAGEJ_TYPES = ("uint8", "uint16", "float32")
# Types that another one holds without loss.
IMAGEJ_WIDER = {
    "bool": "uint8",
    "int8": "float32",
    "int16": "float32",
    "float16": "float32",
}
OME_WIDER = {"float16": "float32"}
NOT_IN_OME = ("int64", "uint64")


def write_ome_tiff(
    path: Path, name: str, plan: Plan, frames: Iterator[NDArray[Any]]
) -> None:
    """Write an OME-TIFF; BigTIFF when it may pass 4 GB."""
    from tifffile import OmeXml

    if plan.dtype.name in NOT_IN_OME:
        raise MovieError(
            f"OME-TIFF cannot hold {plan.dtype}; write {name} as .npy or .ome.zarr."
        )
    dtype = np.dtype(OME_WIDER.get(plan.dtype.name, plan.dtype.name))
    metadata = _ome_metadata(plan)

    def describe(count: int) -> bytes:
        shape = (count, *_page_shape(plan))
        pages = count * (1 if plan.rgb else plan.shape[0])
        samples = 3 if plan.rgb else 1
        stored = (pages, 1, 1, *plan.shape[1:], samples)
        xml = OmeXml()
        xml.addimage(dtype, shape, stored, axes=_axes(plan), **metadata)
        return bytes(xml.tostring(declaration=True).encode())

    _write(path, plan, frames, dtype, describe)


def _ome_metadata(plan: Plan) -> dict[str, Any]:
    metadata: dict[str, Any] = {"Name": plan.like.name, "Description": plan.text}
    if plan.like.interval:
        metadata |= {"TimeIncrement": plan.like.interval, "TimeIncrementUnit": "s"}
    if plan.like.pixel_size:
        y, x = plan.like.pixel_size
        metadata |= {"PhysicalSizeY": y, "PhysicalSizeYUnit": "µm"}
        metadata |= {"PhysicalSizeX": x, "PhysicalSizeXUnit": "µm"}
    if plan.channels and not plan.rgb:
        metadata["Channel"] = {"Name": list(plan.channels)}
    return metadata


def write_imagej(
    path: Path, name: str, plan: Plan, frames: Iterator[NDArray[Any]]
) -> None:
    """Write an ImageJ hyperstack, as Fiji itself does."""
    from tifffile import imagej_description, imagej_metadata_tag

    dtype = np.dtype(IMAGEJ_WIDER.get(plan.dtype.name, plan.dtype.name))
    allowed = ("uint8",) if plan.rgb else IMAGEJ_TYPES
    if dtype.name not in allowed:
        what = "colour pictures" if plan.rgb else "pictures"
        raise MovieError(
            f"ImageJ TIFF cannot hold {what} of {plan.dtype}; "
            f"write {name} with the ending .ome.tif instead."
        )
    if _nbytes(plan, dtype) > CLASSIC_TIFF:
        raise MovieError(
            f"{name} would pass 4 GB, the most that ImageJ TIFF holds; "
            "use the ending .ome.tif instead."
        )
    scales: dict[str, Any] = {}
    options: dict[str, Any] = {}
    if plan.like.interval:
        scales |= {"finterval": plan.like.interval, "tunit": "sec"}
    if plan.like.pixel_size:
        y, x = plan.like.pixel_size
        scales["unit"] = "um"
        options = {"resolution": (1 / x, 1 / y), "resolutionunit": "NONE"}
    info = [f"Channels = {'; '.join(plan.channels)}"] if plan.channels else []
    text = "\n".join([*filter(None, [plan.text]), *info])
    if text:
        options["extratags"] = imagej_metadata_tag({"Info": text}, ORDER)

    def describe(count: int) -> bytes:
        shape = (count, *_page_shape(plan))
        text = imagej_description(shape, axes=_axes(plan), rgb=plan.rgb, **scales)
        return bytes(text.encode("ascii"))

    _write(path, plan, frames, dtype, describe, **options)


def _write(
    path: Path,
    plan: Plan,
    frames: Iterator[NDArray[Any]],
    dtype: np.dtype[Any],
    describe: Callable[[int], bytes],
    **options: Any,
) -> None:
    """Append frame after frame; say how many at the end if fewer came."""
    from tifffile import TiffWriter, tiffcomment

    written = 0
    big = _nbytes(plan, dtype) > CLASSIC_TIFF
    with TiffWriter(path, bigtiff=big, byteorder=ORDER, shaped=False) as writer:
        for frame in frames:
            writer.write(
                _page(frame, plan).astype(dtype, copy=False),
                contiguous=dtype.kind != "b",  # ImageJ wants all pixels in a row
                photometric="rgb" if plan.rgb else "minisblack",
                planarconfig="contig" if plan.rgb else None,
                description=describe(plan.count) if written == 0 else None,
                metadata=None,
                **(options if written == 0 else _resolution(options)),
            )
            written += 1
    if written < plan.count:
        tiffcomment(path, describe(written))


def _resolution(options: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in options.items() if key != "extratags"}


def _nbytes(plan: Plan, dtype: np.dtype[Any]) -> int:
    return plan.nbytes // plan.dtype.itemsize * dtype.itemsize


def _axes(plan: Plan) -> str:
    return "TYXS" if plan.rgb else "TCYX"


def _page_shape(plan: Plan) -> tuple[int, ...]:
    c, y, x = plan.shape
    return (y, x, c) if plan.rgb else (c, y, x)


def _page(frame: NDArray[Any], plan: Plan) -> NDArray[Any]:
    """A frame as TIFF wants it: samples last for colour, else (C, Y, X)."""
    return np.ascontiguousarray(frame.transpose(1, 2, 0)) if plan.rgb else frame
