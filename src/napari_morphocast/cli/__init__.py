"""The command ``morphocast``: what each part of it is called and takes."""

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from napari_morphocast.cli import listing, work
from napari_morphocast.cli.inputs import Opening, Settings, one_line
from napari_morphocast.cli.outputs import Outputs
from napari_morphocast.errors import MorphocastError

app = typer.Typer(
    name="morphocast",
    help="Forecast what living cells do next, with proof that it beats "
    "'nothing moves'.",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

DONE, REFUSED, INTERRUPTED = 0, 2, 130
# typer brings its own click or uses the installed one: ask typer, import neither
USAGE_ERROR: type[Exception] = typer.BadParameter.__mro__[2]
MODEL = "a .morphocast file, or persistence, denoised, linear, ridge or advection"
FORMATS = ".ome.tif, .tif (ImageJ), .ome.zarr or .npy"


class Format(StrEnum):
    """How ``train`` tells programs what happens."""

    jsonl = "jsonl"


def _option(name: str, text: str, short: str = "") -> object:
    names = (name, short) if short else (name,)
    return typer.Option(*names, help=text)


MoviePath = Annotated[Path, typer.Argument(metavar="MOVIE", help="the movie")]
ModelName = Annotated[str, typer.Argument(metavar="MODEL", help=MODEL)]
Axes = Annotated[
    str | None,
    _option("--axes", "what each axis is, such as TZCYX, if the file is wrong"),
]
Channel = Annotated[int | None, _option("--channel", "use one channel, counted from 0")]
Depth = Annotated[str | None, _option("--z", "z slice: max, mean, or its number")]
FillNan = Annotated[bool, _option("--fill-nan", "interpolate pixels that are NaN")]
Device = Annotated[str, _option("--device", "auto, cpu, cuda, cuda:1 or mps")]
Json = Annotated[bool, _option("--json", "print JSON for programs")]
Output = Annotated[Path, _option("--output", f"where to: {FORMATS}", "-o")]
Spread = Annotated[
    Path | None, _option("--spread", "also write how uncertain an ensemble is here")
]
Motion = Annotated[
    Path | None,
    _option("--motion", "also write where sdc_net or advection moves each pixel from"),
]
Labels = Annotated[
    Path | None,
    _option("--labels", "a segmentation of the same frames, .tif or .npy, to see too"),
]
Since = Annotated[
    float, _option("--from", "score what comes after this share of the movie")
]


@app.command()
def demo(
    output: Annotated[Path, _option("--output", "folder for the results", "-o")] = Path(
        "demo"
    ),
    minutes: Annotated[float, _option("--minutes", "longest training time")] = 2.0,
    device: Device = "auto",
) -> None:
    """Train, score and roll out on the sample movie."""
    from napari_morphocast.cli.demo import run_demo

    run_demo(output, minutes, device)


@app.command()
def info(
    movie: MoviePath,
    axes: Axes = None,
    channel: Channel = None,
    z: Depth = None,
    fill_nan: FillNan = False,
    json: Json = False,
) -> None:
    """What is in a movie, and what is wrong with it."""
    listing.inform(Opening(axes, channel, z, fill_nan).open(movie), to_json=json)


@app.command()
def train(
    movies: Annotated[list[Path], typer.Argument(metavar="MOVIE", help="the movies")],
    output: Annotated[Path, _option("--output", "the .morphocast file to make", "-o")],
    model: Annotated[
        str | None, _option("--model", "auto, or one of 'morphocast models'")
    ] = None,
    changes: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="any setting of the model"),
    ] = None,
    config: Annotated[
        Path | None, _option("--config", "settings from a TOML file")
    ] = None,
    members: Annotated[
        int | None, _option("--members", "networks in an ensemble; 4 show uncertainty")
    ] = None,
    epochs: Annotated[int | None, _option("--epochs", "most passes")] = None,
    minutes: Annotated[float | None, _option("--minutes", "time limit")] = None,
    until: Annotated[
        float | None, _option("--until", "learn from this share of each movie")
    ] = None,
    seed: Annotated[int | None, _option("--seed", "all randomness follows")] = None,
    start_from: Annotated[
        Path | None, _option("--from", "finetune this .morphocast file")
    ] = None,
    resume: Annotated[
        bool, _option("--resume", "go on with the run that makes the -o file")
    ] = False,
    axes: Axes = None,
    channel: Channel = None,
    z: Depth = None,
    labels: Annotated[
        list[Path] | None,
        _option("--labels", "a segmentation, .tif or .npy; once for each movie"),
    ] = None,
    fill_nan: FillNan = False,
    device: Device = "auto",
    devices: Annotated[int, _option("--devices", "GPUs or processes per node")] = 1,
    nodes: Annotated[int, _option("--nodes", "machines")] = 1,
    events: Annotated[
        Format | None, _option("--events", "print every event for programs")
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


@app.command()
def predict(
    movie: MoviePath,
    model: ModelName,
    output: Output,
    lead: Annotated[int, _option("--lead", "how many frames ahead")] = 1,
    between: Annotated[
        bool, _option("--between", "from the frames before and after, not ahead")
    ] = False,
    error: Annotated[
        Path | None, _option("--error", "also write |prediction - movie| here")
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
    opening = Opening(axes, channel, z, fill_nan, (labels,) if labels else ())
    work.foretell_each(movie, opening, model, outputs, (lead, between), device)


@app.command()
def rollout(
    movie: MoviePath,
    model: ModelName,
    output: Output,
    horizon: Annotated[int, _option("--horizon", "how many frames")] = 12,
    start: Annotated[
        int | None,
        _option("--start", "number of the first forecast frame; else the movie's end"),
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
    opening = Opening(axes, channel, z, fill_nan, (labels,) if labels else ())
    outputs = Outputs(output, spread=spread, motion=motion)
    work.roll_out(movie, opening, model, outputs, (horizon, start), device)


@app.command()
def evaluate(
    movie: MoviePath,
    models: Annotated[list[str], typer.Argument(metavar="MODEL", help=MODEL)],
    horizon: Annotated[int, _option("--horizon", "longest lead (frames)")] = 10,
    since: Since = 0.8,
    controls: Annotated[
        bool, _option("--controls", "also test whether skill is only denoising")
    ] = False,
    region: Annotated[
        Path | None,
        _option("--region", "score only where this mask, .tif or .npy, is not zero"),
    ] = None,
    output: Annotated[
        Path | None, _option("--output", "write the scores: .csv or .json", "-o")
    ] = None,
    plot: Annotated[Path | None, _option("--plot", "draw them as PNG")] = None,
    axes: Axes = None,
    channel: Channel = None,
    z: Depth = None,
    labels: Labels = None,
    fill_nan: FillNan = False,
    device: Device = "auto",
) -> None:
    """Score forecasts beside the baselines, or made frames beside real ones."""
    from napari_morphocast.cli.evaluating import Comparison, compare

    opening = Opening(axes, channel, z, fill_nan, (labels,) if labels else ())
    how = Comparison(horizon, since, controls, output, plot, region)
    compare(movie, opening, models, how, device)


@app.command()
def robustness(
    movie: MoviePath,
    models: Annotated[list[str], typer.Argument(metavar="MODEL", help=MODEL)],
    damage: Annotated[
        list[str] | None,
        typer.Option(
            "--damage",
            metavar="KIND",
            help="gaussian, poisson, salt-and-pepper, square, missing or duplicated; "
            "else all",
        ),
    ] = None,
    steps: Annotated[int, _option("--steps", "intensities of each kind")] = 10,
    lead: Annotated[
        list[int] | None, _option("--lead", "how many frames ahead; else 1")
    ] = None,
    since: Since = 0.8,
    forecasts: Annotated[
        int, _option("--forecasts", "most forecasts per model and intensity")
    ] = 10,
    output: Annotated[
        Path | None, _option("--output", "write the errors: .csv or .json", "-o")
    ] = None,
    plot: Annotated[Path | None, _option("--plot", "draw them as PNG")] = None,
    axes: Axes = None,
    channel: Channel = None,
    z: Depth = None,
    fill_nan: FillNan = False,
    device: Device = "auto",
) -> None:
    """Score forecasts from damaged frames, beside the baselines."""
    from napari_morphocast.cli.robustness import Stress, stress

    how = Stress(tuple(damage or ()), steps, tuple(lead or (1,)), since, forecasts)
    opening = Opening(axes, channel, z, fill_nan)
    stress(movie, opening, models, how, (output, plot), device)


@app.command()
def surprise(
    movie: MoviePath,
    model: ModelName,
    output: Output,
    events: Annotated[
        Path | None, _option("--events", "also list what surprises most, as CSV")
    ] = None,
    lead: Annotated[int, _option("--lead", "how many frames ahead")] = 1,
    alarms: Annotated[
        float, _option("--alarms", "share of usual pixels that may be flagged")
    ] = 0.001,
    until: Annotated[
        float, _option("--until", "this share of the movie says what is usual")
    ] = 1.0,
    blur: Annotated[
        float, _option("--blur", "pixels over which errors are averaged")
    ] = 2.0,
    axes: Axes = None,
    channel: Channel = None,
    z: Depth = None,
    fill_nan: FillNan = False,
    device: Device = "auto",
) -> None:
    """Find divisions, deaths and what else a model did not foresee."""
    from napari_morphocast.cli.surprise import Search, find

    opening = Opening(axes, channel, z, fill_nan)
    how = Search(lead, alarms, until, blur)
    find(movie, opening, model, how, (output, events), device)


@app.command()
def synthesize(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="a .morphocast file")],
    output: Output,
    count: Annotated[int, _option("--count", "how many")] = 8,
    like: Annotated[
        Path | None, _option("--like", "a movie, to make them like a frame of it")
    ] = None,
    frame: Annotated[
        int, _option("--frame", "number of that frame; -1 is the last")
    ] = -1,
    variation: Annotated[
        float | None,
        _option("--variation", "0 to 2; else 1, or 0.3 with --like"),
    ] = None,
    refine: Annotated[
        int | None,
        _option("--refine", "steps that make them more like it; else 40"),
    ] = None,
    seed: Annotated[int, _option("--seed", "what all chance follows from")] = 0,
    plot: Annotated[Path | None, _option("--plot", "draw the first as PNG")] = None,
    forecaster: Annotated[
        str | None, _option("--rollout", "a forecaster that says what they do next")
    ] = None,
    horizon: Annotated[int, _option("--horizon", "how many frames it forecasts")] = 12,
    axes: Axes = None,
    channel: Channel = None,
    z: Depth = None,
    device: Device = "auto",
) -> None:
    """Make frames that nobody saw, like those that a Cell-GAN learned from."""
    from napari_morphocast.cli.synthesize import Wish, make

    opening = Opening(axes, channel, z)
    wish = Wish(count, like, frame, variation, refine, seed, forecaster, horizon)
    make(model, wish, opening, (output, plot), device)


@app.command()
def models(json: Json = False) -> None:
    """Every model with its settings, bounds and defaults."""
    listing.list_models(to_json=json)


def main(arguments: list[str] | None = None) -> int:
    """Run one command.

    Returns
    -------
    int
        0 done; 2 bad input or usage, told in one line; 130 interrupted, with what was
        done so far kept.
    """
    given = sys.argv[1:] if arguments is None else arguments
    command = typer.main.get_command(app)
    try:
        status = command.main(
            given or ["--help"], prog_name="morphocast", standalone_mode=False
        )
    except MorphocastError as error:
        return _refuse(str(error))
    except OSError as error:
        return _refuse(f"{error.filename or 'The system'}: {error.strerror or error}")
    except (typer.Abort, KeyboardInterrupt):
        typer.echo("Interrupted; files that were complete are kept.", err=True)
        return INTERRUPTED
    except USAGE_ERROR as error:
        return _refuse(f"{_message(error)} See 'morphocast --help'.")
    return status if isinstance(status, int) else DONE


def _message(error: BaseException) -> str:
    told = getattr(error, "format_message", error.__str__)()
    return told if told.endswith((".", "?", "!")) else f"{told}."


def _refuse(message: str) -> int:
    typer.echo(f"error: {one_line(message)}", err=True)
    return REFUSED
