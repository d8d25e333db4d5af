"""The foot of the Train dock: buttons, progress, curves, and what came out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari.utils.theme import get_theme
from qtpy.QtCore import QUrl
from qtpy.QtWidgets import QHBoxLayout, QLabel, QProgressBar, QPushButton, QVBoxLayout

from napari_morphocast.widgets._curves import Curves
from napari_morphocast.widgets._dock_form import STEPS, make_main
from napari_morphocast.widgets._form import say

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from napari_morphocast.presenters.train_state import TrainState

TIPS = {
    "train": "Train a new model on the chosen movie. It is saved as it gets better, "
    "and nothing that was saved before is overwritten.",
    "stop": "End after this batch; the best model so far is kept and saved.",
    "resume": "Go on with the last run, up to the epochs or for the time limit chosen "
    "above.",
    "finetune": "Choose an earlier model, and go on training it on the chosen movie.",
}
STOP_CHECKING = (
    "End the forecasts that show what the model is worth; the model is saved already."
)


class RunPanel(QVBoxLayout):
    """Everything about a run, below the settings and always in sight."""

    def __init__(self, theme: str) -> None:
        super().__init__()
        self._theme = theme
        self.buttons = {
            "train": QPushButton("&Train"),
            "stop": QPushButton("&Stop"),
            "resume": QPushButton("&Resume"),
            "finetune": QPushButton("&Finetune…"),
        }
        self.bar = QProgressBar()
        self.estimate, self.status, self.note, self.error, self.verdict, self.file = (
            QLabel() for _ in range(6)
        )
        self.curves = Curves(theme)
        self._lay_out()
        self.set_theme(theme)

    def show_state(self, state: TrainState, message: str) -> None:
        """Draw everything; ``message`` is an error of the dock's own."""
        progress = state.progress
        self.buttons["stop"].setText("Stopping…" if state.stopping else "&Stop")
        begun = state.running or bool(progress.epochs)
        self.bar.setVisible(state.running)
        # Without a maximum the bar shows that something goes on, but not how far.
        self.bar.setMaximum(STEPS if progress.epochs else 0)
        self.bar.setValue(round(STEPS * progress.share))
        self.curves.setVisible(begun)
        if begun:
            self.curves.show_progress(progress)
        say(self.status, state.status)
        say(self.note, f"⚠ {state.note}" if state.note else "")
        say(self.verdict, "" if state.running else state.verdict)
        self._show_file(state.saved)
        say(self.error, state.error or message)

    def enable(self, reasons: Mapping[str, str], *, checking: bool) -> None:
        """Enable buttons for which the reason against them is empty."""
        tips = TIPS | ({"stop": STOP_CHECKING} if checking else {})
        for name, reason in reasons.items():
            self.buttons[name].setEnabled(not reason)
            self.buttons[name].setToolTip(f"<p>{reason or tips[name]}</p>")

    def set_theme(self, name: str) -> None:
        """Take the colours of another napari theme."""
        self._theme = name
        self.curves.set_theme(name)
        make_main(self.buttons["train"], name)

    def _lay_out(self) -> None:
        self.setContentsMargins(8, 4, 8, 8)
        row = QHBoxLayout()
        for button in self.buttons.values():
            row.addWidget(button)
        self.addLayout(row)
        self.bar.setTextVisible(False)
        self.bar.setFixedHeight(8)
        self.verdict.setStyleSheet("font-weight: bold")
        self.verdict.setToolTip(
            "<p>By mean squared error, on frames that were used neither to train the "
            "model nor to choose its best epoch.</p>"
        )
        self.error.setStyleSheet("color: #d9534f; font-weight: bold")
        self.file.setOpenExternalLinks(True)
        labels = self.status, self.note, self.error, self.verdict, self.file
        for label in (self.estimate, *labels):
            label.setWordWrap(True)
        for widget in (self.estimate, self.bar, *labels, self.curves):
            self.addWidget(widget)

    def _show_file(self, path: Path | None) -> None:
        """Say where the model is, with a link to its folder."""
        if path is None:
            self.file.hide()
            return
        link = QUrl.fromLocalFile(str(path.parent)).toString()
        colour = get_theme(self._theme).text.as_hex()
        text = f"<a href='{link}' style='color: {colour}'>{path.name}</a>"
        say(self.file, f"Saved as {text}")
        self.file.setToolTip(f"<p>{path}</p><p>Click to open its folder.</p>")
