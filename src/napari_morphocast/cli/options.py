"""Options that commands share: how they are called, and what ``--help`` says."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

MODEL = "a .morphocast file, or persistence, denoised, linear, ridge or advection"
FORMATS = ".ome.tif, .tif (ImageJ), .ome.zarr or .npy"


class Format(StrEnum):
    """How ``train`` tells programs what happens."""

    jsonl = "jsonl"


class Sampler(StrEnum):
    """How ``sweep`` draws settings."""

    tpe = "tpe"
    random = "random"


class Projection(StrEnum):
    """How ``embed`` lays points out on a plane."""

    pca = "pca"
    tsne = "tsne"
    umap = "umap"


def option(name: str, text: str, short: str = "") -> object:
    """Give an option with a name, its help, and perhaps a letter."""
    names = (name, short) if short else (name,)
    return typer.Option(*names, help=text)


MoviePath = Annotated[Path, typer.Argument(metavar="MOVIE", help="the movie")]
Movies = Annotated[list[Path], typer.Argument(metavar="MOVIE", help="the movies")]
ModelFile = Annotated[Path, option("--output", "the .morphocast file to make", "-o")]
KindOfModel = Annotated[
    str | None, option("--model", "auto, or one of 'morphocast models'")
]
Changes = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="any setting of the model"),
]
Until = Annotated[
    float | None, option("--until", "learn from this share of each movie")
]
Seed = Annotated[int | None, option("--seed", "all randomness follows")]
MovieLabels = Annotated[
    list[Path] | None,
    option("--labels", "a segmentation, .tif or .npy; once for each movie"),
]
ModelName = Annotated[str, typer.Argument(metavar="MODEL", help=MODEL)]
Axes = Annotated[
    str | None,
    option("--axes", "what each axis is, such as TZCYX, if the file is wrong"),
]
Channel = Annotated[int | None, option("--channel", "use one channel, counted from 0")]
Depth = Annotated[str | None, option("--z", "z slice: max, mean, or its number")]
FillNan = Annotated[bool, option("--fill-nan", "interpolate pixels that are NaN")]
Device = Annotated[str, option("--device", "auto, cpu, cuda, cuda:1 or mps")]
Json = Annotated[bool, option("--json", "print JSON for programs")]
Output = Annotated[Path, option("--output", f"where to: {FORMATS}", "-o")]
Spread = Annotated[
    Path | None, option("--spread", "also write how uncertain an ensemble is here")
]
Motion = Annotated[
    Path | None,
    option(
        "--motion",
        "also write where sdc_net or advection moves each pixel from; beside it the "
        "same in colours",
    ),
]
Labels = Annotated[
    Path | None,
    option("--labels", "a segmentation of the same frames, .tif or .npy, to see too"),
]
Since = Annotated[
    float, option("--from", "score what comes after this share of the movie")
]
