"""What the colours of motion mean, while they can be seen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtGui import QImage, QPixmap
from qtpy.QtWidgets import QHBoxLayout, QLabel, QWidget

from napari_morphocast.presenters.motion import HUES, legend
from napari_morphocast.widgets._dock_form import text_label
from napari_morphocast.widgets._form import say
from napari_morphocast.widgets._movies import own_metadata

if TYPE_CHECKING:
    from napari.components import ViewerModel

SIDE = 56  # pixels of the screen
SHARP = 2  # times as many in the picture, for screens that have them


class MotionLegend(QWidget):
    """A wheel of colours: where to by its hues, how fast by its brightness."""

    def __init__(self, viewer: ViewerModel) -> None:
        super().__init__()
        self._viewer = viewer
        self._wheel, self._text = QLabel(), text_label()
        self._wheel.setPixmap(_wheel())
        self.setToolTip(f"<p>{HUES[0].upper()}{HUES[1:]}; what rests is black.</p>")
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self._wheel)
        row.addWidget(self._text, 1)
        self.hide()

    def look(self) -> None:
        """Show it if the viewer shows motion in colours, or else hide it."""
        about = [own_metadata(one) for one in self._viewer.layers if one.visible]
        fastest = [one["fastest"] for one in about if "fastest" in one]
        if fastest:
            speed = f"{fastest[-1]:.2g} pixels per frame"
            say(self._text, f"Motion in colours: brightest from {speed} on.")
        self.setVisible(bool(fastest))


def _wheel() -> QPixmap:
    side = SHARP * SIDE
    colours = legend(side)
    kind = QImage.Format.Format_RGBA8888
    image = QImage(colours.tobytes(), side, side, 4 * side, kind)
    made = QPixmap.fromImage(image)
    made.setDevicePixelRatio(SHARP)
    return made
