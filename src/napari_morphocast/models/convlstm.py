"""ConvLSTM: a recurrent network that remembers where things are (Shi et al., 2015)."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Annotated, Literal, NamedTuple

import torch
from pydantic import Field, field_validator
from torch import Tensor, nn
from torch.nn import functional as F

from napari_morphocast.models.base import Forecaster, ModelConfig
from napari_morphocast.models.correction import TUNED, Begin, Correction
from napari_morphocast.models.flow import PAIRS, going_on, motions
from napari_morphocast.models.layers import padded
from napari_morphocast.models.limits import Limits
from napari_morphocast.models.losses import Weights, distance, relative
from napari_morphocast.models.regression import newest, pushed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from napari_morphocast.data.windows import Window

CHANGE_GAIN = 4.0  # brings changes to about the spread of frames
LATEST = 4  # frames that the regression looks at
AT_ONCE = 16  # frames whose motion is estimated together: a long context fits in memory


class ConvLSTMConfig(Weights, Begin, ModelConfig):
    """Settings of the ConvLSTM."""

    hidden: tuple[Annotated[int, Field(ge=1, le=1024)], ...] = Field(
        (32,),
        min_length=1,
        max_length=8,
        title="Hidden channels",
        description="Feature maps of each layer, from the first layer to the last.",
    )
    kernel: int = Field(
        3,
        ge=1,
        le=15,
        title="Kernel",
        description="Side of the convolution kernels, an odd number (pixels).",
    )
    patch: Literal[1, 2, 4] = Field(
        2,
        title="Patch",
        description="Squares of this side become channels before the first layer "
        "(pixels): 2 or 4 is faster and sees further, 1 is the textbook.",
    )
    head: Literal["frame", "change", "motion"] = Field(
        "motion",
        title="Head",
        description="What the network puts out: the next frame itself, a change of "
        "the forecast that it corrects, or a motion of it plus a change.",
    )
    inputs: Literal["frame", "change"] = Field(
        "change",
        title="Inputs",
        description="Whether the first layer sees each frame alone, or also how it "
        "differs from the one before.",
    )
    peephole: Literal["none", "channel"] = Field(
        "none",
        title="Peephole",
        description="Whether the gates also look at the cell state, with one weight "
        "per channel.",
    )
    norm: Literal["none", "batch", "group"] = Field(
        "none", title="Normalisation", description="Normalisation between layers."
    )
    activation: Literal["tanh", "relu"] = Field(
        "tanh", title="Activation", description="Activation of candidate and output."
    )
    forget_bias: float = Field(
        1.0,
        ge=-10,
        le=10,
        title="Forget bias",
        description="Bias of the forget gate at the start: 1 or more remembers.",
    )
    supervision: Literal["last", "dense"] = Field(
        "dense",
        title="Supervision",
        description="Learn from the frames after the context only, or also from every "
        "frame in it after a warm-up.",
    )
    warmup: int = Field(
        2,
        ge=1,
        le=63,
        title="Warm-up",
        description="How many frames of the context are seen before dense supervision "
        "begins (frames).",
    )
    noise: float = Field(
        0.0,
        ge=0,
        le=1,
        title="Input noise",
        description="Standard deviation of noise added to the context while training "
        "(1 = the usual range of grey levels).",
    )

    @field_validator("kernel")
    @classmethod
    def _odd(cls, kernel: int) -> int:
        if kernel % 2 == 0:
            raise ValueError(f"the kernel must be odd, {kernel - 1} or {kernel + 1}")
        return kernel


class Memory(NamedTuple):
    """What the network remembers: frames, how they move, and its cells' states.

    ``motion`` has shape (B, MOTIONS, 2, Y, X), and ``moved``, the last frame carried
    along it, (B, MOTIONS, C, Y, X); None where the network does not mix it in.
    """

    latest: Tensor
    motion: Tensor | None
    moved: Tensor | None
    cells: tuple[State, ...]


class State(NamedTuple):
    """What a cell remembers: hidden and cell state, each (B, hidden, Y, X)."""

    hidden: Tensor
    cell: Tensor


class ConvLSTMCell(nn.Module):
    """One layer: four gates from one convolution of input and hidden state.

    [i, f, g, o] = W * [x; h] + b
    c' = sigmoid(f) c + sigmoid(i) act(g)
    h' = sigmoid(o) act(c')

    With ``peephole`` the gates i and f also see c, and o sees c', each through one
    weight per channel, so that any frame size works (Shi et al., 2015, eq. 3, tie
    them to the frame size). The gates stand in the order i, f, g, o, as in PyTorch's
    own LSTM.
    """

    def __init__(self, inputs: int, hidden: int, config: ConvLSTMConfig) -> None:
        super().__init__()
        self.hidden = hidden
        self.gates = nn.Conv2d(
            inputs + hidden, 4 * hidden, config.kernel, padding=config.kernel // 2
        )
        self.peephole = (
            nn.Parameter(torch.zeros(3, hidden, 1, 1))
            if config.peephole == "channel"
            else None
        )
        self.activation = torch.tanh if config.activation == "tanh" else F.relu
        with torch.no_grad():
            bias = self.gates.bias
            assert bias is not None
            bias[hidden : 2 * hidden] += config.forget_bias

    def start(self, x: Tensor) -> State:
        """Remember nothing yet."""
        zeros = x.new_zeros(x.shape[0], self.hidden, *x.shape[-2:])
        return State(zeros, zeros)

    def forward(self, x: Tensor, state: State) -> State:
        """See one frame of features, shape (B, inputs, Y, X)."""
        i, f, g, o = self.gates(torch.cat([x, state.hidden], 1)).chunk(4, 1)
        if self.peephole is not None:
            i = i + self.peephole[0] * state.cell
            f = f + self.peephole[1] * state.cell
        cell = f.sigmoid() * state.cell + i.sigmoid() * self.activation(g)
        if self.peephole is not None:
            o = o + self.peephole[2] * cell
        return State(o.sigmoid() * self.activation(cell), cell)


class ConvLSTM(Forecaster, name="convlstm"):
    """Stacked ConvLSTM cells over patches, and a head that makes the next frame."""

    Config = ConvLSTMConfig
    tuned = TUNED
    config: ConvLSTMConfig

    def __init__(self, config: ConvLSTMConfig, channels: int) -> None:
        super().__init__(config, channels)
        area = config.patch**2
        bare = config.head == "frame"
        start = "persistence" if bare else config.start
        self.correction = Correction(
            LATEST, channels, start, motion=config.head == "motion"
        )
        given = 1 + (config.inputs == "change") + self.correction.moves
        inputs = channels * given
        widths = (inputs * area, *config.hidden)
        self.cells = nn.ModuleList(
            ConvLSTMCell(before, after, config) for before, after in pairwise(widths)
        )
        self.norms = nn.ModuleList(_norm(config.norm, b) for b in config.hidden)
        outputs = channels if bare else self.correction.outputs
        self.head = nn.Conv2d(
            config.hidden[-1],
            outputs * area,
            config.kernel,
            padding=config.kernel // 2,
        )
        if not bare:
            nn.init.zeros_(self.head.weight)
            assert self.head.bias is not None
            nn.init.zeros_(self.head.bias)

    @property
    def lookback(self) -> int:
        """Frames that the regression sees."""
        return LATEST

    def tune(self, stretches: Iterable[Tensor]) -> None:
        """Solve for the linear forecast that the network will correct."""
        self.correction.tune(stretches)

    def forget(self) -> None:
        """Correct "nothing moves" instead."""
        self.correction.forget()

    def unroll(self, context: Tensor) -> Iterator[Tensor]:
        """Foretell frame after frame from the model's own forecasts."""
        return self.follow(context.split(AT_ONCE, 1))

    def follow(self, parts: Iterable[Tensor]) -> Iterator[Tensor]:
        """As ``unroll``; of known frames that come in parts only its memory is kept."""
        memory: Memory | None = None
        known: Limits | None = None
        before: Tensor | None = None
        for part in parts:
            for frame, motion in self._moving(part, before):
                memory = self.remember(frame, memory, motion)
            limits = Limits.of(part)
            known = limits if known is None else known.joined(limits)
            before = part if before is None else torch.cat([before, part], 1)
            before = before[:, -PAIRS:]
        assert memory is not None
        assert known is not None
        limits = known.widened()
        while True:
            frame = limits.hold(self.next_frame(memory))
            yield frame
            memory = self.remember(frame, memory)

    def remember(
        self, frame: Tensor, memory: Memory | None, motion: Tensor | None = None
    ) -> Memory:
        """See one frame (B, C, Y, X); there is no memory before the first one.

        ``motion`` is how it moves, (B, MOTIONS, 2, Y, X); that of the frame before goes
        on unless told, if that is known.
        """
        latest = newest(frame[:, None], LATEST) if memory is None else memory.latest
        if motion is None and memory is not None and memory.motion is not None:
            motion = going_on(memory.motion)
        moved = self.correction.moved(frame, motion)
        changes = [] if moved is None else [m - frame for m in moved.unbind(1)]
        if self.config.inputs == "change":
            changes.insert(0, frame - latest[:, -1])
        x = torch.cat([frame, *(CHANGE_GAIN * change for change in changes)], 1)
        x = F.pixel_unshuffle(padded(x, self.config.patch), self.config.patch)
        after = []
        for index, (cell, norm) in enumerate(zip(self.cells, self.norms, strict=True)):
            assert isinstance(cell, ConvLSTMCell)
            state = cell(x, cell.start(x) if memory is None else memory.cells[index])
            after.append(state)
            x = norm(state.hidden)
        return Memory(pushed(latest, frame), motion, moved, tuple(after))

    def _moving(
        self, part: Tensor, before: Tensor | None = None
    ) -> Iterable[tuple[Tensor, Tensor | None]]:
        """Every known frame with how it moves, if that matters."""
        if not self.correction.carrying:
            return ((frame, None) for frame in part.unbind(1))
        seen = part if before is None else torch.cat([before, part], 1)
        moving = motions(seen)[:, -part.shape[1] :]
        return zip(part.unbind(1), moving.unbind(1), strict=True)

    def next_frame(self, memory: Memory) -> Tensor:
        """Make the frame (B, C, Y, X) that follows the last one seen."""
        features = self.norms[-1](memory.cells[-1].hidden)
        height, width = memory.latest.shape[-2:]
        pieces: Tensor = F.pixel_shuffle(self.head(features), self.config.patch)
        out = pieces[..., :height, :width]
        if self.config.head == "frame":
            return torch.sigmoid(out)
        frame: Tensor = self.correction(memory.latest, out, memory.moved)
        return frame

    def criterion(self, forecast: Tensor, target: Tensor) -> Tensor:
        """Weighted sum of MSE, L1 and 1 - SSIM, as the settings say."""
        return distance(forecast, target, self.config.weights)

    def loss(self, batch: Window[Tensor]) -> Tensor:
        """Distance at every supervised step: in the context if dense, and after it."""
        context, target = batch
        noise = self.config.noise
        seen = context + noise * torch.randn_like(context) if noise else context
        forecasts = self.supervised(seen, target.shape[1])
        steps = forecasts.shape[1]
        truth = torch.cat([context, target], 1)[:, -steps:]
        if not self.config.balance:
            return self.criterion(forecasts, truth)
        ahead = context[:, -1:].expand(-1, target.shape[1] - 1, -1, -1, -1)
        still = torch.cat([context, ahead], 1)[:, -steps:]
        return relative(self.criterion, forecasts, truth, still)

    def supervised(self, context: Tensor, horizon: int) -> Tensor:
        """Forecasts that the loss looks at, each from the frames before it.

        Parameters
        ----------
        context : Tensor, shape (B, T, C, Y, X)
            Known frames.
        horizon : int
            How many frames are forecast from the model's own forecasts after them.

        Returns
        -------
        Tensor, shape (B, N, C, Y, X)
            Ends with frame T + horizon - 1; begins with frame T, or with dense
            supervision at the frame after the warm-up.
        """
        length = context.shape[1]
        dense = self.config.supervision == "dense"
        first = min(self.config.warmup, length) if dense else length
        memory: Memory | None = None
        forecasts = []
        for step, (frame, motion) in enumerate(self._moving(context), start=1):
            memory = self.remember(frame, memory, motion)
            if step >= first:
                forecasts.append(self.next_frame(memory))
        assert memory is not None
        limits = Limits.of(context).widened()
        forecasts[-1] = limits.hold(forecasts[-1])
        for _ in range(horizon - 1):
            memory = self.remember(forecasts[-1], memory)
            forecasts.append(limits.hold(self.next_frame(memory)))
        return torch.stack(forecasts, 1)


def _norm(kind: str, channels: int) -> nn.Module:
    if kind == "batch":
        return nn.BatchNorm2d(channels)
    if kind == "group":
        groups = next(g for g in (8, 4, 2, 1) if channels % g == 0)
        return nn.GroupNorm(groups, channels)
    return nn.Identity()
