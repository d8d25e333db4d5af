"""Points of a movie with what they are: plane, colours, picture, choice."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QImage, QPixmap
from qtpy.QtWidgets import (
    QCheckBox,
    QLabel,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_morphocast.evaluation.projection import NAMES, installed
from napari_morphocast.widgets._combo import combo
from napari_morphocast.widgets._dock_form import row, text_label
from napari_morphocast.widgets._explore_legend import ColourBar, colours_of, levels_of
from napari_morphocast.widgets._form import keep_wheel_away, line, say

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_morphocast.evaluation.embedded import Embedded
    from napari_morphocast.evaluation.projection import Projected
    from napari_morphocast.presenters.explore_colours import Shade
    from napari_morphocast.widgets._explore_map import PointMap
    from napari_morphocast.widgets._layers import Source

PICTURE = 96  # pixels
LABEL = 52  # pixels, so that lists lie below those of the form
MAPS = {
    "pca": "the two directions in which the codes differ most; far apart is unlike",
    "tsne": "shows groups: neighbours are alike, but how far groups are apart means "
    "nothing; 10,000 points take a minute or two",
    "umap": "like t-SNE, and faster for many points",
}
HOW = (
    "Click a point to go there · drag around points to choose them · wheel zooms, "
    "Shift-drag moves, double click shows all"
)
TIPS = {
    "maps": "How codes of many numbers lie on a plane.",
    "shades": "What the colours mean. Grey points have no value.",
    "table": "Colour by the columns of a CSV file. Its column frame, and for cells "
    "label, say which point a row is of.",
    "path": "Join each frame to the next; for cells, each cell to the same label in "
    "the next frame.",
    "keep": "Put what is chosen into a new layer.",
}


class ExploreResults(QWidget):
    """Draws points; hidden until there are some."""

    hovered = Signal(int)
    clicked = Signal(int)
    lassoed = Signal(object)

    def __init__(self, theme: str) -> None:
        super().__init__()
        self._theme = theme
        self._embedded: Embedded | None = None
        self._sources: Sequence[Source] = ()
        self.map: PointMap | None = None
        self.heading = text_label("font-weight: bold")
        self.notes = text_label("color: #c98a1b")
        self.maps = combo(f"<p>{TIPS['maps']}</p>")
        for kind in installed():
            self.maps.addItem(NAMES[kind], kind)
        self.maps.setToolTip(_list_of(self.maps.toolTip(), installed()))
        self.shades = combo(f"<p>{TIPS['shades']}</p>")
        self.table = QPushButton("Table…")
        self.path = QCheckBox("Path through time")
        self.path.setChecked(True)
        self.bar = ColourBar()
        self.picture, self.point = QLabel(), QLabel()
        self.chosen = QLabel()
        self.keep = QPushButton("New &layer")
        for widget in (self.table, self.path, self.keep):
            name = {self.table: "table", self.path: "path", self.keep: "keep"}[widget]
            widget.setToolTip(f"<p>{TIPS[name]}</p>")
        for box in (self.maps, self.shades):
            keep_wheel_away(box)
        self._lay_out()
        self.path.toggled.connect(lambda _: self._draw_path())
        self.hide()

    def show_explored(
        self, embedded: Embedded, sources: Sequence[Source], text: str
    ) -> None:
        """Get ready for other points."""
        self._embedded, self._sources = embedded, sources
        say(self.heading, text)
        say(self.notes, "\n".join(f"⚠ {note}" for note in embedded.notes))
        if self.map is None:
            self._make_map()
        self.show_point(None, "")
        self.show()

    def show_map(self, shown: Projected) -> None:
        """Lay the points out."""
        assert self.map is not None
        self.maps.blockSignals(True)
        self.maps.setCurrentIndex(self.maps.findData(shown.kind))
        self.maps.blockSignals(False)
        self.map.show_points(shown.points, shown.axes)
        self._draw_path()

    def show_shade(self, shade: Shade) -> None:
        """Colour the points, and say what the colours mean."""
        assert self.map is not None
        colours = colours_of(shade)
        self.map.show_colours(levels_of(shade), colours)
        self.bar.show_shade(shade, colours)

    def show_point(self, point: int | None, text: str) -> None:
        """Say what a point is, and where a cell goes; without one, how to use this."""
        self.point.setText(text or HOW)
        found = self._embedded
        if self.map is not None and found is not None:
            way = found.frames[:0]
            if point is not None and found.of_cells:
                way = found.track(point)
            self.map.show_track(way)
        self.picture.clear()  # until that of this point has been read

    def show_picture(self, picture: NDArray[Any] | None) -> None:
        """Show what a point is of, as the movie's layers show it."""
        if picture is None:
            self.picture.clear()
            return
        seen = np.ascontiguousarray(255 * coloured(picture, self._sources), np.uint8)
        height, width = seen.shape[:2]
        image = QImage(seen.data, width, height, 3 * width, QImage.Format.Format_RGB888)
        self.picture.setPixmap(
            QPixmap.fromImage(image).scaled(
                PICTURE, PICTURE, Qt.AspectRatioMode.KeepAspectRatio
            )
        )

    def show_chosen(self, points: NDArray[np.int64], text: str) -> None:
        """Mark what is inside the lasso, and offer to keep it."""
        assert self.map is not None
        self.map.show_chosen(points)
        self.chosen.setText(text)
        self.chosen.setVisible(bool(text))
        self.keep.setVisible(bool(text))

    def set_theme(self, name: str) -> None:
        """Take the colours of another napari theme."""
        self._theme = name
        if self.map is not None:
            self.map.set_theme(name)

    def _draw_path(self) -> None:
        if self.map is None or self._embedded is None:
            return
        order, leads = self._embedded.path()
        if not self.path.isChecked():
            order, leads = order[:0], leads[:0]
        self.map.show_path(order, leads)

    def _make_map(self) -> None:
        from napari_morphocast.widgets._explore_map import PointMap

        self.map = PointMap(self._theme)
        self.map.hovered.connect(self.hovered)
        self.map.clicked.connect(self.clicked)
        self.map.lassoed.connect(self.lassoed)
        self._place.addWidget(self.map)

    def _lay_out(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        for widget in (line(), self.heading, self.notes):
            column.addWidget(widget)
        column.addLayout(row(_label("Map"), self.maps, self.path, stretch=1))
        column.addLayout(row(_label("Colour"), self.shades, self.table, stretch=1))
        column.addWidget(self.bar)
        self._place = QVBoxLayout()
        column.addLayout(self._place, 1)
        column.addLayout(row(self.chosen, self.keep))
        self.picture.setFixedSize(PICTURE, PICTURE)
        self.picture.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.point.setWordWrap(True)
        self.point.setAlignment(Qt.AlignmentFlag.AlignVCenter)
        column.addLayout(row(self.picture, self.point, stretch=1))


def coloured(picture: NDArray[Any], sources: Sequence[Source]) -> NDArray[np.float64]:
    """A picture (C, Y, X) as its layers show it, (Y, X, 3) from 0 to 1."""
    if sources and sources[0].colour:
        return np.moveaxis(picture[:3] / sources[0].white, 0, -1).clip(0, 1)
    seen = np.zeros((*picture.shape[1:], 3))
    for channel, source in zip(picture, sources, strict=False):
        low, high = source.look.get("contrast_limits", (channel.min(), channel.max()))
        share = ((channel - float(low)) / (float(high) - float(low) or 1.0)).clip(0, 1)
        colours = source.look["colormap"].map(share.ravel() ** source.look["gamma"])
        seen += colours[:, :3].reshape(seen.shape)
    return seen.clip(0, 1)


def _label(text: str) -> QLabel:
    label = QLabel(text)
    label.setMinimumWidth(LABEL)
    return label


def _list_of(tip: str, kinds: Sequence[str]) -> str:
    parts = "".join(f"<li><b>{NAMES[kind]}</b>: {MAPS[kind]}</li>" for kind in kinds)
    more = "" if "umap" in kinds else "<p>UMAP: run pip install umap-learn.</p>"
    return f"{tip}<ul>{parts}</ul>{more}"
