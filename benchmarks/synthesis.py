"""How like real frames are synthetic ones: ours, the thesis' Cell-GAN and its VAE.

    python benchmarks/synthesis.py [--minutes 10] [--movies yeast,hela] [--device cpu]
                                   [--models cell_gan,thesis,vae] [-o FOLDER]

Every model learns from the first four fifths of the same movie for the same minutes; on
a CPU they are those of one core, so that a busy machine does not change the ranking.
Made frames are compared with the last fifth. ``thesis`` is the Cell-GAN as written: no
layouts, no adaptive augmentation, a non-saturating loss with path length and CutMix,
noise, one style for all layers, an encoder that knows L1 and codes alone, an R1
weight of 10, Padé activations. Every model is kept in FOLDER with what was found and a
contact sheet; what is there is not run again. ``full`` is the thesis' network in its
own size (``width = 1``), for a GPU.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from pytorch_optimizer import AdamP
from skill_movies import REAL
from stopwatch import count_cpu_time
from table import machine

import napari_morphocast
from napari_morphocast import api, read_movie
from napari_morphocast.api.synthesizing import nearest
from napari_morphocast.data.finite import read_finite
from napari_morphocast.data.simulate import simulate
from napari_morphocast.data.windows import Window
from napari_morphocast.evaluation.figures import draw_sheet
from napari_morphocast.evaluation.judgement import GUIDED, REFINED
from napari_morphocast.training.config import Hardware, Run
from napari_morphocast.training.descent import GAME_BETAS
from napari_morphocast.training.events import BatchDone
from napari_morphocast.training.synthesizer import TrainedSynthesizer, middle

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_morphocast.data.movie import Movie
    from napari_morphocast.evaluation.judgement import Judged

HERE = Path(__file__).parent
FRAMES, SIDE = 1500, 64  # of the simulated movie
REFINE, SHOWN = 50, 8
WRITTEN = {
    "latent": 512,
    "depth": 8,
    "adapt": 0,
    "layout": "shared",
    "guide": "one style",
    "likeness": 0,
    "codes": 1,
    "r1": 10,
    "critic": 1,
    "path": 2,
    "cutmix": 1,
    "noise": True,
    "loss": "non-saturating",
}
TURNED: dict[str, dict[str, dict[str, Any]]] = {  # nuclei have no right way up
    "hela": {"cell_gan": {"turns": True}, "vae": {"flips": True}}
}
MODELS: dict[str, tuple[str, dict[str, Any]]] = {
    "cell_gan": ("cell_gan", {"side": SIDE}),
    "thesis": ("cell_gan", {"side": SIDE, **WRITTEN, "activation": "pade"}),
    "vae": ("vae", {"side": SIDE}),
    "full": ("cell_gan", {"side": SIDE, **WRITTEN, "activation": "pade", "width": 1}),
}
USUAL = "cell_gan,thesis,vae"
MEASURES = (
    "kernel distance",
    "Fréchet distance",
    "Fréchet distance, untrained",
    "precision",
    "recall",
    "nearest learned / unseen",
    "grey levels apart",
    "fine detail, made / real",
    "cells' count apart",
    "cells' area apart",
)
HEAD = f"| model | frames | {' | '.join(MEASURES)} | guided / random |"
ROUNDS, STEPS = 5, 8  # of the comparison with a plain loop


def main() -> None:
    """Train and judge what is missing, then print the table."""
    given = _arguments()
    if given.device == "cpu":
        count_cpu_time()
    given.output.mkdir(parents=True, exist_ok=True)
    command = f"synthesis.py --minutes {given.minutes:g} --device {given.device}"
    lines = machine(torch.device(given.device), command)
    for name in given.movies.split(","):
        movie = MOVIES[name]()
        if movie is None:
            print(f"{name} is left out: its file is not here.", file=sys.stderr)
            continue
        lines += [f"\n**{name}**\n", HEAD, "|---" * HEAD.count(" | ") + "|---|"]
        lines += [_row(movie, name, model, given) for model in given.models.split(",")]
    lines += [
        "",
        _kept(given.output / f"speeds-{given.device}.md", lambda: speeds(given.device)),
    ]
    text = "\n".join(lines) + "\n"
    (given.output / "table.md").write_text(text, encoding="utf-8")
    print(text)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--movies", default="yeast,hela")
    parser.add_argument("--models", default=USUAL)
    parser.add_argument("--device", default="cpu")
    parser.add_argument(
        "-o", "--output", type=Path, default=HERE / "results" / "synthesis"
    )
    return parser.parse_args()


def _kept(path: Path, make: Callable[[], list[str]]) -> str:
    """What a file says; if it is not there, it is made first."""
    if not path.exists():
        path.write_text("\n".join(make()), encoding="utf-8")
    return path.read_text(encoding="utf-8")


def _row(movie: Movie, name: str, model: str, given: argparse.Namespace) -> str:
    """One line for each kind of frames, the floor of real ones first."""

    def make() -> list[str]:
        path = _trained(movie, name, model, given)
        _draw(movie, path, path.with_suffix(".png"))
        hardware = Hardware(device=given.device)
        judged = api.judge(movie, path, refine=REFINE, hardware=hardware)
        lines = [_line(model, who, judged) for who in judged.kinds]
        if GUIDED not in judged.kinds:
            why = "none: it collapsed or diverged before its encoder learned"
            lines += [f"| {model} | {GUIDED}: {why} |" + " |" * (len(MEASURES) + 1)]
        return lines

    return _kept(_cell(name, model, given).with_suffix(".md"), make)


def _cell(name: str, model: str, given: argparse.Namespace) -> Path:
    """Where a model is kept: what else was asked for is another one."""
    folder: Path = given.output
    return folder / f"{name}-{model}-{given.minutes:g}-{given.device}.morphocast"


def _line(model: str, who: str, judged: Judged) -> str:
    cells = [f"{judged.of(who, measure):.3g}" for measure in MEASURES]
    ratio = f"{judged.ratio(who):.2f}" if who in (GUIDED, REFINED) else ""
    return f"| {model} | {who} | {' | '.join(cells)} | {ratio} |"


def _yeast() -> Movie:
    return simulate("yeast", frames=FRAMES, size=(SIDE, SIDE), seed=5, noise=0.02).movie


def _hela() -> Movie | None:
    path = REAL / "hela-nuclei-mitocheck.ome.tif"
    return read_movie(path) if path.exists() else None


MOVIES: dict[str, Callable[[], Movie | None]] = {"yeast": _yeast, "hela": _hela}


def _trained(movie: Movie, name: str, model: str, given: argparse.Namespace) -> Path:
    """Train a model, or take the one that is there."""
    path = _cell(name, model, given)
    if not path.exists():
        kind, settings = MODELS[model]
        turned = TURNED.get(name, {}).get(model, {})
        run = Run.make(kind, minutes=given.minutes, **settings, **turned)
        with tempfile.TemporaryDirectory() as folder:
            made = Path(folder) / path.name
            for _ in api.train(
                movie, made, run, hardware=Hardware(device=given.device)
            ):
                pass
            shutil.copy(made, path)
    return path


def _draw(movie: Movie, model: Path, output: Path) -> None:
    """Real frames, made ones, and those made like the real ones."""
    trained = TrainedSynthesizer.read(model)
    first = round(len(movie) * trained.checkpoint.training.until)
    step = (len(movie) - first) // SHOWN
    real = [read_finite(movie, n, n + 1) for n in range(first, len(movie), step)]
    real = real[:SHOWN]
    rows: dict[str, Any] = {
        "real frames that no model has seen": [
            middle(frame, trained.plane)[0] for frame in real
        ],
        "SYNTHETIC, at random": list(trained.sample(SHOWN, 0)[:, 0]),
    }
    for steps in (0, REFINE) if trained.guided else ():
        codes = [trained.refine(one, trained.encode(one), steps) for one in real]
        title = "SYNTHETIC, like the real ones" + ", refined" * bool(steps)
        rows[title] = [trained.decode(code)[0, 0] for code in codes]
    draw_sheet(output, {k: np.stack(v) for k, v in rows.items()}, rgb=movie.rgb)


def speeds(device: str) -> list[str]:
    """Images per second in training, beside a plain loop, and in sampling."""
    rounds = [_round(device) for _ in range(ROUNDS)]
    ours, plain, made = (sorted(column) for column in zip(*rounds, strict=True))
    ratios = sorted(one / other for one, other, _ in rounds)
    half = ROUNDS // 2
    return [
        "| images per second | median | of a plain loop (lowest to highest) |",
        "|---|---|---|",
        f"| training, ours | {ours[half]:.1f} | {ratios[half]:.2f} "
        f"({ratios[0]:.2f} to {ratios[-1]:.2f}) |",
        f"| training, plain loop | {plain[half]:.1f} | |",
        f"| sampling | {made[half]:.1f} | |",
        "",
        _pressed(device),
    ]


def _pressed(device: str) -> str:
    """What pressing "Like frame" costs once more: seconds with the sample model."""
    samples = Path(napari_morphocast.__file__).parent / "sample_data"
    trained = TrainedSynthesizer.read(samples / "yeast.morphocast")
    movie, found = read_movie(samples / "yeast.ome.tif"), []
    for frame in range(40, 41 + ROUNDS):
        began = _now(device)
        made = api.synthesize(
            trained, like=movie, frame=frame, hardware=Hardware(device=device)
        )
        nearest(movie, made, len(movie))
        found.append(_now(device) - began)
    _, *again = found
    again.sort()
    return (
        "Eight frames like another one of the sample movie, and the real ones nearest "
        f"to them: {again[ROUNDS // 2]:.2f} s ({again[0]:.2f} to {again[-1]:.2f})."
    )


def _round(device: str) -> tuple[float, float, float]:
    """Images per second: our loop, the same losses in a plain loop, samples."""
    movie = simulate("yeast", frames=160, size=(SIDE, SIDE), seed=1, noise=0.02).movie
    run = Run.make("cell_gan", side=SIDE, epochs=4, batches=STEPS)
    path = Path(tempfile.mkdtemp()) / "cells.morphocast"
    ticks = [
        event.seconds
        for event in api.train(movie, path, run, hardware=Hardware(device=device))
        if isinstance(event, BatchDone) and event.epoch <= 3
    ]
    ours = run.training.batch * (STEPS - 1) / (ticks[STEPS - 1] - ticks[0])
    trained = TrainedSynthesizer.read(path).to(torch.device(device))
    plain = run.training.batch / _plain(trained, movie, run, device)
    began = _now(device)
    trained.sample(32, 0)
    return ours, plain, 32 / (_now(device) - began)


def _plain(trained: TrainedSynthesizer, movie: Movie, run: Run, device: str) -> float:
    """Seconds per batch of losses and optimisers alone: no feed, average, or file."""
    model = trained.model.train().requires_grad_()
    stage = model.stages()[0]
    optimizers = {
        objective.module: AdamP(objective.module.parameters(), betas=GAME_BETAS)
        for objective in stage.objectives
    }
    scaled = trained.checkpoint.scaling.apply(movie.read(0, 2 * run.training.batch))
    frames = torch.from_numpy(scaled).to(device)[:, None]
    batch = Window(*frames.split(run.training.batch))
    began = _now(device)
    for number in range(STEPS - 1):
        for objective in stage.objectives:
            if (number + 1) % objective.every == 0:
                optimizer = optimizers[objective.module]
                optimizer.zero_grad()
                parameters = list(objective.module.parameters())
                objective.loss(batch).backward(inputs=parameters)
                optimizer.step()
    return (_now(device) - began) / (STEPS - 1)


def _now(device: str) -> float:
    if device == "cpu":
        return time.process_time()
    torch.cuda.synchronize()
    return time.monotonic()


if __name__ == "__main__":
    main()
