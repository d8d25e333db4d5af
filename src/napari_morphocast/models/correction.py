"""A linear forecast and what a network adds to it: motion, damping and change."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, Field
from torch import Tensor, nn

from napari_morphocast.models.motion import warp
from napari_morphocast.models.regression import Regression

if TYPE_CHECKING:
    from collections.abc import Iterable

Start = Literal["persistence", "regression"]
WIDE = 1.5, 3.0, 6.0  # pixels; how far the regression sees beyond the neighbourhood
SLACK = 0.25  # of the grey levels known: so far beyond them a rollout may go
MOTION_GAIN = 4.0  # pixels of motion for an output of 1


class Begin(BaseModel):
    """Setting of what a network corrects."""

    start: Start = Field(
        "regression",
        title="Start",
        description="The forecast that the network corrects: that nothing moves, or a "
        "linear regression on each pixel's neighbourhood in the latest frames, solved "
        "before training begins.",
    )


class Correction(nn.Module):
    """Turns what a network puts out into the next frame.

    frame = warp(last + (1 + tanh gain) (start - last), motion) + change

    ``start`` is the regression's forecast, or the last frame itself. Where the network
    puts out zeros, the frame is the start: so training begins at a forecast that is
    already good, and is kept only where it gets better on unseen frames.

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

    def __init__(
        self, frames: int, channels: int, start: Start, *, motion: bool
    ) -> None:
        super().__init__()
        linear = start == "regression"
        self.frames = frames
        self.regression = Regression(frames, channels, WIDE) if linear else None
        self.sizes = [2 * motion, channels * linear, channels]

    @property
    def outputs(self) -> int:
        """Channels that the network puts out."""
        return sum(self.sizes)

    def tune(self, stretches: Iterable[Tensor]) -> None:
        """Solve for the regression."""
        if self.regression is not None:
            self.regression.tune(stretches)

    def forget(self) -> None:
        """Correct "nothing moves" instead."""
        if self.regression is not None:
            self.regression.forget()

    def forward(self, latest: Tensor, out: Tensor) -> Tensor:
        """Make the frame (B, C, Y, X) after the latest ones (B, frames, C, Y, X).

        ``out`` is what the network puts out, shape (B, outputs, Y, X).
        """
        motion, gain, change = out.split(self.sizes, 1)
        frame: Tensor = latest[:, -1]
        if self.regression is not None:
            frame = frame + (1 + gain.tanh()) * self.regression(latest)
        if motion.shape[1]:
            frame = warp(frame, MOTION_GAIN * motion)
        corrected: Tensor = frame + change
        return corrected
