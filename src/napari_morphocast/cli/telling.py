"""Commands that tell something: about movies, and how good models are."""

from pathlib import Path
from typing import Annotated

import typer

from napari_morphocast.cli import listing
from napari_morphocast.cli.inputs import Opening, those_given
from napari_morphocast.cli.options import (
    MODEL,
    Axes,
    Channel,
    Depth,
    Device,
    FillNan,
    Json,
    Labels,
    ModelName,
    MoviePath,
    Output,
    Projection,
    Since,
    option,
)


def info(
    movie: Annotated[
        Path,
        typer.Argument(metavar="MOVIE", help="the movie, or a .morphocast file"),
    ],
    axes: Axes = None,
    channel: Channel = None,
    z: Depth = None,
    fill_nan: FillNan = False,
    json: Json = False,
) -> None:
    """What is in a movie, and what is wrong with it; or what a model has learned."""
    if movie.suffix == ".morphocast":
        listing.inform_of_model(movie, to_json=json)
        return
    listing.inform(Opening(axes, channel, z, fill_nan).open(movie), to_json=json)


def evaluate(
    movie: MoviePath,
    models: Annotated[list[str], typer.Argument(metavar="MODEL", help=MODEL)],
    horizon: Annotated[int, option("--horizon", "longest lead (frames)")] = 10,
    since: Since = 0.8,
    controls: Annotated[
        bool, option("--controls", "also test whether skill is only denoising")
    ] = False,
    region: Annotated[
        Path | None,
        option("--region", "score only where this mask, .tif or .npy, is not zero"),
    ] = None,
    output: Annotated[
        Path | None, option("--output", "write the scores: .csv or .json", "-o")
    ] = None,
    plot: Annotated[Path | None, option("--plot", "draw them as PNG")] = None,
    refine: Annotated[
        int, option("--refine", "of made frames: also judge so many steps of search")
    ] = 0,
    axes: Axes = None,
    channel: Channel = None,
    z: Depth = None,
    labels: Labels = None,
    fill_nan: FillNan = False,
    device: Device = "auto",
) -> None:
    """Score forecasts beside the baselines, or made frames beside real ones."""
    from napari_morphocast.cli.evaluating import Comparison, compare

    opening = Opening(axes, channel, z, fill_nan, those_given(labels))
    how = Comparison(horizon, since, controls, output, plot, region, refine)
    compare(movie, opening, models, how, device)


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
    steps: Annotated[int, option("--steps", "intensities of each kind")] = 10,
    lead: Annotated[
        list[int] | None, option("--lead", "how many frames ahead; else 1")
    ] = None,
    since: Since = 0.8,
    forecasts: Annotated[
        int, option("--forecasts", "most forecasts per model and intensity")
    ] = 10,
    output: Annotated[
        Path | None, option("--output", "write the errors: .csv or .json", "-o")
    ] = None,
    plot: Annotated[Path | None, option("--plot", "draw them as PNG")] = None,
    axes: Axes = None,
    channel: Channel = None,
    z: Depth = None,
    labels: Labels = None,
    fill_nan: FillNan = False,
    device: Device = "auto",
) -> None:
    """Score forecasts from damaged frames, beside the baselines."""
    from napari_morphocast.cli.robustness import Stress, stress

    how = Stress(tuple(damage or ()), steps, tuple(lead or (1,)), since, forecasts)
    opening = Opening(axes, channel, z, fill_nan, those_given(labels))
    stress(movie, opening, models, how, (output, plot), device)


def surprise(
    movie: MoviePath,
    model: ModelName,
    output: Output,
    events: Annotated[
        Path | None, option("--events", "also list what surprises most, as CSV")
    ] = None,
    lead: Annotated[int, option("--lead", "how many frames ahead")] = 1,
    alarms: Annotated[
        float, option("--alarms", "share of usual pixels that may be flagged")
    ] = 0.001,
    until: Annotated[
        float, option("--until", "this share of the movie says what is usual")
    ] = 1.0,
    blur: Annotated[
        float, option("--blur", "pixels over which errors are averaged")
    ] = 2.0,
    axes: Axes = None,
    channel: Channel = None,
    z: Depth = None,
    labels: Labels = None,
    fill_nan: FillNan = False,
    device: Device = "auto",
) -> None:
    """Find divisions, deaths and what else a model did not foresee."""
    from napari_morphocast.cli.surprise import Search, find

    opening = Opening(axes, channel, z, fill_nan, those_given(labels))
    how = Search(lead, alarms, until, blur)
    find(movie, opening, model, how, (output, events), device)


def embed(
    movie: MoviePath,
    model: Annotated[
        str,
        typer.Argument(metavar="MODEL", help="a latent_lstm, cell_gan or vae file"),
    ],
    output: Annotated[Path, option("--output", "where to write the codes: .csv", "-o")],
    window: Annotated[
        int, option("--window", "frames in a row that make one point")
    ] = 1,
    labels: Annotated[
        Path | None,
        option("--labels", "a point for each cell here, .tif or .npy, in each frame"),
    ] = None,
    crop: Annotated[
        int | None,
        option("--crop", "side of the square around a cell; 0 for whole frames"),
    ] = None,
    projection: Annotated[
        list[Projection] | None,
        option("--projection", "lay points out on a plane, also repeatedly; else pca"),
    ] = None,
    plot: Annotated[
        Path | None, option("--plot", "draw the plane as PNG, coloured by time")
    ] = None,
    seed: Annotated[int, option("--seed", "what all chance follows from")] = 0,
    axes: Axes = None,
    channel: Channel = None,
    z: Depth = None,
    fill_nan: FillNan = False,
    device: Device = "auto",
) -> None:
    """Codes of every frame or cell, as points: those that look alike lie together."""
    from napari_morphocast.cli.embed import Looking
    from napari_morphocast.cli.embed import embed as write

    kinds = tuple(one.value for one in projection or (Projection.pca,))
    opening = Opening(axes, channel, z, fill_nan, those_given(labels))
    how = Looking(window, crop, kinds, seed)
    write(movie, opening, model, how, (output, plot), device)


def models(json: Json = False) -> None:
    """Every model with its settings, bounds and defaults."""
    listing.list_models(to_json=json)
