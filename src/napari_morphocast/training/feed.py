"""Batches of windows on the device, every random choice a function of seed and step."""

from __future__ import annotations

from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from napari_morphocast.data.denoising import MARGIN, NonLocalMeans
from napari_morphocast.data.windows import Window

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
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
WIDER = 4  # how much larger squares are in validation than in training
SYMMETRIES = 8  # four right angles, mirrored or not


class Store:
    """Frames of a movie: kept on the device in their stored type, or read anew.

    With ``clean`` they are denoised, each when it is first needed: whole and once if
    it is kept, else only what is cut out.
    """

    def __init__(
        self,
        movie: Movie,
        stop: int,
        room: int,
        device: torch.device,
        clean: NonLocalMeans | None = None,
    ) -> None:
        size = movie.nbytes // len(movie) * stop
        self.resident = size <= room
        self.size = size if self.resident else 0
        self._movie, self._device, self._clean = movie, device, clean
        self._whole = slice(0, movie.shape[2]), slice(0, movie.shape[3])
        self._missing = set(range(stop))
        self._kept = self._empty(stop) if self.resident else None
        if self.resident and clean is None:
            self._fill(range(stop))

    def take(self, frames: slice, rows: slice, columns: slice) -> Tensor:
        """Cut out grey levels as float32, shape (T, C, Y, X), on the device."""
        if self._kept is None:
            return self._read(frames, rows, columns).to(self._device).float()
        self._fill(self._missing.intersection(range(frames.start, frames.stop)))
        return self._kept[frames, :, rows, columns].float()

    def _empty(self, stop: int) -> Tensor:
        kind = torch.from_numpy(_torch_type(self._movie.raw(0, 1)[..., :1, :1])).dtype
        shape = stop, *self._movie.shape[1:]
        return torch.empty(shape, dtype=kind, device=self._device)

    def _fill(self, times: Iterable[int]) -> None:
        assert self._kept is not None
        for t in times:
            self._kept[t] = self._read(slice(t, t + 1), *self._whole)[0]
        self._missing.difference_update(times)

    def _read(self, frames: slice, rows: slice, columns: slice) -> Tensor:
        raw = self._movie.raw(frames.start, frames.stop)
        if self._clean is None:
            return torch.from_numpy(_torch_type(raw[..., rows, columns]))
        top, left = (max(0, cut.start - MARGIN) for cut in (rows, columns))
        around = raw[..., top : rows.stop + MARGIN, left : columns.stop + MARGIN]
        inner = self._clean(around)[..., rows.start - top :, columns.start - left :]
        height, width = rows.stop - rows.start, columns.stop - columns.start
        return torch.from_numpy(_torch_type(inner[..., :height, :width]))


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
        self._targets: dict[int, Store] = {}
        for part in train.parts if config.denoise else ():
            clean = NonLocalMeans.fit(part.movie, part.stop)
            store = Store(part.movie, part.stop, room, device, clean)
            self._targets[id(part.movie)] = store
            room -= store.size

    @property
    def batches(self) -> int:
        """Optimiser steps in one epoch: every part of every frame once, if allowed."""
        every = -(-len(self.train) * self._squares // self._together)
        return min(self.config.batches or every, every)

    @property
    def _squares(self) -> int:
        """How many of the random squares one frame has room for."""
        side = self.config.crop
        areas = [part.movie.shape[2] * part.movie.shape[3] for part in self.train.parts]
        return max(1, round(np.mean(areas) / side**2)) if side else 1

    @property
    def _together(self) -> int:
        return self.config.batch * self.shard.world

    def epoch(self, epoch: int, first: int) -> Iterator[tuple[Window[Tensor], float]]:
        """Training batches from number ``first`` on, each with its weight.

        Every member of an ensemble gets its own windows in its own order; those of a
        batch take turns, one for each member.
        The weight makes the mean of gradients over all processes the gradient of the
        mean over all windows, also where a batch does not divide evenly.
        """
        order = np.random.default_rng([self.config.seed, 0, epoch])
        members = range(self.config.members)
        every = np.tile(np.arange(len(self.train)), self._squares)
        indices = np.stack([order.permutation(every) for _ in members], 1)
        numbers = range(first, self.batches)
        stores = *self._stores.values(), *self._targets.values()
        if all(store.resident for store in stores):
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
        draws = [[self._draw(int(i), rng) for i in row] for row in chosen]
        mine = range(len(chosen))[self.shard.rank :: self.shard.world]
        mine = mine or range(1)  # a process without work repeats a window, unweighted
        weight = len(chosen[self.shard.rank :: self.shard.world]) / len(chosen)
        cuts = [
            self._cut(self.train, int(index), *draw)
            for i in mine
            for index, draw in zip(chosen[i], draws[i], strict=True)
        ]
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
            side = min(WIDER * self.config.crop or length, length)
            start = (length - side) // 2
            slices.append(slice(start, start + side))
        return slices[0], slices[1], 0

    def _cut(
        self, windows: Windows, index: int, rows: slice, columns: slice, turn: int
    ) -> Tensor:
        part, target = windows.place(index).part, windows.place(index).target
        spec, key = windows.spec, id(windows.parts[part].movie)
        frames = slice(target - spec.before, target + spec.onward)
        cut = self._stores[key].take(frames, rows, columns)
        if windows is self.train and key in self._targets:
            frames = slice(target, target + spec.horizon)
            clean = self._targets[key].take(frames, rows, columns)
            after = cut[spec.before + spec.horizon :]
            cut = torch.cat([cut[: spec.before], clean, after])
        return _turned(cut, turn)

    def _window(self, cuts: Sequence[Tensor], windows: Windows) -> Window[Tensor]:
        height = min(cut.shape[-2] for cut in cuts)
        width = min(cut.shape[-1] for cut in cuts)
        frames = torch.stack([cut[..., :height, :width] for cut in cuts])
        scaled = (frames - self._low) / self._span
        shown, context = scaled[:, list(windows.spec.order)], windows.spec.context
        return Window(shown[:, :context], shown[:, context:])


def _turned(frames: Tensor, turn: int) -> Tensor:
    """Mirror and turn by right angles; only by half turns unless frames are square."""
    square = frames.shape[-1] == frames.shape[-2]
    quarters = turn % 4 if square else turn % 4 // 2 * 2
    turned = torch.rot90(frames, quarters, (-2, -1))
    return turned.flip(-1) if turn >= 4 else turned


def _torch_type(frames: NDArray[Any]) -> NDArray[Any]:
    """Native byte order, memory and a type that torch can hold on every device."""
    kind = frames.dtype.newbyteorder("=")
    if kind == np.bool_:
        return frames.astype(np.uint8)
    if kind.itemsize > 4 or kind == np.uint32:
        return frames.astype(np.float32)
    # A mapped file may not be written to, which torch does not know of a tensor.
    return np.require(frames.astype(kind, copy=False), requirements=("C", "W"))


def _room(device: torch.device) -> int:
    if device.type == "cuda":
        return int(SHARE_OF_MEMORY * torch.cuda.mem_get_info(device)[0])
    return HOST_MEMORY
