"""What the frames of the chosen movie look like to someone who checks them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QLabel

from napari_morphocast.data.checks import check
from napari_morphocast.errors import MorphocastError
from napari_morphocast.presenters.wording import duration

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_morphocast.data.checks import Report
    from napari_morphocast.data.movie import Movie
    from napari_morphocast.presenters.job import Background

EXAMINED = 2**28  # bytes of a movie that are examined
GONE = -1  # instead of the number of a question
PATIENCE = 300  # milliseconds after the last change, for people who are typing


class CheckReport(QLabel):
    """Plain sentences on a movie, found out in the background."""

    def __init__(
        self, background: Background, movie: Callable[[], Movie | None]
    ) -> None:
        super().__init__()
        self.setWordWrap(True)
        self._background = background
        self._movie = movie
        self._asked = 0
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.setInterval(PATIENCE)
        self._later.timeout.connect(self._examine)

    def look_soon(self) -> None:
        """The movie is another one now."""
        if self._asked == GONE:
            return
        self._asked += 1
        self.clear()
        self._later.start()

    def forget(self) -> None:
        """The dock is gone: answers that come now must not touch it."""
        self._asked = GONE

    def _examine(self) -> None:
        if self._asked == GONE:
            return
        try:
            movie = self._movie()
        except MorphocastError as error:
            self.setText(f"⚠ {error.on_screen}")
            return
        if movie is None:
            return
        number, facts, part = self._asked, _facts(movie), _affordable(movie)
        self.setText(f"{facts}\nLooking through the frames…")
        self._background.ask(
            lambda: check(part),
            self._answer(number, lambda report: _sentences(facts, movie, report)),
            self._answer(number, lambda message: f"{facts}\n⚠ {message}"),
        )

    def _answer(self, number: int, text: Callable[[Any], str]) -> Callable[[Any], None]:
        def show(found: Any) -> None:
            if number == self._asked:  # the user may have gone on to another layer
                self.setText(text(found))

        return show


def _affordable(movie: Movie) -> Movie:
    """The beginning of a movie that is too big to be examined whole."""
    frame = max(1, movie.nbytes // len(movie))
    return movie.between(0, max(1, min(len(movie), EXAMINED // frame)))


def _facts(movie: Movie) -> str:
    count, channels, height, width = movie.pictures.shape
    colours = "" if channels == 1 else f" · {channels} channels"
    colours += " · cells" if movie.labels else ""
    long = f" · {duration(count * movie.interval)} in all" if movie.interval else ""
    return f"{count} frames of {height} × {width} pixels{colours}{long}"


def _sentences(facts: str, movie: Movie, report: Report) -> str:
    problems = [f"⚠ {problem.message}" for problem in report.problems]
    part = "" if report.frames == len(movie) else f" in the first {report.frames}"
    good = [] if problems else [f"No problems found{part}."]
    return "\n".join([facts, *problems, *good])
