import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from movies import constant, gliding
from napari_morphocast.data.movie import Movie
from napari_morphocast.data.scaling import Scaling, as_stored
from napari_morphocast.data.windows import Part
from napari_morphocast.errors import MovieError


def fitted(movie: Movie) -> Scaling:
    return Scaling.fit([Part(movie, 0, len(movie))])


@given(st.floats(-1e4, 1e4), st.floats(1, 1e4))
def test_invert_undoes_apply(low, span):
    scaling = Scaling(low=(low,), high=(low + span,))
    frames = np.linspace(low, low + span, 50, dtype=np.float32).reshape(1, 1, 5, 10)
    again = scaling.invert(scaling.apply(frames))
    np.testing.assert_allclose(again, frames, atol=1e-5 * (abs(low) + span))


def test_usual_grey_levels_become_0_to_1():
    scaled = fitted(gliding()).apply(gliding().read(0, 30))
    assert -0.1 < scaled.min() <= 0.01
    assert 0.99 <= scaled.max() < 1.1


def test_each_channel_has_its_own_range():
    scaling = fitted(gliding(channels=3))
    assert len(set(scaling.high)) == 3


def test_frames_outside_the_training_part_do_not_count():
    frames = np.concatenate(
        [gliding().raw(0, 20), 10 * np.ones((10, 1, 24, 28), "uint8")]
    )
    frames[25:] = 255
    part = Part(Movie(frames), 0, 20)
    assert Scaling.fit([part]) == fitted(gliding().between(0, 20))


def test_a_movie_in_which_nothing_happens_is_refused():
    with pytest.raises(MovieError, match="same grey level"):
        fitted(constant())


@pytest.mark.parametrize(
    "dtype", ["uint8", "int16", "uint16", "uint32", "bool", "float32"]
)
def test_forecasts_are_stored_in_the_type_of_the_movie(dtype):
    stored = as_stored(np.array([-1e12, 0.4, 0.6, 1e12], np.float32), np.dtype(dtype))
    assert stored.dtype == dtype
    if dtype not in ("bool", "float32"):
        limits = np.iinfo(dtype)
        assert stored.tolist() == [limits.min, 0, 1, limits.max]
