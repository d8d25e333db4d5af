"""What frames in a row of a Cell-GAN know of motion, and what comes of it.

    python benchmarks/three_frames.py [--minutes 20] [-o FOLDER]

A Cell-GAN with ``frames = 3`` and an SDC-Net++ learn from the same simulated yeast, for
so many minutes of one core and for a quarter of them. The first table is that of
``morphocast evaluate``; the second says how much changes from frame to frame when the
forecaster goes on from real frames, from made ones, and from the last of these alone.
Both models and a sheet are kept in FOLDER; what is there is not trained again.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from stopwatch import count_cpu_time
from synthesis import FRAMES, HERE, MOVIES, SIDE
from table import machine

from napari_morphocast import api
from napari_morphocast.evaluation.figures import draw_sheet
from napari_morphocast.evaluation.likeness import motion_ratio
from napari_morphocast.training.config import Hardware, Run

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_morphocast.data.movie import Movie

SCENES, SHOWN, HORIZON = 48, 8, 12
LEADS = 1, 2, 4, 8, 12
CPU = Hardware(device="cpu")


def main() -> None:
    """Train what is missing, then print both tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument(
        "-o", "--output", type=Path, default=HERE / "results" / "three-frames"
    )
    given = parser.parse_args()
    count_cpu_time()
    given.output.mkdir(parents=True, exist_ok=True)
    movie = MOVIES["yeast"]()
    minutes = given.minutes
    model = _trained(
        movie,
        given.output / f"three-{minutes:g}.morphocast",
        Run.make("cell_gan", side=SIDE, frames=3, minutes=minutes),
    )
    moves = _trained(
        movie,
        given.output / f"moves-{minutes / 4:g}.morphocast",
        Run.make("sdc_net", minutes=minutes / 4),
    )
    judged = api.judge(movie, model, hardware=CPU)
    command = f"three_frames.py --minutes {minutes:g}"
    lines = [*machine(torch.device("cpu"), command), "", "```", judged.table(), "```"]
    lines += ["", *_experiment(movie, model, moves, model.with_suffix(".png")), ""]
    text = "\n".join(lines)
    (given.output / "table.md").write_text(text, encoding="utf-8")
    print(text)


def _trained(movie: Movie, path: Path, run: Run) -> Path:
    if not path.exists():
        for _ in api.train(movie, path, run, hardware=CPU):
            pass
        path.with_name(path.name + ".resume").unlink()
    return path


def _experiment(movie: Movie, model: Path, moves: Path, sheet: Path) -> list[str]:
    """How much changes from frame to frame, known and forecast, over that of real."""
    made = api.synthesize(model, count=SCENES, hardware=CPU)
    known = made.frames.shape[1]
    last = FRAMES - known - HORIZON
    starts = np.linspace(0.8 * FRAMES, last, SCENES).round().astype(int)
    real = np.stack([movie.read(n, n + known + HORIZON) for n in starts])
    contexts = {
        "real frames": real[:, :known],
        "synthetic, three in a row": made.frames,
        "synthetic, the last one alone": made.frames[:, -1:],
    }
    scenes = {}
    lines = [
        f"| forecast from | known | {' | '.join(f'lead {n}' for n in LEADS)} |",
        "|---" * (len(LEADS) + 2) + "|",
    ]
    for name, context in contexts.items():
        given = replace(made, frames=context)
        found = api.imagine(given, moves, horizon=HORIZON, hardware=CPU)
        scenes[name] = found.frames
        begins = [found.known - 1, *(found.known - 1 + n for n in LEADS)]
        cells = [_moved(real, found.frames, n) for n in begins]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    rolled = scenes["synthetic, three in a row"][:SHOWN, :, 0]
    rows = {f"SYNTHETIC, frame {n + 1}": rolled[:, n] for n in range(known)}
    rows |= {
        f"and forecast, {n} ahead": rolled[:, known - 1 + n] for n in (1, 4, HORIZON)
    }
    draw_sheet(sheet, {name: row[:, None] for name, row in rows.items()})
    return lines


def _moved(real: NDArray[np.float32], scenes: NDArray[np.float32], last: int) -> str:
    """Change of scenes (N, T, C, Y, X) up to a frame, over that of real ones."""
    if not last:
        return ""
    pairs = (some[:, last - 1 : last + 1, 0].astype(float) for some in (real, scenes))
    return f"{motion_ratio(*pairs, 1):.2f}"


if __name__ == "__main__":
    main()
