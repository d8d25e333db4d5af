"""Residual variational autoencoder: the thesis' comparison to its Cell-GAN."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from napari_morphocast.models.base import (
    ModelConfig,
    Objective,
    Stage,
    Synthesizer,
    SynthesizerConfig,
)
from napari_morphocast.models.losses import dissimilarity

if TYPE_CHECKING:
    from napari_morphocast.data.windows import Window

SMALLEST = 4  # side of the smallest features (pixels)
WIDEST = 256  # feature maps
SLOPE = 0.2


class VAEConfig(SynthesizerConfig):
    """Settings of the variational autoencoder."""

    width: int = Field(
        16,
        ge=4,
        le=256,
        title="Width",
        description="Feature maps at full size; twice as many at each halving, up to "
        "256.",
    )
    latent: int = Field(
        64,
        ge=2,
        le=1024,
        title="Latent",
        description="Numbers that describe a frame.",
    )
    noise: float = Field(
        0.1,
        gt=0,
        le=1,
        title="Noise",
        description="Standard deviation of what the decoder need not explain (1 = the "
        "usual range of grey levels): more gives likelier, blurrier frames.",
    )


class Block(nn.Module):
    """Two 3 x 3 convolutions, instance normalised, beside a 1 x 1 convolution."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.main = nn.Sequential(
            nn.Conv2d(inputs, outputs, 3, padding=1),
            nn.InstanceNorm2d(outputs, affine=True),
            nn.LeakyReLU(SLOPE),
            nn.Conv2d(outputs, outputs, 3, padding=1),
            nn.InstanceNorm2d(outputs, affine=True),
            nn.LeakyReLU(SLOPE),
        )
        self.skip = nn.Conv2d(inputs, outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, inputs, Y, X) to (B, outputs, Y, X)."""
        summed: Tensor = self.main(x) + self.skip(x)
        return summed


class VAE(Synthesizer, name="vae"):
    """Residual variational autoencoder (Kingma & Welling, 2014), as in the thesis.

    Codes are latent vectors, normally distributed. Its frames are blurrier than those
    of a Cell-GAN, but no game can go wrong.
    """

    Config = VAEConfig
    config: VAEConfig
    zero: Tensor

    def __init__(self, config: VAEConfig, channels: int) -> None:
        super().__init__(config, channels)
        halvings = round(math.log2(config.side / SMALLEST))
        widths = [min(WIDEST, config.width * 2**n) for n in range(halvings + 1)]
        maps = channels * config.frames
        self.deepest = widths[-1], SMALLEST, SMALLEST
        size = math.prod(self.deepest)
        self.down = nn.ModuleList(Block(a, b) for a, b in pairwise([maps, *widths]))
        self.found = nn.Linear(size, 2 * config.latent)
        self.grown = nn.Linear(config.latent, size)
        self.up = nn.ModuleList(Block(a, b) for a, b in pairwise(reversed(widths)))
        self.last = nn.Conv2d(widths[0], maps, 3, padding=1)
        self.register_buffer("zero", torch.zeros(config.latent), persistent=False)

    @classmethod
    def usual(cls, config: ModelConfig) -> dict[str, Any]:
        """Larger batches."""
        return {"batch": 16}

    def stages(self) -> tuple[Stage, ...]:
        """One stage that moves everything."""
        return (Stage("autoencoder", (Objective("bound", self.loss, self),)),)

    @property
    def middle(self) -> Tensor:
        """The origin of the latent space."""
        return self.zero

    def draw(self, count: int, generator: torch.Generator) -> Tensor:
        """Latent vectors (count, latent) of a normal distribution."""
        size = count, self.config.latent
        z = torch.randn(size, generator=generator, device=generator.device)
        return z.to(self.zero)

    def encode(self, images: Tensor) -> Tensor:
        """Most likely latent vectors (B, latent) of images."""
        return self._posterior(images)[0]

    def decode(self, codes: Tensor, generator: torch.Generator) -> Tensor:
        """Make the mean image of each latent vector; nothing is left to chance."""
        grown: Tensor = self.grown(codes)
        x = grown.unflatten(1, self.deepest)
        for block in self.up:
            x = block(F.interpolate(x, scale_factor=2, mode="bilinear"))
        image: Tensor = self.last(x)
        return image

    def unlike(self, one: Tensor, other: Tensor) -> Tensor:
        """1 - SSIM."""
        return dissimilarity(one, other)

    def validate(self, batch: Window[Tensor]) -> tuple[Tensor, Tensor]:
        """The loss on unseen images, with their most likely latent vectors."""
        images = self.images(batch)
        middle, spread = self._posterior(images)
        again = self.decode(middle, torch.Generator())
        return self._bound(again, images, middle, spread), again

    def loss(self, batch: Window[Tensor]) -> Tensor:
        """Negative evidence lower bound per pixel, of a normal likelihood."""
        images = self.images(batch)
        middle, spread = self._posterior(images)
        codes = middle + spread.exp() * torch.randn_like(middle)
        again = self.decode(codes, torch.Generator())
        return self._bound(again, images, middle, spread)

    def _posterior(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and logarithm of the standard deviation, (B, latent) each."""
        x = self.down[0](images)
        for block in list(self.down)[1:]:
            x = block(F.max_pool2d(x, 2))
        middle, spread = self.found(x.flatten(1)).chunk(2, 1)
        return middle, spread.clamp(-6, 3)

    def _bound(
        self, again: Tensor, images: Tensor, middle: Tensor, spread: Tensor
    ) -> Tensor:
        unlikely = (again - images).square().mean() / (2 * self.config.noise**2)
        far = (middle.square() + (2 * spread).exp() - 1 - 2 * spread).sum(1) / 2
        return unlikely + far.mean() / images[0].numel()
