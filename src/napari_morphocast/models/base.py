"""What every model is: settings, losses with the parameters they may move, a name."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn
from torch.nn import functional as F

from napari_morphocast.errors import SettingsError
from napari_morphocast.models.coded import Coded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from napari_morphocast.data.windows import Window

    Validate = Callable[[Window[Tensor]], tuple[Tensor, Tensor]]

# The fastest, and on most movies of benchmarks/skill.py as good as the ConvLSTM.
AUTOMATIC = "unet"
SHOWN = 3  # pictures of a model that makes some
FORECASTERS: dict[str, type[Forecaster]] = {}
SYNTHESIZERS: dict[str, type[Synthesizer]] = {}


class ModelConfig(BaseModel):
    """Settings of a model; every field has a title, a description and bounds."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class SynthesizerConfig(ModelConfig):
    """Settings that all models have that make frames."""

    side: Literal[32, 64, 128, 256, 512] = Field(
        64,
        title="Side",
        description="Of the frames it makes, and of the crops it learns from (pixels).",
    )
    frames: int = Field(
        1,
        ge=1,
        le=8,
        title="Frames",
        description="How many frames in a row it makes at once (frames).",
    )


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
    fastest : float
        The highest learning rate, where the one that was chosen is too high.
    """

    name: str
    loss: Callable[[Window[Tensor]], Tensor]
    module: nn.Module
    every: int = 1
    fastest: float = math.inf


@dataclass(frozen=True, slots=True)
class Stage:
    """A stretch of training that optimises some objectives, in order, on every batch.

    Its best weights, by ``validate``, are those that the next stage begins with.

    Parameters
    ----------
    name : str
        What is done, in one word.
    objectives : tuple of Objective
        What is optimised.
    share : float
        Part of all epochs, relative to the other stages.
    validate : callable, optional
        As the model's own ``validate``, which it takes the place of.
    game : bool
        Whether networks play against each other: then a gradient that fades ends it.
    betas : (float, float), optional
        Of AdamP, which is then taken whatever was chosen: where networks play against
        each other, momentum can make them chase one another in circles.
    begin : callable, optional
        Called once before the first epoch, on the network and on its average; where
        that makes forecasts worse, ``forget`` is called.
    collapsed : callable, optional
        Whether the networks are spoiled, though no loss says so, given unseen windows.
    """

    name: str
    objectives: tuple[Objective, ...]
    share: float = 1.0
    validate: Validate | None = None
    game: bool = False
    betas: tuple[float, float] | None = None
    begin: Callable[[], None] | None = None
    collapsed: Callable[[Iterable[Window[Tensor]]], bool] | None = None


class Model(nn.Module, ABC):
    """A network with settings that says what is to be optimised, never how."""

    Config: ClassVar[type[ModelConfig]] = ModelConfig
    name: ClassVar[str] = ""
    implied: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, config: ModelConfig, channels: int) -> None:
        super().__init__()
        self.config = config
        self.channels = channels

    @classmethod
    def usual(cls, config: ModelConfig) -> dict[str, Any]:
        """Settings of window and training that suit this model, unless told.

        Those named ``implied`` follow from others or from the movies, so nobody need
        be asked.
        """
        return {}

    @classmethod
    def fixed(cls, config: ModelConfig) -> dict[str, Any]:
        """Settings of window and training that cannot be others than these."""
        return {}

    @abstractmethod
    def stages(self) -> tuple[Stage, ...]:
        """Stretches of training, in order; none for a model that needs no training."""

    @abstractmethod
    def validate(self, batch: Window[Tensor]) -> tuple[Tensor, Tensor]:
        """Loss on unseen windows, and what the model made that it was taken from.

        The loss must be comparable from epoch to epoch: lower is better.
        """

    def signals(self) -> dict[str, float]:
        """What else is worth watching while it learns, by name."""
        return {}

    @abstractmethod
    def pictures(self, batch: Window[Tensor], found: Tensor) -> Tensor:
        """Some pictures (N, C, Y, X) of what ``validate`` found, to watch training."""


class Forecaster(Model):
    """Foretells the frames that follow some frames."""

    tuned: ClassVar[tuple[str, ...]] = ()  # names of the buffers that ``tune`` fills

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

    @property
    def found(self) -> dict[str, Tensor]:
        """What ``tune`` found, by its name in the state."""
        every = self.named_buffers()
        return {n: found for n, found in every if n.rpartition(".")[2] in self.tuned}

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

    def follow(self, parts: Iterable[Tensor]) -> Iterator[Tensor]:
        """As ``unroll``, from known frames that come in parts, (B, T, C, Y, X) each.

        A network with a memory need not keep them all.
        """
        yield from self.unroll(torch.cat(list(parts), 1))

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

    def validate(self, batch: Window[Tensor]) -> tuple[Tensor, Tensor]:
        """Distance of a free-running forecast from the truth."""
        forecast = self.forecast(batch.context, batch.target.shape[1])
        return self.criterion(forecast, batch.target), forecast

    def pictures(self, batch: Window[Tensor], found: Tensor) -> Tensor:
        """Last input, forecast and truth of the first window."""
        return torch.stack([batch.context[0, -1], found[0, 0], batch.target[0, 0]])


class Synthesizer(Model, Coded):
    """Makes frames that were never seen, from codes that say how they look.

    Images are (B, frames C, side, side) with values of about 0..1: frames in a row are
    channels of one image.
    """

    @classmethod
    def fixed(cls, config: ModelConfig) -> dict[str, Any]:
        """Windows of as many frames as it makes at once, and crops of its side."""
        assert isinstance(config, SynthesizerConfig)
        context = max(1, config.frames - 1)
        return {
            "task": "forecast",
            "context": context,
            "horizon": 1,
            "crop": config.side,
        }

    implied = frozenset({"task", "context", "horizon", "crop", "members", "denoise"})

    def __init_subclass__(cls, *, name: str = "", **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if name:
            cls.name = name
            SYNTHESIZERS[name] = cls

    config: SynthesizerConfig

    @property
    def side(self) -> int:
        """Height and width of the images it makes (pixels)."""
        return self.config.side

    @property
    def frames(self) -> int:
        """How many frames in a row one image holds."""
        return self.config.frames

    @property
    @abstractmethod
    def middle(self) -> Tensor:
        """The most typical code, shape (...)."""

    @abstractmethod
    def draw(self, count: int, generator: torch.Generator) -> Tensor:
        """Draw codes (count, ...), as various as those of real images."""

    @abstractmethod
    def encode(self, images: Tensor) -> Tensor:
        """Find codes (B, ...) from which images like these are made."""

    @abstractmethod
    def decode(self, codes: Tensor, generator: torch.Generator) -> Tensor:
        """Make an image of each code; ``generator`` draws what codes leave open."""

    @abstractmethod
    def unlike(self, one: Tensor, other: Tensor) -> Tensor:
        """How unlike images are, pair by pair on average, as an eye might see it."""

    def codes(self, frames: Tensor) -> Tensor:
        """Codes (B, size) of frames (B, C, Y, X), of larger ones of their middle."""
        return self.encode(self.whole(frames)).flatten(1)

    def whole(self, frames: Tensor) -> Tensor:
        """Images of frames in a row (B, frames C, Y, X), or of one (B, C, Y, X)."""
        one = frames.shape[1] == self.channels
        return self.fitted(frames.repeat(1, self.frames, 1, 1) if one else frames)

    def images(self, batch: Window[Tensor]) -> Tensor:
        """The last frames of windows as images (B, frames C, side, side)."""
        return self.fitted(torch.cat(batch, 1)[:, -self.frames :].flatten(1, 2))

    def fitted(self, frames: Tensor) -> Tensor:
        """Frames (B, frames C, Y, X) as images (B, frames C, side, side).

        The middle of larger frames; smaller ones are mirrored at their edges.

        Raises
        ------
        SettingsError
            If they are too small for that.
        """
        height, width = frames.shape[2:]
        y, x = self.side - height, self.side - width
        if y - y // 2 >= height or x - x // 2 >= width:
            raise SettingsError(
                f"Frames of {height} x {width} pixels are too small for a side of "
                f"{self.side}; choose a smaller side."
            )
        edges = x // 2, x - x // 2, y // 2, y - y // 2
        frames = F.pad(frames, [min(0, edge) for edge in edges])
        return F.pad(frames, [max(0, edge) for edge in edges], "reflect")

    def pictures(self, batch: Window[Tensor], found: Tensor) -> Tensor:
        """The last frames of the first few images."""
        frames: Tensor = found.unflatten(1, (self.frames, -1))
        return frames[:SHOWN, -1]

    def sample(
        self, count: int, generator: torch.Generator, *, variation: float = 1.0
    ) -> Tensor:
        """Make images that nobody saw.

        Parameters
        ----------
        count : int
            How many.
        generator : torch.Generator
            Decides which.
        variation : float
            1 is that of real images; less is more typical (truncation).
        """
        codes = self.draw(count, generator)
        return self.decode(self.middle + variation * (codes - self.middle), generator)


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
