"""Runs of several stages: one after the other, each judged for itself."""

from __future__ import annotations

import math
import threading

import pytest
import torch
from torch import nn

from movies import gliding
from napari_morphocast import api
from napari_morphocast.errors import SettingsError
from napari_morphocast.models.base import (
    FORECASTERS,
    Forecaster,
    ModelConfig,
    Objective,
    Stage,
)
from napari_morphocast.training.checkpoint import read
from napari_morphocast.training.config import Hardware, Run, TrainConfig
from napari_morphocast.training.course import Course
from napari_morphocast.training.events import BatchDone, EpochDone
from napari_morphocast.training.resume import RunState, read_state

CPU = Hardware(device="cpu")


class Offset(nn.Module):
    """One number, which its stage pulls to 1."""

    def __init__(self):
        super().__init__()
        self.value = nn.Parameter(torch.zeros(()))


@pytest.fixture
def two_halves():
    """A forecaster with two numbers, learned in two stages."""

    class Halves(Forecaster, name="halves"):
        Config = ModelConfig

        def __init__(self, config, channels):
            super().__init__(config, channels)
            self.first, self.second = Offset(), Offset()

        def unroll(self, context):
            while True:
                yield context[:, -1]

        def criterion(self, forecast, target):
            return (forecast - target).square().mean()

        def stages(self):
            return tuple(
                Stage(
                    name,
                    (Objective(name, lambda _, o=own: self.far(o), own),),
                    share,
                    lambda batch, o=own: (self.far(o), batch.target),
                )
                for name, own, share in (
                    ("first", self.first, 3.0),
                    ("second", self.second, 1.0),
                )
            )

        @staticmethod
        def far(own):
            return (own.value - 1).square()

    yield Halves
    del FORECASTERS["halves"]


def run(**settings) -> Run:
    usual = {"epochs": 8, "batch": 8, "ema": 0.0, "learning_rate": 0.1}
    return Run.make("halves", **usual | settings)


def numbers(path) -> tuple[float, float]:
    weights = read(path)[1].state_dict()
    return float(weights["first.value"]), float(weights["second.value"])


@pytest.mark.usefixtures("two_halves")
def test_stages_follow_each_other_and_move_only_their_own(tmp_path):
    path = tmp_path / "m.morphocast"
    seen = []
    for event in api.train(gliding(), path, run(), hardware=CPU):
        if isinstance(event, EpochDone):
            seen.append(tuple(value != 0 for value in numbers(path)))
    assert event.why == "done"
    assert seen == [(True, False)] * 6 + [(True, True)] * 2
    assert read_state(path).place == 1


@pytest.mark.usefixtures("two_halves")
def test_no_stage_goes_without_an_epoch(tmp_path):
    path = tmp_path / "m.morphocast"
    begun, *events = api.train(gliding(), path, run(epochs=1), hardware=CPU)
    assert begun.epochs == 2
    assert begun.note == "halves learns in 2 stages, so there are 2 epochs."
    assert [e.stage for e in events if isinstance(e, EpochDone)] == ["first", "second"]
    with pytest.raises(SettingsError, match="complete after 2 epochs"):
        api.resume(gliding(), path)


@pytest.mark.usefixtures("two_halves")
def test_each_stage_is_judged_by_its_own_measure(tmp_path):
    path = tmp_path / "m.morphocast"
    list(api.train(gliding(), path, run(), hardware=CPU))
    first, second = numbers(path)
    assert read(path)[0].scores["validation"] == pytest.approx((second - 1) ** 2)
    assert abs(first - 1) < 1


@pytest.mark.usefixtures("two_halves")
def test_a_stage_that_gets_no_better_leaves_its_epochs_to_the_next(tmp_path):
    path = tmp_path / "m.morphocast"
    still = run(epochs=40, patience=2, learning_rate=1e-12)
    events = list(api.train(gliding(), path, still, hardware=CPU))
    assert events[-1].why == "plateau"
    state = read_state(path)
    assert (state.place, state.began, state.epoch) == (1, 4, 8)  # each retreats once


@pytest.mark.usefixtures("two_halves")
@pytest.mark.parametrize("epochs", [2, 7])
def test_a_run_stopped_in_any_stage_goes_on_as_if_it_never_was(tmp_path, epochs):
    whole, parts = tmp_path / "whole.morphocast", tmp_path / "parts.morphocast"
    list(api.train(gliding(), whole, run(), hardware=CPU))
    stop = threading.Event()
    for event in api.train(gliding(), parts, run(), hardware=CPU, stop=stop):
        if isinstance(event, BatchDone) and event.epoch == epochs:
            stop.set()
    list(api.resume(gliding(), parts, hardware=CPU))
    assert numbers(parts) == numbers(whole)
    assert read_state(parts).validation == read_state(whole).validation


def course(place=0, **counters) -> Course:
    stages = [Stage("first", (), 3.0), Stage("second", (), 1.0)]
    config = TrainConfig(epochs=40, minutes=4.0, patience=5)
    return Course(stages, config, RunState(place=place, **counters))


def test_epochs_and_minutes_are_divided_by_the_shares():
    assert (course().epochs, course().seconds) == (30, 180)
    late = course(1, began=30, epoch=30, since=180.0, seconds=180.0)
    assert (late.epochs, late.seconds) == (10, 60)


def test_what_a_stage_leaves_goes_to_those_after_it():
    early = course(epoch=8, seconds=40.0)
    early.advance()
    assert (early.epochs, early.seconds) == (32, 200)
    assert early.state.best == math.inf


def test_every_stage_warms_up_anew():
    early = course(epoch=29, seconds=179.0)
    cold = early.warmth(10)
    early.advance()
    early.state.epoch += 3
    assert cold < 0.05
    assert early.warmth(10) > 0.5
