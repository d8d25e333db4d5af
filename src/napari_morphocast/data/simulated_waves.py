"""Spiral waves of an excitable medium, like cAMP in a field of Dictyostelium."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Barkley, Physica D 49 (1991) 445: a fast and simple model of excitable waves.
A, B, EPSILON = 0.72, 0.04, 0.02
GRID = 0.50  # length of a grid cell
STEP = 0.045  # time of one step; below GRID**2 / 4, where diffusion is stable
STEPS = 6  # from one frame to the next
WARM_UP = 900  # steps until the spirals have wound up
PITCH = 68  # grid cells from one spiral to the next
MARGIN = 10  # grid cells simulated beyond each border of the picture


def draw_waves(
    frames: int, size: tuple[int, int], rng: np.random.Generator
) -> tuple[NDArray[np.float32], None]:
    """Brightness of the waves, shape (frames, Y, X), 0 to 1, no blur; no cells."""
    from scipy.ndimage import gaussian_filter

    shape = (size[0] + 2 * MARGIN, size[1] + 2 * MARGIN)
    u, v = _broken_waves(shape, rng)
    for _ in range(WARM_UP):
        u, v = _step(u, v)
    cells = gaussian_filter(rng.normal(size=size), 1.0) * 3.5  # sd about 1
    field = 1 + 0.10 * cells + 0.5 * gaussian_filter(rng.normal(size=size), 12.0)
    seen = slice(MARGIN, -MARGIN), slice(MARGIN, -MARGIN)
    movie = np.empty((frames, *size), np.float32)
    for time in range(frames):
        movie[time] = (0.12 + 0.55 * u[seen] + 0.55 * v[seen]) * field
        for _ in range(STEPS):
            u, v = _step(u, v)
    return movie, None


def _broken_waves(
    shape: tuple[int, int], rng: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Excited and tired sectors around points that so become the tips of spirals."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    phase = np.full(shape, rng.uniform(0, 2 * np.pi))
    rows, columns = (max(1, round(length / PITCH)) for length in shape)
    for row in range(rows):
        for column in range(columns):
            cy = (row + 0.5 + rng.uniform(-0.25, 0.25)) * shape[0] / rows
            cx = (column + 0.5 + rng.uniform(-0.25, 0.25)) * shape[1] / columns
            turn = 1 if (row + column) % 2 else -1
            phase += turn * np.arctan2(y - cy, x - cx)
    u = (np.sin(phase) > 0).astype(np.float32)
    v = np.where(np.cos(phase) > 0, A / 2, 0).astype(np.float32)
    return u, v


def _step(
    u: NDArray[np.float32], v: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """One time step, semi-implicit in the reaction; nothing flows over the border."""
    threshold = (v + np.float32(B)) * np.float32(1 / A)
    push = np.float32(STEP / EPSILON) * (u - threshold)
    down, up = np.minimum(push, 0), np.maximum(push, 0)
    reacted = np.where(push < 0, u / (1 - (1 - u) * down), u * (1 + up) / (1 + u * up))
    padded = np.pad(u, 1, mode="edge")
    around = padded[:-2, 1:-1] + padded[2:, 1:-1] + padded[1:-1, :-2] + padded[1:-1, 2:]
    diffused = np.float32(STEP / GRID**2) * (around - 4 * u)
    return reacted + diffused, v + np.float32(STEP) * (u - v)
