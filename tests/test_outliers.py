from dataclasses import replace

import numpy as np
import pytest

from movies import constant, gliding
from napari_morphocast import api
from napari_morphocast.data.movie import Movie
from napari_morphocast.data.outliers import left_out, outliers, without_outliers
from napari_morphocast.data.windows import Part, Windows, WindowSpec, split_in_time
from napari_morphocast.errors import MovieError
from napari_morphocast.training.config import Hardware, Run
from napari_morphocast.training.events import Started

SPEC = WindowSpec(context=3, horizon=1)


def disturbed(*numbers: int, frames: int = 40) -> Movie:
    """A noisy gliding movie whose frames with these numbers were taken elsewhere."""
    movie = gliding(frames, noise=4)
    grey = movie.raw(0, frames).copy()
    for number in numbers:
        grey[number] = np.roll(grey[number], 11, -2)
    return replace(movie, frames=grey)


def found(movie: Movie, sigmas: float = 3.0) -> set[int]:
    return set(outliers(movie, 0, len(movie), sigmas))


def test_a_frame_taken_elsewhere_makes_two_outlying_changes():
    assert found(disturbed(20)) == {20, 21}


def test_one_outlier_does_not_hide_another():
    assert found(disturbed(9, 20, 31, frames=60)) == {9, 10, 20, 21, 31, 32}


def test_a_flash_is_an_outlier():
    movie = gliding(40, noise=4)
    grey = movie.raw(0, 40).astype(np.float32)
    grey[12] *= 1.15
    assert found(replace(movie, frames=grey)) == {12, 13}


def test_a_steady_movie_has_no_outliers():
    assert not found(gliding(40, noise=4))


def test_the_changes_of_a_movie_without_noise_are_all_alike():
    assert not found(gliding(40))


def test_a_still_movie_has_no_changes_at_all():
    assert not found(constant(40))


def test_a_repeated_frame_is_no_outlier():
    movie = gliding(40, noise=4)
    grey = movie.raw(0, 40).copy()
    grey[15] = grey[14]
    assert 15 not in found(replace(movie, frames=grey))


def test_a_few_frames_cannot_tell_what_is_usual():
    assert not found(disturbed(7, frames=12))


def test_short_movies_tell_each_other_what_is_usual():
    movies = [disturbed(frames=8) for _ in range(12)]
    movies[4] = disturbed(5, frames=8)
    spec = WindowSpec(context=2, horizon=1)
    whole = Windows([Part(movie, 0, 8) for movie in movies], spec)
    kept = without_outliers(whole, 3.0)
    assert [set(part.breaks) for part in kept.parts] == [
        {5, 6} if number == 4 else set() for number in range(12)
    ]


def test_every_channel_counts():
    movie = gliding(40, channels=3, noise=4)
    grey = movie.raw(0, 40).copy()
    grey[20, 2] = 255 - grey[20, 2]
    assert found(replace(movie, frames=grey)) == {20, 21}


def test_more_sigmas_find_less():
    movie = gliding(60, noise=4)
    assert found(movie, 1) > found(movie, 2) >= found(movie, 3)


def test_no_window_holds_an_outlying_change():
    windows = without_outliers(Windows([Part(disturbed(20), 0, 40)], SPEC), 3)
    targets = {windows.place(i).target for i in range(len(windows))}
    assert targets == set(range(3, 40)) - set(range(20, 24))


def test_places_go_on_after_a_gap():
    part = Part(gliding(12), 0, 12, frozenset({6}))
    windows = Windows([part, Part(gliding(6), 0, 6)], SPEC)
    places = [(windows.place(i).part, windows.place(i).target) for i in range(8)]
    assert places[:3] == [(0, 3), (0, 4), (0, 5)]
    assert places[3:] == [(0, 9), (0, 10), (0, 11), (1, 3), (1, 4)]


def test_what_was_left_out_is_told_in_one_sentence():
    windows = without_outliers(Windows([Part(disturbed(20), 0, 40)], SPEC), 3)
    assert left_out(windows) == (
        "2 of 39 changes from frame to frame are outliers (to frame 20, 21): 4 of 37 "
        "training windows are left out."
    )


def test_nothing_left_out_is_told_too():
    windows = without_outliers(Windows([Part(gliding(40), 0, 40)], SPEC), 3)
    assert left_out(windows).startswith("No change")


def test_no_window_left_is_refused():
    windows = Windows([Part(disturbed(20), 0, 40)], WindowSpec(context=30, horizon=2))
    with pytest.raises(MovieError, match="Every one of the 9 training windows"):
        without_outliers(windows, 3)


def test_training_says_what_it_leaves_out_and_validates_on_everything(tmp_path):
    movie = disturbed(20, 36, frames=50)
    settings = {"context": 3, "horizon": 1, "hidden": (4,), "epochs": 1}
    run = Run.make("convlstm", outliers=3, **settings)
    cpu = Hardware(device="cpu")
    events = list(api.train(movie, tmp_path / "a.morphocast", run, hardware=cpu))
    plain = Run.make("convlstm", **settings)
    others = list(api.train(movie, tmp_path / "b.morphocast", plain, hardware=cpu))
    started, without = events[0], others[0]
    assert isinstance(started, Started)
    assert "(to frame 20, 21)" in started.note
    assert started.batches < without.batches
    assert started.persistence == without.persistence


def test_splitting_leaves_nothing_out_by_itself():
    split = split_in_time([disturbed(20)], SPEC)
    assert not split.train.parts[0].breaks
