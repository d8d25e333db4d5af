import os
from importlib import import_module
from pathlib import Path
from unittest.mock import patch

import pytest
import torch

from movies import gliding
from napari_morphocast.errors import SettingsError
from napari_morphocast.training import fit

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
CPU = torch.device("cpu")
MNIST = BENCHMARKS.parents[1] / "shared" / "data" / "mnist-t10k-images-idx3-ubyte.gz"


@pytest.fixture
def benchmark(monkeypatch):
    """Import a module of the benchmarks by its name."""
    monkeypatch.syspath_prepend(BENCHMARKS)
    with patch.dict(os.environ):  # a benchmark sets what its processes shall see
        yield import_module


def test_the_textbook_network_forecasts_what_ours_does(benchmark):
    assert benchmark("throughput").check_same_output(CPU) < 1e-5


def test_networks_that_differ_are_not_compared(benchmark, monkeypatch):
    monkeypatch.setattr(benchmark("textbook"), "OURS_TO_TEXTBOOK", (0, 1, 2, 3))
    with pytest.raises(RuntimeError, match="differs from ours"):
        benchmark("throughput").check_same_output(CPU)


def test_supervised_frames_are_counted_as_the_loss_counts_them(benchmark, monkeypatch):
    throughput = benchmark("throughput")
    run = throughput.Run.make(
        "convlstm", hidden=(2,), context=5, horizon=3, warmup=2, balance=False
    )
    model = throughput.ConvLSTM(run.settings, 1)
    compared = []
    monkeypatch.setattr(
        model, "criterion", lambda ahead, _: compared.append(ahead.shape[1]) or ahead
    )
    frames = torch.rand(1, 8, 1, 16, 16)
    model.loss((frames[:, :5], frames[:, 5:]))
    assert compared == [throughput.supervised(run)]


def test_the_table_says_where_an_aim_is_missed(benchmark):
    table = benchmark("table")
    row = table.Row("e", "tick, ms", "80", "10", "8", table.aim(False, "under 50 ms"))
    text = table.report([table.Findings((row,), "e: how")], CPU, "speed.py")
    assert "| e | tick, ms | 80   | 10     | 8     | aim missed (under 50 ms) |" in text
    assert f"torch {torch.__version__}" in text


def test_ratios_are_taken_within_rounds(benchmark):
    stopwatch = benchmark("stopwatch")
    assert stopwatch.ratio([2, 4, 9], [1, 2, 3]) == "2 (2 to 3)"


def test_contenders_take_turns(benchmark):
    order = []
    turns = {name: lambda name=name: order.append(name) or 1.0 for name in "ab"}
    benchmark("stopwatch").take_turns(turns, 2)
    assert order == ["a", "b", "b", "a"]


def test_a_quick_run_writes_its_table(benchmark, tmp_path, capsys):
    path = tmp_path / "speed.txt"
    arguments = ["--quick", "--device", "cpu", "--only", "latency", "-o", str(path)]
    assert benchmark("speed").main(arguments) == 0
    assert path.read_text() in capsys.readouterr().out
    assert "one step at 64 x 64" in path.read_text()


def test_an_unknown_part_is_refused(benchmark, capsys):
    with pytest.raises(SystemExit):
        benchmark("speed").main(["--only", "z"])
    assert "there is no part z" in capsys.readouterr().err


@pytest.fixture
def digits(benchmark):
    """Four digits that are all alike: a bright bar to the left of the middle."""
    pictures = torch.zeros(4, 28, 28, dtype=torch.uint8)
    pictures[:, 8:20, 6:10] = 200
    return benchmark("healing_data").Digits(pictures, torch.arange(4).byte())


def test_digits_turn_by_the_same_angle_from_frame_to_frame(benchmark, digits):
    data = benchmark("healing_data")
    made = data.sequences(digits, data.Kind("", (90,)), 0).frames
    for before, frame in zip(made[0], made[0, 1:], strict=False):
        assert torch.equal(frame, torch.rot90(before))


