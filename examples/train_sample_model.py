"""Train the small ConvLSTM that ships beside the tissue sample, and score it.

Run it again after a change to the sample movie, the ConvLSTM or its defaults:

    python examples/train_sample_model.py
"""

from pathlib import Path

import torch

import napari_morphocast
from napari_morphocast import read_movie, train
from napari_morphocast.api import prove
from napari_morphocast.training.config import Hardware, Run
from napari_morphocast.training.events import EpochDone

samples = Path(napari_morphocast.__file__).parent / "sample_data"
model = samples / "tissue.morphocast"

torch.set_num_threads(1)
movie = read_movie(samples / "tissue.ome.tif")
run = Run.make("convlstm", epochs=60)
hardware = Hardware(device="cpu")
model.unlink(missing_ok=True)
for event in train(movie, model, run, hardware=hardware):
    if isinstance(event, EpochDone):
        print(f"epoch {event.epoch}: {event.validation:.5f}", flush=True)
model.with_name(model.name + ".resume").unlink()

scores = prove(movie, model, hardware=hardware)
assert scores is not None  # a fifth of the movie was left out
print(scores.table())
print(f"{model.stat().st_size / 1e6:.2f} MB")
