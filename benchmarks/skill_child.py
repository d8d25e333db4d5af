"""One run of the skill benchmark: train, score, put to the test, write what came."""

from __future__ import annotations

import shutil
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

from skill_movies import ALL
from stopwatch import count_cpu_time

from napari_morphocast import api
from napari_morphocast.training.config import Hardware, Run

if TYPE_CHECKING:
    from skill_movies import Readable

HORIZON, MEMBERS = 10, 4
RECIPE = Path(__file__).parents[1] / "examples" / "morphogenesis.toml"


def main() -> None:
    """Train, score and write, as the arguments say."""
    movie, model, seed, minutes, device, output = sys.argv[1:]
    if device == "cpu":
        count_cpu_time()
    run = _run(model, int(seed), float(minutes))
    print(_measure(ALL[movie], model, run, device, Path(output)))


def _run(model: str, seed: int, minutes: float) -> Run:
    """Settings of a run: the defaults, or the founding recipe to its own end.

    An ensemble shares the minutes among its members; a start is not trained at all.
    """
    if model == "start":
        return Run.make(seed=seed)
    if model == "recipe":
        return Run.read(RECIPE, seed=seed)
    if model == "ensemble":
        return Run.make(seed=seed, minutes=minutes, members=MEMBERS)
    return Run.make(model, seed=seed, minutes=minutes)


def _measure(source: Readable, model: str, run: Run, device: str, output: Path) -> str:
    movie, noise = source.read(), source.noise
    hardware, stop = Hardware(device=device), threading.Event()
    if model == "start":
        stop.set()
    kept = output.with_suffix(".morphocast")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{model}.morphocast"
        began = time.process_time() if device == "cpu" else time.monotonic()
        if kept.exists():
            shutil.copyfile(kept, path)
        else:
            for _ in api.train(movie, path, run, hardware=hardware, stop=stop):
                pass
            shutil.copyfile(path, kept)
        took = (time.process_time() if device == "cpu" else time.monotonic()) - began
        scores = api.evaluate(
            movie, [path], horizon=HORIZON, noise=noise, hardware=hardware
        )
        tested = api.controls(movie, path, horizon=HORIZON, hardware=hardware)
    output.with_suffix(".txt").write_text(tested.verdict + "\n", encoding="utf-8")
    scores.save(output, [tested])
    return f"{took / 60:.1f} minutes; {tested.verdict}"


if __name__ == "__main__":
    main()
