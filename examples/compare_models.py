# %% [markdown]
# # Which settings forecast best?
#
# Three ConvLSTMs learn from the same frames for the same time; each head makes the next
# frame in another way. Then all of them, and the baselines, are scored on frames that
# none has seen.

# %%
from importlib.resources import files
from pathlib import Path

from napari_morphocast import evaluate, read_movie, train
from napari_morphocast.training.config import Run
from napari_morphocast.training.events import EpochDone

movie = read_movie(str(files("napari_morphocast") / "sample_data/tissue.ome.tif"))
minutes = 1.0

# %%
models = []
for head in ("frame", "change", "motion"):
    path = Path(f"compare-{head}.morphocast")
    for event in train(movie, path, Run.make("convlstm", head=head, minutes=minutes)):
        if isinstance(event, EpochDone) and event.best:
            print(f"{head}: epoch {event.epoch}, validation {event.validation:.5f}")
    models.append(path)

# %% [markdown]
# Look at the intervals before you call one of them better.

# %%
print(evaluate(movie, models, horizon=6).table())
