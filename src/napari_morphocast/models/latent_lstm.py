"""LSTM over the codes of an autoencoder: forecasts in latent space."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence

from napari_morphocast.models.autoencoder import Autoencoder
from napari_morphocast.models.base import Forecaster, Objective, Stage
from napari_morphocast.models.coded import Coded
from napari_morphocast.models.latent_config import LatentConfig
from napari_morphocast.models.limits import Limits
from napari_morphocast.models.losses import distance, drawn_leads, relative
from napari_morphocast.models.regression import pushed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari_morphocast.data.windows import Window
    from napari_morphocast.models.base import ModelConfig

CHANGE_GAIN = 4.0  # brings changes of codes to about the spread of codes
AT_ONCE = 8  # frames that are encoded together: a long context fits into memory
CROP = 64  # side of the squares that training shows unless told (pixels)
AGAIN = 0.1  # how much the autoencoder's own loss counts when all is trained together


class Dynamics(nn.Module):
    """Reads the codes of the past, and says which comes next.

    next = last + W [h, last, last - one before] + b

    h is what the topmost of several LSTMs (Hochreiter & Schmidhuber, 1997) remembers
    once it has read all codes. Read backward, too, it is also what is remembered once
    the oldest has been reached; the state beside the last code, which has seen nothing
    else yet, is never taken for it. W and b are zero at first: nothing moves.

    Parameters
    ----------
    config : LatentConfig
        Sizes, and which way codes are read.
    channels : int
        C; ``fade`` says how much of the last frame's detail each keeps from one frame
        to the next.
    """

    fade: Tensor

    def __init__(self, config: LatentConfig, channels: int) -> None:
        super().__init__()
        both = config.reading == "both"
        self.directions = 1 + both
        self.lstm = nn.LSTM(
            2 * config.code,
            config.hidden,
            config.layers,
            batch_first=True,
            bidirectional=both,
        )
        self.head = nn.Linear(
            self.directions * config.hidden + 2 * config.code, config.code
        )
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)
        if config.skip:
            self.fade = nn.Parameter(torch.ones(channels, 1, 1))
        else:
            self.register_buffer("fade", torch.zeros(channels, 1, 1))

    def forward(self, codes: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Foretell the code (N, code) that follows codes (N, T, code).

        Parameters
        ----------
        codes : Tensor, shape (N, T, code)
            In the order of time.
        lengths : Tensor, shape (N,), optional
            How many of the latest codes are read, 1 to T; all unless told.
        """
        seen = self._seen(codes, lengths)
        known = torch.cat([self._remembered(seen, lengths), seen[:, -1]], 1)
        ahead: Tensor = codes[:, -1] + self.head(known)
        return ahead

    def remembered(self, codes: Tensor) -> Tensor:
        """What is remembered of codes (N, T, code), (N, directions x hidden)."""
        return self._remembered(self._seen(codes, None), None)

    def _seen(self, codes: Tensor, lengths: Tensor | None) -> Tensor:
        """Every code beside its change since the one before; the oldest has none."""
        if lengths is not None:
            codes = _oldest_repeated(codes, lengths)
        changes = codes.diff(dim=1, prepend=codes[:, :1])
        return torch.cat([codes, CHANGE_GAIN * changes], 2)

    def _remembered(self, seen: Tensor, lengths: Tensor | None) -> Tensor:
        self.lstm.flatten_parameters()
        _, (hidden, _) = self.lstm(seen if lengths is None else _packed(seen, lengths))
        top: Tensor = hidden[-self.directions :]
        return top.transpose(0, 1).flatten(1)


