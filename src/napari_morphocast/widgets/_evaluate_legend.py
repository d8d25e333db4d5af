"""Which colour is which model: a legend beside the charts that hides curves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QSize, Qt, Signal
from qtpy.QtGui import QColor, QIcon, QPainter, QPen, QPixmap
from qtpy.QtWidgets import QCheckBox, QGridLayout, QWidget

from napari_morphocast.evaluation.baselines import KNOWN
from napari_morphocast.presenters.evaluate_wording import about

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_morphocast.widgets._evaluate_charts import Look

MODELS = "#3b8ede", "#e08a1e", "#2fa37c", "#c061cb", "#d9534f", "#7d86d6"
DASHES = {
    "dash": Qt.PenStyle.DashLine,
    "dot": Qt.PenStyle.DotLine,
    "dash dot": Qt.PenStyle.DashDotLine,
    "dash dot dot": Qt.PenStyle.DashDotDotLine,
}
COLUMNS = 2
ICON = QSize(30, 12)
WIDEST = 120  # of a name, in pixels


class Legend(QWidget):
    """One line of a curve's look and name each; unticking one hides its curves."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._boxes: dict[str, QCheckBox] = {}
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setVerticalSpacing(2)

    def show_models(self, names: Sequence[str]) -> None:
        """List other models; those that were hidden stay so."""
        hidden = {name for name, box in self._boxes.items() if not box.isChecked()}
        while (item := self._grid.takeAt(0)) is not None:
            item.widget().deleteLater()
        self._boxes = {}
        for at, name in enumerate(names):
            box = QCheckBox()
            box.setText(_shortened(box, name))
            box.setIcon(_icon(look_of(name, names)))
            box.setIconSize(ICON)
            box.setToolTip(
                f"<p>{name}: {about(name)}</p><p>Untick to hide its curves.</p>"
            )
            box.setChecked(name not in hidden)
            box.toggled.connect(lambda _: self.changed.emit())
            self._grid.addWidget(box, at // COLUMNS, at % COLUMNS)
            self._boxes[name] = box

    def shown(self) -> list[str]:
        """Names whose curves are wanted."""
        return [name for name, box in self._boxes.items() if box.isChecked()]


def in_order(names: Sequence[str]) -> list[str]:
    """Models first, then the baselines."""
    return sorted(names, key=lambda name: name in KNOWN)


def look_of(name: str, names: Sequence[str]) -> Look:
    """How a model is drawn: baselines thin and broken, the others by their order."""
    from napari_morphocast.widgets._evaluate_charts import Look

    if name in KNOWN:
        known = KNOWN[name]
        return Look(known.colour, 1.5, DASHES[known.dash], band=False)
    place = [other for other in names if other not in KNOWN].index(name)
    return Look(MODELS[place % len(MODELS)])


def _shortened(box: QCheckBox, name: str) -> str:
    """As much of a name as fits into a column, its beginning and its end."""
    middle = Qt.TextElideMode.ElideMiddle
    return str(box.fontMetrics().elidedText(name, middle, WIDEST))


def _icon(look: Look) -> QIcon:
    pixmap = QPixmap(ICON)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(QPen(QColor(look.colour), look.width, look.dash))
    middle = ICON.height() // 2
    painter.drawLine(0, middle, ICON.width(), middle)
    painter.end()
    return QIcon(pixmap)
