"""What ``morphocast surprise`` does, once its words are understood."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from napari_morphocast.cli.inputs import (
    check_file,
    check_movie_target,
    hardware_of,
    interruptible,
)
from napari_morphocast.cli.report import bar, say, warn

if TYPE_CHECKING:
    from pathlib import Path

    from napari_morphocast.cli.inputs import Opening
    from napari_morphocast.evaluation.surprise import Region

SHOWN = 10  # regions printed; a table has them all


@dataclass(frozen=True, slots=True)
class Search:
    """How far ahead forecasts look, and what counts as a surprise."""

    lead: int
    alarms: float
    until: float
    blur: float


def find(
    path: Path,
    opening: Opening,
    model: str,
    how: Search,
    outputs: tuple[Path, Path | None],
    device: str,
) -> None:
    """Write a map of surprise, and a table of what surprises most."""
    from napari_morphocast import api
    from napari_morphocast.data.io import write_movie

    maps, table = outputs
    check_movie_target(maps, path, model, *opening.labels)
    check_file(table, (".csv",), "the regions", path, model, *opening.labels)
    movie = opening.open(path)
    with interruptible() as stop:
        with bar("forecasting") as show:
            found = api.surprise(
                movie,
                model,
                lead=how.lead,
                alarms=how.alarms,
                until=how.until,
                blur=how.blur,
                hardware=hardware_of({"device": device}),
                stop=stop,
                progress=show,
            )
        movie = movie.pictures  # nothing is said of a segmentation
        if opening.channel is not None:
            regions = (replace(r, channel=opening.channel) for r in found.regions)
            found = replace(found, regions=tuple(regions))
        write_movie(
            maps,
            iter(found.maps),
            like=replace(movie, rgb=False, channels=()) if movie.rgb else movie,
            count=len(found.maps),
            note="SURPRISE: error in units of the usual error (napari-morphocast)",
            first=found.first,
        )
        say(f"Wrote {maps}: frames {found.first} to {len(movie) - 1}.")
        if table is not None:
            found.to_csv(table)
            say(f"Wrote {table}: {len(found.regions)} regions.")
    say(found.sentence())
    warn(found.notes)
    several = movie.shape[1] > 1 or opening.channel is not None
    for region in found.regions[:SHOWN]:
        say(_line(region, channel=several and not movie.rgb))
    more = len(found.regions) - SHOWN
    if more > 0:
        where = table or "--events FILE"
        say(f"  and {more} more, weaker: {where} lists them all.")


def _line(region: Region, *, channel: bool) -> str:
    which = f"  channel {region.channel}" * channel
    return (
        f"  frame {region.frame}{which}  y {region.y:.0f}  x {region.x:.0f}  "
        f"{region.size} px  {region.strength:.0f} times the usual error"
    )
