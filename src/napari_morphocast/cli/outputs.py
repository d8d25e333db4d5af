"""Forecasts as files, and beside them how far off they are, how sure, how moved."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from itertools import count
from tempfile import TemporaryFile
from typing import IO, TYPE_CHECKING, Any

from napari_morphocast.cli.inputs import check_movie_target, until_stopped
from napari_morphocast.cli.report import bar, say, warn
from napari_morphocast.errors import SettingsError

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_morphocast.api.forecasting import Forecast, Step
    from napari_morphocast.data.movie import Movie
    from napari_morphocast.training.trained import Trained

    Picture = Callable[[int, Step], NDArray[Any]]  # of a frame's number and forecast


MOTION = "MOTION (how far away each pixel was one frame before)"
MOTION_CHANNELS = "motion along Y (pixels)", "motion along X (pixels)", "unusual kernel"


@dataclass(frozen=True, slots=True)
class Outputs:
    """Files to write: forecast frames, maybe their errors, spread and motion.

    Beside the file of motion lies one of its colours, and one of what the model has
    learned of its errors at each place, if it has.
    """

    frames: Path
    error: Path | None = None
    spread: Path | None = None
    motion: Path | None = None

    @property
    def paths(self) -> list[Path]:
        """All that hold a picture of each frame."""
        return [path for path in self._named().values() if path != self._maps]

    def check(self, *inputs: Path | str) -> None:
        """Refuse files that cannot be written, that are read, or that are the same."""
        named: dict[Path, str] = {}
        for option, path in self._named().items():
            check_movie_target(path, *inputs)
            other = named.setdefault(path.expanduser().resolve(), option)
            if other != option:
                raise SettingsError(
                    f"{other} and {option} name the same file; give each its own name."
                )

    def check_model(self, model: Trained) -> None:
        """Refuse to write what a model does not say."""
        if self.spread is not None:
            model.require_members()
        if self.motion is not None:
            model.require_motion()

    def write(
        self,
        forecast: Forecast,
        movie: Movie,
        model: Trained,
        note: str,
        stop: threading.Event,
    ) -> int:
        """Write forecasts while they are made, then what was noted beside them.

        Returns
        -------
        int
            How many frames there are; fewer than planned if they were stopped.
        """
        done = count()
        kinds: tuple[tuple[Path | None, str, Picture, Sequence[str]], ...] = (
            (self.error, "ABSOLUTE ERROR", partial(_error, movie), ()),
            (self.spread, "SPREAD (one standard deviation)", _spread, ()),
            (self.motion, MOTION, _motion, MOTION_CHANNELS),
        )
        with ExitStack() as files:
            beside = [
                (
                    path,
                    what,
                    names,
                    _Beside(files.enter_context(TemporaryFile()), picture),
                )
                for path, what, picture, names in kinds
                if path is not None
            ]
            frames = _noting(forecast, [notes for *_, notes in beside], stop)
            counted = (frame for frame, _ in zip(frames, done, strict=False))
            _put(self.frames, counted, forecast, movie, note)
            for path, what, names, notes in beside:
                text = f"{what}, {note}"
                _put(path, notes.taken(), forecast, movie, text, names)
                if path == self.motion:
                    self._write_colours(notes, forecast, movie, note)
        self._write_maps(movie, model)
        return next(done)

    def _write_colours(
        self, notes: _Beside, forecast: Forecast, movie: Movie, note: str
    ) -> None:
        """Write motion that was noted as napari shows it."""
        from napari_morphocast.presenters.motion import HUES, coloured, fastest

        assert self._colours is not None
        most = fastest(noted[:2] for noted in notes.taken())
        frames = (coloured(noted[:2], most) for noted in notes.taken())
        text = f"MOTION ({HUES}; brightest: {most:.2g} pixels per frame), {note}"
        like = replace(movie.pictures, channels=(), rgb=True)
        _put(self._colours, frames, forecast, like, text)

    def _write_maps(self, movie: Movie, model: Trained) -> None:
        """Write what the model has learned of its errors at each place, if it has."""
        if self._maps is None:
            return
        maps = model.error_maps(*movie.shape[2:])
        if maps is None:
            if self._maps.exists():
                lies = f"{self._maps} lies there from before"
                warn([f"{lies}, but {model.name} has no such maps; delete it."])
            return
        import numpy as np

        from napari_morphocast.data.io import write_movie
        from napari_morphocast.presenters.motion import ERROR_MAPS

        note = f"ADAPTIVE LOSS of {model.name}, c in grey levels (napari-morphocast)"
        picture = np.stack(maps)
        write_movie(
            self._maps, [picture], like=movie, count=1, note=note, channels=ERROR_MAPS
        )
        say(f"Wrote {self._maps}: {' and '.join(ERROR_MAPS)} at each place.")

    @property
    def _colours(self) -> Path | None:
        return self.motion and _next_to(self.motion, "colours")

    @property
    def _maps(self) -> Path | None:
        return self.motion and _next_to(self.motion, "alpha-c")

    def _named(self) -> dict[str, Path]:
        named = {
            "-o": self.frames,
            "--error": self.error,
            "--spread": self.spread,
            "--motion": self.motion,
            "the colours beside --motion": self._colours,
            "alpha and c beside --motion": self._maps,
        }
        return {option: path for option, path in named.items() if path is not None}


def _next_to(path: Path, kind: str) -> Path:
    """Name a file like another one, with one word more before its ending."""
    ending = path.suffix
    if path.stem.lower().endswith(".ome"):
        ending = path.stem[-len(".ome") :] + ending
    return path.with_name(f"{path.name[: -len(ending)]}-{kind}{ending}")


class _Beside:
    """Pictures that wait in a temporary file, not in memory, to be written."""

    def __init__(self, file: IO[bytes], picture: Picture) -> None:
        self._file, self._picture, self._count = file, picture, 0

    def note(self, time: int, step: Step) -> None:
        """Keep the picture that belongs to a forecast."""
        import numpy as np

        np.save(self._file, self._picture(time, step))
        self._count += 1

    def taken(self) -> Iterator[NDArray[Any]]:
        """All pictures in order."""
        import numpy as np

        self._file.seek(0)
        for _ in range(self._count):
            yield np.load(self._file)


def _noting(
    forecast: Forecast, beside: Sequence[_Beside], stop: threading.Event
) -> Iterator[NDArray[Any]]:
    """Pass forecast frames on, with a bar, and note what belongs beside them."""
    with bar("forecasting") as show:
        for done, step in enumerate(until_stopped(forecast.steps, stop)):
            for notes in beside:
                notes.note(forecast.first + done, step)
            show((done + 1) / forecast.count)
            yield step.frame


def _put(
    path: Path,
    frames: Iterable[NDArray[Any]],
    forecast: Forecast,
    movie: Movie,
    note: str,
    channels: Sequence[str] = (),
) -> None:
    from napari_morphocast.data.io import write_movie

    write_movie(
        path,
        frames,
        like=movie,
        count=forecast.count,
        note=note,
        first=forecast.first,
        channels=channels,
    )


def _error(movie: Movie, time: int, step: Step) -> NDArray[Any]:
    """Absolute difference from what came, in the movie's own type."""
    import numpy as np

    from napari_morphocast.data.scaling import as_stored

    truth = movie.raw(time, time + 1)[0]
    difference = np.abs(step.frame.astype(np.float64) - truth.astype(np.float64))
    return as_stored(difference, movie.dtype)


def _spread(time: int, step: Step) -> NDArray[Any]:
    assert step.spread is not None  # single models were refused before
    return step.spread


def _motion(time: int, step: Step) -> NDArray[Any]:
    import numpy as np

    assert step.motion is not None  # models that move nothing were refused before
    assert step.unusual is not None
    return np.concatenate([step.motion, step.unusual])
