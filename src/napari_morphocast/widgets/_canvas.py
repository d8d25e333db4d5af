"""Forecasts that grow on screen, frame by frame."""

from __future__ import annotations

from datetime import UTC, datetime
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_morphocast.widgets._beyond import note_frames_beyond
from napari_morphocast.widgets._layers import (
    add_error,
    add_prediction,
    add_rollout,
    add_spread,
    which,
)
from napari_morphocast.widgets._motion import add_motion
from napari_morphocast.widgets._movies import KEY, own_metadata

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari.components import ViewerModel
    from napari.layers import Image

    from napari_morphocast.presenters.forecasting import Begun, FrameScore, Result
    from napari_morphocast.widgets._layers import Source


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
        self._spreads: list[Image] = []
        self._follow: float | None = None  # where the slider was put, to go on
        self._unseen = False
        self._run = ""

    @property
    def sources(self) -> tuple[Source, ...]:
        """What the forecasts are shown beside."""
        return self._sources

    def begin(self, begun: Begun) -> None:
        """Add the layers; the slider follows a rollout until somebody moves it."""
        self._frames, self._errors, self._spreads = [], [], []
        self._run = datetime.now(UTC).isoformat(timespec="milliseconds")
        for number, source in enumerate(self._sources):
            several = len(self._sources) > 1
            pick = slice(number, number + 1) if several else slice(None)
            self._begin(source, begun, pick)
        if begun.order.kind == "rollout":
            note_frames_beyond(self._viewer, self._frames)
        self._viewer.layers.selection.active = self._frames[0]
        self._follow = self._now() if begun.order.kind == "rollout" else None
        # Frames to come are black: do not put them over the frame that is looked at.
        self._unseen = begun.order.kind == "prediction"
        for layer in self._frames:
            layer.visible = not self._unseen

    def grow(self, done: int) -> None:
        """Draw the frames that are there now."""
        for layer in self._present(self._frames + self._errors + self._spreads):
            layer.refresh(extent=False)
        if self._follows():
            self._show(done - 1)
        self._reveal(done)

    def end(self, result: Result) -> None:
        """Cut off the frames that never came, and note the scores.

        The slider goes to the first frame of a rollout that it has followed, and to a
        frame of a prediction if it stood where there is none.
        """
        rows = [_row(score) for score in result.scores]
        known = len(result.begun.errors)
        if result.done and self._follows():
            self._show(0)
        if result.begun.order.kind == "prediction":
            self._enter(result)
        self._reveal(2**31)
        if self._present(self._frames):
            self._show_motion(result)
        for layers, most in (
            (self._frames, len(result.begun.frames)),
            (self._errors, known),
            (self._spreads, len(result.begun.frames)),
        ):
            for layer in self._present(layers):
                _settle(self._viewer, layer, min(result.done, most), most, rows)
        self._frames, self._errors, self._spreads = [], [], []
        self._follow = None

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
        if begun.spreads is not None:
            spreads = begun.spreads[:, pick]
            layer = add_spread(
                self._viewer, source, spreads, first=first, provenance=note
            )
            self._spreads.append(layer)

    def _show_motion(self, result: Result) -> None:
        """Add how everything moves, if the model says so."""
        if result.motion is None or not result.done:
            return
        source, active = self._sources[0], self._viewer.layers.selection.active
        note = provenance(result.begun, source, self._run)
        note["first"] = result.begun.first
        add_motion(
            self._viewer,
            source,
            result.motion,
            which=which(note),
            provenance=note,
        )
        self._viewer.layers.selection.active = active

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

    def _reveal(self, done: int) -> None:
        """Show the frames once the one under the slider is done; then never again."""
        if not self._unseen or not self._present(self._frames):
            return
        layer, at = self._frames[0], self._sources[0].letters.index("T")
        if layer.world_to_data(self._viewer.dims.point)[at] < done - 0.5:
            self._unseen = False
            for layer in self._present(self._frames):
                layer.visible = True

    def _enter(self, result: Result) -> None:
        """Move a slider that stands outside a prediction to its first unseen frame."""
        if not result.done or not self._present(self._frames):
            return
        layer, axis = self._frames[0], self._sources[0].letters.index("T")
        here = layer.world_to_data(self._viewer.dims.point)[axis]
        if not -0.5 <= here < result.done - 0.5:
            unseen = result.begun.unseen - result.begun.first
            self._show(min(max(0, unseen), result.done - 1))

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
    lead = {"lead": order.frames} if order.kind == "prediction" else {}
    return {
        **lead,
        "run": run,
        "of": order.kind,
        "between": begun.between,
        "model": order.label,
        "model_path": str(order.model),
        "context": begun.context,
        "source": source.name,
        "path": source.path,
        "interval": order.movie.interval,
        "movie_frames": len(order.movie),
        "version": version("napari-morphocast"),
    }


def _row(score: FrameScore) -> dict[str, Any]:
    return {
        "frame": score.frame,
        "lead": score.lead,
        "model": dict(score.model),
        "trivial": dict(score.trivial),
        "against": score.against,
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
