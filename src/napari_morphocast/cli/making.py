"""Commands that make something: models, forecasts, frames."""

from pathlib import Path
from typing import Annotated

import typer

from napari_morphocast.cli import work
from napari_morphocast.cli.inputs import Opening, Settings, those_given
from napari_morphocast.cli.options import (
    Axes,
    Changes,
    Channel,
    Depth,
    Device,
    FillNan,
    Format,
    KindOfModel,
    Labels,
    ModelFile,
    ModelName,
    Motion,
    MovieLabels,
    MoviePath,
    Movies,
    Output,
    Sampler,
    Seed,
    Spread,
    Until,
    option,
)
from napari_morphocast.cli.outputs import Outputs


def demo(
    output: Annotated[Path, option("--output", "folder for the results", "-o")] = Path(
        "demo"
    ),
    minutes: Annotated[float, option("--minutes", "longest training time")] = 2.0,
    device: Device = "auto",
) -> None:
    """Train, score and roll out on the sample movie."""
    from napari_morphocast.cli.demo import run_demo

    run_demo(output, minutes, device)


def train(
    movies: Movies,
    output: ModelFile,
    model: KindOfModel = None,
    changes: Changes = None,
    config: Annotated[
        Path | None, option("--config", "settings from a TOML file")
    ] = None,
    members: Annotated[
        int | None, option("--members", "networks in an ensemble; 4 show uncertainty")
    ] = None,
    epochs: Annotated[int | None, option("--epochs", "most passes")] = None,
    minutes: Annotated[float | None, option("--minutes", "time limit")] = None,
    until: Until = None,
    seed: Seed = None,
    start_from: Annotated[
        Path | None, option("--from", "finetune this .morphocast file")
    ] = None,
    resume: Annotated[
        bool, option("--resume", "go on with the run that makes the -o file")
    ] = False,
    axes: Axes = None,
    channel: Channel = None,
    z: Depth = None,
    labels: MovieLabels = None,
    fill_nan: FillNan = False,
    device: Device = "auto",
    devices: Annotated[int, option("--devices", "GPUs or processes per node")] = 1,
    nodes: Annotated[int, option("--nodes", "machines")] = 1,
    events: Annotated[
        Format | None, option("--events", "print every event for programs")
    ] = None,
) -> None:
    """Train a model on the first part of some movies."""
    settings = Settings(
        model, tuple(changes or ()), config, epochs, minutes, until, seed, members
    )
    opening = Opening(axes, channel, z, fill_nan, tuple(labels or ()))
    plan = work.TrainPlan(output, settings, start_from, resume, events is not None)
    hardware = {"device": device, "devices": devices, "nodes": nodes}
    work.learn(movies, opening, plan, hardware)


def sweep(
    movies: Movies,
    output: ModelFile,
    model: KindOfModel = None,
    trials: Annotated[int, option("--trials", "trainings, of all processes")] = 50,
    sampler: Annotated[
        Sampler, option("--sampler", "learn from earlier trials, or draw blindly")
    ] = Sampler.tpe,
    only: Annotated[
        list[str] | None,
        typer.Option("--only", metavar="KEY,KEY", help="settings to try, else a few"),
    ] = None,
    ranges: Annotated[
        list[str] | None,
        typer.Option("--try", metavar="KEY=A..B", help="a range, or [A,B,C], to try"),
    ] = None,
    changes: Changes = None,
    epochs: Annotated[int | None, option("--epochs", "most passes per trial")] = None,
    minutes: Annotated[float | None, option("--minutes", "limit per trial")] = None,
    until: Until = None,
    seed: Seed = None,
    patient: Annotated[
        bool, option("--no-prune", "also train to the end what does badly early")
    ] = False,
    storage: Annotated[
        str, option("--storage", "shared by processes, such as sqlite:///sweep.db")
    ] = "",
    study: Annotated[str, option("--study", "its name there, if need be")] = "",
    table: Annotated[Path | None, option("--table", "write all trials as CSV")] = None,
    plot: Annotated[Path | None, option("--plot", "draw what mattered, as PNG")] = None,
    axes: Axes = None,
    channel: Channel = None,
    z: Depth = None,
    labels: MovieLabels = None,
    fill_nan: FillNan = False,
    device: Device = "auto",
) -> None:
    """Search for the settings that forecast best; keep the best model."""
    from napari_morphocast.cli.sweep import Wanted, search

    settings = Settings(model, tuple(changes or ()), None, epochs, minutes, until, seed)
    tried = tuple(only or ()), tuple(ranges or ())
    wanted = Wanted(settings, *tried, trials, sampler, not patient, storage, study)
    opening = Opening(axes, channel, z, fill_nan, tuple(labels or ()))
    search(movies, opening, wanted, (output, table, plot), device)


