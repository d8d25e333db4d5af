"""Layers to learn from besides the chosen one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QListWidget, QListWidgetItem

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari.layers import Image

HEIGHT = 76  # pixels


class OtherMovies(QListWidget):
    """A list of layers to tick."""

    def __init__(self) -> None:
        super().__init__()
        self.setMaximumHeight(HEIGHT)

    def ticked(self) -> list[Image]:
        """Those that are ticked, from top to bottom."""
        items = [self.item(row) for row in range(self.count())]
        return [
            item.data(Qt.ItemDataRole.UserRole)
            for item in items
            if item.checkState() == Qt.CheckState.Checked
        ]

    def offer(self, layers: Sequence[Image]) -> None:
        """Offer these layers; those that were ticked before still are."""
        ticked = self.ticked()
        self.blockSignals(True)
        self.clear()
        for layer in layers:
            item = QListWidgetItem(layer.name)
            item.setData(Qt.ItemDataRole.UserRole, layer)
            on = layer in ticked
            item.setCheckState(Qt.CheckState.Checked if on else Qt.CheckState.Unchecked)
            self.addItem(item)
        self.blockSignals(False)
