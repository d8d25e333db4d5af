import gc
from pathlib import Path

import numpy as np
import pytest
import torch

from movies import gliding
from napari_morphocast import api
from napari_morphocast.errors import TrainingError
from napari_morphocast.models.convlstm import ConvLSTM
from napari_morphocast.training.config import Hardware, Run
from napari_morphocast.training.events import BatchDone

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no NVIDIA GPU"),
]
CUDA = Hardware(device="cuda")
SMALL = {"hidden": (8,), "context": 3, "horizon": 1, "epochs": 4}


def allocated() -> int:
    gc.collect()
    torch.cuda.empty_cache()
    return torch.cuda.memory_allocated()


MOVES = {"width": 4, "depth": 2, "context": 3, "epochs": 4, "batches": 3}
ODD = {"loss": "adaptive", "errors": "map", "kernels": "learned", "flow": "learned"}


def trained(path: Path, hardware: Hardware = CUDA, **settings) -> list:
    run = Run.make("convlstm", **{**SMALL, **settings})
    return list(api.train(gliding(), path, run, hardware=hardware))


def test_memory_is_given_back_after_training(tmp_path):
    before = allocated()
    trained(tmp_path / "a.morphocast")
    assert allocated() == before


def test_memory_is_given_back_when_a_run_is_dropped_half_way(tmp_path):
    before = allocated()
    run = Run.make("convlstm", **SMALL)
    events = api.train(gliding(), tmp_path / "a.morphocast", run, hardware=CUDA)
    next(e for e in events if isinstance(e, BatchDone))
    events.close()
    del events
    assert allocated() == before


def test_memory_is_given_back_after_it_ran_out(tmp_path, monkeypatch):
    before = allocated()

    def greedy(self, batch):
        return torch.empty(2**50, device="cuda")

    monkeypatch.setattr(ConvLSTM, "loss", greedy)
    with pytest.raises(TrainingError, match=r"of .* GB are free"):
        trained(tmp_path / "a.morphocast")
    assert allocated() == before


def test_a_model_trained_on_the_gpu_forecasts_the_same_on_the_cpu(tmp_path):
    path = tmp_path / "a.morphocast"
    trained(path)
    frames = [
        np.stack(list(api.rollout(gliding(), path, horizon=3, hardware=place).frames))
        for place in (CUDA, Hardware(device="cpu"))
    ]
    assert np.abs(frames[0].astype(int) - frames[1]).max() <= 1


def test_bfloat16_trains_where_the_card_has_it(tmp_path):
    if not torch.cuda.is_bf16_supported(including_emulation=False):
        pytest.skip("this card has no bfloat16")
    hardware = Hardware(device="cuda", precision="bf16-mixed")
    assert trained(tmp_path / "a.morphocast", hardware)[-1].why == "done"


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
@pytest.mark.parametrize("settings", [{}, {**ODD, "adversarial": 0.1}])
def test_pixels_move_on_the_gpu_as_on_the_cpu(settings, precision, tmp_path):
    if not torch.cuda.is_bf16_supported(including_emulation=False):
        pytest.skip("this card has no bfloat16")
    path = tmp_path / "a.morphocast"
    run = Run.make("sdc_net", **MOVES, **settings)
    hardware = Hardware(device="cuda", precision=precision)
    assert list(api.train(gliding(), path, run, hardware=hardware))[-1].why == "done"
    moved = [
        next(iter(api.rollout(gliding(), path, horizon=1, hardware=place).steps))
        for place in (CUDA, Hardware(device="cpu"))
    ]
    for one, other in zip(*moved, strict=True):
        if one is not None:
            assert np.abs(np.asarray(one, float) - other).max() <= 1
