"""OME-XML: what an OME-TIFF says about its time step, pixel size and channels."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree import ElementTree

import numpy as np

from napari_morphocast.data.units import micrometres, positive, seconds
from napari_morphocast.errors import MovieError

if TYPE_CHECKING:
    from pathlib import Path
    from xml.etree.ElementTree import Element

MOST_SHRUNK = 1100  # no lossless compression of TIFF packs better


def parse(xml: str, name: str) -> Element:
    """The OME element; refuses text that is not XML."""
    try:
        return ElementTree.fromstring(xml.encode())
    except ElementTree.ParseError as error:
        raise MovieError(
            f"{name}: its OME description is damaged ({error}); export the movie again."
        ) from error


def without_old_name(xml: str, path: Path) -> str:
    """The same description of a file that was renamed since it was written."""
    root = parse(xml, path.name)
    names = {e.get("FileName", path.name) for e in _all(root, "UUID")}
    if len(names) != 1 or any((path.parent / old).exists() for old in names):
        return xml
    for data in _all(root, "TiffData"):
        for uuid in _all(data, "UUID"):
            data.remove(uuid)
    return ElementTree.tostring(root, encoding="unicode")


def check(root: Element, path: Path, pages: int, compressed: bool) -> None:
    """Refuse a description that promises pictures which the files cannot hold."""
    name = path.name
    main = next((e for e in _all(root, "BinaryOnly")), None)
    if main is not None:
        master = main.get("MetadataFile", "another file")
        raise MovieError(
            f"{name} is one part of a set of OME-TIFF files described by {master}; "
            "open that file, or save the set as one OME-TIFF."
        )
    files = {e.get("FileName", name) for e in _all(root, "UUID")} | {name}
    missing = sorted(f for f in files if not (path.parent / f).is_file())
    if missing:
        raise MovieError(
            f"{name} is part of a set of {len(files)} OME-TIFF files, but "
            f"{missing[0]} is not beside it; copy all files of the set into one folder."
        )
    if any(True for e in root.iter() if _tag(e).startswith("ModuloAlong")):
        raise MovieError(
            f"{name} has a further axis besides T, C and Z; save it without that axis."
        )
    sizes = {f: (path.parent / f).stat().st_size for f in files}
    # a set's pictures are spread over its files, and no page is shorter than 64 bytes
    room = sum(sizes.values()) // 64 if len(files) > 1 else pages
    bits = 8 * sum(sizes.values()) * (MOST_SHRUNK if compressed else 1)
    for pixels in _all(root, "Pixels"):
        _check_pictures(pixels, room, bits, name)


def _check_pictures(pixels: Element, room: int, bits: int, name: str) -> None:
    promised = 1
    for axis in "TCZ":
        promised *= int(pixels.get(f"Size{axis}", 1))
    area = int(pixels.get("SizeY", 1)) * int(pixels.get("SizeX", 1))
    too_large = promised * area > bits
    samples = [int(e.get("SamplesPerPixel", 1)) for e in _all(pixels, "Channel")]
    promised //= max(samples, default=1) or 1
    counted = [
        int(e.get(key, 0))
        for e in _all(pixels, "TiffData")
        for key in ("PlaneCount", "NumPlanes")
    ]
    most = max([promised, *counted])
    if most > room or too_large:
        raise MovieError(
            f"{name} is damaged or cut short: it promises {most} pictures of {area} "
            f"pixels, which is more than the file holds; copy or export it again."
        )


def interval(root: Element) -> float | None:
    """Seconds per frame: TimeIncrement, else the median step between the planes."""
    for pixels in _all(root, "Pixels"):
        unit = pixels.get("TimeIncrementUnit", "s")
        step = seconds(pixels.get("TimeIncrement"), unit)
        if step is not None:
            return step
        return _step_between_planes(pixels)
    return None


def _step_between_planes(pixels: Element) -> float | None:
    times: dict[int, float] = {}
    unit = "s"
    for plane in _all(pixels, "Plane"):
        if plane.get("TheC", "0") == "0" and plane.get("TheZ", "0") == "0":
            unit = plane.get("DeltaTUnit", unit)
            delta = plane.get("DeltaT")
            if delta is not None:
                times[int(plane.get("TheT", 0))] = float(delta)
    if len(times) < 2:
        return None
    frames = sorted(times)
    steps = np.diff([times[t] for t in frames]) / np.diff(frames)
    return seconds(positive(float(np.median(steps))), unit)


def pixel_size(root: Element) -> tuple[float, float] | None:
    """Height and width of a pixel in micrometres."""
    for pixels in _all(root, "Pixels"):
        y, x = (
            micrometres(
                pixels.get(f"PhysicalSize{axis}"),
                pixels.get(f"PhysicalSize{axis}Unit", "um"),
            )
            for axis in "YX"
        )
        known = y or x
        return (y or known, x or known) if known else None
    return None


def channels(root: Element) -> tuple[str, ...]:
    """Names of the channels of the first image; empty when it names none."""
    for pixels in _all(root, "Pixels"):
        names = tuple(e.get("Name", "") for e in _all(pixels, "Channel"))
        return names if any(names) else ()
    return ()


def note(root: Element) -> str:
    """What the first image says of itself."""
    for image in _all(root, "Image"):
        said = [e.text for e in _all(image, "Description") if e.text]
        return said[0].strip() if said else ""
    return ""


def _all(parent: Element, tag: str) -> list[Element]:
    return [e for e in parent.iter() if _tag(e) == tag]


def _tag(element: Element) -> str:
    return str(element.tag).rpartition("}")[2]
