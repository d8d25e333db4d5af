"""The verbs: what notebooks, the command line and the docks call."""

from napari_morphocast.api.controls import controls
from napari_morphocast.api.embedding import embed
from napari_morphocast.api.evaluating import evaluate
from napari_morphocast.api.forecasting import Forecast, predict, rollout
from napari_morphocast.api.imagining import Imagined, imagine
from napari_morphocast.api.judging import judge
from napari_morphocast.api.loading import Model, load
from napari_morphocast.api.robustness import robustness
from napari_morphocast.api.surprise import surprise
from napari_morphocast.api.sweeping import Sweep, sweep
from napari_morphocast.api.synthesizing import (
    Synthesis,
    interpolate,
    nearest,
    synthesize,
)
from napari_morphocast.api.training import resume, train
from napari_morphocast.api.worth import hardest, prove, worth
from napari_morphocast.training.search import Search

__all__ = [
    "Forecast",
    "Imagined",
    "Model",
    "Search",
    "Sweep",
    "Synthesis",
    "controls",
    "embed",
    "evaluate",
    "hardest",
    "imagine",
    "interpolate",
    "judge",
    "load",
    "nearest",
    "predict",
    "prove",
    "resume",
    "robustness",
    "rollout",
    "surprise",
    "sweep",
    "synthesize",
    "train",
    "worth",
]
