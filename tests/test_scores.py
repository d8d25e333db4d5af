"""Skill by lead: fair, paired, in words."""

from __future__ import annotations

import csv
from threading import Event
from typing import TYPE_CHECKING

import numpy as np
import pytest

from napari_morphocast.data.movie import Movie
from napari_morphocast.errors import MovieError, SettingsError
from napari_morphocast.evaluation.scores import Contender, Score, Scores, score
from napari_morphocast.evaluation.wording import duration

if TYPE_CHECKING:
    from pathlib import Path


def noisy(frames: int = 40, seed: int = 0) -> Movie:
    """A movie of independent noise with standard deviation 10."""
    grey = np.random.default_rng(seed).normal(100, 10, (frames, 1, 12, 12))
    return Movie(grey.astype(np.float32), interval=1800, name="noise")


def ramp(frames: int = 30) -> Movie:
    """Every pixel gains 2 grey levels per frame."""
    grey = np.broadcast_to(
        2.0 * np.arange(frames)[:, None, None, None], (frames, 1, 12, 12)
    )
    return Movie(grey.astype(np.float32), interval=60, name="ramp")


def repeating(name: str, offset: float = 0.0) -> Contender:
    return Contender(
        name, 1, lambda known, horizon: np.repeat(known[-1:], horizon, 0) + offset
    )


def average(name: str = "average") -> Contender:
    return Contender(
        name, 4, lambda known, horizon: np.repeat(known.mean(0)[None], horizon, 0)
    )


def scored(
    movie: Movie, *contenders: Contender, horizon: int = 3, since: int = 20, **how
) -> Scores:
    return score(
        movie,
        contenders,
        horizon=horizon,
        since=since,
        data_range=np.array([100.0]),
        **how,
    )


def values(scores: Scores, model: str, metric: str) -> list[float]:
    return [row.value for row in scores.of(model, metric)]


def test_known_errors_give_known_scores() -> None:
    scores = scored(ramp(), repeating("persistence"))
    assert values(scores, "persistence", "mse") == [4, 16, 36]
    assert values(scores, "persistence", "mae") == [2, 4, 6]
    assert values(scores, "persistence", "psnr") == pytest.approx(
        [10 * np.log10(100**2 / e) for e in (4, 16, 36)]
    )


def test_skill_is_the_share_of_the_baseline_error_that_is_removed() -> None:
    scores = scored(ramp(), repeating("half", offset=1), repeating("persistence"))
    assert values(scores, "half", "skill_persistence")[0] == pytest.approx(1 - 1 / 4)


def test_a_model_like_the_reference_has_a_skill_of_exactly_zero() -> None:
    scores = scored(noisy(), repeating("twin"), repeating("persistence"))
    assert {
        (r.value, r.low, r.high) for r in scores.of("twin", "skill_persistence")
    } == {(0, 0, 0)}


def test_a_perfect_model_on_a_still_movie_equals_the_baseline() -> None:
    still = Movie(np.repeat(noisy(1).frames, 30, 0))
    scores = scored(still, repeating("model"), repeating("persistence"))
    assert values(scores, "model", "skill_persistence") == [0, 0, 0]


def test_averaging_noise_beats_persistence_by_what_theory_says() -> None:
    scores = scored(noisy(200), average(), repeating("persistence"))
    first = scores.of("average", "skill_persistence")[0]
    assert first.low < 1 - (1 + 1 / 4) / 2 < first.high


def test_no_contender_sees_the_frames_it_has_to_foretell() -> None:
    shown: list[float] = []

    def spy(known: np.ndarray, horizon: int) -> np.ndarray:
        shown.append(known.max())
        return np.repeat(known[-1:], horizon, 0)

    scored(ramp(), Contender("spy", 3, spy))
    assert shown == [2.0 * (start - 1) for start in range(20, 30)]


def test_all_contenders_foretell_the_same_frames() -> None:
    scores = scored(noisy(), average(), repeating("persistence"), since=0)
    assert {row.n for row in scores.rows if row.lead == 1} == {36}


