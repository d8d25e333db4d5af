"""Budding yeast held in microfluidic traps, as brightfield shows them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

RADIUS = 9.5  # pixels, of a grown cell
CYCLE = 34.0  # frames from one bud to the next, and from bud to mother
PITCH = 120  # pixels from one trap to the next
MARGIN = 24.0  # pixels outside the picture where cells are forgotten
SUBSTEPS = 8  # of the pushing, in one frame
REACH = 1.6  # pixels that pushing may move a cell in one frame
GRANULES = 8  # spots inside each cell
WARM_UP = 30  # frames before the first one shown

# A trap is two bars, each from one end to the other, as (y, x) from its middle:
# the medium flows down, the funnel holds what is wider than its outlet.
BARS = np.array([[[-22, -35], [24, -12.5]], [[-22, 35], [24, 12.5]]], float)
BAR_RADIUS = 5.0  # pixels


@dataclass(frozen=True, slots=True, eq=False)
class _Colony:
    """All cells at one moment; N of them."""

    at: NDArray[np.float64]  # (N, 2) pixels
    velocity: NDArray[np.float64]  # (N, 2) pixels per frame
    name: NDArray[np.int64]  # (N,) unique numbers
    mother: NDArray[np.int64]  # (N,) name of the mother
    born: NDArray[np.float64]  # (N,) frame in which it began to bud
    due: NDArray[np.float64]  # (N,) frame of its own next bud
    full: NDArray[np.float64]  # (N,) pixels, radius when grown
    loose: NDArray[np.float64]  # (N,) pixels per frame, above 0 once washed out

    def radii(self, time: float) -> NDArray[np.float64]:
        """Radius of each cell in pixels, shape (N,)."""
        age = np.clip((time - self.born) / CYCLE, 0, 1)
        result: NDArray[np.float64] = self.full * age**0.6 * (1.15 - 0.15 * age)
        return result

    def attached(self, time: float) -> NDArray[np.bool_]:
        """Which cells still hang on their mother, shape (N, N): daughter, mother."""
        young = (time - self.born < CYCLE)[:, None]
        result: NDArray[np.bool_] = (self.mother[:, None] == self.name[None]) & young
        return result

    def keep(self, which: NDArray[np.intp]) -> _Colony:
        """Only the cells with these indices."""
        return _Colony(*(getattr(self, name)[which] for name in self.__slots__))

    def join(self, other: _Colony) -> _Colony:
        """The cells of both colonies."""
        pairs = ((getattr(self, n), getattr(other, n)) for n in self.__slots__)
        return _Colony(*(np.concatenate(pair) for pair in pairs))


def draw_yeast(
    frames: int, size: tuple[int, int], rng: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.uint16]]:
    """Brightness of the picture, shape (frames, Y, X), 0 to 1, no blur; and cells.

    A pixel of a cell has its number, from 1 on, in all frames; others are 0.
    """
    traps = _traps(size)
    empty = _empty_picture(size, traps, rng)
    colony = _first_cells(traps, rng)
    for time in range(-WARM_UP, 0):
        colony = _bud(_move(colony, time, traps), time, rng)
    movie = np.empty((frames, *size), np.float32)
    cells = np.empty((frames, *size), np.uint16)
    for time in range(frames):
        drawn, cells[time] = _draw_cells(colony, time, size)
        movie[time] = np.clip(empty + drawn, 0.02, 0.98)
        colony = _bud(_move(colony, time, traps), time, rng)
        outside = (colony.at < -MARGIN) | (colony.at > np.array(size) + MARGIN)
        colony = colony.keep(np.flatnonzero(~outside.any(axis=1)))
    return movie, cells


def _traps(size: tuple[int, int]) -> NDArray[np.float64]:
    """Middles of the traps, evenly over the picture, shape (N, 2)."""
    along = []
    for length in size:
        count = max(1, round(length / PITCH))
        along.append((np.arange(count) + 0.5) * length / count)
    middles = np.stack(np.meshgrid(*along, indexing="ij"), -1).reshape(-1, 2)
    result: NDArray[np.float64] = middles + np.array([4.0, 0.0])
    return result


def _first_cells(traps: NDArray[np.float64], rng: np.random.Generator) -> _Colony:
    """Four cells in each trap, of different ages."""
    count = 4 * len(traps)
    spots = np.array([[12, 0], [-5, -11], [-5, 11], [-20, 0]], float)
    age = CYCLE * rng.uniform(1, 2, count) + WARM_UP
    return _Colony(
        at=(traps[:, None] + spots).reshape(-1, 2) + rng.normal(0, 1, (count, 2)),
        velocity=np.zeros((count, 2)),
        name=np.arange(count),
        mother=np.full(count, -1),
        born=-age,
        due=rng.uniform(0, CYCLE, count) - WARM_UP,
        full=RADIUS * rng.uniform(0.92, 1.08, count),
        loose=np.zeros(count),
    )


def _bud(colony: _Colony, time: int, rng: np.random.Generator) -> _Colony:
    """Start a bud on every cell that is due, where the mother has most room."""
    ready = (colony.due <= time) & (colony.loose == 0)
    count = int(ready.sum())
    if not count:
        return colony
    radius = colony.radii(time)[ready, None]
    angles = rng.uniform(0, 2 * np.pi, (count, 8))
    spots = np.stack([np.sin(angles), np.cos(angles)], -1)  # (count, 8, 2)
    places = colony.at[ready, None] + spots * radius[:, None] * 2
    away = np.linalg.norm(places[:, :, None] - colony.at, axis=-1).min(axis=-1)
    best = spots[np.arange(count), away.argmax(axis=1)]
    buds = _Colony(
        at=colony.at[ready] + 0.95 * radius * best,
        velocity=colony.velocity[ready],
        name=colony.name.max() + 1 + np.arange(count),
        mother=colony.name[ready],
        born=np.full(count, float(time)),
        due=time + CYCLE * rng.uniform(1.1, 1.5, count),
        full=RADIUS * rng.uniform(0.92, 1.08, count),
        loose=np.zeros(count),
    )
    later = colony.due + CYCLE * rng.uniform(0.95, 1.2, len(ready)) * ready
    return replace(colony, due=later).join(buds)


def _move(colony: _Colony, time: float, traps: NDArray[np.float64]) -> _Colony:
    """One frame later: pushed by growing neighbours, or carried off by the flow."""
    middle = traps[_nearest(colony.at, traps)]
    lost = _outside(colony.at - middle)
    lost |= (colony.attached(time) & lost[None]).any(axis=1)  # buds go with mothers
    speed = np.where(lost | (colony.loose > 0), 1.22 * colony.loose + 0.12, 0)
    loose = np.minimum(speed, 7.0)
    radii = colony.radii(time + 1)
    held = (loose == 0)[:, None]
    attached = colony.attached(time)
    at = colony.at.copy()
    for _ in range(SUBSTEPS):
        at += np.where(held, [0.03, 0.0], 0.0)
        at += np.where(held, 1.0, 0.5) * _give_way(at, radii, attached)
        at += _off_bars(at, radii, traps)
    pushed = at - colony.at
    length = np.linalg.norm(pushed, axis=1, keepdims=True)
    pushed *= np.minimum(1, REACH / np.maximum(length, 1e-9))
    velocity = 0.5 * colony.velocity + 0.5 * pushed
    flow = _stream(colony.at - middle) * loose[:, None]
    return replace(
        colony, at=colony.at + velocity + flow, velocity=velocity, loose=loose
    )


def _nearest(at: NDArray[np.float64], traps: NDArray[np.float64]) -> NDArray[np.intp]:
    """Index of the trap nearest to each place, shape (N,)."""
    result: NDArray[np.intp] = np.linalg.norm(at[:, None] - traps, axis=-1).argmin(1)
    return result


def _outside(place: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Whether the trap no longer holds a cell at this place (N, 2) from its middle."""
    y, x = place.T
    result: NDArray[np.bool_] = (y < -31) | (y > 32) | (np.abs(x) > 36)
    return result


