"""Movies as napari layers, and layers as movies; axes, time and size stay true."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from dask import array as dask_array

from napari_morphocast.data.axes import movie_from_array
from napari_morphocast.data.io import read_metadata, read_movie
from napari_morphocast.data.movie import LazyFrames, Movie
from napari_morphocast.errors import MovieError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from napari.components import ViewerModel
    from napari.layers import Image, Layer
    from numpy.typing import NDArray

    from napari_morphocast.data.axes import ZChoice
    from napari_morphocast.data.io import FileMetadata

KEY = "napari-morphocast"
SPELLINGS = {
    "T": {"t", "time", "frame", "frames"},
    "C": {"c", "ch", "channel", "channels"},
    "Z": {"z", "depth", "slice", "plane"},
    "Y": {"y", "row", "rows", "height"},
    "X": {"x", "col", "column", "columns", "width"},
}
COLOURS = ("cyan", "magenta", "yellow", "green", "red", "blue")
MOST_CHANNELS = 4  # a second axis of at most this length is guessed to be channels

LayerData = tuple[Any, dict[str, Any], str]


@dataclass(frozen=True, slots=True)
class LayerFacts:
    """What a layer says about itself as a movie.

    Parameters
    ----------
    axes : str
        One letter of T, C, Z, Y, X, S per axis of the layer's data.
    interval : float, optional
        Seconds from one frame to the next.
    pixel_size : (float, float), optional
        Height and width of a pixel in micrometres.
    channels : int
        Channels in this layer; 3 for a colour picture.
    message : str
        What the user should know, such as that the axes are a guess; else empty.
    """

    axes: str
    interval: float | None
    pixel_size: tuple[float, float] | None
    channels: int
    message: str = ""

    @property
    def guessed(self) -> bool:
        """Whether the axes are a guess that the user should confirm."""
        return bool(self.message)


def open_movie(
    viewer: ViewerModel,
    path: str | Path,
    *,
    axes: str | None = None,
    z: ZChoice = None,
) -> Image:
    """Open a file as lazy layers with true axes, scale and units; select the first.

    Every channel becomes a layer of its own with its own colour and contrast, as
    people are used to; ``together`` makes one movie of them again.
    """
    movie = read_movie(Path(path), axes=axes, z=z)
    layers = [viewer.add_image(data, **how) for data, how, _ in layers_of(movie)]
    viewer.layers.selection.active = layers[0]
    return layers[0]


def layers_of(movie: Movie) -> list[LayerData]:
    """Layer data of a movie: one layer, or one for each channel that is no colour."""
    frames = _sliceable(movie)
    if movie.rgb:
        return [(_moved(frames), _how(movie, None), "image")]
    return [
        (frames[:, c], {**_how(movie, c), "contrast_limits": limits}, "image")
        for c, limits in enumerate(contrasts(movie))
    ]


def layer_facts(layer: Layer) -> LayerFacts:
    """What the layer's labels, scale and units say; a guess says that it is one."""
    axes, message = _axes(layer)
    interval = _physical(layer, axes, "T", "second")
    height, width = (_physical(layer, axes, a, "micrometer") for a in "YX")
    size = (height, width) if height and width else None
    if "S" in axes:
        channels = 3
    else:
        channels = data_of(layer).shape[axes.index("C")] if "C" in axes else 1
    return LayerFacts(axes, interval, size, channels, message)


def movie_from_layer(
    layer: Layer,
    *,
    axes: str | None = None,
    interval: float | None = None,
    pixel_size: tuple[float, float] | None = None,
    channel: int | None = None,
    z: ZChoice = None,
) -> Movie:
    """Use a layer's data as a movie, without copying it.

    Values that are given win over what the layer says about itself.

    Raises
    ------
    MovieError
        If there is no time axis, or a Z axis that nobody chose away.
    """
    facts = layer_facts(layer)
    own = own_metadata(layer)
    return movie_from_array(
        data_of(layer),
        axes or facts.axes,
        name=layer.name,
        interval=interval or facts.interval,
        pixel_size=pixel_size or facts.pixel_size,
        channel=channel,
        z=z,
        source=str(own.get("path") or layer.source.path or ""),
    )


