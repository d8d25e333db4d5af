"""Forecasts as layers that lie where they belong in time and space."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from napari_morphocast.presenters.wording import frames as count_of
from napari_morphocast.widgets._movies import KEY, data_of, layer_facts, own_metadata

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from napari.components import ViewerModel
    from napari.layers import Image
    from numpy.typing import NDArray

    from napari_morphocast.presenters.forecasting import Begun, Result

ERROR_SHARES = {"prediction": 0.25, "rollout": 0.5}  # of the contrast range: brightest
PREVIEW_NAMES = "last input | forecast | truth"

Kind = Literal["prediction", "rollout", "error", "preview"]


@dataclass(frozen=True, slots=True)
class Axis:
    """One axis of a layer: where it starts and how far apart its planes lie."""

    letter: str
    label: str
    length: int
    scale: float
    translate: float
    unit: str


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """What a result inherits from a layer, noted before anything can change it.

    Parameters
    ----------
    axes : tuple of Axis
        Those of the layer, without the colour samples of a colour picture.
    colour : bool
        Whether the layer shows red, green and blue as one picture.
    look : dict
        Contrast limits, colormap and gamma; empty for a colour picture.
    turn : dict
        Rotation, shear and affine transform.
    channel : int, optional
        The only channel that is forecast, if the layer has several.
    """

    name: str
    path: str
    axes: tuple[Axis, ...]
    colour: bool
    look: dict[str, Any]
    turn: dict[str, Any]
    channel: int | None = None

    @classmethod
    def of(
        cls, layer: Image, *, axes: str | None = None, channel: int | None = None
    ) -> Source:
        """Note down what results of ``layer`` will need."""
        letters = axes or layer_facts(layer).axes
        noted = tuple(
            Axis(letter, label, int(length), float(scale), float(start), str(unit))
            for letter, label, length, scale, start, unit in zip(
                letters,
                layer.axis_labels,
                data_of(layer).shape,
                layer.scale,
                layer.translate,
                layer.units,
                strict=False,
            )
        )
        turn = {n: getattr(layer, n) for n in ("rotate", "shear", "affine")}
        path = own_metadata(layer).get("path") or layer.source.path or ""
        return cls(layer.name, str(path), noted, layer.rgb, _look(layer), turn, channel)

    @property
    def letters(self) -> str:
        """Axes of the layer, such as TZYX; without the colour samples."""
        return "".join(axis.letter for axis in self.axes)

    def arranged(self, frames: NDArray[Any], *, colour: bool) -> NDArray[Any]:
        """Frames (T, C, Y, X) with their axes in the layer's order; a view, no copy."""
        letters = "TSYX" if colour else "TCYX"
        if not colour and "C" not in self.letters:
            frames, letters = frames[:, 0], "TYX"
        for letter in self.letters:
            if letter not in letters:
                frames, letters = frames[..., None], letters + letter
        order = self.letters + "S" * colour
        return frames.transpose([letters.index(letter) for letter in order])

    def place(self, first: int, channels: int) -> dict[str, Any]:
        """Where frames from number ``first`` on lie: by the name of every axis."""
        placed = [self._placed(axis, first, channels) for axis in self.axes]
        return {
            "scale": [scale for scale, _ in placed],
            "translate": [translate for _, translate in placed],
            "units": tuple(axis.unit for axis in self.axes),
            "axis_labels": self.letters,
            **self.turn,
        }

    def _placed(self, axis: Axis, first: int, channels: int) -> tuple[float, float]:
        if axis.letter == "T":
            return axis.scale, axis.translate + first * axis.scale
        if axis.letter == "Z" and axis.length > 1:  # one slab as deep as the stack
            middle = axis.translate + (axis.length - 1) / 2 * axis.scale
            return axis.scale * axis.length, middle
        if axis.letter == "C" and channels < axis.length:
            return axis.scale, axis.translate + (self.channel or 0) * axis.scale
        return axis.scale, axis.translate


def add_prediction(
    viewer: ViewerModel,
    source: Source,
    frames: NDArray[Any],
    *,
    first: int,
    lead: int,
    provenance: Mapping[str, Any],
) -> Image:
    """Add frames (T, C, Y, X) forecast ``lead`` frames ahead; they may fill up later.

    ``first`` is the number of the movie's frame that ``frames[0]`` stands for.
    """
    name = f"{source.name} [forecast, {count_of(lead)} ahead]"
    about = {"kind": "prediction", "lead": lead, "first": first, **provenance}
    return _add(viewer, source, frames, name, first, about)


