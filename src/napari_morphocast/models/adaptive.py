"""Adaptive discriminator augmentation: GANs that learn from a few hundred images.

Written from Karras et al. (2020), "Training generative adversarial networks with
limited data". Only changes after which a micrograph is still one: mirror images, turns
by right angles, shifts by whole pixels, brightness and contrast.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

AIM = 0.6  # of the mean sign of logits for real images: more means that D remembers
MOST = 0.8  # of all images are changed: with more, made ones look changed, too
SHIFT = 0.125  # of the side, at most
BRIGHTNESS, CONTRAST = 0.1, 0.5  # standard deviations; contrast as a power of two


class Augmentation(nn.Module):
    """Changes real and made images alike, the more often the more the critic remembers.

    Parameters
    ----------
    speed : float
        Images in which ``share`` may rise from 0 to 1.
    turns : bool
        Whether images may be turned by right angles and mirrored at both axes.
    """

    share: Tensor  # how often each change is made
    sign: Tensor  # mean sign of the logits for real images, of late

    def __init__(self, speed: float, *, turns: bool) -> None:
        super().__init__()
        self.speed, self.turns = speed, turns
        self.register_buffer("share", torch.zeros(()))
        self.register_buffer("sign", torch.zeros(()))

    @torch.no_grad()
    def learn(self, real: Tensor) -> None:
        """Adapt to logits (B,) that the critic gave to real images."""
        memory = math.exp(-len(real) / 256)
        self.sign.lerp_(real.sign().mean().to(self.sign), 1 - memory)
        step = len(real) / self.speed
        self.share += step * torch.sign(self.sign - AIM)
        self.share.clamp_(0, MOST)

    def forward(self, images: Tensor) -> Tensor:
        """Change images (B, C, Y, X), each in its own way, if ``share`` says so."""
        share = float(self.share)
        if not share:
            return images
        count = len(images)

        def chosen() -> Tensor:
            return torch.rand(count, device=images.device) < share

        if self.turns:
            turned = chosen()  # to any of the eight ways, this one among them
            for axes in ((3,), (2,)):
                images = _where(turned & _half(turned), images.flip(axes), images)
            if images.shape[2] == images.shape[3]:
                half = turned & _half(turned)
                images = _where(half, images.transpose(2, 3), images)
        images = _where(chosen(), self._shifted(images), images)
        size = (count, 1, 1, 1)
        brighter = BRIGHTNESS * torch.randn(size, device=images.device)
        images = _where(chosen(), images + brighter, images)
        steeper = torch.exp2(CONTRAST * torch.randn(size, device=images.device))
        return _where(chosen(), images * steeper, images)

    def _shifted(self, images: Tensor) -> Tensor:
        """Shift by whole pixels; what leaves on one side is mirrored at the other."""
        count, _, height, width = images.shape
        index = []
        for side in (height, width):
            most = round(SHIFT * side)
            by = torch.randint(-most, most + 1, (count, 1), device=images.device)
            place = torch.arange(side, device=images.device) + by
            place = place.abs()
            index.append(side - 1 - (side - 1 - place).abs())
        rows = index[0][:, None, :, None].expand_as(images)
        columns = index[1][:, None, None, :].expand_as(images)
        return images.gather(2, rows).gather(3, columns)


def _half(like: Tensor) -> Tensor:
    return torch.rand(like.shape, device=like.device) < 0.5


def _where(chosen: Tensor, one: Tensor, other: Tensor) -> Tensor:
    return torch.where(chosen[:, None, None, None], one, other)
