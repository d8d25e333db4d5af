"""Where a forecast is not to be relied on: mixed with the blurred last frame."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from pydantic import BaseModel, ConfigDict

from napari_morphocast.models.denoised import blurred

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from torch import Tensor


class Hedge(BaseModel):
    """How much of a forecast is the last known frame, blurred, by lead.

    Errors of a rollout grow from lead to lead, in the end beyond that of saying that
    nothing moves; the mean of both errs less than either. In weather forecasting this
    is model output statistics (Glahn and Lowry, 1972), with one predictor more.
    Leads further than any that was learned have the share and the blur of the last.

    Parameters
    ----------
    share : tuple of float
        Of the blurred last frame in the forecast, 0..1, for leads 1, 2, ...
    sigma : tuple of float
        Width of the blur (pixels), for the same leads.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    share: tuple[float, ...]
    sigma: tuple[float, ...]

    @property
    def half(self) -> int:
        """First lead of whose forecast half or more is the blurred frame; 0 if none."""
        return next((k for k, share in enumerate(self.share, 1) if share >= 0.5), 0)

    def mixed(
        self, frames: Iterable[Tensor], last: Tensor, pictured: int
    ) -> Iterator[Tensor]:
        """Forecasts (..., B, C, Y, X), lead by lead, with their part of ``last``.

        Parameters
        ----------
        frames : iterable of Tensor
            What was foretold.
        last : Tensor, shape (B, C, Y, X)
            The last known frame.
        pictured : int
            Channels that are pictures; a segmentation is left as it is.
        """
        known: dict[float, Tensor] = {}
        for lead, frame in enumerate(frames):
            place = min(lead, len(self.share) - 1)
            share, sigma = self.share[place], self.sigma[place]
            if not share:
                yield frame
                continue
            if sigma not in known:
                known = {sigma: blurred(last[:, :pictured], sigma)}
            seen, rest = frame[..., :pictured, :, :], frame[..., pictured:, :, :]
            both = torch.lerp(seen, known[sigma].expand_as(seen), share)
            yield torch.cat([both, rest], -3)
