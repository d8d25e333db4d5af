"""Forecasts from frames that were damaged on purpose."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_morphocast.api.evaluating import (
    contender,
    first_scored,
    notes_on,
)
from napari_morphocast.api.loading import ready as get_ready
from napari_morphocast.api.loading import several
from napari_morphocast.data.finite import require_finite
from napari_morphocast.data.scaling import Scaling
from napari_morphocast.data.windows import Part
from napari_morphocast.evaluation.baselines import BASELINES
from napari_morphocast.evaluation.damage import DAMAGES, plan
from napari_morphocast.evaluation.robustness import measure, starts
from napari_morphocast.evaluation.scores import first_frame
from napari_morphocast.training.trained import Trained

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Sequence

    from napari_morphocast.api.loading import Model
    from napari_morphocast.data.movie import Movie
    from napari_morphocast.evaluation.robustness import Robustness
    from napari_morphocast.training.config import Hardware


def robustness(
    movie: Movie,
    models: Model | Sequence[Model],
    *,
    kinds: Sequence[str] = tuple(DAMAGES),
    steps: int = 10,
    leads: Sequence[int] = (1,),
    since: float = 0.8,
    forecasts: int = 10,
    hardware: Hardware | None = None,
    stop: threading.Event | None = None,
    progress: Callable[[float], None] | None = None,
) -> Robustness:
    """Score forecasts of a movie's end from frames that are noisy, holed or lost.

    Only what the models are shown is damaged; what they foretell is compared with the
    frames as they are. The baselines get the same damaged frames.

    Parameters
    ----------
    movie, models, hardware, since, stop, progress
        As in ``evaluate``.
    kinds : sequence of str
        Which damage: gaussian, poisson, salt-and-pepper, square, missing, duplicated.
    steps : int
        How many intensities of each.
    leads : sequence of int
        Which leads are scored (frames).
    forecasts : int
        How many forecasts at most, at even distances; each is made once for every
        model, kind and intensity.
    """
    first = first_scored(movie, since)
    ready = [
        get_ready(movie, model, hardware, until=first) for model in several(models)
    ]
    names = {model.name for model in ready}
    ready += [Trained.baseline(b, movie, first) for b in BASELINES if b not in names]
    leads = sorted(set(leads))
    context = max(model.context for model in ready)
    begin = first_frame(movie, context, first, max(leads, default=1))
    begins = starts(movie, begin, leads, forecasts)
    require_finite(movie, begins[0] - context, len(movie))
    found = measure(
        movie,
        [contender(model) for model in ready],
        plan(kinds, steps, context),
        begins,
        leads=leads,
        scaling=Scaling.fit([Part(movie, 0, len(movie))]),
        stop=stop,
        progress=progress,
    )
    return found.noting(notes_on(ready, movie, first))
