"""Scoring that needs no baseline but "nothing moves"."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_morphocast import api
from napari_morphocast.api.evaluating import contender, first_scored, grey_range
from napari_morphocast.evaluation.scores import score

if TYPE_CHECKING:
    from collections.abc import Iterable

    from napari_morphocast.data.movie import Movie
    from napari_morphocast.evaluation.scores import Scores

SINCE = 0.8  # of the movie is learned from


def scored(movie: Movie, models: Iterable[api.Model], horizon: int) -> Scores:
    """Let models and persistence foretell the same unseen frames."""
    first = first_scored(movie, SINCE)
    loaded = [api.load(model, movie, until=first) for model in (*models, "persistence")]
    return score(
        movie,
        [contender(model) for model in loaded],
        horizon=horizon,
        since=first,
        data_range=grey_range(movie),
    )
