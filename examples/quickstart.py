# %% [markdown]
# # From a movie to a forecast
#
# Train a ConvLSTM on the sample movie for one minute, score it on frames that it has
# not seen, and let it run on past the last frame.

# %%
from importlib.resources import files
from pathlib import Path

from napari_morphocast import evaluate, read_movie, rollout, train, write_movie
from napari_morphocast.training.config import Run
from napari_morphocast.training.events import EpochDone

movie = read_movie(str(files("napari_morphocast") / "sample_data/tissue.ome.tif"))
model = Path("quickstart.morphocast")

# %% [markdown]
# Training is an iterator of events; here, those that end an epoch are shown.

# %%
for event in train(movie, model, Run.make("convlstm", minutes=1)):
    if isinstance(event, EpochDone):
        print(f"epoch {event.epoch}: validation {event.validation:.5f}")

# %% [markdown]
# How good is it, frame by frame into the future, beside forecasts that know nothing?

# %%
scores = evaluate(movie, [model], horizon=6)
print(scores.table())
print("The model", scores.verdict(model.stem))

# %% [markdown]
# Twelve frames past the end, saved with the movie's time step and pixel size.

# %%
future = rollout(movie, model, horizon=12)
write_movie(
    Path("future.ome.tif"),
    future.frames,
    like=movie,
    count=future.count,
    first=future.first,
    note=f"forecast by {model.name}",
)
