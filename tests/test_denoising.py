from dataclasses import replace

import numpy as np
import pytest
import torch

from movies import gliding
from napari_morphocast import api
from napari_morphocast.data import denoising
from napari_morphocast.data.denoising import MARGIN, NonLocalMeans
from napari_morphocast.data.scaling import Scaling
from napari_morphocast.data.windows import WindowSpec, split_in_time
from napari_morphocast.training import feed as feeding
from napari_morphocast.training.config import Hardware, Run, TrainConfig
from napari_morphocast.training.feed import Feed, Shard, Store

CPU = torch.device("cpu")
SPEC = WindowSpec(context=3, horizon=2)


def error(frames: np.ndarray, truth: np.ndarray) -> float:
    return float(np.square(frames.astype(float) - truth.astype(float)).mean())


def fed(movie, **settings) -> Feed:
    split = split_in_time([movie], SPEC)
    scaling = Scaling.fit(split.train.parts)
    config = TrainConfig(crop=32, **settings)
    return Feed(split.train, split.validation, scaling, config, CPU, Shard())


def stored(movie, room: int) -> Store:
    return Store(movie, len(movie), room, CPU, NonLocalMeans.fit(movie, len(movie)))


@pytest.fixture
def noisy():
    return gliding(20, (40, 44), noise=8)


def test_denoised_frames_are_nearer_to_the_truth(noisy):
    clean = NonLocalMeans.fit(noisy, 20)(noisy.raw(0, 4))
    truth = gliding(20, (40, 44)).raw(0, 4)
    assert error(clean, truth) < 0.5 * error(noisy.raw(0, 4), truth)


def test_the_noise_is_estimated_from_the_movie_itself(noisy):
    assert NonLocalMeans.fit(noisy, 20).noise[0] == pytest.approx(8, rel=0.15)


def test_frames_keep_their_type(noisy):
    assert NonLocalMeans((8.0,))(noisy.raw(0, 1)).dtype == noisy.dtype


def test_where_there_is_no_noise_nothing_changes():
    movie = gliding(4)
    assert np.array_equal(NonLocalMeans((0.0,))(movie.raw(0, 4)), movie.raw(0, 4))


def test_a_cut_out_is_denoised_as_the_whole_frame_is(noisy):
    cut = slice(4, 6), slice(10, 30), slice(3, 40)
    whole, parts = (stored(noisy, room).take(*cut) for room in (2**20, 0))
    assert torch.equal(whole, parts)


def test_the_margin_is_no_wider_than_it_must_be(noisy):
    frame, clean = noisy.raw(0, 1), NonLocalMeans((8.0,))
    near = clean(frame[..., MARGIN - 1 :])[..., 1:]
    assert not np.array_equal(
        near[..., : -2 * MARGIN], clean(frame)[..., MARGIN:-MARGIN]
    )


def test_a_frame_is_denoised_once(noisy, monkeypatch):
    calls = []
    real = denoising._denoised
    monkeypatch.setattr(
        denoising, "_denoised", lambda p, s: calls.append(1) or real(p, s)
    )
    store = stored(noisy, 2**20)
    for _ in range(3):
        store.take(slice(2, 5), slice(0, 40), slice(0, 44))
    assert len(calls) == 3


def test_only_the_targets_of_training_are_denoised(noisy):
    plain, clean = fed(noisy), fed(noisy, denoise=True)
    for before, after in zip(plain.epoch(0, 0), clean.epoch(0, 0), strict=True):
        assert torch.equal(before[0].context, after[0].context)
        assert not torch.equal(before[0].target, after[0].target)
    for before, after in zip(plain.checks(), clean.checks(), strict=True):
        assert torch.equal(before.target, after.target)


def test_a_movie_larger_than_memory_is_denoised_too(noisy, monkeypatch):
    kept = [window for window, _ in fed(noisy, denoise=True).epoch(0, 0)]
    monkeypatch.setattr(feeding, "HOST_MEMORY", 0)
    read = [window for window, _ in fed(noisy, denoise=True).epoch(0, 0)]
    assert all(torch.equal(a.target, b.target) for a, b in zip(kept, read, strict=True))


def test_a_run_with_denoised_targets_trains(noisy, tmp_path):
    run = Run.make(
        "convlstm", denoise=True, hidden=(4,), epochs=1, context=3, horizon=1
    )
    path = tmp_path / "clean.morphocast"
    events = list(api.train(noisy, path, run, hardware=Hardware(device="cpu")))
    assert events[-1].why == "done"
    assert api.load(path).checkpoint.training.denoise


def test_a_movie_of_yes_and_no_has_nothing_to_denoise():
    movie = gliding(20, dtype="bool")
    movie = replace(movie, frames=movie.raw(0, 20))
    window, _ = next(fed(movie, denoise=True).epoch(0, 0))
    assert set(window.target.unique().tolist()) <= {0.0, 1.0}
