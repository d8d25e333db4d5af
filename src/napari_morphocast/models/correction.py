"""Forecasts that need no descent, and how a network mixes and corrects them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import torch
from pydantic import BaseModel, Field
from torch import Tensor, nn

from napari_morphocast.models.flow import MOTIONS, PAIRS, carried, motions
from napari_morphocast.models.motion import warp
from napari_morphocast.models.regression import STILL, Regression, newest

if TYPE_CHECKING:
    from collections.abc import Iterable

Start = Literal["persistence", "regression", "mixture"]
WIDE = 1.5, 3.0, 6.0  # pixels; how far the regression sees beyond the neighbourhood
MOTION_GAIN = 4.0  # pixels of motion for an output of 1
CHOICES = 2 + MOTIONS  # nothing moves, the regression, and the motions going on
SEARCH, PACE = 300, 2.0  # steps, and their length, to the best mixture for all pixels
RAREST = 1e-3  # share that each forecast keeps in it
WORTH = 0.1  # of the error that the motions must take away, or they are left out
LEAST = 1e-6  # error that counts as one
TUNED = "weight", "bias", "usual"  # buffers; whether motion is mixed in is not judged


class Begin(BaseModel):
    """Setting of what a network corrects."""

    start: Start = Field(
        "mixture",
        title="Start",
        description="The forecast that the network corrects: that nothing moves; a "
        "linear regression on each pixel's neighbourhood in the latest frames, solved "
        "before training begins; or a mixture of that and of the last frame moved on "
        "along its optical flow, decided pixel by pixel.",
    )


class Correction(nn.Module):
    """Turns what a network puts out into the next frame.

    frame = warp(last + (1 + tanh gain) (start - last), motion) + change

    ``start`` is the last frame itself, the regression's forecast, or a mixture of
    both and of the last frame as each of the latest motions carries it on, weighted
    pixel by pixel: by a softmax of what the network puts out, beside what ``tune`` has
    found good everywhere; if motions bring little on training frames, it is the
    regression's forecast after all. Where the network puts out zeros, the frame is the
    start: so training begins at a forecast that is already good, and is kept only
    where it gets better on unseen frames.

    Parameters
    ----------
    frames : int
        How many of the latest frames the regression looks at.
    channels : int
        C.
    start : str
        What is corrected.
    motion : bool
        Whether the network may also move the start.
    """

    usual: Tensor
    carries: Tensor

    def __init__(
        self, frames: int, channels: int, start: Start, *, motion: bool
    ) -> None:
        super().__init__()
        linear = start != "persistence"
        self.moves = MOTIONS if start == "mixture" else 0
        self.frames = frames
        self.regression = Regression(frames, channels, WIDE) if linear else None
        choices = CHOICES * channels if self.moves else 0
        self.sizes = [2 * motion, channels * linear, channels, choices]
        if self.moves:
            self.register_buffer("usual", torch.zeros(CHOICES, 1, 1, 1))
            self.register_buffer("carries", torch.zeros(()))

    @property
    def carrying(self) -> bool:
        """Whether it needs to know how everything moves."""
        return bool(self.moves and self.carries)

    @property
    def outputs(self) -> int:
        """Channels that the network puts out."""
        return sum(self.sizes)

    def tune(self, stretches: Iterable[Tensor]) -> None:
        """Solve for the regression, and find out how far to trust each forecast."""
        kept = list(stretches)
        if self.regression is not None:
            self.regression.tune(kept)
        if not self.moves:
            return
        errors = [self._errors(frames) for frames in kept if len(frames) > 1]
        if errors:
            products = _compared(torch.stack(errors))
            shares = best_shares(products)
            mixed, alone = float(shares @ products @ shares), float(products[1, 1])
            self.usual.copy_(shares.clamp(min=RAREST).log().view_as(self.usual))
            self.carries.fill_(mixed < (1 - WORTH) * alone)

    def forget(self) -> None:
        """Correct "nothing moves" instead."""
        if self.regression is not None:
            self.regression.forget()
        if self.moves:
            self.carries.zero_()

    def moved(self, last: Tensor, motion: Tensor | None) -> Tensor | None:
        """The last frame (B, C, Y, X) as each motion carries it on.

        Shape (B, MOTIONS, C, Y, X); as it is where no motion is known, and None where
        motions are not mixed in.
        """
        if not self.moves:
            return None
        if motion is None:
            return last[:, None].expand(-1, MOTIONS, -1, -1, -1)
        return carried(last, motion)

    def forward(
        self, latest: Tensor, out: Tensor, moved: Tensor | None = None
    ) -> Tensor:
        """Make the frame (B, C, Y, X) after the latest ones (B, frames, C, Y, X).

        Parameters
        ----------
        latest : Tensor, shape (B, frames, C, Y, X)
            What the regression looks at.
        out : Tensor, shape (B, outputs, Y, X)
            What the network puts out.
        moved : Tensor, shape (B, MOTIONS, C, Y, X), optional
            The last frame, moved on; needed for a mixture only.
        """
        motion, gain, change, choices = out.split(self.sizes, 1)
        frame: Tensor = latest[:, -1]
        if self.regression is not None:
            if moved is None or not self.carrying:
                ahead = self.regression(latest)
            else:
                changes = self._changes(latest, moved)
                ahead = (self._shares(choices) * changes).sum(1)
            frame = frame + (1 + gain.tanh()) * ahead
        if motion.shape[1]:
            frame = warp(frame, MOTION_GAIN * motion)
        corrected: Tensor = frame + change
        return corrected

    def _changes(self, latest: Tensor, moved: Tensor) -> Tensor:
        """What each of the forecasts says will change, (B, CHOICES, C, Y, X)."""
        assert self.regression is not None
        last = latest[:, -1:]
        ahead = self.regression(latest)[:, None]
        return torch.cat([torch.zeros_like(last), ahead, moved - last], 1)

    def _shares(self, choices: Tensor) -> Tensor:
        """Weight of each of the forecasts at every pixel, (B, CHOICES, C, Y, X)."""
        shares: Tensor = choices.unflatten(1, (CHOICES, -1)) + self.usual
        return shares.softmax(1)

    def _errors(self, frames: Tensor) -> Tensor:
        """Mean products of all forecasts' errors in the last of (T, C, Y, X)."""
        known, truth = frames[None, :-1], frames[None, -1:]
        moved = carried(known[:, -1], motions(known[:, -PAIRS - 1 :])[:, -1])
        changes = self._changes(newest(known, self.frames), moved)
        errors = (known[:, -1:] + changes - truth)[0].flatten(1)
        return errors @ errors.T / errors.shape[1]


def best_shares(products: Tensor) -> Tensor:
    """Shares (K,), none below 0 and 1 in all, with which a mixture errs least.

    ``products`` (K, K) are the mean products of the errors of K forecasts.
    """
    shares = torch.full((len(products),), 1 / len(products)).to(products)
    for _ in range(SEARCH):  # exponentiated gradients
        shares = (shares.clamp(min=LEAST).log() - PACE * (products @ shares)).softmax(0)
    return shares


def _compared(products: Tensor) -> Tensor:
    """Mean of products (N, K, K) over scenes, relative to the first forecast's error.

    All scenes count alike, as in the regression; repeated frames do not count.
    """
    changed = products[:, 0, 0] > 0
    products = products[changed] if changed.any() else products
    still = products[:, 0, 0]
    least = (STILL * still.median()).clamp(min=LEAST)
    return (products / still.clamp(min=least)[:, None, None]).mean(0)
