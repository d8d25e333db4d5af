"""The movie that is chosen on a screen, as a model has to see it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from napari_morphocast.data.movie import Movie
    from napari_morphocast.presenters.model_files import ModelFacts


class MovieView(Protocol):
    """A screen on which a movie is chosen."""

    def movie(self, channels: int | None, *, labels: bool = False) -> Movie | None:
        """The chosen movie; raises MovieError if the layer cannot be one.

        ``channels`` is how many the model works on, None if any number will do.
        """


def movie_for(facts: ModelFacts | None, view: MovieView) -> Movie | None:
    """The chosen movie, with what a model has to see of it."""
    if facts is None:
        return view.movie(None)
    return view.movie(facts.channels, labels=facts.labels)
