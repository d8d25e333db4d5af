"""What a model makes of frames: their codes, as points that can be looked at."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np
import torch

from napari_morphocast.api.forecasting import predict
from napari_morphocast.api.loading import device_of, load
from napari_morphocast.data.finite import read_finite
from napari_morphocast.data.overlay import misplaced
from napari_morphocast.errors import MovieError, SettingsError
from napari_morphocast.evaluation.embedded import Embedded
from napari_morphocast.models.base import Forecaster, Synthesizer
from napari_morphocast.models.coded import Coded
from napari_morphocast.models.ensemble import Ensemble
from napari_morphocast.training.memory import in_words

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from napari_morphocast.api.loading import Model
    from napari_morphocast.data.movie import Movie
    from napari_morphocast.training.config import Hardware
    from napari_morphocast.training.trained import Trained

CROP = 64  # pixels, of models that see frames of any size
SMALLEST = 8  # pixels
PIXELS_AT_ONCE = 2**20  # in a batch of pictures
MOST_AT_ONCE = 64  # pictures in a batch


class Labels(Protocol):
    """Whole numbers (T, Y, X) or (Y, X): any array that gives frame after frame."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Lengths of the axes."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the numbers."""

    def __getitem__(self, key: Any) -> Any:
        """Labels of one frame."""


def embed(
    movie: Movie,
    model: Model,
    *,
    window: int = 1,
    labels: Labels | None = None,
    crop: int | None = None,
    hardware: Hardware | None = None,
    stop: threading.Event | None = None,
    progress: Callable[[float], None] | None = None,
) -> Embedded:
    """Codes of every frame, of every window, or of a crop around every cell.

    Frames are read one after the other, so that long movies need no more memory than
    their codes.

    Parameters
    ----------
    movie, model, hardware
        What to look at, with what, and where. The model must have codes: latent_lstm,
        cell_gan or vae; of an ensemble they are those of its first member.
    window : int
        Frames in a row that make one point: their codes are joined, of cells those of
        the same label.
    labels : array, shape (T, Y, X) or (Y, X), optional
        Whole numbers: one point for each cell in each frame. 0 is no cell.
    crop : int, optional
        Side of the crop around each cell (pixels), mirrored beyond the border; the
        model's own side, or 64, unless given.
    stop : threading.Event, optional
        Set it to end with what is there.
    progress : callable, optional
        Told the share that is done, 0..1.

    Raises
    ------
    SettingsError, MovieError
        If the model has no codes, or movie, labels, window and crop do not fit.
    """
    coder = _Coder.of(load(model, movie).to(device_of(hardware)))
    coder.trained.require_channels(movie)
    side = _side(coder, crop) if labels is not None else 0
    _check_window(movie, coder, window)
    _check_labels(movie, labels)
    coder.require_size(side or min(movie.shape[2:]))
    seen, gathered = coder.trained.seen_of(movie), _Gathered(coder, movie.pictured)
    errors = _errors(movie, coder.trained, hardware)
    for frame in range(len(movie)):
        if stop is not None and stop.is_set():
            break
        error = next(errors)
        if frame + 1 >= coder.row:
            known = read_finite(seen, frame + 1 - coder.row, frame + 1)
            cells = None if labels is None else _cells(labels, frame)
            for piece in _pieces(known, error, cells, side):
                gathered.add(frame, piece)
        if progress is not None:
            progress((frame + 1) / len(movie))
    return gathered.embedded(movie, side).joined(window)


class _Piece(NamedTuple):
    """What becomes one point: frames (row, C, Y, X), and what is known of it."""

    picture: NDArray[np.float32]
    label: int
    place: tuple[float, float]
    inside: NDArray[np.float32]  # (C, Y, X), without what is mirrored
    error: float


@dataclass(frozen=True, slots=True, eq=False)
class _Coder:
    """A model that has codes, and how many frames in a row it sees at once."""

    trained: Trained
    network: Coded
    row: int

    @classmethod
    def of(cls, trained: Trained) -> _Coder:
        network: Any = trained.model
        if isinstance(network, Ensemble):
            network = network.members[0]
        if not isinstance(network, Coded):
            raise SettingsError(
                f"{trained.name!r} has no codes to look at; take a latent_lstm, "
                "cell_gan or vae."
            )
        row = network.frames if isinstance(network, Synthesizer) else 1
        return cls(trained, network, row)

    @property
    def side(self) -> int:
        """Height and width of what it sees (pixels); 0 if it sees all of a frame."""
        return self.network.side if isinstance(self.network, Synthesizer) else 0

    def require_size(self, length: int) -> None:
        """Refuse pictures that are too small to be mirrored to the model's side."""
        smallest = -(-(self.side + 2) // 3)
        if self.side and length < smallest:
            raise SettingsError(
                f"{self.trained.name!r} sees squares of {self.side} pixels, but was "
                f"given {length}; crops and frames need {smallest} pixels or more."
            )

    def notes(self, movie: Movie, side: int) -> tuple[str, ...]:
        """What should be known about these codes."""
        given = (side, side) if side else movie.shape[2:]
        if not self.side or max(given) <= self.side:
            return ()
        what = "crop" if side else "frame"
        return (
            f"{self.trained.name} sees only the middle {self.side} x {self.side} "
            f"pixels of every {what}, which has {given[0]} x {given[1]}.",
        )

    def codes(self, pictures: NDArray[np.float32]) -> NDArray[np.float32]:
        """Codes (N, D) of pictures (N, row, C, Y, X) in grey levels."""
        trained, network = self.trained, self.network
        scaled = trained.checkpoint.scaling.apply(pictures)
        images = torch.from_numpy(scaled).flatten(1, 2).to(trained.device)
        advice = "; use the CPU, or crop the movie."
        with in_words(trained.device, advice), torch.inference_mode():
            return network.codes(images).float().cpu().numpy()


@dataclass(slots=True, eq=False)
class _Gathered:
    """Points so far; pictures wait only until there are enough for a batch."""

    coder: _Coder
    channels: int
    waiting: list[NDArray[np.float32]] = field(default_factory=list)
    codes: list[NDArray[np.float32]] = field(default_factory=list)
    points: list[tuple[Any, ...]] = field(default_factory=list)
    looks: list[NDArray[np.float64]] = field(default_factory=list)

    def add(self, frame: int, piece: _Piece) -> None:
        """Note what is known of a piece, and let its picture wait."""
        seen = piece.inside[: self.channels].astype(np.float64)
        self.looks.append(np.stack([seen.mean((1, 2)), seen.std((1, 2))]))
        self.points.append((frame, piece.label, *piece.place, piece.error))
        self.waiting.append(piece.picture)
        pixels = piece.picture.shape[-2] * piece.picture.shape[-1]
        if len(self.waiting) >= min(MOST_AT_ONCE, max(1, PIXELS_AT_ONCE // pixels)):
            self._flush()

    def embedded(self, movie: Movie, side: int) -> Embedded:
        """All points."""
        self._flush()
        count, trained = len(self.points), self.coder.trained
        table = np.array(self.points, np.float64).reshape(count, 5)
        looks = np.array(self.looks).reshape(count, 2, self.channels)
        return Embedded(
            np.concatenate(self.codes) if self.codes else np.zeros((0, 0), np.float32),
            table[:, 0].astype(np.int64),
            np.array([point[1] for point in self.points], np.int64),
            table[:, 2:4],
            looks[:, 0],
            looks[:, 1],
            table[:, 4],
            model=trained.name,
            movie=movie.name,
            channels=movie.channel_names[: movie.pictured],
            interval=movie.interval,
            crop=side,
            notes=self.coder.notes(movie, side),
        )

    def _flush(self) -> None:
        if self.waiting:
            self.codes.append(self.coder.codes(np.stack(self.waiting)))
            self.waiting.clear()


def _side(coder: _Coder, crop: int | None) -> int:
    """Side of the crops (pixels)."""
    side = coder.side or CROP if crop is None else crop
    if side < SMALLEST:
        raise SettingsError(f"A crop has {SMALLEST} pixels or more, not {side}.")
    return side


def _check_window(movie: Movie, coder: _Coder, window: int) -> None:
    if window < 1:
        raise SettingsError(f"A window has 1 frame or more, not {window}.")
    needed = window + coder.row - 1
    if needed > len(movie):
        raise SettingsError(
            f"{movie.name!r} has {len(movie)} frame(s), but {needed} in a row are "
            "needed to make one point; use a shorter window or a longer movie."
        )


def _check_labels(movie: Movie, labels: Labels | None) -> None:
    if labels is None:
        return
    if np.dtype(labels.dtype).kind not in "iu":
        raise MovieError(
            f"Labels are whole numbers, one for each cell, but these are "
            f"{labels.dtype}; save them as whole numbers."
        )
    if wrong := misplaced("The labels have", labels, movie):
        raise MovieError(f"{wrong}; give labels of the same frames.")


def _errors(
    movie: Movie, trained: Trained, hardware: Hardware | None
) -> Iterator[NDArray[np.float32] | None]:
    """Absolute error (Y, X) of the forecast of each frame; None where there is none."""
    made = None
    if isinstance(trained.model, Forecaster) and len(movie) > trained.context:
        between = trained.task == "between"
        made = predict(movie, trained, between=between, hardware=hardware)
    coming = range(made.first, made.first + made.count) if made else range(0)
    frames = made.frames if made else iter(())
    for frame in range(len(movie)):
        if frame not in coming:
            yield None
            continue
        forecast = next(frames)[: movie.pictured].astype(np.float32)
        truth = movie.read(frame, frame + 1)[0, : movie.pictured]
        yield np.abs(forecast - truth).mean(0)


def _cells(labels: Labels, frame: int) -> NDArray[Any]:
    """Labels (Y, X) of a frame; those of a single picture hold for all frames."""
    return np.asarray(labels[frame] if len(labels.shape) == 3 else labels[:])


def _pieces(
    known: NDArray[np.float32],
    error: NDArray[np.float32] | None,
    cells: NDArray[Any] | None,
    side: int,
) -> Iterator[_Piece]:
    """The whole frame, or a crop around each of its cells."""
    if cells is None:
        wrong = float("nan") if error is None else float(error.mean())
        yield _Piece(known, 0, (float("nan"), float("nan")), known[-1], wrong)
        return
    half, (height, width) = side // 2, known.shape[-2:]
    edge = [(0, 0)] * 2 + [(half, side - half)] * 2
    wide = np.pad(known, edge, "symmetric")
    for label, y, x in _centres(cells):
        top, left = round(y), round(x)
        rows = slice(max(0, top - half), min(height, top - half + side))
        columns = slice(max(0, left - half), min(width, left - half + side))
        picture = wide[..., top : top + side, left : left + side]
        wrong = float("nan") if error is None else float(error[rows, columns].mean())
        yield _Piece(picture, label, (y, x), known[-1, :, rows, columns], wrong)


def _centres(cells: NDArray[Any]) -> Iterator[tuple[int, float, float]]:
    """Every label of a frame, and the middle of its pixels (y, x)."""
    rows, columns = np.nonzero(cells)
    found, which = np.unique(cells[rows, columns], return_inverse=True)
    size = np.bincount(which, minlength=len(found))
    y = np.bincount(which, rows, len(found)) / size
    x = np.bincount(which, columns, len(found)) / size
    yield from zip(found.tolist(), y.tolist(), x.tolist(), strict=True)
