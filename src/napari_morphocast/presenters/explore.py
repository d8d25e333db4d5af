"""Behaviour of the Explore dock: what becomes a point, what it is, where it leads."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np

from napari_morphocast.data.labels import settled
from napari_morphocast.errors import MorphocastError, MovieError
from napari_morphocast.evaluation.projection import NAMES, require
from napari_morphocast.presenters import explore_colours as colours
from napari_morphocast.presenters.chosen import MovieView, movie_for
from napari_morphocast.presenters.errand import Errands, WorkView
from napari_morphocast.presenters.explore_pictures import Pictures
from napari_morphocast.presenters.explore_wording import chosen, heading, told
from napari_morphocast.presenters.explore_work import (
    Explored,
    Item,
    Order,
    Share,
    exploring,
    laying_out,
    real_verbs,
)
from napari_morphocast.presenters.forecast import NO_MOVIE, describe
from napari_morphocast.presenters.model_files import ModelFacts, read_facts
from napari_morphocast.presenters.wording import frames

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_morphocast.data.movie import Movie
    from napari_morphocast.evaluation.projection import Projected
    from napari_morphocast.presenters.explore_colours import Shade
    from napari_morphocast.presenters.explore_work import Cells, Verbs
    from napari_morphocast.presenters.job import Background

NO_MODEL = "Choose a model that has codes, or train a latent_lstm."
STOPPING = "Stopping…"
TOO_FEW = "Stopped before there were enough points to show."


class ExploreView(MovieView, WorkView, Protocol):
    """All that the presenter may ask of a screen."""

    def sources(self) -> object:
        """Where the movie asked for last lies; comes back with what is found."""

    def model(self) -> Path | None:
        """File of the chosen model."""

    def cells(self) -> Cells | None:
        """Cells of which each becomes a point; None for whole frames."""

    def features(self) -> tuple[str, Mapping[str, Sequence[Any]]] | None:
        """What the layer of the cells knows of them, and its name."""

    def window(self) -> int:
        """Frames in a row that make one point."""

    def crop(self) -> int | None:
        """Side of the square around a cell (pixels); None for the model's own."""

    def kind(self) -> str:
        """How points shall lie on the plane."""

    def shade(self) -> str:
        """What they shall be coloured by."""

    def hardware(self) -> tuple[str, str]:
        """Device and precision to use."""

    def show_movie(self, text: str) -> None:
        """Say what the chosen movie is, or why there is none."""

    def show_model(self, text: str) -> None:
        """Say what the chosen model is, or why there is none."""

    def show_warnings(self, sentences: Sequence[str]) -> None:
        """Say what may be wrong with this movie and this model."""

    def show_ready(self, reason: str) -> None:
        """Enable the button if the reason against it is empty."""

    def show_explored(self, explored: Explored, text: str) -> None:
        """Show other points; ``text`` says what they are of."""

    def show_map(self, shown: Projected) -> None:
        """Lay the points out on this plane."""

    def show_shades(self, names: Sequence[str]) -> None:
        """Offer these to colour by."""

    def show_shade(self, shade: Shade) -> None:
        """Colour the points."""

    def show_point(self, point: int | None, text: str) -> None:
        """Say what a point is that the mouse is over; None if it is over none."""

    def show_picture(self, picture: NDArray[Any] | None) -> None:
        """Show the picture (C, Y, X) of that point."""

    def show_current(self, points: NDArray[np.int64]) -> None:
        """Mark the points of the frame that the viewer shows."""

    def show_chosen(self, points: NDArray[np.int64], text: str) -> None:
        """Mark the points inside the lasso; ``text`` says how many."""


class _Chosen(NamedTuple):
    """What the user has chosen, as far as it makes sense together."""

    movie: Movie
    model: Path
    facts: ModelFacts


