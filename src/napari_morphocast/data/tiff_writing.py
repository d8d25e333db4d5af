"""OME-TIFF and ImageJ hyperstacks, written one frame at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_morphocast.data.writing import CLASSIC_TIFF
from napari_morphocast.errors import MovieError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_morphocast.data.writing import Plan

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
    if plan.dtype.name in NOT_IN_OME:
        raise MovieError(
            f"OME-TIFF cannot hold {plan.dtype}; write {name} as .npy or .ome.zarr."
        )
    metadata: dict[str, Any] = {"Name": plan.like.name, "Description": plan.text}
    if plan.like.interval:
        metadata |= {"TimeIncrement": plan.like.interval, "TimeIncrementUnit": "s"}
    if plan.like.pixel_size:
        y, x = plan.like.pixel_size
        metadata |= {"PhysicalSizeY": y, "PhysicalSizeYUnit": "µm"}
        metadata |= {"PhysicalSizeX": x, "PhysicalSizeXUnit": "µm"}
    if plan.channels and not plan.rgb:
        metadata["Channel"] = {"Name": list(plan.channels)}
    dtype = np.dtype(OME_WIDER.get(plan.dtype.name, plan.dtype.name))
    big = plan.nbytes * dtype.itemsize // plan.dtype.itemsize > CLASSIC_TIFF
    _write(path, plan, frames, dtype, metadata, {"ome": True, "bigtiff": big})


def write_imagej(
    path: Path, name: str, plan: Plan, frames: Iterator[NDArray[Any]]
) -> None:
    """Write an ImageJ hyperstack, as Fiji itself does."""
    dtype = np.dtype(IMAGEJ_WIDER.get(plan.dtype.name, plan.dtype.name))
    allowed = ("uint8",) if plan.rgb else IMAGEJ_TYPES
    if dtype.name not in allowed:
        what = "colour pictures" if plan.rgb else "pictures"
        raise MovieError(
            f"ImageJ TIFF cannot hold {what} of {plan.dtype}; "
            f"write {name} with the ending .ome.tif instead."
        )
    if plan.nbytes * dtype.itemsize // plan.dtype.itemsize > CLASSIC_TIFF:
        raise MovieError(
            f"{name} would pass 4 GB, the most that ImageJ TIFF holds; "
            "use the ending .ome.tif instead."
        )
    info = [plan.text]
    if plan.channels:
        info.append("Channels = " + "; ".join(plan.channels))
    metadata: dict[str, Any] = {"Info": "\n".join(filter(None, info))}
    metadata |= {"loop": False}
    resolution: dict[str, Any] = {}
    if plan.like.interval:
        metadata |= {"finterval": plan.like.interval, "tunit": "sec"}
    if plan.like.pixel_size:
        y, x = plan.like.pixel_size
        metadata["unit"] = "um"
        resolution = {"resolution": (1 / x, 1 / y), "resolutionunit": "NONE"}
    _write(path, plan, frames, dtype, metadata, {"imagej": True}, **resolution)


def _write(
    path: Path,
    plan: Plan,
    frames: Iterator[NDArray[Any]],
    dtype: np.dtype[Any],
    metadata: dict[str, Any],
    kind: dict[str, Any],
    **resolution: Any,
) -> None:
    """Append frame after frame; tifffile counts them when the file is closed."""
    from tifffile import TiffWriter

    axes = "TYXS" if plan.rgb else "TCYX" if plan.shape[0] > 1 else "TYX"
    options = {
        "photometric": "rgb" if plan.rgb else "minisblack",
        "metadata": {**metadata, "axes": axes},
        "contiguous": True,
        **resolution,
    }
    pages = (_page(frame, plan).astype(dtype, copy=False) for frame in frames)
    first, second = next(pages), next(pages, None)
    with TiffWriter(path, **kind) as writer:
        if second is None:
            # tifffile drops a time axis of length one unless it sees it
            writer.write(first[None], **options)
            return
        writer.write(first, **options)
        writer.write(second, **options)
        for page in pages:
            writer.write(page, **options)


def _page(frame: NDArray[Any], plan: Plan) -> NDArray[Any]:
    """A frame as TIFF wants it: (Y, X, S), (C, Y, X) or (Y, X)."""
    if plan.rgb:
        return np.ascontiguousarray(frame.transpose(1, 2, 0))
    return frame if plan.shape[0] > 1 else frame[0]