def _stream(place: NDArray[np.float64]) -> NDArray[np.float64]:
    """Direction (N, 2) of the flow: down, and around the trap."""
    y, x = place.T
    above = np.clip(1 - np.abs(x) / 48, 0, 1) * (y < 10)
    side = np.where(x < 0, -1.0, 1.0) * 3 * above
    heading = np.stack([1 - 1.2 * above, side], 1)
    result: NDArray[np.float64] = heading / np.linalg.norm(heading, axis=1)[:, None]
    return result


def _give_way(
    at: NDArray[np.float64], radii: NDArray[np.float64], attached: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Displacement (N, 2) that lessens overlaps and holds buds on their mothers."""
    apart = at[:, None] - at[None]  # (N, N, 2)
    distance = np.linalg.norm(apart, axis=-1) + np.eye(len(at))
    overlap = 0.98 * (radii[:, None] + radii[None]) - distance
    bonded = attached | attached.T
    overlap = np.where(bonded, overlap, np.maximum(overlap, 0))
    weight = (radii**2)[None] / np.maximum((radii**2)[:, None] + radii**2, 1e-9)
    share = 0.35 * overlap * weight / distance * (1 - np.eye(len(at)))
    result: NDArray[np.float64] = (share[:, :, None] * apart).sum(axis=1)
    return result


def _off_bars(
    at: NDArray[np.float64], radii: NDArray[np.float64], traps: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Displacement (N, 2) out of the bars."""
    total = np.zeros_like(at)
    for middle in traps:
        for bar in BARS:
            apart, distance = _from_bar(at - middle, bar)
            deep = np.maximum(radii + BAR_RADIUS - distance, 0) / np.maximum(
                distance, 1e-6
            )
            total += 0.5 * deep[:, None] * apart
    return total


def _from_bar(
    place: NDArray[np.float64], bar: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Vector (..., 2) and distance (...) from the spine of a bar, in pixels."""
    begin, end = bar
    spine = end - begin
    along = np.clip((place - begin) @ spine / (spine @ spine), 0, 1)
    apart = place - begin - along[..., None] * spine
    return apart, np.linalg.norm(apart, axis=-1)


def _empty_picture(
    size: tuple[int, int], traps: NDArray[np.float64], rng: np.random.Generator
) -> NDArray[np.float64]:
    """Bars, dust and uneven light without cells, shape (Y, X)."""
    from scipy.ndimage import gaussian_filter

    place = np.moveaxis(np.mgrid[: size[0], : size[1]], 0, -1).astype(float)
    y, x = np.moveaxis(place / np.array(size) - 0.5, -1, 0)
    picture: NDArray[np.float64] = 0.50 + 0.05 * x - 0.03 * y - 0.06 * (x**2 + y**2)
    picture += 0.03 * gaussian_filter(rng.normal(size=size), 1.8)
    for middle in traps:
        for bar in BARS:
            depth = _from_bar(place - middle, bar)[1] - BAR_RADIUS
            picture += 0.26 * _bump(depth, 1.6, 1.5) - 0.30 * _bump(depth, -0.6, 1.3)
            picture += 0.05 * np.cos(1.1 * depth) * np.exp(-np.abs(depth) / 5)
            picture += 0.07 * _bump(np.maximum(depth + 3, 0), 0, 1.0)
    return picture


def _draw_cells(
    colony: _Colony, time: int, size: tuple[int, int]
) -> tuple[NDArray[np.float64], NDArray[np.uint16]]:
    """What the cells add to the brightness, and which is where, shape (Y, X)."""
    depth = np.full(size, 12.0)  # pixels outside the nearest cell
    picture, cells = np.zeros(size), np.zeros(size, np.uint16)
    radii = colony.radii(time)
    for index in np.argsort(colony.name):
        y, x = colony.at[index]
        reach = radii[index] * 1.15 + 9
        rows = slice(max(0, int(y - reach)), max(0, min(size[0], int(y + reach) + 2)))
        cols = slice(max(0, int(x - reach)), max(0, min(size[1], int(x + reach) + 2)))
        if rows.start >= rows.stop or cols.start >= cols.stop or radii[index] < 0.3:
            continue
        dy, dx = np.ogrid[rows, cols]
        shape = _shape(dy - y, dx - x, int(colony.name[index])) - radii[index]
        seen = _cell(shape, dy - y, dx - x, radii[index], int(colony.name[index]), time)
        nearer = shape < depth[rows, cols]
        picture[rows, cols] = np.where(nearer, seen, picture[rows, cols])
        cells[rows, cols][nearer & (shape < 0)] = colony.name[index] + 1
        depth[rows, cols] = np.minimum(shape, depth[rows, cols])
    return picture, cells


def _shape(
    dy: NDArray[np.float64], dx: NDArray[np.float64], name: int
) -> NDArray[np.float64]:
    """Distance from the middle, of a slightly oval cell, in pixels."""
    turn = 2.4 * name
    along = np.cos(turn) * dy + np.sin(turn) * dx
    across = np.cos(turn) * dx - np.sin(turn) * dy
    result: NDArray[np.float64] = np.hypot(along / 1.06, across * 1.06)
    return result


def _cell(
    depth: NDArray[np.float64],
    dy: NDArray[np.float64],
    dx: NDArray[np.float64],
    radius: float,
    name: int,
    time: int,
) -> NDArray[np.float64]:
    """One cell, slightly out of focus: bright halo, dark rim, textured inside."""
    strength = min(1.0, radius / 4.5)
    inside = 1 / (1 + np.exp(np.clip(1.5 * (depth + 2.0), -30, 30)))
    seen = 0.24 * _bump(depth, 2.3, 1.5) - 0.40 * _bump(depth, -0.3, 1.25)
    seen = seen + 0.15 * _bump(depth, -3.2, 1.4) - 0.04 * inside
    own = np.random.default_rng(name)
    turn = 2.4 * name + 0.02 * time * own.choice([-1, 1])
    vacuole = np.hypot(
        dy - 0.28 * radius * np.sin(turn), dx - 0.28 * radius * np.cos(turn)
    )
    ring = vacuole - 0.36 * radius
    seen = seen + inside * strength * (0.09 * (ring < 0) - 0.13 * _bump(ring, 0, 0.9))
    for _ in range(GRANULES):
        angle = own.uniform(0, 2 * np.pi) + own.normal(0, 0.03) * time
        out = radius * np.sqrt(own.uniform(0.05, 0.5))
        spot = np.hypot(dy - out * np.sin(angle), dx - out * np.cos(angle))
        seen = seen + inside * own.normal(0, 0.10) * _bump(spot, 0, 1.3)
    result: NDArray[np.float64] = strength * seen
    return result


def _bump(
    value: NDArray[np.float64], middle: float, width: float
) -> NDArray[np.float64]:
    """A bell of height 1."""
    result: NDArray[np.float64] = np.exp(-np.square((value - middle) / width))
    return result
