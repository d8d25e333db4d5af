"""Random numbers that follow from a seed, and that no weights were drawn from."""

from __future__ import annotations

import numpy as np
import torch

CODES, NOISE = 1, 2  # what numbers are drawn for


def lot(seed: int, purpose: int) -> torch.Generator:
    """Make a generator whose numbers are others for each purpose.

    torch draws weights from numbers of a run's seed. The same numbers as a latent
    vector are no random one to a network: they are its own first weights, and what it
    makes of them is unlike all else.
    """
    return torch.Generator().manual_seed(mixed(seed % 2**64, purpose))


def mixed(*numbers: int) -> int:
    """One seed from several numbers."""
    return int(np.random.SeedSequence(numbers).generate_state(1, np.uint32)[0])
