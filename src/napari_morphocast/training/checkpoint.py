"""A trained model as one file: safetensors weights under a JSON header, no code."""

from __future__ import annotations

import hashlib
import math
import os
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import torch
from pydantic import BaseModel, ConfigDict, ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as serialised

from napari_morphocast.data.scaling import Scaling
from napari_morphocast.data.windows import WindowSpec
from napari_morphocast.errors import CheckpointError, SettingsError
from napari_morphocast.evaluation.calibration import Calibration
from napari_morphocast.evaluation.proof import Proof
from napari_morphocast.models.base import Forecaster, Model, model_class
from napari_morphocast.models.ensemble import Ensemble
from napari_morphocast.models.hedge import Hedge
from napari_morphocast.training.config import TrainConfig, checked

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from torch import Tensor

FORMAT = 1
SUFFIX = ".morphocast"
KEY = "morphocast"


class MovieRecord(BaseModel):
    """What a model remembers of a movie that it was trained on.

    ``labels`` is a fingerprint of its segmentation, if it had one. ``seen`` holds
    fingerprints of training and validation frames (all of them up to a few
    hundred), so that an evaluation on them can be told from an honest one.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    shape: tuple[int, int, int, int]
    dtype: str
    interval: float | None
    pixel_size: tuple[float, float] | None
    channels: tuple[str, ...]
    rgb: bool
    until: int
    seen: tuple[str, ...]
    labels: str = ""


class Checkpoint(BaseModel):
    """Everything about a trained model but its weights.

    ``scores`` holds the validation loss of the kept weights (``validation``), that of
    "nothing moves" (``persistence``; not of a stage with a measure of its own), the
    epoch they are from (``epoch``) and how many stages had none by then
    (``stages_left``), and which share of what was learned was ``kept``; of an adaptive
    loss that has learned something also how much outliers count (``alpha``) and from
    which error on one is, in grey levels (``c``).
    ``calibration`` is that of an ensemble whose run has ended; ``hedge`` says how much
    of a forecast is the blurred last frame, and ``proof`` how far ahead a forecaster
    has been found to be of use.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str
    settings: dict[str, Any]
    channels: int
    window: WindowSpec
    scaling: Scaling
    training: TrainConfig
    movies: tuple[MovieRecord, ...]
    scores: dict[str, float] = {}
    calibration: Calibration | None = None
    hedge: Hedge | None = None
    proof: Proof | None = None
    made_on: str = ""
    made_with: dict[str, str] = {}
    format: int = FORMAT

    @property
    def skill(self) -> float:
        """Share of the validation loss of "nothing moves" removed; NaN if unknown."""
        still = self.scores.get("persistence", 0.0)
        return 1 - self.scores["validation"] / still if still else math.nan

    @property
    def for_good(self) -> set[str]:
        """Names of the settings that the model keeps, whoever finetunes it."""
        kind = model_class(self.model)
        fixed = kind.fixed(checked(kind.Config, self.settings))
        return {*kind.Config.model_fields, *WindowSpec.model_fields, "members", *fixed}

    def build(self) -> Model:
        """Make the model, with fresh weights; of several members it is an ensemble.

        Raises
        ------
        SettingsError
            If the settings make no sense, or of this model there is no ensemble.
        """
        kind, members = model_class(self.model), self.training.members
        config = checked(kind.Config, self.settings)
        if members == 1:
            return kind(config, self.channels)
        if not issubclass(kind, Forecaster):
            raise SettingsError(
                f"{self.model!r} does not forecast, so it has no members that could "
                "differ; leave members at 1."
            )
        return Ensemble(kind, config, self.channels, members)


def stamp() -> dict[str, Any]:
    """When and with which versions a checkpoint is made."""
    packages = ("napari-morphocast", "torch", "numpy")
    return {
        "made_on": datetime.now(UTC).isoformat(timespec="seconds"),
        "made_with": {name: version(name) for name in packages},
    }


