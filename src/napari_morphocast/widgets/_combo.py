"""Lists to choose from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtWidgets import QComboBox, QSizePolicy

if TYPE_CHECKING:
    from collections.abc import Sequence


def combo(tooltip: str) -> QComboBox:
    """A list that never makes a dock wider than it has to be."""
    made = QComboBox()
    made.setToolTip(tooltip)
    made.setSizeAdjustPolicy(
        QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
    )
    made.setMinimumContentsLength(8)
    made.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
    return made


def refill(box: QComboBox, options: Sequence[tuple[str, Any]]) -> None:
    """Offer other options; an equal list keeps its choice."""
    if [box.itemText(i) for i in range(box.count())] == [name for name, _ in options]:
        return
    box.blockSignals(True)
    box.clear()
    for name, value in options:
        box.addItem(name, value)
    box.blockSignals(False)
