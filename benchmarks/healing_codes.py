"""Autoencoder and classifier on MNIST, by size of the code and weight of the loss."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from healing_data import augmented, unit
from healing_models import (
    CODE,
    RATE,
    Classifier,
    ThesisCoder,
    autoencoder,
    descend,
    mapped,
    size,
)
from torch.nn import functional as F

if TYPE_CHECKING:
    from healing_data import Digits
    from torch import Tensor

    from napari_morphocast.models.autoencoder import Autoencoder

PASSES, TURNED = 3, 180.0  # over the digits; degrees, as the thesis turned them
OWN_PASSES = 8  # of a classifier over codes that stay as they are


@dataclass(frozen=True, slots=True)
class Seed:
    """What the thesis prints: errors and the share of digits that are recognised.

    Its cross-entropy was taken of a softmax twice, and is above 1.461 always.
    ``digits`` is how many of the error's stand after the point.
    """

    mse: float | None
    entropy: float | None
    right: float
    digits: int = 3


@dataclass(frozen=True, slots=True)
class Row:
    """One row of tables 1 to 3; ``weight`` is that of the reconstruction.

    None lets each of the two losses weigh as much as the other in the step before;
    "after" trains the classifier alone, once the autoencoder is trained.
    """

    code: int
    weight: float | str | None
    seed: Seed
    healing: bool = False

    @property
    def name(self) -> str:
        """What its run is kept as."""
        return f"codes-{self.code}-{self.weight}{'-healing' * self.healing}"


def _rows(*printed: tuple[Any, ...]) -> tuple[Row, ...]:
    """Rows of code and weight, and of what the thesis prints for them."""
    return tuple(Row(code, weight, Seed(*seed)) for code, weight, *seed in printed)


BY_CODE = _rows(
    (3, 0.95, 0.035, 1.505, 0.8558),
    (4, 0.95, 0.030, 1.591, 0.869),
    (5, 0.95, 0.027, 1.501, 0.9605),
    (6, 0.95, 0.023, 1.494, 0.9673),
    (8, 0.95, 0.019, 1.494, 0.9675),
    (10, 0.95, 0.017, 1.494, 0.9675),
    (12, 0.95, 0.015, 1.499, 0.9616),
    (25, 0.95, 0.014, 1.503, 0.9582),
)
BY_WEIGHT = _rows(
    (5, 0.0, 0.231, 2.072, 0.2889),
    (5, 0.2, 0.046, 1.662, 0.7994),
    (5, 0.5, 0.040, 1.696, 0.7656),
    (5, 0.8, 0.038, 1.577, 0.8842),
    (5, 0.9, 0.029, 1.504, 0.9573),
    (5, 0.95, 0.026, 1.501, 0.9608),
    (5, 0.99, 0.025, 1.521, 0.9447),
    (5, 1.0, 0.026, 2.303, 0.098),
    (5, None, 0.026, 1.929, 0.6338),
)
ALONE = (
    Row(5, "after", Seed(0.02, None, 0.92, 2)),
    Row(CODE, "after", Seed(None, None, 0.8411), healing=True),
)


def trained(row: Row, known: Digits, unseen: Digits, passes: int) -> dict[str, float]:
    """Train one row on some digits, and score it on others."""
    torch.manual_seed(0)
    coder, reader = autoencoder(row.code), Classifier(row.code)
    shown = [_shown(digits, row, seed) for seed, digits in enumerate((known, unseen))]
    if row.weight == "after":
        learn(coder, shown[0], passes)
        codes = mapped(lambda x: coder.encode(x).flatten(1), shown[0])
        targets = known.labels.long()
        descend(
            reader.parameters(),
            lambda some: F.cross_entropy(reader(codes[some]), targets[some]),
            len(codes),
            OWN_PASSES if passes > 1 else 1,
            rate=RATE,
        )
    else:
        _learn_both(coder, reader, (shown[0], known.labels.long()), row.weight, passes)
    found = _scores(coder, reader, shown[1], unseen.labels.long())
    beside = size(ThesisCoder(row.code))
    return {**found, "size": size(coder), "beside": beside}


def learn(coder: Autoencoder, frames: Tensor, passes: int) -> None:
    """Train an autoencoder alone on frames (N, 1, 28, 28)."""
    descend(
        coder.parameters(),
        lambda some: F.mse_loss(coder(frames[some]), frames[some]),
        len(frames),
        passes,
        rate=RATE,
    )


def _shown(digits: Digits, row: Row, seed: int) -> Tensor:
    if not row.healing:
        return unit(digits.pictures)
    return unit(augmented(digits, 0.5, TURNED, seed))


def _learn_both(
    coder: Autoencoder,
    reader: Classifier,
    given: tuple[Tensor, Tensor],
    weight: float | str | None,
    passes: int,
) -> None:
    """Train both at once on frames and labels."""
    frames, labels = given
    balance = 0.5 if weight is None else float(weight)

    def loss(some: Tensor) -> Tensor:
        nonlocal balance
        codes = coder.encode(frames[some])
        again = F.mse_loss(coder.decode(codes, 28, 28), frames[some])
        wrong = F.cross_entropy(reader(codes.flatten(1)), labels[some])
        total = balance * again + (1 - balance) * wrong
        if weight is None:
            balance = float((wrong / (wrong + again)).detach())
        return total

    both = [*coder.parameters(), *reader.parameters()]
    descend(both, loss, len(frames), passes, rate=RATE)


def _scores(
    coder: Autoencoder, reader: Classifier, frames: Tensor, labels: Tensor
) -> dict[str, float]:
    """Errors of pictures held to 0..1, and of what is said to be on them."""
    errors = mapped(
        lambda x: (coder(x).clamp(0, 1) - x).square().mean((1, 2, 3)), frames
    )
    logits = mapped(lambda x: reader(coder.encode(x).flatten(1)), frames)
    return {
        "mse": float(errors.mean()),
        "entropy": float(F.cross_entropy(logits, labels)),
        "twice": float(F.cross_entropy(logits.softmax(1), labels)),
        "right": float((logits.argmax(1) == labels).float().mean()),
    }
