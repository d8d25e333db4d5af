"""A synthesizer ready for use: grey levels in, synthetic grey levels out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.nn import functional as F

from napari_morphocast.data.misfit import differences, other_greys, require_channels
from napari_morphocast.errors import MovieError, SettingsError
from napari_morphocast.models.base import Synthesizer
from napari_morphocast.models.lots import CODES, NOISE, lot
from napari_morphocast.training.checkpoint import Checkpoint, read

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray
    from torch import Tensor

    from napari_morphocast.data.movie import Movie

PART = 16  # images that are made at once
REFINING = 0.05  # step of a code, in units of its usual deviation from the mean


@dataclass(frozen=True, slots=True, eq=False)
class TrainedSynthesizer:
    """A synthesizer ready for use, what is known about it, and where it came from.

    Frames are in the grey levels of the movies that it learned from, shape
    (N, frames, C, Y, X): as many in a row as it makes at once, as large as ``plane``.
    """

    checkpoint: Checkpoint
    model: Synthesizer
    path: Path

    @classmethod
    def read(cls, path: Path) -> TrainedSynthesizer:
        """Read a ``.morphocast`` file.

        Raises
        ------
        CheckpointError, SettingsError
            If there is none, it is damaged, or it holds a forecaster.
        """
        checkpoint, model = read(path)
        if not isinstance(model, Synthesizer):
            raise SettingsError(
                f"{path.name} forecasts, but makes no frames like those of a movie; "
                "train one with --model cell_gan."
            )
        return cls(checkpoint, model, path)

    @property
    def name(self) -> str:
        """What layers and files call this model."""
        return self.path.stem

    @property
    def guided(self) -> bool:
        """Whether it has learned to imitate a frame: in the last stage of training."""
        return not self.checkpoint.scores.get("stages_left", 0)

    @property
    def plane(self) -> tuple[int, int]:
        """Height and width of its frames: the model's side, or the movies' if less."""
        sizes = [record.shape[2:] for record in self.checkpoint.movies]
        heights, widths = zip(*sizes, strict=True)
        side = self.model.side
        return min(side, *heights), min(side, *widths)

    @property
    def whole(self) -> bool:
        """Whether it learned whole frames, so that things have their places in one."""
        return all(one.shape[2:] == self.plane for one in self.checkpoint.movies)

    @property
    def device(self) -> torch.device:
        """Where the model computes."""
        return self.model.middle.device

    def to(self, device: torch.device) -> TrainedSynthesizer:
        """The same model on another device."""
        return TrainedSynthesizer(self.checkpoint, self.model.to(device), self.path)

    def seen_of(self, movie: Movie) -> Movie:
        """What it sees of a movie: pictures, and a segmentation if it knows them.

        Raises
        ------
        MovieError
            If none of the movie's frames can be imitated at all.
        """
        kept, name = self.checkpoint, self.name
        labels = bool(kept.movies[0].labels)
        require_channels(kept.channels, labels, movie, repr(name))
        require_size(movie.shape[2:], self.plane, name)
        return movie if labels else movie.pictures

    def misfits(self, movie: Movie) -> list[str]:
        """Sentences on how a guide's movie differs from those the model learned from.

        Raises
        ------
        MovieError
            If none of the movie's frames can be imitated at all.
        """
        seen, first, name = self.seen_of(movie), self.checkpoint.movies[0], self.name
        interval = first.interval if self.model.frames > 1 else None
        return [
            *differences(interval, first.pixel_size, seen, name),
            *other_greys(self.checkpoint.scaling, seen, name),
        ]

    def imitated(self, movie: Movie) -> list[str]:
        """A sentence on what it imitates of frames of another size."""
        height, width = movie.shape[2:]
        whole = f"The frames of {movie.name!r} have {height} x {width} pixels"
        made = f"{self.plane[0]} x {self.plane[1]}"
        if height < self.plane[0] or width < self.plane[1]:
            return [f"{whole}; they are mirrored at their edges to fill {made}."]
        if (height, width) != self.plane:
            return [f"{whole}; only the middle {made} are imitated."]
        return []

    def sample(
        self, count: int, seed: int, variation: float = 1.0
    ) -> NDArray[np.float32]:
        """Make frames that nobody saw; less ``variation`` makes them more typical."""
        return self.decode(self.varied(self.model.middle, count, seed, variation), seed)

    def resemble(
        self, frames: NDArray[Any], count: int, seed: int, variation: float = 0.0
    ) -> NDArray[np.float32]:
        """Make ``count`` images like one, each led astray by ``variation``.

        Parameters
        ----------
        frames : array, shape (frames, C, Y, X)
            What they shall be like, in grey levels; of larger frames the middle.
        """
        return self.decode(self.varied(self.encode(frames), count, seed, variation))

    def encode(self, frames: NDArray[Any]) -> Tensor:
        """Code (1, ...) of frames (frames, C, Y, X), for ``decode`` and ``refine``."""
        with torch.inference_mode():
            return self.model.encode(self._image(frames)).clone()

    def varied(self, code: Tensor, count: int, seed: int, variation: float) -> Tensor:
        """Draw ``count`` codes around one."""
        with torch.inference_mode():
            astray = self.model.draw(count, lot(seed, CODES)) - self.model.middle
            return code + variation * astray

    def decode(self, codes: Tensor, seed: int = 0) -> NDArray[np.float32]:
        """Make an image of each code."""
        noise = lot(seed, NOISE)
        with torch.inference_mode():
            parts = [self.model.decode(part, noise).cpu() for part in codes.split(PART)]
            return self._grey(torch.cat(parts))

    def between(self, one: Tensor, other: Tensor, count: int) -> Tensor:
        """Codes (count, ...) on the way from one to another, both ends included."""
        way = torch.linspace(0, 1, count, device=one.device)
        return torch.lerp(one, other, way.reshape(-1, *[1] * (one.ndim - 1)))

    def refine(
        self,
        frames: NDArray[Any],
        code: Tensor,
        steps: int,
        *,
        stop: threading.Event | None = None,
        progress: Callable[[float], None] | None = None,
    ) -> Tensor:
        """Find a code whose image is more like some frames, by descent.

        As in Image2StyleGAN (Abdal et al., 2019), with the critic's features instead
        of a pretrained network's.

        Parameters
        ----------
        frames : array, shape (frames, C, Y, X)
            What the image shall be like, in grey levels.
        code : Tensor, shape (1, ...)
            Where to begin.
        steps : int
            How many.
        stop : threading.Event, optional
            Set it to end with what has been found so far.
        progress : callable, optional
            Told the share that is done, 0..1.
        """
        model, image = self.model, self._image(frames)
        found = code.detach().clone().requires_grad_()
        usual = float((code - model.middle).square().mean().sqrt().clamp(min=1e-3))
        optimizer = torch.optim.Adam([found], REFINING * usual)
        best, least = code, float("inf")
        for step in range(steps):
            if stop is not None and stop.is_set():
                break
            again = model.decode(found, lot(0, NOISE))
            apart = 2 * F.l1_loss(again, image) + model.unlike(again, image)
            if float(apart.detach()) < least:
                best, least = found.detach().clone(), float(apart.detach())
            optimizer.zero_grad()
            apart.backward(inputs=[found])
            optimizer.step()
            if progress is not None:
                progress((step + 1) / steps)
        return best

    def _image(self, frames: NDArray[Any]) -> Tensor:
        """Frames (frames, C, Y, X) as one scaled image (1, frames C, side, side)."""
        model, channels = self.model, self.checkpoint.channels
        if frames.shape[:2] != (model.frames, channels):
            raise MovieError(
                f"{self.name} makes {model.frames} frame(s) of {channels} channel(s) "
                f"at once, but was given {frames.shape[0]} of {frames.shape[1]}; "
                "choose other frames or another model."
            )
        require_size(frames.shape[2:], self.plane, self.name)
        frames = middle(frames, self.plane)
        scaled = torch.from_numpy(self.checkpoint.scaling.apply(frames))
        return model.fitted(scaled.flatten(0, 1)[None].to(self.device))

    def _grey(self, images: Tensor) -> NDArray[np.float32]:
        """Images as frames in grey levels, (N, frames, C, Y, X)."""
        frames = images.unflatten(1, (self.model.frames, self.checkpoint.channels))
        grey = self.checkpoint.scaling.invert(frames.float().cpu().numpy())
        return middle(grey, self.plane)


def require_size(given: tuple[int, ...], plane: tuple[int, int], model: str) -> None:
    """Refuse frames of which half or more would be mirror images.

    Raises
    ------
    MovieError
        If they are less than half as high or wide as those that the model makes.
    """
    if any(2 * n < p for n, p in zip(given, plane, strict=True)):
        raise MovieError(
            f"{model} makes frames of {plane[0]} x {plane[1]} pixels, and those that "
            f"were given have {given[0]} x {given[1]}; larger ones are needed."
        )


def middle(frames: NDArray[Any], plane: tuple[int, int]) -> NDArray[Any]:
    """The middle of frames (..., Y, X), mirrored at their edges if they are smaller."""
    short = [max(0, p - n) for p, n in zip(plane, frames.shape[-2:], strict=True)]
    if any(short):
        pads = [(n // 2, n - n // 2) for n in short]
        frames = np.pad(frames, [(0, 0)] * (frames.ndim - 2) + pads, "reflect")
    y, x = ((n - p + 1) // 2 for p, n in zip(plane, frames.shape[-2:], strict=True))
    return frames[..., y : y + plane[0], x : x + plane[1]]
