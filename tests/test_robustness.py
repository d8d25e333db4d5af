"""Damaged frames: what is done to them, and how forecasts from them are scored."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from threading import Event
from typing import TYPE_CHECKING

import numpy as np
import pytest

from movies import constant, gliding
from napari_morphocast import api
from napari_morphocast.cli import main
from napari_morphocast.data.io import write_movie
from napari_morphocast.data.movie import Movie
from napari_morphocast.data.scaling import Scaling
from napari_morphocast.errors import MovieError, SettingsError
from napari_morphocast.evaluation.baselines import BASELINES
from napari_morphocast.evaluation.damage import DAMAGES, Trial, plan
from napari_morphocast.evaluation.measuring import Contender
from napari_morphocast.evaluation.robustness import (
    DamagedScore,
    Robustness,
    measure,
    starts,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

GREY = Scaling(low=(50.0,), high=(250.0,))  # 200 grey levels from black to white
NOISE = "gaussian", "poisson", "salt-and-pepper"


def flat(level: float = 150, frames: int = 4, size: int = 64) -> NDArray[np.float32]:
    """Known frames that are the same grey everywhere."""
    return np.full((frames, 1, size, size), level, np.float32)


def numbered(frames: int = 5) -> NDArray[np.float32]:
    """Known frames whose grey level tells their number, counted from 1."""
    return np.repeat(100.0 + np.arange(1, frames + 1), 4).reshape(-1, 1, 2, 2)


def damaged(
    known: NDArray[np.float32],
    kind: str,
    intensity: float,
    number: int = 0,
    dtype: str = "float32",
) -> NDArray[np.float32]:
    return Trial(DAMAGES[kind], intensity).on(known, number, GREY, np.dtype(dtype))


def still(frames: int = 30) -> Movie:
    """The same random picture again and again."""
    picture = np.random.default_rng(0).integers(60, 240, (1, 32, 32))
    return Movie(np.stack([picture] * frames).astype(np.float32), 60.0, name="still")


def repeating(name: str = "persistence", context: int = 1) -> Contender:
    return Contender(
        name, context, lambda known, horizon: known[-1:].repeat(horizon, 0)
    )


def averaging(name: str = "mean") -> Contender:
    return Contender(
        name, 4, lambda known, horizon: known.mean(0)[None].repeat(horizon, 0)
    )


def measured(
    movie: Movie,
    *contenders: Contender,
    kinds: tuple[str, ...] = ("gaussian",),
    steps: int = 3,
    leads: tuple[int, ...] = (1,),
    most: int = 12,
    **how,
) -> Robustness:
    begins = starts(movie, 10, leads, most)
    trials = plan(kinds, steps, max(c.context for c in contenders))
    return measure(movie, contenders, trials, begins, leads=leads, scaling=GREY, **how)


def row(
    metric: str, intensity: float, value: float, low: float, damage: str = "gaussian"
) -> DamagedScore:
    return DamagedScore("m", damage, intensity, 1, metric, value, low, value + 0.1, 9)


@pytest.mark.parametrize("kind", DAMAGES)
def test_intensity_zero_is_no_damage(kind):
    np.testing.assert_array_equal(damaged(numbered(), kind, 0)[0], numbered())


@pytest.mark.parametrize("kind", DAMAGES)
def test_damage_follows_from_the_number_of_the_forecast_alone(kind):
    first, again, other = (damaged(numbered(), kind, 0.5, n) for n in (3, 3, 4))
    np.testing.assert_array_equal(first, again)
    if kind in NOISE:
        assert (first != other).any()


@pytest.mark.parametrize("kind", DAMAGES)
def test_intensities_rise_and_hold_no_zero(kind):
    tried = DAMAGES[kind].intensities(10, 4)
    assert tried[0] > 0
    assert list(tried) == sorted(set(tried))


def test_gaussian_noise_is_a_share_of_the_grey_range():
    noise = damaged(flat(), "gaussian", 0.05) - 150
    assert noise.std() == pytest.approx(0.05 * 200, rel=0.03)
    assert noise.mean() == pytest.approx(0, abs=0.3)


def test_a_white_pixel_counts_as_many_photons_as_poisson_noise_says():
    white, middle = (damaged(flat(level), "poisson", 0.1) for level in (250, 150))
    assert white.mean() == pytest.approx(250, abs=1)
    assert white.std() == pytest.approx(200 / np.sqrt(100), rel=0.03)
    assert middle.std() == pytest.approx(white.std() / np.sqrt(2), rel=0.05)


def test_what_is_darker_than_black_has_no_shot_noise():
    np.testing.assert_allclose(damaged(flat(20), "poisson", 0.5), 20, rtol=1e-6)


def test_salt_and_pepper_hit_a_share_of_the_pixels():
    hit = damaged(flat(), "salt-and-pepper", 0.3)
    assert set(np.unique(hit)) == {50, 150, 250}
    assert (hit != 150).mean() == pytest.approx(0.3, abs=0.02)


def test_more_salt_and_pepper_is_more_of_the_same():
    some, more = (damaged(flat(), "salt-and-pepper", s) != 150 for s in (0.1, 0.3))
    assert (more[some]).all()


def test_the_missing_square_is_black_at_the_same_place_in_all_frames():
    black = damaged(flat(), "square", 0.25)[0, :, 0] == 50
    assert black[0].sum() == 16**2
    assert (black == black[0]).all()


def test_the_largest_square_is_the_whole_frame():
    assert (damaged(flat(), "square", 1.0) == 50).all()


@pytest.mark.parametrize(("kind", "places"), [("missing", 4), ("duplicated", 3)])
def test_every_place_loses_its_frame_equally_often(kind, places):
    known = numbered(4)
    lost = (damaged(known, kind, 1)[:, :, 0, 0, 0] != known[:, 0, 0, 0]).sum(0)
    assert lost.tolist() == [1] * places if places == 4 else [0, 1, 1, 1]


def test_missing_frames_are_black():
    versions = damaged(numbered(), "missing", 2)
    assert ((versions == 50).all((2, 3, 4)).sum(1) == 2).all()


def test_duplicated_frames_repeat_what_was_shown_before():
    for frames in damaged(numbered(), "duplicated", 2):
        shown = frames[:, 0, 0, 0] - 100
        assert shown[0] == 1
        assert (np.diff(shown) == 0).sum() == 2
        assert (shown <= np.arange(1, 6)).all()


def test_damaged_frames_stay_within_the_type_of_the_movie():
    noisy = damaged(flat(), "gaussian", 0.9, dtype="uint8")
    assert noisy.min() == 0
    assert noisy.max() == 255
    np.testing.assert_array_equal(noisy, noisy.round())


def test_noise_in_the_last_frame_is_the_error_of_persistence():
    found = measured(still(), repeating(), steps=2)
    for score in found.of("persistence", "gaussian"):
        assert score.value == pytest.approx((200 * score.intensity) ** 2, rel=0.05)


def test_every_model_sees_the_same_damaged_frames():
    found = measured(still(), repeating("one"), repeating("four", context=4))
    one, four = (found.of(name, "gaussian") for name in ("one", "four"))
    assert [score.value for score in one] == [score.value for score in four]


@pytest.mark.parametrize("kind", DAMAGES)
def test_the_truth_is_never_damaged(kind):
    oracle = Contender("oracle", 4, lambda _, h: still().read(0, h))
    found = measured(still(), oracle, kinds=(kind,), steps=2)
    assert {score.value for score in found.of("oracle", kind)} == {0}


def test_skill_compares_forecasts_from_the_same_damage():
    found = measured(still(), averaging(), repeating())
    skills = found.of("mean", "gaussian", "skill_persistence")
    assert [s.value for s in skills[1:]] == pytest.approx([3 / 4] * 3, abs=0.02)


def test_growth_is_the_error_over_that_without_damage():
    found = measured(gliding(), repeating(), kinds=("square",))
    errors, growths = (found.of("persistence", "square", m) for m in ("mse", "growth"))
    assert growths[0].value == growths[0].low == growths[0].high == 1
    assert growths[2].value == pytest.approx(errors[2].value / errors[0].value)
    assert growths[2].low <= growths[2].value <= growths[2].high


def test_leads_are_scored_one_by_one():
    found = measured(gliding(), repeating(), leads=(1, 4))
    near, far = (found.of("persistence", "gaussian", lead=n)[0] for n in (1, 4))
    assert found.leads == (1, 4)
    assert near.value < far.value


def test_forecasts_begin_where_the_longest_lead_still_has_a_truth():
    assert starts(gliding(30), 20, (1, 5), 3) == [20, 22, 25]


@pytest.mark.parametrize(
    ("tried", "doubled"),
    [(((0, 1), (0.1, 4)), 0.05), (((0, 1), (0.1, 1), (0.4, 4)), 0.2)],
)
def test_the_doubling_lies_between_the_intensities_that_were_tried(tried, doubled):
    rows = tuple(row("growth", intensity, value, value) for intensity, value in tried)
    assert Robustness(rows).doubling("m", "gaussian") == pytest.approx(doubled)


def test_frames_double_the_error_in_whole_numbers():
    rows = [row("growth", i, g, g, "missing") for i, g in ((0, 1), (1, 1.5), (2, 3.5))]
    assert Robustness(tuple(rows)).doubling("m", "missing") == 2


def test_an_error_that_never_doubles_is_said_to():
    rows = [row("growth", i, 1.0, 1.0) for i in (0, 0.1)]
    found = Robustness(
        (*rows, *(row("skill_persistence", i, 0.5, 0.2) for i in (0, 1)))
    )
    assert found.doubling("m", "gaussian") is None
    assert found.verdict("m", "gaussian").startswith("its error never doubles; beats")


def test_a_model_lasts_until_its_skill_may_be_chance():
    lows = (0, 0.3), (0.1, 0.2), (0.2, -0.1), (0.3, 0.4)
    rows = [row("skill_persistence", i, 0.5, low) for i, low in lows]
    assert Robustness(tuple(rows)).lasting("m", "gaussian") == 0.1


def test_words_tell_where_a_model_gives_in():
    found = measured(still(), averaging(), repeating(), kinds=("missing",), steps=4)
    assert found.verdict("mean", "missing") == (
        "its error has doubled at 1 black frame(s); does not beat 'nothing moves' even "
        "without damage"
    )
    assert found.verdict("persistence", "missing") == (
        "its error has doubled at 1 black frame(s)"
    )


def test_words_tell_up_to_where_a_model_is_better():
    lows = (0, 0.3), (0.1, 0.2), (0.2, -0.1)
    rows = [row("growth", i, 1 + 10 * i, 1) for i, _ in lows]
    rows += [row("skill_persistence", i, 0.5, low) for i, low in lows]
    rows += [row("skill_advection", i, 0.5, low - 0.25) for i, low in lows]
    beside = replace(rows[0], model="advection")
    assert Robustness((*rows, beside)).verdict("m", "gaussian") == (
        "its error has doubled at a noise of 10 % of the grey range; beats 'nothing "
        "moves' up to a noise of 10 % of the grey range, all baselines only without "
        "damage"
    )


def test_a_stopped_measurement_keeps_whole_forecasts():
    stop, seen = Event(), []

    def progress(share: float) -> None:
        seen.append(share)
        if len(seen) == 10:  # of 12 forecasts by 4 intensities
            stop.set()

    found = measured(still(), repeating(), stop=stop, progress=progress)
    assert {score.n for score in found.rows} == {2}
    assert found.notes[0] == "Stopped after 2 of 12 forecasts per model and damage."


def test_stopped_at_once_there_is_nothing_but_a_note():
    stop = Event()
    stop.set()
    found = measured(still(), repeating(), stop=stop)
    assert found.rows == ()
    assert found.table() == "No scores."


@pytest.mark.parametrize(
    ("kinds", "steps", "told"),
    [
        (("fog",), 3, "'fog' is no kind of damage; choose from gaussian, poisson"),
        ((), 3, "No damage given; choose from"),
        (("square",), 0, "There must be 1 step or more of damage, not 0"),
    ],
)
def test_damage_that_makes_no_sense_is_refused(kinds, steps, told):
    with pytest.raises(SettingsError, match=told):
        plan(kinds, steps, 4)


def test_two_models_of_one_name_are_refused():
    with pytest.raises(SettingsError, match="Two models are called 'mean'"):
        measured(still(), averaging(), averaging())


def test_a_lead_below_one_is_refused():
    with pytest.raises(SettingsError, match="leads of 1 frame or more"):
        starts(gliding(), 20, (0,), 10)


@pytest.mark.parametrize(
    ("length", "says"),
    [
        (12, "none is left to score 5 ahead from frame 10 on; score from an earlier"),
        (8, "8 frames, but 9 are needed: 4 to see, and 5 to score; use a longer movie"),
    ],
)
def test_a_movie_without_frames_to_score_is_refused(length, says):
    with pytest.raises(MovieError, match=says):
        api.robustness(gliding(length), "linear", leads=(5,))


def test_intervals_of_few_forecasts_are_called_rough():
    movie = constant(60)
    few, more = (measured(movie, repeating(), most=n) for n in (20, 40))
    assert "20 forecasts could be scored, so the intervals are rough" in few.notes[0]
    assert not more.notes


def test_csv_has_one_line_per_score(tmp_path):
    found = measured(still(), repeating(), kinds=("gaussian", "square"), steps=2)
    found.save(tmp_path / "errors.csv")
    lines = list(csv.DictReader((tmp_path / "errors.csv").read_text().splitlines()))
    columns = "model,damage,intensity,lead,metric,value,low,high,n"
    assert ",".join(lines[0]) == columns
    assert len(lines) == len(found.rows) == 2 * 3 * 3


def test_json_has_what_csv_has_and_the_notes(tmp_path):
    found = measured(gliding(), repeating(), steps=2).noting(["Few frames."])
    found.save(tmp_path / "errors.json")
    read = json.loads((tmp_path / "errors.json").read_text())
    assert [DamagedScore(**row) for row in read["scores"]] == list(found.rows)
    assert read["notes"][-1] == "Few frames."


@pytest.mark.parametrize(("steps", "leads"), [(1, (1,)), (10, (1, 3))])
def test_the_figure_has_all_kinds_of_damage(tmp_path, steps, leads):
    contenders = averaging("my model"), repeating()
    found = measured(
        still(), *contenders, kinds=tuple(DAMAGES), steps=steps, leads=leads
    )
    found.plot(tmp_path / "errors.png")
    assert (tmp_path / "errors.png").read_bytes().startswith(b"\x89PNG")


def test_baselines_bear_the_same_damage_beside_every_model():
    found = api.robustness(gliding(), "persistence", kinds=("missing",), steps=2)
    assert found.models == tuple(BASELINES)
    assert found.damages == ("missing",)


def test_on_the_command_line_it_is_told_in_words_and_files(tmp_path, capsys):
    movie, table, figure = (tmp_path / n for n in ("a.ome.tif", "a.csv", "a.png"))
    write_movie(movie, iter(gliding().raw(0, 30)), like=gliding(), count=30)
    words = f"--damage square --damage gaussian --steps 2 -o {table} --plot {figure}"
    assert main(["robustness", str(movie), "advection", *words.split()]) == 0
    told = capsys.readouterr().out
    assert "Missing square: side (% of the frame's side)" in told
    assert "advection, 1 frame (1 min) ahead:\n  Missing square: its error" in told
    assert table.exists()
    assert figure.exists()


def test_the_command_line_writes_what_the_ending_says(tmp_path, capsys):
    movie, table = tmp_path / "a.ome.tif", tmp_path / "a.json"
    write_movie(movie, iter(gliding().raw(0, 30)), like=gliding(), count=30)
    words = f"robustness {movie} linear --damage square --steps 1".split()
    assert main([*words, "-o", str(table)]) == 0
    assert json.loads(table.read_text())["movie"] == "a"
    assert main([*words, "-o", str(tmp_path / "a.xlsx")]) == 2
    assert "use .csv or .json" in capsys.readouterr().err


def test_the_command_line_refuses_damage_it_does_not_know(tmp_path, capsys):
    movie = tmp_path / "a.ome.tif"
    write_movie(movie, iter(gliding().raw(0, 30)), like=gliding(), count=30)
    assert main(["robustness", str(movie), "persistence", "--damage", "fog"]) == 2
    assert "error: 'fog' is no kind of damage" in capsys.readouterr().err
