import pytest
from hypothesis import given
from hypothesis import strategies as st

from movies import gliding
from napari_morphocast.data.windows import (
    Part,
    Windows,
    WindowSpec,
    frames_needed,
    split_in_time,
)
from napari_morphocast.errors import MovieError


def targets(windows: Windows) -> list[tuple[int, int]]:
    spec = windows.spec
    places = [windows.place(i) for i in range(len(windows))]
    return [
        (p.part, t) for p in places for t in range(p.target, p.target + spec.horizon)
    ]


@given(st.integers(1, 8), st.integers(1, 4), st.integers(24, 80), st.floats(0.5, 1))
def test_no_frame_is_a_target_in_two_parts(context, horizon, frames, until):
    spec = WindowSpec(context=context, horizon=horizon)
    if frames < frames_needed(spec, until):
        return
    split = split_in_time([gliding(frames, (2, 2))], spec, until=until)
    parts = [set(targets(windows)) for windows in split]
    assert len(set.union(*parts)) == sum(map(len, parts))


def test_every_target_lies_inside_its_part():
    movie = gliding(20)
    windows = Windows([Part(movie, 8, 15)], WindowSpec(context=4, horizon=2))
    assert {t for _, t in targets(windows)} == set(range(8, 15))


def test_a_context_never_reaches_before_the_movie():
    windows = Windows([Part(gliding(20), 0, 20)], WindowSpec(context=4, horizon=2))
    assert windows.place(0).target == 4


def test_a_share_that_is_far_too_small_is_refused_at_once():
    with pytest.raises(MovieError, match=r"until = 1"):
        split_in_time([gliding(20)], WindowSpec(), until=1e-9)


def test_windows_never_cross_from_one_movie_to_the_next():
    movies = [gliding(12), gliding(9)]
    windows = Windows(
        [Part(m, 0, len(m)) for m in movies], WindowSpec(context=3, horizon=2)
    )
    assert len(windows) == (12 - 4) + (9 - 4)
    assert windows.place(8).part == 1
    assert windows.place(8).target == 3


def test_a_movie_that_is_too_short_says_how_many_frames_are_needed():
    spec = WindowSpec(context=10, horizon=3)
    needed = frames_needed(spec)
    with pytest.raises(MovieError, match=f"at least {needed}"):
        split_in_time([gliding(needed - 1)], spec)
    split_in_time([gliding(needed)], spec)
