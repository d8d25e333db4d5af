"""The work of the Evaluate dock: scores, and the controls if they are wanted."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from napari_morphocast.presenters.job import telling

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Generator, Iterator, Mapping
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from napari_morphocast.data.movie import Movie
    from napari_morphocast.evaluation.scores import Scores

T = TypeVar("T")


@dataclass(frozen=True, slots=True, eq=False)
class Region:
    """Part of the frame to which scores are restricted.

    Parameters
    ----------
    name : str
        The layer that it comes from.
    mask : array of bool, shape (Y, X) or (T, Y, X)
        True where errors count.
    """

    name: str
    mask: NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Order:
    """What to evaluate, on which frames, and where to compute.

    Parameters
    ----------
    movie, models
        The movie, and the files of the models.
    horizon : int
        Longest lead (frames).
    first : int
        First frame that is scored.
    region : Region, optional
        Where errors count; everywhere unless given.
    controls : bool
        Whether to test as well if the models look at the order of the frames.
    device, precision : str
        As in the Preferences.
    """

    movie: Movie
    models: tuple[Path, ...]
    horizon: int
    first: int
    region: Region | None = None
    controls: bool = False
    device: str = "auto"
    precision: str = "auto"

    @property
    def title(self) -> str:
        """What is being done, as a person would say it."""
        return f"Evaluating forecasts of {self.movie.name}"

    def scored(self, scores: Scores) -> str:
        """What was scored, as a heading: movie, frames, region."""
        where = f"inside {self.region.name}" if self.region else "whole frame"
        first, last = self.first, len(self.movie) - 1
        if scores.measured is not None and len(scores.measured.starts):
            first = int(scores.measured.starts[0])
        return f"{self.movie.name} · frames {first} to {last} · {where}"

    @property
    def since(self) -> float:
        """Share of the movie before the first frame that is scored."""
        return self.first / len(self.movie)


@dataclass(frozen=True, slots=True, eq=False)
class Evaluation:
    """What came out so far; holds no frames, for it is kept for long.

    Parameters
    ----------
    scored : str
        Movie, frames and region, as a heading.
    scores : Scores
        All models and baselines.
    controls : mapping of str to Controls
        By name, for every model that was tested so.
    """

    scored: str
    scores: Scores
    controls: Mapping[str, Any] = field(default_factory=dict)

    def save(self, path: Path) -> None:
        """Write all this as ``.csv`` or ``.json``, or a figure of the scores."""
        if path.suffix == ".png":
            self.scores.plot(path)
        else:
            self.scores.save(path, self.controls.values())


class Share(NamedTuple):
    """How far one part of the work is, 0..1, and what that part is."""

    done: float
    what: str


Item = Share | Evaluation


class Verbs(NamedTuple):
    """What this module needs of the api; a test gives its own."""

    evaluate: Callable[..., Scores]
    controls: Callable[..., Any]
    hardware: Callable[..., Any]


def real_verbs() -> Verbs:
    """The real ones; this imports torch, so call it away from the screen."""
    from napari_morphocast import api
    from napari_morphocast.training.config import Hardware

    return Verbs(api.evaluate, api.controls, Hardware)


def evaluating(
    order: Order, stop: threading.Event, verbs: Callable[[], Verbs] = real_verbs
) -> Iterator[Item]:
    """Score all models together, then control one after the other.

    Yields shares of the work and, after each part, what is known by then; ends early
    with what has been scored when told to.
    """
    do = verbs()
    if stop.is_set():
        return
    hardware = do.hardware(device=order.device, precision=order.precision)
    region = order.region.mask if order.region else None

    def told(
        score: Callable[..., T], what: object, text: str
    ) -> Generator[Share, None, T]:
        def work(tell: Callable[[float], None]) -> T:
            return score(
                order.movie,
                what,
                horizon=order.horizon,
                since=order.since,
                hardware=hardware,
                stop=stop,
                progress=tell,
                region=region,
            )

        return telling(work, lambda done: Share(done, text))

    models = list(order.models)
    scores = yield from told(do.evaluate, models, "Forecasting and comparing")
    found = Evaluation(order.scored(scores), scores)
    yield found
    for model in order.models if order.controls else ():
        if stop.is_set():
            return
        name = model.stem  # what scores call it
        result = yield from told(do.controls, model, f"Controls of {name}")
        found = replace(found, controls={**found.controls, name: result})
        yield found
