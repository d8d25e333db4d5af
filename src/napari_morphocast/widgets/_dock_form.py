"""What the docks have in common in how they look."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari.utils.theme import get_theme
from qtpy.QtCore import QEvent, QSize, Qt
from qtpy.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QScrollArea,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from napari_morphocast.widgets._combo import combo
from napari_morphocast.widgets._form import keep_wheel_away, line, say
from napari_morphocast.widgets._pickers import MoviePicker

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from napari.components import ViewerModel

WIDTH = 380
STEPS = 1000  # of the progress bar
ERROR = "color: #d9534f; font-weight: bold"
WARNING = "color: #c98a1b"


class DockForm:
    """Controls of a dock that works on a movie, and how they behave.

    A movie to choose and what it is, a way to more models, what may be wrong with what
    is chosen, how far the work is, and what went wrong.
    """

    def __init__(self, viewer: ViewerModel) -> None:
        self.picker = MoviePicker(viewer)
        self.movie_facts = text_label()
        self.browse = QPushButton("Browse…")
        self.warnings = text_label(WARNING)
        self.progress = QProgressBar()
        self.doing = text_label()  # what a bar without an end cannot say
        self.stop = QPushButton("&Stop")
        self.error = text_label(ERROR)
        self._tips: dict[QWidget, str] = {}

    def enable(self, button: QPushButton, reason: str) -> None:
        """Enable a button, or disable it and say why."""
        button.setEnabled(not reason)
        button.setToolTip(f"<p>{reason or self._tips[button]}</p>")

    def show_running(self, running: bool) -> None:
        """Show progress and Stop while work is under way."""
        for widget in (self.progress, self.stop):
            widget.setVisible(running)
        self.stop.setEnabled(running)
        say(self.doing, "")

    def show_progress(self, share: float, text: str) -> None:
        """How far it is, 0..1; 0 shows that something goes on, but not how far."""
        say(self.doing, "" if share else text)
        self.progress.setMaximum(STEPS if share else 0)
        self.progress.setValue(round(STEPS * share))
        self.progress.setFormat(text)
        self.progress.setToolTip(text)

    def set_theme(self, name: str) -> None:
        """Take the colours of another napari theme; most do so by themselves."""

    def _explain(self, tips: Mapping[str, str], boxes: Iterable[QWidget]) -> None:
        """Give the controls of these names tips; keep the wheel away from boxes."""
        self._tips = {getattr(self, name): tip for name, tip in tips.items()}
        for widget, tip in self._tips.items():
            widget.setToolTip(f"<p>{tip}</p>")
        for box in boxes:
            keep_wheel_away(box)

    def _add_work(self, column: QVBoxLayout) -> None:
        """Where it says what goes on, and what went wrong."""
        column.addLayout(row(self.progress, self.stop))
        column.addWidget(self.doing)
        column.addWidget(self.error)

    def _column(self, dock: QWidget) -> QVBoxLayout:
        """Where controls go, below the movie: it scrolls if the dock is low."""
        inside = QWidget()
        column = QVBoxLayout(inside)
        column.setContentsMargins(8, 8, 8, 8)
        column.setSpacing(6)
        outside = QVBoxLayout(dock)
        outside.setContentsMargins(0, 0, 0, 0)
        outside.addWidget(Scrolling(inside))
        for widget in (self.picker, self.movie_facts, line()):
            column.addWidget(widget)
        return column


class ModelForm(DockForm):
    """Controls of such a dock that works with one model; ``tip`` says which."""

    def __init__(self, viewer: ViewerModel, tip: str) -> None:
        super().__init__(viewer)
        self.models = combo(tip)
        self.model_facts = text_label()

    def _add_model(self, column: QVBoxLayout) -> None:
        """Where it is chosen, and what there is to say about it."""
        column.addLayout(row(QLabel("Model"), self.models, self.browse, stretch=1))
        for widget in (self.model_facts, self.warnings, line()):
            column.addWidget(widget)


class Scrolling(QScrollArea):
    """Where a widget scrolls up and down if there is not enough room for it.

    It is never narrower than what is inside, whatever the fonts are.
    """

    def __init__(self, inside: QWidget) -> None:
        super().__init__()
        self.setWidget(inside)
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)

    def event(self, event: QEvent | None) -> bool:
        """When what is inside has changed, ask for as much room as it needs."""
        if event is not None and event.type() == QEvent.Type.LayoutRequest:
            self.updateGeometry()
        return bool(super().event(event))

    def minimumSizeHint(self) -> QSize:
        """As wide as what is inside and the bar beside it."""
        hint, inside = super().minimumSizeHint(), self.widget().minimumSizeHint()
        bar = self.verticalScrollBar().sizeHint().width()
        return QSize(max(WIDTH, inside.width() + bar), hint.height())


def row(*widgets: QWidget, stretch: int = 0) -> QHBoxLayout:
    """Widgets in a row; the one of number ``stretch`` takes the room that is left."""
    made = QHBoxLayout()
    made.setSpacing(6)
    for number, widget in enumerate(widgets):
        made.addWidget(widget, int(number == stretch))
    return made


def frames_box(value: int, most: int) -> QSpinBox:
    """A number of frames to choose, from 1 to ``most``."""
    box = QSpinBox()
    box.setRange(1, most)
    box.setValue(value)

    def name(count: int) -> None:
        box.setSuffix(" frames" if count > 1 else " frame")

    box.valueChanged.connect(name)
    name(value)
    return box


def text_label(style: str = "") -> QLabel:
    """Text that wraps and can be copied; hidden while there is none."""
    label = QLabel()
    label.setWordWrap(True)
    label.setStyleSheet(style)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    label.hide()
    return label


def make_main(button: QPushButton, theme_name: str) -> None:
    """Give the button that a dock is for its look, in a theme of napari."""
    theme = get_theme(theme_name)
    button.setStyleSheet(
        f"QPushButton:enabled {{ font-weight: bold; color: {theme.text.as_hex()}; "
        f"background-color: {theme.current.as_hex()}; }}"
    )
