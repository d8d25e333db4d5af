"""What the command line is given: movies, settings, places to write to, Ctrl-C."""

from __future__ import annotations

import signal
import threading
import tomllib
from contextlib import contextmanager
from dataclasses import dataclass
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, Any, TypeVar

import typer

from napari_morphocast.cli.report import say, warn
from napari_morphocast.errors import MorphocastError, MovieError, SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from napari_morphocast.data.movie import Movie
    from napari_morphocast.training.checkpoint import Checkpoint
    from napari_morphocast.training.config import Hardware, Run

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Opening:
    """How movies are opened."""

    axes: str | None = None
    channel: int | None = None
    z: str | None = None
    fill_nan: bool = False
    labels: tuple[Path, ...] = ()

    def open_all(self, paths: Sequence[Path]) -> list[Movie]:
        """Open movies to learn from, each with its own labels, if there are some."""
        if self.labels and len(self.labels) != len(paths):
            raise SettingsError(
                f"There are {len(paths)} movie(s), but {len(self.labels)} file(s) of "
                "labels; give --labels once for each movie, in their order."
            )
        each = self.labels or (None,) * len(paths)
        return [
            self._open(path, labels, to_learn=True)
            for path, labels in zip(paths, each, strict=True)
        ]

    def open(self, path: Path) -> Movie:
        """Open one movie to forecast it."""
        return self._open(path, next(iter(self.labels), None))

    def _open(
        self, path: Path, labels: Path | None, *, to_learn: bool = False
    ) -> Movie:
        from napari_morphocast.data.checks import fill_nan
        from napari_morphocast.data.io import read_movie
        from napari_morphocast.data.labels import read_labels, with_labels

        movie = read_movie(path, axes=self.axes, z=self._z(), channel=self.channel)
        if self.fill_nan:
            movie = fill_nan(movie, from_past=not to_learn)
        return with_labels(movie, read_labels(labels)) if labels else movie

    def _z(self) -> Any:
        if self.z is None or self.z in ("max", "mean"):
            return self.z
        try:
            return int(self.z)
        except ValueError:
            raise SettingsError(
                f"--z takes max, mean or the number of a slice, not {self.z!r}."
            ) from None


def hardware_of(values: Mapping[str, object]) -> Hardware:
    """Where to compute; says so if a card that is there cannot be used."""
    from napari_morphocast.training.config import Hardware, checked
    from napari_morphocast.training.devices import advice, leave_a_core

    hardware = checked(Hardware, values)
    leave_a_core()
    if hardware.device == "auto":
        warn(filter(None, [advice()]), aside=True)
    return hardware


@dataclass(frozen=True, slots=True)
class Settings:
    """What was said about a training run, still as it was typed."""

    model: str | None = None
    changes: tuple[str, ...] = ()
    config: Path | None = None
    epochs: int | None = None
    minutes: float | None = None
    until: float | None = None
    seed: int | None = None
    members: int | None = None

    def run(self) -> Run:
        """Check everything and make the run's settings."""
        from napari_morphocast.training.config import Run

        values = self.values()
        if self.config is not None:
            return Run.read(self.config, **values)
        return Run.make(str(values.pop("model", "auto")), **values)

    def values(self) -> dict[str, Any]:
        """Everything that was said, by the settings' names; not yet checked."""
        given = {
            "model": self.model,
            "epochs": self.epochs,
            "minutes": self.minutes,
            "until": self.until,
            "seed": self.seed,
            "members": self.members,
        }
        values = dict(parsed(change) for change in self.changes)
        return values | {k: value for k, value in given.items() if value is not None}

    def of_the_model(self, kept: Checkpoint) -> list[str]:
        """Names of what is said here, though a finetuned model keeps its own."""
        from napari_morphocast.training.config import Run, read_settings

        values = read_settings(self.config) if self.config else {}
        values |= self.values()
        values.pop("model", None)
        Run.make(kept.model, **values)  # refuses what it does not know
        given = sorted(kept.for_good & values.keys())
        return [*(["--model"] if self.model else []), *given]

    def only_lengths(self) -> bool:
        """Whether nothing but epochs and minutes was said: all that resuming takes."""
        rest = (self.model, self.config, self.until, self.seed, self.members)
        return not self.changes and all(value is None for value in rest)


