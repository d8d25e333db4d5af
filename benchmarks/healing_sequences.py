"""Digits that turn: the next frame, and what is known of a sequence once it is read."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from healing_codes import learn
from healing_data import FURTHER, KINDS, LONGEST, Kind, augmented, sequences, unit
from healing_models import (
    CODE,
    HIDDEN,
    LAYERS,
    RATE,
    TILE,
    WIDTHS,
    ThesisCoder,
    ThesisLSTM,
    autoencoder,
    descend,
    mapped,
    size,
)
from torch.nn import functional as F

from napari_morphocast.models.latent_lstm import LatentConfig, LatentLSTM

if TYPE_CHECKING:
    from healing_data import Digits, Sequences
    from torch import Tensor

    from napari_morphocast.models.autoencoder import Autoencoder

SHOWN = LONGEST - 1
READINGS = "forward", "both"
LEARNED, PROBED = 20_000, 5_000  # sequences that networks and probes learn from
BATCH = 256  # of codes; half as many frames
ALL = torch.arange


@dataclass(frozen=True, slots=True)
class Passes:
    """How often each part sees its training pictures or sequences."""

    coder: int = 3
    codes: int = 6  # the LSTM, on the code that comes next
    frames: int = 2  # LSTM and decoder, on the frame that comes next

    @classmethod
    def quick(cls) -> Passes:
        """Enough to see that it works."""
        return cls(1, 1, 1)


@dataclass(frozen=True, slots=True)
class Coders:
    """Autoencoders that have seen single frames: ours, and that of the thesis."""

    ours: Autoencoder
    thesis: ThesisCoder

    @classmethod
    def learned(cls, known: Digits, passes: Passes) -> Coders:
        """Train both on the same digits, turned anyhow, half of them with a square."""
        frames = unit(augmented(known, 1.0, 360.0, 0))
        torch.manual_seed(0)
        found = cls(autoencoder(CODE), ThesisCoder(CODE))
        for coder in (found.ours, found.thesis):
            learn(coder, frames, passes.coder)
            coder.eval()
        return found


def scored(
    kind: Kind, known: Digits, unseen: Digits, coders: Coders, passes: Passes
) -> dict[str, Any]:
    """Train on one kind of sequence, read in either way, and score on unseen digits."""
    train = sequences(known.first(LEARNED), kind, 1)
    test = sequences(unseen, kind, 2)
    found: dict[str, Any] = {"persistence": float(_still(test).mean())}
    codes = [
        mapped_codes(coder, train.frames) for coder in (coders.ours, coders.thesis)
    ]
    found["frame"] = _probe(train, test, lambda s: _last_codes(coders.ours, s))
    for reading in READINGS:
        torch.manual_seed(0)
        model = _ours(kind, reading, train, codes[0], coders.ours, passes)
        thesis = _thesis(reading, train, codes[1], coders.thesis, passes)
        errors, beside = _errors(model, test), _thesis_errors(thesis, test)
        found[reading] = {
            "mse": float(errors.mean()),
            "thesis": float(beside.mean()),
            "size": size(model),
            "beside": size(thesis),
            "probe": _probe(train, test, lambda s, m=model: _remembered(m, s)),
        }
        if kind is KINDS["g"] and reading == "both":
            found["further"] = _further(model, thesis, unseen)
    return found


def mapped_codes(coder: Autoencoder | ThesisCoder, frames: Tensor) -> Tensor:
    """Codes (N, T, code) of frames (N, T, Y, X)."""
    found = mapped(lambda x: coder.encode(unit(x)).flatten(1), frames.flatten(0, 1))
    return found.unflatten(0, frames.shape[:2])


def _ours(
    kind: Kind,
    reading: str,
    train: Sequences,
    codes: Tensor,
    coder: Autoencoder,
    passes: Passes,
) -> LatentLSTM:
    """The library's network: codes are frozen, as in the thesis.

    Without the skip: the detail of the last frame lies at another angle.
    """
    config = LatentConfig(
        tile=TILE,
        code=CODE,
        width=WIDTHS[CODE],
        layers=LAYERS,
        hidden=HIDDEN,
        reading=reading,
        skip=False,
    )
    model = LatentLSTM(config, 1)
    model.autoencoder = deepcopy(coder)
    ahead, count = model.dynamics, len(codes)

    def moving(some: Tensor) -> Tensor:
        return ahead(codes[some, :SHOWN], train.shown[some] if kind.varying else None)

    descend(
        ahead.parameters(),
        lambda some: F.mse_loss(moving(some), codes[some, SHOWN]),
        count,
        passes.codes,
        batch=BATCH,
    )
    parts = model.autoencoder.grown, model.autoencoder.up, model.autoencoder.last
    descend(
        [p for part in (ahead, *parts) for p in part.parameters()],
        lambda some: F.mse_loss(
            model.autoencoder.decode(moving(some)[..., None, None], 28, 28),
            unit(train.frames[some, SHOWN]),
        ),
        count,
        passes.frames,
        rate=RATE / 2,
        batch=BATCH // 2,
    )
    return model.eval()


def _thesis(
    reading: str, train: Sequences, codes: Tensor, coder: ThesisCoder, passes: Passes
) -> ThesisLSTM:
    """As chapter 5 has it: a frozen encoder, a fresh decoder; passes as for ours."""
    model = ThesisLSTM(both=reading == "both")
    model.coder.encoder = coder.encoder
    learned = model.coder.decoder, model.wider, model.lstm
    descend(
        [p for part in learned for p in part.parameters()],
        lambda some: F.mse_loss(
            model.foretold(codes[some, :SHOWN], train.shown[some]),
            unit(train.frames[some, SHOWN]),
        ),
        len(codes),
        passes.codes + passes.frames,
        batch=BATCH,
    )
    return model.eval()


def _errors(model: LatentLSTM, test: Sequences) -> Tensor:
    """Squared error of every sequence's last frame, by the library's own rollout."""

    def error(some: Tensor) -> Tensor:
        frames = unit(test.frames[some])
        ahead = next(model.unroll(frames[:, :SHOWN], test.shown[some]))
        return (ahead - frames[:, SHOWN]).square().mean((1, 2, 3))

    return mapped(error, ALL(len(test.frames)))


def _thesis_errors(model: ThesisLSTM, test: Sequences) -> Tensor:
    codes = mapped_codes(model.coder, test.frames[:, :SHOWN])

    def error(some: Tensor) -> Tensor:
        ahead = model.foretold(codes[some], test.shown[some])
        return (ahead - unit(test.frames[some, SHOWN])).square().mean((1, 2, 3))

    return mapped(error, ALL(len(codes)))


def _still(test: Sequences) -> Tensor:
    """Squared error of the frame before, if nothing moves."""
    change = unit(test.frames[:, SHOWN]) - unit(test.frames[:, SHOWN - 1])
    return change.square().mean((1, 2, 3))


def _further(
    model: LatentLSTM, thesis: ThesisLSTM, unseen: Digits
) -> dict[str, list[float]]:
    """Errors by angle, of ours, the thesis' network, and if nothing moves."""
    kind = Kind("", FURTHER, 0, growing=True, varying=True)
    test = sequences(unseen, kind, 3)
    errors = _errors(model, test), _thesis_errors(thesis, test), _still(test)
    found = {}
    for angle in FURTHER:
        here = test.angles == angle
        found[str(angle)] = [float(error[here].mean()) for error in errors]
    return found


