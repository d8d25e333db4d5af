"""The one place where an error of an image library becomes a sentence."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from napari_morphocast.errors import MovieError

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def refusing(name: str, what: str = "movie") -> Iterator[None]:
    """Turn whatever goes wrong while ``name`` is read into a `MovieError`."""
    try:
        yield
    except MovieError:
        raise
    # Broad on purpose: damaged files make tifffile, zarr, zlib, numpy and Pillow
    # raise almost anything (struct.error, KeyError, RecursionError, ...).
    except Exception as error:
        raise MovieError(_sentence(name, what, error)) from error


def _sentence(name: str, what: str, error: Exception) -> str:
    if isinstance(error, FileNotFoundError):
        return f"{name} is not there; check the path."
    if isinstance(error, PermissionError):
        return f"{name} may not be read by you; ask for permission or copy it."
    if isinstance(error, MemoryError):
        return f"One picture of {name} does not fit into memory; crop the movie first."
    if "imagecodecs" in str(error):
        return (
            f"{name} is compressed in a way that needs one more package; "
            "run 'pip install imagecodecs' and try again."
        )
    found = " ".join(f"{type(error).__name__}: {error}".split())[:120].rstrip(".:, ")
    return (
        f"{name} is damaged, or holds no {what} that can be read ({found}); "
        "export it again, as OME-TIFF if possible."
    )