def save(path: Path, checkpoint: Checkpoint, weights: Mapping[str, Tensor]) -> None:
    """Write a checkpoint to a temporary file, then put it in place of ``path``.

    Raises
    ------
    CheckpointError
        If the file cannot be written; an older file of that name is then unharmed.
    """
    tensors = {k: v.detach().cpu().contiguous().clone() for k, v in weights.items()}
    header = {KEY: checkpoint.model_dump_json(), "digest": _digest(tensors)}
    with replacing(path) as temporary:
        temporary.write_bytes(serialised(tensors, metadata=header))


def read(path: Path) -> tuple[Checkpoint, Model]:
    """Read a checkpoint; runs no code from the file.

    Raises
    ------
    CheckpointError
        If the file is missing, damaged, foreign, or of a newer format.
    """
    checkpoint, tensors = _contents(path)
    try:
        model = checkpoint.build()
        model.load_state_dict(tensors)
    except (RuntimeError, SettingsError) as error:
        reason = f" ({error})" if isinstance(error, SettingsError) else ""
        raise CheckpointError(
            f"{path} does not fit this version's {checkpoint.model!r} model{reason}; "
            "train it again."
        ) from None
    return checkpoint, model.eval()


def amend(path: Path, **changes: Any) -> None:
    """Change what a checkpoint says about its model; its weights stay as they are.

    Raises
    ------
    CheckpointError
        As in ``read`` and ``save``; the file is then unharmed.
    """
    checkpoint, tensors = _contents(path)
    save(path, checkpoint.model_copy(update=changes), tensors)


def peek(path: Path) -> tuple[Checkpoint, str]:
    """Read what a checkpoint says, and the digest of its weights, but not the weights.

    Raises
    ------
    CheckpointError
        As in ``read``.
    """
    with _opened(path) as file:
        header = file.metadata() or {}
    return _parse(path, header), header.get("digest", "")


def _contents(path: Path) -> tuple[Checkpoint, dict[str, Tensor]]:
    """What a checkpoint says, and its weights, as they were written."""
    with _opened(path) as file:
        header = file.metadata() or {}
        tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    checkpoint = _parse(path, header)
    if _digest(tensors) != header.get("digest"):
        raise CheckpointError(f"The weights in {path} are damaged; fetch it again.")
    return checkpoint, tensors


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """Open a safetensors file, or say what is wrong with it."""
    if not path.is_file():
        raise CheckpointError(f"There is no model file at {path}; check the path.")
    try:
        with safe_open(path, framework="pt") as file:
            yield file
    except (SafetensorError, OSError, ValueError) as error:
        raise CheckpointError(
            f"{path} is no morphocast model, or it is damaged ({error}); "
            "train again or fetch the file again."
        ) from None


def _parse(path: Path, header: Mapping[str, str]) -> Checkpoint:
    if KEY not in header:
        raise CheckpointError(
            f"{path} holds weights, but not of a morphocast model; "
            f"choose a {SUFFIX} file."
        )
    try:
        number = int(_FormatOnly.model_validate_json(header[KEY]).format)
        if number > FORMAT:
            raise CheckpointError(
                f"{path} has format {number}, but this version reads up to {FORMAT}; "
                "update napari-morphocast."
            )
        return Checkpoint.model_validate_json(header[KEY])
    except ValidationError as error:
        where = ".".join(map(str, error.errors()[0]["loc"]))
        raise CheckpointError(
            f"The description in {path} is damaged (at {where or 'its start'}); "
            "fetch the file again."
        ) from None


class _FormatOnly(BaseModel):
    """The one field that every format, past or future, has."""

    format: int


def _digest(tensors: Mapping[str, Tensor]) -> str:
    total = hashlib.sha256()
    for name in sorted(tensors):
        total.update(name.encode())
        flat = tensors[name].reshape(-1).contiguous()
        total.update(flat.view(torch.uint8).numpy().tobytes())
    return total.hexdigest()


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary path that takes the place of ``path`` if nothing fails."""
    if not path.parent.is_dir():
        raise CheckpointError(
            f"There is no folder {path.parent} to save in; make it first."
        )
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        yield temporary
        os.replace(temporary, path)
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"Cannot write {path}: {error}.") from None
    finally:
        temporary.unlink(missing_ok=True)
