"""Windows: the frames a model is shown, and the frames it must then foretell."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import TYPE_CHECKING, Generic, Literal, NamedTuple, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from napari_morphocast.errors import MovieError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from napari_morphocast.data.movie import Movie

SHORTER = (  # what gives way to a short movie: down to so many frames, in such steps
    ("horizon", 2, 1),
    ("context", 4, 2),
    ("horizon", 1, 1),
    ("context", 2, 2),
)
A = TypeVar("A")
Task = Literal["forecast", "between"]


class WindowSpec(BaseModel):
    """How many frames a model is shown, and which frames it learns to foretell."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    task: Task = Field(
        "forecast",
        title="Task",
        description="Forecast the frames after the context, or interpolate the one "
        "frame between its two halves (between).",
    )
    context: int = Field(
        8,
        ge=1,
        le=64,
        validate_default=True,
        title="Context",
        description="How many frames the model sees before it forecasts; between, "
        "half of them lie before the missing frame and half after it (frames).",
    )
    horizon: int = Field(
        4,
        ge=1,
        le=64,
        validate_default=True,
        title="Training rollout",
        description="How many frames it forecasts from its own forecasts while it "
        "learns (frames). More makes long rollouts steadier and training slower; "
        "between, it is always 1.",
    )

    @field_validator("context")
    @classmethod
    def _two_halves(cls, context: int, info: ValidationInfo) -> int:
        if info.data.get("task") == "between" and context % 2:
            raise PydanticCustomError(
                "odd",
                "with task = between it must be even, as half of the frames lie "
                "before the missing one and half after it",
            )
        return context

    @field_validator("horizon")
    @classmethod
    def _one_between(cls, horizon: int, info: ValidationInfo) -> int:
        return 1 if info.data.get("task") == "between" else horizon

    @property
    def length(self) -> int:
        """Frames in one window: context and horizon together."""
        return self.context + self.horizon

    @property
    def before(self) -> int:
        """Frames of a window that lie before its first target."""
        return self.context // 2 if self.task == "between" else self.context

    @property
    def onward(self) -> int:
        """Frames of a window from its first target on."""
        return self.length - self.before

    @property
    def order(self) -> tuple[int, ...]:
        """Frames of a window in the order that a model is shown them, targets last.

        Numbers count from the window's earliest frame. A forecast keeps the order of
        time. Around a missing frame the context goes from the outside in, and at each
        distance the frame after comes first: 4, 0, 3, 1, then the target 2. So the
        last frame shown is the one just before the target, as in a forecast, and
        "nothing moves" means the same.
        """
        if self.task == "forecast":
            return tuple(range(self.length))
        pairs = ((self.context - i, i) for i in range(self.before))
        return (*(number for pair in pairs for number in pair), self.before)


class Window(NamedTuple, Generic[A]):
    """What is known and what comes next: arrays or tensors (..., T, C, Y, X)."""

    context: A
    target: A


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """A stretch of a movie whose frames ``first`` to ``stop - 1`` may be targets.

    No window holds a frame in ``breaks`` together with the frame before it.
    """

    movie: Movie
    first: int
    stop: int
    breaks: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Place:
    """Where a window lies: the part's number and its first target frame."""

    part: int
    target: int


class Windows:
    """All windows of some parts of movies; no window crosses from one to another.

    A context may reach back before its part, as it does in real use, but every frame
    from the first target on lies inside it.
    """

    def __init__(self, parts: Iterable[Part], spec: WindowSpec) -> None:
        self.parts = tuple(parts)
        self.spec = spec
        self._targets = [self._of(part) for part in self.parts]
        self._ends = list(accumulate(map(len, self._targets)))

    def _of(self, part: Part) -> Sequence[int]:
        """First targets of a part's windows."""
        before, onward = self.spec.before, self.spec.onward
        targets = range(max(part.first, before), part.stop - onward + 1)
        if not part.breaks:
            return targets
        return [
            t
            for t in targets
            if part.breaks.isdisjoint(range(t - before + 1, t + onward))
        ]

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    @property
    def stretches(self) -> float:
        """How many times the parts hold what a window foretells, without overlap."""
        return sum(part.stop - part.first for part in self.parts) / self.spec.onward

    def place(self, index: int) -> Place:
        """Part and first target frame of window ``index``."""
        if not 0 <= index < len(self):
            raise IndexError(f"window {index} of {len(self)}")
        number = bisect_right(self._ends, index)
        before = self._ends[number - 1] if number else 0
        return Place(number, self._targets[number][index - before])


class Split(NamedTuple):
    """Training, validation and test windows; no frame is a target in two of them."""

    train: Windows
    validation: Windows
    test: Windows

    @property
    def known(self) -> tuple[Part, ...]:
        """Of each movie, all frames for training and for validation."""
        parts = zip(self.train.parts, self.validation.parts, strict=True)
        return tuple(replace(learned, stop=check.stop) for learned, check in parts)


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
        kept = max(spec.onward, round(end * validation))
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
    end = spec.length
    while end - max(spec.onward, round(end * validation)) < spec.length:
        end += 1
    length = int((end - 0.5) / until)  # or a little more
    while round(length * until) < end:
        length += 1
    return length


def shortened(
    spec: WindowSpec, frames: int, until: float = 0.8, validation: float = 0.15
) -> WindowSpec:
    """Make a window fit a short movie, where nobody asked for another.

    Parameters
    ----------
    spec : WindowSpec
        Rollout and context give way in turns as far as they are the defaults; what was
        set otherwise stays.
    frames : int
        Length of the shortest movie.
    until, validation : float
        As in ``split_in_time``.
    """
    usual = WindowSpec(task=spec.task)
    free = {n for n in ("context", "horizon") if getattr(spec, n) == getattr(usual, n)}
    for name, least, step in SHORTER:
        while frames < frames_needed(spec, until, validation):
            less = getattr(spec, name) - step
            if name not in free or less < least:
                break
            spec = spec.model_copy(update={name: less})
    return spec


def _too_short(movie: Movie, spec: WindowSpec, until: float, validation: float) -> str:
    count = "1 frame" if len(movie) == 1 else f"{len(movie)} frames"
    shorter = ", a shorter context," * (spec.context > 1)
    return (
        f"{movie.name!r} has {count}, but a context of {spec.context} and a training "
        f"rollout of {spec.horizon} need at least "
        f"{frames_needed(spec, until, validation)}; use a longer movie{shorter} or "
        "train on more of it (until = 1)."
    )
