"""Which model to train, with which settings, on which device."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import (
    QComboBox,
    QFormLayout,
    QLabel,
    QPushButton,
    QVBoxLayout,
    QWidget,
)
from superqt import QCollapsible

from napari_morphocast.widgets._form import LABELS, Form, keep_wheel_away

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari_morphocast.presenters.catalog import Catalog

# What most people set, as far as a model has it.
FIRST = ("context", "horizon", "side", "epochs", "minutes", "flips", "turns")
MINUTES = 2.0  # limit of a first run: as long as people wait without a coffee
LOADING = "Loading PyTorch… This takes a few seconds, once."


class SettingsPanel(QWidget):
    """Model, five settings, the others folded away, and the device."""

    changed = Signal()

    def __init__(self, device: str, presets: Mapping[str, Any]) -> None:
        super().__init__()
        self._presets = dict(presets)
        self._built = str(presets.get("model", ""))  # whose settings are shown
        self._wanted_device = device  # of the Preferences, until the user chooses
        self._device_chosen = False
        self._wanted_autosave = presets.get("autosave")
        self._catalog: Catalog | None = None
        self._forms: tuple[Form, ...] = ()
        self._model = QComboBox()
        self._model.addItem("automatic", "auto")
        self._device = QComboBox()
        self._device.addItem("automatic", "auto")
        for combo in (self._model, self._device):
            keep_wheel_away(combo)
            combo.setSizeAdjustPolicy(
                QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
            )
        self._advice = QLabel()
        self._advice.setWordWrap(True)
        self._advice.hide()
        self._note = QLabel(LOADING)
        self._note.setWordWrap(True)
        self._place = QVBoxLayout()
        self._place.setContentsMargins(0, 0, 0, 0)
        self._more: QCollapsible | None = None
        self._lay_out()
        self._model.currentTextChanged.connect(lambda _: self._build())
        self._device.activated.connect(lambda _: self._choose_device())

    @property
    def ready(self) -> bool:
        """Whether the settings are known, for which torch must be there."""
        return self._catalog is not None

    @property
    def model(self) -> str:
        """Name of the chosen model."""
        return str(self._model.currentData())

    @property
    def device(self) -> str:
        """Name of the chosen device."""
        return str(self._device.currentData())

    def commit(self) -> None:
        """Take what is being typed as it stands."""
        for form in self._forms:
            form.commit()

    def values(self) -> dict[str, Any]:
        """All settings by name; raises SettingsError for an unreadable one."""
        return {name: v for form in self._forms for name, v in form.values().items()}

    def set_catalog(self, catalog: Catalog) -> None:
        """Offer what there is, now that it is known."""
        self._catalog = catalog
        self._model.blockSignals(True)
        self._model.clear()
        best = catalog.automatic
        self._model.addItem(f"automatic: {best}", best)
        for name in catalog.models:
            self._model.addItem(name, name)
        wanted = self._presets.get("model")
        self._model.setCurrentIndex(max(0, self._model.findText(str(wanted))))
        self._model.blockSignals(False)
        self._device.clear()
        _, fastest = catalog.devices[0]
        self._device.addItem(f"automatic: {fastest}", "auto")
        for name, label in catalog.devices:
            self._device.addItem(f"{name}: {label}" if name != "cpu" else label, name)
        self._show_device()
        self._advice.setText(catalog.advice)
        self._advice.setVisible(bool(catalog.advice))
        self._build()

    def prefer(self, device: str, autosave: float) -> None:
        """Follow the Preferences where the user has not chosen otherwise here."""
        self._wanted_device = device
        if not self._device_chosen:
            self._show_device()
        if self.values().get("autosave") == self._wanted_autosave:
            for form in self._forms:
                form.set_values({"autosave": autosave})
        self._wanted_autosave = autosave

    def show_failure(self, message: str) -> None:
        """Say why there are no settings."""
        self._note.setText(message)

    def _show_device(self) -> None:
        found = self._device.findData(self._wanted_device)
        self._device.setCurrentIndex(max(0, found))

    def _choose_device(self) -> None:
        self._device_chosen = True

    def _lay_out(self) -> None:
        top = QFormLayout()
        top.setContentsMargins(0, 0, 0, 0)
        top.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        top.addRow("Model", self._model)
        top.addRow("Device", self._device)
        tip = (
            "<p>Where to compute, with its free memory (GB). Automatic takes the "
            "fastest.</p>"
        )
        self._device.setToolTip(tip)
        top.labelForField(self._device).setToolTip(tip)
        top.labelForField(self._model).setMinimumWidth(LABELS)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(top)
        layout.addWidget(self._advice)
        layout.addWidget(self._note)
        layout.addLayout(self._place)

    def _build(self) -> None:
        """Make the form of the chosen model; values that were changed are kept."""
        if self._catalog is None:
            return
        kept = self._usual(self.model) | self._changed()
        self._built = self.model
        fields = self._catalog.models[self.model]
        tip = f"<p>{self._catalog.about[self.model]}</p>"
        self._model.setToolTip(tip)
        while (item := self._place.takeAt(0)) is not None:
            item.widget().hide()  # at once; it is deleted when Qt has time
            item.widget().deleteLater()
        first = Form({name: fields[name] for name in FIRST if name in fields})
        rest = Form({name: f for name, f in fields.items() if name not in FIRST})
        self._forms = (first, rest)
        for form in self._forms:
            form.set_values(kept)
            form.changed.connect(self.changed)
        self._place.addWidget(first)
        more, reset = self._folded(rest)
        self._place.addWidget(more)
        unfold = more.toggleButton()
        inputs = [*first.inputs(), unfold, *rest.inputs(), reset]
        for before, after in pairwise([self._device, *inputs]):
            self.setTabOrder(before, after)
        self._note.hide()
        self.changed.emit()

    def _changed(self) -> dict[str, Any]:
        """Settings of the model before that are not what is usual for it.

        Without those that mean something else for this one.
        """
        if self._catalog is None:
            return {}
        values = self.values() if self._forms else self._presets
        before = self._catalog.models.get(self._built, {})
        now, usual = self._catalog.models[self.model], self._usual(self._built)
        return {
            name: value
            for name, value in values.items()
            if name not in before
            or (
                value != usual[name]
                and name in now
                and now[name].description == before[name].description
            )
        }

    def _usual(self, model: str) -> dict[str, Any]:
        """Defaults of a model; where it has no limit of time, that of a first run."""
        fields = self._catalog.models.get(model, {}) if self._catalog else {}
        usual = {name: field.get_default() for name, field in fields.items()}
        return usual | {"minutes": usual.get("minutes") or MINUTES}

    def _folded(self, rest: Form) -> tuple[QCollapsible, QPushButton]:
        more = QCollapsible("More settings", expandedIcon="▾", collapsedIcon="▸")
        more.setDuration(0)
        more.layout().setContentsMargins(0, 0, 0, 0)
        inside = more.content().layout()
        inside.setContentsMargins(0, 4, 0, 0)
        more.addWidget(rest)
        reset = QPushButton("Reset to defaults")
        reset.setToolTip("<p>Give every setting, also those above, its default.</p>")
        reset.clicked.connect(lambda _: self._reset())
        more.addWidget(reset)
        more.content().setEnabled(False)  # or the Tab key would go where nobody sees it
        more.toggled.connect(more.content().setEnabled)
        return more, reset

    def _reset(self) -> None:
        if self._catalog is None:
            return
        for form in self._forms:
            form.set_values(self._usual(self.model))
        self.changed.emit()