def test_the_last_frames_are_scored_at_short_leads_too() -> None:
    scores = scored(ramp(), repeating("persistence"))
    assert [row.n for row in scores.of("persistence", "mse")] == [10, 9, 8]


def test_long_movies_are_scored_at_even_distances() -> None:
    scores = scored(noisy(200), repeating("persistence"), most=30)
    assert scores.of("persistence", "mse")[0].n == 30


def test_a_short_end_shortens_the_horizon_and_says_so() -> None:
    scores = scored(ramp(22), repeating("persistence"), horizon=10)
    assert scores.leads == (1, 2)
    assert "horizon is 2 instead of 10" in scores.notes[0]


def test_no_frame_left_is_refused_with_a_sentence() -> None:
    with pytest.raises(MovieError, match="none is left to score"):
        scored(ramp(20), repeating("persistence"))


def test_two_models_of_one_name_are_refused() -> None:
    with pytest.raises(SettingsError, match="Two models"):
        scored(ramp(), repeating("a"), repeating("a"))


def test_stop_keeps_what_was_scored() -> None:
    stop = Event()
    scores = scored(
        ramp(),
        repeating("persistence"),
        stop=stop,
        progress=lambda share: stop.set() if share >= 0.5 else None,
    )
    assert scores.of("persistence", "mse")[0].n == 5
    assert "Stopped after 5 of 10" in scores.notes[0]


def test_stop_before_the_first_forecast_gives_no_scores() -> None:
    stop = Event()
    stop.set()
    assert scored(ramp(), repeating("persistence"), stop=stop).rows == ()


def test_the_csv_is_tidy(tmp_path: Path) -> None:
    scores = scored(noisy(), average(), repeating("persistence"))
    scores.to_csv(tmp_path / "scores.csv")
    with (tmp_path / "scores.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["model", "metric", "lead", "value", "low", "high", "n"]
    assert len(rows) == len(scores.rows) == 2 * 5 * 3


def test_a_csv_in_a_missing_folder_is_refused_with_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="Cannot write the scores"):
        Scores(()).to_csv(tmp_path / "nowhere" / "scores.csv")


def skills(*found: tuple[float, float, float]) -> Scores:
    rows = [
        Score("net", "skill_persistence", k, *v, 20) for k, v in enumerate(found, 1)
    ]
    return Scores(tuple(rows), interval=1800)


def test_the_verdict_says_by_how_much_and_how_far() -> None:
    words = skills((0.31, 0.2, 0.4), (0.2, 0.1, 0.3), (0.1, -0.1, 0.2)).verdict("net")
    assert words == (
        "beats 'nothing moves' by 31 % at 1 frame (30 min), and still does at "
        "2 frames (1 h), but no further"
    )


def test_the_verdict_goes_by_the_interval_not_the_mean() -> None:
    words = skills((0.31, -0.02, 0.6)).verdict("net")
    assert words.startswith("does not beat 'nothing moves' at 1 frame (30 min)")
    assert "may be chance" in words


def test_the_verdict_admits_defeat() -> None:
    assert "its error is 40 % larger" in skills((-0.4, -0.6, -0.2)).verdict("net")


def test_the_verdict_admits_that_there_is_too_little_to_tell() -> None:
    assert "too few frames" in skills((0.3, np.nan, np.nan)).verdict("net")


def test_the_table_shows_skill_by_lead_in_frames_and_time() -> None:
    table = scored(noisy(200), average(), repeating("persistence"), horizon=8).table()
    assert "8 frames (4 h)" in table
    assert "average" in table.splitlines()[-1]


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(45, "45 s"), (1800, "30 min"), (9000, "2.5 h"), (172800, "2 d")],
)
def test_times_are_told_in_their_usual_unit(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def test_the_plot_is_a_picture(tmp_path: Path) -> None:
    scored(noisy(), average(), repeating("persistence")).plot(tmp_path / "scores.png")
    assert (tmp_path / "scores.png").read_bytes().startswith(b"\x89PNG")
