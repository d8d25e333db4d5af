"""Settings of a sweep."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from napari_morphocast.training.space import Span, Value

STEPS = 10  # parts of a run; after each it is compared with others


class Search(BaseModel):
    """What a sweep tries, how often, and where its trials are kept."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str = Field("auto", title="Model", description="What is trained.")
    fixed: Mapping[str, Any] = Field(
        {}, title="Settings", description="Settings that all trials share, by name."
    )
    only: tuple[str, ...] = Field(
        (),
        title="Tried",
        description="Names of the settings to try, if not those that matter most.",
    )
    ranges: Mapping[str, Span | tuple[Value, ...]] = Field(
        {},
        title="Ranges",
        description="Values to try of some settings: Span(low, high), or several.",
    )
    trials: int = Field(
        50,
        ge=1,
        le=1_000_000,
        title="Trials",
        description="How many trials there shall be, by all processes together.",
    )
    sampler: Literal["tpe", "random"] = Field(
        "tpe",
        title="Sampler",
        description="Whether settings are drawn near those that did well (tpe), or "
        "blindly (random).",
    )
    prune: bool = Field(
        True,
        title="Give up early",
        description="End trials early that do worse than half of the others did at "
        "that point.",
    )
    storage: str = Field(
        "",
        title="Storage",
        description="Database that processes share, such as sqlite:///sweep.db; else a "
        "file beside the model.",
    )
    study: str = Field(
        "",
        title="Study",
        description="Name in the database; else it follows from movies and settings.",
    )
