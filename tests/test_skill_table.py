import os
from importlib import import_module
from math import nan
from pathlib import Path
from unittest.mock import patch

import pytest

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
HEAD = "model,metric,lead,value,low,high,n"


@pytest.fixture
def skill_table(monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    with patch.dict(os.environ):
        yield import_module("skill_table")


def written(path: Path, against_ridge: tuple[float, float, float]) -> None:
    """Scores of a U-Net that beats everything, except as told at lead 3."""
    lines = [HEAD]
    for lead in (1, 3, 5, 10):
        for name in ("persistence", "denoised", "linear", "ridge", "advection"):
            value, low, high = (
                against_ridge if (name, lead) == ("ridge", 3) else (0.5, 0.4, 0.6)
            )
            lines.append(f"unet,skill_{name},{lead},{value},{low},{high},9")
            lines.append(f"{name},skill_persistence,{lead},0.1,0.0,0.2,9")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    verdict = "denoising, not forecasting: at 1 it removes 50 %\n"
    path.with_suffix(".txt").write_text(verdict, encoding="utf-8")


def table(skill_table, folder: Path) -> str:
    return skill_table.table(folder, ["tissue"], ["ridge", "unet"], ["a machine"])


def test_a_model_that_beats_everything_is_said_to(skill_table, tmp_path):
    written(tmp_path / "tissue-unet-0.csv", (0.1, 0.05, 0.2))
    text = table(skill_table, tmp_path)
    assert "| tissue | ridge | 10 (0 to 20) |" in text
    assert "| denoising | AHEAD of all at every lead |" in text
    assert "whole interval everywhere on 1 of 1 (tissue)" in text


def test_a_baseline_that_is_better_beyond_chance_is_named(skill_table, tmp_path):
    written(tmp_path / "tissue-unet-0.csv", (-0.3, -0.4, -0.1))
    text = table(skill_table, tmp_path)
    assert "BEHIND ridge (3)" in text
    assert "behind one by the whole interval on 1 of 1 (tissue)" in text


def test_means_are_over_the_same_movies_for_every_model(skill_table, tmp_path):
    written(tmp_path / "tissue-unet-0.csv", (0.1, 0.05, 0.2))
    path = tmp_path / "yeast-unet-0.csv"
    written(path, (0.1, 0.05, 0.2))
    path.write_text(path.read_text().replace("persistence,5,0.5", "persistence,5,0.3"))
    movies, models = ["tissue", "yeast"], ["ridge", "unet"]
    text = skill_table.table(tmp_path, movies, models, [])
    assert "| 2 simulated movies | ridge | 10 | 10 | 10 |" in text
    assert "| 2 simulated movies | unet | 50 | 50 | 40 |" in text
    path.unlink()
    text = skill_table.table(tmp_path, movies, models, [])
    assert "| 2 simulated movies | unet |  |  |  |" in text


def test_a_movie_that_ends_before_a_lead_is_said_to(skill_table, tmp_path):
    path = tmp_path / "tissue-unet-0.csv"
    written(path, (0.1, 0.05, 0.2))
    assert "those that there are: none." in table(skill_table, tmp_path)
    lines = [line for line in path.read_text().splitlines() if ",5," not in line]
    path.write_text("\n".join(lines) + "\n")
    text = table(skill_table, tmp_path)
    assert "those that there are: tissue." in text
    assert "an interval at one of these leads: tissue;" in text


@pytest.mark.parametrize(
    ("found", "says", "counts"),
    [
        ((-0.1, -0.4, 0.1), "behind ridge (3)", "1, 3 and 5 on 0 of 1 (none)"),
        ((0.1, -0.2, 0.3), "ahead of ridge (3)", "everywhere on 0 of 1 (none)"),
        ((0.1, nan, nan), "ahead of ridge (3)", "everywhere on 0 of 1 (none)"),
    ],
)
def test_what_may_be_chance_is_not_in_capitals(
    skill_table, tmp_path, found, says, counts
):
    written(tmp_path / "tissue-unet-0.csv", found)
    text = table(skill_table, tmp_path)
    assert says in text
    assert counts in text
    assert "behind one by the whole interval on 0 of 1 (none)" in text


def test_movies_that_are_too_short_to_be_sure_are_named(skill_table, tmp_path):
    path = tmp_path / "tissue-unet-0.csv"
    written(path, (0.1, 0.05, 0.2))
    assert "one of these leads: none" in table(skill_table, tmp_path)
    text = path.read_text(encoding="utf-8")
    sure = "unet,skill_persistence,5,0.5,0.4,0.6"
    unsure = "unet,skill_persistence,5,0.5,nan,nan"
    assert sure in text
    path.write_text(text.replace(sure, unsure), encoding="utf-8")
    assert "one of these leads: tissue" in table(skill_table, tmp_path)


def test_seeds_that_disagree_on_what_they_do_are_both_told(skill_table, tmp_path):
    for seed in (0, 1):
        written(tmp_path / f"tissue-unet-{seed}.csv", (0.1, 0.0, 0.2))
    told = "forecasting: at 1 it removes 50 %\n"
    (tmp_path / "tissue-unet-1.txt").write_text(told, encoding="utf-8")
    assert "| denoising or forecasting |" in table(skill_table, tmp_path)


def test_of_two_seeds_the_worse_one_counts(skill_table, tmp_path):
    for seed, value in enumerate((-0.5, 0.1)):
        written(tmp_path / f"tissue-unet-{seed}.csv", (value, -0.6, 0.2))
    assert "behind ridge (3)" in table(skill_table, tmp_path)


def test_it_counts_intervals_that_are_too_wide_and_too_narrow(skill_table, tmp_path):
    path = tmp_path / "tissue-unet-0.csv"
    written(path, (0.1, 0.05, 0.2))
    held = {(50, 1): 0.6, (50, 3): 0.58, (80, 1): 0.7, (95, 1): 0.95}
    more = [f"unet,coverage_{p},{k},{v},nan,nan,9" for (p, k), v in held.items()]
    path.write_text("\n".join([path.read_text(), *more]), encoding="utf-8")
    text = table(skill_table, tmp_path)
    assert "1 of 4 intervals" in text
    assert "2 are too wide, 1 too narrow." in text


def test_seeds_are_told_by_their_median_and_range(skill_table, tmp_path):
    for seed, value in enumerate((0.3, 0.6, 0.5)):
        written(tmp_path / f"tissue-unet-{seed}.csv", (0.1, 0.0, 0.2))
        path = tmp_path / f"tissue-unet-{seed}.csv"
        text = path.read_text(encoding="utf-8")
        path.write_text(
            text.replace("persistence,1,0.5", f"persistence,1,{value}"),
            encoding="utf-8",
        )
    assert "| tissue | unet | 50 (30 to 60) |" in table(skill_table, tmp_path)


def test_it_counts_how_many_intervals_hold_what_they_promise(skill_table, tmp_path):
    path = tmp_path / "tissue-unet-0.csv"
    written(path, (0.1, 0.05, 0.2))
    assert "as much as they promise" not in table(skill_table, tmp_path)
    held = {50: 0.56, 80: 0.77, 95: 0.95}
    more = [f"unet,coverage_{p},1,{v},nan,nan,9" for p, v in held.items()]
    path.write_text(path.read_text() + "\n".join(more) + "\n")
    assert (
        "- unet, simulated movies: 2 of 3 intervals of 50, 80 and 95 % hold as much as "
        "they promise, within 5 points; the worst is that of 50 % on tissue at lead 1, "
        "which holds 56 %."
    ) in table(skill_table, tmp_path)
