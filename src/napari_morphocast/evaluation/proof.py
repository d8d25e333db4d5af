"""How far ahead a model beat "nothing moves" on unseen frames, kept in its file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_morphocast.evaluation.wording import ahead, counted, useful_horizon

if TYPE_CHECKING:
    from napari_morphocast.evaluation.scores import Scores


@dataclass(frozen=True, slots=True)
class Proof:
    """What is known of a model's rollouts on frames that it has not seen.

    Parameters
    ----------
    forecasts : int
        How many were scored, one frame ahead.
    useful : int
        Longest lead up to which it beat "nothing moves", at each lead since the nearest
        by the whole 95 % interval (frames); 0 if it never did.
    furthest : int
        Longest lead at which there were enough forecasts to be sure (frames).
    nearest : int
        Shortest lead at which it did (frames): where noise is most of what changes from
        one frame to the next, only longer ones tell.
    """

    forecasts: int
    useful: int
    furthest: int
    nearest: int = 1

    @classmethod
    def of(cls, scores: Scores, model: str) -> Proof:
        """What scores on unseen frames say of a model."""
        skills = scores.of(model, "skill_persistence")
        sure = [score.lead for score in skills if not np.isnan(score.low)]
        nearest = next((score.lead for score in skills if score.low > 0), 1)
        useful = useful_horizon([score for score in skills if score.lead >= nearest])
        return cls(skills[0].n, useful, max(sure, default=0), nearest)

    def reach(self, interval: float | None) -> str:
        """How far ahead it is of use, such as: up to 5 frames (2.5 h) ahead."""
        ends = {
            (False, False): "",
            (False, True): ", but no further",
            (True, False): ", but not nearer",
            (True, True): ", neither nearer nor further",
        }
        far = ahead(self.useful, interval)
        begin = "up to" if self.nearest == 1 else f"{self.nearest} to"
        where = far if self.nearest == self.useful > 1 else f"{begin} {far}"
        return f"{where} ahead{ends[self.nearest > 1, self.useful < self.furthest]}"

    def sentence(self, horizon: int = 1, interval: float | None = None) -> str:
        """Say how far ahead to rely on it, for a rollout of ``horizon`` frames."""
        if not self.furthest:
            return (
                "The model was checked on too few unseen frames to say how far ahead "
                "to rely on it."
            )
        where = f"On {counted(self.forecasts, 'frame')} it has never seen, the model"
        if not self.useful:
            return f"{where} did not beat “nothing moves” beyond chance."
        words = f"{where} beat “nothing moves” {self.reach(interval)}"
        if self.useful == self.furthest < horizon:
            return f"{words}; nobody has looked further."
        return f"{words}."
