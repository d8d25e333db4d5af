"""How unlike two sets of images are, without any network."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

SIDE = 7  # of the patches that are compared (pixels)
PATCHES, SLICES = 2048, 64
SIZES = 1, 2, 4, 8  # how much images are shrunk, to compare coarse and fine


def sliced(one: Tensor, other: Tensor, generator: torch.Generator) -> Tensor:
    """Sliced Wasserstein distance of small patches at several sizes.

    Patches are projected on random directions, and the sorted projections compared
    (Karras et al., 2018, section 5). 0 for the same images.

    Parameters
    ----------
    one, other : Tensor, shape (B, C, Y, X)
        Images; there may be more of one than of the other.
    generator : torch.Generator
        Chooses patches and directions.
    """
    distances: list[Tensor] = []
    for size in SIZES:
        few = min(one.shape[-2:]) // size < SIDE
        if few and distances:
            break
        patches = [_patches(F.avg_pool2d(x, size), generator) for x in (one, other)]
        directions = torch.randn(patches[0].shape[1], SLICES, generator=generator)
        directions = F.normalize(directions.to(one), dim=0)
        ends = [(flat @ directions).sort(0).values for flat in patches]
        distances.append((ends[0] - ends[1]).abs().mean())
    return torch.stack(distances).mean()


def _patches(images: Tensor, generator: torch.Generator) -> Tensor:
    """Some patches (PATCHES, C SIDE SIDE), each from a random image and place."""
    side = min(SIDE, *images.shape[-2:])
    views = images.unfold(2, side, 1).unfold(3, side, 1)  # (B, C, Y, X, side, side)
    count, _, rows, columns = views.shape[:4]
    at = [
        torch.randint(most, (PATCHES,), generator=generator)
        for most in (count, rows, columns)
    ]
    chosen = views[at[0], :, at[1], at[2]]
    return chosen.flatten(1)
