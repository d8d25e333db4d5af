"""What every model is: settings, losses with the parameters they may move, a name."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from pydantic import BaseModel, ConfigDict
from torch import Tensor, nn
from torch.nn import functional as F

from napari_morphocast.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from napari_morphocast.data.windows import Window

AUTOMATIC = "unet"  # what benchmarks/skill.py found best; "auto" stands for it
FORECASTERS: dict[str, type[Forecaster]] = {}
SYNTHESIZERS: dict[str, type[Synthesizer]] = {}


class ModelConfig(BaseModel):
    """Settings of a model; every field has a title, a description and bounds."""

    model_config = ConfigDict(frozen=True, extra="forbid")


@dataclass(frozen=True, slots=True)
class Objective:
    """One loss, and the only parameters it may move.

    Parameters
    ----------
    name : str
        What the curve of this loss is called; those of one name share a curve.
    loss : callable
        Maps a batch of windows to a scalar.
    module : nn.Module
        Holds the parameters that this loss moves; all others stay untouched.
    every : int
        Evaluate on every so many batches only (lazy regularisation).
    """

    name: str
    loss: Callable[[Window[Tensor]], Tensor]
    module: nn.Module
    every: int = 1


@dataclass(frozen=True, slots=True)
class Stage:
    """A stretch of training that optimises some objectives, in order, on every batch.

    ``share`` is its part of all epochs, relative to the other stages.
    """

    name: str
    objectives: tuple[Objective, ...]
    share: float = 1.0


class Model(nn.Module, ABC):
    """A network with settings that says what is to be optimised, never how."""

    Config: ClassVar[type[ModelConfig]] = ModelConfig
    name: ClassVar[str] = ""

    def __init__(self, config: ModelConfig, channels: int) -> None:
        super().__init__()
        self.config = config
        self.channels = channels

    @abstractmethod
    def stages(self) -> tuple[Stage, ...]:
        """Stretches of training, in order; none for a model that needs no training."""

    @abstractmethod
    def validate(self, batch: Window[Tensor]) -> tuple[Tensor, Tensor | None]:
        """Loss on unseen windows, and the forecast it was taken from, if there is one.

        The loss must be comparable from epoch to epoch: lower is better.
        """


class Forecaster(Model):
    """Foretells the frames that follow some frames."""

    def __init_subclass__(cls, *, name: str = "", **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if name:
            cls.name = name
            FORECASTERS[name] = cls

    @property
    def shortest_context(self) -> int:
        """Fewest frames that a forecast can start from."""
        return 1

    @property
    def lookback(self) -> int:
        """How many of the frames before a target ``tune`` looks at."""
        return self.shortest_context

    def tune(self, stretches: Iterable[Tensor]) -> None:
        """Find what can be found at once, in closed form, before any training.

        Parameters
        ----------
        stretches : iterable of Tensor, shape (T, C, Y, X)
            Neighbouring training frames, scaled to about 0..1.
        """

    def forget(self) -> None:
        """Undo ``tune``, where it has done harm; nothing to undo unless told."""

    @abstractmethod
    def unroll(self, context: Tensor) -> Iterator[Tensor]:
        """Foretell one frame after the other, for as long as anybody asks.

        Parameters
        ----------
        context : Tensor, shape (B, T, C, Y, X)
            Known frames in time order, scaled to about 0..1.

        Yields
        ------
        Tensor, shape (B, C, Y, X)
            Frame T, then T + 1, and so on; from the model's own forecasts once the
            known frames are used up.
        """

    def forecast(self, context: Tensor, horizon: int) -> Tensor:
        """Foretell ``horizon`` frames from the frames before them.

        Parameters
        ----------
        context : Tensor, shape (B, T, C, Y, X)
            Known frames in time order, scaled to about 0..1.
        horizon : int
            How many frames to foretell.

        Returns
        -------
        Tensor, shape (B, horizon, C, Y, X)
            A short forecast is the prefix of a long one.
        """
        return torch.stack(list(islice(self.unroll(context), horizon)), 1)

    def criterion(self, forecast: Tensor, target: Tensor) -> Tensor:
        """Scalar distance of a forecast from the truth: what validation curves show."""
        return F.mse_loss(forecast, target)

    def loss(self, batch: Window[Tensor]) -> Tensor:
        """Scalar training loss of a batch of windows."""
        forecast = self.forecast(batch.context, batch.target.shape[1])
        return self.criterion(forecast, batch.target)

    def stages(self) -> tuple[Stage, ...]:
        """One stage with one loss, unless the model says otherwise."""
        return (Stage("fit", (Objective("loss", self.loss, self),)),)

    def validate(self, batch: Window[Tensor]) -> tuple[Tensor, Tensor | None]:
        """Distance of a free-running forecast from the truth."""
        forecast = self.forecast(batch.context, batch.target.shape[1])
        return self.criterion(forecast, batch.target), forecast


class Synthesizer(Model):
    """Makes frames that were never seen."""

    def __init_subclass__(cls, *, name: str = "", **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if name:
            cls.name = name
            SYNTHESIZERS[name] = cls

    @abstractmethod
    def sample(self, count: int, generator: torch.Generator) -> Tensor:
        """Make frames, shape (count, C, Y, X)."""

    @abstractmethod
    def resemble(
        self, frames: Tensor, generator: torch.Generator, *, variation: float
    ) -> Tensor:
        """Make one frame like each given one, shape (B, C, Y, X)."""


def model_class(name: str) -> type[Model]:
    """Class of the model called ``name``.

    Raises
    ------
    SettingsError
        If there is none; the message lists what there is.
    """
    known: dict[str, type[Model]] = {**FORECASTERS, **SYNTHESIZERS}
    if name not in known:
        raise SettingsError(
            f"There is no model called {name!r}; choose one of {', '.join(known)}."
        )
    return known[name]
