"""What a new model is worth on the frames that it did not learn from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_morphocast.api.evaluating import evaluate
from napari_morphocast.api.loading import load
from napari_morphocast.evaluation.baselines import REFERENCES

if TYPE_CHECKING:
    import threading

    from napari_morphocast.api.loading import Model
    from napari_morphocast.data.movie import Movie
    from napari_morphocast.evaluation.scores import Scores
    from napari_morphocast.training.config import Hardware

FRAMES = 24  # unseen frames that are looked at
KNOWN = 32  # frames before them that baselines are tuned on


def worth(
    movie: Movie,
    model: Model,
    *,
    hardware: Hardware | None = None,
    stop: threading.Event | None = None,
) -> Scores | None:
    """Score a model one frame ahead on the first frames after its training.

    Parameters
    ----------
    movie : Movie
        One that it learned from.
    model : Trained, str or path
        The new model.
    hardware : Hardware, optional
        Where to compute.
    stop : threading.Event, optional
        Set it to end with what has been scored so far.

    Returns
    -------
    Scores, optional
        Beside all baselines; None if no frame was left out of training.
    """
    trained = load(model)
    first = round(len(movie) * trained.checkpoint.training.until)
    if first >= len(movie):
        return None
    begin = max(0, first - max(trained.context, KNOWN))
    view = movie.between(begin, min(len(movie), first + FRAMES))
    since = (first - begin) / len(view)
    return evaluate(
        view, [trained], horizon=1, since=since, hardware=hardware, stop=stop
    )


def hardest(scores: Scores, model: str) -> str:
    """Name of the baseline, other than persistence, with the least error at lead 1."""
    others = [
        name
        for name in REFERENCES
        if name in scores.models and name not in ("persistence", model)
    ]
    return min(others, key=lambda name: scores.of(name, "mse")[0].value)
