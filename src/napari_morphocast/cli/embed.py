"""What ``morphocast embed`` does, once its words are understood."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_morphocast.cli.inputs import check_file, hardware_of, interruptible
from napari_morphocast.cli.report import bar, say, warn
from napari_morphocast.errors import ForecastError, SettingsError

if TYPE_CHECKING:
    import threading
    from collections.abc import Sequence
    from pathlib import Path

    from napari_morphocast.cli.inputs import Opening
    from napari_morphocast.evaluation.embedded import Embedded
    from napari_morphocast.evaluation.projection import Projected


@dataclass(frozen=True, slots=True)
class Looking:
    """What becomes a point, and how points are laid out."""

    window: int
    crop: int | None
    projections: tuple[str, ...]
    seed: int


def embed(
    path: Path,
    opening: Opening,
    model: str,
    how: Looking,
    outputs: tuple[Path, Path | None],
    device: str,
) -> None:
    """Write the codes of frames or cells as a table; maybe draw them."""
    from napari_morphocast.evaluation.embedding_figure import draw
    from napari_morphocast.evaluation.projection import require

    table, plot = outputs
    check_file(table, (".csv",), "the codes", path, model, *opening.labels)
    check_file(plot, (".png",), "the picture", path, model, *opening.labels)
    if how.crop is not None and not opening.labels:
        raise SettingsError("--crop needs --labels MASKS, which say where cells are.")
    kinds = list(dict.fromkeys(how.projections))
    for kind in kinds:
        require(kind)
    with interruptible() as stop:
        embedded = _embedded(path, opening, model, how, stop, device)
        if not len(embedded):
            raise ForecastError("There is not one frame or cell to make a point of.")
        warn(embedded.notes)
        embedded.to_csv(table, {})  # whatever becomes of the planes
        what = "crops around cells" if embedded.of_cells else "frames"
        size = embedded.codes.shape[1]
        say(f"Wrote {table}: {len(embedded)} {what}, codes of {size} numbers.")
        maps = _maps(embedded, kinds, how.seed)
        embedded.to_csv(table, {one.kind: one.points for one in maps})
        if plot is not None:
            draw(plot, embedded, maps)
            say(f"Wrote {plot}.")


def _embedded(
    path: Path,
    opening: Opening,
    model: str,
    how: Looking,
    stop: threading.Event,
    device: str,
) -> Embedded:
    from napari_morphocast import api
    from napari_morphocast.data.labels import read_labels

    movie = opening.open(path)
    cells = [read_labels(file) for file in opening.labels if how.crop != 0]
    trained = api.load(model, movie)
    warn(trained.misfits(movie))
    with bar("encoding") as show:
        return api.embed(
            movie,
            trained,
            window=how.window,
            labels=next(iter(cells), None),
            crop=how.crop,
            hardware=hardware_of({"device": device}),
            stop=stop,
            progress=show,
        )


def _maps(embedded: Embedded, kinds: Sequence[str], seed: int) -> list[Projected]:
    from napari_morphocast.evaluation.projection import project

    maps = []
    with bar("laying out") as show:
        for done, kind in enumerate(kinds):
            show(done / len(kinds))
            maps.append(project(embedded.codes, kind, seed))
    return maps
