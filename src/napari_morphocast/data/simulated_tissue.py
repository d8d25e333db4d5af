"""A sheet of cells with fluorescent membranes that flows, stretches and divides."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

SPACING = 15.0  # pixels between the centres of neighbouring cells
MARGIN = 48.0  # pixels of tissue simulated beyond each border of the picture
STIFFNESS = 0.7  # pixels per frame by which two cells on one spot push apart
MEMORY = 0.75  # share of its velocity that a cell keeps from frame to frame
CYCLE = 260.0  # frames from one division to the next, on average
ROUNDING = 14  # frames over which a cell swells before it divides
SEALING = 16  # frames until the membrane between two daughters is complete
BLOCK = 4  # pixels; neighbours are looked up once for a block of this size
NEIGHBOURS = 11  # cells that may matter to the pixels of one block


@dataclass(frozen=True, slots=True, eq=False)
class _Flow:
    """Incompressible flow on a torus: a drift, a stretch and slowly changing eddies."""

    box: NDArray[np.float64]  # (2,) pixels
    drift: NDArray[np.float64]  # (2,) pixels per frame
    stretch: float  # pixels per frame, the speed of convergent extension
    waves: NDArray[np.float64]  # (M, 2) whole periods in each direction
    speeds: NDArray[np.float64]  # (M,) pixels per frame
    phases: NDArray[np.float64]  # (M,) radians
    turns: NDArray[np.float64]  # (M,) radians per frame

    def at(self, places: NDArray[np.float64], time: float) -> NDArray[np.float64]:
        """Velocity (N, 2) at the places (N, 2), in pixels per frame."""
        k = 2 * np.pi * self.waves / self.box  # (M, 2)
        angle = places @ k.T + self.phases + self.turns * time  # (N, M)
        along = np.stack([k[:, 1], -k[:, 0]], 1) / np.linalg.norm(k, axis=1)[:, None]
        eddies = (np.cos(angle) * self.speeds) @ along
        y, x = 2 * np.pi * (places / self.box - 0.5).T
        extension = np.stack([-np.sin(y) * np.cos(x), np.cos(y) * np.sin(x)], 1)
        swing = 0.7 + 0.3 * np.sin(time / 40)
        result: NDArray[np.float64] = (
            eddies + self.drift + self.stretch * extension * swing
        )
        return result


@dataclass(frozen=True, slots=True, eq=False)
class _Sheet:
    """All cells of the tissue at one moment; N of them."""

    at: NDArray[np.float64]  # (N, 2) pixels
    velocity: NDArray[np.float64]  # (N, 2) pixels per frame
    name: NDArray[np.int64]  # (N,) unique numbers
    sister: NDArray[np.int64]  # (N,) name of the other daughter, -1 if none
    born: NDArray[np.float64]  # (N,) frame of birth
    due: NDArray[np.float64]  # (N,) frame of the next division
    phase: NDArray[np.float64]  # (N,) radians, of the slow pulse of its size

    def weights(self, time: float) -> NDArray[np.float64]:
        """How much larger than its share each cell is, in square pixels."""
        pulse = 5.0 * np.sin(self.phase + 2 * np.pi * time / 38)
        swell = 22.0 * _smooth((time - self.due) / ROUNDING + 1)
        recent = 22.0 * (1 - _smooth((time - self.born) / SEALING))
        result: NDArray[np.float64] = pulse + swell + recent
        return result

    def keep(self, which: NDArray[np.intp]) -> _Sheet:
        """Only the cells with these indices."""
        return _Sheet(*(getattr(self, name)[which] for name in self.__slots__))

    def join(self, other: _Sheet) -> _Sheet:
        """The cells of both sheets."""
        pairs = ((getattr(self, n), getattr(other, n)) for n in self.__slots__)
        return _Sheet(*(np.concatenate(pair) for pair in pairs))


def draw_tissue(
    frames: int, size: tuple[int, int], rng: np.random.Generator
) -> tuple[NDArray[np.float32], None]:
    """Brightness of the membranes, shape (frames, Y, X), about 0 to 1, no blur.

    Which cell is where is not drawn: None.
    """
    box = np.array(size, float) + 2 * MARGIN
    flow = _flow(box, rng)
    sheet = _grow_sheet(box, flow, rng)
    light = _illumination(size)
    movie = np.empty((frames, *size), np.float32)
    for time in range(frames):
        movie[time] = _draw(sheet, time, size) * light
        sheet = _divide(_move(sheet, flow, time, box), time, size, rng)
    return movie, None


def _flow(box: NDArray[np.float64], rng: np.random.Generator) -> _Flow:
    """A flow whose eddies are about as large as the picture, at most three waves."""
    waves = np.array([(1, 0), (0, 1), (1, 1), (1, -1), (2, 1), (1, 2)], float)
    speeds = np.array([0.36, 0.36, 0.36, 0.36, 0.24, 0.24]) * rng.uniform(0.7, 1.3, 6)
    heading = rng.uniform(0, 2 * np.pi)
    return _Flow(
        box=box,
        drift=0.45 * np.array([np.sin(heading), np.cos(heading)]),
        stretch=0.6,
        waves=waves,
        speeds=speeds,
        phases=rng.uniform(0, 2 * np.pi, 6),
        turns=rng.uniform(0.015, 0.035, 6) * rng.choice([-1, 1], 6),
    )


def _grow_sheet(
    box: NDArray[np.float64], flow: _Flow, rng: np.random.Generator
) -> _Sheet:
    """Cells of even size, already in motion."""
    count = int(np.prod(box) / (0.87 * SPACING**2))
    sheet = _Sheet(
        at=rng.uniform(0, 1, (count, 2)) * box,
        velocity=np.zeros((count, 2)),
        name=np.arange(count),
        sister=np.full(count, -1),
        born=np.full(count, -1e3),
        due=rng.uniform(4, CYCLE, count),
        phase=rng.uniform(0, 2 * np.pi, count),
    )
    for step in range(-70, 0):
        sheet = _move(sheet, flow, step, box)
    return sheet


def _move(sheet: _Sheet, flow: _Flow, time: float, box: NDArray[np.float64]) -> _Sheet:
    """One frame later: carried by the flow, pushed by the neighbours."""
    wanted = flow.at(sheet.at, time) + _push(sheet.at, box)
    velocity = MEMORY * sheet.velocity + (1 - MEMORY) * wanted
    return replace(sheet, at=np.mod(sheet.at + velocity, box), velocity=velocity)


def _push(at: NDArray[np.float64], box: NDArray[np.float64]) -> NDArray[np.float64]:
    """Velocity (N, 2) by which crowded cells give way, in pixels per frame."""
    from scipy.spatial import cKDTree

    inside = np.mod(np.mod(at, box), box)  # twice: mod(-1e-17, 8) is 8
    tree = cKDTree(inside, boxsize=box)
    pairs = tree.query_pairs(1.25 * SPACING, output_type="ndarray")
    first, second = pairs.T
    apart = at[first] - at[second]
    apart -= box * np.round(apart / box)
    distance = np.linalg.norm(apart, axis=1, keepdims=True) + 1e-9
    force = STIFFNESS * (1 - distance / (1.25 * SPACING)) * apart / distance
    return np.stack(
        [
            np.bincount(first, force[:, axis], len(at))
            - np.bincount(second, force[:, axis], len(at))
            for axis in (0, 1)
        ],
        axis=1,
    )


def _divide(
    sheet: _Sheet, time: int, size: tuple[int, int], rng: np.random.Generator
) -> _Sheet:
    """Split every cell that is due; as many, out of sight, make room for them."""
    ready = np.flatnonzero(sheet.due <= time)
    if not ready.size:
        return sheet
    mothers = sheet.keep(ready)
    angle = rng.normal(0, 0.6, len(ready))  # daughters part along the stretch
    axis = 1.6 * np.stack([np.sin(angle), np.cos(angle)], 1)
    names = sheet.name.max() + 1 + np.arange(2 * len(ready)).reshape(2, -1)
    daughters = [
        replace(
            mothers,
            at=mothers.at + sign * axis,
            name=names[side],
            sister=names[1 - side],
            born=np.full(len(ready), float(time)),
            due=time + CYCLE * rng.uniform(0.7, 1.3, len(ready)),
        )
        for side, sign in ((0, 1.0), (1, -1.0))
    ]
    rest = np.setdiff1d(np.arange(len(sheet.at)), ready)
    hidden = np.any(
        (sheet.at < 0.4 * MARGIN) | (sheet.at > np.array(size) + 1.6 * MARGIN), axis=1
    )
    gone = rng.permutation(rest[hidden[rest]])[: len(ready)]
    return sheet.keep(np.setdiff1d(rest, gone)).join(daughters[0]).join(daughters[1])


def _draw(sheet: _Sheet, time: int, size: tuple[int, int]) -> NDArray[np.float32]:
    """Membranes and faint cytoplasm of one frame, shape (Y, X)."""
    near = _nearby(sheet, time, size)  # (K, Y, X)
    places = (sheet.at - MARGIN).astype(np.float32)
    y, x = np.mgrid[: size[0], : size[1]].astype(np.float32)
    py, px = places[near, 0], places[near, 1]
    power = (y - py) ** 2 + (x - px) ** 2
    power -= sheet.weights(time).astype(np.float32)[near]
    own = np.argmin(power, axis=0)[None]
    owner = np.take_along_axis(near, own, 0)
    oy, ox = places[owner, 0], places[owner, 1]
    between = np.hypot(py - oy, px - ox)
    gap = (power - np.take_along_axis(power, own, 0)) / np.maximum(2 * between, 1e-3)
    wall = np.exp(-0.5 * np.square(gap / 0.95)) * _strength(sheet, owner, near, time)
    np.put_along_axis(wall, own, 0, 0)
    wall.partition(wall.shape[0] - 2, axis=0)
    membrane = wall[-1] + 0.35 * wall[-2]  # vertices, where three cells meet, shine
    inside = 0.06 + 0.05 * _hash(sheet.name, 3)[owner[0]]
    result: NDArray[np.float32] = (membrane + inside).astype(np.float32)
    return result


def _nearby(sheet: _Sheet, time: int, size: tuple[int, int]) -> NDArray[np.intp]:
    """Cells that may own or touch each pixel, shape (NEIGHBOURS, Y, X)."""
    from scipy.spatial import cKDTree

    weights = sheet.weights(time)
    lift = np.sqrt(weights.max() - weights)  # a power diagram is a lifted Voronoi one
    tree = cKDTree(np.column_stack([sheet.at - MARGIN, lift]))
    rows = np.arange(0, size[0], BLOCK) + (BLOCK - 1) / 2
    columns = np.arange(0, size[1], BLOCK) + (BLOCK - 1) / 2
    middle = np.stack(np.meshgrid(rows, columns, indexing="ij"), -1)
    lifted = np.concatenate([middle, np.zeros((*middle.shape[:2], 1))], -1)
    _, index = tree.query(lifted, k=NEIGHBOURS)
    near = np.moveaxis(index, -1, 0).repeat(BLOCK, 1).repeat(BLOCK, 2)
    result: NDArray[np.intp] = near[:, : size[0], : size[1]]
    return result


def _strength(
    sheet: _Sheet, owner: NDArray[np.intp], near: NDArray[np.intp], time: int
) -> NDArray[np.float32]:
    """Brightness of the membrane between owner and neighbour, shape (K, Y, X)."""
    own, other = _hash(sheet.name, 1)[owner], _hash(sheet.name, 1)[near]
    mix = own + other
    pulse = 0.78 + 0.22 * np.sin(2 * np.pi * (7 * mix + time / (30 + 30 * mix)))
    seal = _smooth((time - sheet.born) / SEALING).astype(np.float32)[owner]
    sisters = sheet.name[near] == sheet.sister[owner]
    result: NDArray[np.float32] = (pulse * np.where(sisters, seal, 1)).astype(
        np.float32
    )
    return result


def _illumination(size: tuple[int, int]) -> NDArray[np.float32]:
    """Slightly less light towards the corners, shape (Y, X)."""
    y = np.linspace(-1, 1, size[0])[:, None]
    x = np.linspace(-1, 1, size[1])[None]
    result: NDArray[np.float32] = (1 - 0.09 * (y**2 + x**2)).astype(np.float32)
    return result


def _smooth(share: NDArray[np.float64]) -> NDArray[np.float64]:
    """From 0 to 1 without a corner, as ``share`` goes from 0 to 1."""
    share = np.clip(share, 0, 1)
    result: NDArray[np.float64] = share * share * (3 - 2 * share)
    return result


def _hash(names: NDArray[np.int64], salt: int) -> NDArray[np.float32]:
    """A number in [0, 1) for each cell that never changes."""
    mixed = names * 2654435761 + salt * 40503
    result: NDArray[np.float32] = ((mixed >> 7) % 1009 / 1009).astype(np.float32)
    return result
