"""The work of the Explore dock: codes of frames or cells, laid out on a plane."""

from __future__ import annotations

import threading
from concurrent.futures import Future, wait
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import numpy as np

from napari_morphocast.evaluation.projection import FEWEST, NAMES, project
from napari_morphocast.presenters.job import telling

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_morphocast.data.movie import Movie
    from napari_morphocast.evaluation.embedded import Embedded
    from napari_morphocast.evaluation.projection import Projected

T = TypeVar("T")
TICK = 0.1  # seconds between two looks at whether to stop
WIDEST = 96  # pixels of a picture that is shown beside a point


class Cells(NamedTuple):
    """Labels on the grid of the movie, and the layer that they come from.

    ``labels`` (T, Y, X) gives whole numbers, one frame after another.
    """

    name: str
    labels: Any


@dataclass(frozen=True, slots=True, eq=False)
class Order:
    """What to look at, with what, and where to compute.

    Parameters
    ----------
    movie, model
        The movie, and the file of the model.
    cells : Cells, optional
        A point for each of these in each frame; else a point for each frame.
    crop : int, optional
        Side of the square around a cell (pixels); the model's own unless given.
    window : int
        Frames in a row that make one point.
    kind : str
        How points are laid out first.
    device : str
        As in the Preferences.
    sources : object
        Where the screen shows the movie; only handed through.
    """

    movie: Movie
    model: Path
    cells: Cells | None = None
    crop: int | None = None
    window: int = 1
    kind: str = "pca"
    device: str = "auto"
    sources: object = None

    @property
    def title(self) -> str:
        """What is being done, as a person would say it."""
        return f"Exploring {self.movie.name}"


@dataclass(frozen=True, slots=True, eq=False)
class Explored:
    """Points of a movie, and how they lie on each plane that was asked for."""

    order: Order
    embedded: Embedded
    maps: Mapping[str, Projected] = field(default_factory=dict)

    def picture(self, point: int) -> NDArray[Any]:
        """A small picture (C, Y, X) of what a point is: a frame, or a cell's crop."""
        embedded, movie = self.embedded, self.order.movie.pictures
        frame = movie.raw(*(int(embedded.frames[point]) + at for at in (0, 1)))[0]
        if embedded.of_cells:
            half, (height, width) = embedded.crop // 2, frame.shape[-2:]
            y, x = (round(place) - half for place in embedded.places[point].tolist())
            rows = slice(max(0, y), min(height, y + embedded.crop))
            frame = frame[:, rows, max(0, x) : min(width, x + embedded.crop)]
        step = -(-max(frame.shape[-2:]) // WIDEST)
        return np.ascontiguousarray(frame[:, ::step, ::step])


class Share(NamedTuple):
    """How far the work is, 0..1 (0 if nobody knows), and what it is."""

    done: float
    what: str


Item = Share | Explored


class Verbs(NamedTuple):
    """What this module needs of the api; a test gives its own."""

    embed: Callable[..., Embedded]
    project: Callable[..., Projected]
    hardware: Callable[..., Any]


def real_verbs() -> Verbs:
    """The real ones; this imports torch, so call it away from the screen."""
    from napari_morphocast import api
    from napari_morphocast.training.config import Hardware

    return Verbs(api.embed, project, Hardware)


def exploring(
    order: Order, stop: threading.Event, verbs: Callable[[], Verbs] = real_verbs
) -> Iterator[Item]:
    """Yield shares of the work, then points on a plane.

    Stopped, it lays out what is there.
    """
    do = verbs()
    if stop.is_set():
        return

    def embed(tell: Callable[[float], None]) -> Embedded:
        return do.embed(
            order.movie,
            order.model,
            window=order.window,
            labels=order.cells.labels if order.cells else None,
            crop=order.crop if order.cells else None,
            hardware=do.hardware(device=order.device),
            stop=stop,
            progress=tell,
        )

    embedded = yield from telling(embed, lambda done: Share(done, "Encoding"))
    if stop.is_set() and len(embedded) < FEWEST:
        yield Explored(order, embedded)
        return
    first = do.project(embedded.codes, "pca")  # takes no time, so it comes first
    explored = Explored(order, embedded, {"pca": first})
    yield explored
    if order.kind != "pca" and not stop.is_set():
        yield from laying_out(explored, order.kind, stop, lambda: do)


def laying_out(
    explored: Explored,
    kind: str,
    stop: threading.Event,
    verbs: Callable[[], Verbs] = real_verbs,
) -> Iterator[Item]:
    """Yield shares of the work, then the same points on one plane more."""
    do = verbs()
    what = f"Laying out {len(explored.embedded)} points by {NAMES[kind]}"

    def lay_out() -> Projected:
        return do.project(explored.embedded.codes, kind)

    found = yield from _waiting(lay_out, Share(0, what), stop)
    if found is not None:
        yield replace(explored, maps={**explored.maps, kind: found})


def _waiting(
    call: Callable[[], T], item: Share, stop: threading.Event
) -> Generator[Share, None, T | None]:
    """Yield ``item`` until a call is done, and return its result; None if stopped.

    A call that cannot be stopped is left to itself, in a thread that keeps nobody
    from closing napari.
    """
    future: Future[T] = Future()

    def run() -> None:
        try:
            future.set_result(call())
        except BaseException as error:  # noqa: BLE001  (handed to whoever waits)
            future.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    while not future.done():
        yield item
        wait([future], TICK)
        if stop.is_set():
            return None
    return future.result()
