"""Asking where something shall be saved."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtWidgets import QFileDialog, QMessageBox

if TYPE_CHECKING:
    from qtpy.QtWidgets import QWidget


def where_to(
    parent: QWidget | None, title: str, name: str, kind: str, ending: str
) -> Path | None:
    """Ask for a file, whose name gets the ending if it has none; None for nowhere.

    The dialog itself asks before a file is replaced, but only if its whole name was
    given there.
    """
    proposed = re.sub(r"[^\w\-. ]+", "_", name).strip(" ._") + ending
    given, _ = QFileDialog.getSaveFileName(
        parent, title, str(Path.home() / proposed), f"{kind} (*{ending})"
    )
    if not given:
        return None
    path = _ended(Path(given), ending)
    if path == Path(given) or not path.exists() or _may_replace(parent, title, path):
        return path
    return where_to(parent, title, name, kind, ending)


def _ended(path: Path, ending: str) -> Path:
    """With the whole ending, of which the name may have the last part."""
    name = path.name
    if name.lower().endswith(ending):
        return path
    last = "." + ending.rpartition(".")[2]
    return path.with_name((path.stem if name.lower().endswith(last) else name) + ending)


def _may_replace(parent: QWidget | None, title: str, path: Path) -> bool:
    asked = f"{path.name} is there already. Replace it?"
    answer = QMessageBox.question(parent, title, asked)
    return bool(answer == QMessageBox.StandardButton.Yes)
