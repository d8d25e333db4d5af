"""Everything that can be set about a run, checked before anything starts."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from napari_morphocast.data.windows import WindowSpec
from napari_morphocast.errors import SettingsError
from napari_morphocast.models.base import AUTOMATIC, ModelConfig, model_class
from napari_morphocast.models.losses import WINDOW
from napari_morphocast.training.events import ENDLESS

if TYPE_CHECKING:
    from pathlib import Path

    from pydantic_core import ErrorDetails

T = TypeVar("T", bound=BaseModel)
MISTYPED = "_type", "_parsing", "_from_float"  # how pydantic calls a wrong type
WANTED = {
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "string": "a word",
    "tuple": "a list, such as [16, 32]",
}


class TrainConfig(BaseModel):
    """How a model is trained, whatever the model."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    epochs: int = Field(
        60,
        ge=1,
        le=ENDLESS,
        title="Epochs",
        description="Most passes over the training windows; each stage of training "
        "has at least one.",
    )
    minutes: float = Field(
        0.0,
        ge=0,
        le=100_000,
        title="Time limit",
        description="End after so many minutes with the best model so far "
        "(minutes; 0 = no limit).",
    )
    patience: int = Field(
        15,
        ge=0,
        le=100_000,
        title="Patience",
        description="After so many epochs without getting better on unseen frames, go "
        "back to the best weights and on with a tenth of the learning rate; when that "
        "brings nothing for as long, end (epochs; 0 = never).",
    )
    members: int = Field(
        1,
        ge=1,
        le=32,
        title="Members",
        description="Networks trained side by side, each on its own windows; where "
        "they differ the forecast is uncertain. 4 take four times as long; 1 cannot "
        "say how sure it is.",
    )
    batch: int = Field(
        2, ge=1, le=4096, title="Batch", description="Windows per optimiser step."
    )
    batches: int = Field(
        200,
        ge=0,
        le=1_000_000,
        title="Batches per epoch",
        description="Most optimiser steps in one epoch, so that a long movie is still "
        "checked often (0 = as many as there are batches of windows).",
    )
    crop: int = Field(
        64,
        ge=0,
        le=8192,
        title="Crop",
        description="Train on random squares of this side when frames are larger "
        "(pixels; 0 = always whole frames).",
    )
    flips: bool = Field(
        False,
        title="Flip and turn",
        description="Also train on mirrored and turned windows; right only when the "
        "scene has no preferred direction.",
    )
    outliers: float = Field(
        0.0,
        ge=0,
        le=10,
        title="Outlier changes",
        description="Leave out windows that hold a change from frame to frame as "
        "unlikely as so many standard deviations (sigma; 3 is usual, 0 = keep all).",
    )
    denoise: bool = Field(
        False,
        title="Denoised targets",
        description="Learn to forecast frames without their noise (non-local means); "
        "what the model sees stays noisy.",
    )
    learning_rate: float = Field(
        2e-3,
        gt=0,
        le=1,
        title="Learning rate",
        description="Step size of the optimiser at its peak.",
    )
    optimizer: Literal["adamw", "adamp"] = Field(
        "adamw",
        title="Optimiser",
        description="AdamW; or AdamP, which keeps weights whose length means nothing "
        "from growing. A stage in which networks play against each other has AdamP.",
    )
    weight_decay: float = Field(
        0.0,
        ge=0,
        le=1,
        title="Weight decay",
        description="Pull of the weights towards zero in every step.",
    )
    schedule: Literal["cosine", "constant"] = Field(
        "cosine",
        title="Schedule",
        description="Whether the learning rate warms up and fades, or stays.",
    )
    clip: float = Field(
        3.0,
        ge=0,
        le=1e6,
        title="Gradient clipping",
        description="Longest gradient, in units of the usual one (0 = no clipping).",
    )
    ema: float = Field(
        0.98,
        ge=0,
        lt=1,
        title="Weight averaging",
        description="Keep a running mean of the weights with this memory and use it "
        "for forecasts (0 = use the last weights).",
    )
    until: float = Field(
        0.8,
        gt=0,
        le=1,
        title="Train until",
        description="Share of each movie that training and validation may use; "
        "the rest stays unseen for evaluation.",
    )
    validation: float = Field(
        0.15,
        gt=0,
        lt=1,
        title="Validation",
        description="Share of those frames, at their end, that only choose the best "
        "epoch.",
    )
    caution: bool = Field(
        True,
        title="Caution",
        description="Keep only as much of what was learned as the validation frames "
        "vouch for; the rest is as it was before.",
    )
    hedge: bool = Field(
        True,
        title="Hedge",
        description="Mix into forecasts as much of the last known frame, blurred, as "
        "would have been right on the validation frames: further ahead usually more.",
    )
    autosave: float = Field(
        60.0,
        gt=0,
        le=120,
        title="Autosave",
        description="Longest time between two saves of the run (seconds).",
    )
    seed: int = Field(
        0,
        ge=0,
        lt=2**31,
        title="Seed",
        description="Number that all randomness follows from.",
    )


