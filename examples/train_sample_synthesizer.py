"""Train the small Cell-GAN that ships beside the yeast sample, and look at it.

It learns from thirty simulated movies of the middle of a trap, in 78 minutes of one
processor core. Run it again after a change to the Cell-GAN:

    python examples/train_sample_synthesizer.py
"""

from pathlib import Path

import torch

import napari_morphocast
from napari_morphocast import read_movie
from napari_morphocast.api import judge, train
from napari_morphocast.data.simulate import simulate
from napari_morphocast.training.config import Hardware, Run
from napari_morphocast.training.events import EpochDone

MOVIES, FRAMES, SIDE = 30, 92, 64
samples = Path(napari_morphocast.__file__).parent / "sample_data"
model = samples / "yeast.morphocast"

torch.set_num_threads(1)
movies = [
    simulate("yeast", frames=FRAMES, size=(SIDE, SIDE), seed=seed, noise=0.02).movie
    for seed in range(1, MOVIES + 1)
]
# Nothing can be learned by heart from so many frames: no augmentation.
run = Run.make("cell_gan", side=SIDE, adapt=0, minutes=78)
hardware = Hardware(device="cpu")
model.unlink(missing_ok=True)
for event in train(movies, model, run, hardware=hardware):
    if isinstance(event, EpochDone):
        print(f"{event.stage} {event.epoch}: {event.validation:.5f}", flush=True)
model.with_name(model.name + ".resume").unlink()

found = judge(read_movie(samples / "yeast.ome.tif"), model, hardware=hardware)
print(found.table(), found.sentence(), sep="\n")
print(f"{model.stat().st_size / 1e6:.2f} MB")
