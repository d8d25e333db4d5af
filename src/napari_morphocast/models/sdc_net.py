"""SDC-Net++: forecasts by moving and filtering pixels, and shows how they move."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from napari_morphocast.errors import SettingsError
from napari_morphocast.models.base import (
    ModelConfig,
    Objective,
    Stage,
)
from napari_morphocast.models.displaced import Kernels, displaced
from napari_morphocast.models.flow import last_motions
from napari_morphocast.models.layers import padded
from napari_morphocast.models.limits import Limits
from napari_morphocast.models.losses import TYPICAL, growing, relative, roughness
from napari_morphocast.models.motion import warp
from napari_morphocast.models.moving import ErrorMaps, Moved, Moving
from napari_morphocast.models.regression import newest, pushed
from napari_morphocast.models.robust import AdaptiveLoss, stretched
from napari_morphocast.models.sdc_config import SDCConfig
from napari_morphocast.models.sdc_parts import (
    Decoder,
    Encoder,
    FlowHead,
    SequenceCritic,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from napari_morphocast.data.windows import Window

MOTION_GAIN = 4.0  # pixels of motion for an output of 1
MAP = 32  # places of a map of errors along either axis
ROUGHNESS = 1e-3  # how much it counts in the loss of a learned flow
CRITIC_RATE = 3e-4  # as in the thesis
SHARES = 0.0, 0.25, 0.5, 0.75, 1.0, -0.5  # of the motion just seen that may go on;
# half of it goes back where the stage jitters, and to a frame between the last two


class Latest(NamedTuple):
    """What the network sees.

    ``frames`` has shape (B, frames, C, Y, X), ``motions`` (B, frames, 2, Y, X): how
    each has moved since the frame before.
    """

    frames: Tensor
    motions: Tensor


class SDCNet(Moving, name="sdc_net"):
    """SDC-Net++: an encoder over space and time, three decoders, and one operator.

    The decoders say for every pixel where it comes from, and how it is filtered there,
    along Y and along X (Reich, 2020, "Generation and simulation of yeast microscopy
    imagery with deep learning", chapter 6, after Reda et al., 2018). A forecast pixel
    is a weighted sum of those there; weights may be negative and need not sum to one,
    and a frame is held between ``Limits``.

    In a rollout the motion that was forecast is that of the forecast frame. With
    ``source = "known"`` motions are strung together and the last known frame is moved
    along the whole way, so that it is interpolated only once.
    """

    Config = SDCConfig
    tuned = ("going",)
    implied = frozenset({"labels"})
    config: SDCConfig
    going: Tensor
    ready: Tensor

    def __init__(self, config: SDCConfig, channels: int) -> None:
        super().__init__(config, channels)
        if config.growth > 1 and not config.labels:
            raise SettingsError(
                "Where cells grow is seen in a segmentation only; give one for each "
                "movie (labels), or leave growth at 1."
            )
        self.pictured = channels - config.labels  # channels whose errors count
        inputs = channels + (0 if config.flow == "none" else 2)
        self.flow = FlowHead(channels) if config.flow == "learned" else None
        self.encoder = Encoder(inputs, config)
        self.motion = Decoder(2, config)
        self.rows = Decoder(config.kernel, config)
        self.columns = Decoder(config.kernel, config)
        places = MAP if config.errors == "map" else 1
        adaptive = config.loss == "adaptive"
        self.errors = AdaptiveLoss(self.pictured, places) if adaptive else None
        self.critic = (
            SequenceCritic(self.pictured, config.width) if config.adversarial else None
        )
        self.register_buffer("going", torch.zeros(()))  # share of motion that goes on
        self.register_buffer("ready", torch.ones(()))  # whether kernels are in use

    @classmethod
    def usual(cls, config: ModelConfig) -> dict[str, Any]:
        """As many frames as it sees."""
        assert isinstance(config, SDCConfig)
        return {"context": config.frames}

    @classmethod
    def fixed(cls, config: ModelConfig) -> dict[str, Any]:
        """Whole frames, never turned, where errors are learned for each place."""
        assert isinstance(config, SDCConfig)
        return {"crop": 0, "flips": False} if config.errors == "map" else {}

    @property
    def lookback(self) -> int:
        """All frames that the network sees."""
        return self.config.frames

    def tune(self, stretches: Iterable[Tensor]) -> None:
        """Find how much of the motion that was just seen goes on."""
        if self.config.flow != "estimated":
            return
        errors = torch.zeros(len(SHARES))
        for frames in stretches:
            if len(frames) < 3:
                continue
            known, truth = frames[None, :-1], frames[-1]
            motion = self._motions(known[:, -2:])[:, -1]
            found = [warp(known[:, -1], share * motion)[0] for share in SHARES]
            seen = slice(self.pictured)
            squares = torch.stack([(f - truth)[seen].square().mean() for f in found])
            errors += squares / squares[0].clamp(min=1e-6)
        self.going.fill_(SHARES[int(errors.argmin())])

    def forget(self) -> None:
        """Let kernels do nothing, if they do something; else begin at no motion."""
        if self.filtering:
            for one in self._head_weights:
                nn.init.zeros_(one)
        else:
            self.going.zero_()

    # --- forecasting

    def unroll_moving(self, context: Tensor) -> Iterator[Moved]:
        """Move the last frame of (B, T, C, Y, X) on."""
        latest = self.latest(context)
        known, way = latest.frames[:, -1], torch.zeros_like(latest.motions[:, -1])
        limits = Limits.of(latest.frames).widened()
        while True:
            features = self.features(latest)
            motion = self.moving(features, latest)
            kernels = self.kernels(features, latest)
            if self.config.source == "known":
                way = motion + warp(way, motion)
                frame = displaced(known, way, kernels)
            else:
                frame = displaced(latest.frames[:, -1], motion, kernels)
            frame, unusual = limits.hold(frame), kernels.unusual
            del features, kernels  # which are large
            yield Moved(frame, motion, unusual)
            latest = Latest(
                pushed(latest.frames, frame), pushed(latest.motions, motion)
            )

    def error_maps(self, height: int, width: int) -> ErrorMaps | None:
        """Maps of the adaptive loss, where it has learned some."""
        mapped = self.config.errors == "map"
        if self.errors is None or not mapped or not self.errors.learned:
            return None
        alpha, scale = self.errors.shape.detach(), self.errors.scale.detach()
        size = height, width
        return ErrorMaps(stretched(alpha, size), stretched(scale, size))

    def latest(self, context: Tensor) -> Latest:
        """What the network sees of (B, T, C, Y, X)."""
        frames = newest(context, self.config.frames)
        if self.config.flow == "estimated":
            return Latest(frames, self._motions(frames))
        size, count, _, *plane = frames.shape
        motions = frames.new_zeros(size, count, 2, *plane)
        if self.flow is not None:
            since = self.flow(frames[:, :-1].flatten(0, 1), frames[:, 1:].flatten(0, 1))
            motions = torch.cat([motions[:, :1], since.unflatten(0, (size, -1))], 1)
        return Latest(frames, motions)

    def _motions(self, frames: Tensor) -> Tensor:
        """How the pictures move: the edges of a segmentation flicker."""
        return last_motions(frames[:, :, : self.pictured])

    def features(self, latest: Latest) -> list[Tensor]:
        """What the decoders see, padded to a size that halves, the largest first."""
        seen = latest.frames
        if self.config.flow != "none":
            seen = torch.cat([seen, latest.motions / MOTION_GAIN], 2)
        block = 2**self.config.depth
        flat = padded(seen.flatten(1, 2), block, least=block + 1)
        found: list[Tensor] = self.encoder(
            flat.unflatten(1, seen.shape[1:3]).transpose(1, 2)
        )
        return found

    def moving(self, features: list[Tensor], latest: Latest) -> Tensor:
        """Find each pixel's motion (B, 2, Y, X)."""
        height, width = latest.frames.shape[-2:]
        out = MOTION_GAIN * self.motion(features)[..., :height, :width]
        motion: Tensor = self.going * latest.motions[:, -1] + out
        most = max(height, width)
        return motion.clamp(-most, most)  # or a rollout could run away

    def kernels(self, features: list[Tensor], latest: Latest) -> Kernels:
        """Find how each pixel is filtered; not at all before kernels are in use."""
        if not self.ready:
            return Kernels.identity(self.config.kernel, latest.frames[:, -1])
        return self._kernels(features, latest)

    @property
    def filtering(self) -> bool:
        """Whether kernels are in use, and do something."""
        return bool(self.ready) and any(bool(one.any()) for one in self._head_weights)

    @property
    def _head_weights(self) -> list[nn.Parameter]:
        """Weight and bias of either kernel's last layer."""
        return [*self.rows.out.parameters(), *self.columns.out.parameters()]

    def _kernels(self, features: list[Tensor], latest: Latest) -> Kernels:
        height, width = latest.frames.shape[-2:]
        identity = Kernels.identity(self.config.kernel, latest.frames[:, -1])
        rows, columns = (
            decoder(features)[..., :height, :width]
            for decoder in (self.rows, self.columns)
        )
        return Kernels(rows + identity.rows, columns + identity.columns)

    # --- training

    def stages(self) -> tuple[Stage, ...]:
        """First the motion, then the kernels, then all, then rollouts."""
        moving = nn.ModuleList([self.encoder, self.motion])
        moving.extend(part for part in (self.flow, self.errors) if part is not None)
        filters = nn.ModuleList([self.rows, self.columns])
        every = nn.ModuleList([moving, filters])
        first = Stage("flow", (Objective("loss", self.flow_loss, moving),), 5.0)
        init = Objective("kernels", self.kernel_loss, filters)
        second = Stage(
            "kernels", (init,), 1.0, self.unlike_identity, begin=self._begin_anywhere
        )
        third = Stage("fine-tune", (Objective("loss", self.step_loss, every),), 20.0)
        share = self.config.rollouts
        last = Stage("rollout", (Objective("loss", self.rollout_loss, every),), share)
        if self.critic is not None:
            critic = Objective(
                "critic", self.critic_loss, self.critic, fastest=CRITIC_RATE
            )
            last = Stage("rollout", (*last.objectives, critic), share, game=True)
        if self.config.kernels == "learned":
            return (first, second, replace(third, begin=self._use_kernels), last)
        return (first, third, last)

    def flow_loss(self, batch: Window[Tensor]) -> Tensor:
        """Error of the next frame, moved only (equation 6.2 of the thesis).

        In a network whose kernels do something by now, filtered, too.
        """
        if self.filtering:
            return self.step_loss(batch)
        latest = self.latest(batch.context)
        motion = self.moving(self.features(latest), latest)
        made = warp(batch.context[:, -1], motion)[:, None]
        return self._distance(made, batch) + self._unlikely(motion, batch)

    def kernel_loss(self, batch: Window[Tensor]) -> Tensor:
        """How far kernels are from changing nothing (equation 6.3).

        Those that are in use already have nothing to learn from it.
        """
        latest = self.latest(batch.context)
        kernels = self._kernels(self.features(latest), latest)
        identity = Kernels.identity(self.config.kernel, batch.context[:, -1])
        pairs = zip(kernels, identity, strict=True)
        apart = torch.stack([(k - i).square().sum(1).mean() for k, i in pairs])
        return (1 - self.ready) * apart.sum()

    def _begin_anywhere(self) -> None:
        """Let kernels that do nothing yet begin anywhere, out of use for now."""
        if not self.filtering:
            self.ready.zero_()
            middle = self.config.kernel // 2
            for weight in self._head_weights:
                if weight.ndim > 1:
                    nn.init.normal_(weight, std=self.config.width**-0.5)
                else:
                    nn.init.constant_(weight[middle], -1)  # less the identity's one

    def _use_kernels(self) -> None:
        """From now on each pixel is filtered."""
        self.ready.fill_(1)

    def unlike_identity(self, batch: Window[Tensor]) -> tuple[Tensor, Tensor]:
        """As ``kernel_loss``, on unseen windows."""
        forecast = self.forecast(batch.context, 1)
        return self.kernel_loss(batch), forecast

    def step_loss(self, batch: Window[Tensor]) -> Tensor:
        """Error of the next frame (equation 6.4)."""
        moved = next(self.unroll_moving(batch.context))
        made = moved.frame[:, None]
        return self._distance(made, batch) + self._unlikely(moved.motion, batch)

    def rollout_loss(self, batch: Window[Tensor]) -> Tensor:
        """Error of rollouts, each of its own length, and the critic's (6.5)."""
        forecast, known, motion = self._rollout(batch)
        loss = self._distance(forecast, batch, known) + self._unlikely(motion, batch)
        if self.critic is not None:
            judged = self.critic(self._movie(batch, forecast, known))
            loss = loss + self.config.adversarial * F.softplus(-judged).mean()
        return loss

    def critic_loss(self, batch: Window[Tensor]) -> Tensor:
        """How badly the critic tells rollouts from real movies."""
        assert self.critic is not None
        with torch.no_grad():
            forecast, known, _ = self._rollout(batch)
        made = self.critic(self._movie(batch, forecast, known))
        real = self.critic(self._movie(batch, batch.target, known))
        return F.softplus(made).mean() + F.softplus(-real).mean()

    def _unlikely(self, motion: Tensor, batch: Window[Tensor]) -> Tensor:
        """What speaks against a forecast motion, and the flow that it follows from."""
        miss = self._flow_miss(batch)
        if not self.config.smooth:
            return miss
        return miss + self.config.smooth * TYPICAL * roughness(motion)

    def _flow_miss(self, batch: Window[Tensor]) -> Tensor:
        """How far the flow, if it is learned, is from explaining the known frames.

        Error relative to that of "nothing moves", and how rough the flow is.
        """
        if self.flow is None:
            return batch.context.new_zeros(())
        seen, motions = self.latest(batch.context)
        before, after = seen[:, :-1].flatten(0, 1), seen[:, 1:].flatten(0, 1)
        motion = motions[:, 1:].flatten(0, 1)
        frames = warp(before, motion), after, before
        miss = relative(self.criterion, *(part[:, None] for part in frames))
        return miss + ROUGHNESS * roughness(motion)

    def _rollout(self, batch: Window[Tensor]) -> tuple[Tensor, Tensor, Tensor]:
        """Forecasts, 1 at the leads (B, horizon) that count, and the first motion.

        Those that do not count are the targets themselves.
        """
        size, horizon = batch.target.shape[:2]
        lengths = torch.randint(1, horizon + 1, (size, 1))
        known = (torch.arange(horizon) < lengths).to(batch.target)
        longest = int(lengths.max())
        moved = list(islice(self.unroll_moving(batch.context), longest))
        ahead = torch.stack([step.frame for step in moved], 1)
        counts = known[:, :longest, None, None, None].bool()
        ahead = torch.where(counts, ahead, batch.target[:, :longest])
        return torch.cat([ahead, batch.target[:, longest:]], 1), known, moved[0].motion

    def _movie(self, batch: Window[Tensor], ahead: Tensor, known: Tensor) -> Tensor:
        """Context and what follows, (B, C, T, Y, X), black where it does not count."""
        seen = newest(batch.context, self.config.frames)
        shown = ahead * known[:, :, None, None, None]
        pictures = torch.cat([seen, shown], 1)[:, :, : self.pictured]
        return pictures.transpose(1, 2)

    def _distance(
        self, forecast: Tensor, batch: Window[Tensor], known: Tensor | None = None
    ) -> Tensor:
        """How far forecasts (B, H, C, Y, X) are from the first targets."""
        weight = self._weight(batch)[:, : forecast.shape[1]]
        target = weight * batch.target[:, : forecast.shape[1], : self.pictured]
        forecast = weight * forecast[:, :, : self.pictured]
        if self.errors is not None:
            unlikely: Tensor = self.errors(forecast - target).mean((2, 3, 4))
            counts = torch.ones_like(unlikely) if known is None else known
            return (unlikely * counts).sum() / counts.sum()
        still = weight * batch.context[:, -1:, : self.pictured]
        loss = relative(F.mse_loss, forecast, target, still.expand_as(target))
        return loss if known is None else loss * known.numel() / known.sum()

    def _weight(self, batch: Window[Tensor]) -> Tensor:
        """How much errors count, (B, horizon, 1, Y, X): W_sv of the thesis."""
        if self.config.growth == 1:
            return torch.ones_like(batch.target[:, :, -1:])
        cells = torch.cat([batch.context[:, -1:, -1:], batch.target[:, :, -1:]], 1)
        return growing(cells, self.config.growth)

    def criterion(self, forecast: Tensor, target: Tensor) -> Tensor:
        """Mean squared error of the pictures."""
        seen = slice(self.pictured)
        return F.mse_loss(forecast[..., seen, :, :], target[..., seen, :, :])
