"""What a new model is worth on the frames that it did not learn from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_morphocast.api.evaluating import evaluate
from napari_morphocast.api.loading import load
from napari_morphocast.evaluation.baselines import REFERENCES
from napari_morphocast.evaluation.proof import Proof
from napari_morphocast.training.checkpoint import amend

if TYPE_CHECKING:
    import threading
    from pathlib import Path

    from napari_morphocast.api.loading import Model
    from napari_morphocast.data.movie import Movie
    from napari_morphocast.evaluation.scores import Scores
    from napari_morphocast.training.config import Hardware

FRAMES = 24  # unseen frames that are looked at
LEADS = 10  # frames ahead that are looked at
KNOWN = 32  # frames before them that baselines are tuned on


def worth(
    movie: Movie,
    model: Model,
    *,
    hardware: Hardware | None = None,
    stop: threading.Event | None = None,
) -> Scores | None:
    """Score a model's rollouts on the first frames after its training.

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
        view, [trained], horizon=LEADS, since=since, hardware=hardware, stop=stop
    )


def prove(
    movie: Movie,
    path: Path,
    *,
    hardware: Hardware | None = None,
    stop: threading.Event | None = None,
) -> Scores | None:
    """As ``worth``, and keep in a forecaster's file how far ahead it is of use.

    A check that was stopped is not kept.
    """
    trained = load(path)
    scores = worth(movie, trained, hardware=hardware, stop=stop)
    stopped = stop is not None and stop.is_set()
    if (
        scores is not None
        and scores.rows
        and trained.task == "forecast"
        and not stopped
    ):
        amend(path, proof=Proof.of(scores, trained.name))
    return scores


def hardest(scores: Scores, model: str) -> str:
    """Name of the baseline, other than persistence, with the least error at lead 1."""
    others = [
        name
        for name in REFERENCES
        if name in scores.models and name not in ("persistence", model)
    ]
    return min(others, key=lambda name: scores.of(name, "mse")[0].value)