def _remembered(model: LatentLSTM, some: Sequences) -> np.ndarray:
    """What the LSTM remembers of sequences, each read as long as it is."""
    found = torch.zeros(len(some.frames), HIDDEN * model.dynamics.directions)
    for length in some.shown.unique():
        here = some.shown == length
        frames = some.frames[here, SHOWN - int(length) : SHOWN]
        found[here] = mapped(lambda x: model.sequence_codes(unit(x)), frames)
    return found.numpy()


def _last_codes(coder: Autoencoder, some: Sequences) -> np.ndarray:
    """Codes of the last frames shown."""
    return mapped_codes(coder, some.frames[:, SHOWN - 1 : SHOWN])[:, 0].numpy()


def _probe(train: Sequences, test: Sequences, described: Any) -> dict[str, float]:
    """How often a linear classifier of codes is right about digit and angle."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    few, test = (type(s)(*(values[:PROBED] for values in s)) for s in (train, test))
    inputs, unseen = described(few), described(test)
    found = {}
    for what in ("labels", "angles"):
        truth = getattr(few, what).numpy()
        if len(np.unique(truth)) == 1:
            continue
        probe = make_pipeline(StandardScaler(), LogisticRegression(max_iter=200))
        probe.fit(inputs, truth)
        found[what] = float(probe.score(unseen, getattr(test, what).numpy()))
    return found
