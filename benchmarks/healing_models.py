"""The networks of Ensmenger (2023) as described there, and the loop that trains all.

The loop is the benchmark's own where ``api.train`` does not fit: digits have labels to
be learned as well, and sequences of six frames are no movies.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pack_padded_sequence

from napari_morphocast.models.autoencoder import Autoencoder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

TILE, CODE, HIDDEN, LAYERS = 32, 25, 25, 3
WIDTHS = {CODE: 10}  # so that there are fewer parameters than in the thesis; else 12
BATCH, RATE = 64, 5e-3
WARMUP = 0.1  # of all steps
AT_ONCE = 500  # pictures that are looked at together when nothing is learned


class Classifier(nn.Sequential):
    """Which digit a code (N, code) stands for, as logits: no softmax before the loss.

    The cross-entropy takes logits; the thesis gave it what a softmax had made of them,
    which keeps its loss above ln(1 + 9/e) = 1.461 however good the classifier.
    """

    def __init__(self, code: int) -> None:
        super().__init__(nn.Linear(code, 64), nn.ReLU(), nn.Linear(64, 10))


class ThesisCoder(nn.Module):
    """The autoencoder of chapter 4: three strided convolutions, two dense layers."""

    def __init__(self, code: int, read: int | None = None) -> None:
        super().__init__()
        self.encoder = nn.Sequential(
            *(nn.Conv2d(1, 8, 3, 2, 1), nn.ReLU()),
            *(nn.Conv2d(8, 16, 3, 2, 1), nn.BatchNorm2d(16), nn.ReLU()),
            *(nn.Conv2d(16, 32, 3, 2), nn.ReLU(), nn.Flatten()),
            *(nn.Linear(288, 128), nn.ReLU(), nn.Linear(128, code)),
        )
        self.decoder = nn.Sequential(
            *(nn.Linear(read or code, 128), nn.ReLU(), nn.Linear(128, 288), nn.ReLU()),
            nn.Unflatten(1, (32, 3, 3)),
            *(nn.ConvTranspose2d(32, 16, 3, 2), nn.BatchNorm2d(16), nn.ReLU()),
            *(nn.ConvTranspose2d(16, 8, 3, 2, 1, 1), nn.BatchNorm2d(8), nn.ReLU()),
            *(nn.ConvTranspose2d(8, 1, 3, 2, 1, 1), nn.Sigmoid()),
        )

    def encode(self, frames: Tensor) -> Tensor:
        """Codes (N, code) of frames (N, 1, 28, 28)."""
        codes: Tensor = self.encoder(frames)
        return codes

    def forward(self, frames: Tensor) -> Tensor:
        """Make frames (N, 1, 28, 28) again from their codes."""
        again: Tensor = self.decoder(self.encode(frames))
        return again


class ThesisLSTM(nn.Module):
    """The network of chapter 5: a stacked LSTM over codes, read by a decoder alone.

    Of both directions the last states are taken, not what lies beside the last code.
    """

    def __init__(self, *, both: bool) -> None:
        super().__init__()
        self.directions = 1 + both
        self.coder = ThesisCoder(CODE, self.directions * HIDDEN)
        self.wider = nn.Linear(CODE, 128)
        self.lstm = nn.LSTM(128, HIDDEN, LAYERS, batch_first=True, bidirectional=both)

    def foretold(self, codes: Tensor, lengths: Tensor) -> Tensor:
        """Frames (N, 1, 28, 28) that follow the latest ``lengths`` of codes."""
        count = codes.shape[1]
        places = (torch.arange(count) + count - lengths[:, None]).clamp(max=count - 1)
        steps = F.relu(self.wider(codes[torch.arange(len(codes))[:, None], places]))
        packed = pack_padded_sequence(
            steps, lengths, batch_first=True, enforce_sorted=False
        )
        _, (hidden, _) = self.lstm(packed)
        top = hidden[-self.directions :].transpose(0, 1).flatten(1)
        frames: Tensor = self.coder.decoder(top)
        return frames


def autoencoder(code: int) -> Autoencoder:
    """The library's autoencoder, with one code for a digit."""
    coder = Autoencoder(1, TILE, code, WIDTHS.get(code, 12))
    return coder.to(memory_format=torch.channels_last)  # a third faster


def size(*modules: nn.Module) -> int:
    """Number of parameters."""
    return sum(p.numel() for module in modules for p in module.parameters())


def descend(
    parameters: Iterable[nn.Parameter],
    loss: Callable[[Tensor], Tensor],
    count: int,
    epochs: int,
    *,
    rate: float = RATE,
    batch: int = BATCH,
) -> None:
    """Minimise ``loss`` of batches of numbers below ``count``, in passes over all.

    AdamW, whose rate rises over a tenth of the steps and fades as a cosine.
    """
    some = list(parameters)
    steps = epochs * math.ceil(count / batch)
    adam = torch.optim.AdamW(some, rate, weight_decay=0.0)
    done = 0
    for _ in range(epochs):
        for places in torch.randperm(count).split(batch):
            share = done / steps
            fade = 0.5 + 0.5 * math.cos(math.pi * share)
            adam.param_groups[0]["lr"] = rate * min(share / WARMUP + 0.01, fade)
            adam.zero_grad()
            loss(places).backward()
            nn.utils.clip_grad_norm_(some, 1.0)
            adam.step()
            done += 1


def mapped(work: Callable[[Tensor], Tensor], inputs: Tensor) -> Tensor:
    """What ``work`` makes of all inputs, some at a time and without gradients."""
    with torch.no_grad():
        return torch.cat([work(part) for part in inputs.split(AT_ONCE)])
