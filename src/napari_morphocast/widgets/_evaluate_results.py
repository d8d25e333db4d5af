"""What an evaluation found: warnings first, then findings, then charts."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_morphocast.presenters import evaluate_wording as wording
from napari_morphocast.widgets._dock_form import text_label
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
        self._what = text_label("font-weight: bold")
        self._alarm = text_label(ALARM)
        self._note = text_label(NOTE)
        self._findings = text_label()
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
            "".join(
                [
                    *(_found(evaluation, model) for model in wording.tested(scores)),
                    *(_paragraph(escape(t)) for t in wording.differences(evaluation)),
                ]
            ),
        )
        self._findings.setToolTip(
            f"<pre>{escape(wording.details(evaluation), quote=False)}</pre>"
        )
        self.show()
        self.curves.show_scores(scores)

    def mark_outdated(self) -> None:
        """Say that what is shown came from what was chosen before."""
        if self._evaluation is not None:
            say(self._what, f"Before: {wording.heading(self._evaluation)}")


def _found(evaluation: Evaluation, model: str) -> str:
    """What there is to say about a model, beside its colour."""
    colour = look_of(model, in_order(evaluation.scores.models)).colour
    dot = f"<span style='color: {colour}'>●</span>"
    text = escape(wording.finding(evaluation, model), quote=False)
    return _paragraph(f"{dot} <b>{escape(model)}</b> {text}")


def _paragraph(text: str) -> str:
    return f"<p style='margin: 0 0 4px 0'>{text}</p>"


def _warned(sentences: Sequence[str]) -> str:
    return "\n".join(f"⚠ {sentence}" for sentence in sentences)
