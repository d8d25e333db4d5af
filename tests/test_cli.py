"""``morphocast``: a contract that scripts and people rely on."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import tifffile

from movies import gliding
from napari_morphocast.cli import main
from napari_morphocast.cli.inputs import parsed
from napari_morphocast.data.io import read_metadata, read_movie, write_movie
from napari_morphocast.errors import ForecastError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path
    from threading import Event

SMALL = (
    "--epochs",
    "1",
    "--set",
    "hidden=[4]",
    "--set",
    "context=3",
    "--model",
    "convlstm",
    "--device",
    "cpu",
)


@pytest.fixture
def movie(tmp_path: Path) -> Path:
    """A small movie as a file."""
    return saved(tmp_path / "cells.ome.tif")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that has seen 80 % of that movie."""
    folder = tmp_path_factory.mktemp("model")
    movie = saved(folder / "cells.ome.tif")
    assert (
        main(["train", str(movie), "-o", str(folder / "net.morphocast"), *SMALL]) == 0
    )
    return folder / "net.morphocast"


def saved(path: Path, frames: int = 24) -> Path:
    movie = gliding(frames)
    write_movie(path, iter(movie.raw(0, frames)), like=movie, count=frames)
    return path


def run(*words: object) -> int:
    return main([str(word) for word in words])


def refusal(capsys: pytest.CaptureFixture[str], *words: object) -> str:
    """What is said about a command that ends with status 2, in its one line."""
    capsys.readouterr()
    assert run(*words) == 2
    told = capsys.readouterr().err
    assert told.startswith("error: ")
    assert told.count("\n") == 1
    return told


def test_help_never_imports_torch() -> None:
    code = (
        "import sys; from napari_morphocast.cli import main; main(['--help']); "
        "main(['train', '--help']); main(['sweep', '--help']); "
        "main(['embed', '--help']); "
        "heavy = 'torch', 'napari', 'matplotlib', 'optuna'; "
        "sys.exit(any(m in sys.modules for m in heavy))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], check=False, capture_output=True
    )
    assert done.returncode == 0


def test_a_run_that_was_never_better_than_its_start_says_so(movie, tmp_path, capsys):
    out = tmp_path / "net.morphocast"
    assert run("train", movie, "-o", out, *SMALL, "--set", "learning_rate=1") == 0
    assert "No epoch forecast the validation frames better" in capsys.readouterr().out


def test_it_runs_as_a_module() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "napari_morphocast", "info", "nowhere.tif"],
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert done.stderr == "error: nowhere.tif does not exist; check the path.\n"


