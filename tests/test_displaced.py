"""The spatially-displaced convolution, against loops and the sampler of PyTorch."""

import itertools

import pytest
import torch
from torch.nn import functional as F

from napari_morphocast.models.displaced import Kernels, displaced
from napari_morphocast.models.motion import warp

SIDE = 7


def drawn(
    *shape: int, seed: int = 1, kind: torch.dtype = torch.float64
) -> torch.Tensor:
    lot = torch.Generator().manual_seed(seed)
    return torch.rand(shape, generator=lot, dtype=kind)


def scene(
    batch: int = 2, channels: int = 2, height: int = 9, width: int = 11
) -> tuple[torch.Tensor, torch.Tensor, Kernels]:
    frames = drawn(batch, channels, height, width)
    motion = 6 * drawn(batch, 2, height, width, seed=2) - 3
    rows, columns = (drawn(batch, SIDE, height, width, seed=s) for s in (3, 4))
    return frames, motion, Kernels(rows - 0.5, columns - 0.5)


def naive(frames, motion, kernels):
    """Every tap read bilinearly, one after the other."""
    reach = SIDE // 2
    total = torch.zeros_like(frames)
    for i, j in itertools.product(range(SIDE), repeat=2):
        away = motion + torch.tensor([i - reach, j - reach]).view(1, 2, 1, 1)
        weight = kernels.rows[:, i : i + 1] * kernels.columns[:, j : j + 1]
        total = total + weight * warp(frames, away)
    return total


@pytest.mark.parametrize("times", [1, 30])  # 90 pixels are far outside
def test_it_is_the_sum_over_all_taps(times):
    frames, motion, kernels = scene()
    motion = times * motion
    torch.testing.assert_close(
        displaced(frames, motion, kernels), naive(frames, motion, kernels)
    )


@pytest.mark.parametrize("kind", [torch.float32, torch.float64])
def test_no_motion_and_kernels_of_one_change_no_bit(kind):
    frames = drawn(2, 3, 9, 11, kind=kind)
    still = torch.zeros(2, 2, 9, 11, dtype=kind)
    assert torch.equal(displaced(frames, still, Kernels.identity(SIDE, frames)), frames)


@pytest.mark.parametrize("kind", [torch.bfloat16, torch.float16])
def test_half_precision_does_not_lose_its_place(kind):
    frames = drawn(1, 1, 4, 4000).to(kind)
    still = torch.zeros(1, 2, 4, 4000, dtype=kind)
    assert torch.equal(displaced(frames, still, Kernels.identity(SIDE, frames)), frames)


def test_with_kernels_of_one_it_is_the_sampler_of_torch():
    frames, motion, _ = scene()
    kernels = Kernels.identity(SIDE, frames)
    height, width = frames.shape[-2:]
    y = motion[:, 0] + torch.arange(height)[:, None]
    x = motion[:, 1] + torch.arange(width)
    grid = torch.stack([2 * x / (width - 1) - 1, 2 * y / (height - 1) - 1], -1)
    theirs = F.grid_sample(frames, grid, padding_mode="border", align_corners=True)
    torch.testing.assert_close(displaced(frames, motion, kernels), theirs)


def test_its_gradients_are_those_of_the_sum_over_all_taps():
    found = []
    for method in (displaced, naive):
        frames, motion, kernels = scene()
        inputs = [t.requires_grad_() for t in (frames, motion, *kernels)]
        out = method(frames, motion, kernels)
        (out * drawn(*out.shape, seed=5)).sum().backward()
        found.append([t.grad for t in inputs])
    for ours, theirs in zip(*found, strict=True):
        torch.testing.assert_close(ours, theirs)


def test_first_and_second_gradients_away_from_whole_pixels():
    frames = drawn(1, 1, 4, 5)
    motion = 2.0 * torch.randint(-1, 2, (1, 2, 4, 5)) + 0.2 + 0.6 * drawn(1, 2, 4, 5)
    rows, columns = drawn(1, 3, 4, 5, seed=3), drawn(1, 3, 4, 5, seed=4)
    inputs = tuple(t.requires_grad_() for t in (frames, motion, rows, columns))

    def run(frames, motion, rows, columns):
        return displaced(frames, motion, Kernels(rows, columns))

    assert torch.autograd.gradcheck(run, inputs)
    assert torch.autograd.gradgradcheck(run, inputs)


def test_kernels_are_unusual_by_what_they_change():
    frames = drawn(1, 1, 4, 5)
    kernels = Kernels.identity(SIDE, frames)
    assert not kernels.unusual.any()
    rows = kernels.rows.clone()
    rows[:, 3], rows[:, 4] = 0.75, 0.25
    torch.testing.assert_close(
        Kernels(rows, kernels.columns).unusual, torch.full_like(frames, 0.5)
    )


def test_what_rows_and_columns_undo_between_them_is_nothing_unusual():
    same = Kernels.identity(SIDE, drawn(1, 1, 4, 5))
    louder = Kernels(1.25 * same.rows, 0.8 * same.columns)
    assert not louder.unusual.any()
    assert not Kernels(-same.rows, -same.columns).unusual.any()


@pytest.mark.parametrize("channels", [1, 3])
def test_fewer_planes_are_kept_for_gradients_than_there_are_taps(channels):
    frames, motion, (rows, columns) = scene(1, channels, 128, 128)
    inputs = [t.float().requires_grad_() for t in (frames, motion, rows, columns)]
    kept: dict[int, torch.Tensor] = {}

    def note(tensor: torch.Tensor) -> torch.Tensor:
        kept[tensor.untyped_storage().data_ptr()] = tensor
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda t: t):
        displaced(*inputs[:2], Kernels(*inputs[2:]))
    total = sum(tensor.untyped_storage().nbytes() for tensor in kept.values())
    plane = 4 * 128 * 128  # bytes
    assert total < (36 + 3 * channels) * plane  # the kernels alone are fourteen
