"""Skill by lead: fair, paired, in words."""

from __future__ import annotations

import csv
import json
from itertools import count
from threading import Event
from typing import TYPE_CHECKING
from unittest.mock import MagicMock

import numpy as np
import pytest

from napari_morphocast.data.movie import Movie
from napari_morphocast.errors import MovieError, SettingsError
from napari_morphocast.evaluation import score_figure
from napari_morphocast.evaluation.proof import Proof
from napari_morphocast.evaluation.score_report import differences, horizon, report
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


@pytest.mark.parametrize("offset", [0, 1e-5, 5])
def test_where_frames_are_identical_skill_is_undefined(offset: float) -> None:
    still = Movie(np.repeat(noisy(1).frames, 30, 0))
    scores = scored(still, repeating("net", offset), repeating("persistence"))
    assert np.isnan(values(scores, "net", "skill_persistence")).all()
    assert "the frames are identical" in scores.notes[-1]
    assert "-" in scores.table().splitlines()[-1].split()
    assert scores.standing("net") == "not comparable with persistence at every lead"


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
    with pytest.raises(MovieError, match="none is left to score 1 ahead from frame 20"):
        scored(ramp(20), repeating("persistence"))


def test_a_movie_too_short_to_be_seen_and_scored_is_refused() -> None:
    with pytest.raises(MovieError, match="6 frames, but 9 are needed: 8 to see, and 1"):
        scored(ramp(6), Contender("net", 8, repeating("").forecast))


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
    scores.save(tmp_path / "scores.csv")
    with (tmp_path / "scores.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["model", "metric", "lead", "value", "low", "high", "n"]
    numbers = ("lead", int), ("value", float), ("low", float), ("high", float)
    kinds = {"model": str, "metric": str, **dict(numbers), "n": int}
    read = [Score(**{k: kinds[k](v) for k, v in row.items()}) for row in rows]
    np.testing.assert_equal(read, list(scores.rows))


def test_a_csv_in_a_missing_folder_is_refused_with_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"Cannot write .*scores\.csv"):
        Scores(()).save(tmp_path / "nowhere" / "scores.csv")


def test_the_json_holds_what_the_csv_holds_and_more(tmp_path: Path) -> None:
    scores = scored(noisy(), average(), repeating("persistence"))
    scores.save(tmp_path / "scores.json")
    read = json.loads((tmp_path / "scores.json").read_text())
    assert len(read["scores"]) == len(scores.rows)
    assert Score(**read["scores"][0]) == scores.rows[0]
    assert read["useful_horizon"]["average"] == {"persistence": 3}
    assert read["noise"] == list(scores.noise)
    assert len(read["spectra"]["ratios"]["average"]) == 3


def test_json_knows_no_nan(tmp_path: Path) -> None:
    scored(ramp(21), repeating("persistence")).save(tmp_path / "scores.json")
    read = json.loads(
        (tmp_path / "scores.json").read_text(), parse_constant=pytest.fail
    )
    assert read["scores"][0]["low"] is None


def test_scores_with_a_foreign_ending_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"use \.csv or \.json"):
        Scores(()).save(tmp_path / "scores.xlsx")


def half_moving(frames: int = 40) -> Movie:
    """Noise of sigma 1; the right half also gains 8 grey levels per frame."""
    grey = np.random.default_rng(0).normal(100, 1, (frames, 1, 16, 16))
    grey[..., 8:] += 8.0 * np.arange(frames)[:, None, None, None]
    return Movie(grey.astype(np.float32), name="half")


def right_half() -> np.ndarray:
    return np.arange(16)[None].repeat(16, 0) >= 8


def knowing(name: str = "knowing", step: float = 8.0) -> Contender:
    """It goes on as the right half does."""

    def forecast(known: np.ndarray, horizon: int) -> np.ndarray:
        steps = step * np.arange(1, horizon + 1)[:, None, None, None]
        return known[-1] + steps * right_half()

    return Contender(name, 1, forecast)