def predict(
    movie: MoviePath,
    model: ModelName,
    output: Output,
    lead: Annotated[int, option("--lead", "how many frames ahead")] = 1,
    between: Annotated[
        bool, option("--between", "from the frames before and after, not ahead")
    ] = False,
    error: Annotated[
        Path | None, option("--error", "also write |prediction - movie| here")
    ] = None,
    spread: Spread = None,
    motion: Motion = None,
    axes: Axes = None,
    channel: Channel = None,
    z: Depth = None,
    labels: Labels = None,
    fill_nan: FillNan = False,
    device: Device = "auto",
) -> None:
    """Foretell each frame from the frames before it, or from both sides of it."""
    outputs = Outputs(output, error, spread, motion)
    opening = Opening(axes, channel, z, fill_nan, those_given(labels))
    work.foretell_each(movie, opening, model, outputs, (lead, between), device)


def rollout(
    movie: MoviePath,
    model: ModelName,
    output: Output,
    horizon: Annotated[int, option("--horizon", "how many frames")] = 12,
    start: Annotated[
        int | None,
        option("--start", "number of the first forecast frame; else the movie's end"),
    ] = None,
    context: Annotated[
        int | None,
        option("--context", "known frames to start from; else as many as in training"),
    ] = None,
    spread: Spread = None,
    motion: Motion = None,
    axes: Axes = None,
    channel: Channel = None,
    z: Depth = None,
    labels: Labels = None,
    fill_nan: FillNan = False,
    device: Device = "auto",
) -> None:
    """Foretell frame after frame, past the movie's end."""
    opening = Opening(axes, channel, z, fill_nan, those_given(labels))
    outputs = Outputs(output, spread=spread, motion=motion)
    work.roll_out(movie, opening, model, outputs, (horizon, start, context), device)


def synthesize(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="a .morphocast file")],
    output: Output,
    count: Annotated[int, option("--count", "how many")] = 8,
    like: Annotated[
        Path | None, option("--like", "a movie, to make them like a frame of it")
    ] = None,
    frame: Annotated[
        int | None, option("--frame", "number of that frame; else the last")
    ] = None,
    variation: Annotated[
        float | None,
        option("--variation", "0 to 2; else 1, or 0.3 with --like"),
    ] = None,
    refine: Annotated[
        int | None,
        option("--refine", "steps that make them more like it; else 30"),
    ] = None,
    seed: Annotated[int, option("--seed", "what all chance follows from")] = 0,
    plot: Annotated[Path | None, option("--plot", "draw the first as PNG")] = None,
    forecaster: Annotated[
        str | None, option("--rollout", "a forecaster that says what they do next")
    ] = None,
    horizon: Annotated[
        int | None, option("--horizon", "how many frames it forecasts; else 12")
    ] = None,
    axes: Axes = None,
    channel: Channel = None,
    z: Depth = None,
    fill_nan: FillNan = False,
    device: Device = "auto",
) -> None:
    """Make frames that nobody saw, like those that a Cell-GAN learned from."""
    from napari_morphocast.cli.synthesize import Wish, make

    opening = Opening(axes, channel, z, fill_nan)
    wish = Wish(count, like, frame, variation, refine, seed, forecaster, horizon)
    make(model, wish, opening, (output, plot), device)
