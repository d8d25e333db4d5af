"""Layers that networks share: equal learning rates, resampling, activations.

Written from the papers of Karras et al. (2018, 2020) and Molina et al. (2020).
"""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

Activation = Literal["leaky", "pade"]
SLOPE = 0.2  # of the leaky ReLU below zero
# Molina et al. (2020), table 6: the rational function nearest to that leaky ReLU.
NUMERATOR = 0.02557776, 0.66182815, 1.58182975, 2.94478759, 0.95287794, 0.23319681
DENOMINATOR = 0.50962605, 4.18376890, 0.37832090, 0.32407314
BINOMIAL = 1.0, 3.0, 3.0, 1.0  # filter against aliasing


class EqualLinear(nn.Module):
    """Linear layer whose weights all learn at the same pace.

    Weights are drawn from a unit normal distribution and scaled when used by
    1 / sqrt(inputs), so that an optimiser's step means the same for every layer (Karras
    et al., 2018, section 4.1).

    Parameters
    ----------
    inputs, outputs : int
        Features.
    bias : float
        What the biases begin at.
    pace : float
        Learning rate relative to that of other layers.
    """

    def __init__(
        self, inputs: int, outputs: int, *, bias: float = 0.0, pace: float = 1.0
    ) -> None:
        super().__init__()
        self.pace = pace
        self.scale = pace / math.sqrt(inputs)
        self.weight = nn.Parameter(torch.randn(outputs, inputs) / pace)
        self.bias = nn.Parameter(torch.full((outputs,), bias / pace))

    def forward(self, x: Tensor) -> Tensor:
        """Map (..., inputs) to (..., outputs)."""
        return F.linear(x, self.weight * self.scale, self.bias * self.pace)


class EqualConv(nn.Module):
    """Convolution of odd side, padded with zeros, with an equal learning rate."""

    def __init__(self, inputs: int, outputs: int, side: int) -> None:
        super().__init__()
        self.padding = side // 2
        self.scale = 1 / math.sqrt(inputs * side**2)
        self.weight = nn.Parameter(torch.randn(outputs, inputs, side, side))
        self.bias = nn.Parameter(torch.zeros(outputs))

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, inputs, Y, X) to (B, outputs, Y, X)."""
        weight = by_pixel(self.weight * self.scale)
        return F.conv2d(x, weight, self.bias, padding=self.padding)


class Pade(nn.Module):
    """Pade activation unit: a rational function whose coefficients are learned.

    f(x) = (a0 + a1 x + ... + a5 x^5) / (1 + |b1 x + ... + b4 x^4|)

    (Molina, Schramowski & Kersting, 2020, equation 3; "safe", for the denominator has
    no zero.) Computed in float32, since x^5 overflows half precision beyond 9.
    """

    def __init__(self) -> None:
        super().__init__()
        self.numerator = nn.Parameter(torch.tensor(NUMERATOR))
        self.denominator = nn.Parameter(torch.tensor(DENOMINATOR))

    def forward(self, x: Tensor) -> Tensor:
        """Apply to every element."""
        with torch.autocast(x.device.type, enabled=False):
            exact = x if x.dtype == torch.float64 else x.float()
            above = _horner(exact, self.numerator.to(exact.dtype))
            below = exact * _horner(exact, self.denominator.to(exact.dtype))
            return (above / (1 + below.abs())).to(x.dtype)


class Leaky(nn.Module):
    """Leaky ReLU that keeps the variance of a normal distribution."""

    def forward(self, x: Tensor) -> Tensor:
        """Apply to every element."""
        return math.sqrt(2 / (1 + SLOPE**2)) * F.leaky_relu(x, SLOPE)


def activation(name: Activation) -> nn.Module:
    """A new activation of this kind."""
    return Pade() if name == "pade" else Leaky()


def by_pixel(weight: Tensor) -> Tensor:
    """The same weights, stored so that a convolution keeps channels side by side.

    Images follow; networks of few channels learn faster by a fifth on a CPU.
    """
    return weight.contiguous(memory_format=torch.channels_last)


def enlarged(x: Tensor) -> Tensor:
    """Twice as large (B, C, 2 Y, 2 X): zeros between the pixels, then smoothed."""
    kernel = _kernel(x) * 4
    channels = x.shape[1]
    return F.conv_transpose2d(x, kernel, stride=2, padding=1, groups=channels)


def padded(x: Tensor, block: int, least: int = 1) -> Tensor:
    """Repeat the last row and column of (B, C, Y, X) until blocks fit.

    Both sides become multiples of ``block``, and ``least`` or more.
    """
    height, width = x.shape[-2:]
    down, right = (-(-max(s, least) // block) * block - s for s in (height, width))
    return F.pad(x, (0, right, 0, down), mode="replicate") if down | right else x


class MinibatchSpread(nn.Module):
    """One more channel: how much the images of a group differ at each place.

    A critic that sees it notices a generator that makes ever the same image. (In Karras
    et al., 2018, places are averaged, too; so it cannot say where images are alike.)
    """

    def __init__(self, group: int = 4) -> None:
        super().__init__()
        self.group = group

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C, Y, X) to (B, C + 1, Y, X)."""
        size = min(self.group, len(x))
        groups = torch.stack([x.roll(by, 0) for by in range(size)])
        spread = (groups.var(0, correction=0) + 1e-8).sqrt().mean(1, keepdim=True)
        return torch.cat([x, spread], 1)


def unit_length(x: Tensor) -> Tensor:
    """Divide features (..., N) by their root mean square."""
    return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + 1e-8)


def _horner(x: Tensor, coefficients: Tensor) -> Tensor:
    """Polynomial with ``coefficients``, the constant first."""
    total = torch.zeros_like(x)
    for coefficient in reversed(coefficients.unbind()):
        total = total * x + coefficient
    return total


def _kernel(x: Tensor) -> Tensor:
    """Separable binomial filter of sum 1 for each channel of ``x``."""
    line = torch.tensor(BINOMIAL, dtype=x.dtype, device=x.device)
    kernel = torch.outer(line, line) / line.sum() ** 2
    return kernel.expand(x.shape[1], 1, -1, -1)
