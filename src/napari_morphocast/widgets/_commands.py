"""Commands for napari's menus and command palette."""

from __future__ import annotations

from napari.viewer import Viewer  # noqa: TC002  (napari reads the annotations)

from napari_morphocast.widgets._side_by_side import (
    is_side_by_side,
    show_as_before,
    show_side_by_side,
)
from napari_morphocast.widgets._viewers import real_viewer

PLUGIN = "napari-morphocast"
NO_MOVIE = "“{}” is a result whose movie is not here: select a movie to forecast."


def forecast_layer(viewer: Viewer) -> None:
    """Forecast the selected movie with the model chosen in the Forecast dock.

    Of a result it is the movie that it was made from.
    """
    from napari.layers import Image

    from napari_morphocast.widgets._layers import is_of

    _, dock = viewer.window.add_plugin_dock_widget(PLUGIN, "Forecast")
    layers, choose = real_viewer(viewer).layers, dock.form.picker.choose
    active = layers.selection.active
    if isinstance(active, Image):
        movies = [active, *(one for one in layers if is_of(active, one))]
        if not any(choose(one) for one in movies):
            dock.show_error(NO_MOVIE.format(active.name))
            return
    dock.presenter.refresh()
    dock.presenter.predict()


def compare(viewer: Viewer) -> None:
    """Show movie, forecast and error side by side, or go back."""
    from napari.utils.notifications import show_info

    from napari_morphocast.errors import MorphocastError

    try:
        if is_side_by_side(viewer):
            show_as_before(viewer)
        else:
            show_side_by_side(viewer)
    except MorphocastError as error:
        show_info(error.on_screen)


def open_movie(viewer: Viewer) -> None:
    """Ask for a movie and open it with its true axes, time step and pixel size."""
    from pathlib import Path

    from napari.utils.notifications import show_error
    from qtpy.QtWidgets import QApplication, QFileDialog

    from napari_morphocast.errors import MorphocastError
    from napari_morphocast.widgets._open_movie import FILES, open_with_questions

    window = QApplication.activeWindow()
    path, _ = QFileDialog.getOpenFileName(window, "Open movie", "", FILES)
    if not path:
        return
    try:
        open_with_questions(real_viewer(viewer), Path(path), window)
    except MorphocastError as error:
        show_error(error.on_screen)
