"""A folder of numbered pictures, one per frame, in the order people count."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_morphocast.data.refusal import refusing
from napari_morphocast.data.stored import FileMetadata, Stored
from napari_morphocast.data.tiff import open_tiff
from napari_morphocast.errors import MovieError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

TIFF_ENDINGS = (".tif", ".tiff")
PICTURE_ENDINGS = (*TIFF_ENDINGS, ".png", ".jpg", ".jpeg", ".bmp")


@dataclass(frozen=True, slots=True, eq=False)
class FolderFrames:
    """Frames that lie in one file each, as one lazy array with time in front."""

    paths: list[Path]
    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    def __getitem__(self, key: Any) -> NDArray[Any]:
        time, *within = key if isinstance(key, tuple) else (key,)
        chosen = self.paths[time]
        if not isinstance(chosen, list):
            return np.asarray(self._picture(chosen)[tuple(within)])
        if not chosen:
            return np.empty((0, *self.shape[1:]), self.dtype)[(slice(None), *within)]
        frames = [self._picture(path)[tuple(within)] for path in chosen]
        return np.stack(frames)

    def _picture(self, path: Path) -> NDArray[Any]:
        with refusing(path.name):
            if path.suffix.lower() in TIFF_ENDINGS:
                picture = np.asarray(open_tiff(path).array[...])
            else:
                import imageio.v3 as imageio

                picture = np.asarray(imageio.imread(path, plugin="pillow"))
        if picture.shape != self.shape[1:]:
            raise _different(path, picture.shape, self.paths[0], self.shape[1:])
        return picture


def open_folder(folder: Path) -> Stored:
    """Find the frames in a folder and check that they are all alike."""
    paths = _frames_in(folder)
    first = _picture_metadata(paths[0])
    for path in paths[1:]:
        other = _picture_metadata(path)
        if (other.shape, other.dtype) != (first.shape, first.dtype):
            found = (other.shape, first.shape)
            if other.shape == first.shape:
                raise MovieError(
                    f"{folder.name}: {path.name} is {other.dtype} but {paths[0].name} "
                    f"is {first.dtype}; save all frames with the same type."
                )
            raise _different(path, found[0], paths[0], found[1])
    shape = (len(paths), *first.shape)
    assert first.dtype is not None
    metadata = replace(first, axes="T" + first.axes, shape=shape, interval=None)
    return Stored(FolderFrames(paths, shape, first.dtype), metadata)


def _frames_in(folder: Path) -> list[Path]:
    paths = [
        path
        for path in folder.iterdir()
        if path.suffix.lower() in PICTURE_ENDINGS and not path.name.startswith(".")
    ]
    if not paths:
        raise MovieError(
            f"{folder} holds no frames; put pictures with the ending "
            f"{', '.join(PICTURE_ENDINGS)} there, one per frame, or choose a file."
        )
    kinds = sorted({path.suffix.lower() for path in paths})
    if len(kinds) > 1 and not set(kinds) <= set(TIFF_ENDINGS):
        raise MovieError(
            f"{folder} holds pictures of several kinds ({', '.join(kinds)}); "
            "keep the frames of one movie, all with the same ending, in a folder."
        )
    return sorted(paths, key=_natural)


def _natural(path: Path) -> tuple[list[str | tuple[int, str]], str]:
    """Order in which frame2 comes before frame10."""
    parts = re.split(r"(\d+)", path.name.lower())
    # re.split puts the numbers at the odd places: like meets like when compared
    return [(int(p), p) if i % 2 else p for i, p in enumerate(parts)], path.name


def _picture_metadata(path: Path) -> FileMetadata:
    with refusing(path.name):
        if path.suffix.lower() not in TIFF_ENDINGS:
            return _photo_metadata(path)
        metadata = open_tiff(path).metadata
        axes = metadata.axes
        # in a folder, time is from file to file; a stack inside a file is not named
        if axes.startswith("T"):
            axes = "Q" + axes[1:]
        return replace(metadata, axes=axes)


def _photo_metadata(path: Path) -> FileMetadata:
    import imageio.v3 as imageio

    about = imageio.improps(path, plugin="pillow")
    axes = {2: "YX", 3: "YXS"}.get(len(about.shape), "Q" * len(about.shape))
    return FileMetadata(axes, tuple(about.shape), dtype=np.dtype(about.dtype))


def _different(
    path: Path, shape: tuple[int, ...], first: Path, expected: tuple[int, ...]
) -> MovieError:
    return MovieError(
        f"The frames differ in shape: {first.name} is {_times(expected)} but "
        f"{path.name} is {_times(shape)}; crop them to the same size, or move the odd "
        "ones away."
    )


def _times(shape: tuple[int, ...]) -> str:
    return "x".join(str(n) for n in shape)
