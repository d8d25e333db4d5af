"""Batches of windows on the device, every random choice a function of seed and step."""

from __future__ import annotations

from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from napari_morphocast.data.windows import Window

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from concurrent.futures import Future

    from numpy.typing import NDArray
    from torch import Tensor

    from napari_morphocast.data.movie import Movie
    from napari_morphocast.data.scaling import Scaling
    from napari_morphocast.data.windows import Windows
    from napari_morphocast.training.config import TrainConfig

SHARE_OF_MEMORY = 0.3  # of what is free on the device, for frames that stay there
HOST_MEMORY = 2**29  # bytes of frames that stay in memory when the device is the CPU
MOST_VALIDATION = 32  # windows, evenly spaced
SYMMETRIES = 8  # four right angles, mirrored or not


class Store:
    """Frames of a movie: kept on the device in their stored type, or read anew."""

    def __init__(
        self, movie: Movie, stop: int, room: int, device: torch.device
    ) -> None:
        size = movie.nbytes // len(movie) * stop
        self.resident = size <= room
        self.size = size if self.resident else 0
        self._movie = movie
        self._device = device
        self._kept = self._load(0, stop) if self.resident else None

    def take(self, frames: slice, rows: slice, columns: slice) -> Tensor:
        """Cut out grey levels as float32, shape (T, C, Y, X), on the device."""
        if self._kept is not None:
            return self._kept[frames, :, rows, columns].float()
        raw = self._movie.raw(frames.start, frames.stop)[..., rows, columns]
        return torch.from_numpy(_torch_type(raw)).to(self._device).float()

    def _load(self, start: int, stop: int) -> Tensor:
        first = torch.from_numpy(_torch_type(self._movie.raw(start, start + 1)))
        shape = (stop - start, *first.shape[1:])
        kept = torch.empty(shape, dtype=first.dtype, device=self._device)
        for t in range(start, stop):
            kept[t - start] = torch.from_numpy(_torch_type(self._movie.raw(t, t + 1)))[
                0
            ]
        return kept


@dataclass(frozen=True, slots=True)
class Shard:
    """Which part of every batch this process computes."""

    rank: int = 0
    world: int = 1


