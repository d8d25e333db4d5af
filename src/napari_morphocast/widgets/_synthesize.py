"""The Synthesize dock: frames that no microscope saw, like the one on the screen."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QWidget

from napari_morphocast.errors import MorphocastError
from napari_morphocast.presenters.model_files import ModelChoice, choices, synthesizers
from napari_morphocast.presenters.synthesize import SynthesizePresenter
from napari_morphocast.widgets._background import controller_of
from napari_morphocast.widgets._form import say
from napari_morphocast.widgets._lifetime import when_gone
from napari_morphocast.widgets._model_list import (
    ask_for_model,
    known_models,
    list_models,
    offer_model,
)
from napari_morphocast.widgets._preferences import preferences, remember, remembered
from napari_morphocast.widgets._saving import where_to
from napari_morphocast.widgets._sheets import Sheets
from napari_morphocast.widgets._synthesize_form import SynthesizeForm
from napari_morphocast.widgets._viewers import real_viewer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import napari

    from napari_morphocast.data.movie import Movie
    from napari_morphocast.presenters.synthesize_work import Made
    from napari_morphocast.widgets._layers import Source

SAVED = ".ome.tif"
SOON = 150  # milliseconds to wait for more changes before looking at them


class SynthesizeDock(QWidget):
    """Choose a model and make frames like the one that the viewer shows.

    Layout is in ``SynthesizeForm``, behaviour in ``SynthesizePresenter``; this is what
    ties them to a viewer.
    """

    def __init__(self, napari_viewer: napari.viewer.Viewer) -> None:
        super().__init__()
        viewer = real_viewer(napari_viewer)
        self._viewer = viewer
        self._controller = controller_of(viewer)
        self._sources: Sequence[Source] = ()
        self._made: Made | None = None
        self._start: Made | None = None  # what is rolled out
        self._sheets = Sheets(viewer)
        self.form = SynthesizeForm(self, viewer)
        self._restore(remembered().get("synthesize", {}))
        self.presenter = SynthesizePresenter(self, self._controller)
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(SOON)
        self._connect()
        when_gone(self, self._farewell())
        self.show_running(False)
        self._refresh()

    # --- what the presenter may ask

    def movie(self, channels: int | None, *, labels: bool = False) -> Movie | None:
        """The chosen movie, lazily, and where its layer lies."""
        found = self.form.picker.movie(channels, labels=labels)
        self._sources = found[1] if found else ()
        if found:
            self.form.other.setMaximum(len(found[0]) - 1)
        return found[0] if found else None

    def sources(self) -> object:
        """Where the movie asked for last lies."""
        return self._sources

    def model(self) -> Path | None:
        """File of the chosen model."""
        choice: ModelChoice | None = self.form.models.currentData()
        return Path(choice.model) if choice else None

    def frame(self) -> int:
        """Number of the frame that the viewer shows, as near as there is one."""
        return self.form.picker.frame()

    def other(self) -> int:
        """Number of the frame that a way shall lead to."""
        return int(self.form.other.value())

    def count(self) -> int:
        """How many frames to make."""
        return int(self.form.count.value())

    def variation(self) -> float:
        """How various they shall be."""
        return float(self.form.variation.value())

    def refine(self) -> bool:
        """Whether likeness is worth some seconds."""
        return bool(self.form.refine.isChecked())

    def seed(self) -> int | None:
        """A seed to use again; None for a new one each time."""
        return int(self.form.seed.value()) if self.form.again.isChecked() else None

    def hardware(self) -> tuple[str, str]:
        """Device and precision from the Preferences."""
        chosen = preferences()
        return chosen.device, chosen.precision

    def forecaster(self) -> str | Path | None:
        """Which forecaster shall roll frames out."""
        choice: ModelChoice | None = self.form.forecasters.currentData()
        return choice.model if choice else None

    def horizon(self) -> int:
        """How many frames on."""
        return int(self.form.horizon.value())

    def show_movie(self, text: str) -> None:
        """Say what the chosen movie is."""
        say(self.form.movie_facts, text)

    def show_model(self, text: str) -> None:
        """Say what the chosen model is."""
        say(self.form.model_facts, text)

    def show_ready(self, random: str, like: str) -> None:
        """Enable a button for which the reason against it is empty."""
        self.form.enable(self.form.random, random)
        self.form.enable(self.form.like, like)
        self.form.enable(self.form.between, like)
        none = "" if self._made else "Make frames first."
        self.form.enable(self.form.save, none)
        self.form.enable(self.form.rollout, none or random)

    def show_running(self, running: bool) -> None:
        """Show progress and Stop while this dock's work is under way."""
        self.form.show_running(running)

    def show_progress(self, share: float, text: str) -> None:
        """How far it is."""
        self.form.show_progress(share, text)

    def show_made(self, made: Made) -> None:
        """Show synthetic frames, in place of those of the wish before."""
        self._made = made
        if not made.wish.horizon:
            self._start = made
        chosen = self._viewer.layers.selection.active
        self._sheets.show(cast("Sequence[Source]", made.wish.sources), made)
        if chosen in self._viewer.layers:
            self._viewer.layers.selection.active = chosen
        self.form.enable(self.form.save, "")

    def show_seed(self, seed: int) -> None:
        """Which seed was used."""
        self.form.seed.setValue(seed)

    def show_verdict(self, text: str) -> None:
        """What came out."""
        say(self.form.verdict, text)

    def show_error(self, message: str) -> None:
        """What went wrong, in one sentence."""
        say(self.form.error, message)

    # --- wiring

    def _connect(self) -> None:
        form = self.form
        form.like.clicked.connect(lambda _: self._make("like"))
        form.random.clicked.connect(lambda _: self._make("random"))
        form.between.clicked.connect(lambda _: self._make("between"))
        form.rollout.clicked.connect(lambda _: self.presenter.roll_out(self._start))
        form.stop.clicked.connect(lambda _: self.presenter.stop())
        form.browse.clicked.connect(lambda _: self._browse())
        form.save.clicked.connect(lambda _: self._save())
        form.picker.failed.connect(self.show_error)
        for signal in (form.picker.changed, form.models.currentIndexChanged):
            signal.connect(self._soon.start)
        self._soon.timeout.connect(self._refresh)
        self._viewer.dims.events.current_step.connect(self._moved)
        self._viewer.events.theme.connect(self._theme_changed)

    def _farewell(self) -> Callable[[], None]:
        """What to do when this widget is gone; must not touch it."""
        presenter, picker, viewer = self.presenter, self.form.picker, self._viewer
        moved, theme = self._moved, self._theme_changed

        def farewell() -> None:
            presenter.close()
            picker.disconnect_viewer()
            viewer.dims.events.current_step.disconnect(moved)
            viewer.events.theme.disconnect(theme)

        return farewell

    def _refresh(self) -> None:
        self._fill_models()
        self.presenter.refresh()
        self._moved()

    def _moved(self, event: Any = None) -> None:
        """Name the frame that the viewer shows."""
        self.form.like.setText(f"&Like frame {self.frame()}")

    def _theme_changed(self, event: Any = None) -> None:
        self.form.set_theme(self._viewer.theme)

    def _make(self, kind: Any) -> None:
        remember(synthesize=self._choices())
        self.presenter.make(kind)

    # --- models

    def choose_model(self, path: Path) -> None:
        """Add a model file to the list and choose it."""
        offer_model(self._controller, path)
        self._fill_models(str(path))
        self._soon.start()

    def _browse(self) -> None:
        if path := ask_for_model(self):
            self.choose_model(path)

    def _fill_models(self, wanted: str | None = None) -> None:
        """List the models that there are now; keeps the choice."""
        some = synthesizers(known_models(self._controller), preferences().models_folder)
        list_models(self.form.models, some, wanted)
        others = choices(known_models(self._controller), preferences().models_folder)
        list_models(self.form.forecasters, others, None)

    # --- keeping

    def _save(self) -> None:
        """Ask for a file and write what was made, marked as synthetic."""
        if self._made is None:
            return
        name = self._made.wish.title
        if path := where_to(self, "Save frames", name, "OME-TIFF", SAVED):
            self.save(path)

    def save(self, path: Path) -> None:
        """Write what was made as one stack that says what it is."""
        try:
            self.presenter.save(self._made, path)
        except MorphocastError as error:
            self.show_error(error.on_screen)

    def _choices(self) -> dict[str, Any]:
        model = self.model()
        return {
            "model": str(model) if model else None,
            "count": self.count(),
            "variation": self.variation(),
        }

    def _restore(self, last: dict[str, Any]) -> None:
        with suppress(TypeError, ValueError):
            self.form.count.setValue(int(last.get("count", 8)))
            self.form.variation.setValue(float(last.get("variation", 0.3)))
        self._fill_models(str(last["model"]) if last.get("model") else None)
