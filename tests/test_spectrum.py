"""Fine detail: power by spatial frequency."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from movies import gliding
from napari_morphocast.evaluation.scores import Contender, score
from napari_morphocast.evaluation.spectrum import frequencies, radial_power


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).normal(0, 3, shape)


@pytest.mark.parametrize("size", [(12, 12), (33, 48), (64, 64)])
def test_white_noise_has_its_variance_at_every_frequency(size):
    power = radial_power(noise(400, *size)).mean(0)
    assert power[1:] == pytest.approx(9, rel=0.1)
    assert len(power) == len(frequencies(*size)) == min(32, min(size) // 2)


def test_a_wave_has_its_power_at_its_frequency():
    wave = np.sin(2 * np.pi * np.arange(64) / 4)[None].repeat(64, 0)
    power = radial_power(wave)
    assert frequencies(64, 64)[power.argmax()] == pytest.approx(1 / 4, abs=1 / 64)


def test_brightness_alone_has_no_power():
    assert radial_power(np.full((1, 20, 20), 100.0)) == pytest.approx(0)


def test_the_spectrum_of_a_blurred_frame_falls():
    sharp = noise(50, 64, 64)
    blurred = np.stack([gaussian_filter(frame, 1.5) for frame in sharp])
    ratio = radial_power(blurred).mean(0) / radial_power(sharp).mean(0)
    assert ratio[1] > 0.7
    assert ratio[-1] < 0.05
    assert (np.diff(ratio) < 0.02).all()


def test_a_forecast_that_blurs_is_found_out_by_lead():
    def blurring(known, horizon):
        widths = range(1, horizon + 1)
        return np.stack([gaussian_filter(known[-1], (0, w, w)) for w in widths])

    movie = gliding(40, (48, 48), noise=4.0)
    contenders = [
        Contender("blurring", 1, blurring),
        Contender("persistence", 1, lambda known, h: known[-1:].repeat(h, 0)),
    ]
    found = score(
        movie, contenders, horizon=3, since=20, data_range=np.array([200.0])
    ).spectra
    assert found.of("persistence", 1) == pytest.approx(1, rel=0.3)
    assert found.of("blurring", 1)[8] > found.of("blurring", 2)[8]
    assert found.of("blurring", 3)[-1] < 0.1
    assert found.noise[0][-1] > 0.5
