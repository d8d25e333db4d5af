"""Forms made from configs: nothing is lost on the way there and back."""

from __future__ import annotations

from typing import Literal

import pytest
from pydantic import BaseModel, Field

from napari_morphocast.data.windows import WindowSpec
from napari_morphocast.errors import SettingsError
from napari_morphocast.models import base
from napari_morphocast.training.config import Hardware, TrainConfig
from napari_morphocast.widgets._form import Form, Number

MODELS = {**base.FORECASTERS, **base.SYNTHESIZERS}
CONFIGS = [WindowSpec, TrainConfig, Hardware, *(m.Config for m in MODELS.values())]


class Sample(BaseModel):
    small: float = Field(1e-3, gt=0, le=1, title="Small", description="Tiny (seconds).")
    count: int = Field(2000, ge=0, le=10_000, description="Many (frames; 0 = none).")
    kind: Literal[1, 2, "auto"] = Field("auto", description="One of three.")
    hidden: tuple[int, ...] = Field((16, 32), description="Feature maps.")
    on: bool = Field(True, description="Whether.")


@pytest.fixture
def form(qtbot):
    made = Form(Sample.model_fields)
    qtbot.addWidget(made)
    return made


def widget(form, name):
    return form._rows[name].input.widget


@pytest.mark.parametrize("config", CONFIGS, ids=lambda c: c.__name__)
def test_a_form_gives_back_every_default(qtbot, config):
    form = Form(config.model_fields)
    qtbot.addWidget(form)
    assert config.model_validate(form.values()) == config()


@pytest.mark.parametrize("config", CONFIGS, ids=lambda c: c.__name__)
def test_every_setting_has_a_title_and_explains_itself(config):
    for name, field in config.model_fields.items():
        assert field.title, name
        assert field.description, name


def test_other_values_come_back_too(form):
    other = {"small": 2.5e-5, "count": 7, "kind": 2, "hidden": (8,), "on": False}
    form.set_values(other)
    assert form.values() == other


def test_a_small_number_is_shown_as_people_write_it(form):
    assert widget(form, "small").text() == "0.001 s"


def test_the_unit_and_the_meaning_of_zero_are_shown(form):
    assert widget(form, "count").text() == "2000 frames"
    form.set_values({"count": 0})
    assert widget(form, "count").text() == "none"
    assert form.values()["count"] == 0


def test_bounds_are_kept(form):
    form.set_values({"small": 5.0, "count": 10**6})
    assert form.values()["small"] == 1
    assert form.values()["count"] == 10_000


def test_a_bound_that_is_excluded_is_never_reached(form):
    form.set_values({"small": 0.0})
    assert form.values()["small"] > 0


def test_a_list_of_numbers_that_is_none_is_refused_with_an_example(form):
    widget(form, "hidden").setText("16, many")
    with pytest.raises(SettingsError, match="such as 16, 32"):
        form.values()


def test_values_that_fit_nowhere_are_left_out(form):
    form.set_values({"unknown": 1, "kind": "gone", "hidden": 5})
    assert form.values() == Sample().model_dump()


def test_a_change_is_told(form, qtbot):
    with qtbot.waitSignal(form.changed):
        widget(form, "count").setValue(3)


@pytest.mark.parametrize("text", ["1e-3", "0,001", "0.001"])
def test_a_number_may_be_typed_in_any_way(qtbot, text):
    number = Number()
    qtbot.addWidget(number)
    number.setRange(0, 1)
    number.lineEdit().setText(text)
    number.interpretText()
    assert number.value() == 1e-3


def test_looking_at_a_form_leaves_alone_what_is_being_typed(form, qtbot):
    box = widget(form, "small")
    box.selectAll()
    for key in "0.002":
        qtbot.keyClicks(box, key)
        form.values()
    assert form.values()["small"] == 1e-3
    form.commit()
    assert form.values()["small"] == 2e-3