class Feed:
    """Training and validation batches from stores of frames."""

    def __init__(
        self,
        train: Windows,
        validation: Windows,
        scaling: Scaling,
        config: TrainConfig,
        device: torch.device,
        shard: Shard,
    ) -> None:
        self.train, self.validation = train, validation
        self.config, self.shard = config, shard
        self._low = torch.tensor(scaling.low, device=device)[:, None, None]
        self._span = torch.from_numpy(scaling.span).to(device)
        room = _room(device)
        self._stores: dict[int, Store] = {}
        for part in (*train.parts, *validation.parts):
            stop = max(p.stop for p in validation.parts if p.movie is part.movie)
            if id(part.movie) not in self._stores:
                store = Store(part.movie, stop, room, device)
                self._stores[id(part.movie)] = store
                room -= store.size

    @property
    def batches(self) -> int:
        """Optimiser steps in one epoch."""
        every = -(-len(self.train) // self._together)
        return min(self.config.batches or every, every)

    @property
    def _together(self) -> int:
        return self.config.batch * self.shard.world

    def epoch(self, epoch: int, first: int) -> Iterator[tuple[Window[Tensor], float]]:
        """Training batches from number ``first`` on, each with its weight.

        The weight makes the mean of gradients over all processes the gradient of the
        mean over all windows, also where a batch does not divide evenly.
        """
        order = np.random.default_rng([self.config.seed, 0, epoch])
        indices = order.permutation(len(self.train))
        numbers = range(first, self.batches)
        if all(store.resident for store in self._stores.values()):
            yield from (self._batch(indices, epoch, number) for number in numbers)
            return
        with ThreadPoolExecutor(1) as reader:  # reads the next batch meanwhile
            waiting: deque[Future[tuple[Window[Tensor], float]]] = deque()
            for number in numbers:
                waiting.append(reader.submit(self._batch, indices, epoch, number))
                if len(waiting) > 1:
                    yield waiting.popleft().result()
            yield from (batch.result() for batch in waiting)

    def checks(self) -> Iterator[Window[Tensor]]:
        """Validation batches: always the same windows, in time order."""
        count = min(MOST_VALIDATION, len(self.validation))
        chosen = np.linspace(0, len(self.validation) - 1, count).round().astype(int)
        for begin in range(0, count, self.config.batch):
            cuts = [
                self._cut(self.validation, int(i), *self._middle(int(i)))
                for i in chosen[begin : begin + self.config.batch]
            ]
            yield self._window(cuts, self.validation)

    def grey(self, frames: Tensor) -> NDArray[np.float32]:
        """Scaled frames (..., C, Y, X) in the movie's grey levels, on the host."""
        grey: NDArray[np.float32] = (frames * self._span + self._low).cpu().numpy()
        return grey

    def _batch(
        self, indices: NDArray[np.int64], epoch: int, number: int
    ) -> tuple[Window[Tensor], float]:
        rng = np.random.default_rng([self.config.seed, 1, epoch, number])
        begin = number * self._together
        chosen = indices[begin : begin + self._together]
        draws = [self._draw(int(i), rng) for i in chosen]
        mine = range(len(chosen))[self.shard.rank :: self.shard.world]
        mine = mine or range(1)  # a process without work repeats a window, unweighted
        weight = len(chosen[self.shard.rank :: self.shard.world]) / len(chosen)
        cuts = [self._cut(self.train, int(chosen[i]), *draws[i]) for i in mine]
        return self._window(cuts, self.train), weight * self.shard.world

    def _draw(self, index: int, rng: np.random.Generator) -> tuple[slice, slice, int]:
        movie = self.train.parts[self.train.place(index).part].movie
        slices = []
        for length in movie.shape[2:]:
            side = min(self.config.crop or length, length)
            start = int(rng.integers(length - side + 1))
            slices.append(slice(start, start + side))
        turn = int(rng.integers(SYMMETRIES)) if self.config.flips else 0
        return slices[0], slices[1], turn

    def _middle(self, index: int) -> tuple[slice, slice, int]:
        movie = self.validation.parts[self.validation.place(index).part].movie
        slices = []
        for length in movie.shape[2:]:
            side = min(2 * self.config.crop or length, length)
            start = (length - side) // 2
            slices.append(slice(start, start + side))
        return slices[0], slices[1], 0

    def _cut(
        self, windows: Windows, index: int, rows: slice, columns: slice, turn: int
    ) -> Tensor:
        part, target = windows.place(index).part, windows.place(index).target
        spec = windows.spec
        frames = slice(target - spec.context, target + spec.horizon)
        store = self._stores[id(windows.parts[part].movie)]
        return _turned(store.take(frames, rows, columns), turn)

    def _window(self, cuts: Sequence[Tensor], windows: Windows) -> Window[Tensor]:
        height = min(cut.shape[-2] for cut in cuts)
        width = min(cut.shape[-1] for cut in cuts)
        frames = torch.stack([cut[..., :height, :width] for cut in cuts])
        scaled = (frames - self._low) / self._span
        context = windows.spec.context
        return Window(scaled[:, :context], scaled[:, context:])


def _turned(frames: Tensor, turn: int) -> Tensor:
    """Mirror and turn by right angles; only by half turns unless frames are square."""
    square = frames.shape[-1] == frames.shape[-2]
    quarters = turn % 4 if square else turn % 4 // 2 * 2
    turned = torch.rot90(frames, quarters, (-2, -1))
    return turned.flip(-1) if turn >= 4 else turned


def _torch_type(frames: NDArray[Any]) -> NDArray[Any]:
    """Native byte order, and a type that torch can hold on every device."""
    kind = frames.dtype.newbyteorder("=")
    if kind == np.bool_:
        return frames.astype(np.uint8)
    if kind.itemsize > 4 or kind == np.uint32:
        return frames.astype(np.float32)
    return np.ascontiguousarray(frames.astype(kind, copy=False))


def _room(device: torch.device) -> int:
    if device.type == "cuda":
        return int(SHARE_OF_MEMORY * torch.cuda.mem_get_info(device)[0])
    return HOST_MEMORY
