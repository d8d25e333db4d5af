"""What pictures look like, in numbers that a network finds in the pictures themselves.

Networks that were trained on photographs see little in micrographs, so this one learns
from the real training frames alone: two changed copies of one frame shall get like
numbers, those of others unlike ones (SimCLR; Chen et al., 2020).
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from napari_morphocast.models.adaptive import Augmentation

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable

FEATURES = 32  # few, so that their covariance can be told from a hundred pictures
WIDTHS = 16, 32, 64, 64
STEPS, BATCH = 300, 32
WARMTH = 0.2  # of the softmax over similarities


class Looks(nn.Module):
    """Maps images (N, C, Y, X) of 0..1 to features (N, 32)."""

    def __init__(self, channels: int, seed: int = 0) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            blocks: list[nn.Module] = []
            for before, after in zip((channels, *WIDTHS), WIDTHS, strict=False):
                blocks += [
                    nn.Conv2d(before, after, 3, stride=2, padding=1),
                    nn.GroupNorm(4, after),
                    nn.LeakyReLU(0.1),
                ]
            self.body = nn.Sequential(*blocks)
            self.head = nn.Linear(2 * WIDTHS[-1], FEATURES)

    def forward(self, images: Tensor) -> Tensor:
        """Mean and spread over the picture of what is seen, mapped linearly."""
        seen = self.body(images).flatten(2)
        both = torch.cat([seen.mean(2), seen.std(2)], 1)
        features: Tensor = self.head(both)
        return features

    @property
    def checksum(self) -> str:
        """Eight hexadecimal digits that tell these weights from others."""
        total = hashlib.sha256()
        for value in self.state_dict().values():
            total.update(value.cpu().contiguous().numpy().tobytes())
        return total.hexdigest()[:8]


def learned(
    images: Tensor,
    *,
    seed: int = 0,
    stop: threading.Event | None = None,
    progress: Callable[[float], None] | None = None,
) -> Looks:
    """Learn to see from real images (N, C, Y, X) of 0..1; frozen when returned."""
    looks = Looks(images.shape[1], seed)
    change = Augmentation(1.0, turns=True)
    change.share.fill_(0.8)
    optimizer = torch.optim.AdamW(looks.parameters(), 1e-3, weight_decay=1e-4)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for step in range(STEPS):
            if stop is not None and stop.is_set():
                break
            chosen = images[torch.randint(len(images), (min(BATCH, len(images)),))]
            loss = _contrast(looks(change(chosen)), looks(change(chosen)))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            if progress is not None:
                progress((step + 1) / STEPS)
    return looks.eval().requires_grad_(False)


def _contrast(one: Tensor, other: Tensor) -> Tensor:
    """Each of the first shall be found among the second, and the other way round."""
    alike = F.normalize(one, dim=1) @ F.normalize(other, dim=1).T / WARMTH
    which = torch.arange(len(one), device=one.device)
    both = F.cross_entropy(alike, which) + F.cross_entropy(alike.T, which)
    return both / 2