def of_one_movie(layer: Layer, layers: Iterable[Layer]) -> list[Layer]:
    """Those of some layers that are channels of the same movie; ``layer`` at the end.

    A channel may be there twice, if somebody has duplicated its layer.
    """
    movie = own_metadata(layer).get("movie")
    others = [one for one in layers if one is not layer]
    known = [one for one in others if movie and own_metadata(one).get("movie") == movie]
    return [*known, layer]


def channels_of_one_movie(viewer: ViewerModel, layer: Layer) -> list[Layer]:
    """All channels, in order, of the movie that ``layer`` is one channel of."""
    if "movie" not in own_metadata(layer):
        return [layer]
    every = of_one_movie(layer, viewer.layers)
    family = {own_metadata(one)["channel"]: one for one in every}
    return [family[channel] for channel in sorted(family)]


def together(movies: Sequence[Movie]) -> Movie:
    """One movie with the channels of several that show the same frames; no copy."""
    first = movies[0]
    if len({m.shape[0:1] + m.shape[2:] for m in movies}) > 1:
        raise MovieError(
            "The channels have different numbers of frames or pixels, so they are not "
            "one movie; choose layers of the same shape."
        )
    if len(movies) == 1:
        return first
    return Movie(
        frames=_Joined(tuple(movies)),
        interval=first.interval,
        pixel_size=first.pixel_size,
        name=first.name,
        channels=tuple(movie.name for movie in movies),
        source=first.source,
    )


def read_facts_from_file(layer: Layer) -> LayerFacts:
    """Read axes, interval and pixel size from the file that a layer came from.

    Raises
    ------
    MovieError
        If the layer has no file, or its data no longer have the file's shape.
    """
    path = own_metadata(layer).get("path") or layer.source.path
    if not path:
        raise MovieError(
            f"The layer {layer.name!r} does not come from a file; "
            "type the axes, interval and pixel size."
        )
    found = read_metadata(Path(path))
    axes = _matching(found, tuple(data_of(layer).shape))
    if axes is None:
        raise MovieError(
            f"The layer {layer.name!r} has the shape {tuple(data_of(layer).shape)}, "
            f"but its file has {tuple(found.shape)} ({found.axes}); "
            "open the file with Open movie… instead."
        )
    channels = data_of(layer).shape[axes.index("C")] if "C" in axes else 1
    count = 3 if "S" in axes else channels
    return LayerFacts(axes, found.interval, found.pixel_size, count)


def own_metadata(layer: Layer) -> dict[str, Any]:
    """What this plugin wrote into a layer's metadata; empty for other layers."""
    own = layer.metadata.get(KEY, {})
    return dict(own) if isinstance(own, dict) else {}


def data_of(layer: Layer) -> Any:
    """The layer's array; the finest one of a multiscale layer."""
    return layer.data[0] if layer.multiscale else layer.data


def spatial(
    interval: float | None, pixel_size: tuple[float, float] | None
) -> dict[str, Any]:
    """Scale and units of a layer with the axes (T, Y, X)."""
    height, width = pixel_size or (1.0, 1.0)
    length = "micrometer" if pixel_size else "pixel"
    return {
        "scale": (interval or 1.0, height, width),
        "units": ("second" if interval else "pixel", length, length),
        "axis_labels": ("T", "Y", "X"),
    }


