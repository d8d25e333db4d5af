"""A model ready for use: grey levels in, forecast grey levels out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from napari_morphocast.data.misfit import differences
from napari_morphocast.data.scaling import Scaling
from napari_morphocast.data.windows import Part, WindowSpec
from napari_morphocast.errors import ForecastError, MovieError, SettingsError
from napari_morphocast.models.base import FORECASTERS, Forecaster, Model
from napari_morphocast.training.checkpoint import Checkpoint, read
from napari_morphocast.training.config import TrainConfig
from napari_morphocast.training.memory import free, ran_out

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray
    from torch import Tensor

    from napari_morphocast.data.movie import Movie


@dataclass(frozen=True, slots=True, eq=False)
class Trained:
    """A model ready for use, what is known about it, and where it came from."""

    checkpoint: Checkpoint
    model: Model
    path: Path

    @classmethod
    def read(cls, path: Path) -> Trained:
        """Read a ``.morphocast`` file."""
        checkpoint, model = read(path)
        return cls(checkpoint, model, path)

    @classmethod
    def baseline(cls, name: str, movie: Movie) -> Trained:
        """Make a forecaster that needs no training, for one movie."""
        kind = FORECASTERS.get(name)
        if kind is None or kind(kind.Config(), 1).stages():
            names = ", ".join(n for n, k in FORECASTERS.items() if is_baseline(k))
            raise SettingsError(
                f"{name!r} is no model file and no baseline; give a .morphocast file "
                f"or one of {names}."
            )
        model = kind(kind.Config(), movie.shape[1])
        checkpoint = Checkpoint(
            model=name,
            settings=model.config.model_dump(),
            channels=movie.shape[1],
            window=WindowSpec(context=model.shortest_context, horizon=1),
            scaling=Scaling.fit([Part(movie, 0, len(movie))]),
            training=TrainConfig(),
            movies=(),
        )
        return cls(checkpoint, model.eval(), Path(name))

    @property
    def name(self) -> str:
        """What tables and layers call this model."""
        return self.path.stem

    @property
    def context(self) -> int:
        """How many frames a forecast starts from."""
        return self.checkpoint.window.context

    def to(self, device: torch.device) -> Trained:
        """The same model on another device."""
        return Trained(self.checkpoint, self.model.to(device), self.path)

    def unroll(self, context: NDArray[Any]) -> Iterator[NDArray[np.float32]]:
        """Foretell frame after frame, in grey levels.

        Parameters
        ----------
        context : array, shape (T, C, Y, X) or (B, T, C, Y, X)
            Known frames in grey levels.

        Yields
        ------
        array, shape (C, Y, X) or (B, C, Y, X)
            Frame T, then T + 1, and so on, in grey levels, not yet rounded.
        """
        model = self.model
        if not isinstance(model, Forecaster):
            raise SettingsError(f"{self.name!r} makes frames, but does not forecast.")
        one = context.ndim == 4
        scaled = self.checkpoint.scaling.apply(context[None] if one else context)
        device = next(iter(model.parameters()), torch.empty(0)).device
        frames = model.unroll(torch.from_numpy(scaled).to(device))
        while True:
            frame = self._next(frames, context.shape)
            grey = self.checkpoint.scaling.invert(frame.float().cpu().numpy())
            yield grey[0] if one else grey

    def _next(self, frames: Iterator[Tensor], shape: tuple[int, ...]) -> Tensor:
        try:
            with torch.inference_mode():
                return next(frames)
        except RuntimeError as error:
            if not ran_out(error):
                raise
            device = next(iter(self.model.parameters())).device
            height, width = shape[-2:]
            raise ForecastError(
                f"Memory ran out on {device}{free(device)} while forecasting frames of "
                f"{height} x {width} pixels; forecast on the CPU, or crop the movie."
            ) from None

    def forecast(self, context: NDArray[Any], horizon: int) -> NDArray[np.float32]:
        """Foretell frames in grey levels, shape ([B,] horizon, C, Y, X)."""
        frames = self.unroll(context)
        ahead = [next(frames) for _ in range(horizon)]
        return np.stack(ahead, axis=context.ndim - 4)

    def misfits(self, movie: Movie) -> list[str]:
        """Sentences on how a movie differs from those the model learned from.

        Raises
        ------
        MovieError
            If the model cannot be used on this movie at all.
        """
        channels = self.checkpoint.channels
        if movie.shape[1] != channels:
            raise MovieError(
                f"{self.name!r} was trained on {channels} channel(s), but "
                f"{movie.name!r} has {movie.shape[1]}; choose a channel or another "
                "model."
            )
        return [
            sentence
            for record in self.checkpoint.movies[:1]
            for sentence in differences(record.interval, record.pixel_size, movie)
        ]


def is_baseline(kind: type[Forecaster]) -> bool:
    """Whether a forecaster works without training."""
    return not kind(kind.Config(), 1).stages()
