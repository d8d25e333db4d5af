"""A form made from the fields of pydantic configs, one row a field."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING, Any, Literal, Protocol, get_args, get_origin

from qtpy.QtCore import QEvent, QObject, Qt, Signal
from qtpy.QtGui import QValidator
from qtpy.QtWidgets import (
    QAbstractSpinBox,
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QFormLayout,
    QFrame,
    QLabel,
    QLineEdit,
    QSizePolicy,
    QSpinBox,
    QWidget,
)

from napari_morphocast.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pydantic.fields import FieldInfo

LABELS = 104  # pixels: all forms of a dock have their inputs in one column
DECIMALS = 12  # of a number in a form: 1e-3 must not become 0
LARGEST = 2**31 - 1  # that a spin box can hold


class Number(QDoubleSpinBox):
    """A spin box that shows a float as people write it: 0.001, 2, 1e-06."""

    def __init__(self) -> None:
        super().__init__()
        self.setDecimals(DECIMALS)
        self.setStepType(QAbstractSpinBox.StepType.AdaptiveDecimalStepType)

    def textFromValue(self, value: float) -> str:
        """Write a value without trailing zeros."""
        return f"{value:.10g}"

    def valueFromText(self, text: str | None) -> float:
        """Read a value, with or without its unit, decimal comma or exponent."""
        return _float(self._bare(text or "")) or 0.0

    def validate(
        self, text: str | None, position: int
    ) -> tuple[QValidator.State, str, int]:
        """Accept every number within the bounds, and what may become one."""
        bare = self._bare(text or "")
        value = _float(bare)
        if value is not None and self.minimum() <= value <= self.maximum():
            return QValidator.State.Acceptable, text or "", position
        half = re.fullmatch(r"[-+\d.,eE]*", bare) is not None
        state = QValidator.State.Intermediate if half else QValidator.State.Invalid
        return state, text or "", position

    def _bare(self, text: str) -> str:
        if self.specialValueText() and text == self.specialValueText():
            return repr(self.minimum())
        return text.removesuffix(self.suffix()).removeprefix(self.prefix()).strip()


class _NoWheel(QObject):
    """Keeps the mouse wheel from changing a value while the dock is scrolled."""

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Pass the wheel on to the scroll area unless the input has the focus."""
        if event is None or event.type() != QEvent.Type.Wheel:
            return False
        if isinstance(watched, QWidget) and not watched.hasFocus():
            event.ignore()
            return True
        return False


def keep_wheel_away(widget: QWidget) -> None:
    """Let the wheel scroll the dock instead of changing ``widget``'s value."""
    widget.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
    widget.installEventFilter(_NoWheel(widget))


def say(label: QLabel, text: str) -> None:
    """Show a text, or nothing at all."""
    label.setText(text)
    label.setVisible(bool(text))


def line() -> QFrame:
    """A thin line between two groups of controls."""
    made = QFrame()
    made.setFrameShape(QFrame.Shape.HLine)
    made.setFrameShadow(QFrame.Shadow.Sunken)
    return made


class Input(Protocol):
    """One value of a form and the widget that shows it."""

    widget: QWidget

    def get(self) -> Any:
        """Value that is chosen; raises ValueError if it is no value."""

    def set(self, value: Any) -> None:
        """Show another value."""

    def on_change(self, call: Callable[[], None]) -> None:
        """Call when the user changes the value."""


class _Check:
    def __init__(self, _: FieldInfo) -> None:
        self.widget = QCheckBox()

    def get(self) -> bool:
        return bool(self.widget.isChecked())

    def set(self, value: Any) -> None:
        self.widget.setChecked(bool(value))

    def on_change(self, call: Callable[[], None]) -> None:
        self.widget.toggled.connect(lambda _: call())


class _Choice:
    def __init__(self, field: FieldInfo) -> None:
        self.widget = QComboBox()
        self._values = get_args(field.annotation)
        self.widget.addItems([str(value) for value in self._values])

    def get(self) -> Any:
        return self._values[self.widget.currentIndex()]

    def set(self, value: Any) -> None:
        self.widget.setCurrentIndex(self._values.index(value))

    def on_change(self, call: Callable[[], None]) -> None:
        self.widget.currentIndexChanged.connect(lambda _: call())


class _Spin:
    def __init__(self, field: FieldInfo) -> None:
        whole = field.annotation is int
        self.widget = QSpinBox() if whole else Number()
        low, high = bounds(field)
        self.widget.setRange(*((int(low), int(high)) if whole else (low, high)))
        unit, zero = _unit(field.description or "")
        if unit:
            self.widget.setSuffix(f" {unit}")
        if zero and low == 0:
            self.widget.setSpecialValueText(zero)
        self.widget.setKeyboardTracking(False)

    def get(self) -> Any:
        return self.widget.value()

    def set(self, value: Any) -> None:
        self.widget.setValue(value)

    def on_change(self, call: Callable[[], None]) -> None:
        self.widget.valueChanged.connect(lambda _: call())


