"""What makes scores less, or less certain, than they seem."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_morphocast.evaluation.baselines import REFERENCES
from napari_morphocast.evaluation.estimates import missing
from napari_morphocast.evaluation.wording import ahead, counted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from napari_morphocast.evaluation.estimates import Score
    from napari_morphocast.evaluation.measuring import Measured
    from napari_morphocast.evaluation.scores import Scores

FEW = 25  # forecasts; an interval from fewer is rough


def notes_on(scores: Scores, horizon: int, planned: int) -> Iterator[str]:
    """Say what there is to say.

    Parameters
    ----------
    scores : Scores
        What came out; may be empty.
    horizon, planned : int
        Longest lead (frames) and forecasts per model that were wanted.
    """
    measured = scores.measured
    if measured is None:
        return
    yield from _on_lack(measured, scores.movie, horizon, planned)
    if scores.rows:
        yield from _on_certainty(measured, scores.interval)
        yield from _on_perfection(scores.of("persistence", "skill_persistence"))
        yield from _on_repeats(measured)
        yield from _on_noise(scores)
        yield from _on_borders(scores)


def _on_lack(
    measured: Measured, movie: str, horizon: int, planned: int
) -> Iterator[str]:
    """Say what is less than was asked for."""
    reach, done = measured.moving.shape[1], len(measured.starts)
    if reach < horizon:
        yield (
            f"Only {counted(reach, 'frame')} of {movie!r} can be scored, so the "
            f"horizon is {reach} instead of {horizon}."
        )
    if done < planned:
        yield f"Stopped after {done} of {planned} forecasts per model."


def _on_certainty(measured: Measured, interval: float | None) -> Iterator[str]:
    """Say from where on there are too few forecasts to tell what is better."""
    done, longest = len(measured.starts), measured.moving.shape[1]
    few = f"Only {counted(done, 'forecast')} could be scored"
    need = [missing(measured, lead) for lead in range(1, longest + 1)]
    if need[0]:
        more = counted(need[0], "frame")
        yield f"{few}, too few to tell what is better; score {more} more."
    elif need[-1]:
        sure, more = need.index(next(filter(None, need))), counted(need[-1], "frame")
        yield (
            f"{few}, beyond {ahead(sure, interval)} too few to tell what is better; "
            f"score {more} more."
        )
    elif done < FEW:
        yield f"{few}, so the intervals are rough; score a longer stretch."


def _on_perfection(skills: Sequence[Score]) -> Iterator[str]:
    """Say where nothing changes, so that no model can be better."""
    still = [score.lead for score in skills if np.isnan(score.value)]
    if still:
        yield (
            f"'{REFERENCES['persistence']}' is perfect at {ahead(still[0], None)}, for "
            "the frames are identical: skill against it is undefined there (-)."
        )


def _on_repeats(measured: Measured) -> Iterator[str]:
    """Say how many of the scored frames only repeat the one before."""
    if "persistence" not in measured.models:
        return
    errors = measured.of("relative", 1)[measured.models.index("persistence")]
    repeats = int((errors == 0).sum())
    if 0 < repeats < len(errors):
        yield (
            f"{repeats} of {counted(len(errors), 'scored frame')} only "
            f"{'repeats' if repeats == 1 else 'repeat'} the one before, as only "
            "'nothing moves' foretells; leave such frames out of the movie if the "
            "camera or a repair has made them."
        )


def _on_noise(scores: Scores) -> Iterator[str]:
    """Say where the noise is most of what there is to foretell."""
    errors = scores.of("persistence", "mse")
    if errors and 2 * scores.floor > 0.8 * errors[0].value > 0:
        yield (
            "At 1 frame nearly all that changes is noise, so a model may beat 'nothing "
            "moves' by denoising alone; compare with 'denoised', or at longer leads."
        )


def _on_borders(scores: Scores) -> Iterator[str]:
    """Say where a region leaves nothing that SSIM can be taken of."""
    if any(np.isnan(score.value) for score in scores.of("persistence", "ssim")):
        yield (
            "SSIM is undefined (-) where the region lies within 5 pixels of the border "
            "in a frame: its window would leave the frame."
        )
