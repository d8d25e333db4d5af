"""Windows: the frames a model is shown, and the frames it must then foretell."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from napari_morphocast.errors import MovieError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from napari_morphocast.data.movie import Movie

A = TypeVar("A")


class WindowSpec(BaseModel):
    """How many frames a model is shown, and how many it learns to foretell."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    context: int = Field(
        4,
        ge=1,
        le=64,
        title="Context",
        description="How many frames the model sees before it forecasts (frames).",
    )
    horizon: int = Field(
        2,
        ge=1,
        le=64,
        title="Training rollout",
        description="How many frames it forecasts from its own forecasts while it "
        "learns (frames). More makes long rollouts steadier and training slower.",
    )

    @property
    def length(self) -> int:
        """Frames in one window: context and horizon together."""
        return self.context + self.horizon


class Window(NamedTuple, Generic[A]):
    """What is known and what comes next: arrays or tensors (..., T, C, Y, X)."""

    context: A
    target: A


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """A stretch of a movie whose frames ``first`` to ``stop - 1`` may be targets."""

    movie: Movie
    first: int
    stop: int


@dataclass(frozen=True, slots=True)
class Place:
    """Where a window lies: the part's number and its first target frame."""

    part: int
    target: int


class Windows:
    """All windows of some parts of movies; no window crosses from one to another.

    A context may reach back before its part, as it does in real use, but every
    target frame lies inside it.
    """

    def __init__(self, parts: Iterable[Part], spec: WindowSpec) -> None:
        self.parts = tuple(parts)
        self.spec = spec
        counts = [self._count(part) for part in self.parts]
        self._ends = list(accumulate(counts))

    def _count(self, part: Part) -> int:
        first = max(part.first, self.spec.context)
        return max(0, part.stop - self.spec.horizon - first + 1)

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    def place(self, index: int) -> Place:
        """Part and first target frame of window ``index``."""
        if not 0 <= index < len(self):
            raise IndexError(f"window {index} of {len(self)}")
        number = bisect_right(self._ends, index)
        before = self._ends[number - 1] if number else 0
        first = max(self.parts[number].first, self.spec.context)
        return Place(number, first + index - before)


class Split(NamedTuple):
    """Training, validation and test windows; no frame is a target in two of them."""

    train: Windows
    validation: Windows
    test: Windows


def split_in_time(
    movies: Sequence[Movie],
    spec: WindowSpec,
    *,
    until: float = 0.8,
    validation: float = 0.15,
) -> Split:
    """Split movies in time: first training, then validation, then test targets.

    Parameters
    ----------
    movies : sequence of Movie
        Each is split at the same shares of its own length.
    spec : WindowSpec
        Length of context and target, in frames.
    until : float
        Share of every movie's frames that training and validation may use.
    validation : float
        Share of those whose end is kept for validation.

    Raises
    ------
    MovieError
        If a movie is too short to give one window for training and one for
        validation; the message says how many frames are needed.
    """
    train, check, test = [], [], []
    for movie in movies:
        end = round(len(movie) * until)
        kept = max(spec.horizon, round(end * validation))
        seam = end - kept
        if seam < spec.length:
            raise MovieError(_too_short(movie, spec, until, validation))
        train.append(Part(movie, 0, seam))
        check.append(Part(movie, seam, end))
        test.append(Part(movie, end, len(movie)))
    return Split(Windows(train, spec), Windows(check, spec), Windows(test, spec))


def frames_needed(
    spec: WindowSpec, until: float = 0.8, validation: float = 0.15
) -> int:
    """Shortest movie that can be split, in frames."""
    length = spec.length
    while True:
        end = round(length * until)
        if end - max(spec.horizon, round(end * validation)) >= spec.length:
            return length
        length += 1


def _too_short(movie: Movie, spec: WindowSpec, until: float, validation: float) -> str:
    return (
        f"{movie.name!r} has {len(movie)} frames, but a context of {spec.context} and "
        f"a training rollout of {spec.horizon} need at least "
        f"{frames_needed(spec, until, validation)}; use a longer movie, a shorter "
        "context, or train on more of it (until = 1)."
    )
