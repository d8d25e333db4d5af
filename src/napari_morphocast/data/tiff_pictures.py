"""The pictures in a TIFF, read and unpacked one by one when somebody asks for them."""

from __future__ import annotations

import logging
import lzma
import threading
import zlib
from contextlib import contextmanager
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_morphocast.errors import MovieError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray

logger = logging.getLogger(__name__)

DEFLATE = (8, 32946, 50013)
LZMA = 34925
# One strip may unpack to this many bytes before its size is counted first.
UNPACK_UNCHECKED = 2**22


@dataclass(frozen=True, slots=True)
class Plane:
    """Where one picture lies: a file, and the strips or tiles in it."""

    path: Path
    offsets: tuple[int, ...]
    counts: tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class TiffPictures:
    """The pictures of a TIFF as one lazy array; safe to read from many threads.

    Parameters
    ----------
    name : str
        File name, for messages.
    shape : tuple of int
        Lengths of all axes; the last ones are those of one picture.
    dtype : numpy.dtype
        Type of a pixel, in this machine's byte order.
    planes : list
        Where each picture lies, in the order of the leading axes.
    picture : tuple of int
        Shape of one picture.
    raw : numpy.dtype, optional
        Type on disk, if a picture is just its pixels in a row.
    unpack : callable
        Turns one strip or tile into pixels, its place and its shape.
    strips : int
        Strips or tiles per picture.
    padded : tuple of int
        Shape of one picture with every axis that a strip can have.
    compression : int
        How strips are packed, as TIFF numbers it.
    """

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    planes: list[Plane]
    picture: tuple[int, ...]
    raw: np.dtype[Any] | None
    unpack: Callable[[bytes, int], tuple[Any, tuple[int, ...], tuple[int, ...]]]
    strips: int
    padded: tuple[int, ...]
    compression: int

    def __getitem__(self, key: Any) -> NDArray[Any]:
        keys = key if isinstance(key, tuple) else (key,)
        lead = self.shape[: len(self.shape) - len(self.picture)]
        keys = (*keys, *[slice(None)] * (len(self.shape) - len(keys)))
        numbers = np.arange(prod(lead)).reshape(lead)[keys[: len(lead)]]
        within = keys[len(lead) :]
        pictures = [self._read(self.planes[i])[within] for i in np.ravel(numbers)]
        shape = (*np.shape(numbers), *self._empty()[within].shape)
        if not pictures:
            return np.empty(shape, self.dtype)
        return np.stack(pictures).reshape(shape)

    def _empty(self) -> NDArray[Any]:
        """A picture that takes no memory, to see what a key does to its shape."""
        return np.broadcast_to(np.zeros((), self.dtype), self.picture)

    def check(self) -> None:
        """Refuse pictures of which some part is not in the file."""
        sizes: dict[Path, int] = {}
        for plane in self.planes:
            if plane.path not in sizes:
                sizes[plane.path] = plane.path.stat().st_size
            self._check_plane(plane, sizes[plane.path])

    def _check_plane(self, plane: Plane, size: int) -> None:
        if self._in_a_row(plane):
            inside = plane.offsets[0] + self._nbytes() <= size and plane.offsets[0] > 0
        else:
            inside = len(plane.offsets) == len(plane.counts) == self.strips and all(
                offset > 0 and count > 0 and offset + count <= size
                for offset, count in zip(plane.offsets, plane.counts, strict=True)
            )
        if not inside:
            raise MovieError(
                f"{self.name} is damaged or cut short: some of its pictures are not "
                "in the file; copy or export it again."
            )

    def _nbytes(self) -> int:
        return prod(self.picture) * self.dtype.itemsize

    def _in_a_row(self, plane: Plane) -> bool:
        """Whether a picture is its pixels and nothing else, without gaps."""
        starts, counts = plane.offsets, plane.counts
        return (
            self.raw is not None
            and len(starts) > 0
            and all(
                starts[i] + counts[i] == starts[i + 1] for i in range(len(starts) - 1)
            )
        )

    def _read(self, plane: Plane) -> NDArray[Any]:
        with plane.path.open("rb") as file:
            self._check_plane(plane, plane.path.stat().st_size)
            if self.raw is not None and self._in_a_row(plane):
                file.seek(plane.offsets[0])
                pixels = np.frombuffer(file.read(self._nbytes()), self.raw)
                return pixels.reshape(self.picture).astype(self.dtype, copy=False)
            out: NDArray[Any] | None = None
            for i, (offset, count) in enumerate(
                zip(plane.offsets, plane.counts, strict=True)
            ):
                file.seek(offset)
                block, place, _ = self._unpacked(file.read(count), i)
                # only now: a picture of a size that nothing supports costs no memory
                out = np.empty(self.padded, self.dtype) if out is None else out
                _paste(block, place, out)
        if out is None:
            raise MovieError(f"{self.name} holds a picture without pixels.")
        return out.reshape(self.picture)

    def _unpacked(self, data: bytes, index: int) -> tuple[Any, Any, Any]:
        # A strip can never be larger than its picture, rounded up to whole tiles.
        limit = 4 * self._nbytes() + UNPACK_UNCHECKED
        most = 1032 * len(data)  # the best that deflate can do
        if self.compression in DEFLATE and most > limit:
            grown = _grows_to(zlib.decompressobj(), data, limit)
        elif self.compression == LZMA:
            grown = _grows_to(lzma.LZMADecompressor(), data, limit)
        else:
            grown = 0
        if grown > limit:
            raise MovieError(
                f"{self.name} is damaged: one picture unpacks to far more than its "
                "size; export it again."
            )
        with quiet():
            block, place, shape = self.unpack(data, index)
        return block, place, shape


def _grows_to(unpacker: Any, data: bytes, limit: int) -> int:
    """How many bytes ``data`` unpacks to, counted in pieces, up to about ``limit``."""
    total, piece = 0, 2**20
    while total <= limit and not unpacker.eof:
        block = unpacker.decompress(data, piece)
        data = getattr(unpacker, "unconsumed_tail", b"")
        total += len(block)
        if not block:
            break
    return total


def _paste(block: Any, place: tuple[int, ...], out: NDArray[Any]) -> None:
    """Put one strip or tile where it belongs; tiles may stick out at the borders."""
    sample, z, y, x = place[:4]
    room = out[sample, z : z + block.shape[0], y : y + block.shape[1]]
    room = room[:, :, x : x + block.shape[2]]
    room[...] = block[: room.shape[0], : room.shape[1], : room.shape[2]]


class _Hush(logging.Filter):
    """Keeps tifffile's own complaints off the terminal while we read with it."""

    def __init__(self) -> None:
        super().__init__()
        self.local = threading.local()

    def filter(self, record: logging.LogRecord) -> bool:
        logger.debug("tifffile: %s", record.msg)
        return not getattr(self.local, "quiet", False)


_HUSH = _Hush()


@contextmanager
def quiet() -> Iterator[None]:
    """Say in a `MovieError`, not in tifffile's log, what is wrong with a file."""
    logging.getLogger("tifffile").addFilter(_HUSH)
    before = getattr(_HUSH.local, "quiet", False)
    _HUSH.local.quiet = True
    try:
        yield
    finally:
        _HUSH.local.quiet = before
