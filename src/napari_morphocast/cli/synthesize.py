"""What ``morphocast synthesize`` does, once its words are understood."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_morphocast.cli.inputs import (
    check_movie_target,
    check_score_targets,
    hardware_of,
    interruptible,
)
from napari_morphocast.cli.report import bar, say
from napari_morphocast.errors import SettingsError

if TYPE_CHECKING:
    from pathlib import Path

    from napari_morphocast.api.synthesizing import Synthesis
    from napari_morphocast.cli.inputs import Opening
    from napari_morphocast.data.movie import Movie

MOST = 8  # pictures that are drawn


@dataclass(frozen=True, slots=True)
class Wish:
    """How many frames, like which, and how various."""

    count: int
    like: Path | None
    frame: int
    variation: float | None
    refine: int
    seed: int


def make(
    model: Path,
    wish: Wish,
    opening: Opening,
    outputs: tuple[Path, Path | None],
    device: str,
) -> None:
    """Write synthetic frames as a stack that says what they are; maybe draw them."""
    from napari_morphocast import api
    from napari_morphocast.data.io import write_movie

    output, plot = outputs
    check_movie_target(output, model, *filter(None, [wish.like]))
    check_score_targets(None, plot, model, output, *filter(None, [wish.like]))
    if wish.like is None and (wish.refine or wish.frame != -1):
        raise SettingsError("--frame and --refine need --like MOVIE.")
    like = opening.open(wish.like) if wish.like else None
    with interruptible() as stop:
        with bar("refining") as show:
            made = api.synthesize(
                model,
                count=wish.count,
                like=like,
                frame=wish.frame,
                variation=wish.variation,
                refine=wish.refine,
                seed=wish.seed,
                hardware=hardware_of({"device": device}),
                stop=stop,
                progress=lambda share: show(share, ""),
            )
        note = f"SYNTHETIC frames by {model.stem}, seed {made.seed} (napari-morphocast)"
        if like is not None:
            note += f", like frame {made.like} of {like.name}"
        write_movie(
            output,
            iter(made.movie.raw(0, len(made.movie))),
            like=made.movie,
            count=len(made.movie),
            note=note,
        )
        say(f"Wrote {output}: {wish.count} SYNTHETIC image(s), seed {made.seed}.")
        if plot is not None:
            _draw(plot, made, like)


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
