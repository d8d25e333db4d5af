"""What is kept of what was learned, where few frames can vouch for it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from movies import gliding
from napari_morphocast import api
from napari_morphocast.data.movie import Movie
from napari_morphocast.data.windows import Part, Windows, WindowSpec, split_in_time
from napari_morphocast.models.base import (
    FORECASTERS,
    Forecaster,
    ModelConfig,
    Objective,
    Stage,
)
from napari_morphocast.training.checkpoint import read
from napari_morphocast.training.config import Hardware, Run
from napari_morphocast.training.events import BatchDone
from napari_morphocast.training.feed import Feed, Shard
from napari_morphocast.training.resume import read_state
from napari_morphocast.training.tempering import USUAL, USUAL_SHARE, temper, vouched

CPU = Hardware(device="cpu")
TINY = {"hidden": (4,), "patch": 2, "horizon": 1, "epochs": 2, "learning_rate": 0.01}


def flat(*gains: float) -> tuple[np.ndarray, np.ndarray]:
    """Losses of 1 before, and afterwards less by so much."""
    return np.ones(len(gains)), 1 - np.array(gains)


def test_of_a_gain_in_one_window_the_usual_luck_is_taken_off():
    luck = USUAL**2 + (0.1 * USUAL_SHARE) ** 2
    assert vouched(*flat(0.1), 1) == pytest.approx(1 - luck / 0.1**2)


def test_one_window_never_vouches_for_all():
    share = vouched(*flat(0.9), 1)
    assert 0.7 < share < 1 - USUAL_SHARE**2


@pytest.mark.parametrize("gain", [USUAL / 2, 0.0, -0.5])
def test_nothing_is_kept_of_what_luck_explains(gain):
    assert vouched(*flat(gain), 1) == 0


def test_more_stretches_vouch_for_more():
    few, many = (vouched(*flat(*[0.06] * n), n) for n in (2, 8))
    assert 0 < few < many < 1


def test_windows_that_share_frames_vouch_for_no_more():
    assert vouched(*flat(0.06, 0.06, 0.06), 1) == pytest.approx(vouched(*flat(0.06), 1))


def test_a_gain_that_comes_and_goes_is_trusted_less():
    steady = vouched(*flat(0.1, 0.1, 0.1, 0.1), 4)
    means = np.array([0.16, 0.04, 0.16, 0.04])
    fitful = vouched(*flat(*means), 4)
    usual = USUAL**2 + (0.1 * USUAL_SHARE) ** 2
    variance = (usual + ((means - 0.1) ** 2).sum()) / 4
    assert fitful == pytest.approx(1 - variance / 4 / 0.1**2)
    assert 0 < fitful < steady


def test_frames_that_no_window_shows_vouch_for_nothing():
    gains = flat(0.02, 0.04, 0.03)
    assert vouched(*gains, 100) == vouched(*gains, 3)


def test_gains_count_as_shares_of_what_there_was_to_gain():
    before, after = flat(0.1, 0.12)
    assert vouched(7 * before, 7 * after, 2) == pytest.approx(vouched(before, after, 2))


def test_stretches_are_counted_by_what_windows_foretell():
    movie = gliding(frames=40)
    spec = WindowSpec(context=3, horizon=4)
    parts = [Part(movie, 20, 30), Part(movie, 32, 40)]
    assert Windows(parts, spec).stretches == (10 + 8) / 4


@pytest.fixture
def path(tmp_path):
    return tmp_path / "m.morphocast"


@pytest.fixture
def restless() -> Movie:
    """Noise, of which nothing can be foretold but its mean."""
    frames = np.random.default_rng(0).normal(100, 9, (24, 1, 16, 16))
    return Movie(frames.astype(np.float32))


def test_the_file_holds_the_start_and_the_share_that_is_kept(restless, path):
    run = Run.make("convlstm", **TINY, start="persistence", ema=0)
    list(api.train(restless, path, run, hardware=CPU))
    checkpoint, model = read(path)
    share, state = checkpoint.scores["kept"], read_state(path)
    assert 0 < share < 1
    moved = 0.0
    for name, found in model.state_dict().items():
        start, learned = state.start[name], state.kept[name]
        assert torch.allclose(found, start + share * (learned - start), atol=1e-6)
        moved += float((learned - start).abs().sum())
    assert moved > 0
    assert checkpoint.scores["validation"] < checkpoint.scores["persistence"]


def test_a_run_that_is_killed_early_knows_what_it_began_with(restless, path):
    run = Run.make("convlstm", **TINY)
    events = api.train(restless, path, run, hardware=CPU)
    next(event for event in events if isinstance(event, BatchDone))
    assert read_state(path).start


def test_without_caution_all_is_kept(restless, path):
    run = Run.make("convlstm", **TINY, start="persistence", ema=0, caution=False)
    list(api.train(restless, path, run, hardware=CPU))
    checkpoint, model = read(path)
    assert "kept" not in checkpoint.scores
    kept = read_state(path).kept
    assert all(torch.equal(one, kept[n]) for n, one in model.state_dict().items())


@pytest.fixture
def hill():
    """A forecaster of one number: between 0 and 1 it is far worse than at both."""

    class Hill(Forecaster, name="hill"):
        Config = ModelConfig

        def __init__(self, config, channels):
            super().__init__(config, channels)
            self.gain = 0.0
            self.place = nn.Parameter(torch.zeros(()))

        def unroll(self, context):
            wrong = 3 - self.gain * self.place + 90 * self.place * (1 - self.place)
            while True:
                yield context[:, -1] + wrong

        def criterion(self, forecast, target):
            return (forecast - target).square().mean()

        def stages(self):
            return (Stage("fit", (Objective("loss", lambda _: self.place, self),)),)

    yield Hill
    del FORECASTERS["hill"]


@pytest.mark.parametrize(("gain", "end"), [(0.1, 0.0), (1.0, 1.0)])
def test_where_the_way_between_is_bad_the_nearer_end_is_taken(
    hill, path, gain, end, monkeypatch
):
    movie = gliding(frames=20)
    list(api.train(movie, path, Run.make("hill", epochs=1), hardware=CPU))
    checkpoint, state = read(path)[0], read_state(path)
    split = split_in_time([movie], checkpoint.window)
    settings = checkpoint.scaling, checkpoint.training, torch.device("cpu"), Shard()
    feed = Feed(split.train, split.validation, *settings)
    ends = {"start": {"place": torch.tensor(0.0)}, "kept": {"place": torch.tensor(1.0)}}
    begin = hill.__init__

    def set_gain(self, config, channels):
        begin(self, config, channels)
        self.gain = gain

    monkeypatch.setattr(hill, "__init__", set_gain)
    temper(path, replace(state, **ends), feed, torch.device("cpu"))
    checkpoint, model = read(path)
    assert checkpoint.scores["kept"] == model.place.item() == end
    loss = (3 - gain * end) ** 2
    assert checkpoint.scores["validation"] == pytest.approx(loss, rel=0.05)