def test_a_region_restricts_what_counts() -> None:
    movie, contenders = half_moving(), (knowing(), repeating("persistence"))
    moving = scored(movie, *contenders, region=right_half())
    still = scored(movie, *contenders, region=~right_half())
    assert moving.of("knowing", "skill_persistence")[0].low > 0.9
    assert values(still, "knowing", "skill_persistence") == [0, 0, 0]
    assert values(moving, "knowing", "ssim") != values(still, "knowing", "ssim")


def test_a_region_that_touches_the_border_leaves_no_ssim_and_says_so() -> None:
    region = np.zeros((40, 16, 16), bool)
    region[:, 6:10, 6:10] = True
    inside = scored(half_moving(), repeating("persistence"), region=region)
    assert not any("SSIM" in note for note in inside.notes)
    region[35] = np.roll(region[35], 6, -1)
    beside = scored(half_moving(), repeating("persistence"), region=region)
    assert any("SSIM is undefined" in note for note in beside.notes)


def test_a_region_may_change_from_frame_to_frame() -> None:
    region = np.zeros((40, 16, 16), bool)
    region[30:] = right_half()
    scores = scored(half_moving(), repeating("persistence"), region=region)
    assert [row.n for row in scores.of("persistence", "mse")] == [10, 10, 10]
    assert scores.over_time("persistence", "mse", 2)[0].tolist() == [*range(30, 40)]


