"""Distances of distributions of pictures, against libraries and known answers."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torchmetrics.image.fid import FrechetInceptionDistance
from torchmetrics.image.kid import KernelInceptionDistance

from movies import gliding
from napari_morphocast.evaluation import likeness, looks
from napari_morphocast.evaluation.looks import Looks, learned


def normal(count: int, shift: float = 0.0, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(shift, 1, (count, 8))


class Given(torch.nn.Module):
    """Takes pictures for features; torchmetrics asks for uint8 unless told."""

    num_features = 8

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return images.flatten(1)


@pytest.mark.filterwarnings("ignore")
def test_distances_are_those_of_torchmetrics():
    real, made = normal(300), normal(300, 0.3, 1)
    pictures = [torch.from_numpy(x).float()[:, :, None, None] for x in (real, made)]
    frechet = FrechetInceptionDistance(feature=Given(), input_img_size=(8, 1, 1))
    kernel = KernelInceptionDistance(feature=Given(), subsets=1, subset_size=300)
    for metric in (frechet, kernel):
        metric.update(pictures[0], real=True)
        metric.update(pictures[1], real=False)
    assert likeness.frechet_distance(real, made) == pytest.approx(
        float(frechet.compute()), rel=1e-3
    )
    assert likeness._discrepancy(real, made) == pytest.approx(
        float(kernel.compute()[0]), rel=1e-3
    )


def test_pictures_of_one_kind_are_no_distance_apart():
    mean, spread = likeness.kernel_distance(normal(300), normal(300, seed=1))
    assert abs(mean) < 2 * spread
    assert likeness.frechet_distance(normal(300), normal(300)) == pytest.approx(
        0, abs=1e-9
    )


def test_motion_is_told_from_stillness_and_from_noise():
    rows = np.stack([gliding(40).frames[n : n + 3, 0] for n in range(37)]) / 255
    still = np.repeat(rows[:, :1], 3, axis=1)
    noise = np.random.default_rng(0).normal(0, 0.005, rows.shape)
    assert likeness.motion_ratio(rows, rows, 1) == pytest.approx(1)
    assert likeness.motion_ratio(rows, rows[:, ::-1], 1) == pytest.approx(1)
    assert likeness.motion_ratio(rows, rows / 2, 1) == pytest.approx(0.5)
    assert likeness.motion_ratio(rows, still, 1) == 0
    assert likeness.motion_ratio(rows, still + noise, 1) < 0.1
    assert likeness.motion_ratio(rows, rows, 2) > likeness.motion_ratio(rows, still, 2)


def test_precision_falls_for_strange_pictures_and_recall_for_few_kinds():
    real = normal(300)
    assert min(likeness.precision_recall(real, normal(300, seed=1))) > 0.8
    strange = np.concatenate([normal(150, seed=1), normal(150, 9, 2)])
    precision, recall = likeness.precision_recall(real, strange)
    assert precision == pytest.approx(0.5, abs=0.1)
    assert recall > 0.7
    one_kind = real[:1] + 0.01 * normal(300, seed=3)
    precision, recall = likeness.precision_recall(real, one_kind)
    assert precision > 0.9
    assert recall < 0.1


def test_what_was_learned_by_heart_is_found():
    train, test = normal(100), normal(50, seed=1)
    others = normal(60, seed=2)
    assert likeness.memorised(others, train[:50], test) == pytest.approx(1, abs=0.1)
    floor = likeness.memorised(others, train, test)
    for copied in (10, 30):  # of sixty, wherever among the training pictures
        some = np.concatenate([train[37 : 37 + copied], others[copied:]])
        found = likeness.memorised(some, train, test)
        assert found == pytest.approx(floor * (1 - copied / 60), rel=0.1)
    assert likeness.memorised(train[:60], train, test) == 0


def test_grey_levels_are_compared_in_their_own_unit():
    real = np.random.default_rng(0).normal(100, 10, (20, 1, 16, 16))
    assert likeness.grey_distance(real, real + 7) == pytest.approx(7)


def test_blur_shows_in_the_detail():
    real = np.random.default_rng(0).normal(0, 1, (20, 1, 32, 32)).astype(np.float32)
    blurred = (real + np.roll(real, 1, -1)) / 2
    ratio = likeness.detail_ratio(real, blurred)
    assert ratio[1] > 0.8
    assert ratio[-1] < 0.7


def test_cells_are_counted_and_measured():
    y, x = np.mgrid[:64, :64]
    frame = np.zeros((64, 64), np.float32)
    for cy, cx in ((15, 15), (45, 20), (40, 50)):
        frame[np.hypot(y - cy, (x - cx) / 2) < 5] = 100
    found = likeness.cells(np.stack([frame, np.zeros_like(frame)]), 50)
    assert found["count"].tolist() == [3, 0]
    assert found["area"].mean() == pytest.approx(np.pi * 50, rel=0.15)
    assert found["eccentricity"].mean() == pytest.approx(np.sqrt(3) / 2, abs=0.05)
    half = likeness.cells(np.stack([frame[:, ::2], frame[:, ::2]]), 50)
    assert likeness.cell_distances(found, half)["area"] > 50


def test_a_network_learns_to_see_what_distinguishes_frames(monkeypatch):
    monkeypatch.setattr(looks, "STEPS", 40)
    movie = gliding(60, (32, 32), noise=4.0)
    frames = torch.from_numpy(movie.read(0, 60)) / 255
    seen = learned(frames)
    assert seen.checksum == learned(frames).checksum
    assert seen.checksum != Looks(1).checksum
    features = likeness.features_of(frames, seen)
    assert features.shape == (60, 32)
    near = np.linalg.norm(np.diff(features, axis=0), axis=1).mean()
    far = np.linalg.norm(features[8:] - features[:-8], axis=1).mean()
    assert near < 0.8 * far
