"""The work of the Forecast dock: frame after frame, with its error where known."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol

import numpy as np

from napari_morphocast.data.room import room
from napari_morphocast.evaluation import metrics
from napari_morphocast.presenters.motion import MotionNotes, MotionPictures

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_morphocast.data.movie import Movie

Kind = Literal["prediction", "rollout"]


@dataclass(frozen=True, slots=True, eq=False)
class Order:
    """What to forecast, with which model, how far, and where to compute.

    Parameters
    ----------
    kind : "prediction" or "rollout"
        Every frame from the frames before it, or on and on from one frame.
    movie, model, label
        The movie; what ``api.load`` takes; what layers call the model.
    frames : int
        Lead of a prediction, or horizon of a rollout.
    start : int, optional
        First frame of a rollout; None for the movie's end.
    device, precision : str
        As in the Preferences.
    """

    kind: Kind
    movie: Movie
    model: str | Path
    label: str
    frames: int
    start: int | None = None
    device: str = "auto"
    precision: str = "auto"

    @property
    def title(self) -> str:
        """What is being done, as a person would say it."""
        return f"Forecasting {self.movie.name}"


@dataclass(frozen=True, slots=True, eq=False)
class Begun:
    """A forecast begins; its arrays fill up from now on.

    Parameters
    ----------
    first, context, unseen : int
        Number of the first forecast frame, how many frames the model sees, and the
        first frame that it did not learn from.
    frames : array, shape (N, C, Y, X)
        All forecast frames, in the movie's type.
    errors : array, shape (K, C, Y, X)
        Absolute error of the first K frames, those that the movie has; K may be 0.
        Of a colour picture the mean over the colours, so C is 1.
    spreads : array, shape (N, C, Y, X), optional
        Error that an ensemble expects of every frame; of colours the mean, too.
    between : bool
        Whether each frame is filled in from those on both sides of it.
    """

    order: Order
    first: int
    context: int
    unseen: int
    frames: NDArray[Any]
    errors: NDArray[Any]
    spreads: NDArray[Any] | None = None
    between: bool = False


@dataclass(frozen=True, slots=True)
class FrameScore:
    """How far one frame is from the truth, for the model and for a trivial one.

    That is "persistence", or "neighbours" where a frame is filled in.
    """

    frame: int
    lead: int
    model: Mapping[str, float]
    trivial: Mapping[str, float]
    against: str = "persistence"


@dataclass(frozen=True, slots=True)
class FrameDone:
    """So many frames are done; the newest has a score if its truth is known."""

    done: int
    score: FrameScore | None = None


Item = Begun | FrameDone | MotionPictures


class Verbs(NamedTuple):
    """What this module needs of the api; a test gives its own."""

    load: Callable[..., Any]
    predict: Callable[..., Any]
    rollout: Callable[..., Any]
    hardware: Callable[..., Any]
    first_unseen: Callable[[Any, Movie], int]


class Canvas(Protocol):
    """Shows forecasts while they grow, whoever ordered them."""

    @property
    def sources(self) -> Sequence[Any]:
        """What the forecasts are shown beside."""

    def begin(self, begun: Begun) -> None:
        """Show a new forecast, none of whose frames is done."""

    def grow(self, done: int) -> None:
        """The first ``done`` frames are there."""

    def end(self, result: Result) -> None:
        """No more frames will come; keep those that are done."""


@dataclass(frozen=True, slots=True, eq=False)
class Result:
    """What has become of one forecast so far."""

    begun: Begun
    done: int = 0
    scores: tuple[FrameScore, ...] = field(default=())
    motion: MotionPictures | None = None

    @property
    def share(self) -> float:
        """Share of the frames that is done, 0..1."""
        return self.done / len(self.begun.frames)


def real_verbs() -> Verbs:
    """The real ones; this imports torch, so call it away from the screen."""
    from napari_morphocast import api
    from napari_morphocast.training.config import Hardware
    from napari_morphocast.training.record import first_unseen

    return Verbs(api.load, api.predict, api.rollout, Hardware, first_unseen)


def forecasting(
    orders: Sequence[Order],
    stop: threading.Event,
    verbs: Callable[[], Verbs] = real_verbs,
) -> Iterator[Item]:
    """Do the orders one after the other; ends between two frames when told to."""
    do = verbs()
    for order in orders:
        if stop.is_set():
            return
        yield from _forecast(order, stop, do)


class Recorder:
    """Passes what comes from the thread on to the canvas, and remembers the results."""

    def __init__(self, canvas: Canvas) -> None:
        self._canvas = canvas
        self.results: list[Result] = []

    def take(self, items: Sequence[Item]) -> None:
        """Draw what is new, once per forecast however many frames came."""
        for item in items:
            if isinstance(item, Begun):
                self._flush()
                self.finish()
                self.results.append(Result(item))
                self._canvas.begin(item)
            elif isinstance(item, MotionPictures):
                self.results[-1] = replace(self.results[-1], motion=item)
            else:
                now = self.results[-1]
                known = () if item.score is None else (item.score,)
                self.results[-1] = replace(
                    now, done=item.done, scores=now.scores + known
                )
        self._flush()

    def finish(self) -> None:
        """Settle the forecast that is on its way, if there is one."""
        if self.results:
            self._canvas.end(self.results[-1])

    def _flush(self) -> None:
        if self.results and self.results[-1].done:
            self._canvas.grow(self.results[-1].done)


def _forecast(order: Order, stop: threading.Event, do: Verbs) -> Iterator[Item]:
    movie = order.movie
    model = do.load(order.model, movie)
    hardware = do.hardware(device=order.device, precision=order.precision)
    between = order.kind == "prediction" and model.task == "between"
    if order.kind == "prediction":
        made = do.predict(
            movie, model, lead=order.frames, between=between, hardware=hardware
        )
    else:
        made = do.rollout(
            movie, model, horizon=order.frames, start=order.start, hardware=hardware
        )
    known = max(0, min(len(movie) - made.first, made.count))
    _, channels, *plane = movie.shape
    shown = 1 if movie.rgb else channels  # in maps of errors and of spread
    begun = Begun(
        order,
        made.first,
        model.context,
        do.first_unseen(model.checkpoint.movies, movie),
        room((made.count, channels, *plane), movie.dtype),
        room((known, shown, *plane), error_type(movie.dtype)),
        room((made.count, shown, *plane), np.dtype(np.float32))
        if model.members > 1
        else None,
        between,
    )
    yield begun
    notes = MotionNotes(made.count, *plane) if model.moves else None
    span = np.asarray(model.checkpoint.scaling.span)[:, 0, 0]
    for k, (frame, spread, motion, unusual) in enumerate(made.steps):
        begun.frames[k] = frame
        if begun.spreads is not None:
            begun.spreads[k] = spread.mean(0) if movie.rgb else spread
        if notes is not None:
            notes.take(motion, unusual)
        score = _compared(begun, k, span) if k < known else None
        yield FrameDone(k + 1, score)
        if stop.is_set():
            break
    if notes is not None:
        yield replace(notes.pictures(), errors=model.error_maps(*plane))


def _compared(begun: Begun, k: int, span: NDArray[Any]) -> FrameScore:
    """Fill in the error of frame ``k`` and score it beside what needs no model."""
    order, at = begun.order, begun.first + k
    lead = order.frames if order.kind == "prediction" else k + 1
    truth = order.movie.read(at, at + 1)[0]
    if begun.between:
        against, trivial = "neighbours", order.movie.read(at - 1, at + 2)[::2].mean(0)
    else:
        against, trivial = "persistence", order.movie.read(at - lead, at - lead + 1)[0]
    frame = begun.frames[k].astype(np.float32)
    error = np.abs(frame - truth)
    begun.errors[k] = error.mean(0) if order.movie.rgb else error
    seen = slice(order.movie.pictured)
    ours, other = (
        compare(one[seen], truth[seen], span[seen]) for one in (frame, trivial)
    )
    return FrameScore(at, lead, ours, other, against)


def compare(
    forecast: NDArray[Any], truth: NDArray[Any], span: NDArray[Any]
) -> dict[str, float]:
    """MSE, MAE, PSNR and SSIM of frames (C, Y, X); ``span`` grey levels are one."""
    wide = min(truth.shape[1:]) >= metrics.SMALLEST
    return {
        "mse": float(metrics.mse(forecast, truth)),
        "mae": float(metrics.mae(forecast, truth)),
        "psnr": float(metrics.psnr(forecast, truth, span)),
        "ssim": float(metrics.ssim(forecast, truth, span)) if wide else math.nan,
    }


def error_type(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The smallest type that holds every absolute difference of two grey levels."""
    if dtype == np.bool_:
        return np.dtype(np.uint8)
    if np.issubdtype(dtype, np.integer) and dtype.itemsize <= 2:
        return np.dtype(f"u{dtype.itemsize}")
    return np.dtype(np.float32)