def add_rollout(
    viewer: ViewerModel,
    source: Source,
    frames: NDArray[Any],
    *,
    first: int,
    known: int,
    provenance: Mapping[str, Any],
) -> Image:
    """Add a rollout (T, C, Y, X) that begins at frame ``first``; it may fill up later.

    ``known`` is how many of these frames the movie has: none of them when the rollout
    goes on beyond its end, which its name then says.
    """
    where = f"from frame {first}" if known else "beyond the end"
    if 0 < known < len(frames):
        where += ", on beyond the end"
    about = {"kind": "rollout", "first": first, "known": known, **provenance}
    return _add(
        viewer, source, frames, f"{source.name} [rollout {where}]", first, about
    )


def add_error(
    viewer: ViewerModel,
    source: Source,
    errors: NDArray[Any],
    *,
    first: int,
    provenance: Mapping[str, Any],
) -> Image:
    """Add absolute errors (T, C, Y, X): dark is right, bright is wrong.

    The grey levels shown are fixed from 0, so that two models can be compared.
    """
    about = {"of": "prediction", **provenance, "kind": "error", "first": first}
    return _add(viewer, source, errors, f"{source.name} [|error|]", first, about)


def add_preview(viewer: ViewerModel, layer: Image, preview: NDArray[Any]) -> Image:
    """Show (3, C, Y, X) grey levels in one layer beside the movie, reusing an old one.

    The three pictures stand side by side: last input, forecast and truth.
    """
    source = Source.of(layer)
    tiles = _tiled(preview, source.colour)
    for other in viewer.layers:
        own = own_metadata(other)
        old = own.get("kind") == "preview" and own.get("source") == source.name
        if old and other.data.shape == tiles.shape:
            other.data[...] = tiles
            other.refresh(extent=False)
            return other
    rows, columns = (next(a for a in source.axes if a.letter == n) for n in "YX")
    beside = columns.translate + 1.05 * columns.length * columns.scale
    about = {"kind": "preview", "source": source.name, "order": PREVIEW_NAMES}
    return viewer.add_image(
        tiles,
        name=f"{source.name} [training: {PREVIEW_NAMES}]",
        scale=(rows.scale, columns.scale),
        translate=(rows.translate, beside),
        units=(rows.unit, columns.unit),
        axis_labels=("Y", "X"),
        rgb=source.colour,
        metadata={KEY: about},
        **source.look,
    )


class LayerCanvas:
    """Shows forecasts as layers while their frames come in.

    Parameters
    ----------
    sources : sequence of Source
        One for each channel when every channel is a layer of its own; else one.
    """

    def __init__(self, viewer: ViewerModel, sources: Sequence[Source]) -> None:
        self._viewer = viewer
        self._sources = tuple(sources)
        self._frames: list[Image] = []
        self._errors: list[Image] = []
        self._follow: float | None = None  # where the slider was put, to go on
        self._run = ""

    def begin(self, begun: Begun) -> None:
        """Add the layers; the slider follows a rollout until somebody moves it."""
        self._frames, self._errors = [], []
        self._run = datetime.now(UTC).isoformat(timespec="milliseconds")
        for number, source in enumerate(self._sources):
            several = len(self._sources) > 1
            pick = slice(number, number + 1) if several else slice(None)
            self._begin(source, begun, pick)
        self._viewer.layers.selection.active = self._frames[0]
        self._follow = self._now() if begun.order.kind == "rollout" else None

    def grow(self, done: int) -> None:
        """Draw the frames that are there now."""
        for layer in self._present(self._frames + self._errors):
            layer.refresh(extent=False)
        if self._follows():
            self._show(done - 1)

    def end(self, result: Result) -> None:
        """Cut off the frames that never came, and note the scores.

        The slider goes to the first frame that can be compared, if there is one.
        """
        rows = [_row(score) for score in result.scores]
        known = len(result.begun.errors)
        if known and result.done and self._follows():
            self._show(0)
        for layers, most in (
            (self._frames, len(result.begun.frames)),
            (self._errors, known),
        ):
            for layer in self._present(layers):
                _settle(self._viewer, layer, min(result.done, most), most, rows)
        self._frames, self._errors, self._follow = [], [], None

    def _begin(self, source: Source, begun: Begun, pick: slice) -> None:
        order, known = begun.order, len(begun.errors)
        note, first = provenance(begun, source, self._run), begun.first
        frames = begun.frames[:, pick]
        if order.kind == "prediction":
            layer = add_prediction(
                self._viewer,
                source,
                frames,
                first=first,
                lead=order.frames,
                provenance=note,
            )
        else:
            layer = add_rollout(
                self._viewer, source, frames, first=first, known=known, provenance=note
            )
        self._frames.append(layer)
        if known:
            errors = begun.errors[:, pick]
            layer = add_error(
                self._viewer, source, errors, first=first, provenance=note
            )
            self._errors.append(layer)

    def _present(self, layers: Sequence[Image]) -> list[Image]:
        """Those that nobody has deleted in the meantime."""
        return [layer for layer in layers if layer in self._viewer.layers]

    def _time(self) -> int | None:
        """The viewer's axis that is time; None when no layer is left to tell."""
        if not self._present(self._frames):
            return None
        layer = self._frames[0]
        at = self._sources[0].letters.index("T")
        return int(self._viewer.dims.ndim - layer.ndim + at)

    def _now(self) -> float:
        at = self._time()
        return float("nan") if at is None else float(self._viewer.dims.point[at])

    def _follows(self) -> bool:
        """Whether nobody has moved the slider since it was put somewhere here."""
        return self._follow is not None and bool(np.isclose(self._now(), self._follow))

    def _show(self, frame: int) -> None:
        """Move the slider to a frame of the newest layer."""
        at = self._time()
        if at is None:
            return
        layer, axis = self._frames[0], self._sources[0].letters.index("T")
        moment = layer.translate[axis] + frame * layer.scale[axis]
        self._viewer.dims.set_point(at, float(moment))
        self._follow = self._now()


