import os
from importlib import import_module
from pathlib import Path
from unittest.mock import patch

import pytest
import torch

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
CPU = torch.device("cpu")


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