def contrasts(movie: Movie) -> list[tuple[float, float]]:
    """Grey levels of each channel, from the darkest to nearly the brightest.

    Those of three frames, each of which is read once.
    """
    times = sorted({0, len(movie) // 2, len(movie) - 1})
    step = max(1, max(movie.shape[2:]) // 512)
    seen = [movie.read(t, t + 1)[0, :, ::step, ::step] for t in times]
    return [_limits(channel) for channel in np.stack(seen, 1)]


def _limits(values: NDArray[np.float32]) -> tuple[float, float]:
    known = values[np.isfinite(values)]
    if known.size == 0:
        return 0.0, 1.0
    low, high = float(known.min()), float(np.percentile(known, 99.9))
    return (low, high) if high > low else (low, low + 1.0)


def _how(movie: Movie, channel: int | None) -> dict[str, Any]:
    own: dict[str, Any] = {
        "path": movie.source,
        "axes": "TYX" if channel is not None else "TYXS",
    }
    how: dict[str, Any] = {
        "name": movie.name,
        "translate": (movie.first * (movie.interval or 1.0), 0.0, 0.0),
        **spatial(movie.interval, movie.pixel_size),
        "metadata": {KEY: own},
    }
    if channel is None:
        return how | {"rgb": True}
    if movie.shape[1] > 1:
        said = movie.channels[channel] if movie.channels else ""
        own |= {"movie": f"{movie.source}|{movie.name}|{id(movie)}", "channel": channel}
        how["name"] = f"{movie.name} · {said or f'channel {channel}'}"
        how["colormap"] = COLOURS[channel % len(COLOURS)]
        how["blending"] = "additive"
    return how


def _sliceable(movie: Movie) -> Any:
    """Frames that napari can draw: numpy as it is, anything else through dask."""
    return movie.frames if isinstance(movie.frames, np.ndarray) else lazily(movie)


def lazily(movie: Movie) -> Any:
    """Frames (T, C, Y, X) that are read one by one, when somebody looks at them."""
    chunks = (1, *movie.shape[1:])
    lazy = _Lazy(movie)
    return dask_array.from_array(lazy, chunks=chunks, name=False, lock=True)  # type: ignore[no-untyped-call]


def _moved(frames: Any) -> Any:
    """(T, C, Y, X) as (T, Y, X, C): what napari calls a colour picture."""
    return frames.transpose((0, 2, 3, 1))


@dataclass(frozen=True, slots=True, eq=False)
class _Lazy:
    """A movie's frames with the few more attributes that dask asks for."""

    movie: Movie
    ndim: int = 4

    @property
    def shape(self) -> tuple[int, ...]:
        return self.movie.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.movie.dtype

    def __getitem__(self, key: Any) -> NDArray[Any]:
        return np.asarray(self.movie.frames[key])


@dataclass(frozen=True, slots=True, eq=False)
class _Joined(LazyFrames):
    """Frames of several movies, one channel after the other."""

    movies: tuple[Movie, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        t, _, y, x = self.movies[0].shape
        return t, sum(movie.shape[1] for movie in self.movies), y, x

    @property
    def dtype(self) -> np.dtype[Any]:
        return np.result_type(*(movie.dtype for movie in self.movies))

    def at(self, time: Any) -> NDArray[Any]:
        parts = [np.asarray(movie.frames[time]) for movie in self.movies]
        return np.concatenate(parts, axis=-3).astype(self.dtype, copy=False)


def _axes(layer: Layer) -> tuple[str, str]:
    """Letters of a layer's axes, and a sentence when they are a guess."""
    colour = "S" if getattr(layer, "rgb", False) else ""
    said = [_letter(label) for label in layer.axis_labels]
    if all(said) and len(set(said)) == len(said):
        return "".join(said) + colour, ""
    shape = data_of(layer).shape[: layer.ndim]
    kind = "C" if len(shape) == 4 and shape[1] <= MOST_CHANNELS else "Z"
    letters = {2: "YX", 3: "TYX", 4: f"T{kind}YX", 5: "TZCYX"}.get(
        len(shape), "TZCYX"[-len(shape) :]
    )
    how = (
        "press Read from file"
        if layer.source.path
        else "give it axis labels if that is wrong"
    )
    return (
        letters + colour,
        f"The layer does not name its axes; {letters} is a guess: {how}.",
    )


def _letter(label: str) -> str:
    plain = label.strip().lower()
    return next((k for k, names in SPELLINGS.items() if plain in names), "")


def _physical(layer: Layer, axes: str, letter: str, unit: str) -> float | None:
    """Step along an axis in ``unit``; None when it is only counted in pixels."""
    at = axes.find(letter)
    if at < 0 or not layer.units[at].is_compatible_with(unit):
        return None
    step = (abs(float(layer.scale[at])) * layer.units[at]).to(unit).magnitude
    return float(f"{step:.9g}") or None


def _matching(found: FileMetadata, shape: tuple[int, ...]) -> str | None:
    """The file's axes as far as the layer has them; None when the shapes differ."""
    if tuple(found.shape) == shape:
        return str(found.axes)
    pairs = [(a, n) for a, n in zip(found.axes, found.shape, strict=True) if n > 1]
    if tuple(n for _, n in pairs) == shape:
        return "".join(a for a, _ in pairs)
    return None