def parsed(change: str) -> tuple[str, Any]:
    """Split ``key=value``; the value is TOML, or else text.

    Raises
    ------
    SettingsError
        If there is no ``=``, or no key before it.
    """
    key, equals, text = change.partition("=")
    if not equals or not key.strip():
        raise SettingsError(f"--set takes key=value, such as patch=2, not {change!r}.")
    try:
        return key.strip(), tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return key.strip(), text.strip()


def those_given(*paths: Path | None) -> tuple[Path, ...]:
    """Those of some paths that were given at all."""
    return tuple(path for path in paths if path is not None)


def check_target(path: Path, *inputs: Path | str) -> None:
    """Refuse to write into a missing folder or over something that is read.

    Raises
    ------
    SettingsError
        Names the folder that cannot be written to, or the file that would be lost.
    """
    folder = path.expanduser().parent
    if not folder.is_dir():
        raise SettingsError(f"There is no folder {folder}; make it first.")
    target = path.expanduser().resolve()
    if target.is_dir() and target.suffix != ".zarr":
        raise SettingsError(f"{path} is a folder; give the name of a file.")
    try:
        with TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise SettingsError(
            f"Nothing can be written into {folder} ({error.strerror}); choose another "
            "folder."
        ) from None
    if any(_same(target, given) for given in inputs):
        raise SettingsError(
            f"{path} is read by this command and would be overwritten; give -o "
            "another name."
        )


def check_file(
    path: Path | None, endings: tuple[str, ...], what: str, *inputs: Path | str
) -> None:
    """Refuse also an ending that ``what`` is not written with, before any work."""
    from napari_morphocast.evaluation.exporting import check_ending

    if path is not None:
        check_target(path, *inputs)
        check_ending(path, endings, what)


def check_score_targets(
    table: Path | None, plot: Path | None, *inputs: Path | str
) -> None:
    """Refuse tables of scores and pictures that cannot be written, before any work."""
    from napari_morphocast.evaluation.exporting import ENDINGS

    check_file(table, ENDINGS, "the scores", *inputs)
    check_file(plot, (".png",), "the picture", *inputs)


def check_movie_target(path: Path, *inputs: Path | str) -> None:
    """Refuse also an ending that names no format, before anything is computed."""
    check_target(path, *inputs)
    endings = (".tif", ".tiff", ".zarr", ".npy")
    if not path.name.lower().endswith(endings):
        raise MovieError(
            f"{path.name} has no ending that says how to write it; use .ome.tif, .tif, "
            ".ome.zarr or .npy."
        )


@contextmanager
def interruptible() -> Iterator[threading.Event]:
    """Give an event that the first Ctrl-C sets; the second one interrupts at once.

    Ends the command with exit status 130 if there was one, whatever failed because of
    it.
    """
    stop = threading.Event()

    def ask(*_: object) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()
        say("Stopping soon; Ctrl-C again ends at once.", aside=True)

    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    before = signal.signal(signal.SIGINT, ask)
    try:
        yield stop
    except MorphocastError:
        if not stop.is_set():
            raise
        say("Stopped before there was anything to keep.", aside=True)
    finally:
        signal.signal(signal.SIGINT, before)
    if stop.is_set():
        raise typer.Exit(130)


def until_stopped(items: Iterable[T], stop: threading.Event) -> Iterator[T]:
    """Pass items on until somebody says stop."""
    for item in items:
        if stop.is_set():
            return
        yield item


def one_line(text: str) -> str:
    """The same words without line breaks."""
    return " ".join(text.split())


def _same(target: Path, given: Path | str) -> bool:
    """Whether ``given`` is ``target``, or a folder of frames that holds it."""
    from pathlib import Path

    read = Path(given).expanduser().resolve()
    return read == target or (read.is_dir() and read in target.parents)
