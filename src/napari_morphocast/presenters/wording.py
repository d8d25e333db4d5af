"""Numbers as people say them."""

from __future__ import annotations

from napari_morphocast.evaluation.wording import ahead, duration

__all__ = ["ahead", "duration", "frames"]


def frames(count: int) -> str:
    """``1 frame`` or ``n frames``."""
    return ahead(count, None)
