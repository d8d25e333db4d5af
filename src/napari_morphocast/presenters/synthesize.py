"""Behaviour of the Synthesize dock: what can be made, what happens, what is said."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from napari_morphocast.data.writing import write_movie
from napari_morphocast.errors import MorphocastError, MovieError
from napari_morphocast.presenters.chosen import MovieView, movie_for
from napari_morphocast.presenters.errand import Errands, WorkView
from napari_morphocast.presenters.forecast import describe
from napari_morphocast.presenters.model_files import read_facts
from napari_morphocast.presenters.synthesize_work import Made, Share, Studio, Wish
from napari_morphocast.presenters.wording import frames

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari_morphocast.data.movie import Movie
    from napari_morphocast.presenters.job import Background
    from napari_morphocast.presenters.model_files import ModelFacts
    from napari_morphocast.presenters.synthesize_work import Item, Kind

NO_MODEL = "Choose a model that makes frames, or train one."
NO_MOVIE = "Open a movie: frames are made like the one on the screen."
UNGUIDED = (
    "This model has not learned to imitate a frame: its training ended before that. "
    "Make frames at random, or go on with its training in the Train dock."
)
WORK = {
    "refining": "Making it more like the frame…",
    "rolling out": "Forecasting what would become of them…",
    "looking": "Looking for the real frames most like it…",
}
NOTHING_MADE = "Make frames first; then they can be rolled out."
NEW_SEEDS = 10_000  # few digits, so that one can be noted down


class SynthesizeView(MovieView, WorkView, Protocol):
    """All that the presenter may ask of a screen."""

    def model(self) -> Path | None:
        """File of the chosen model."""

    def sources(self) -> object:
        """Where the movie asked for last lies; comes back with what is made."""

    def frame(self) -> int:
        """Number of the frame that the viewer shows."""

    def other(self) -> int:
        """Number of the frame that a way shall lead to."""

    def count(self) -> int:
        """How many frames to make."""

    def variation(self, kind: Kind) -> float:
        """How various frames of a kind shall be."""

    def refine(self) -> bool:
        """Whether likeness is worth some seconds."""

    def seed(self) -> int | None:
        """A seed to use again; None for a new one each time."""

    def hardware(self) -> tuple[str, str]:
        """Device and precision to use."""

    def forecaster(self) -> str | Path | None:
        """Which forecaster shall roll frames out."""

    def horizon(self) -> int:
        """How many frames on."""

    def show_movie(self, text: str) -> None:
        """Say what the chosen movie is, or why there is none."""

    def show_model(self, text: str) -> None:
        """Say what the chosen model is, or why there is none."""

    def show_ready(self, random: str, like: str) -> None:
        """Enable a button for which the reason against it is empty."""

    def show_made(self, made: Made) -> None:
        """Show synthetic frames, in place of those of the same wish."""

    def show_seed(self, seed: int) -> None:
        """Which seed was used."""

    def show_verdict(self, text: str) -> None:
        """What came out, in plain words."""


class SynthesizePresenter:
    """Turns wishes into frames that say that they are synthetic."""

    def __init__(
        self, view: SynthesizeView, background: Background, studio: Studio | None = None
    ) -> None:
        self._view = view
        self._background = background
        self._studio = studio or Studio()
        self._errands = Errands(view, background, self.refresh)

    def refresh(self) -> None:
        """Look again at what is chosen, and say what can be made."""
        if self._errands.closed:
            return
        view, path = self._view, self._view.model()
        try:
            facts = read_facts(path) if path else None
        except MorphocastError as error:
            view.show_ready(error.on_screen, error.on_screen)
            return
        _, like = self._movie(facts)
        view.show_model(facts.sentence() if facts else NO_MODEL)
        busy = self._background.job
        reason = busy.in_the_way if busy else ""
        reason = reason or ("" if facts else NO_MODEL)
        if facts and not facts.guided:
            like = UNGUIDED
        view.show_ready(reason, reason or like)

    def make(self, kind: Kind) -> None:
        """Make frames at random, like the current one, or on the way to another."""
        view = self._view
        view.show_error("")
        try:
            wish = self._wish(kind)
        except MorphocastError as error:
            view.show_error(error.on_screen)
            return
        view.show_seed(wish.seed)
        self._run(wish)

    def roll_out(self, made: Made | None) -> None:
        """Forecast what would become of the frames that were made last."""
        view = self._view
        view.show_error("")
        forecaster = view.forecaster()
        if made is None or forecaster is None:
            view.show_error(NOTHING_MADE)
            return
        wish, device = made.wish, view.hardware()[0]
        stop = threading.Event()
        items = self._studio.roll_out(made, forecaster, view.horizon(), device, stop)
        self._start(f"Rolling out {wish.title}", items, stop)

    def save(self, made: Made | None, path: Path) -> None:
        """Write synthetic frames as one stack that says what it is.

        Raises
        ------
        MorphocastError
            If there are none, or the file cannot be written.
        """
        if made is None:
            raise MovieError("There are no frames to save; make some first.")
        movie = replace(made.movie, name=made.wish.title)
        wish, note = made.wish, made.note
        if wish.forecaster is not None:
            by = Path(wish.forecaster).stem
            note += f", FORECAST by {by} from frame {made.known} on"
        coming = iter(movie.raw(0, len(movie)))
        write_movie(path, coming, like=movie, count=len(movie), note=note)
        self._view.show_verdict(f"Saved {len(movie)} synthetic frames as {path.name}.")

    def stop(self) -> None:
        """End early; what a likeness has come to is shown, and every whole rollout."""
        self._errands.stop()

    def close(self) -> None:
        """The screen is gone: stop, and speak to nobody."""
        self._errands.close()

    def _wish(self, kind: Kind) -> Wish:
        view, path = self._view, self._view.model()
        if path is None:
            raise MovieError(NO_MODEL)
        facts = read_facts(path)
        movie, why_not = self._movie(facts)
        if movie is None and kind != "random":
            raise MovieError(why_not)
        seed = view.seed()
        return Wish(
            kind,
            path,
            movie,
            frame=view.frame(),
            other=view.other(),
            count=view.count(),
            variation=view.variation(kind),
            refine=view.refine(),
            seed=_new_seed() if seed is None else seed,
            until=facts.unseen(movie) if movie else 0,
            device=view.hardware()[0],
            sources=view.sources() if movie else (),
        )

    def _movie(self, facts: ModelFacts | None) -> tuple[Movie | None, str]:
        """The movie that frames can be like and lie beside, or why there is none."""
        view, movie = self._view, None
        try:
            movie = movie_for(facts, view)
            view.show_movie(describe(movie) if movie else NO_MOVIE)
            if movie is None:
                return None, NO_MOVIE
            if facts is not None:
                facts.misfits(movie)
        except MovieError as error:
            if movie is None:
                view.show_movie(error.on_screen)
            return None, error.on_screen
        return movie, ""

    def _run(self, wish: Wish) -> None:
        stop = threading.Event()
        self._start(wish.title, self._studio.make(wish, stop), stop)

    def _start(self, title: str, items: Iterator[Item], stop: threading.Event) -> None:
        try:
            self._errands.run(title, items, self._take, self.refresh, stop)
        except MorphocastError as error:
            self._view.show_error(error.on_screen)

    def _take(self, items: list[Item]) -> None:
        for item in () if self._errands.closed else items:
            if isinstance(item, Share):
                self._view.show_progress(item.done, WORK[item.work])
            else:
                self._view.show_made(item)
                self._view.show_verdict(said(item))


def said(made: Made) -> str:
    """What was made, that nobody saw it, and whether it may be a copy."""
    count = len(made.frames)
    images = "1 image" if count == 1 else f"{count} images"
    them = "it" if count == 1 else "them"
    text = f"{images} made with seed {made.wish.seed}: synthetic, no microscope saw "
    text = " ".join([f"{text}{them}.", *made.remarks])
    if made.wish.forecaster is not None:
        by, on = Path(made.wish.forecaster).stem, made.wish.horizon
        if count < made.wish.count:
            text = f"Stopped after {count} of {made.wish.count}. {text}"
        return (
            f"{text} The last {frames(on)} are forecast by {by}; nobody can check them."
        )
    if made.nearest is None:
        return text
    near = ", ".join(map(str, made.nearest[:8, 0].tolist()))
    more = ", …" if count > 8 else ""
    meaning = (
        "were they the same, the model would have learned it by heart."
        if made.wish.until
        else "the model has not learned from this movie."
    )
    return (
        f"{text} Below each stands the real frame most like it (row by row "
        f"{near}{more}): {meaning}"
    )


def _new_seed() -> int:
    return int(np.random.default_rng().integers(NEW_SEEDS))
