"""Models that the docks of a viewer offer, and how one is chosen."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtWidgets import QFileDialog

from napari_morphocast.presenters.model_files import ENDING
from napari_morphocast.widgets._preferences import preferences

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qtpy.QtWidgets import QComboBox, QWidget

    from napari_morphocast.presenters.model_files import ModelChoice
    from napari_morphocast.widgets._background import Controller

TRAINED = "trained models"  # key of what a viewer keeps


def offer_model(controller: Controller, path: Path) -> None:
    """List a model first in every dock of this viewer."""
    known = known_models(controller)
    controller.kept[TRAINED] = [path, *(one for one in known if one != path)]


def known_models(controller: Controller) -> list[Path]:
    """Models that were trained or opened since this viewer was, the newest first."""
    return list(controller.kept.get(TRAINED, []))


def ask_for_model(dock: QWidget, title: str = "Choose a model") -> Path | None:
    """Let the user choose a file; None if nothing was chosen."""
    folder = str(preferences().models_folder)
    path, _ = QFileDialog.getOpenFileName(
        dock, title, folder, f"Morphocast models (*{ENDING})"
    )
    return Path(path) if path else None


def list_models(
    box: QComboBox, some: Sequence[ModelChoice], wanted: str | None
) -> None:
    """Offer these models; without a wanted one among them, keep the choice."""
    before: ModelChoice | None = box.currentData()
    keep = wanted or (str(before.model) if before else None)
    box.blockSignals(True)
    if [box.itemData(n) for n in range(box.count())] != list(some):
        box.clear()
        for choice in some:
            box.addItem(choice.label, choice)
    names = [str(choice.model) for choice in some]
    box.setCurrentIndex(names.index(keep) if keep in names else 0 if some else -1)
    box.blockSignals(False)
