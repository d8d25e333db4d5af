"""Running out of memory, in words."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch

from napari_morphocast.errors import ForecastError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari_morphocast.training.checkpoint import Checkpoint

WORDS = "not enough memory", "can't allocate memory", "out of memory"


def ran_out(error: RuntimeError) -> bool:
    """Whether an error means that the device's memory was used up."""
    text = str(error)
    return isinstance(error, torch.OutOfMemoryError) or any(w in text for w in WORDS)


def free(device: torch.device) -> str:
    """How much memory a card has left, in brackets; nothing for other devices."""
    if device.type != "cuda":
        return ""
    left, everything = torch.cuda.mem_get_info(device)
    return f" ({left / 2**30:.1f} of {everything / 2**30:.1f} GB are free now)"


def used_up(device: torch.device, draft: Checkpoint, *, kept: bool) -> str:
    """That a run has used up the memory, what it needed it for, and what to change."""
    training, window = draft.training, draft.window
    return (
        f"Memory ran out on {device}{free(device)} with a batch of {training.batch}, a "
        f"crop of {training.crop or 'whole frames'} and {window.length} frames per "
        f"window; halve the batch or the crop."
        f"{' The best model so far is kept.' * kept}"
    )


@contextmanager
def in_words(device: torch.device, advice: str) -> Iterator[None]:
    """Should memory run out, say so in a sentence, of which ``advice`` is the end.

    Raises
    ------
    ForecastError
        Instead of what PyTorch raises.
    """
    try:
        yield
    except RuntimeError as error:
        if not ran_out(error):
            raise
        raise ForecastError(
            f"Memory ran out on {device}{free(device)}{advice}"
        ) from None
