"""The work of one screen: begun, stopped, and told of for as long as it is there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from napari_morphocast.errors import MorphocastError
from napari_morphocast.presenters.job import Job

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterator

    from napari_morphocast.presenters.job import Background

LOADING = "Loading PyTorch and the model…"


class WorkView(Protocol):
    """A screen that shows that work is under way."""

    def show_running(self, running: bool) -> None:
        """Whether this screen's work is under way."""

    def show_progress(self, share: float, text: str) -> None:
        """How far it is, 0..1."""

    def show_error(self, message: str) -> None:
        """What went wrong, in one sentence; empty for nothing."""


class Errands:
    """One job after the other for one screen.

    Parameters
    ----------
    view : WorkView
        Is told what goes on until ``close``.
    background : Background
        Does the work; it may be busy with that of others.
    refresh : callable
        Called whenever any job of the viewer starts or ends.
    loading : str
        What is said until there is something to tell.
    """

    def __init__(
        self,
        view: WorkView,
        background: Background,
        refresh: Callable[[], None],
        loading: str = LOADING,
    ) -> None:
        self._loading = loading
        self._view = view
        self._background = background
        self._job: Job | None = None
        self._unwatch = background.watch(refresh)
        self.closed = False

    @property
    def running(self) -> bool:
        """Whether this screen's own work is under way."""
        return self._job is not None

    @property
    def stopping(self) -> bool:
        """Whether it has been told to end."""
        return self._job is not None and self._job.stop.is_set()

    def run(
        self,
        title: str,
        items: Iterator[Any],
        take: Callable[[list[Any]], None],
        ended: Callable[[], None],
        stop: threading.Event,
    ) -> None:
        """Begin a job.

        ``take`` gets what comes, ``ended`` is called last, whether or not the screen is
        still there; errors are shown only if it is.

        Raises
        ------
        BusyError
            If another job is running; if that is one of this screen's, it goes on.
        """

        def on_end() -> None:
            self._job = None
            if not self.closed:
                self._view.show_running(False)
            ended()

        before = self._job
        self._job = Job(title, items, take, self._failed, on_end, stop)
        self._view.show_running(True)
        self._view.show_progress(0, self._loading)
        try:
            self._background.run(self._job)
        except MorphocastError:
            self._job = before
            self._view.show_running(self.running)
            raise

    def stop(self) -> None:
        """End the work early."""
        if self._job is not None:
            self._job.stop.set()

    def close(self) -> None:
        """The screen is gone: stop, and speak to nobody."""
        if not self.closed:
            self.closed = True
            self._unwatch()
            self.stop()

    def _failed(self, message: str) -> None:
        if not self.closed:
            self._view.show_error(message)
