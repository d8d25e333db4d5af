"""The command ``morphocast``: what each part of it is called and takes."""

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from napari_morphocast import cli_listing, cli_work
from napari_morphocast.cli_inputs import Opening, Settings, one_line
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
MODEL = "a .morphocast file, or persistence, linear or advection"
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
    from napari_morphocast.cli_demo import run_demo

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
    cli_listing.inform(Opening(axes, channel, z, fill_nan).open(movie), to_json=json)


@app.command()
def train(
    movies: Annotated[list[Path], typer.Argument(metavar="MOVIE", help="the movies")],
    output: Annotated[Path, _option("--output", "the .morphocast file to make", "-o")],
    model: Annotated[
        str | None, _option("--model", "which model; see 'morphocast models'")
    ] = None,
    changes: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="any setting of the model"),
    ] = None,
    config: Annotated[
        Path | None, _option("--config", "settings from a TOML file")
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
        model, tuple(changes or ()), config, epochs, minutes, until, seed
    )
    opening = Opening(axes, channel, z, fill_nan)
    plan = cli_work.TrainPlan(output, settings, start_from, resume, events is not None)
    hardware = {"device": device, "devices": devices, "nodes": nodes}
    cli_work.learn(movies, opening, plan, hardware)


@app.command()
def predict(
    movie: MoviePath,
    model: ModelName,
    output: Output,
    lead: Annotated[int, _option("--lead", "how many frames ahead")] = 1,
    error: Annotated[
        Path | None, _option("--error", "also write |prediction - movie| here")
    ] = None,
    axes: Axes = None,
    channel: Channel = None,
    z: Depth = None,
    fill_nan: FillNan = False,
    device: Device = "auto",
) -> None:
    """Foretell each frame from the frames before it."""
    outputs = (output,) if error is None else (output, error)
    opening = Opening(axes, channel, z, fill_nan)
    cli_work.foretell_each(movie, opening, model, outputs, lead, device)


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
    axes: Axes = None,
    channel: Channel = None,
    z: Depth = None,
    fill_nan: FillNan = False,
    device: Device = "auto",
) -> None:
    """Foretell frame after frame, past the movie's end."""
    opening = Opening(axes, channel, z, fill_nan)
    cli_work.roll_out(movie, opening, model, output, (horizon, start), device)


@app.command()
def evaluate(
    movie: MoviePath,
    models: Annotated[list[str], typer.Argument(metavar="MODEL", help=MODEL)],
    horizon: Annotated[int, _option("--horizon", "longest lead (frames)")] = 10,
    since: Since = 0.8,
    output: Annotated[
        Path | None, _option("--output", "write the scores as CSV", "-o")
    ] = None,
    plot: Annotated[Path | None, _option("--plot", "draw them as PNG")] = None,
    axes: Axes = None,
    channel: Channel = None,
    z: Depth = None,
    fill_nan: FillNan = False,
    device: Device = "auto",
) -> None:
    """Score models beside the baselines."""
    opening = Opening(axes, channel, z, fill_nan)
    cli_work.compare(movie, opening, models, (horizon, since), (output, plot), device)


@app.command()
def models(json: Json = False) -> None:
    """Every model with its settings, bounds and defaults."""
    cli_listing.list_models(to_json=json)


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
