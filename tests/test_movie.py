import numpy as np
import pytest

from movies import gliding
from napari_morphocast.data.movie import Movie
from napari_morphocast.errors import MovieError


class Watched:
    """Frames that remember which of them were read."""

    def __init__(self, frames):
        self.frames, self.reads = frames, []
        self.shape, self.dtype = frames.shape, frames.dtype

    def __getitem__(self, key):
        self.reads.append(key)
        return self.frames[key]


def test_a_stretch_of_a_movie_is_a_view_that_reads_only_what_is_asked():
    frames = Watched(gliding().frames)
    part = Movie(frames).between(10, 20)
    np.testing.assert_array_equal(part.raw(2, 4), frames.frames[12:14])
    assert frames.reads == [slice(12, 14, 1)]


def test_a_stretch_of_a_stretch_remembers_where_it_began():
    assert gliding().between(10, 20).between(3, 5).first == 13


def test_one_channel_can_be_chosen():
    movie = gliding(channels=3)
    np.testing.assert_array_equal(
        movie.only([2]).raw(0, 5)[:, 0], movie.raw(0, 5)[:, 2]
    )


def test_a_channel_that_is_not_there_is_refused():
    with pytest.raises(MovieError, match=r"has 1 channel\(s\)"):
        gliding().only([1])


def test_frames_without_four_axes_are_refused():
    with pytest.raises(MovieError, match=r"\(T, C, Y, X\)"):
        Movie(np.zeros((3, 4, 5)))


def test_single_frames_of_a_view_can_be_taken_from_either_end():
    movie = gliding().between(5, 15)
    np.testing.assert_array_equal(movie.frames[-1], gliding().frames[14])
    np.testing.assert_array_equal(movie.frames[0, 0, 3], gliding().frames[5, 0, 3])
