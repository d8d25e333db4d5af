"""Is it forecasting, or denoising? The same forecasts from contexts that tell less."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_morphocast.data.movie import Movie
from napari_morphocast.evaluation.estimates import by_lead
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
        better, lost = self._skill(REFERENCE), self._lost
        return tuple(
            lead
            for lead, gain in self._skill().items()
            if better[lead].low > 0
            and lost[lead].low > LITTLE
            and self._beyond(gain.low, lead) > LITTLE
        )

    @property
    def verdict(self) -> str:
        """Say whether a model forecasts, or only denoises."""
        skill = self._skill()
        if all(np.isnan(score.low) for score in skill.values()):
            return "too few forecasts to tell"
        nearest = next((lead for lead, score in skill.items() if score.low > 0), None)
        if nearest is None:
            return "no skill beyond chance, so none that could be denoising"
        foresight = self.foresight
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
        whole = self._skill()[lead].value
        at = ahead(lead, self.scores.interval)
        words = f"at {at} it removes {percent(whole)} % of the error of 'nothing moves'"
        if not self.damage:
            return f"{words}, and sees too few frames to damage"
        left = percent(self._skill(of=self.damage)[lead].value)
        blur = percent(self._skill(of=REFERENCE)[lead].value)
        return (
            f"{words}; with {DONE_TO[self.damage]}, {left} %; "
            f"a blur of the last frame, {blur} %"
        )

    def _denoises(self, lead: int) -> bool:
        """Whether a blur has the skill too, or losing the past surely costs little."""
        if self._skill(REFERENCE)[lead].high <= 0:
            return True
        if not self.damage:
            return False
        if self._beyond(self._skill()[lead].high, lead) < LITTLE:
            return True
        return self._lost[lead].high < LITTLE

    def _beyond(self, skill: float, lead: int) -> float:
        """Share of the error of persistence beyond what is removed on a still scene."""
        found = by_lead(self.still.of(self.model, "skill_persistence"))
        reached = min(lead, max(found, default=0))
        if not reached:
            return skill
        units = self._error(self.still, reached) / self._error(self.scores, lead)
        return skill - max(0.0, found[reached].value) * units

    def _skill(self, over: str = "persistence", of: str = "") -> dict[int, Score]:
        """Skill by lead of the model, or of another, over a baseline."""
        return by_lead(self.scores.of(of or self.model, f"skill_{over}"))

    @property
    def _lost(self) -> dict[int, Score]:
        """Share of an error by lead that is not made while the past is whole."""
        return by_lead(self.scores.paired(self.model, self.damage))

    @staticmethod
    def _error(scores: Scores, lead: int) -> float:
        """Mean squared error of persistence, in units of the range of grey levels."""
        decibels = by_lead(scores.of("persistence", "psnr"))[lead].value
        return max(TINY, 10 ** (-decibels / 10))


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
