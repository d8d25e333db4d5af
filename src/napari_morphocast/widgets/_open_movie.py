"""Opening a movie, and asking what only a person can know about it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import (
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QLabel,
    QLineEdit,
    QMenu,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_morphocast.data.axes import describe_axes
from napari_morphocast.data.io import read_metadata
from napari_morphocast.errors import MorphocastError, MovieError
from napari_morphocast.widgets._movies import open_movie

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image

    from napari_morphocast.data.axes import ZChoice

FILES = "Movies (*.tif *.tiff *.npy);;All files (*)"
FOLDER = "Folder (OME-Zarr, numbered frames)…"
LETTERS = (
    "T = time, C = channels, Z = depth, Y = rows, X = columns, S = red, green and blue"
)
PROJECTIONS: tuple[tuple[str, ZChoice], ...] = (
    ("maximum of all slices", "max"),
    ("mean of all slices", "mean"),
)
TIP = (
    "Open TIFF, OME-TIFF, ImageJ, .npy, OME-Zarr or a folder of numbered frames as a "
    "layer with its true axes, time step (s) and pixel size (µm). Nothing is read "
    "before it is looked at."
)


class OpenMovie(QPushButton):
    """A button that opens a file or a folder as layers; asks what is not clear."""

    opened = Signal(object)  # the first of the new layers
    failed = Signal(str)

    def __init__(self, viewer: ViewerModel) -> None:
        super().__init__("Open movie…")
        self._viewer = viewer
        menu = QMenu(self)
        menu.addAction("File…").triggered.connect(lambda _: self._ask_file())
        menu.addAction(FOLDER).triggered.connect(lambda _: self._ask_folder())
        self.setMenu(menu)
        self.setToolTip(f"<p>{TIP}</p>")
        self.setStyleSheet("padding-right: 20px")  # room for the menu's arrow

    def open_path(self, path: str | Path) -> None:
        """Open a movie that is known by its path."""
        try:
            layer = open_with_questions(self._viewer, Path(path), self)
        except MorphocastError as error:
            self.failed.emit(error.on_screen)
            return
        if layer is not None:
            self.opened.emit(layer)

    def _ask_file(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, "Open movie", "", FILES)
        if path:
            self.open_path(path)

    def _ask_folder(self) -> None:
        path = QFileDialog.getExistingDirectory(self, "Open movie: choose its folder")
        if path:
            self.open_path(path)


def open_with_questions(
    viewer: ViewerModel, path: Path, parent: QWidget | None
) -> Image | None:
    """Open a movie as layers; None if a question was answered with Cancel.

    Raises
    ------
    MovieError
        If there is no movie in this file, whatever its axes are.
    """
    about = read_metadata(path)
    axes: str | None = None
    if is_unclear(about.axes) and len(about.shape) > 2 + ("S" in about.axes):
        asked = AxesDialog(path.name, about.axes, tuple(about.shape), parent)
        if not asked.exec():
            return None
        axes = asked.axes()
    letters = axes or about.axes
    depth = dict(zip(letters, about.shape, strict=False)).get("Z", 1)
    z: ZChoice = None
    if depth > 1:
        choosing = DepthDialog(path.name, depth, parent)
        if not choosing.exec():
            return None
        z = choosing.z()
    return open_movie(viewer, path, axes=axes, z=z)


def is_unclear(axes: str) -> bool:
    """Whether a file does not say enough about its axes to make a movie of it."""
    named = set(axes) <= set("TCZYXS") and len(set(axes)) == len(axes)
    return not named or not {"T", "Y", "X"} <= set(axes)


def suggested(axes: str) -> str:
    """The likeliest meaning of axes without names, or without time."""
    known = [a if a in "TCZYXS" and axes.count(a) == 1 else "" for a in axes]
    for letter in ("X", "Y"):  # they come last, unless the file says otherwise
        if letter not in known and "" in known:
            known[max(at for at, a in enumerate(known) if not a)] = letter
    if "T" not in known:
        instead = next((a for a in ("", "Z", "C") if a in known), None)
        if instead is not None:
            known[known.index(instead)] = "T"
    spare = [a for a in "CZ" if a not in known]
    return "".join(a or (spare.pop(0) if spare else "?") for a in known)


def depth_choices(depth: int) -> list[tuple[str, ZChoice]]:
    """How to make one picture of ``depth`` slices: what is shown, and its meaning."""
    return [*PROJECTIONS, *((f"slice {z} only", z) for z in range(depth))]


class _Question(QDialog):
    """One question with its explanation; OK does nothing while the answer is wrong."""

    def __init__(
        self, title: str, text: str, answer: QWidget, parent: QWidget | None
    ) -> None:
        super().__init__(parent.window() if parent is not None else None)
        self.setWindowTitle(title)
        self.setMinimumWidth(420)
        said = QLabel(text)
        said.setWordWrap(True)
        self._wrong = QLabel()
        self._wrong.setWordWrap(True)
        self._wrong.setStyleSheet("color: #d9534f; font-weight: bold")
        self._wrong.hide()
        kinds = QDialogButtonBox.StandardButton
        buttons = QDialogButtonBox(kinds.Ok | kinds.Cancel)
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        column = QVBoxLayout(self)
        column.setSpacing(10)
        for widget in (said, answer, self._wrong, buttons):
            column.addWidget(widget)
        answer.setFocus()

    def problem(self) -> str:
        """What is wrong with the answer; empty if nothing is."""
        return ""

    def accept(self) -> None:
        """Close, unless there is something wrong with the answer."""
        problem = self.problem()
        self._wrong.setText(problem)
        self._wrong.setVisible(bool(problem))
        if not problem:
            super().accept()


class AxesDialog(_Question):
    """Asks what each axis of an array is."""

    def __init__(
        self, name: str, axes: str, shape: tuple[int, ...], parent: QWidget | None
    ) -> None:
        self._name, self._shape = name, shape
        self.letters = QLineEdit(suggested(axes))
        self.letters.setToolTip(f"<p>One letter for each axis: {LETTERS}.</p>")
        lengths = " × ".join(str(length) for length in shape)
        said = axes.replace("Q", "?") if axes else "nothing"
        text = (
            f"<p><b>{name}</b> has {len(shape)} axes of the lengths {lengths}, and "
            f"names them {said}, so it is not clear which one is time. Type one "
            f"letter for each, in this order:</p><p>{LETTERS}.</p>"
        )
        super().__init__("What are the axes?", text, self.letters, parent)
        self.letters.selectAll()

    def axes(self) -> str:
        """The letters as they are typed."""
        return str(self.letters.text()).strip().upper()

    def problem(self) -> str:
        """Why these letters make no movie of this shape."""
        try:
            describe_axes(self.axes(), self._shape, self._name)
        except MovieError as error:
            return error.on_screen
        return ""


class DepthDialog(_Question):
    """Asks how to make one picture of the slices of every frame."""

    def __init__(self, name: str, depth: int, parent: QWidget | None) -> None:
        self.choice = QComboBox()
        for label, value in depth_choices(depth):
            self.choice.addItem(label, value)
        self.choice.setToolTip("<p>Slices are counted from 0.</p>")
        text = (
            f"<p><b>{name}</b> has {depth} slices in depth (Z) at every moment, but a "
            "forecast is made of one picture. Which one?</p>"
        )
        super().__init__("What about the depth?", text, self.choice, parent)

    def z(self) -> ZChoice:
        """The projection or the number of the slice."""
        chosen: ZChoice = self.choice.currentData()
        return chosen