def test_shorter_sequences_end_with_the_longer_and_begin_upright(benchmark, digits):
    data = benchmark("healing_data")
    made = data.sequences(digits, data.Kind("", (90,), varying=True), 0)
    for frames, length in zip(made.frames, made.lengths, strict=True):
        assert not frames[:-length].any()
        assert torch.equal(frames[-length], digits.pictures[0])


def test_squares_grow_and_shrink_within_a_sequence(benchmark, digits):
    data = benchmark("healing_data")
    kind = data.Kind("", (90,), 5, growing=True)
    corner = data.sequences(digits, kind, 0).frames[:, :, :8, 0]
    sides = [[int(frame.sum()) // 255 for frame in one] for one in corner]
    assert all(s in ([3, 5, 7, 5, 3, 0], [0, 3, 5, 7, 5, 3]) for s in sides)


def test_the_losses_of_the_report_are_told_per_pixel(benchmark):
    denoised = benchmark("n6_n3").SETS[1].seed
    assert denoised.true == pytest.approx((7.4e-4, 1.0e-3), rel=0.05)


@pytest.mark.slow
@pytest.mark.skipif(not MNIST.is_file(), reason="MNIST is not beside the checkout")
@pytest.mark.parametrize("name", ["healing_mnist", "n6_n3"])
def test_a_quick_run_on_digits_writes_its_tables(
    benchmark, tmp_path, monkeypatch, capsys, name
):
    monkeypatch.setattr(fit, "time", fit.time)  # which n6_n3 makes the process's own
    path = tmp_path / "table.md"
    benchmark(name).main(["--quick", "-o", str(path)])
    assert path.read_text().splitlines()[-1] in capsys.readouterr().out
    assert "| aim |" in path.read_text()


@pytest.fixture
def stages(benchmark, monkeypatch):
    """The stages benchmark with tiny networks, on a tiny movie."""
    module = benchmark("stages")
    tiny = {"width": 4, "depth": 1, "epochs": 4}
    variants = {"ours": tiny, "ours-noflow": {**tiny, "flow": "none"}}
    monkeypatch.setattr(module, "VARIANTS", variants)
    monkeypatch.setattr(module, "_movie", lambda given: (gliding(40), None))
    return module


def run_stages(stages, path, *more):
    arguments = ["stages.py", "tiny", "--minutes", "0.005", "-o", str(path), *more]
    with patch("sys.argv", arguments):
        stages.main()


def test_every_stage_has_its_lines_beside_the_one_before(stages, tmp_path, capsys):
    path = tmp_path / "stages.md"
    run_stages(stages, path)
    assert path.read_text() == capsys.readouterr().out
    rows = [
        line.split(" | ") for line in path.read_text().splitlines() if " | 5 | " in line
    ]
    found = {row[0].strip("| "): row for row in rows}
    assert list(found)[-6:] == [
        "ours-fine-tune",
        "ours-rollout",
        "ours-noflow-flow",
        "ours-noflow-fine-tune",
        "ours-noflow-rollout",
        "recipe-fit",
    ]
    assert found["ours-flow"][3]
    assert float(found["advection"][3].split()[0]) == 0
    assert found["ours-rollout"][4]
    assert not found["ours-flow"][4]
    assert found["ours-noflow-rollout"][5]
    assert not found["ours-rollout"][5]


def test_stages_that_were_kept_are_scored_without_training(
    stages, tmp_path, monkeypatch
):
    def table(name):
        run_stages(stages, tmp_path / name, "--keep", str(tmp_path / "kept"))
        return (tmp_path / name).read_text().splitlines()[1:]

    first = table("first.md")
    monkeypatch.delattr(stages.api, "train")
    assert table("again.md") == first


def test_what_a_long_benchmark_has_found_is_written_at_once(stages, tmp_path):
    path = tmp_path / "stages.md"
    stages.VARIANTS["ours-noflow"]["flow"] = "no such"
    with pytest.raises(SettingsError):
        run_stages(stages, path)
    with pytest.raises(SystemExit):
        run_stages(stages, path, "--only", "hours")
    assert "| ours-rollout | 5 |" in path.read_text()
