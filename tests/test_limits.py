"""Rollouts stay within the grey levels of the frames that are known."""

import pytest
import torch

from napari_morphocast.models.limits import Limits


def frames(*shape: int) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(1))


def test_what_is_within_is_not_changed_by_a_bit():
    known = frames(2, 5, 3, 12, 14)
    assert torch.equal(Limits.of(known).hold(known[:, 2]), known[:, 2])


def test_pixels_brightness_and_contrast_are_held():
    known = frames(1, 5, 1, 12, 14)
    limits = Limits.of(known)
    wild = 20 * known[:, 0] - 5
    held = limits.hold(wild)
    assert held.min() >= known.min()
    assert held.max() <= known.max()
    bright = limits.hold(known[:, 0] + 0.4)
    assert float(bright.mean()) == pytest.approx(
        float(known.mean((3, 4)).max()), abs=0.01
    )
    stark = limits.hold((known[:, 0] > 0.5).float())
    assert float(stark.std()) <= 1.05 * float(known.std((3, 4)).max())


def test_windows_and_channels_have_limits_of_their_own():
    known = frames(2, 5, 2, 12, 14) * torch.tensor([1.0, 9.0]).view(1, 1, 2, 1, 1)
    limits = Limits.of(known)
    together = limits.hold(4 * known[:, 0])
    for window in range(2):
        for channel in range(2):
            cut = known[window : window + 1, :, channel : channel + 1]
            alone = Limits.of(cut).hold(4 * cut[:, 0])
            torch.testing.assert_close(together[window, channel], alone[0, 0])


def test_limits_of_parts_are_those_of_all():
    known = frames(1, 9, 2, 12, 14)
    first, second = Limits.of(known[:, :4]), Limits.of(known[:, 4:])
    for one, other in zip(first.joined(second), Limits.of(known), strict=True):
        assert torch.equal(one, other)


def test_widened_limits_leave_room():
    known = frames(1, 5, 1, 12, 14)
    limits = Limits.of(known).widened()
    brighter = known[:, 0] + 0.05 * known.std((3, 4)).max()
    assert torch.equal(limits.hold(brighter), brighter)
    assert float(limits.hold(brighter + 2).max()) <= 1.25


def test_gradients_pass_as_if_there_were_no_limits():
    known = frames(1, 5, 1, 12, 14)
    wild = (7 * known[:, 0]).requires_grad_()
    held = Limits.of(known).hold(wild)
    torch.testing.assert_close(held, Limits.of(known).hold(wild.detach()))
    held.sum().backward()
    assert torch.equal(wild.grad, torch.ones_like(wild))


def test_a_channel_without_contrast_stays_so():
    known = torch.full((1, 3, 1, 8, 8), 0.5)
    held = Limits.of(known).hold(frames(1, 1, 8, 8))
    assert torch.equal(held, known[:, 0])
