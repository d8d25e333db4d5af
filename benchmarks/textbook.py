"""A ConvLSTM as tutorials write it, and the loop that they train it with.

Gates from one convolution of concatenated input and hidden state, overlapping windows
in a ``Dataset``, ``x[:, t]`` in a Python loop, one supervised frame for each window.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from torchmetrics.functional.image import (
    structural_similarity_index_measure as ssim,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari_morphocast.models.convlstm import ConvLSTM

PAST = 10  # frames that are seen
HIDDEN = 16, 32
OURS_TO_TEXTBOOK = (
    0,
    1,
    3,
    2,
)  # our gates stand in the order i, f, g, o; these i, f, o, g


class Pair(NamedTuple):
    """What was seen (B, T, C, Y, X), and the one frame after it (B, C, Y, X)."""

    seen: Tensor
    after: Tensor


class TextbookCell(nn.Module):
    """One layer; see Shi et al. (2015), without peepholes."""

    def __init__(self, inputs: int, hidden: int) -> None:
        super().__init__()
        self.hidden = hidden
        self.conv = nn.Conv2d(inputs + hidden, 4 * hidden, 3, padding=1)

    def forward(self, x: Tensor, state: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        """See one frame of features, shape (B, inputs, Y, X)."""
        h, c = state
        combined = self.conv(torch.cat([x, h], dim=1))
        i, f, o, g = torch.split(combined, self.hidden, dim=1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        return torch.sigmoid(o) * torch.tanh(c), c


class Textbook(nn.Module):
    """Two layers and a sigmoid head: "Forecasting Morphogenesis" (2025)."""

    def __init__(self) -> None:
        super().__init__()
        first, second = HIDDEN
        self.cell1 = TextbookCell(1, first)
        self.cell2 = TextbookCell(first, second)
        self.head = nn.Conv2d(second, 1, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Forecast the frame (B, 1, Y, X) after the frames (B, T, 1, Y, X)."""
        batch, steps, _, height, width = x.shape
        h1, c1, h2, c2 = (
            torch.zeros(batch, hidden, height, width, device=x.device)
            for hidden in (HIDDEN[0], HIDDEN[0], HIDDEN[1], HIDDEN[1])
        )
        for t in range(steps):
            h1, c1 = self.cell1(x[:, t], (h1, c1))
            h2, c2 = self.cell2(h1, (h2, c2))
        return torch.sigmoid(self.head(h2))

    @torch.no_grad()
    def copy_from(self, ours: ConvLSTM) -> None:
        """Take over the weights of our network of the same architecture."""
        cells = zip((self.cell1, self.cell2), ours.cells, strict=True)
        for mine, cell in cells:
            gates = cell.get_submodule("gates")
            mine.conv.weight.copy_(_reordered(gates.get_parameter("weight")))
            mine.conv.bias.copy_(_reordered(gates.get_parameter("bias")))  # type: ignore[union-attr]
        self.head.load_state_dict(ours.head.state_dict())


class Sequences(Dataset[Pair]):
    """All overlapping windows of frames (T, 1, Y, X) with targets before ``stop``."""

    def __init__(self, frames: Tensor, stop: int) -> None:
        self.frames = frames
        self.stop = stop

    def __len__(self) -> int:
        return self.stop - PAST

    def __getitem__(self, index: int) -> Pair:
        end = index + PAST
        return Pair(self.frames[index:end], self.frames[end])


def descend(
    model: Textbook, frames: Tensor, stop: int, device: torch.device
) -> Iterator[float]:
    """Train on one shuffled window after the other, without end; yields the losses."""
    loader = DataLoader(Sequences(frames, stop), batch_size=1, shuffle=True)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    while True:
        for x, y in loader:
            model.train()
            optimizer.zero_grad()
            forecast = model(x.to(device))
            similarity = ssim(forecast, y.to(device), data_range=1.0)
            loss = 1 - similarity
            loss.backward()
            optimizer.step()
            yield loss.item()


def _reordered(gates: Tensor) -> Tensor:
    """Blocks of gates in the textbook's order."""
    blocks = gates.chunk(4)
    return torch.cat([blocks[number] for number in OURS_TO_TEXTBOOK])