@pytest.mark.parametrize(
    ("region", "words"),
    [(np.ones((9, 9), bool), "9 x 9 pixels"), (np.zeros((16, 16), bool), "is empty")],
)
def test_a_region_that_cannot_be_is_refused(region: np.ndarray, words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        scored(half_moving(), repeating("persistence"), region=region)


def test_pixels_that_change_are_scored_apart_from_the_background() -> None:
    scores = scored(half_moving(), repeating("persistence"), noise=[1.0])
    whole = values(scores, "persistence", "mse")[0]
    changing = values(scores, "persistence", "mse_changing")[0]
    assert whole == pytest.approx(8**2 / 2 + 2, rel=0.05)
    assert changing == pytest.approx(8**2 + 2, rel=0.1)
    absolute = values(scores, "persistence", "mae_changing")[0]
    assert absolute == pytest.approx(8, rel=0.05)
    decibels = values(scores, "persistence", "psnr_changing")[0]
    assert decibels == pytest.approx(10 * np.log10(100**2 / changing))


def test_likeness_is_judged_where_pixels_change() -> None:
    """The same at rest, and nothing alike where pixels have turned their contrast."""
    rng = np.random.default_rng(0)
    pattern = rng.choice([-20.0, 20.0], (1, 24, 48))
    flips = np.where(np.arange(48) < 24, 1.0, -1.0)
    frames = [100 + pattern * (flips if n % 2 else 1.0) for n in range(60)]
    movie = Movie(np.stack(frames).astype(np.float32))
    scores = scored(movie, repeating("persistence"), noise=[1.0])
    assert values(scores, "persistence", "ssim")[0] == pytest.approx(0, abs=0.1)
    assert values(scores, "persistence", "ssim_changing")[0] < -0.8
    resting = np.arange(48) < 24
    only = np.broadcast_to(resting, (24, 48))
    scores = scored(movie, repeating("persistence"), noise=[1.0], region=only)
    assert np.isnan(values(scores, "persistence", "ssim_changing")[0])


def test_a_forecast_without_numbers_is_the_worst_where_pixels_change_too() -> None:
    broken = repeating("broken", np.nan)
    scores = scored(ramp(), repeating("persistence"), broken, noise=[0.1])
    found = {
        r.metric: r.value for r in scores.rows if (r.model, r.lead) == ("broken", 1)
    }
    assert found["mse_changing"] == found["mae_changing"] == np.inf
    assert found["ssim_changing"] == found["ssim"] == -1


def test_where_no_pixel_changes_there_is_no_skill_on_those_that_do() -> None:
    still = Movie(100 + np.random.default_rng(0).random((40, 1, 12, 12), np.float32))
    scores = scored(still, average(), repeating("persistence"), noise=[5.0])
    assert np.isnan(values(scores, "average", "skill_changing_persistence")).all()
    assert scores.of("average", "skill_persistence")[0].low > 0


def test_every_channel_counts_in_units_of_its_own_range() -> None:
    lot = np.random.default_rng(0)
    bright, dim = lot.normal(0, (4000.0, 6.0), (60, 12, 12, 2)).transpose(3, 0, 1, 2)
    movie = Movie(np.stack([bright, dim], 1).astype(np.float32))

    def dim_known(known: np.ndarray, horizon: int) -> np.ndarray:
        mean = known[-1:].copy()
        mean[:, 1] = 0
        return mean.repeat(horizon, 0)

    scores = score(
        movie,
        [Contender("half", 1, dim_known), repeating("persistence")],
        horizon=1,
        since=20,
        data_range=np.array([40_000.0, 60.0]),
        noise=[0.0, 6.0],
    )
    skill = scores.of("half", "skill_persistence")[0].value
    assert skill == pytest.approx(1 - 3 / 4, rel=0.05)  # of 2 + 2 variances 1 is gone
    assert scores.paired("half", "persistence")[0].value == pytest.approx(skill)
    known = scores.of("half", "predictable")[0].value
    assert known == pytest.approx((4 - 3) / (4 - 1), rel=0.06)


def test_the_noise_is_that_of_the_pixels_that_count() -> None:
    scene = np.where(right_half(), 1000.0, 10.0)
    lot = np.random.default_rng(0)
    photons = Movie(lot.poisson(scene, (60, 1, 16, 16)).astype(np.float32))
    for region, noise in ((right_half(), 1000), (~right_half(), 10)):
        frames = (region, np.broadcast_to(region, (60, 16, 16)))
        for where in frames:
            found = scored(photons, repeating("persistence"), region=where)
            assert found.floor == pytest.approx(noise, rel=0.3)


def test_repeated_frames_among_the_scored_ones_are_told() -> None:
    frames = np.random.default_rng(0).random((40, 1, 12, 12), np.float32)
    frames[[25, 33]] = frames[[24, 32]]
    notes = scored(Movie(frames), repeating("persistence")).notes
    assert any("2 of 20 scored frames only repeat the one before" in n for n in notes)
    without = scored(noisy(), repeating("persistence")).notes
    assert not any("repeat" in note for note in without)


def test_the_predictable_error_leaves_out_the_noise() -> None:
    scores = scored(half_moving(200), knowing(), repeating("persistence"), noise=[1.0])
    found = scores.of("knowing", "predictable")[0]
    expected = (34 - 2) / (34 - 1)  # of 8**2 / 2 + 2, the last frame's noise is left
    assert found.low < expected < found.high


def test_the_noise_is_estimated_unless_it_is_known() -> None:
    assert scored(noisy(), repeating("persistence")).noise[0] == pytest.approx(10, 0.2)
    assert scored(noisy(), repeating("persistence"), noise=[3.0]).floor == 9


def test_an_error_that_is_mostly_noise_is_pointed_out() -> None:
    assert "denoising" in scored(noisy(), repeating("persistence")).notes[-1]
    moving = scored(half_moving(), repeating("persistence")).notes
    assert not any("denoising" in note for note in moving)


def test_removing_noise_is_no_skill_against_denoised_persistence() -> None:
    denoised = Contender("denoised", 4, average().forecast)
    scores = scored(noisy(200), average(), denoised, repeating("persistence"))
    assert scores.of("average", "skill_persistence")[0].low > 0.2
    assert values(scores, "average", "skill_denoised") == [0, 0, 0]


def test_two_models_are_compared_on_the_same_frames() -> None:
    scores = scored(
        half_moving(200), knowing(), knowing("nearly", 7.5), repeating("persistence")
    )
    paired = scores.paired("knowing", "nearly")[0]
    alone = [scores.of(name, "mse")[0] for name in ("knowing", "nearly")]
    assert paired.value == pytest.approx(1 - alone[0].value / alone[1].value)
    assert paired.low > 0
    assert scores.paired("nearly", "knowing", "ssim")[0].metric == "skill_ssim_knowing"


def test_a_comparison_with_the_reference_is_its_skill() -> None:
    scores = scored(half_moving(), knowing(), repeating("persistence"))
    pair = scores.paired("knowing", "persistence")
    assert pair == scores.of("knowing", "skill_persistence")
    changing = scores.paired("knowing", "persistence", "mse_changing")
    assert changing[0].low > 0.9
    absolute = scores.paired("knowing", "persistence", "mae_changing")
    assert absolute[0].low > 0.7


def test_a_comparison_with_nobody_is_refused() -> None:
    scores = scored(noisy(), repeating("persistence"))
    with pytest.raises(SettingsError, match="'net' was not scored"):
        scores.paired("net", "persistence")
    with pytest.raises(SettingsError, match="not by 'psnr'"):
        scores.paired("persistence", "persistence", "psnr")


def test_errors_over_time_belong_to_the_frames_that_were_foretold() -> None:
    scores = scored(ramp(), repeating("persistence"))
    frames, errors = scores.over_time("persistence", "mse", lead=3)
    assert frames.tolist() == [*range(22, 30)]
    assert errors.tolist() == [36] * 8
    assert scores.over_time("persistence", "psnr")[1] == pytest.approx(
        10 * np.log10(100**2 / 4)
    )


def test_a_lead_that_was_not_scored_has_no_errors_over_time() -> None:
    frames, errors = scored(ramp(), repeating("persistence")).over_time(
        "persistence", "mse", lead=9
    )
    assert frames.size == errors.size == 0


def test_the_useful_horizon_ends_where_the_interval_touches_zero() -> None:
    found = skills((0.3, 0.2, 0.4), (0.2, 0.1, 0.3), (0.1, -0.1, 0.2), (0.2, 0.1, 0.3))
    assert found.useful_horizon("net") == 2
    assert skills((0.1, -0.1, 0.2)).useful_horizon("net") == 0


def test_the_standing_names_every_baseline_once() -> None:
    rows = [
        Score("net", f"skill_{name}", lead, value, value - 0.1, value + 0.1, 20)
        for name, course in {
            "persistence": (0.5, 0.4, 0.3),
            "denoised": (0.4, 0.3, 0.2),
            "ridge": (0.3, 0.05, 0.0),
            "advection": (0.2, 0.0, -0.3),
            "linear": (-0.3, -0.3, -0.3),
        }.items()
        for lead, value in enumerate(course, 1)
    ]
    assert Scores(tuple(rows), interval=60).standing("net") == (
        "ahead of persistence and denoised at every lead; "
        "ahead of ridge until 1 frame (1 min), then level; "
        "ahead of advection until 1 frame (1 min), then level or behind; "
        "behind linear at every lead"
    )


@pytest.mark.parametrize(("forecasts", "more"), [(1, 7), (2, 6), (7, 1)])
def test_a_few_forecasts_stand_nowhere_for_sure(forecasts: int, more: int) -> None:
    movie = ramp(20 + forecasts)
    scores = scored(movie, repeating("net", 1), repeating("persistence"), horizon=1)
    assert scores.standing("net") == (
        "not to be told from persistence: there are too few forecasts"
    )
    assert f"score {more} frame{'s' * (more > 1)} more" in scores.notes[0]


def test_leads_with_too_few_forecasts_are_unknown() -> None:
    scores = scored(ramp(30), repeating("net", 1), repeating("persistence"), horizon=6)
    assert scores.standing("net").endswith("until 3 frames (3 min), then unknown")
    assert "beyond 3 frames (3 min) too few to tell" in scores.notes[0]
    assert horizon(scores, "net").startswith("at least 3 frames (3 min)")


def test_intervals_from_fewer_than_25_forecasts_are_called_rough() -> None:
    rough = scored(ramp(44), repeating("persistence")).notes
    assert rough == (
        "Only 24 forecasts could be scored, so the intervals are rough; score a "
        "longer stretch.",
    )
    assert scored(ramp(45), repeating("persistence")).notes == ()


def test_the_useful_horizon_is_told_in_frames_and_time() -> None:
    found = skills((0.3, 0.2, 0.4), (0.2, 0.1, 0.3), (0.1, -0.1, 0.2))
    assert horizon(found, "net") == "2 frames (1 h)"
    assert horizon(skills((0.3, 0.2, 0.4)), "net").startswith("at least 1 frame")
    assert horizon(skills((0.3, -0.2, 0.4)), "net") == "none"
    assert found.as_dict()["useful_horizon_seconds"] == {"net": {"persistence": 3600}}


def test_the_report_compares_networks_pair_by_pair() -> None:
    nets = knowing("worse", 7.0), knowing("better", 7.5)
    scores = scored(half_moving(200), *nets, repeating("persistence"))
    (told,) = differences(scores, ["worse", "better", "persistence"])
    assert told.startswith("better is better than worse: its error is ")
    assert "smaller (14 to 15) at 1 frame" in told
    assert "chance" not in told
    twins = scored(half_moving(), *(knowing(name, 7.0) for name in ("one", "two")))
    assert "not surely" in next(differences(twins, ["one", "two"]))


@pytest.mark.parametrize(
    ("near", "far", "says"),
    [
        (
            (0.05, 0.02, 0.08),
            (-0.4, -0.6, -0.2),
            "A is at some leads better, at others worse than B: its error is 5 % "
            "smaller (2 to 8) at 1 frame and 40 % larger (20 to 60) at 5 frames.",
        ),
        (
            (0.01, -0.03, 0.02),
            (-0.4, -0.6, -0.2),
            "A is worse than B: its error is 1 % smaller (-3 to 2, may be chance) at 1 "
            "frame and 40 % larger (20 to 60) at 5 frames.",
        ),
        (
            (0.01, np.nan, np.nan),
            (0.2, np.nan, np.nan),
            "A is not surely better than B: its error is 1 % smaller (too few "
            "forecasts to be sure) at 1 frame and 20 % smaller (too few forecasts to "
            "be sure) at 5 frames.",
        ),
    ],
)
def test_two_models_are_compared_near_and_far(near, far, says) -> None:
    found = MagicMock(spec=Scores, interval=None)
    found.paired.return_value = (
        Score("A", "skill_B", 1, *near, 30),
        Score("A", "skill_B", 5, *far, 30),
    )
    assert list(differences(found, ["A", "B"])) == [says]


def test_the_report_asks_of_baselines_only_what_they_can_answer() -> None:
    scores = scored(half_moving(), repeating("net", 1), repeating("persistence"))
    told = " ".join(report(scores, ["persistence"]))
    assert "persistence removes" not in told
    assert "single model" not in told
    assert "net is a single model" in " ".join(report(scores, ["net"]))


def test_a_forecast_that_is_no_number_is_the_worst_there_is() -> None:
    calls = count()

    def failing(known: np.ndarray, horizon: int) -> np.ndarray:
        frames = known[-1:].repeat(horizon, 0)
        return frames * np.nan if next(calls) % 4 == 0 else frames

    for order in (1, -1):
        contenders = [Contender("net", 1, failing), repeating("persistence")]
        scores = scored(noisy(), *contenders[::order], horizon=1)
        (found,) = scores.of("net", "mse")
        assert found.value == np.inf
        assert found.n == scores.of("persistence", "mse")[0].n


def test_an_ensemble_is_scored_by_its_mean_and_its_spread() -> None:
    def members(known: np.ndarray, horizon: int) -> np.ndarray:
        rng = np.random.default_rng(int(1e3 * known.sum()) % 2**31)
        return rng.normal(100, 10, (4, horizon, *known.shape[1:])).astype(np.float32)

    ensemble = Contender("four", 1, repeating("").forecast, members)
    scores = scored(noisy(200), ensemble, repeating("persistence"))
    assert values(scores, "four", "mse")[0] == pytest.approx(
        100 * (1 + 1 / 4), rel=0.05
    )
    assert scores.of("four", "spread")[0].value == pytest.approx(11, rel=0.05)
    assert scores.of("four", "crps")
    assert not scores.of("persistence", "crps")
    assert len(scores.ranks["four"][0]) == 5


def skills(*found: tuple[float, float, float]) -> Scores:
    rows = [
        Score("net", "skill_persistence", k, *v, 20) for k, v in enumerate(found, 1)
    ]
    return Scores(tuple(rows), interval=1800)


def test_the_verdict_says_by_how_much_and_how_far() -> None:
    words = skills((0.31, 0.2, 0.4), (0.2, 0.1, 0.3), (0.1, -0.1, 0.2)).verdict("net")
    assert words == (
        "beats 'nothing moves' by 31 (20 to 40) % at 1 frame (30 min), and still "
        "does at 2 frames (1 h), but no further"
    )


def test_the_verdict_says_where_a_model_loses() -> None:
    words = skills((0.2, 0.1, 0.3), (0.0, -0.1, 0.1), (-0.6, -0.8, -0.4)).verdict("net")
    assert words.endswith(
        "at 1 frame (30 min), but no further; at 3 frames its error is 60 % larger"
    )


@pytest.mark.parametrize(
    ("skill", "horizon", "proof", "says"),
    [
        ([0.3, 0.2], 2, (2, 2), "beat “nothing moves” up to 2 frames (1 h) ahead."),
        (
            [0.3, 0.2],
            3,
            (2, 2),
            "up to 2 frames (1 h) ahead; nobody has looked further.",
        ),
        ([0.3, -0.2], 3, (1, 2), "up to 1 frame (30 min) ahead, but no further."),
        ([0.0, 0.3], 1, (2, 2), "moves” 2 frames (1 h) ahead, but not nearer."),
        ([0.0, 0.3, 0.2], 1, (3, 3), "2 to 3 frames (1.5 h) ahead, but not nearer."),
        ([0.0, 0.3, 0.0], 1, (2, 3), "(1 h) ahead, neither nearer nor further."),
        (
            [-0.1, 0.0],
            1,
            (0, 2),
            "the model did not beat “nothing moves” beyond chance.",
        ),
        (
            [np.nan],
            1,
            (0, 0),
            "too few unseen frames to say how far ahead to rely",
        ),
    ],
)
def test_a_proof_says_how_far_ahead_a_model_was_of_use(skill, horizon, proof, says):
    found = Proof.of(skills(*((s, s - 0.05, s + 0.05) for s in skill)), "net")
    assert (found.forecasts, found.useful, found.furthest) == (20, *proof)
    assert says in found.sentence(horizon, 1800)


def test_the_verdict_says_from_when_on_a_model_wins() -> None:
    words = skills((0.1, -0.1, 0.3), (0.2, 0.1, 0.3)).verdict("net")
    assert words.endswith("chance; it does at 2 frames (1 h), by 20 (10 to 30) %")
    words = skills((-0.4, -0.6, -0.2), (0.2, 0.1, 0.3)).verdict("net")
    assert "its error is 40 % larger; it does at 2 frames" in words


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


def test_files_say_which_frames_and_how_much_of_them_were_scored(
    tmp_path: Path,
) -> None:
    movie = noisy()
    region = np.zeros(movie.shape[2:], bool)
    region[: movie.shape[2] // 2] = True
    scores = scored(movie, repeating("persistence"), region=region)
    scores.save(tmp_path / "scores.json")
    found = json.loads((tmp_path / "scores.json").read_text())
    assert found["region"] == 0.5
    assert found["frames"][0] == len(movie) - scores.rows[0].n


def test_the_plot_is_a_picture(tmp_path: Path) -> None:
    scored(noisy(), average(), repeating("persistence")).plot(tmp_path / "scores.png")
    assert (tmp_path / "scores.png").read_bytes().startswith(b"\x89PNG")


def test_the_plot_names_what_lies_off_its_scale(tmp_path: Path, monkeypatch) -> None:
    said: list[list[str]] = []
    monkeypatch.setattr(
        score_figure, "_tell_off_scale", lambda axes, models: said.append(models)
    )
    others = average(), repeating("near", 1), repeating("persistence")
    scores = scored(noisy(), repeating("waves", 99), *others)
    scores.plot(tmp_path / "scores.png")
    assert said[:3] == [["waves"], ["waves"], ["waves"]]
