"""TIFF, OME-TIFF and ImageJ hyperstacks: metadata at once, pixels when needed."""

from __future__ import annotations

import logging
from dataclasses import replace
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from napari_morphocast.data import ome_xml
from napari_morphocast.data.stored import OURS, FileMetadata, Stored
from napari_morphocast.data.tiff_directory import count_pages
from napari_morphocast.data.tiff_pictures import Plane, TiffPictures, quiet
from napari_morphocast.data.units import micrometres, seconds
from napari_morphocast.errors import MovieError

logger = logging.getLogger(__name__)

PRINTER_DPI = (72.0, 96.0, 100.0, 150.0, 200.0, 300.0, 600.0)


def open_tiff(path: Path) -> Stored:
    """Read the metadata of a TIFF file and find its pictures."""
    from tifffile import TiffFile

    pages = count_pages(path)
    with quiet(), TiffFile(path) as tif:
        xml = tif.ome_metadata
    if xml is not None:
        xml = ome_xml.without_old_name(xml, path)
    with quiet(), TiffFile(path, omexml=xml) as tif:
        metadata = _described(tif, path, pages)
        if not len(tif.series):
            raise MovieError(f"{path.name} holds no picture; export it again.")
        series = tif.series[0]
        if len(tif.series) > 1:
            logger.warning(
                "%s holds %d images; the first one is read.", path, len(tif.series)
            )
        pictures = _pictures(tif, series, path)
        full = series.get_axes(squeeze=False), series.get_shape(squeeze=False)
    pictures.check()
    axes, shape = _named(pictures, series, metadata.interval is not None, full)
    pictures = replace(pictures, shape=shape)
    metadata = replace(metadata, axes=axes, shape=shape, dtype=pictures.dtype)
    named = [n for a, n in zip(*full, strict=True) if a != "S" or n > 1]
    return Stored(pictures, metadata, tuple(named))


def _named(
    pictures: TiffPictures, series: Any, timed: bool, full: tuple[str, Any]
) -> tuple[str, tuple[int, ...]]:
    """Axes and shape of the pictures, with a name for the one axis without one."""
    axes, shape = str(series.axes), pictures.shape
    lead = len(shape) - len(pictures.picture)
    keep = [i >= lead or n > 1 or axes[i] == "T" for i, n in enumerate(shape)]
    axes = "".join(a for a, k in zip(axes, keep, strict=True) if k)
    shape = tuple(n for n, k in zip(shape, keep, strict=True) if k)
    if timed and "T" not in axes and "Z" not in axes and "T" in full[0]:
        return "T" + axes, (1, *shape)  # a movie of a single frame
    plain = series.kind not in ("ome", "imagej") or axes[:1] == "I"
    unknown = [a for a in axes if a not in "TCZYXS"]
    # A stack whose pages nobody named is a movie to nearly everyone.
    if plain and "T" not in axes and unknown == [axes[0]]:
        axes = "T" + axes[1:]
    return "".join(a if a in "TCZYXS" else "Q" for a in axes), shape