@pytest.mark.parametrize(
    "words",
    [
        "nonsense",
        "info",
        "info a b",
        "train a.tif",
        "train a.tif -o b --bogus",
        "predict a.tif persistence -o b.tif --lead x",
        "train a.tif -o b --events xml",
    ],
)
def test_wrong_usage_is_told_in_one_line(
    words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "See 'morphocast --help'" in refusal(capsys, *words.split())


def test_no_words_at_all_show_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert run() == 0
    assert "evaluate" in capsys.readouterr().out


def test_info_tells_what_is_in_a_movie(
    movie: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("info", movie) == 0
    told = capsys.readouterr().out
    assert "24 frames, 1 channel, 24 x 28 pixels, uint8, 1 min per frame" in told
    assert "noise" in told


def test_info_speaks_json(movie: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("info", movie, "--json") == 0
    about = json.loads(capsys.readouterr().out)
    assert about["shape"] == [24, 1, 24, 28]
    assert about["interval"] == 60
    assert about["report"]["frames"] == 24


def test_info_tells_that_frames_were_made(
    movie: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made, plain = tmp_path / "made.ome.tif", read_movie(movie)
    note = "SYNTHETIC frames by us"
    write_movie(made, iter(plain.raw(0, 2)), like=plain, count=2, note=note)
    assert run("info", made) == 0
    assert f"Note in the file: {note}" in capsys.readouterr().out
    assert run("info", made, "--json") == 0
    assert json.loads(capsys.readouterr().out)["note"].startswith(note)
    assert run("info", movie) == 0
    assert "Note" not in capsys.readouterr().out


def test_info_tells_what_a_model_has_learned(
    model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("info", model) == 0
    told = capsys.readouterr().out
    assert told.startswith("net: convlstm, trained on cells")
    assert "Sees 3 frames" in told
    assert "hidden = [4]" in told
    assert run("info", model, "--json") == 0
    about = json.loads(capsys.readouterr().out)
    assert about["settings"]["hidden"] == [4]
    assert about["movies"][0]["until"] == 19
    assert "nowhere" in refusal(capsys, "info", "nowhere.morphocast")


def test_models_lists_settings_bounds_and_defaults(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run("models") == 0
    told = capsys.readouterr().out
    assert "convlstm: " in told
    assert "epochs = 60 (at least 1" in told


def test_models_speaks_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("models", "--json") == 0
    listed = json.loads(capsys.readouterr().out)["models"]
    assert listed["linear"]["settings"]["damping"]["maximum"] == 1
    assert [name for name in listed if not listed[name]["trains"]] == [
        "advection",
        "denoised",
        "linear",
        "persistence",
        "ridge",
    ]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ("hidden=[16,32]", [16, 32]),
        ("head=motion", "motion"),
        ("patch=2", 2),
        ("flips=true", True),
        ("norm='group'", "group"),
        ("name=a=b", "a=b"),
    ],
)
def test_settings_are_toml_or_bare_words(change: str, expected: object) -> None:
    assert parsed(change)[1] == expected


def test_training_shows_checks_curves_the_line_to_beat_and_a_verdict(
    movie: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("train", movie, "-o", tmp_path / "net.morphocast", *SMALL) == 0
    told = capsys.readouterr().out
    assert "the noise is about" in told
    assert "epoch 1/1   train " in told
    assert "nothing moves 0." in told
    assert "of the other baselines" in told.splitlines()[-2]
    assert "so few that it may be chance" in told.splitlines()[-4]
    assert (tmp_path / "net.morphocast").is_file()


def test_training_tells_programs_every_event_and_nothing_else(
    movie: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "net.morphocast"
    assert run("train", movie, "-o", out, *SMALL, "--events", "jsonl") == 0
    told = [json.loads(line)["event"] for line in capsys.readouterr().out.splitlines()]
    assert told[0] == "Started"
    assert told[-2:] == ["Saved", "Finished"]


def test_settings_come_from_a_file_and_the_command_line_has_the_last_word(
    movie: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    toml = tmp_path / "run.toml"
    toml.write_text('model = "convlstm"\nepochs = 3\nhidden = [4]\ncontext = 3\n')
    out = tmp_path / "net.morphocast"
    assert run("train", movie, "-o", out, "--config", toml, "--epochs", "2") == 0
    assert "epoch 2/2" in capsys.readouterr().out


def test_resuming_goes_on_with_the_curve(
    movie: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "net.morphocast"
    assert run("train", movie, "-o", out, *SMALL) == 0
    assert run("train", movie, "-o", out, "--resume", "--epochs", "2") == 0
    assert "going on after epoch 1" in capsys.readouterr().out


def test_resuming_refuses_other_settings(
    movie: Path, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = refusal(capsys, "train", movie, "-o", model, "--resume", "--seed", "3")
    assert "only --epochs or --minutes" in told


def test_finetuning_starts_from_a_model_and_leaves_it_alone(
    movie: Path, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = model.read_bytes()
    out = tmp_path / "tuned.morphocast"
    assert run("train", movie, "-o", out, "--from", model, "--epochs", "1") == 0
    assert model.read_bytes() == before
    assert "overwritten" in refusal(
        capsys, "train", movie, "-o", model, "--from", model
    )


def test_other_processes_of_a_run_say_nothing(
    movie: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LOCAL_RANK", "1")
    assert run("train", movie, "-o", tmp_path / "net.morphocast", *SMALL) == 0
    assert capsys.readouterr().out == ""


def test_predict_writes_forecast_and_error_that_fit_the_movie(
    movie: Path, model: Path, tmp_path: Path
) -> None:
    out, error = tmp_path / "ahead.ome.tif", tmp_path / "error.ome.tif"
    assert run("predict", movie, model, "-o", out, "--error", error, "--lead", 2) == 0
    truth, ahead = read_movie(movie).raw(4, 24), read_movie(out).raw(0, 20)
    expected = np.abs(ahead.astype(int) - truth)
    assert (read_movie(error).raw(0, 20) == expected).all()
    assert read_metadata(out).interval == 60


def test_written_forecasts_say_that_they_are_forecasts(
    movie: Path, tmp_path: Path
) -> None:
    out = tmp_path / "ahead.ome.tif"
    assert run("rollout", movie, "persistence", "-o", out) == 0
    assert b"FORECAST by persistence" in out.read_bytes()


def test_rollout_goes_past_the_end_unless_told_otherwise(
    movie: Path, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("rollout", movie, model, "-o", tmp_path / "r.npy", "--horizon", 3) == 0
    told = capsys.readouterr().out
    assert "frames 24 to 26, 3 of them beyond" in told
    assert "checked on too few unseen frames to say how far ahead to" in told
    words = ("--horizon", 6, "--start", 20)
    assert run("rollout", movie, model, "-o", tmp_path / "r.tif", *words) == 0
    assert "frames 20 to 25, 2 of them beyond" in capsys.readouterr().out
    words = ("--horizon", 2, "--context", 20)
    assert run("rollout", movie, model, "-o", tmp_path / "long.npy", *words) == 0
    ahead = np.load(tmp_path / "r.npy")[:2], np.load(tmp_path / "long.npy")
    assert not np.array_equal(*ahead)


def test_evaluate_prints_skill_and_writes_csv_and_plot(
    movie: Path, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table, plot = tmp_path / "scores.csv", tmp_path / "scores.png"
    words = ("--horizon", 3, "-o", table, "--plot", plot)
    assert run("evaluate", movie, model, *words) == 0
    told = capsys.readouterr().out
    assert "advection" in told
    assert "WARNING" not in told.replace("WARNING: Only", "")
    assert table.read_text().startswith("model,metric,lead,value,low,high,n\n")
    assert plot.stat().st_size > 1000


def test_evaluate_says_in_one_line_where_a_model_stands(
    movie: Path, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("evaluate", movie, model, "--horizon", 2) == 0
    told = capsys.readouterr().out.splitlines()
    (line,) = [line for line in told if "persistence" in line]
    assert line.startswith(f"{model.stem} is ")
    assert all(name in line for name in ("denoised", "linear", "ridge", "advection"))


def test_controls_are_told_and_kept_on_request(
    movie: Path, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = tmp_path / "scores.json"
    words = ("--horizon", 2, "--controls", "-o", table)
    assert run("evaluate", movie, model, *words) == 0
    told = capsys.readouterr().out
    assert "frames before the last one shuffled" in told
    (found,) = json.loads(table.read_text())["controls"]
    assert f"{model.stem}: {found['verdict']}." in told


def test_evaluating_on_training_frames_warns_loudly(
    movie: Path, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("evaluate", movie, model, "--horizon", 2, "--from", "0.3") == 0
    told = capsys.readouterr().out
    assert told.startswith("WARNING: ")
    assert "TRAINED" in told


def test_a_movie_is_never_overwritten(
    movie: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = movie.read_bytes()
    told = refusal(capsys, "rollout", movie, "persistence", "-o", movie)
    assert "would be overwritten" in told
    assert movie.read_bytes() == before


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("rollout {movie} persistence -o {folder}/none/out.tif", "There is no folder"),
        ("rollout {movie} persistence -o {folder}/out.avi", "no ending"),
        (
            "rollout {movie} nonsense -o {folder}/out.tif",
            "no model file and no baseline",
        ),
        ("rollout {movie} persistence -o {folder}/o.tif --start 99", "can start at"),
        ("predict {movie} persistence -o {folder}/o.tif --lead 90", "longer movie"),
        (
            "predict {movie} linear -o {folder}/o.tif --error {folder}/o.tif",
            "same file",
        ),
        ("evaluate {movie} persistence --from 1.0", "below 1"),
        ("evaluate {movie} persistence -o {folder}/s.xlsx", "use .csv or .json"),
        ("evaluate {movie} persistence --plot {folder}/s.pdf", "use .png"),
        ("train {movie} -o {folder}/none/n.morphocast", "There is no folder"),
        ("train {movie} -o {folder}/net.pt", ".morphocast"),
        ("train {movie} -o {folder}/n.morphocast --set patch", "key=value"),
        ("train {movie} -o {folder}/n.morphocast --set pach=2", "pach"),
        ("train {movie} -o {folder}/n.morphocast --epochs 0", "epochs"),
        (
            "train {movie} -o {folder}/n.morphocast --device gpu9",
            "'device' cannot be 'gpu9': give auto, cpu, cuda, cuda:1 or mps.",
        ),
        (
            "train {movie} -o {folder}/n.morphocast --set batch=few",
            "'batch' cannot be 'few': give a whole number.",
        ),
        ("train {movie} -o {folder}/n.morphocast --config {folder}/no.toml", "no.toml"),
        ("info {movie} --channel 3", "channel 3"),
        ("info {movie} --z deep", "--z takes"),
        ("info {movie} --axes TZ", "axes"),
    ],
)
def test_bad_input_gets_one_sentence(
    words: str,
    expected: str,
    movie: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    line = words.format(movie=movie, folder=tmp_path).split()
    assert expected in refusal(capsys, *line)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("surprise {movie} persistence -o {folder}/s.tif --events .", "is a folder"),
        ("evaluate {movie} persistence -o {folder}/s.csv --plot {folder}/p.png", ""),
    ],
)
def test_what_cannot_be_written_or_done_is_known_before_the_work(
    words: str,
    expected: str,
    movie: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def no_room(**_: object) -> None:
        raise PermissionError(13, "Permission denied")

    if not expected:
        expected = "Permission denied"
        monkeypatch.setattr("napari_morphocast.cli.inputs.TemporaryFile", no_room)
    line = words.format(movie=movie, folder=tmp_path).split()
    assert expected in refusal(capsys, *line)
    assert capsys.readouterr().out == ""
    assert not list(tmp_path.glob("s.*"))


@pytest.mark.parametrize("ending", ["npy", "tif"])
def test_a_mask_restricts_the_scores(
    movie: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], ending: str
) -> None:
    mask = np.zeros((24, 28), np.uint8)
    mask[:, :7] = 255
    path, whole, part = (tmp_path / n for n in (f"m.{ending}", "w.csv", "p.csv"))
    np.save(path, mask) if ending == "npy" else tifffile.imwrite(path, mask)
    words = ("evaluate", movie, "linear", "--horizon", 1, "--controls")
    assert run(*words, "-o", whole) == 0
    assert run(*words, "-o", part, "--region", path) == 0
    assert "25 % of the pixels" in capsys.readouterr().out
    assert whole.read_text() != part.read_text()


@pytest.mark.parametrize(
    ("mask", "expected"),
    [
        (np.ones((9, 9)), "The region has 9 x 9 pixels"),
        (np.zeros((24, 28)), "The region is empty"),
        (None, "is not there"),
    ],
)
def test_a_mask_that_does_not_fit_is_refused(
    movie: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    mask: np.ndarray | None,
    expected: str,
) -> None:
    path = tmp_path / "mask.npy"
    if mask is not None:
        np.save(path, mask)
    words = ("evaluate", movie, "persistence", "--region", path)
    assert expected in refusal(capsys, *words)


@pytest.mark.parametrize(
    ("after", "said"), [(0, "anything to keep"), (3, "frames 1 to 3.")]
)
@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C cannot be sent there")
def test_ctrl_c_while_forecasting_says_what_is_kept(
    movie: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    after: int,
    said: str,
) -> None:
    def interrupted(items: Iterable[Any], stop: Event) -> Iterator[Any]:
        for done, item in enumerate(items):
            if done == after:
                signal.raise_signal(signal.SIGINT)
            if stop.is_set():
                return
            yield item

    monkeypatch.setattr("napari_morphocast.cli.outputs.until_stopped", interrupted)
    out = tmp_path / "out.ome.tif"
    assert run("predict", movie, "persistence", "-o", out) == 130
    told = capsys.readouterr()
    assert said in told.out + told.err
    assert "error" not in told.err
    assert out.exists() == bool(after)


@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C cannot be sent there")
def test_ctrl_c_before_anything_is_usual_is_no_error(
    movie: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        signal.raise_signal(signal.SIGINT)
        raise ForecastError("Stopped after 3 frames.")

    out = tmp_path / "out.ome.tif"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("napari_morphocast.api.surprise", interrupted)
        assert run("surprise", movie, "persistence", "-o", out) == 130
    assert "anything to keep" in capsys.readouterr().err


@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C cannot be sent there")
def test_ctrl_c_saves_what_was_learned(movie: Path, tmp_path: Path) -> None:
    out = tmp_path / "net.morphocast"
    words = ["train", str(movie), "-o", str(out), *SMALL[2:], "--epochs", "100000"]
    process = subprocess.Popen(
        [sys.executable, "-m", "napari_morphocast", *words],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    assert process.stdout is not None
    next(line for line in process.stdout if line.startswith("epoch"))
    process.send_signal(signal.SIGINT)
    told, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "what was learned is kept" in told
    assert run("rollout", movie, out, "-o", tmp_path / "out.npy") == 0


@pytest.mark.slow
def test_the_demo_leaves_a_model_scores_and_pictures(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "new" / "demo"
    assert run("demo", "-o", folder, "--minutes", "0.03", "--device", "cpu") == 0
    made = {path.name for path in folder.iterdir()}
    assert made >= {
        "demo.morphocast",
        "scores.csv",
        "scores.png",
        "forecast.png",
        "rollout.gif",
        "rollout.ome.tif",
        "synthetic.ome.tif",
        "synthetic.png",
    }
    assert len(read_movie(folder / "synthetic.ome.tif")) == 8
    told = capsys.readouterr().out
    assert "advection" in told
    assert "napari" in told


# --- embed


@pytest.fixture(scope="module")
def coder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small latent_lstm."""
    folder = tmp_path_factory.mktemp("coder")
    small = "--model latent_lstm --epochs 1 --set context=3 --set code=5 --device cpu"
    words = ["train", saved(folder / "cells.ome.tif"), "-o", folder / "net.morphocast"]
    assert run(*words, *small.split(), "--set", "width=4") == 0
    return folder / "net.morphocast"


def table(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_embed_writes_codes_of_every_frame(
    movie: Path, coder: Path, tmp_path: Path
) -> None:
    output, plot = tmp_path / "codes.csv", tmp_path / "codes.png"
    kinds = "--projection", "tsne", "--projection", "pca"
    assert run("embed", movie, coder, "-o", output, *kinds, "--plot", plot) == 0
    rows = table(output)
    assert len(rows) == 24
    assert {"tsne_1", "tsne_2", "pca_1", "pca_2", "code_4"} <= set(rows[0])
    assert [row["time_s"] for row in rows[:2]] == ["0", "60"]
    assert rows[2]["error"] == ""
    assert float(rows[3]["error"]) > 0
    assert plot.stat().st_size > 5000


def test_embed_writes_codes_of_cells(
    movie: Path, coder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    labels = np.zeros((24, 24, 28), np.uint16)
    labels[:, 4:8, 4:8] = 7
    tifffile.imwrite(tmp_path / "masks.tif", labels)
    output, masks = tmp_path / "codes.csv", tmp_path / "masks.tif"
    words = "embed", movie, coder, "-o", output, "--labels", masks
    assert run(*words, "--crop", 16, "--window", 2) == 0
    rows = table(output)
    assert {row["label"] for row in rows} == {"7"}
    assert rows[0]["frame"] == "1"
    assert "23 crops around cells, codes of 10 numbers" in capsys.readouterr().out
    assert run(*words, "--crop", 0) == 0
    assert len(table(output)) == 24
    assert table(output)[0]["label"] == ""


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("-o codes.txt", "use .csv"),
        ("-o codes.csv --plot codes.svg", "use .png"),
        ("-o codes.csv --window 99", "has 24 frame"),
        ("-o codes.csv --crop 32", "--crop needs --labels"),
        ("-o codes.csv --labels nothing.tif", "nothing.tif"),
        ("-o codes.csv --projection map", "--projection"),
        ("-o nowhere/codes.csv", "no folder"),
    ],
)
def test_embed_refuses_what_makes_no_sense(
    movie: Path,
    coder: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    words: str,
    told: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert told in refusal(capsys, "embed", movie, coder, *words.split())


def test_embed_needs_a_model_with_codes(
    movie: Path, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "codes.csv"
    assert "has no codes" in refusal(capsys, "embed", movie, model, "-o", output)
    assert not output.exists()


def test_embed_never_overwrites_what_it_reads(
    movie: Path, coder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "would be overwritten" in refusal(capsys, "embed", movie, coder, "-o", movie)
