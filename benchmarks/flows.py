"""Optical flow for SDC-Net++: ours beside that of scikit-image.

    python benchmarks/flows.py [--movies hela,tissue] [-o TABLE]

The motion between two neighbouring frames is estimated by each method. "Explained" is
the share of the squared difference of both that is gone once the first has been moved,
"carried on" the share of the squared error of "nothing moves" that is gone when the
second is moved in the same way and held against a third, each with its 95 % interval;
"hasty" is TV-L1 as in the baseline ``advection``, "sharp" is ILK that sees less far;
"time" is how many times longer than ours it takes, median and range over the frames.
All frames are blurred a little against noise, and all methods see the same. One thread.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from skill_movies import ALL, MOVIES
from skimage.registration import optical_flow_ilk, optical_flow_tvl1
from stopwatch import ratio
from table import machine
from torch import Tensor

from napari_morphocast.evaluation.bootstrap import Resampling
from napari_morphocast.models.advection import (
    ITERATIONS,
    WARPS,
    AdvectionConfig,
    one_channel,
)
from napari_morphocast.models.denoised import blurred
from napari_morphocast.models.flow import flow
from napari_morphocast.models.motion import warp

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_morphocast.data.movie import Movie

MOST, BLUR = 24, 1.0  # places in a movie, pixels
HEAD = (
    "| movie | method | explained (%) | carried on (%) | time, times ours |",
    "|---|---|---|---|---|",
)
Method = Callable[[Tensor, Tensor], Tensor]


def of_skimage(method: Callable[..., Any], **given: Any) -> Method:
    """Let a function of scikit-image take and give what ours does."""

    def found(before: Tensor, after: Tensor) -> Tensor:
        motion = method(after[0, 0].numpy(), before[0, 0].numpy(), **given)
        return torch.from_numpy(np.asarray(motion, np.float32))[None]

    return found


METHODS: dict[str, Method] = {
    "ours": flow,
    "TV-L1": of_skimage(optical_flow_tvl1),
    "TV-L1, hasty": of_skimage(
        optical_flow_tvl1,
        attachment=AdvectionConfig().attachment,
        num_warp=WARPS,
        num_iter=ITERATIONS,
    ),
    "ILK": of_skimage(optical_flow_ilk),
    "ILK, sharp": of_skimage(optical_flow_ilk, radius=4, gaussian=True),
}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--movies", default=",".join(MOVIES))
    parser.add_argument("-o", "--output", type=Path)
    given = parser.parse_args()
    torch.set_num_threads(1)
    lines = [*machine(torch.device("cpu"), "flows.py"), "", *HEAD]
    for name in given.movies.split(","):
        if ALL[name].is_here():
            lines += rows(name, ALL[name].read())
    print("\n".join(lines))
    if given.output is not None:
        given.output.write_text("\n".join(lines) + "\n", encoding="utf-8")


def rows(name: str, movie: Movie) -> list[str]:
    """One line per method."""
    firsts = np.linspace(0, len(movie) - 3, min(MOST, len(movie) // 3)).astype(int)
    scenes = [_scene(movie, first) for first in firsts]
    still = np.array([_errors(scene, torch.zeros(1, 2, 1, 1)) for scene in scenes])
    took: dict[str, list[float]] = {}
    lines = []
    for method, estimate in METHODS.items():
        timed = [_timed(partial(estimate, *scene[:2])) for scene in scenes]
        took[method] = [seconds for _, seconds in timed]
        pairs = zip(scenes, timed, strict=True)
        errors = np.array([_errors(scene, motion) for scene, (motion, _) in pairs])
        skills = [_skill(errors[:, which], still[:, which]) for which in (0, 1)]
        longer = ratio(took[method], took["ours"])
        lines.append(f"| {name} | {method} | {' | '.join(skills)} | {longer} |")
    return lines


def _scene(movie: Movie, first: int) -> tuple[Tensor, Tensor, Tensor]:
    """Three neighbouring frames (1, 1, Y, X), about 0..1, blurred a little."""
    grey = torch.from_numpy(one_channel(movie.read(first, first + 3)))
    before, now, after = blurred(grey[:, None], BLUR).split(1)
    return before, now, after


def _errors(
    scene: tuple[Tensor, Tensor, Tensor], motion: Tensor
) -> tuple[float, float]:
    """Squared errors of the first frame moved, and of the second."""
    before, now, after = scene
    way = motion.expand(1, 2, *now.shape[-2:])
    seen, ahead = warp(before, way) - now, warp(now, way) - after
    return float(seen.square().mean()), float(ahead.square().mean())


def _timed(work: Callable[[], Tensor]) -> tuple[Tensor, float]:
    """What comes out, and seconds that the process has computed."""
    began = time.process_time()
    found = work()
    return found, time.process_time() - began


def _skill(errors: NDArray[np.float64], still: NDArray[np.float64]) -> str:
    """Share of the error of "nothing moves" that is removed, with its interval."""
    draw = Resampling.draw(len(errors), 2)
    value = 1 - errors.mean() / still.mean()
    again = 1 - draw.means(errors) / draw.means(still)
    low, high = draw.interval(value, again, (-np.inf, 1.0))
    shown = f"{100 * value:.0f}"
    if np.isfinite(low):
        shown += f" ({100 * low:.0f} to {100 * high:.0f})"
    return shown


if __name__ == "__main__":
    main()