def _pictures(tif: Any, series: Any, path: Path) -> TiffPictures:
    """Find where every picture of a series lies."""
    import tifffile

    keyframe = series.keyframe
    dtype = _grey(series.dtype, path.name)
    picture = tuple(keyframe.shape)
    shape = tuple(series.shape)
    if shape[len(shape) - len(picture) :] != picture or 0 in shape:
        raise MovieError(
            f"{path.name} describes pictures of {shape} but holds {picture}; "
            "export it again."
        )
    try:
        if keyframe.compression != 1:
            tifffile.TIFF.DECOMPRESSORS[keyframe.compression]
    except KeyError:
        raise MovieError(
            f"{path.name} is compressed with {keyframe.compression.name}; run "
            "'pip install imagecodecs' and try again, or save it uncompressed."
        ) from None
    return TiffPictures(
        name=path.name,
        shape=shape,
        dtype=dtype,
        planes=_planes(series, path, prod(shape) // prod(picture)),
        picture=picture,
        raw=dtype.newbyteorder(tif.byteorder) if keyframe.is_final else None,
        unpack=_unpacker(keyframe),
        strips=prod(keyframe.chunked),
        padded=tuple(keyframe.shaped),
        compression=int(keyframe.compression),
    )


def _unpacker(keyframe: Any) -> Any:
    """Tifffile's decoder of one strip; it holds no file."""
    decode = keyframe.decode
    if int(keyframe.compression) not in (6, 7, 33007, 34892):
        return decode
    tables, header = keyframe.jpegtables, keyframe.jpegheader
    return lambda data, i: decode(data, i, jpegtables=tables, jpegheader=header)


def _planes(series: Any, path: Path, count: int) -> list[Plane]:
    start = series.dataoffset
    if start is not None and not series.is_multifile:
        # ImageJ describes the first picture only; the others follow it in a row
        step = series.keyframe.nbytes
        if start + count * step > path.stat().st_size:
            raise MovieError(
                f"{path.name} is cut short: it promises {count} pictures of {step} "
                f"bytes but has {path.stat().st_size} bytes; copy or export it again."
            )
        return [Plane(path, (start + i * step,), (step,)) for i in range(count)]
    pages = [series[i] for i in range(len(series))]
    if len(pages) != count or any(page is None for page in pages):
        there = sum(page is not None for page in pages)
        raise MovieError(
            f"{path.name} is damaged or cut short: it promises {count} pictures but "
            f"holds {there}; copy or export it again."
        )
    return [
        Plane(
            Path(page.parent.filehandle.path),
            tuple(page.dataoffsets),
            tuple(page.databytecounts),
        )
        for page in pages
    ]


def _grey(dtype: Any, name: str) -> np.dtype[Any]:
    if dtype is None:
        raise MovieError(
            f"{name} holds pixels of an unknown type; convert it to 16-bit first."
        )
    native: np.dtype[Any] = np.dtype(dtype).newbyteorder("=")
    return native


def _described(tif: Any, path: Path, pages: int) -> FileMetadata:
    """Time step, pixel size and channel names, from wherever this file keeps them."""
    blank = FileMetadata("", ())
    if tif.is_ome:
        root = ome_xml.parse(tif.ome_metadata, path.name)
        ome_xml.check(root, path, pages, tif.pages.first.compression != 1)
        if tif.series[0].kind != "ome":
            raise MovieError(
                f"{path.name}: its OME description does not fit its pictures; "
                "export it again."
            )
        return replace(
            blank,
            interval=ome_xml.interval(root),
            pixel_size=ome_xml.pixel_size(root),
            channels=ome_xml.channels(root),
            note=ome_xml.note(root),
        )
    page = tif.pages.first
    if tif.is_imagej:
        about = tif.imagej_metadata or {}
        info = str(about.get("Info", ""))
        return replace(
            blank,
            interval=seconds(about.get("finterval"), str(about.get("tunit", "s"))),
            pixel_size=_pixel_size(page, str(about.get("unit", ""))),
            channels=_channels_in(info),
            note=_note_in(info),
        )
    return replace(blank, pixel_size=_pixel_size(page, ""))


def _pixel_size(page: Any, unit: str) -> tuple[float, float] | None:
    """Pixel size from the resolution tags, in a unit that the file names or implies."""
    x, y = page.resolution
    if not unit:
        unit = {2: "inch", 3: "cm"}.get(int(page.resolutionunit), "")
        if unit == "inch" and round(float(x), 2) in PRINTER_DPI:
            return None  # a printer's resolution that every drawing program writes
    if not (x > 0 and y > 0):
        return None
    height, width = micrometres(1 / y, unit), micrometres(1 / x, unit)
    return (height, width) if height and width else None


def _note_in(info: str) -> str:
    """The line with our name; microscopes leave hundreds of others in Info."""
    return next((line for line in info.splitlines() if OURS in line), "")


def _channels_in(info: str) -> tuple[str, ...]:
    """Channel names from the line that `write_movie` puts into ImageJ's Info."""
    for line in info.splitlines():
        key, _, value = line.partition("=")
        if key.strip() == "Channels":
            return tuple(name.strip() for name in value.split(";"))
    return ()
