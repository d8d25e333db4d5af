"""numpy's .npy files; their time step and pixel size lie beside them as .npy.json."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_morphocast.data.stored import FileMetadata, Stored
from napari_morphocast.data.units import positive

if TYPE_CHECKING:
    from pathlib import Path

MOST_CHANNELS = 8  # a second axis longer than this is not taken for channels


def beside(path: Path) -> Path:
    """The file with what a .npy file has no room for."""
    return path.with_name(path.name + ".json")


def open_npy(path: Path) -> Stored:
    """Map a .npy file into memory; nothing is read before it is used."""
    array = np.load(path, mmap_mode="r", allow_pickle=False)
    notes = _notes(path, array.shape)
    axes = str(notes.get("axes") or _likely_axes(array.shape))
    step, size = positive(notes.get("interval")), notes.get("pixel_size")
    sides = tuple(positive(side) for side in size) if isinstance(size, list) else ()
    metadata = FileMetadata(
        axes=axes,
        shape=tuple(array.shape),
        interval=step,
        pixel_size=(sides[0], sides[1])
        if len(sides) == 2 and sides[0] and sides[1]
        else None,
        channels=tuple(str(name) for name in notes.get("channels") or ()),
        dtype=array.dtype,
        note=str(notes.get("note") or ""),
    )
    return Stored(array, metadata, colour=bool(notes.get("rgb")))


def _notes(path: Path, shape: tuple[int, ...]) -> dict[str, Any]:
    """What lies beside the file, if it is about this very array."""
    try:
        notes = json.loads(beside(path).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    fits = isinstance(notes, dict) and notes.get("shape") == list(shape)
    return notes if fits else {}


def _likely_axes(shape: tuple[int, ...]) -> str:
    """Axes of an array that nobody described; Q for those that cannot be told."""
    if len(shape) == 3:
        return "TYX"
    if len(shape) == 4 and shape[3] in (3, 4) and shape[1] > MOST_CHANNELS:
        return "TYXS"
    if len(shape) == 4 and shape[1] <= MOST_CHANNELS:
        return "TCYX"
    return "Q" * max(len(shape) - 2, 0) + "YX"[-len(shape) :] if shape else ""