class _Text:
    def __init__(self, field: FieldInfo) -> None:
        self.widget = QLineEdit()
        self._is_tuple = get_origin(field.annotation) is tuple
        self._is_string = field.annotation is str

    def get(self) -> Any:
        text = self.widget.text().strip()
        if self._is_string:
            return text
        if self._is_tuple:
            return tuple(json.loads(part) for part in text.split(",") if part.strip())
        return json.loads(text)

    def set(self, value: Any) -> None:
        if self._is_string:
            self.widget.setText(value)
        elif self._is_tuple:
            self.widget.setText(", ".join(json.dumps(part) for part in value))
        else:
            self.widget.setText(json.dumps(value))

    def on_change(self, call: Callable[[], None]) -> None:
        self.widget.editingFinished.connect(call)


@dataclass(frozen=True, slots=True)
class _Row:
    field: FieldInfo
    input: Input


class Form(QWidget):
    """Rows of label and input; tooltips, ranges and units come from the fields."""

    changed = Signal()

    def __init__(self, fields: Mapping[str, FieldInfo]) -> None:
        super().__init__()
        layout = QFormLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        self._rows: dict[str, _Row] = {}
        for name, field in fields.items():
            self._rows[name] = row = _Row(field, _input(field))
            label = QLabel(field.title or name.replace("_", " ").capitalize())
            label.setMinimumWidth(LABELS)
            for widget in (label, row.input.widget):
                widget.setToolTip(_tooltip(name, field))
            layout.addRow(label, row.input.widget)
        self.set_values(
            {
                name: field.get_default(call_default_factory=True, validated_data={})
                for name, field in fields.items()
            }
        )
        for row in self._rows.values():
            row.input.on_change(self.changed.emit)

    def inputs(self) -> list[QWidget]:
        """The widgets that can be filled in, from top to bottom."""
        return [row.input.widget for row in self._rows.values()]

    def commit(self) -> None:
        """Take what is being typed as it stands, as if its input were left."""
        for widget in self.inputs():
            if isinstance(widget, QAbstractSpinBox):
                widget.interpretText()

    def values(self) -> dict[str, Any]:
        """What is shown, by field name; a number that is being typed is not yet.

        Raises
        ------
        SettingsError
            If a text is no list of numbers where one is wanted.
        """
        values = {}
        for name, row in self._rows.items():
            try:
                values[name] = row.input.get()
            except ValueError:
                title = row.field.title or name
                raise SettingsError(
                    f"{title!r} needs numbers with commas between them, such as "
                    f"16, 32; {row.input.widget.text()!r} is something else."
                ) from None
        return values

    def set_values(self, values: Mapping[str, Any]) -> None:
        """Show other values; names and values that do not fit are left out."""
        for name, value in values.items():
            if name in self._rows:
                try:
                    self._rows[name].input.set(value)
                except (TypeError, ValueError):
                    continue


def bounds(field: FieldInfo) -> tuple[float, float]:
    """Smallest and largest value of a number that a form may offer."""
    step = 1.0 if field.annotation is int else 10.0**-DECIMALS
    low, high = -inf, inf
    for rule in field.metadata:
        low = max(low, getattr(rule, "ge", -inf), getattr(rule, "gt", -inf) + step)
        high = min(high, getattr(rule, "le", inf), getattr(rule, "lt", inf) - step)
    return max(low, -LARGEST), min(high, LARGEST)


def _input(field: FieldInfo) -> Input:
    kinds: dict[Any, Callable[[FieldInfo], Input]] = {
        bool: _Check,
        int: _Spin,
        float: _Spin,
    }
    origin = get_origin(field.annotation)
    kind = _Choice if origin is Literal else kinds.get(field.annotation, _Text)
    made = kind(field)
    if not isinstance(made.widget, QCheckBox):
        made.widget.setMinimumWidth(60)
        made.widget.setSizePolicy(
            QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed
        )
    keep_wheel_away(made.widget)
    return made


def _unit(description: str) -> tuple[str, str]:
    """Unit and meaning of zero from "... (minutes; 0 = no limit)"."""
    found = re.search(r"\(([^()]*)\)\.?", description)
    if found is None:
        return "", ""
    parts = [part.strip() for part in found[1].split(";")]
    zero = next((p.partition("=")[2].strip() for p in parts if p[:2] == "0 "), "")
    unit = parts[0] if parts[0].isalpha() else ""
    return {"minutes": "min", "seconds": "s", "pixels": "px"}.get(unit, unit), zero


def _tooltip(name: str, field: FieldInfo) -> str:
    return f"<p>{field.description or ''}</p><p><i>{name}</i></p>"


def _float(text: str) -> float | None:
    try:
        return float(text.replace(",", "."))
    except ValueError:
        return None
