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
    frame: int | None
    variation: float | None
    refine: int | None
    seed: int
    forecaster: str | None = None
    horizon: int | None = None


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
    from napari_morphocast.api.synthesizing import synthesizer
    from napari_morphocast.data.io import write_movie

    output, plot = outputs
    check_movie_target(output, model, *those_given(wish.like))
    check_score_targets(None, plot, model, output, *those_given(wish.like))
    _check(wish, opening)
    trained = synthesizer(model)
    like = opening.open(wish.like) if wish.like else None
    if like is not None:
        warn([*trained.misfits(like), *trained.imitated(like)])
    if wish.forecaster is not None:
        check_forecaster(wish.forecaster, like)
    with interruptible() as stop:
        with bar("refining") as show:
            made = api.synthesize(
                trained,
                count=wish.count,
                like=like,
                frame=-1 if wish.frame is None else wish.frame,
                variation=wish.variation,
                **({} if wish.refine is None else {"refine": wish.refine}),
                seed=wish.seed,
                hardware=hardware_of({"device": device}),
                stop=stop,
                progress=lambda share: show(share, ""),
            )
        note, imagined = f"{made.note} (napari-morphocast)", None
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
            _draw(plot, made, like, imagined)


def _check(wish: Wish, opening: Opening) -> None:
    """Refuse options that would do nothing."""
    of_a_guide = {
        "--frame": wish.frame is not None,
        "--refine": wish.refine is not None,
        "--axes": opening.axes is not None,
        "--channel": opening.channel is not None,
        "--z": opening.z is not None,
        "--fill-nan": opening.fill_nan,
    }
    useless = [name for name, given in of_a_guide.items() if given]
    if useless and wish.like is None:
        raise SettingsError(f"{useless[0]} needs --like MOVIE; leave it out.")
    if wish.forecaster is None and wish.horizon is not None:
        raise SettingsError("--horizon needs --rollout FORECASTER; leave it out.")


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
            **({} if wish.horizon is None else {"horizon": wish.horizon}),
            hardware=hardware_of({"device": device}),
            stop=stop,
            progress=lambda share: show(share, ""),
        )
    first = imagined.known
    return imagined, f"FORECAST by {trained.name} from frame {first} on"


def _counted(images: Sized, wish: Wish) -> str:
    """How many images there are; of how many, if somebody stopped."""
    few = f" of {wish.count}" * (len(images) < wish.count)
    return f"{len(images)}{few} SYNTHETIC image" + "s" * (wish.count > 1)


def _draw(
    path: Path, made: Synthesis, like: Movie | None, imagined: Imagined | None
) -> None:
    """Draw the last of each image's frames, what they are like, what becomes of it."""
    from napari_morphocast.evaluation.figures import draw_sheet
    from napari_morphocast.training.synthesizer import middle

    shown = made.frames[:MOST, -1]
    rows = {f"SYNTHETIC, seed {made.seed}": shown}
    if like is not None and made.like is not None:
        frame = middle(like.raw(made.like, made.like + 1), shown.shape[-2:])
        rows = {f"frame {made.like} of {like.name}": frame, **rows}
    if imagined is not None:
        scenes, known = imagined.frames[:MOST], imagined.known
        last = scenes.shape[1] - known
        for lead in sorted({1, (last + 1) // 2, last}):
            rows[f"SYNTHETIC, forecast {lead} ahead"] = scenes[:, known - 1 + lead]
    draw_sheet(path, rows, rgb=made.movie.rgb)
    say(f"Wrote {path}.")
