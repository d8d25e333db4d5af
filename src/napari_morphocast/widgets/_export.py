"""Saving forecasts: frames as OME-TIFF with their time and size, errors as CSV."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from napari_morphocast.errors import MorphocastError, MovieError
from napari_morphocast.presenters.export import write_scores
from napari_morphocast.widgets._layers import MAPS, results_in
from napari_morphocast.widgets._movies import movie_from_layer, own_metadata
from napari_morphocast.widgets._saving import where_to

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from napari.components import ViewerModel
    from napari.layers import Image

    from napari_morphocast.widgets._forecast import ForecastDock


class Exporter:
    """Saves the selected forecast of a viewer, or else the newest."""

    def __init__(self, dock: ForecastDock, viewer: ViewerModel) -> None:
        self._dock = dock
        self._viewer = viewer

    def frames(self) -> None:
        """Ask for a file and write the frames of a result layer."""
        self._ask("Save frames", ".ome.tif", "OME-TIFF", self.save_frames)

    def scores(self) -> None:
        """Ask for a file and write the errors of every frame."""
        self._ask("Save errors", ".csv", "Table", self.save_scores)

    def save_frames(self, layer: Image, path: Path) -> None:
        """Write the frames of ``layer`` in another thread."""
        about = own_metadata(layer)
        movie = replace(movie_from_layer(layer), name=about["source"])
        note = f"{_what(about)}, by {about['model']} with Morphocast; not measured"
        self._dock.presenter.save(movie, path, note, about["first"])

    def save_scores(self, layer: Image, path: Path) -> None:
        """Write the errors of every frame of ``layer``."""
        about = own_metadata(layer)
        if not about.get("scores"):
            raise MovieError(
                f"There are no errors for {layer.name!r}, since nobody knows the truth "
                "beyond the end; choose a forecast of known frames."
            )
        write_scores(
            path, about["scores"], name=about["model"], interval=about["interval"]
        )
        self._dock.show_verdict(f"Saved as {path}")

    def _ask(
        self, title: str, ending: str, kind: str, save: Callable[[Image, Path], None]
    ) -> None:
        try:
            layer = self._chosen()
            if path := where_to(self._dock, title, layer.name, kind, ending):
                save(layer, path)
        except MorphocastError as error:
            self._dock.show_error(error.on_screen)

    def _chosen(self) -> Image:
        results = results_in(self._viewer)
        if not results:
            raise MovieError("There is no forecast to save; make one first.")
        active = self._viewer.layers.selection.active
        if active in results:
            return active
        forecasts = [one for one in results if own_metadata(one)["kind"] not in MAPS]
        return (forecasts or results)[-1]


def _what(about: dict[str, Any]) -> str:
    if about["kind"] == "error":
        return "Absolute errors of forecast frames"
    if about["kind"] == "spread":
        return "Expected errors (one standard deviation) of forecast frames"
    if about["kind"] == "prediction":
        if about.get("between"):
            return "Frames filled in between their neighbours"
        return f"Frames forecast {about['lead']} ahead"
    beyond = "" if about["known"] else " beyond the end of the movie"
    return f"Frames forecast one after the other{beyond}"
