"""What an evaluation found: warnings first, then findings, then charts."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QLabel, QVBoxLayout, QWidget

from napari_morphocast.presenters import evaluate_wording as wording
from napari_morphocast.widgets._evaluate_curves import ScoreCurves
from napari_morphocast.widgets._evaluate_legend import in_order, look_of
from napari_morphocast.widgets._form import line, say

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_morphocast.presenters.evaluate_work import Evaluation

ALARM = "background: #b3261e; color: white; padding: 6px; font-weight: bold"
NOTE = "background: #f2c14e; color: #26210f; padding: 6px"


class Results(QWidget):
    """Says and draws one evaluation; hidden until there is one."""

    frame_chosen = Signal(int)

    def __init__(self, theme: str) -> None:
        super().__init__()
        self._evaluation: Evaluation | None = None
        self._what = _label("font-weight: bold")
        self._alarm = _label(ALARM)
        self._note = _label(NOTE)
        self._findings = _label()
        self.curves = ScoreCurves(theme)
        self.curves.frame_chosen.connect(self.frame_chosen)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        for widget in (
            *(line(), self._what, self._alarm, self._note),
            *(self._findings, self.curves),
        ):
            column.addWidget(widget)
        self.hide()

    @property
    def evaluation(self) -> Evaluation | None:
        """What is shown, if anything."""
        return self._evaluation

    def show_evaluation(self, evaluation: Evaluation) -> None:
        """Show another evaluation."""
        self._evaluation, scores = evaluation, evaluation.scores
        loud, quiet = wording.alarms(evaluation)
        say(self._what, wording.heading(evaluation))
        say(self._alarm, _warned(loud))
        say(self._note, _warned(quiet))
        say(
            self._findings,
            "".join(_found(evaluation, m) for m in wording.tested(scores)),
        )
        self._findings.setToolTip(
            f"<pre>{escape(wording.details(evaluation), quote=False)}</pre>"
        )
        self.show()
        self.curves.show_scores(scores)


def _found(evaluation: Evaluation, model: str) -> str:
    """What there is to say about a model, beside its colour."""
    colour = look_of(model, in_order(evaluation.scores.models)).colour
    dot = f"<span style='color: {colour}'>●</span>"
    text = escape(wording.finding(evaluation, model), quote=False)
    return f"<p style='margin: 0 0 4px 0'>{dot} <b>{escape(model)}</b> {text}</p>"


def _warned(sentences: Sequence[str]) -> str:
    return "\n".join(f"⚠ {sentence}" for sentence in sentences)


def _label(style: str = "") -> QLabel:
    made = QLabel()
    made.setStyleSheet(style)
    made.setWordWrap(True)
    made.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    made.hide()
    return made
