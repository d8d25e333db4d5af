"""Asking where something shall be saved."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtWidgets import QFileDialog

if TYPE_CHECKING:
    from qtpy.QtWidgets import QWidget


def where_to(
    parent: QWidget, title: str, name: str, kind: str, ending: str
) -> Path | None:
    """Ask for a file, whose name gets the ending if it has none; None for nowhere."""
    proposed = re.sub(r"[^\w\-. ]+", "_", name).strip(" ._") + ending
    path, _ = QFileDialog.getSaveFileName(
        parent, title, str(Path.home() / proposed), f"{kind} (*{ending})"
    )
    if not path:
        return None
    return Path(path if path.lower().endswith(ending) else path + ending)
