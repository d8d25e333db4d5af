"""What ``morphocast synthesize`` does, once its words are understood."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_morphocast.cli.inputs import (
    check_movie_target,
    check_score_targets,
    hardware_of,
    interruptible,
    those_given,
)
from napari_morphocast.cli.report import bar, say, warn
from napari_morphocast.errors import SettingsError

if TYPE_CHECKING:
    import threading
    from collections.abc import Sized
    from pathlib import Path

    from napari_morphocast.api.imagining import Imagined
    from napari_morphocast.api.synthesizing import Synthesis
    from napari_morphocast.cli.inputs import Opening
    from napari_morphocast.data.movie import Movie

MOST = 8  # pictures that are drawn


@dataclass(frozen=True, slots=True)
class Wish:
    """How many frames, like which, how various, and what is to become of them."""

    count: int
    like: Path | None
    frame: int
    variation: float | None
    refine: int | None
    seed: int
    forecaster: str | None = None
    horizon: int = 12


def make(
    model: Path,
    wish: Wish,
    opening: Opening,
    outputs: tuple[Path, Path | None],
    device: str,
) -> None:
    """Write synthetic frames as a stack that says what they are; maybe draw them."""
    from napari_morphocast import api
    from napari_morphocast.api.imagining import check_forecaster
    from napari_morphocast.data.io import write_movie

    output, plot = outputs
    check_movie_target(output, model, *those_given(wish.like))
    check_score_targets(None, plot, model, output, *those_given(wish.like))
    if wish.like is None and (wish.refine is not None or wish.frame != -1):
        raise SettingsError("--frame and --refine need --like MOVIE.")
    like = opening.open(wish.like) if wish.like else None
    if wish.forecaster is not None:
        check_forecaster(wish.forecaster, like)
    with interruptible() as stop:
        with bar("refining") as show:
            made = api.synthesize(
                model,
                count=wish.count,
                like=like,
                frame=wish.frame,
                variation=wish.variation,
                **({} if wish.refine is None else {"refine": wish.refine}),
                seed=wish.seed,
                hardware=hardware_of({"device": device}),
                stop=stop,
                progress=lambda share: show(share, ""),
            )
        note = f"SYNTHETIC frames by {model.stem}, seed {made.seed} (napari-morphocast)"
        if like is not None:
            note += f", like frame {made.like} of {like.name}"
        movie, what = made.movie, _counted(made.frames, wish)
        if wish.forecaster is not None:
            imagined, more = _rolled_out(made, wish, like, stop, device)
            movie, what = imagined.movie, f"{_counted(imagined.frames, wish)}, {more}"
            note = f"{note}, {more}"
        write_movie(
            output,
            iter(movie.raw(0, len(movie))),
            like=movie,
            count=len(movie),
            note=note,
        )
        say(f"Wrote {output}: {what}, seed {made.seed}.")
        if plot is not None:
            _draw(plot, made, like)


def _rolled_out(
    made: Synthesis,
    wish: Wish,
    like: Movie | None,
    stop: threading.Event,
    device: str,
) -> tuple[Imagined, str]:
    """What becomes of synthetic frames, and what that is called."""
    from napari_morphocast import api

    assert wish.forecaster is not None
    trained = api.load(wish.forecaster, like or made.movie)
    warn(trained.misfits(made.movie))
    with bar("rolling out") as show:
        imagined = api.imagine(
            made,
            trained,
            like=like,
            horizon=wish.horizon,
            hardware=hardware_of({"device": device}),
            stop=stop,
            progress=lambda share: show(share, ""),
        )
    first = imagined.known
    return imagined, f"FORECAST by {trained.name} from frame {first} on"


def _counted(images: Sized, wish: Wish) -> str:
    """How many images there are; of how many, if somebody stopped."""
    few = f" of {wish.count}" * (len(images) < wish.count)
    return f"{len(images)}{few} SYNTHETIC image(s)"


def _draw(path: Path, made: Synthesis, like: Movie | None) -> None:
    """Draw the last of each image's frames, below the one that they are like."""
    from napari_morphocast.evaluation.figures import draw_sheet
    from napari_morphocast.training.synthesizer import middle

    shown = made.frames[:MOST, -1]
    rows = {f"SYNTHETIC, seed {made.seed}": shown}
    if like is not None and made.like is not None:
        frame = middle(like.raw(made.like, made.like + 1), shown.shape[-2:])
        rows = {f"frame {made.like} of {like.name}": frame, **rows}
    draw_sheet(path, rows, rgb=made.movie.rgb)
    say(f"Wrote {path}.")
