"""What the Train dock says about a run: how long it takes, and what came of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_morphocast.evaluation.baselines import REFERENCES
from napari_morphocast.presenters.wording import ahead, duration, frames

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from napari_morphocast.evaluation.estimates import Score
    from napari_morphocast.presenters.forecasting import FrameScore, Result
    from napari_morphocast.presenters.model_files import ModelFacts

CHECKING = "Checking on unseen frames…"
MAKES = "It makes frames now: the Synthesize dock shows them."
FEW = 8  # unseen frames; what fewer say may be chance


def estimate(settings: Mapping[str, Any]) -> str:
    """How long a run with these settings takes, as far as anybody can know."""
    minutes = float(settings.get("minutes") or 0)
    if minutes:
        return f"At most {duration(60 * minutes)} (the time limit), often less."
    epochs = int(settings.get("epochs") or 0)
    if not epochs:
        return ""
    return f"No time limit: {_times(epochs)} over the frames. Stop keeps the best."


def nothing_learned(why: str | None) -> str:
    """Say how a run ended that did not finish its first epoch."""
    how = {
        "time": "The time was up",
        "diverged": "The loss became NaN",
        "collapsed": "All frames came out alike",
    }.get(why or "", "Stopped")
    advice = {
        "time": "; give it more minutes",
        "diverged": "; try a smaller learning rate",
        "collapsed": "; try another seed",
    }.get(why or "", "")
    return (
        f"{how} before the first epoch was done: nothing has been learned yet{advice}."
    )


def judgement(result: Result | None) -> str:
    """Say in plain words whether a model beats a trivial one on unseen frames.

    That is "nothing moves", or the mean of both neighbours where frames are filled in.

    Parameters
    ----------
    result : Result, optional
        The new model's prediction of its own movie; None if there is none.
    """
    if result is None or result.done < len(result.begun.frames):
        return (
            "Not checked on unseen frames: press Predict all in the Forecast dock to "
            "see what the model is worth."
        )
    fresh = unseen(result)
    if not fresh:
        return (
            "The model has learned from every frame, so nobody can say how well it "
            "forecasts: keep some frames unseen, or predict another movie."
        )
    order = result.begun.order
    ours = sum(score.model["mse"] for score in fresh)
    trivial = sum(score.trivial["mse"] for score in fresh)
    other = f"“{REFERENCES[fresh[0].against]}”"
    at = f"at {ahead(order.frames, order.movie.interval)}"
    if result.begun.between:
        at = "where it fills in a frame"
    where = f"on {frames(len(fresh))} it has never seen"
    where += ", so few that it may be chance" * (len(fresh) < FEW)
    if not trivial:
        return f"Nothing moves in this movie {at}, {where}: there is no need to learn."
    return _compared(ours / trivial, other, at, where)


def unseen(result: Result | None) -> list[FrameScore]:
    """Scores of the frames that the model did not learn from."""
    if result is None or result.done < len(result.begun.frames):
        return []
    return [score for score in result.scores if score.frame >= result.begun.unseen]


def beside(skill: Score | None, facts: ModelFacts | None) -> Iterator[str]:
    """Say how a model stands to the best other baseline, and how far it is of use."""
    if skill is not None and not np.isnan(skill.low):
        name = skill.metric.removeprefix("skill_")
        best = f"the best of the other baselines, {name} (“{REFERENCES[name]}”)"
        share = f"{100 * abs(skill.value):.0f} %"
        if skill.low > 0:
            yield f"Also beats {best}, by {share}."
        elif skill.high < 0:
            yield f"Does not beat {best}: its error is {share} larger."
        else:
            yield f"Does not beat {best}: the difference may be chance."
    if facts is not None:
        yield from _reach(facts)


def _reach(facts: ModelFacts) -> Iterator[str]:
    """Say how far ahead rollouts were found to be of use, if they were."""
    proof = facts.proof
    if proof is not None and proof.useful:
        looked = ", as far as was looked" * (proof.useful == proof.furthest)
        yield f"Rolled out it is of use {proof.reach(facts.interval)}{looked}."


def _compared(ratio: float, other: str, at: str, where: str) -> str:
    share = f"{100 * abs(1 - ratio):.0f} %"
    if share == "0 %":
        return f"As good as {other} {at}, not better, {where}: train longer."
    if ratio > 1:
        return (
            f"Does not beat {other} {at}: its error is {share} larger, {where}. "
            "Train longer, or on a longer movie."
        )
    return f"Beats {other} by {share} {at}, {where}."


def remaining(seconds: float) -> str:
    """A rough time that is left: nobody needs it exactly."""
    if seconds < 5:
        return "a moment"
    step = 1 if seconds < 20 else 5 if seconds < 120 else 30
    return f"about {duration(step * round(seconds / step))}"


def _times(count: int) -> str:
    return "one pass" if count == 1 else f"{count} passes"
