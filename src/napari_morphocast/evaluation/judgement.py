"""Made pictures beside real ones, measure by measure, with the floor of real ones."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from napari_morphocast.errors import ForecastError
from napari_morphocast.evaluation import exporting, likeness, metrics
from napari_morphocast.evaluation.looks import Looks, learned

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_morphocast.data.scaling import Scaling

FAR, UNTRAINED = "Fréchet distance", ", untrained"
MOTION = "change from frame to frame, made / real"  # of several frames at once
REAL = "real"  # other real pictures: what is compared with the first half, too
RANDOM, GUIDED, REFINED = "made", "like real ones", "like real ones, refined"
STRETCHES = 8  # of the test pictures, every other one to be held against
ENOUGH = 40  # pictures, or the spread of 32 features cannot be told
THESIS = 2.03  # distance of guided frames over that of others, in the thesis
COLUMNS = "model", "who", "measure", "value", "spread"


@dataclass(frozen=True, slots=True, eq=False)
class Pictures:
    """What is compared; grey levels, shape (N, C, Y, X).

    Parameters
    ----------
    train, test : array
        Real pictures that the model has learned from (none if it has not learned from
        this movie), and others, in the order of time.
    made : mapping of str to array
        Made pictures, as many as test pictures; those of a name that begins with
        "like" were made to be like the test picture of the same number.
    """

    train: NDArray[np.float32]
    test: NDArray[np.float32]
    made: Mapping[str, NDArray[np.float32]]


@dataclass(frozen=True, slots=True)
class Measure:
    """One number; ``spread`` is its standard deviation, where it has one."""

    model: str
    who: str
    measure: str
    value: float
    spread: float = float("nan")


@dataclass(frozen=True, slots=True)
class Judged:
    """All measures of all kinds of pictures.

    Parameters
    ----------
    rows : tuple of Measure
        Of made pictures, and of real ones: the floor that no model goes below.
    checksum : str
        Of the network whose features were compared; equal ones may be compared.
    count : int
        How many pictures of each kind were compared with as many real ones.
    """

    rows: tuple[Measure, ...]
    checksum: str
    count: int

    def of(self, who: str, measure: str) -> float:
        """One value."""
        found = (r.value for r in self.rows if (r.who, r.measure) == (who, measure))
        return next(found, float("nan"))

    @property
    def kinds(self) -> tuple[str, ...]:
        """What was judged, real pictures first."""
        return tuple(dict.fromkeys(row.who for row in self.rows))

    def table(self) -> str:
        """All measures as text to read, one line each."""
        measures = tuple(dict.fromkeys(row.measure for row in self.rows))
        widest = max(map(len, measures))
        wide = [max(12, len(kind)) for kind in self.kinds]
        heads = (kind.rjust(w) for kind, w in zip(self.kinds, wide, strict=True))
        lines = [f"{'':{widest}}  {'  '.join(heads)}"]
        for measure in measures:
            cells = (
                _cell(self.of(kind, measure)).rjust(w)
                for kind, w in zip(self.kinds, wide, strict=True)
            )
            lines.append(f"{measure:{widest}}  {'  '.join(cells)}")
        return "\n".join(lines)

    def ratio(self, who: str = GUIDED) -> float:
        """How much further from real frames guided ones are than those at random.

        In the features of the network that sees them furthest apart: one that has
        learned to see may be blind to blur, one that has not to shapes.
        """
        measures = FAR, f"{FAR}{UNTRAINED}"
        return max(self.of(who, far) / self.of(RANDOM, far) for far in measures)

    def sentence(self) -> str:
        """What the numbers are held against, and how guided frames fare."""
        floor = f"{REAL}: other real frames, the floor that no model goes below."
        if math.isnan(self.of(REAL, FAR)):
            floor += (
                f" Fréchet distances, precision and recall need {ENOUGH} pictures of "
                f"each kind; here are {self.count}, so judge with a longer movie."
            )
        if math.isnan(self.ratio()):
            return f"{floor} Features: {self.checksum}."
        return (
            f"{floor} Frames "
            f"made like real ones lie {self.ratio():.2f} times as far from those as "
            f"frames made at random (in the thesis: {THESIS}). "
            f"Features: {self.checksum}."
        )

    def as_dict(self) -> dict[str, Any]:
        """Everything as plain values."""
        rows = [asdict(row) for row in self.rows]
        return {"features": self.checksum, "count": self.count, "measures": rows}


def save(path: str | Path, found: Mapping[str, Judged]) -> None:
    """Write all measures of some models, by name, as ``.csv`` or ``.json``."""
    rows = [replace(row, model=name) for name, one in found.items() for row in one.rows]

    def values() -> dict[str, Any]:
        return {name: one.as_dict() for name, one in found.items()}

    exporting.save(path, rows, values, COLUMNS)


def judged(
    pictures: Pictures,
    scaling: Scaling,
    *,
    seed: int = 0,
    stop: threading.Event | None = None,
    progress: Callable[[float], None] | None = None,
) -> Judged:
    """Compare some real test pictures with the others, and with made ones.

    Test pictures, in the order of time, are cut into stretches; the first, third and so
    on are what others are held against. Pictures made to be like one are like one of
    the other stretches, so none is compared with its own model or that one's neighbour.

    Raises
    ------
    ForecastError
        If it was stopped.
    """

    def scaled(frames: NDArray[np.float32]) -> torch.Tensor:
        return torch.from_numpy(_scaled(frames, scaling))

    known = pictures.train if len(pictures.train) else pictures.test
    eyes = learned(scaled(known), seed=seed, stop=stop, progress=progress)
    if stop is not None and stop.is_set():
        raise ForecastError("Stopped; nothing was measured.")
    looks = {"": eyes, UNTRAINED: Looks(pictures.test.shape[1], seed).eval()}
    sees = {
        name: lambda frames, net=net: likeness.features_of(scaled(frames), net)
        for name, net in looks.items()
    }
    count = len(pictures.test)
    guiding = np.arange(count) * STRETCHES // count % 2 == 1
    held = pictures.test[~guiding]
    others = {REAL: pictures.test[guiding]}
    others |= {name: made[guiding] for name, made in pictures.made.items()}
    rows = [
        Measure("", who, *found)
        for who, made in others.items()
        for found in _apart(held, made, pictures.train, sees)
    ]
    channels = len(scaling.low)
    if held.shape[1] > channels:
        rows += [
            Measure("", who, MOTION, likeness.motion_ratio(held, made, channels))
            for who, made in others.items()
        ]
    rows += [
        Measure("", who, *found)
        for who, made in pictures.made.items()
        if who.startswith("like")
        for found in _alike(made, pictures.test, sees[""], scaling)
    ]
    return Judged(tuple(rows), eyes.checksum, len(others[REAL]))


def _apart(
    real: NDArray[np.float32],
    made: NDArray[np.float32],
    train: NDArray[np.float32],
    sees: Mapping[str, Callable[[NDArray[np.float32]], NDArray[np.float64]]],
) -> Iterator[tuple[str, float] | tuple[str, float, float]]:
    """How far apart two sets of pictures are."""
    for how, see in sees.items():
        one, other = see(real), see(made)
        yield f"kernel distance{how}", *likeness.kernel_distance(one, other)
        if min(len(one), len(other)) < ENOUGH:
            continue
        yield f"Fréchet distance{how}", likeness.frechet_distance(one, other)
        if not how:
            precision, recall = likeness.precision_recall(one, other)
            yield "precision", precision
            yield "recall", recall
        if not how and len(train):
            yield "nearest learned / unseen", likeness.memorised(other, see(train), one)
    yield "grey levels apart", likeness.grey_distance(real, made)
    detail = likeness.detail_ratio(real, made)
    yield "fine detail, made / real", float(detail[len(detail) // 2 :].mean())
    above = likeness.brightness_of_cells(real[:, 0])
    cells = [likeness.cells(frames[:, 0], above) for frames in (real, made)]
    for name, distance in likeness.cell_distances(*cells).items():
        yield f"cells' {name} apart", distance


def _alike(
    made: NDArray[np.float32],
    guides: NDArray[np.float32],
    see: Callable[[NDArray[np.float32]], NDArray[np.float64]],
    scaling: Scaling,
) -> Iterator[tuple[str, float]]:
    """How like its guide each picture is, beside a picture that is not its guide."""
    one, other = (_scaled(frames, scaling) for frames in (made, guides))
    features, wanted = see(made), see(guides)
    above = likeness.brightness_of_cells(guides[:, 0])
    count, meant = (
        likeness.cells(frames[:, 0], above)["count"] for frames in (made, guides)
    )
    strangers = np.roll(np.arange(len(guides)), len(guides) // 2)
    span = np.ones(one.shape[1])
    for who, order in (("its", np.arange(len(guides))), ("another", strangers)):
        yield (
            f"SSIM to {who} guide",
            float(metrics.ssim(one, other[order], span).mean()),
        )
        yield f"likeness to {who} guide", _cosine(features, wanted[order])
        kept = np.abs(count - meant[order]).mean()
        yield f"cells more or less than {who} guide", float(kept)


def _cosine(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """Mean cosine of features, measured from their common mean."""
    middle = np.concatenate([one, other]).mean(0)
    one, other = one - middle, other - middle
    lengths = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
    return float(((one * other).sum(1) / np.maximum(lengths, 1e-12)).mean())


def _scaled(frames: NDArray[np.float32], scaling: Scaling) -> NDArray[np.float32]:
    """Pictures (N, frames C, Y, X) with grey levels of about 0..1."""
    channels = len(scaling.low)
    row = frames.reshape(len(frames), -1, channels, *frames.shape[2:])
    return np.asarray(scaling.apply(row).reshape(frames.shape), np.float32)


def _cell(value: float) -> str:
    return "" if np.isnan(value) else f"{value:.3g}"
