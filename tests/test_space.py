"""What a sweep tries: inside the bounds of the settings, and nothing that must not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from movies import gliding
from napari_morphocast import api
from napari_morphocast.data.windows import WindowSpec
from napari_morphocast.errors import SettingsError
from napari_morphocast.models.base import FORECASTERS, model_class
from napari_morphocast.training.config import Hardware, Run, TrainConfig, checked
from napari_morphocast.training.space import (
    COSTING,
    LAYERS,
    MEASURING,
    USEFUL,
    USUAL,
    WIDTH,
    Dimension,
    Space,
    Span,
)

if TYPE_CHECKING:
    from pydantic import BaseModel

TRAINED = [
    name for name, kind in FORECASTERS.items() if kind(kind.Config(), 1).stages()
]


def space(model: str = "convlstm", **told) -> Space:
    return Space.around(Run.make(model), **told)


def refusal(**told) -> str:
    with pytest.raises(SettingsError) as refused:
        space(**told)
    return str(refused.value)


def settings_of(model: str) -> dict[str, type[BaseModel]]:
    """Where every setting of a run belongs."""
    parts = (TrainConfig, WindowSpec, model_class(model).Config)
    return {name: part for part in parts for name in part.model_fields}


def ends(dimension: Dimension) -> tuple:
    """All choices, or the first, the last and one number between."""
    values = dimension.values
    if not isinstance(values, Span):
        return values
    middle = (values.low + values.high) / 2
    return values.low, round(middle) if values.whole else middle, values.high


@pytest.mark.parametrize("model", TRAINED)
def test_every_setting_can_be_tried_unless_it_must_not(model):
    free = set(settings_of(model)) - MEASURING - COSTING
    assert space(model, only=sorted(free)).settings == free


@pytest.mark.parametrize("model", TRAINED)
def test_all_that_is_tried_is_allowed(model):
    homes = settings_of(model)
    whole = space(model, only=sorted(set(homes) - MEASURING - COSTING))
    loss = {"loss": "adaptive"} if "loss" in homes else {}  # errors = map needs it
    for dimension in whole.dimensions:
        for value in ends(dimension):
            given = whole.run_settings({dimension.name: value})
            home = homes[dimension.setting]
            given |= loss if "loss" in home.model_fields and "loss" not in given else {}
            checked(home, given)


@pytest.mark.parametrize("model", TRAINED)
def test_the_defaults_are_among_what_is_usually_tried(model):
    usual = space(model)
    assert set(usual.defaults()) == {d.name for d in usual.dimensions}
    assert Run.make(model, **usual.run_settings(usual.defaults())) == Run.make(model)


@pytest.mark.parametrize("model", TRAINED)
def test_some_settings_of_the_network_are_usually_tried(model):
    own = set(model_class(model).Config.model_fields)
    assert len(space(model).settings & own) >= 3


def test_no_table_names_a_setting_that_does_not_exist():
    known = {name for model in TRAINED for name in settings_of(model)}
    named = {name.removesuffix(LAYERS).removesuffix(WIDTH) for name in USEFUL}
    assert named | {*USUAL} | MEASURING | COSTING <= known


@pytest.mark.parametrize("model", TRAINED)
def test_nothing_that_is_tried_changes_what_the_loss_measures(model, tmp_path):
    shared = set(TrainConfig.model_fields) - MEASURING - COSTING
    whole = space(model, only=sorted(space(model).settings | shared))
    lines = set()
    for place in (0, -1):
        drawn = {d.name: ends(d)[place] for d in whole.dimensions}
        run = Run.make(model, horizon=2, **whole.run_settings(drawn))
        path = tmp_path / f"{place}.morphocast"
        started = next(
            api.train(gliding(40), path, run, hardware=Hardware(device="cpu"))
        )
        lines.add(round(started.persistence, 6))
    assert len(lines) == 1


def test_orders_of_magnitude_are_tried_by_their_logarithm():
    logs = {
        d.name
        for d in space().dimensions
        if isinstance(d.values, Span) and d.values.log
    }
    assert logs == {"learning_rate", "batch", "hidden.width"}
    assert not Span(-10, 10).log


def test_whole_numbers_stay_whole():
    whole = {
        d.name: d.values.whole for d in space().dimensions if isinstance(d.values, Span)
    }
    assert whole == {
        "learning_rate": False,
        "batch": True,
        "hidden.layers": True,
        "hidden.width": True,
    }


def test_a_list_of_widths_is_tried_as_layers_and_width():
    drawn = {"hidden.layers": 3, "hidden.width": 20, "kernel": 5}
    assert space().run_settings(drawn) == {"hidden": (20, 20, 20), "kernel": 5}
    assert space(only=["hidden.width"]).run_settings({"hidden.width": 9}) == {
        "hidden": (9,)
    }


def test_what_is_given_is_not_tried():
    assert "hidden" not in space(fixed=["hidden"]).settings


def test_only_what_is_named_is_tried():
    assert space(only=["learning_rate", "flips"]).settings == {"learning_rate", "flips"}


def test_ranges_of_ones_own_are_tried_in_any_case():
    wide = Span(1e-5, 0.1)
    found = space(only=["flips"], ranges={"learning_rate": wide, "batch": (32, 64)})
    values = {d.name: d.values for d in found.dimensions}
    assert values == {"learning_rate": wide, "batch": (32, 64), "flips": (False, True)}


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ({"only": ["foo"]}, "no setting called 'foo' for convlstm; those that can"),
        ({"only": ["width"]}, "no setting called 'width' for convlstm"),
        ({"only": ["horizon"]}, "what the validation loss measures"),
        ({"only": ["until"]}, "what the validation loss measures"),
        ({"only": ["seed"]}, "what is chance"),
        ({"ranges": {"epochs": Span(5, 50)}}, "how long a trial takes"),
        ({"only": ["batch"], "fixed": ["batch"]}, "given and be tried"),
        ({"only": ["hidden.width"], "fixed": ["hidden"]}, "given and be tried"),
        ({"fixed": USUAL}, "Nothing is left to try"),
        ({"ranges": {"batch": Span(0, 8)}}, "cannot be 0; it can be at least 1"),
        ({"ranges": {"batch": (4, 5.5)}}, "cannot be 5.5"),
        ({"ranges": {"ema": Span(0.5, 1)}}, "cannot be 1; it can be at least 0, below"),
        ({"ranges": {"head": ("frame", "foo")}}, "one of frame, change, motion"),
        ({"ranges": {"flips": (0, 1)}}, "true or false"),
        ({"ranges": {"batch": Span(8, 4)}}, "nothing to choose from"),
        ({"ranges": {"batch": (4,)}}, "nothing to choose from"),
    ],
)
def test_what_cannot_be_tried_is_told_in_a_sentence(told, expected):
    assert expected in refusal(**told)
