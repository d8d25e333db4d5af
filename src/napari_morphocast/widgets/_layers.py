"""Forecasts as layers that lie where they belong in time and space."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal
from weakref import WeakKeyDictionary, ref

import numpy as np
from napari.utils.transforms import Affine

from napari_morphocast.widgets._movies import KEY, data_of, layer_facts, own_metadata

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari.components import ViewerModel
    from napari.layers import Image, Layer
    from numpy.typing import NDArray

ERROR_SHARES = {"prediction": 0.25, "rollout": 0.5}  # of the contrast range: brightest

MAPS = "error", "spread"  # kinds of layers that show errors, made or expected

Kind = Literal["prediction", "rollout", "error", "spread", "preview"]

_made_of: WeakKeyDictionary[Layer, ref[Layer]] = WeakKeyDictionary()


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
    white : float
        Brightest value of a colour picture.
    layer : weak reference, optional
        The layer itself, as long as there is one.
    """

    name: str
    path: str
    axes: tuple[Axis, ...]
    colour: bool
    look: dict[str, Any]
    turn: dict[str, Any]
    channel: int | None = None
    white: float = 1.0
    layer: ref[Layer] | None = None

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
        return cls(
            layer.name,
            str(path),
            noted,
            layer.rgb,
            _look(layer),
            turn,
            channel,
            255.0 if data_of(layer).dtype == np.uint8 else 1.0,
            ref(layer),
        )

    @property
    def letters(self) -> str:
        """Axes of the layer, such as TZYX; without the colour samples."""
        return "".join(axis.letter for axis in self.axes)

    @property
    def to_world(self) -> Affine:
        """Where places of the layer lie in the viewer, rotation and all."""
        own = Affine(
            [axis.scale for axis in self.axes],
            [axis.translate for axis in self.axes],
            rotate=self.turn["rotate"],
            shear=self.turn["shear"],
        )
        return self.turn["affine"].compose(own)

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
    about = {"kind": "prediction", "lead": lead, "first": first, **provenance}
    name = f"forecast {which(about)} · {source.name}"
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
    where = f"from {first}" if known else "beyond the end"
    if 0 < known < len(frames):
        where += " to beyond the end"
    about = {"kind": "rollout", "first": first, "known": known, **provenance}
    name = f"rollout {where} · {source.name}"
    return _add(viewer, source, frames, name, first, about)


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
    ``provenance`` says how far ahead the forecast looked, as ``lead``, if it was no
    rollout.
    """
    about = {"of": "prediction", **provenance, "kind": "error", "first": first}
    name = f"error {which(about)} · {source.name}"
    return _add(viewer, source, errors, name, first, about)


def add_spread(
    viewer: ViewerModel,
    source: Source,
    spreads: NDArray[Any],
    *,
    first: int,
    provenance: Mapping[str, Any],
) -> Image:
    """Add the error that an ensemble expects (T, C, Y, X): bright is uncertain.

    Shown with the same grey levels as the errors, so that both can be compared.
    """
    about = {"of": "prediction", **provenance, "kind": "spread", "first": first}
    name = f"spread {which(about)} · {source.name}"
    return _add(viewer, source, spreads, name, first, about)


def results_in(viewer: ViewerModel) -> list[Image]:
    """Layers that hold forecasts, errors or spread, the newest last."""
    kinds = {"prediction", "rollout", *MAPS}
    return [one for one in viewer.layers if own_metadata(one).get("kind") in kinds]


def is_of(result: Layer, layer: Layer) -> bool:
    """Whether a result was made of a layer, which may be called otherwise by now."""
    known = _made_of.get(result)
    origin = known() if known is not None else None
    if origin is not None:
        return origin is layer
    return bool(own_metadata(result).get("source") == layer.name)


def _add(
    viewer: ViewerModel,
    source: Source,
    frames: NDArray[Any],
    name: str,
    first: int,
    about: Mapping[str, Any],
) -> Image:
    """Add a layer like its source; napari numbers names that are taken."""
    is_map = about["kind"] in MAPS
    colour = source.colour and not is_map
    letters = source.letters + "S" * colour
    look = _map_look(source, about) if is_map else source.look
    layer = viewer.add_image(
        source.arranged(frames, colour=colour),
        name=name,
        rgb=colour,
        metadata={KEY: {**about, "axes": letters}},
        **source.place(first, frames.shape[1]),
        **look,
    )
    if source.layer is not None:
        _made_of[layer] = source.layer
    return layer


def _look(layer: Image) -> dict[str, Any]:
    if layer.rgb:
        return {}
    return {
        "contrast_limits": tuple(layer.contrast_limits),
        "colormap": layer.colormap,
        "gamma": layer.gamma,
        "interpolation2d": layer.interpolation2d,
    }


def which(about: Mapping[str, Any]) -> str:
    """Which forecast a layer belongs to."""
    if about.get("between"):
        return "between"
    return (
        f"+{about['lead']}" if "lead" in about else f"of rollout from {about['first']}"
    )


def _map_look(source: Source, about: Mapping[str, Any]) -> dict[str, Any]:
    low, high = source.look.get("contrast_limits", (0, source.white))
    return {
        "contrast_limits": (0.0, ERROR_SHARES[about["of"]] * (high - low)),
        "colormap": "inferno",
        "blending": "additive",
        "visible": False,
    }
