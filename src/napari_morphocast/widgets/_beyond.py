"""A text in the canvas while the frames that are shown have been seen by nobody."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from weakref import ref

from qtpy.QtCore import QTimer

from napari_morphocast.widgets._background import controller_of
from napari_morphocast.widgets._movies import own_metadata
from napari_morphocast.widgets._viewers import real_viewer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari.components import ViewerModel
    from napari.layers import Layer

TEXT = "forecast beyond the end of the movie:\nnobody has seen these frames"
KEPT = "note on frames beyond the end"
LOOK = {"text": TEXT, "visible": True, "position": "bottom_center", "font_size": 11.0}
SOON = 40  # milliseconds: a slider that is dragged tells of every step


def note_frames_beyond(viewer: ViewerModel, rollouts: Sequence[Layer]) -> None:
    """Say so in the canvas whenever new rollouts are shown beyond the movie's end."""
    kept = controller_of(viewer).kept
    if KEPT not in kept:
        kept[KEPT] = _Note(real_viewer(viewer))
    for layer in rollouts:
        layer.events.visible.connect(kept[KEPT].look_soon)
    kept[KEPT].look_soon()


def is_beyond(viewer: ViewerModel) -> bool:
    """Whether the slider is at a frame that only a visible rollout shows."""
    return any(_shows_unseen(viewer, layer) for layer in viewer.layers)


class _Note:
    """Watches one viewer for as long as it has a rollout."""

    def __init__(self, viewer: ViewerModel) -> None:
        self._viewer = ref(viewer)
        self._before: dict[str, Any] | None = None  # the overlay, while ours is shown
        self._watching = False
        self._timer = QTimer()
        self._timer.setSingleShot(True)
        self._timer.setInterval(SOON)
        self._timer.timeout.connect(self.look)

    def look_soon(self, event: Any = None) -> None:
        """Something has moved; look when it rests."""
        viewer = self._viewer()
        if viewer is not None and not self._watching:
            self._watching = True
            for emitter in _emitters(viewer):
                emitter.connect(self.look_soon)
        self._timer.start()

    def look(self) -> None:
        """Show or hide the text; a text of the user's own is left as it is."""
        viewer = self._viewer()
        if viewer is None:
            return
        overlay = viewer.canvas.overlays.text
        ours = self._before is not None and overlay.text == TEXT
        if is_beyond(viewer):
            if not ours and not overlay.visible:
                self._before = {name: getattr(overlay, name) for name in LOOK}
                _set(overlay, LOOK)
            return
        if ours and self._before is not None:
            _set(overlay, self._before)
        self._before = None
        if not any(own_metadata(one).get("kind") == "rollout" for one in viewer.layers):
            self._watching = False
            for emitter in _emitters(viewer):
                emitter.disconnect(self.look_soon)


def _emitters(viewer: ViewerModel) -> tuple[Any, ...]:
    return viewer.dims.events.current_step, viewer.layers.events.removed


def _set(overlay: Any, look: dict[str, Any]) -> None:
    for name, value in look.items():
        setattr(overlay, name, value)


def _shows_unseen(viewer: ViewerModel, layer: Layer) -> bool:
    about = own_metadata(layer)
    if about.get("kind") != "rollout" or not layer.visible:
        return False
    at = str(about["axes"]).index("T")
    frame = round(float(layer.world_to_data(viewer.dims.point)[at]))
    return int(about["known"]) <= frame < int(layer.data.shape[at])
