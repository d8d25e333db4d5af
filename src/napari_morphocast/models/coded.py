"""Models that describe frames by codes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


class Coded(ABC):
    """Describes frames by codes: those that look alike have codes alike."""

    @abstractmethod
    def codes(self, frames: Tensor) -> Tensor:
        """Codes (B, size) of frames (B, C, Y, X), scaled to about 0..1, of any size."""
