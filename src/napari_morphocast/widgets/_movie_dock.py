"""What docks that work on a movie have in common: what ties them to a viewer."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, ClassVar, Protocol
from weakref import ref

from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QWidget

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
from napari_morphocast.widgets._viewers import real_viewer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from napari.components import ViewerModel
    from napari.layers import Image

    from napari_morphocast.data.movie import Movie
    from napari_morphocast.presenters.model_files import ModelChoice
    from napari_morphocast.widgets._dock_form import DockForm, ModelForm
    from napari_morphocast.widgets._layers import Source

SOON = 150  # milliseconds to wait for more changes before looking at them


class MoviePresenter(Protocol):
    """Behaviour of a dock, as far as it is that of all."""

    def refresh(self) -> None:
        """Look again at what is chosen."""

    def stop(self) -> None:
        """End the work early."""

    def close(self) -> None:
        """The screen is gone: stop, and speak to nobody."""


class MovieDock(QWidget):
    """A movie of a viewer, models that go with it, and work that takes a while.

    A dock makes its ``form`` and its ``presenter``, then calls ``_begin``; ``NAME`` is
    what its choices are remembered under.
    """

    NAME: ClassVar[str]
    form: DockForm
    presenter: MoviePresenter

    def __init__(self, viewer: ViewerModel) -> None:
        super().__init__()
        self._viewer = real_viewer(viewer)
        self._controller = controller_of(self._viewer)
        self._sources: Sequence[Source] = ()
        self._farewells: list[Callable[[], None]] = []  # must not touch this widget
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(SOON)

    def _begin(self) -> None:
        """Show what was chosen last time, and listen from now on."""
        with suppress(TypeError, ValueError):  # an older version may have kept it
            self._restore(remembered().get(self.NAME, {}))
        self._farewells += self.presenter.close, self.form.picker.disconnect_viewer
        self._connect()
        when_gone(self, _each(self._farewells))
        self.show_running(False)
        self._refresh()

    # --- what the presenter may ask

    def movie(self, channels: int | None, *, labels: bool = False) -> Movie | None:
        """The chosen movie, lazily, and where its layer lies."""
        found = self.form.picker.movie(channels, labels=labels)
        self._sources = found[1] if found else ()
        return found[0] if found else None

    def sources(self) -> object:
        """Where the movie asked for last lies."""
        return self._sources

    def hardware(self) -> tuple[str, str]:
        """Device and precision from the Preferences."""
        chosen = preferences()
        return chosen.device, chosen.precision

    def show_movie(self, text: str) -> None:
        """Say what the chosen movie is; and when its axes are a guess."""
        facts = self.form.picker.facts()
        guess = f"\n⚠ {facts.message}" if facts and facts.guessed else ""
        say(self.form.movie_facts, text + guess)

    def show_warnings(self, sentences: Sequence[str]) -> None:
        """Say what may be wrong with what is chosen."""
        text = "\n".join(f"⚠ {sentence}" for sentence in sentences)
        say(self.form.warnings, text)

    def show_running(self, running: bool) -> None:
        """Show progress and Stop while this dock's work is under way."""
        self.form.show_running(running)

    def show_progress(self, share: float, text: str) -> None:
        """How far it is; without an end in sight before there is something to tell."""
        self.form.show_progress(share, text)

    def show_error(self, message: str) -> None:
        """What went wrong, in one sentence."""
        say(self.form.error, message)

    # --- wiring

    def _connect(self) -> None:
        form = self.form
        form.stop.clicked.connect(lambda _: self._stop())
        form.browse.clicked.connect(lambda _: self._browse())
        form.picker.failed.connect(self.show_error)
        form.picker.changed.connect(self._soon.start)
        self._soon.timeout.connect(self._refresh)
        self._listen(self._viewer.dims.events.current_step, self._moved)
        self._listen(self._viewer.events.theme, self._theme_changed)

    def _listen(self, event: Any, hear: Callable[..., None]) -> None:
        """Hear an event of the viewer until this widget is gone."""
        event.connect(hear)
        self._farewells.append(lambda: event.disconnect(hear))

    def _refresh(self) -> None:
        self._fill_models()
        self.presenter.refresh()

    def _stop(self) -> None:
        self.form.stop.setEnabled(False)
        self.presenter.stop()

    def _moved(self, event: Any = None) -> None:
        """A slider of the viewer has moved."""

    def _theme_changed(self, event: Any = None) -> None:
        self.form.set_theme(self._viewer.theme)

    def _chosen_layer(self) -> Callable[[], Image | None]:
        """The layer of the chosen movie, weakly."""
        layer = self.form.picker.layer()
        return ref(layer) if layer is not None else lambda: None

    # --- models

    def choose_model(self, path: Path) -> None:
        """Add a model file to the list and choose it."""
        offer_model(self._controller, path)
        self._fill_models(str(path))
        self._soon.start()

    def _browse(self) -> None:
        if path := ask_for_model(self):
            self.choose_model(path)

    def _known(
        self, kind: Callable[[Iterable[Path], Path], list[ModelChoice]]
    ) -> list[ModelChoice]:
        """All models of a kind that this viewer knows."""
        return kind(known_models(self._controller), preferences().models_folder)

    def _fill_models(self, wanted: str | None = None) -> None:
        """List the models that there are now; keeps the choice unless one is wanted."""
        raise NotImplementedError

    # --- keeping

    def _remember(self) -> None:
        remember(**{self.NAME: self._choices()})

    def _choices(self) -> dict[str, Any]:
        """What to find again next time."""
        raise NotImplementedError

    def _restore(self, last: dict[str, Any]) -> None:
        """Choose what was chosen last time, as far as it makes sense."""
        raise NotImplementedError


class ModelDock(MovieDock):
    """A dock that works with one model at a time."""

    form: ModelForm

    def show_model(self, text: str) -> None:
        """Say what the chosen model is."""
        say(self.form.model_facts, text)

    def _chosen_model(self) -> ModelChoice | None:
        choice: ModelChoice | None = self.form.models.currentData()
        return choice

    def _connect(self) -> None:
        super()._connect()
        self.form.models.currentIndexChanged.connect(self._soon.start)

    def _offered(self) -> list[ModelChoice]:
        """Models to choose from."""
        raise NotImplementedError

    def _fill_models(self, wanted: str | None = None) -> None:
        list_models(self.form.models, self._offered(), wanted)

    def _choices(self) -> dict[str, Any]:
        choice = self._chosen_model()
        return {"model": str(choice.model) if choice else None}

    def _restore(self, last: dict[str, Any]) -> None:
        self._fill_models(str(last["model"]) if last.get("model") else None)


def _each(callbacks: Iterable[Callable[[], None]]) -> Callable[[], None]:
    """All of them as one."""

    def call() -> None:
        for callback in callbacks:
            callback()

    return call
