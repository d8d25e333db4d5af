"""Is it forecasting, or denoising? The same forecasts from contexts that tell less."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_morphocast.data.movie import Movie
from napari_morphocast.evaluation.measuring import Contender
from napari_morphocast.evaluation.wording import DONE_TO, ahead, controls_table, percent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from napari_morphocast.evaluation.estimates import Score
    from napari_morphocast.evaluation.scores import Scores

SHUFFLED, REPEATED, BACKWARDS = "shuffled", "repeated", "backwards"
STILL = "still scene"
FROM_STILL = 20  # forecasts of the still scene
REFERENCE = "denoised"
TINY = 1e-12  # squared error, in units of black to white, that is only rounding
LITTLE = 0.05  # of an error; less than this is no use of the past, and no foresight


@dataclass(frozen=True, slots=True)
class Controls:
    """A model's skill where the past is damaged, or where there is nothing to foretell.

    Parameters
    ----------
    model : str
        Its name.
    scores : Scores
        The model as it is, and under the names of ``DONE_TO``, beside persistence and
        denoised persistence.
    still : Scores
        The model on a scene in which nothing moves, with the noise of the movie.
    """

    model: str
    scores: Scores
    still: Scores

    @property
    def damage(self) -> str:
        """The control that decides: shuffling needs three frames, repeating two."""
        found = (kind for kind in (SHUFFLED, REPEATED) if kind in self.scores.models)
        return next(found, "")

    @property
    def foresight(self) -> tuple[int, ...]:
        """Leads at which there is more than denoising.

        There, by the whole 95 % interval, the model is ahead of persistence and of
        denoised persistence, loses more than a little on the same frames when its
        context is damaged, and removes more than a little beyond what it removes where
        nothing moves: a mean over time denoises, too, and needs its past for that. A
        model that sees a single frame cannot be told from denoising.
        """
        if not self.damage:
            return ()
        better = self._leads_above_0(self.scores.of(self.model, f"skill_{REFERENCE}"))
        lost = self.scores.paired(self.model, self.damage)
        losing = {score.lead for score in lost if score.low > LITTLE}
        gains = self.scores.of(self.model, "skill_persistence")
        moving = {s.lead for s in gains if self._beyond(s.low, s.lead) > LITTLE}
        return tuple(sorted(better & losing & moving))

    @property
    def verdict(self) -> str:
        """Say whether a model forecasts, or only denoises."""
        skills = self.scores.of(self.model, "skill_persistence")
        gains = self._leads_above_0(skills)
        if all(np.isnan(score.low) for score in skills):
            return "too few forecasts to tell"
        if not gains:
            return "no skill beyond chance, so none that could be denoising"
        nearest, foresight = min(gains), self.foresight
        if foresight:
            lead = foresight[0]
            nearer = nearest < lead and self._denoises(nearest)
            denoising = "; nearer than that it is denoising" * nearer
            return f"forecasting: {self._with_and_without(lead)}{denoising}"
        shown = "denoising, not forecasting"
        if not self._denoises(nearest):
            few = "forecasts" if self.damage else "frames seen"
            shown = f"too few {few} to tell it from denoising"
        return f"{shown}: {self._with_and_without(nearest)}"

    def table(self) -> str:
        """Skill against denoised persistence by lead and control, as text to read."""
        return controls_table(self)

    @property
    def rows(self) -> tuple[Score, ...]:
        """Scores where the past tells less, named such as "unet (shuffled)"."""
        less = [row for row in self.scores.rows if row.model in DONE_TO]
        still = [
            replace(row, model=STILL)
            for row in self.still.rows
            if row.model == self.model
        ]
        return tuple(
            replace(row, model=f"{self.model} ({row.model})") for row in (*less, *still)
        )

    def as_dict(self) -> dict[str, Any]:
        """Everything as plain values."""
        return {
            "model": self.model,
            "verdict": self.verdict,
            "foresight": list(self.foresight),
            "controls": self.scores.as_dict(),
            "still": self.still.as_dict(),
        }

    def _with_and_without(self, lead: int) -> str:
        """Skill at one lead, as it is and with its context damaged."""
        whole = self._skill(self.model, lead)
        at = ahead(lead, self.scores.interval)
        words = f"at {at} it removes {percent(whole)} % of the error of 'nothing moves'"
        if not self.damage:
            return f"{words}, and sees too few frames to damage"
        left = percent(self._skill(self.damage, lead))
        blur = percent(self._skill(REFERENCE, lead))
        return (
            f"{words}; with {DONE_TO[self.damage]}, {left} %; "
            f"a blur of the last frame, {blur} %"
        )

    def _denoises(self, lead: int) -> bool:
        """Whether a blur has the skill too, or losing the past surely costs little."""
        beside = {
            score.lead: score.high
            for score in self.scores.of(self.model, f"skill_{REFERENCE}")
        }
        if beside[lead] <= 0:
            return True
        if not self.damage:
            return False
        skills = self.scores.of(self.model, "skill_persistence")
        most = next(score.high for score in skills if score.lead == lead)
        if self._beyond(most, lead) < LITTLE:
            return True
        lost = self.scores.paired(self.model, self.damage)
        return any(score.lead == lead and score.high < LITTLE for score in lost)

    def _beyond(self, skill: float, lead: int) -> float:
        """Share of the error of persistence beyond what is removed on a still scene."""
        found = self.still.of(self.model, "skill_persistence")
        reached = min(lead, len(found))
        if not reached:
            return skill
        units = self._error(self.still, reached) / self._error(self.scores, lead)
        return skill - max(0.0, found[reached - 1].value) * units

    def _skill(self, model: str, lead: int) -> float:
        found = self.scores.of(model, "skill_persistence")
        return next((score.value for score in found if score.lead == lead), np.nan)

    @staticmethod
    def _error(scores: Scores, lead: int) -> float:
        """Mean squared error of persistence, in units of the range of grey levels."""
        found = scores.of("persistence", "psnr")
        decibels = next(score.value for score in found if score.lead == lead)
        return max(TINY, 10 ** (-decibels / 10))

    @staticmethod
    def _leads_above_0(scores: tuple[Score, ...]) -> set[int]:
        return {score.lead for score in scores if score.low > 0}


def damaged(contender: Contender) -> Iterator[Contender]:
    """The same forecaster under the names of ``DONE_TO``, with less to go by.

    The last frame stays where it is when the others are shuffled: a model that only
    denoises does not notice.
    """
    if contender.context > 2:
        yield _with_context(contender, SHUFFLED, _Shuffle())
    if contender.context > 1:
        yield _with_context(contender, REPEATED, _repeat)
        yield _with_context(contender, BACKWARDS, _reverse)


def still_scene(
    known: NDArray[np.float32], noise: tuple[float, ...], context: int
) -> Movie:
    """A movie in which nothing moves: the mean of some frames, with fresh noise.

    Parameters
    ----------
    known : array, shape (T, C, Y, X)
        Frames of the real movie.
    noise : tuple of float
        Standard deviation of each picture's channel, in grey levels.
    context : int
        Frames shown before the first forecast.
    """
    scene = known.mean(0)
    rng = np.random.default_rng(0)
    shape = (context + FROM_STILL, *scene.shape)
    flicker = rng.standard_normal(shape, np.float32)
    sigma = np.zeros((len(scene), 1, 1), np.float32)  # a segmentation has none
    sigma[: len(noise), 0, 0] = noise
    labels = len(noise) < len(scene)
    return Movie(scene + sigma * flicker, name="a still scene", labels=labels)


def _with_context(
    contender: Contender,
    name: str,
    change: Callable[[NDArray[np.float32]], NDArray[np.float32]],
) -> Contender:
    """Let a forecaster see a changed context."""
    return Contender(
        name,
        contender.context,
        lambda known, horizon: contender.forecast(change(known), horizon),
    )


class _Shuffle:
    """Another order of the frames before the last one, each time it is called."""

    def __init__(self) -> None:
        self._rng = np.random.default_rng(0)

    def __call__(self, known: NDArray[np.float32]) -> NDArray[np.float32]:
        before = np.arange(len(known) - 1)
        order = before
        while np.array_equal(order, before):
            order = self._rng.permutation(before)
        return known[[*order, len(before)]]


def _repeat(known: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.repeat(known[-1:], len(known), 0)


def _reverse(known: NDArray[np.float32]) -> NDArray[np.float32]:
    return known[::-1].copy()
