"""A model ready for use: grey levels in, forecast grey levels out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import chain, tee
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch

from napari_morphocast.data.misfit import differences, other_greys, require_channels
from napari_morphocast.data.scaling import Scaling
from napari_morphocast.data.windows import Part, WindowSpec
from napari_morphocast.errors import SettingsError
from napari_morphocast.evaluation.calibration import Calibration
from napari_morphocast.models.base import FORECASTERS, Forecaster, Model
from napari_morphocast.models.ensemble import Ensemble
from napari_morphocast.models.moving import Moving
from napari_morphocast.training.checkpoint import Checkpoint, read
from napari_morphocast.training.config import TrainConfig
from napari_morphocast.training.memory import in_words
from napari_morphocast.training.tuning import stretches

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from numpy.typing import NDArray
    from torch import Tensor

    from napari_morphocast.data.movie import Movie
    from napari_morphocast.data.windows import Task


class Foretold(NamedTuple):
    """One frame, (C, Y, X) or (B, C, Y, X), and what is known about it.

    ``spread`` is the error to be expected there, as one standard deviation in grey
    levels; only an ensemble says so. ``motion`` (..., 2, Y, X) says how far away, along
    Y and X, each pixel was one frame before, and ``unusual`` (..., 1, Y, X) how much
    else was done to it; only models that move pixels do.
    """

    frame: NDArray[np.float32]
    spread: NDArray[np.float32] | None = None
    motion: NDArray[np.float32] | None = None
    unusual: NDArray[np.float32] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Trained:
    """A model ready for use, what is known about it, and where it came from."""

    checkpoint: Checkpoint
    model: Model
    path: Path
    hedged: bool = True  # whether forecasts are mixed as its file says

    @classmethod
    def read(cls, path: Path) -> Trained:
        """Read a ``.morphocast`` file."""
        checkpoint, model = read(path)
        return cls(checkpoint, model, path)

    @classmethod
    def baseline(cls, name: str, movie: Movie, until: int | None = None) -> Trained:
        """Make a forecaster that needs no training, for one movie.

        Parameters
        ----------
        name : str
            Its name in the registry.
        movie : Movie
            What it will forecast.
        until : int, optional
            What can be tuned is tuned on the frames before this one; on those that
            training would use unless told.
        """
        kind, movie = baseline_class(name), movie.pictures
        model = kind(kind.Config(), movie.shape[1])
        usual = round(len(movie) * TrainConfig().until)
        stop = min(len(movie), max(1, usual if until is None else until))
        known = [Part(movie, 0, stop)]
        scaling = Scaling.fit(known)
        model.tune(stretches(known, model.lookback + 1, scaling))
        checkpoint = Checkpoint(
            model=name,
            settings=model.config.model_dump(),
            channels=movie.shape[1],
            window=WindowSpec(context=model.shortest_context, horizon=1),
            scaling=scaling,
            training=TrainConfig(),
            movies=(),
        )
        return cls(checkpoint, model.eval(), Path(name))

    @property
    def name(self) -> str:
        """What tables and layers call this model."""
        return self.path.stem

    @property
    def members(self) -> int:
        """How many networks forecast together; 1 cannot say how sure it is."""
        return self.checkpoint.training.members

    @property
    def calibration(self) -> Calibration:
        """How the members' spread becomes intervals; a naive one until a run ended."""
        kept = self.checkpoint.calibration
        return kept or Calibration.naive(self.members, self.checkpoint.channels)

    @property
    def task(self) -> Task:
        """Whether it foretells what comes next, or fills in a frame between others."""
        return self.checkpoint.window.task

    @property
    def context(self) -> int:
        """How many frames a forecast starts from."""
        return self.checkpoint.window.context

    @property
    def shortest_context(self) -> int:
        """How few frames a forecast can start from."""
        model = self.model
        return model.shortest_context if isinstance(model, Forecaster) else 1

    @property
    def interval(self) -> float | None:
        """Seconds between the frames that it learned from, if they are known."""
        movies = self.checkpoint.movies
        return movies[0].interval if movies else None

    @property
    def labels(self) -> bool:
        """Whether it has to see a segmentation beside the pictures."""
        movies = self.checkpoint.movies
        return bool(movies and movies[0].labels)

    @property
    def device(self) -> torch.device:
        """Where the model computes; what holds no numbers computes anywhere."""
        held = chain(self.model.parameters(), self.model.buffers())
        return next(held, torch.empty(0)).device

    def to(self, device: torch.device) -> Trained:
        """The same model on another device."""
        return replace(self, model=self.model.to(device))

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
        return self._grey(self.require_forecaster().unroll, context)

    def unroll_members(self, context: NDArray[Any]) -> Iterator[NDArray[np.float32]]:
        """Foretell frame after frame with each of M members, in grey levels.

        Yields
        ------
        array, shape (M, C, Y, X) or (M, B, C, Y, X)
            Their mean is what ``unroll`` yields.

        Raises
        ------
        SettingsError
            If this is a single model.
        """
        return self._grey(self.require_members().unroll_members, context)

    def require_forecaster(self) -> Forecaster:
        """Refuse a model that makes frames where a forecast is asked for."""
        if isinstance(self.model, Forecaster):
            return self.model
        raise SettingsError(
            f"{self.name!r} makes frames, but does not forecast; choose a model that "
            "does."
        )

    def require_members(self) -> Ensemble:
        """Refuse a single model where uncertainty is asked for."""
        if isinstance(self.model, Ensemble):
            return self.model
        raise SettingsError(
            f"{self.name!r} is a single model and cannot say how sure it is; train one "
            "with --members 4."
        )

    def _grey(
        self, unroll: Callable[[Tensor], Iterator[Tensor]], context: NDArray[Any]
    ) -> Iterator[NDArray[np.float32]]:
        seen = self._scaled(context)
        ahead = self._mixed(unroll(seen), seen[:, -1])
        for frame in self._safely(ahead, context.shape):
            yield self.checkpoint.scaling.invert(_array(frame, like=context))

    def _mixed(self, frames: Iterator[Tensor], last: Tensor) -> Iterator[Tensor]:
        """Forecasts with their part of the last known frame, if they shall have one."""
        mixing = self.checkpoint.hedge if self.hedged else None
        if mixing is None:
            return frames
        return mixing.mixed(frames, last, last.shape[1] - self.labels)

    def _scaled(self, frames: NDArray[Any]) -> Tensor:
        """Frames in grey levels as the model sees them, (B, T, C, Y, X)."""
        # Pictures only, if a segmentation that it does not know lies beside them.
        frames = frames[..., : self.checkpoint.channels, :, :]
        batch = frames[None] if frames.ndim == 4 else frames
        return torch.from_numpy(self.checkpoint.scaling.apply(batch)).to(self.device)

    def _safely(
        self, steps: Iterator[Tensor], shape: tuple[int, ...]
    ) -> Iterator[Tensor]:
        """Go through steps; should memory run out, say so in a sentence."""
        height, width = shape[-2:]
        advice = (
            f" while forecasting frames of {height} x {width} pixels; forecast on the "
            "CPU, or crop the movie."
        )
        while True:
            with in_words(self.device, advice), torch.inference_mode():
                step = next(steps)
            yield step

    def forecast(self, context: NDArray[Any], horizon: int) -> NDArray[np.float32]:
        """Foretell frames in grey levels, shape ([B,] horizon, C, Y, X)."""
        frames = self.unroll(context)
        ahead = [next(frames) for _ in range(horizon)]
        return np.stack(ahead, axis=context.ndim - 4)

    def foretell(self, context: NDArray[Any]) -> Iterator[Foretold]:
        """Foretell frame after frame, with all that is known about each."""
        if isinstance(self.model, Moving):
            yield from self._moving(self.model, context)
        elif self.members == 1:
            yield from map(Foretold, self.unroll(context))
        else:
            for lead, members in enumerate(self.unroll_members(context), start=1):
                spread = self.calibration.spread(members, lead)
                yield Foretold(members.mean(0), spread)

    def follow(self, parts: Iterable[NDArray[Any]]) -> Iterator[Foretold]:
        """As ``foretell``, from known frames that come in parts, (T, C, Y, X) each.

        A single network with a memory keeps none of them, however many there are.
        """
        model = self.model
        if not isinstance(model, Forecaster) or self.moves or self.members > 1:
            yield from self.foretell(np.concatenate(list(parts)))
            return
        parts = iter(parts)
        first = next(parts)
        seen = [self._scaled(first)]  # the latest part

        def shown() -> Iterator[Tensor]:
            yield seen[0]
            for part in parts:
                seen[0] = self._scaled(part)
                yield seen[0]

        def ahead() -> Iterator[Tensor]:
            frames = model.follow(shown())
            begin = next(frames)  # all parts have been seen by now
            yield from self._mixed(chain([begin], frames), seen[0][:, -1])

        for frame in self._safely(ahead(), first.shape):
            found = _array(frame, like=first)
            yield Foretold(self.checkpoint.scaling.invert(found))

    @property
    def moves(self) -> bool:
        """Whether it forecasts by moving pixels, and can show how they move."""
        return isinstance(self.model, Moving)

    def error_maps(
        self, height: int, width: int
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]] | None:
        """How much outliers count, and from which error on one is, (Y, X) each.

        From 0 (hardly) to 2 (in full), and in grey levels: means over the channels.
        Only SDC-Net++ with a map of errors has learned that.
        """
        model = self.model
        maps = model.error_maps(height, width) if isinstance(model, Moving) else None
        if maps is None:
            return None
        alpha, scale = (part.float().cpu().numpy() for part in maps)
        span = self.checkpoint.scaling.span[: len(scale)]
        return alpha.mean(0), np.asarray((scale * span).mean(0), np.float32)

    def require_motion(self) -> None:
        """Refuse a model that does not move pixels where motion is asked for."""
        if self.members > 1:
            raise SettingsError(
                f"{self.name!r} is an ensemble, whose members move pixels each in "
                "their own way; train a single model to see its motion."
            )
        if not self.moves:
            raise SettingsError(
                f"{self.name!r} does not forecast by moving pixels, so it has no "
                "motion to show; take the baseline 'advection', or train one with "
                "--model sdc_net."
            )

    def _moving(self, model: Moving, context: NDArray[Any]) -> Iterator[Foretold]:
        """What a model foretells that moves pixels."""
        seen = self._scaled(context)
        steps, same = tee(model.unroll_moving(seen))
        mixed = self._mixed((step.frame for step in steps), seen[:, -1])
        for ahead, step in zip(self._safely(mixed, context.shape), same, strict=False):
            frame = self.checkpoint.scaling.invert(_array(ahead, like=context))
            motion, unusual = (_array(part, like=context) for part in step[1:])
            yield Foretold(frame, None, motion, unusual)

    def forecast_members(
        self, context: NDArray[Any], horizon: int
    ) -> NDArray[np.float32]:
        """Foretell with each of M members, shape (M, [B,] horizon, C, Y, X)."""
        frames = self.unroll_members(context)
        return np.stack([next(frames) for _ in range(horizon)], axis=-4)

    def seen_of(self, movie: Movie) -> Movie:
        """What it sees of a movie: pictures, and a segmentation if it knows them."""
        return movie if self.labels else movie.pictures

    def require_channels(self, movie: Movie) -> None:
        """Refuse a movie with more or fewer channels.

        Raises
        ------
        MovieError
            If the model cannot be used on this movie at all.
        """
        channels, name = self.checkpoint.channels, repr(self.name)
        require_channels(channels, self.labels, movie, name)

    def misfits(self, movie: Movie) -> list[str]:
        """Sentences on how a movie differs from those the model learned from.

        Raises
        ------
        MovieError
            If the model cannot be used on this movie at all.
        """
        self.require_channels(movie)
        movie = self.seen_of(movie)
        if not self.checkpoint.movies:
            return []
        first, name = self.checkpoint.movies[0], self.name
        return [
            *differences(first.interval, first.pixel_size, movie, name),
            *other_greys(self.checkpoint.scaling, movie, name),
        ]


def _array(found: Tensor, like: NDArray[Any]) -> NDArray[np.float32]:
    """What a model found (..., B, C, Y, X), without B if the context has none."""
    array: NDArray[np.float32] = found.float().cpu().numpy()
    return array.squeeze(-4) if like.ndim == 4 else array


def baseline_class(name: str) -> type[Forecaster]:
    """Class of the baseline called ``name``; refuse what is none."""
    kind = FORECASTERS.get(name)
    if kind is not None and is_baseline(kind):
        return kind
    names = ", ".join(n for n, k in FORECASTERS.items() if is_baseline(k))
    raise SettingsError(
        f"{name!r} is no model file and no baseline; give a .morphocast file "
        f"or one of {names}."
    )


def is_baseline(kind: type[Model]) -> bool:
    """Whether a model works without training."""
    return not kind(kind.Config(), 1).stages()
