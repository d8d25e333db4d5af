"""Cell-GAN: a style-based GAN with a U-Net critic and a guidance encoder."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.nn import functional as F

from napari_morphocast.models.adaptive import Augmentation
from napari_morphocast.models.base import (
    ModelConfig,
    Objective,
    Stage,
    Synthesizer,
)
from napari_morphocast.models.cell_gan_config import CellGANConfig
from napari_morphocast.models.critic import Critic, Judgement
from napari_morphocast.models.cutmix import mixed
from napari_morphocast.models.guidance import Encoder
from napari_morphocast.models.lots import CODES, NOISE, lot
from napari_morphocast.models.sliced import sliced
from napari_morphocast.models.style import LAYOUT, Generator, Mapping

if TYPE_CHECKING:
    from collections.abc import Iterable

    from napari_morphocast.data.windows import Window
    from napari_morphocast.models.layers import Activation

R1_EVERY, PATH_EVERY, CUTMIX_EVERY = 16, 4, 4  # batches
SHORT_MEMORY = 0.1, 0.99  # of AdamP, as in the thesis
COLLAGES = 500  # until they count in full
PATH_MEMORY, MEAN_MEMORY = 0.99, 0.998
COLLAPSED = 0.1  # of the variety of real images: less is ever the same image
ENOUGH = 64  # images whose variety means something
MADE = 64  # images beside a batch of unseen ones: fewer, and chance chooses the epoch
MIXED_STYLES = 0.9  # share of images made from two styles
MIDDLE, CONTRAST = 0.5, 0.2  # usual mean and standard deviation of pixels


class CellGAN(Synthesizer, name="cell_gan"):
    """Cell-GAN: StyleGAN2's generator (Karras et al., 2020), a U-Net critic.

    The losses are relativistic (Huang et al., 2024) or those of Goodfellow
    (non-saturating), with R1, path length and CutMix consistency (Schönfeld et al.,
    2020); small data are stretched by adaptive augmentation. Afterwards a guidance
    encoder learns to find the style of a frame.
    """

    Config = CellGANConfig
    implied = Synthesizer.implied | {"flips"}
    config: CellGANConfig
    path_length: Tensor
    collages: Tensor
    mean: Tensor

    def __init__(self, config: CellGANConfig, channels: int) -> None:
        super().__init__(config, channels)
        kind: Activation = config.activation
        maps = channels * config.frames
        own = config.layout == "own"
        sizes = config.side, maps, config.latent, config.width, kind
        self.mapping = Mapping(config.latent, config.depth, kind)
        self.generator = Generator(*sizes, placed=own)
        narrow = math.sqrt(config.width)  # as the small images of the generator
        self.critic = Critic(config.side, maps, narrow * config.critic, kind)
        code = (LAYOUT[0] if own else 0), self.generator.styles * config.latent
        wanted = code if config.guide == "styles" else (0, config.latent)
        wide = math.sqrt(narrow)  # one pass per frame: it costs little
        self.encoder = Encoder(config.side, maps, *wanted, wide, kind)
        self.augment = Augmentation(config.adapt, turns=config.turns)
        self.register_buffer("path_length", torch.zeros(()))
        self.register_buffer("collages", torch.zeros(()))  # so far
        self.register_buffer("mean", torch.zeros(config.latent))  # style

    @classmethod
    def usual(cls, config: ModelConfig) -> dict[str, Any]:
        """Larger batches, a longer average."""
        assert isinstance(config, CellGANConfig)
        return {
            "flips": config.turns,
            "batch": 8,
            "learning_rate": 2e-3,
            "ema": 0.995,
            "patience": 0,
            "epochs": 1000,
            "minutes": 60,
        }

    def stages(self) -> tuple[Stage, ...]:
        """First the game of generator and critic, then the guidance encoder."""
        maker = torch.nn.ModuleList([self.mapping, self.generator])
        critic = Objective("critic", self.critic_loss, self.critic)
        made = Objective("generator", self.generator_loss, maker)
        lazy = [
            Objective("gradient penalty", self.penalty, self.critic, R1_EVERY),
            Objective("collage", self.collage, self.critic, CUTMIX_EVERY),
            Objective("path length", self.wander, maker, PATH_EVERY),
        ]
        weights = self.config.r1, self.config.cutmix, self.config.path
        kept = [one for one, weight in zip(lazy, weights, strict=True) if weight]
        guide = Objective("guide", self.guide_loss, self.encoder)
        return (
            Stage(
                "adversarial",
                (critic, made, *kept),
                share=4.0,
                validate=self.unlike_unseen,
                game=True,
                betas=SHORT_MEMORY,
                collapsed=self.collapsed,
            ),
            Stage("guidance", (guide,)),
        )

    # --- making images

    @property
    def middle(self) -> Tensor:
        """Code (size,) of the mean style, in every layer."""
        with torch.no_grad():
            return self.generator.codes(self._everywhere(self.mean[None]))[0]

    def draw(self, count: int, generator: torch.Generator) -> Tensor:
        """Codes (count, size) of random latents, styles alike in all layers."""
        size = count, self.config.latent
        z = torch.randn(size, generator=generator, device=generator.device)
        return self.generator.codes(self._styles(z.to(self.mean)))

    def encode(self, images: Tensor) -> Tensor:
        """Codes (B, size) from which images like these are made."""
        offset: Tensor = self.encoder(_inside(images))
        if self.config.guide == "styles":
            return self.middle + offset
        return self.generator.codes(self._everywhere(self.mean + offset))

    def decode(self, codes: Tensor, generator: torch.Generator) -> Tensor:
        """Make an image of each code; the generator draws noise, if there is any."""
        noise: list[Tensor | None] = [None] * len(self.generator.convs)
        if self.config.noise:
            drawn = self.generator.noise(len(codes), generator)
            noise = [one.to(codes) for one in drawn]
        image: Tensor = self.generator(codes, noise)
        return MIDDLE + CONTRAST * image

    def unlike(self, one: Tensor, other: Tensor) -> Tensor:
        """Distance in the critic's features, each size counting alike."""
        with torch.no_grad():
            wanted = self.critic.features(_inside(other))
        distances = [
            (a - b).abs().mean() / b.abs().mean().clamp(min=1e-6)
            for a, b in zip(self.critic.features(_inside(one)), wanted, strict=True)
        ]
        return torch.stack(distances).mean()

    # --- judging

    def validate(self, batch: Window[Tensor]) -> tuple[Tensor, Tensor]:
        """How unlike unseen images are those made from what the encoder finds."""
        real = self.images(batch)
        again = self.decode(self.encode(real), lot(0, NOISE))
        return self._apart(again, real), again

    def unlike_unseen(self, batch: Window[Tensor]) -> tuple[Tensor, Tensor]:
        """How unlike unseen images are those that are made at random, in patches."""
        real = self.images(batch)
        numbers = lot(round(1e6 * float(real.mean())), CODES)
        made = self.sample(MADE, numbers)
        return sliced(real, made, numbers), made

    def collapsed(self, batches: Iterable[Window[Tensor]]) -> bool:
        """Whether made images differ from each other far less than unseen ones do.

        Seen coarsely, for noise is never the same.
        """
        real = torch.cat([self.images(batch) for batch in batches])
        real = real[:: -(-len(real) // ENOUGH)]
        made = self.sample(ENOUGH, lot(0, CODES))
        coarse = [F.avg_pool2d(images, self.side // 8) for images in (made, real)]
        various = [images.std(0, correction=0).mean() for images in coarse]
        return bool(various[0] < COLLAPSED * various[1])

    def signals(self) -> dict[str, float]:
        """How often augmentation changes images, and the sign that drives it."""
        if not self.config.adapt:
            return {}
        found = {"augmentation": self.augment.share, "overfitting": self.augment.sign}
        return {name: float(value) for name, value in found.items()}

    # --- losses

    def critic_loss(self, batch: Window[Tensor]) -> Tensor:
        """Real images are real and made ones are not, each pixel of them too."""
        real = self.augment(self.images(batch))
        with torch.no_grad():
            made = self.augment(self._made(len(real)))
        for_real, for_made = self._judged(real), self._judged(made)
        if self.config.adapt:
            logits = torch.cat([for_real.image, for_made.image]).detach()
            level = logits.mean() if self.relative else 0.0
            self.augment.learn(for_real.image - level)
        return self._lost(for_made, for_real)

    def generator_loss(self, batch: Window[Tensor]) -> Tensor:
        """Made images shall be taken for real, beside real ones or by themselves."""
        styles = self._drawn(len(batch.target))
        with torch.no_grad():
            self.mean.lerp_(styles.mean((0, 1)), 1 - MEAN_MEMORY)
        codes = self.generator.codes(styles)
        made = self._judged(self.augment(self.decode(codes, self._lot())))
        if not self.relative:
            return F.softplus(-made.image).mean() + F.softplus(-made.pixels).mean()
        with torch.no_grad():
            real = self._judged(self.augment(self.images(batch)))
        return self._lost(real, made)

    def penalty(self, batch: Window[Tensor]) -> Tensor:
        """R1: squared gradient of the logits for real images (Mescheder et al., 2018).

        Of a relativistic critic also for made ones (Huang et al., 2024), the mean over
        both where the paper has the sum. Multiplied by the interval at which it is
        evaluated.
        """
        images = self.augment(self.images(batch))
        if self.relative:
            with torch.no_grad():
                made = self.augment(self._made(len(images)))
            images = torch.cat([images, made])
        seen = _inside(images).detach().requires_grad_()
        found: Judgement = self.critic(seen)
        logits = found.image.sum() + found.pixels.mean((1, 2, 3)).sum()
        (gradient,) = torch.autograd.grad(logits, seen, create_graph=True)
        size: Tensor = gradient.square().sum((1, 2, 3)).mean()
        return R1_EVERY * self.config.r1 / 2 * size

    def collage(self, batch: Window[Tensor]) -> Tensor:
        """Pixels of a collage are judged as those of its parts (CutMix).

        Weighs little at first, when the critic still judges without knowing.
        """
        real = self.augment(self.images(batch))
        with torch.no_grad():
            made = self.augment(self._made(len(real)))
        whole, mask = mixed(real, made)
        parts = self._judged(real).pixels, self._judged(made).pixels
        found = self._judged(whole).pixels
        apart = F.mse_loss(found, torch.where(mask, *parts))
        self.collages += 1
        warmth = (self.collages / COLLAGES).clamp(max=1)
        return CUTMIX_EVERY * self.config.cutmix * warmth * apart

    def wander(self, batch: Window[Tensor]) -> Tensor:
        """Path length: a step in style shall change the image by a constant amount.

        Multiplied by the interval at which it is evaluated (Karras et al., 2020,
        equation 4).
        """
        styles = self._drawn(max(1, len(batch.target) // 2))
        codes = self.generator.codes(styles)
        made = _inside(self.decode(codes, self._lot()))
        noise = torch.randn_like(made) / math.sqrt(made.shape[-1] * made.shape[-2])
        (gradient,) = torch.autograd.grad(
            (made * noise).sum(), styles, create_graph=True
        )
        lengths = gradient.square().sum(2).mean(1).sqrt()
        usual = lengths.detach().mean()
        if not self.path_length:
            self.path_length.copy_(usual)  # from 0 it would first ask for no steps
        self.path_length.lerp_(usual, 1 - PATH_MEMORY)
        far: Tensor = (lengths - self.path_length).square().mean()
        return PATH_EVERY * self.config.path * far

    def guide_loss(self, batch: Window[Tensor]) -> Tensor:
        """The image made from an image's code is that image; a code's, that code.

        L1 of images and of codes, as in the thesis, and of the critic's features.
        """
        real = self.images(batch)
        again = self.decode(self.encode(real), self._lot())
        with torch.no_grad():
            codes = self.generator.codes(self._guides(len(real)))
            made = self.decode(codes, self._lot())
        missed = F.l1_loss(self.encode(made), codes)
        return self._apart(again, real) + self.config.codes * missed

    def _apart(self, again: Tensor, real: Tensor) -> Tensor:
        """How far images are from those that they shall be, by pixels and by looks."""
        apart = 2 * F.l1_loss(again, real)
        if self.config.likeness:
            apart = apart + self.config.likeness * self.unlike(again, real)
        return apart

    @property
    def relative(self) -> bool:
        """Whether images are judged beside each other, not one by one."""
        return self.config.loss == "relativistic"

    def _lost(self, lower: Judgement, higher: Judgement) -> Tensor:
        """Loss of a critic who gives the ones logits that are not above the others'.

        Judged one by one, the ones shall be below 0 and the others above it.
        """
        ones, others = (lower.image, lower.pixels), (higher.image, higher.pixels)
        losses = [
            F.softplus(one - other).mean()
            if self.relative
            else F.softplus(one).mean() + F.softplus(-other).mean()
            for one, other in zip(ones, others, strict=True)
        ]
        return torch.stack(losses).sum()

    def _judged(self, images: Tensor) -> Judgement:
        judgement: Judgement = self.critic(_inside(images))
        return judgement

    def _made(self, count: int) -> Tensor:
        return self.decode(self.generator.codes(self._drawn(count)), self._lot())

    def _styles(self, z: Tensor) -> Tensor:
        """Styles (B, layers, latent) of latents (B, latent)."""
        return self._everywhere(self.mapping(z))

    def _everywhere(self, style: Tensor) -> Tensor:
        """Styles (B, layers, latent), alike in all layers, of one style (B, latent)."""
        return style[:, None].expand(-1, self.generator.styles, -1)

    def _drawn(self, count: int) -> Tensor:
        """Styles of random latents; most change at a random layer (style mixing)."""
        device = self.mean.device
        z = torch.randn(2, count, self.config.latent, device=device)
        one, other = self._styles(z[0]), self._styles(z[1])
        layers = torch.arange(one.shape[1], device=device)
        cut = torch.randint(1, one.shape[1], (count, 1), device=device)
        never = torch.rand(count, 1, device=device) >= MIXED_STYLES
        first = (layers < cut) | never
        return torch.where(first[..., None], one, other)

    def _guides(self, count: int) -> Tensor:
        """Random styles that the encoder can tell: mixed ones only if it finds many."""
        if self.config.guide == "styles":
            return self._drawn(count)
        z = torch.randn(count, self.config.latent, device=self.mean.device)
        return self._styles(z)

    def _lot(self) -> torch.Generator:
        """A generator that follows from torch's own, which the training loop seeds."""
        seed = int(torch.randint(2**31, ()))
        return torch.Generator(self.mean.device).manual_seed(seed)


def _inside(images: Tensor) -> Tensor:
    """Images as networks see them, with a variance of about 1."""
    return (images - MIDDLE) / CONTRAST