class ExplorePresenter:
    """Turns a movie into points, and points back into frames."""

    def __init__(
        self,
        view: ExploreView,
        background: Background,
        verbs: Callable[[], Verbs] = real_verbs,
    ) -> None:
        self._view = view
        self._background = background
        self._verbs = verbs
        self._keep = True  # what comes of the work under way
        self._explored: Explored | None = None
        self._shades: dict[str, Shade] = {}
        self._pictures = Pictures(view, background)
        self._errands = Errands(view, background, self.refresh)

    @property
    def explored(self) -> Explored | None:
        """What is shown, if anything."""
        return self._explored

    def refresh(self) -> None:
        """Look again at what is chosen, and say what can be done with it."""
        if self._errands.closed:
            return
        view = self._view
        try:
            chosen = self._chosen()
        except MorphocastError as error:
            view.show_warnings([error.on_screen])
            view.show_ready(error.on_screen)
            return
        running = self._background.job
        if isinstance(chosen, str):
            view.show_warnings([])
            view.show_ready(chosen)
            return
        view.show_warnings(chosen.facts.misfits(chosen.movie))
        view.show_ready(running.in_the_way if running else "")

    def explore(self) -> None:
        """Find the codes of the chosen movie, and lay them out."""
        view = self._view
        view.show_error("")
        try:
            chosen = self._chosen()
            if isinstance(chosen, str):
                return
            require(view.kind())
            order = Order(
                settled(chosen.movie),
                chosen.model,
                view.cells(),
                view.crop(),
                view.window(),
                view.kind(),
                view.hardware()[0],
                view.sources(),
            )
            stop = threading.Event()
            items = exploring(order, stop, self._verbs)
            self._errands.run(order.title, items, self._take, self._ended, stop)
        except MorphocastError as error:
            view.show_error(error.on_screen)

    def lay_out(self) -> None:
        """Show the points on the chosen plane; their codes stay as they are."""
        explored, kind = self._explored, self._view.kind()
        if explored is None:
            return
        self._view.show_error("")
        if kind in explored.maps:
            self._view.show_map(explored.maps[kind])
            return
        try:
            require(kind)
            stop = threading.Event()
            items = laying_out(explored, kind, stop, self._verbs)
            title = f"Laying out {explored.order.movie.name} by {NAMES[kind]}"
            self._errands.run(title, items, self._take, self._ended, stop)
        except MorphocastError as error:
            self._view.show_error(error.on_screen)
            self._show_known()

    def show(self, explored: Explored) -> None:
        """Show points that were found before."""
        if not explored.maps:
            self._view.show_error(TOO_FEW)
            return
        other = (
            self._explored is None or explored.embedded is not self._explored.embedded
        )
        self._explored = explored
        if other:
            self._view.show_explored(explored, heading(explored))
            self._shades = {**colours.own(explored.embedded), **self._of_layer()}
            self._view.show_shades(list(self._shades))
        self._show_known()
        if other:
            self.colour()
            self.choose(np.zeros(0, np.int64))

    def _show_known(self) -> None:
        """Show the points on the plane that was found last."""
        if self._explored is not None:
            self._view.show_map(list(self._explored.maps.values())[-1])

    def colour(self) -> None:
        """Colour the points by what is chosen."""
        shade = self._shades.get(self._view.shade())
        if shade is not None:
            self._view.show_shade(shade)

    def add_table(self, path: Path) -> str:
        """Offer the columns of a CSV file; returns the name of the first.

        Empty if it cannot be used.
        """
        if self._explored is None:
            return ""
        self._view.show_error("")
        try:
            table = colours.read_table(path, self._explored.embedded)
            found = colours.of_table(table)
            if not found:
                raise MovieError(
                    f"No column of {path.name} holds numbers, or a few different words."
                )
        except MorphocastError as error:
            self._view.show_error(error.on_screen)
            return ""
        self._shades |= found
        self._view.show_shades(list(self._shades))
        return next(iter(found))

    def hover(self, point: int | None) -> None:
        """Say and show what a point is."""
        explored = self._explored
        if explored is None or point is None:
            self._view.show_point(None, "")
        else:
            self._view.show_point(point, told(explored.embedded, point))
        self._pictures.want(explored, point)

    def moved(self, frame: int | None) -> None:
        """Mark the points of the frame that the viewer shows."""
        if self._explored is None:
            return
        now = self._explored.embedded.frames == (-1 if frame is None else frame)
        self._view.show_current(np.flatnonzero(now))

    def choose(self, points: NDArray[np.int64]) -> None:
        """Mark the points inside the lasso, and say how many there are."""
        if self._explored is not None:
            self._view.show_chosen(points, chosen(self._explored.embedded, len(points)))

    def save(self, path: Path) -> None:
        """Write all that is known of the points as a table."""
        if self._explored is None:
            return
        self._view.show_error("")
        maps = {kind: one.points for kind, one in self._explored.maps.items()}
        try:
            self._explored.embedded.to_csv(path, maps)
        except MorphocastError as error:
            self._view.show_error(error.on_screen)

    def stop(self, *, keep: bool = True) -> None:
        """End early; what was found so far is shown, unless its movie is gone."""
        if self._errands.running:
            self._keep = keep
            self._errands.stop()
            self._view.show_progress(0, STOPPING)

    def close(self) -> None:
        """The screen is gone: stop, and speak to nobody."""
        self._pictures.close()
        self._errands.close()
        self._explored = None

    def _chosen(self) -> _Chosen | str:
        """Movie and model, or what is missing.

        Raises
        ------
        MorphocastError
            If a file, the layer, or their combination makes no sense.
        """
        view, path = self._view, self._view.model()
        view.show_movie("")  # not that of the movie before, whatever goes wrong
        facts = read_facts(path) if path else None
        movie = movie_for(facts, view)
        view.show_movie(describe(movie) if movie else NO_MOVIE)
        view.show_model(facts.sentence() if facts else NO_MODEL)
        if movie is None:
            return NO_MOVIE
        if path is None or facts is None:
            return NO_MODEL
        if not facts.coded:
            return f"{path.stem} has no codes. {NO_MODEL}"
        facts.misfits(movie)
        if view.window() > len(movie):
            return (
                f"The movie has {frames(len(movie))}, but a window has "
                f"{view.window()}; choose a shorter window."
            )
        return _Chosen(movie, path, facts)

    def _of_layer(self) -> dict[str, Shade]:
        """What the layer of the cells knows of them, as far as it can be joined."""
        found = self._view.features()
        if found is None or self._explored is None:
            return {}
        try:
            table = colours.joined(*found, self._explored.embedded)
        except MovieError:
            return {}
        return colours.of_table(table)

    def _take(self, items: Sequence[Item]) -> None:
        if self._errands.closed:
            return
        for item in items if self._keep else ():
            if isinstance(item, Explored):
                self.show(item)
        last = items[-1]
        if isinstance(last, Share):
            told = f"{last.what}: {last.done:.0%}" if last.done else f"{last.what}…"
            text = STOPPING if self._errands.stopping else told
            self._view.show_progress(last.done, text)

    def _ended(self) -> None:
        self._keep = True
        if not self._errands.closed:
            if self._explored and self._view.kind() not in self._explored.maps:
                self._show_known()  # what was asked for has not come
            self.refresh()
