"""The Synthesize dock: frames that no microscope saw, like the one on the screen."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from napari_morphocast.errors import MorphocastError
from napari_morphocast.presenters.model_files import ModelChoice, choices, synthesizers
from napari_morphocast.presenters.synthesize import SynthesizePresenter
from napari_morphocast.widgets._form import say
from napari_morphocast.widgets._model_list import list_models
from napari_morphocast.widgets._movie_dock import ModelDock
from napari_morphocast.widgets._saving import where_to
from napari_morphocast.widgets._sheets import Sheets
from napari_morphocast.widgets._synthesize_form import SynthesizeForm

if TYPE_CHECKING:
    from collections.abc import Sequence

    import napari

    from napari_morphocast.data.movie import Movie
    from napari_morphocast.presenters.synthesize_work import Kind, Made
    from napari_morphocast.widgets._layers import Source

SAVED = ".ome.tif"


class SynthesizeDock(ModelDock):
    """Choose a model and make frames like the one that the viewer shows.

    Layout is in ``SynthesizeForm``, behaviour in ``SynthesizePresenter``; this is what
    ties them to a viewer.
    """

    NAME = "synthesize"
    form: SynthesizeForm
    presenter: SynthesizePresenter

    def __init__(self, napari_viewer: napari.viewer.Viewer) -> None:
        super().__init__(napari_viewer)
        self._made: Made | None = None
        self._start: Made | None = None  # what is rolled out
        self._sheets = Sheets(self._viewer)
        self.form = SynthesizeForm(self, self._viewer)
        self.presenter = SynthesizePresenter(self, self._controller)
        self._begin()

    # --- what the presenter may ask

    def movie(self, channels: int | None, *, labels: bool = False) -> Movie | None:
        """The chosen movie, lazily, and where its layer lies."""
        movie = super().movie(channels, labels=labels)
        if movie is not None:
            last = len(movie) - 1
            if self.form.other.maximum() != last:
                self.form.other.setMaximum(last)
                self.form.other.setValue(last)
        return movie

    def model(self) -> Path | None:
        """File of the chosen model."""
        choice = self._chosen_model()
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

    def variation(self, kind: Kind) -> float:
        """How various frames of a kind shall be."""
        return float(self.form.variations[kind == "random"].value())

    def refine(self) -> bool:
        """Whether likeness is worth some seconds."""
        return bool(self.form.refine.isChecked())

    def seed(self) -> int | None:
        """A seed to use again; None for a new one each time."""
        return int(self.form.seed.value()) if self.form.again.isChecked() else None

    def forecaster(self) -> str | Path | None:
        """Which forecaster shall roll frames out."""
        choice: ModelChoice | None = self.form.forecasters.currentData()
        return choice.model if choice else None

    def horizon(self) -> int:
        """How many frames on."""
        return int(self.form.horizon.value())

    def show_ready(self, random: str, like: str) -> None:
        """Enable a button for which the reason against it is empty."""
        self.form.enable(self.form.random, random)
        self.form.enable(self.form.like, like)
        self.form.enable(self.form.between, like)
        none = "" if self._made else "Make frames first."
        self.form.enable(self.form.save, none)
        self.form.enable(self.form.rollout, none or random)

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

    # --- wiring

    def _connect(self) -> None:
        super()._connect()
        form = self.form
        form.like.clicked.connect(lambda _: self._make("like"))
        form.random.clicked.connect(lambda _: self._make("random"))
        form.between.clicked.connect(lambda _: self._make("between"))
        form.rollout.clicked.connect(lambda _: self.presenter.roll_out(self._start))
        form.save.clicked.connect(lambda _: self._save())

    def _refresh(self) -> None:
        super()._refresh()
        self._moved()

    def _moved(self, event: Any = None) -> None:
        """Name the frame that the viewer shows."""
        self.form.like.setText(f"&Like frame {self.frame()}")

    def _make(self, kind: Kind) -> None:
        self._remember()
        self.presenter.make(kind)

    # --- models

    def _offered(self) -> list[ModelChoice]:
        return self._known(synthesizers)

    def _fill_models(self, wanted: str | None = None) -> None:
        super()._fill_models(wanted)
        list_models(self.form.forecasters, self._known(choices), None)

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
        return {
            **super()._choices(),
            "count": self.count(),
            "variation": self.variation("like"),
            "truncation": self.variation("random"),
        }

    def _restore(self, last: dict[str, Any]) -> None:
        super()._restore(last)
        self.form.count.setValue(int(last.get("count", 8)))
        like, random = self.form.variations
        like.setValue(float(last.get("variation", 0.3)))
        random.setValue(float(last.get("truncation", 1.0)))
