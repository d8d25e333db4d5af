"""The work of the Synthesize dock: frames, and the real ones nearest to them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from napari_morphocast.presenters.job import telling

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from napari_morphocast.data.movie import Movie

Kind = Literal["random", "like", "between"]
PATIENT = 200  # steps of refinement, for whoever can wait


@dataclass(frozen=True, slots=True, eq=False)
class Wish:
    """What to make, and by which model.

    Parameters
    ----------
    kind : str
        Frames at random, like the current one, or on the way to another one.
    model : Path
        File of the synthesizer.
    movie : Movie, optional
        What the frames shall be like, and are compared with; at random without one.
    frame, other : int
        Number of the current frame; of the one that a way leads to.
    count : int
        How many.
    variation : float
        How various.
    refine : bool
        Whether to improve the likeness for longer than usual.
    seed : int
        What all chance follows from.
    until : int
        Frames of the movie before this one were learned from; 0 if none was.
    device : str
        As in the Preferences.
    sources : object
        Where the screen shows the movie; only handed through.
    forecaster : str or Path, optional
        What rolled them out, once something has.
    horizon : int
        How many frames on; 0 if nothing has.
    """

    kind: Kind
    model: Path
    movie: Movie | None
    frame: int = 0
    other: int = 0
    count: int = 8
    variation: float = 0.3
    refine: bool = False
    seed: int = 0
    until: int = 0
    device: str = "auto"
    sources: object = None
    forecaster: str | Path | None = None
    horizon: int = 0

    @property
    def title(self) -> str:
        """What comes of it, for the name of a layer; always says SYNTHETIC."""
        name = self.movie.name if self.movie else self.model.stem
        how = {
            "random": "at random",
            "like": f"like frame {self.frame}",
            "between": f"from frame {self.frame} to {self.other}",
        }[self.kind]
        by = f", rolled out by {Path(self.forecaster).stem}" if self.forecaster else ""
        return f"SYNTHETIC {how}{by} · {name}"


@dataclass(frozen=True, slots=True, eq=False)
class Made:
    """What was made.

    Parameters
    ----------
    wish : Wish
        What was asked for.
    frames : array, shape (N, frames, C, Y, X)
        Synthetic frames, in the movie's type and grey levels.
    movie : Movie
        The same frames one after the other, to be saved.
    nearest : array of int, shape (N, 3), optional
        Frame, y and x of the real piece that each is most like.
    beside : array, shape (N, C, Y, X), optional
        Those pieces.
    note : str
        By which model and with which choices, for a file.
    remarks : sequence of str
        How what was given differs from what the model has learned from.
    """

    wish: Wish
    frames: NDArray[Any]
    movie: Movie
    nearest: NDArray[np.int64] | None = None
    beside: NDArray[Any] | None = None
    note: str = ""
    remarks: Sequence[str] = ()

    @property
    def known(self) -> int:
        """How many of the frames in a row are synthetic; the others are forecast."""
        return int(self.frames.shape[1]) - self.wish.horizon

    @property
    def provenance(self) -> dict[str, Any]:
        """By which model it was made, and what is forecast of it by which other."""
        wish = self.wish
        about = {
            "kind": "synthetic",
            "model": wish.model.stem,
            "seed": wish.seed,
            "note": self.note,
        }
        if wish.forecaster is None:
            return about
        by = Path(wish.forecaster).stem
        return {**about, "forecaster": by, "known": self.known}


class Share(NamedTuple):
    """How far the work is, 0..1, and what it is."""

    done: float
    work: Literal["refining", "looking", "rolling out"]


Item = Share | Made


class Verbs(NamedTuple):
    """What this module needs of the api; a test gives its own."""

    load: Callable[..., Any]
    synthesize: Callable[..., Any]
    interpolate: Callable[..., Any]
    nearest: Callable[..., Any]
    piece: Callable[..., Any]
    imagine: Callable[..., Any]
    hardware: Callable[..., Any]


def real_verbs() -> Verbs:
    """The real ones; this imports torch, so call it away from the screen."""
    from napari_morphocast.api import imagine
    from napari_morphocast.api import synthesizing as api
    from napari_morphocast.training.config import Hardware

    return Verbs(
        api.synthesizer,
        api.synthesize,
        api.interpolate,
        api.nearest,
        api.piece,
        imagine,
        Hardware,
    )


class Studio:
    """Makes what is wished for; keeps the newest model, so that it is read once."""

    def __init__(self, verbs: Callable[[], Verbs] = real_verbs) -> None:
        self._verbs = verbs
        self._kept: tuple[Path, float, Any] | None = None

    def make(self, wish: Wish, stop: threading.Event) -> Iterator[Item]:
        """Yield shares of the work, then what was made, then its neighbours."""
        do = self._verbs()
        model = self._model(wish.model, do)
        if stop.is_set():
            return

        def call(tell: Callable[[float], None]) -> Any:
            return _made(wish, model, do, stop, tell)

        made = yield from telling(call, lambda done: Share(done, "refining"))
        if stop.is_set() and wish.kind != "like":
            return
        movie, remarks = wish.movie, []
        if movie is not None and wish.kind != "random":
            remarks = [*model.misfits(movie), *model.imitated(movie)]
        shown = Made(
            wish, made.frames, made.movie, note=made.note, remarks=tuple(remarks)
        )
        yield shown
        if movie is None or wish.kind == "between" or stop.is_set():
            return

        def look(tell: Callable[[float], None]) -> Any:
            until = wish.until or len(movie)
            return do.nearest(movie, made, until, stop=stop, progress=tell)

        found = yield from telling(look, lambda done: Share(done, "looking"))
        pieces = [
            do.piece(movie.raw(n, n + 1)[0], (y, x), made.frames)
            for n, y, x in found.tolist()
        ]
        yield replace(shown, nearest=found, beside=np.stack(pieces))

    def roll_out(
        self,
        made: Made,
        forecaster: str | Path,
        horizon: int,
        device: str,
        stop: threading.Event,
    ) -> Iterator[Item]:
        """Yield what becomes of frames that were made before; stopped, of the first."""
        do = self._verbs()
        hardware = do.hardware(device=device)

        def call(tell: Callable[[float], None]) -> Any:
            return do.imagine(
                made,
                forecaster,
                horizon=horizon,
                like=made.wish.movie,
                hardware=hardware,
                stop=stop,
                progress=tell,
            )

        seen = yield from telling(call, lambda done: Share(done, "rolling out"))
        wish = replace(made.wish, forecaster=forecaster, horizon=horizon)
        yield Made(wish, seen.frames, seen.movie, note=made.note, remarks=seen.remarks)

    def _model(self, path: Path, do: Verbs) -> Any:
        changed = path.stat().st_mtime if path.is_file() else 0.0
        if self._kept is None or self._kept[:2] != (path, changed):
            self._kept = path, changed, do.load(path)
        return self._kept[2]


def _made(
    wish: Wish,
    model: Any,
    do: Verbs,
    stop: threading.Event,
    tell: Callable[[float], None],
) -> Any:
    how = {
        "count": wish.count,
        "seed": wish.seed,
        "hardware": do.hardware(device=wish.device),
    }
    if wish.kind == "between":
        ends = wish.frame, wish.other
        return do.interpolate(model, wish.movie, ends, stop=stop, progress=tell, **how)
    how["variation"] = wish.variation
    if wish.kind == "random":
        return do.synthesize(model, **how)
    return do.synthesize(
        model,
        like=wish.movie,
        frame=wish.frame,
        **({"refine": PATIENT} if wish.refine else {}),
        stop=stop,
        progress=tell,
        **how,
    )
