# %% [markdown]
# # 400 frames of 785 x 785 pixels in colour: 350 known, 50 to foretell
#
# A plain LSTM that reads and writes every pixel would need billions of weights. A
# ConvLSTM needs the same few, whatever the size of the frames. This is how the last 50
# frames are foretold in closed loop:
#
# 1. Learn from the first 350 frames. The last 50 are never seen.
# 2. Warm up: show the network all 350 frames in order, so that its memory is that of
#    somebody who has watched from the beginning. It is never shown blank frames.
# 3. Run freely: each forecast is fed back as if it had been recorded.
# 4. Hold every forecast against the truth, and against "nothing moves".
#
# No step needs the whole movie in memory: it is learned from and followed in parts.
# On two processor cores it takes half an hour or more; a smaller `SIDE` is quick.

# %%
from __future__ import annotations

import resource
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from scipy.ndimage import zoom

from napari_morphocast import api, read_movie, write_movie
from napari_morphocast.data.movie import Movie
from napari_morphocast.data.simulate import simulate
from napari_morphocast.training.config import Run
from napari_morphocast.training.events import EpochDone

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

FRAMES, KNOWN, SIDE = 400, 350, 785
MINUTES = 10.0
NOISE = 5.0  # grey levels
LEADS = 1, 5, 10, 20, 50
FOLDER = Path("large-colour-movie")


# %% [markdown]
# ## The movie
#
# Cell membranes are magenta, waves of calcium are green. Both are simulated at half the
# size and magnified, which is quicker; the noise of the camera comes last.


# %%
def frames() -> Iterator[NDArray[np.uint8]]:
    """Frames (3, SIDE, SIDE), made as they are asked for."""
    half = SIDE // 2 + 1
    size, rng = (half, half), np.random.default_rng(0)
    simulated = [
        simulate(kind, frames=FRAMES, size=size, noise=0).truth.frames[:, 0]
        for kind in ("tissue", "waves")
    ]
    low, high = zip(*(np.percentile(s[::40], (1, 99)) for s in simulated), strict=True)
    for pair in zip(*simulated, strict=True):
        cells, waves = (
            200 * (zoom(picture, 2, order=1)[:SIDE, :SIDE] - dark) / (bright - dark)
            for picture, dark, bright in zip(pair, low, high, strict=True)
        )
        clean = 20 + np.stack([cells, waves, cells])
        seen = clean + rng.normal(0, NOISE, clean.shape)
        yield np.clip(np.rint(seen), 0, 255).astype(np.uint8)


FOLDER.mkdir(exist_ok=True)
source = FOLDER / "movie.ome.zarr"
if not source.exists():
    shape = (FRAMES, 3, SIDE, SIDE)
    like = Movie(
        np.broadcast_to(np.uint8(0), shape), 60.0, (0.25, 0.25), rgb=True, name="cells"
    )
    write_movie(source, frames(), like=like, count=FRAMES)
movie = read_movie(source)

# %% [markdown]
# ## Learn from the first 350 frames

# %%
model = FOLDER / "colour.morphocast"
if not model.exists():
    run = Run.make("convlstm", minutes=MINUTES, until=KNOWN / FRAMES)
    for event in api.train(movie, model, run):
        if isinstance(event, EpochDone) and event.best:
            print(f"epoch {event.epoch}: validation {event.validation:.5f}", flush=True)

# %% [markdown]
# ## Warm up on all of them, then run freely
#
# Beside it the same network that was only shown as many frames as in training.

# %%
rollouts = {
    f"after {KNOWN} frames": api.rollout(
        movie, model, horizon=FRAMES - KNOWN, start=KNOWN, context=KNOWN
    ),
    "after a few": api.rollout(movie, model, horizon=FRAMES - KNOWN, start=KNOWN),
}
last = movie.read(KNOWN - 1, KNOWN)[0]
still = [np.square(movie.read(t, t + 1)[0] - last).mean() for t in range(KNOWN, FRAMES)]
for name, ahead in rollouts.items():
    errors = [
        np.square(movie.read(t, t + 1)[0] - frame.astype(np.float32)).mean()
        for t, frame in enumerate(ahead.frames, start=KNOWN)
    ]
    skill = 1 - np.array(errors) / np.array(still)
    told = ", ".join(f"{100 * skill[lead - 1]:.0f} % at {lead}" for lead in LEADS)
    print(f"{name}: removes {told} frames of the error of 'nothing moves'")

most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(f"most memory: {most / (2**30 if sys.platform == 'darwin' else 2**20):.2f} GiB")
