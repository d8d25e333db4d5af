"""``morphocast demo``: everything once, on the sample movie, with pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_morphocast.cli.inputs import (
    Opening,
    Settings,
    hardware_of,
    interruptible,
)
from napari_morphocast.cli.report import bar, describe, follow, say, warn
from napari_morphocast.cli.synthesize import Wish, make
from napari_morphocast.errors import SettingsError
from napari_morphocast.presenters.model_files import SAMPLE_MAKER, SAMPLES

if TYPE_CHECKING:
    import threading
    from pathlib import Path

    from napari_morphocast.data.movie import Movie
    from napari_morphocast.evaluation.scores import Scores
    from napari_morphocast.training.config import Hardware

SAMPLE, YEAST = SAMPLES / "tissue.ome.tif", SAMPLES / "yeast.ome.tif"
HORIZON = 10  # frames, for scores
BEYOND = 12  # frames past the end of the movie
SHOWN_LEAD = 3  # frames ahead, in the picture of one forecast
SYNTHETIC = 8  # frames like the last one of the yeast sample


def run_demo(folder: Path, minutes: float, device: str) -> None:
    """Train on the sample movie, score, roll out, and draw all of it."""
    from napari_morphocast import api
    from napari_morphocast.data.io import read_movie

    _make(folder)
    movie = read_movie(SAMPLE)
    hardware = hardware_of({"device": device})
    run = Settings(minutes=minutes).run()
    say(describe(movie))
    model = folder / "demo.morphocast"
    model.unlink(missing_ok=True)  # of an earlier demo
    with interruptible() as stop:
        follow(api.train(movie, model, run, hardware=hardware, stop=stop))
        if stop.is_set():
            return
        scores = _score(movie, folder, hardware, stop)
        if stop.is_set():
            return
        _roll_out(movie, folder, hardware)
        make(SAMPLE_MAKER, _wish(), Opening(), _synthetic(folder), device)
    warn(scores.notes)
    say(f"\n{scores.table()}\n")
    for reference in ("persistence", api.hardest(scores, "demo")):
        say(f"The trained model {scores.verdict('demo', reference=reference)}.")
    _say_where(folder)


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsError(
            f"Cannot make the folder {folder} ({error.strerror}); give another with -o."
        ) from None


def _score(
    movie: Movie, folder: Path, hardware: Hardware, stop: threading.Event
) -> Scores:
    """Score the model on the frames it has not seen."""
    from napari_morphocast import api

    with bar("scoring") as show:
        scores = api.evaluate(
            movie,
            [folder / "demo.morphocast"],
            horizon=HORIZON,
            hardware=hardware,
            stop=stop,
            progress=show,
        )
    scores.save(folder / "scores.csv")
    scores.plot(folder / "scores.png")
    return scores


def _roll_out(movie: Movie, folder: Path, hardware: Hardware) -> None:
    """Forecast past the end as a movie, and against the last frames as pictures."""
    from napari_morphocast import api
    from napari_morphocast.data.io import write_movie
    from napari_morphocast.evaluation.figures import draw_forecast, draw_rollout

    model = api.load(folder / "demo.morphocast")
    ahead = api.rollout(movie, model, horizon=BEYOND, hardware=hardware)
    note = "FORECAST by demo.morphocast, rollout (napari-morphocast)"
    write_movie(
        folder / "rollout.ome.tif",
        ahead.frames,
        like=movie,
        count=ahead.count,
        note=note,
        first=ahead.first,
    )
    start = len(movie) - BEYOND
    seen = api.rollout(movie, model, horizon=2 * BEYOND, start=start, hardware=hardware)
    frames = list(seen.frames)
    known = movie.raw(start - model.context, start)
    truth = movie.raw(start, len(movie))
    draw_forecast(
        folder / "forecast.png",
        known[-1],
        truth[SHOWN_LEAD - 1],
        frames[SHOWN_LEAD - 1],
        lead=SHOWN_LEAD,
        interval=movie.interval,
        rgb=movie.rgb,
    )
    draw_rollout(
        folder / "rollout.gif",
        known,
        truth,
        frames,
        interval=movie.interval,
        rgb=movie.rgb,
    )


def _wish() -> Wish:
    """Frames like the last one of a sample movie, by a sample model."""
    return Wish(SYNTHETIC, YEAST, frame=-1, variation=None, refine=None, seed=0)


def _synthetic(folder: Path) -> tuple[Path, Path]:
    return folder / "synthetic.ome.tif", folder / "synthetic.png"


def _say_where(folder: Path) -> None:
    kinds = {
        "demo.morphocast": "the trained model",
        "scores.csv": "skill by lead, with intervals",
        "scores.png": "the same, drawn",
        "forecast.png": f"last frame, truth, forecast {SHOWN_LEAD} frames ahead, error",
        "rollout.gif": "truth beside a rollout; orange where it is foretold",
        "rollout.ome.tif": f"{BEYOND} frames past the end of the movie",
        "synthetic.ome.tif": f"{SYNTHETIC} SYNTHETIC frames like a real one of yeast",
        "synthetic.png": "the same, below that frame",
    }
    say()
    for name, text in kinds.items():
        say(f"{folder / name}: {text}")
    say(
        "\nTo see them in napari: open the tissue sample (File > Open Sample), then "
        "Plugins > Morphocast > Forecast, with the model above."
    )