def provenance(begun: Begun, source: Source, run: str) -> dict[str, Any]:
    """Where a result comes from: enough to make it again."""
    order = begun.order
    return {
        "run": run,
        "of": order.kind,
        "model": order.label,
        "model_path": str(order.model),
        "context": begun.context,
        "source": source.name,
        "path": source.path,
        "interval": order.movie.interval,
        "movie_frames": len(order.movie),
        "version": version("napari-morphocast"),
    }


def results_in(viewer: ViewerModel) -> list[Image]:
    """Layers that hold forecasts or errors, the newest last."""
    kinds = {"prediction", "rollout", "error"}
    return [one for one in viewer.layers if own_metadata(one).get("kind") in kinds]


def _add(
    viewer: ViewerModel,
    source: Source,
    frames: NDArray[Any],
    name: str,
    first: int,
    about: Mapping[str, Any],
) -> Image:
    """Add a layer like its source; napari numbers names that are taken."""
    error = about["kind"] == "error"
    colour = source.colour and not error
    letters = source.letters + "S" * colour
    look = _error_look(source, frames.dtype, about) if error else source.look
    return viewer.add_image(
        source.arranged(frames, colour=colour),
        name=name,
        rgb=colour,
        metadata={KEY: {**about, "axes": letters}},
        **source.place(first, frames.shape[1]),
        **look,
    )


def _look(layer: Image) -> dict[str, Any]:
    if layer.rgb:
        return {}
    return {
        "contrast_limits": tuple(layer.contrast_limits),
        "colormap": layer.colormap,
        "gamma": layer.gamma,
        "interpolation2d": layer.interpolation2d,
    }


def _error_look(
    source: Source, dtype: np.dtype[Any], about: Mapping[str, Any]
) -> dict[str, Any]:
    low, high = source.look.get("contrast_limits", (0, 255 if dtype == np.uint8 else 1))
    return {
        "contrast_limits": (0.0, ERROR_SHARES[about["of"]] * (high - low)),
        "colormap": "inferno",
        "blending": "additive",
        "visible": False,
    }


def _tiled(preview: NDArray[Any], colour: bool) -> NDArray[Any]:
    """Three pictures (3, C, Y, X) in one row, shape (Y, 3 X) or (Y, 3 X, 3)."""
    if not colour:
        return np.concatenate(list(preview[:, 0]), axis=1)
    row = np.concatenate(list(preview), axis=2).transpose(1, 2, 0)
    if float(row.max(initial=0)) <= 1:  # colours between 0 and 1
        return np.asarray(np.clip(row, 0, 1))
    return np.asarray(np.clip(np.rint(row), 0, 255), np.uint8)


def _row(score: Any) -> dict[str, Any]:
    return {
        "frame": score.frame,
        "lead": score.lead,
        "model": dict(score.model),
        "persistence": dict(score.persistence),
    }


def _settle(
    viewer: ViewerModel, layer: Image, done: int, most: int, rows: list[dict[str, Any]]
) -> None:
    """Keep ``done`` of ``most`` frames; a layer with none of them goes away."""
    if done == 0:
        viewer.layers.remove(layer)
        return
    about = own_metadata(layer)
    if done < most:
        at = about["axes"].index("T")
        keep = [slice(None)] * np.ndim(layer.data)
        keep[at] = slice(0, done)
        layer.data = layer.data[tuple(keep)]
    layer.metadata = {**layer.metadata, KEY: {**about, "scores": rows}}
