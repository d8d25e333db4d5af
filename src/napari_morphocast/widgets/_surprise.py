"""Surprises as a layer, as rings, and as a list that leads to them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from napari.utils.colormaps import Colormap
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QListWidget, QListWidgetItem

from napari_morphocast.widgets._movies import KEY
from napari_morphocast.widgets._viewers import look_at

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari.components import ViewerModel
    from napari.layers import Image, Layer, Points

    from napari_morphocast.evaluation.surprise import Region
    from napari_morphocast.presenters.forecasting import Result
    from napari_morphocast.presenters.surprise import Found
    from napari_morphocast.widgets._layers import Source

LISTED = 200  # regions; the weaker ones are on the map
RING = 24.0  # pixels across
BRIGHTEST = 5.0  # times the threshold
CLEAR = 0.0, 0.0, 0.0, 0.0
GLOW = Colormap(
    [[0.75, 0.0, 0.35, 0.75], [1.0, 0.45, 0.0, 0.9], [1.0, 1.0, 0.5, 1.0]],
    name="surprise",
    low_color=CLEAR,
)


def add_surprise(
    viewer: ViewerModel, source: Source, found: Found, channel: int | None
) -> Image:
    """Add the map, clear below the threshold; of one channel, or of all for None."""
    surprise = found.surprise
    pick = slice(None) if channel is None else slice(channel, channel + 1)
    maps = found.surprise.maps[:, pick]
    order = found.result.begun.order
    which = "between" if found.result.begun.between else f"+{order.frames}"
    about = {
        "kind": "surprise",
        "lead": order.frames,
        "first": surprise.first,
        "model": order.label,
        "source": source.name,
        "threshold": surprise.threshold,
        "alarms": surprise.rate.value,
        "axes": source.letters,
    }
    return viewer.add_image(
        source.arranged(maps, colour=False),
        name=f"surprise {which} · {source.name}",
        metadata={KEY: about},
        colormap=GLOW,
        contrast_limits=(surprise.threshold, BRIGHTEST * surprise.threshold),
        blending="translucent",
        opacity=0.7,
        **source.place(surprise.first, maps.shape[1]),
    )


def add_rings(viewer: ViewerModel, source: Source, found: Found) -> Points:
    """Add a ring around every region, with its rank, strength and size."""
    some = found.surprise.regions[:LISTED]
    places = [coordinates(source, region) for region in some]
    return viewer.add_points(
        np.array(places).reshape(len(some), len(source.letters)),
        name=f"surprises · {source.name}",
        features={
            "rank": np.arange(1, len(some) + 1),
            "frame": [region.frame for region in some],
            "strength": [region.strength for region in some],
            "size": [region.size for region in some],
        },
        metadata={KEY: {"kind": "surprises", "source": source.name}},
        size=RING,
        face_color="transparent",
        border_color="#4de1ff",
        border_width=0.06,
        **source.place(0, found.surprise.maps.shape[1]),
    )


def coordinates(source: Source, region: Region) -> list[float]:
    """Where a region is in the movie, along the axes of ``source``."""
    at = {
        "T": region.frame,
        "C": region.channel,
        "Y": region.y,
        "X": region.x,
    }
    return [float(at.get(letter, 0)) for letter in source.letters]


class SurpriseList(QListWidget):
    """The regions, the most surprising first; the viewer goes where one is chosen."""

    def __init__(self, viewer: ViewerModel) -> None:
        super().__init__()
        self._viewer = viewer
        self._rings: Points | None = None
        self._added: dict[Layer, str] = {}  # and what it was called
        self._result: Result | None = None
        self.setMaximumHeight(170)
        self.setToolTip(
            "<p>What surprised the model most. Click one, or go through them with the "
            "arrow keys: the viewer moves to its frame and place.</p>"
        )
        self.currentRowChanged.connect(self._go)
        self.hide()

    def show_found(self, sources: Sequence[Source], found: Found) -> None:
        """Add map and rings to the viewer, and list what was found.

        They take the place of those of the same forecast, except where a layer has
        been renamed. A segmentation, the last of the sources, surprises nobody.
        """
        sources = sources[: found.surprise.maps.shape[1]]
        before = self._added if found.result is self._result else {}
        for layer, name in before.items():
            if layer in self._viewer.layers and layer.name == name:
                self._viewer.layers.remove(layer)
        several = len(sources) > 1
        maps = [
            add_surprise(self._viewer, source, found, number if several else None)
            for number, source in enumerate(sources)
        ]
        self._rings = add_rings(self._viewer, sources[0], found)
        self._added = {layer: layer.name for layer in (*maps, self._rings)}
        self._result = found.result
        self.clear()
        for rank, region in enumerate(found.surprise.regions[:LISTED], 1):
            item = QListWidgetItem(
                _line(rank, region, found.surprise.maps.shape[1] > 1)
            )
            item.setData(Qt.ItemDataRole.UserRole, rank - 1)
            self.addItem(item)
        self.setVisible(self.count() > 0)

    def forget(self) -> None:
        """Hide the list: there is a newer forecast; the layers stay."""
        self.clear()
        self.hide()

    def _go(self, row: int) -> None:
        """Move slider and camera to a region."""
        rings = self._rings
        if row < 0 or rings is None or rings not in self._viewer.layers:
            return
        look_at(self._viewer, rings.data_to_world(rings.data[row]))


def _line(rank: int, region: Region, channels: bool) -> str:
    channel = f", channel {region.channel}" if channels else ""
    return (
        f"{rank}.  frame {region.frame}{channel}, y {region.y:.0f}, "
        f"x {region.x:.0f}:  {region.strength:.0f} × the usual error"
    )