class LatentLSTM(Forecaster, Coded, name="latent_lstm"):
    """LSTM over the codes of an autoencoder: forecasts in latent space.

    A convolutional autoencoder finds a code for each tile of a frame; a stacked LSTM
    reads the tile's codes and foretells the next (Ensmenger, 2023, chapter 5), from
    which a frame is made:

    x(t+k) = decode(z(t+k)) + fade^k (x(t) - decode(z(t)))

    The second term, the skip, is the detail that codes lose; ``fade`` is learned for
    each channel and begins at 1, so an untrained network says that nothing moves.
    Without the skip it is 0.

    A rollout reads the codes that were forecast, and decodes once per lead; with
    ``rollout = "image"`` it reads those of the forecast frames, and takes the detail
    of the frame before. At every lead as many of the latest codes are read as there
    were known frames; each is read from scratch, which costs less than decoding, so
    that any number of frames can be read in both directions, and none to come is seen.
    """

    Config = LatentConfig
    config: LatentConfig

    def __init__(self, config: LatentConfig, channels: int) -> None:
        super().__init__(config, channels)
        self.autoencoder = Autoencoder(channels, config.tile, config.code, config.width)
        self.dynamics = Dynamics(config, channels)

    @classmethod
    def usual(cls, config: ModelConfig) -> dict[str, Any]:
        """Squares of a tile at least: what lies beyond a smaller one is made up."""
        assert isinstance(config, LatentConfig)
        return {"crop": config.tile} if config.tile > CROP else {}

    # --- forecasting

    def unroll(
        self, context: Tensor, lengths: Tensor | None = None
    ) -> Iterator[Tensor]:
        """Foretell frame after frame.

        Parameters
        ----------
        context : Tensor, shape (B, T, C, Y, X)
            Known frames in time order, scaled to about 0..1; any number of them.
        lengths : Tensor, shape (B,), optional
            How many of its latest frames each window has, 1 to T, on the CPU; what
            lies before them is never looked at. All have T unless told.

        Yields
        ------
        Tensor, shape (B, C, Y, X)
            Frame T, then T + 1, and so on.
        """
        if lengths is not None:
            context = _oldest_repeated(context, lengths)
        last, limits = context[:, -1], Limits.of(context).widened()
        codes = self._encoded(context)
        base, kept = self._decoded(codes[:, -1], last), self.dynamics.fade
        while True:
            ahead = self._next(codes, lengths)
            change = self._decoded(ahead, last) - base
            frame = limits.hold(last + change - (1 - kept) * (last - base))
            yield frame
            kept = kept * self.dynamics.fade
            if self.config.rollout == "image":
                ahead = self.autoencoder.encode(frame)
                last, base = frame, self._decoded(ahead, frame)
                kept = self.dynamics.fade
            codes = pushed(codes, ahead)

    def codes(self, frames: Tensor) -> Tensor:
        """Codes (B, code) of frames (B, C, Y, X): the mean of their tiles' codes."""
        return self._encoded(frames[:, None])[:, 0].mean((2, 3))

    def sequence_codes(self, context: Tensor) -> Tensor:
        """What the topmost LSTM remembers of (B, T, C, Y, X), the mean of all tiles.

        Shape (B, hidden), or (B, 2 hidden) where frames are read in both directions.
        """
        codes = self._encoded(context)
        found: Tensor = self.dynamics.remembered(_tiles(codes))
        means: Tensor = found.unflatten(0, (len(context), -1)).mean(1)
        return means

    def _next(self, codes: Tensor, lengths: Tensor | None) -> Tensor:
        """Codes (B, code, rows, columns) that follow (B, T, code, rows, columns)."""
        size, _, _, rows, columns = codes.shape
        if lengths is not None:
            lengths = lengths.repeat_interleave(rows * columns)
        ahead: Tensor = self.dynamics(_tiles(codes), lengths)
        grid: Tensor = ahead.unflatten(0, (size, rows, columns))
        return grid.permute(0, 3, 1, 2)

    def _encoded(self, frames: Tensor) -> Tensor:
        """Codes (B, T, code, rows, columns) of frames (B, T, C, Y, X)."""
        parts = frames.flatten(0, 1).split(AT_ONCE)
        codes = torch.cat([self.autoencoder.encode(part) for part in parts])
        found: Tensor = codes.unflatten(0, frames.shape[:2])
        return found

    def _decoded(self, codes: Tensor, like: Tensor) -> Tensor:
        return self.autoencoder.decode(codes, *like.shape[-2:])

    # --- training

    def stages(self) -> tuple[Stage, ...]:
        """First the codes, then what becomes of them, then both together."""
        coding = Objective("loss", self.coding_loss, self.autoencoder)
        moving = Objective("loss", self.loss, self.dynamics)
        joint = Objective("loss", self.joint_loss, self)
        first = Stage("autoencoder", (coding,), validate=self.unlike_itself)
        second = Stage("dynamics", (moving,))
        last = (Stage("joint", (joint,), 2.0),) if self.config.finetune else ()
        return (first, second, *last)

    def criterion(self, forecast: Tensor, target: Tensor) -> Tensor:
        """Weighted sum of MSE, L1 and 1 - SSIM, as the settings say."""
        return distance(forecast, target, self.config.weights)

    def coding_loss(self, batch: Window[Tensor]) -> Tensor:
        """How far frames are from those made again from their codes."""
        return self.unlike_itself(batch)[0]

    def unlike_itself(self, batch: Window[Tensor]) -> tuple[Tensor, Tensor]:
        """As ``coding_loss``, with the frames made again, (B, horizon, C, Y, X).

        A forecast without the skip cannot be better.
        """
        frames = batch.target
        again = self.autoencoder(frames.flatten(0, 1)).view_as(frames)
        return self.criterion(again, frames), again

    def loss(self, batch: Window[Tensor]) -> Tensor:
        """Error of a rollout, up to a lead and from contexts drawn at random."""
        context, target = batch
        leads = drawn_leads(target.shape[1])
        ahead = self.unroll(context, self._lengths(context))
        forecast, truth = torch.stack(list(islice(ahead, leads)), 1), target[:, :leads]
        if not self.config.balance:
            return self.criterion(forecast, truth)
        still = context[:, -1:].expand_as(truth)
        return relative(self.criterion, forecast, truth, still)

    def joint_loss(self, batch: Window[Tensor]) -> Tensor:
        """As ``loss``, while codes must still lead back to their frames."""
        return self.loss(batch) + AGAIN * self.coding_loss(batch)

    def _lengths(self, context: Tensor) -> Tensor | None:
        """Draw how many of its latest frames each window is shown."""
        size, most = context.shape[:2]
        if self.config.shortest >= most:
            return None
        return torch.randint(self.config.shortest, most + 1, (size,))


def _tiles(codes: Tensor) -> Tensor:
    """Codes (B, T, code, rows, columns) of each tile by itself, (N, T, code)."""
    return codes.permute(0, 3, 4, 1, 2).flatten(0, 2)


def _oldest_repeated(steps: Tensor, lengths: Tensor) -> Tensor:
    """The latest of (N, T, ...), as many as ``lengths`` (N,) says, the oldest again."""
    count = steps.shape[1]
    places = torch.arange(count).maximum(count - lengths[:, None])
    return steps[torch.arange(len(steps))[:, None], places]


def _packed(steps: Tensor, lengths: Tensor) -> PackedSequence:
    """The latest of (N, T, size), as many as ``lengths`` (N,) says, for an LSTM."""
    count = steps.shape[1]
    places = (torch.arange(count) + count - lengths[:, None]).clamp(max=count - 1)
    first = steps[torch.arange(len(steps))[:, None], places]
    return pack_padded_sequence(first, lengths, batch_first=True, enforce_sorted=False)