class Hardware(BaseModel):
    """Where a run computes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    device: str = Field(
        "auto",
        pattern=r"^(auto|cpu|cuda(:\d+)?|mps)$",
        title="Device",
        description="auto, cpu, cuda, cuda:1 or mps.",
    )
    precision: Literal["auto", "32-true", "bf16-mixed"] = Field(
        "auto",
        title="Precision",
        description="Number format; auto is float32, with TF32 on cards that have it; "
        "bf16-mixed needs a card with bfloat16.",
    )
    devices: int = Field(
        1, ge=1, le=1024, title="Devices", description="Processes or GPUs per node."
    )
    nodes: int = Field(1, ge=1, le=1024, title="Nodes", description="Machines.")


@dataclass(frozen=True, slots=True)
class Run:
    """Settings of one training run: the model's, the window's, the training's."""

    model: str
    settings: ModelConfig
    window: WindowSpec
    training: TrainConfig

    @classmethod
    def make(cls, model: str = "auto", **values: Any) -> Run:
        """Sort flat settings, such as ``hidden=(16, 32), epochs=5``, to their places.

        ``auto`` is ``AUTOMATIC``.

        Raises
        ------
        SettingsError
            If a name is unknown, a value out of bounds, or two contradict each other.
        """
        name = AUTOMATIC if model == "auto" else model
        config = model_class(name).Config
        if values.get("minutes") and "epochs" not in values:
            values["epochs"] = ENDLESS  # the time limit alone decides
        if values.get("task") == "between" and "supervision" in config.model_fields:
            values["supervision"] = "last"  # no frame of the context is missing
        parts: dict[type[BaseModel], dict[str, Any]] = {
            config: {},
            WindowSpec: {},
            TrainConfig: {},
        }
        for key, value in values.items():
            owner = next((p for p in parts if key in p.model_fields), None)
            if owner is None:
                names = ", ".join(n for p in parts for n in p.model_fields)
                raise SettingsError(
                    f"There is no setting called {key!r} for {name}; "
                    f"the settings are {names}."
                )
            parts[owner][key] = value
        settings = checked(config, parts.pop(config))
        for key, value in _usual(name, settings, values).items():
            owner = next(p for p in parts if key in p.model_fields)
            parts[owner].setdefault(key, value)
        made = [checked(owner, given) for owner, given in parts.items()]
        run = cls(name, settings, *made)  # type: ignore[arg-type]
        _require_room(settings, run.training.crop)
        return run

    @classmethod
    def read(cls, path: Path, **overrides: Any) -> Run:
        """Read a run from a TOML file of flat settings and a ``model`` line."""
        flat = read_settings(path) | overrides
        model = str(flat.pop("model", "auto"))
        return cls.make(model, **flat)

    def flat(self) -> dict[str, Any]:
        """Settings as one flat mapping; ``Run.make`` undoes it."""
        parts = (self.settings, self.window, self.training)
        return {k: v for part in parts for k, v in part.model_dump().items()}


def read_settings(path: Path) -> dict[str, Any]:
    """Settings of a TOML file by their names, whatever tables they are in."""
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"Cannot read settings from {path}: {error}.") from None
    flat: dict[str, Any] = {}
    for key, value in values.items():
        flat.update(value if isinstance(value, Mapping) else {key: value})
    return flat


def _usual(
    name: str, settings: ModelConfig, given: Mapping[str, Any]
) -> dict[str, Any]:
    """Settings of window and training that a model suggests, and those it demands."""
    kind = model_class(name)
    usual, fixed = kind.usual(settings), kind.fixed(settings)
    if given.get("task") == "between" and usual.get("context", 0) % 2:
        usual["context"] += 1  # half of them before the missing frame, half after
    if "epochs" in given:
        usual.pop("minutes", None)  # whoever counts epochs wants all of them
    for key, value in fixed.items():
        if given.get(key, value) != value:
            raise SettingsError(
                f"With these settings {name} has to have {key} = {value}, not "
                f"{given[key]}."
            )
    return usual | fixed


def _require_room(settings: ModelConfig, crop: int) -> None:
    """Refuse crops that are smaller than what SSIM looks at."""
    if getattr(settings, "ssim", 0) and 0 < crop < WINDOW:
        raise SettingsError(
            f"SSIM compares squares of {WINDOW} pixels, but crops have {crop}; make "
            f"crop {WINDOW} or more, or ssim 0."
        )


def checked(kind: type[T], values: Mapping[str, Any]) -> T:
    """Make a config, or say in one sentence what is wrong with which value."""
    try:
        return kind.model_validate(dict(values))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or kind.__name__
        message = _plainly(first, kind)
        raise SettingsError(
            f"The setting {where!r} cannot be {first['input']!r}: {message}."
        ) from None


def bounds(about: Mapping[str, Any]) -> str:
    """Allowed values of a setting, from its JSON schema."""
    if "enum" in about:
        return f" (one of {', '.join(map(str, about['enum']))})"
    words = {
        "minimum": "at least",
        "exclusiveMinimum": "above",
        "maximum": "at most",
        "exclusiveMaximum": "below",
    }
    limits = [f"{word} {about[key]:g}" for key, word in words.items() if key in about]
    return f" ({', '.join(limits)})" if limits else ""


def _plainly(error: ErrorDetails, config: type[BaseModel]) -> str:
    """What pydantic finds wrong with a value, for people who never heard of types."""
    found = error["type"]
    if found == "string_pattern_mismatch":
        names = config.model_fields[str(error["loc"][0])].description or ""
        return f"give {names.rstrip('.')}"
    for word, wanted in WANTED.items():
        if found.startswith(word) and found.endswith(MISTYPED):
            return f"give {wanted}"
    text = str(error["msg"]).removeprefix("Input ").removeprefix("Value error, ")
    return text[:1].lower() + text[1:]
