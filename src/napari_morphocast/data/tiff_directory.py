"""The chain of pages in a TIFF, walked before anything else trusts the file.

A damaged file may send its reader round in circles, or claim a value of gigabytes;
whatever passes here has a finite number of pages with every value inside the file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from napari_morphocast.errors import MovieError

if TYPE_CHECKING:
    from pathlib import Path

# Bytes per value of each TIFF data type; 0 for numbers that are no type.
TYPE_SIZES = np.array([0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 4, 0, 0, 8, 8, 8])
MOST_TAGS = 4096


def count_pages(path: Path) -> int:
    """Number of pages in a TIFF file; refuses loops and values outside the file."""
    size = path.stat().st_size
    with path.open("rb") as file:
        order, big = _header(file, path.name)
        offset = _number(file.read(8 if big else 4), order)
        seen: set[int] = set()
        while offset:
            if offset in seen:
                raise MovieError(
                    f"{path.name} is damaged: its list of pages goes round in circles; "
                    "export it again."
                )
            seen.add(offset)
            offset = _next_page(file, offset, size, order, big, path.name)
    if not seen:
        raise MovieError(f"{path.name} is a TIFF without a picture; export it again.")
    return len(seen)


def _header(file: BinaryIO, name: str) -> tuple[str, bool]:
    start = file.read(4)
    order = {b"II": "<", b"MM": ">"}.get(start[:2])
    version = _number(start[2:4], order or "<")
    if order is None or version not in (42, 43):
        raise MovieError(f"{name} is not a TIFF file; export the movie as OME-TIFF.")
    if version == 43:
        file.read(4)
    return order, version == 43


def _next_page(
    file: BinaryIO, offset: int, size: int, order: str, big: bool, name: str
) -> int:
    """Check one page's values and return where the next page is; 0 after the last."""
    wide = "u8" if big else "u4"
    entry = np.dtype(
        [
            ("code", order + "u2"),
            ("type", order + "u2"),
            ("count", order + wide),
            ("value", order + wide),
        ]
    )
    file.seek(offset)
    count = _number(file.read(8 if big else 2), order)
    if offset < 8 or count > MOST_TAGS:
        raise _cut_short(name)
    block = file.read(count * entry.itemsize)
    tail = file.read(8 if big else 4)
    if len(block) < count * entry.itemsize or not tail:
        raise _cut_short(name)
    tags = np.frombuffer(block, entry)
    known = np.where(tags["type"] < len(TYPE_SIZES), tags["type"], 0)
    length = tags["count"].astype(np.float64) * TYPE_SIZES[known]
    outside = length > (8 if big else 4)
    beyond = tags["value"].astype(np.float64) + length > size
    if np.any(outside & beyond):
        raise _cut_short(name)
    return _number(tail, order) if len(tail) == (8 if big else 4) else 0


def _cut_short(name: str) -> MovieError:
    return MovieError(
        f"{name} is damaged or cut short: parts that it refers to are not in the file; "
        "copy or export it again."
    )


def _number(data: bytes, order: str) -> int:
    return int.from_bytes(data, "little" if order == "<" else "big")
