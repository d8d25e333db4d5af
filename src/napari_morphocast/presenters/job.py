"""Long work: one job at a time, in another thread, reported back to this one."""

from __future__ import annotations

import gc
import logging
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from napari_morphocast.errors import MorphocastError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

S = TypeVar("S")
T = TypeVar("T")
log = logging.getLogger(__name__)


class BusyError(MorphocastError):
    """Something else is running for this viewer."""


@dataclass(frozen=True, slots=True, eq=False)
class Job:
    """Long work, and whom to tell about it.

    Parameters
    ----------
    title : str
        What is done, as a person would say it: "Training on hela".
    items : iterator
        The work, done item by item in another thread. It must look at ``stop`` often
        and then end by itself, with what it has kept.
    on_items : callable
        Gets every item, in order, in lists: at most ten calls a second.
    on_error : callable
        Gets one sentence if the work fails.
    on_end : callable
        Called last, whatever happened; by then the next job may be started.
    stop : threading.Event
        Set by anybody, from any thread, to end the work early.
    """

    title: str
    items: Iterator[Any]
    on_items: Callable[[list[Any]], None]
    on_error: Callable[[str], None]
    on_end: Callable[[], None]
    stop: threading.Event = field(default_factory=threading.Event)

    @property
    def in_the_way(self) -> str:
        """Why no other job can start now."""
        return f"{self.title} is not done yet; wait, or stop it."


class Background(Protocol):
    """Does the work of one viewer away from the screen, one job at a time."""

    @property
    def job(self) -> Job | None:
        """What is running now, if anything."""

    def run(self, job: Job) -> None:
        """Start a job; raises ``BusyError`` if another is running."""

    def ask(
        self,
        question: Callable[[], T],
        answer: Callable[[T], None],
        failed: Callable[[str], None],
    ) -> None:
        """Call a short function elsewhere; its result or one sentence comes back."""

    def watch(self, changed: Callable[[], None]) -> Callable[[], None]:
        """Be told when a job starts or ends; returns how to end that."""


def work(
    items: Iterator[Any], stop: threading.Event, cancelled: Callable[[], bool]
) -> Generator[Any, None, str]:
    """Go through ``items`` and return "", or the sentence that says what went wrong.

    This is the one place that catches everything: an error that leaves a thread is
    lost, and superqt throws away every RuntimeError, so most of PyTorch's.
    """
    try:
        for item in items:
            if cancelled():
                stop.set()
            yield item
    except Exception as error:  # noqa: BLE001
        return explain(error)
    return ""


def explain(error: Exception) -> str:
    """One sentence for a person; the details go to the log."""
    if isinstance(error, MorphocastError):
        return error.on_screen
    log.error("A job failed", exc_info=error)
    if isinstance(error, MemoryError) or "out of memory" in str(error).lower():
        return (
            "There was not enough memory; use a smaller batch or crop, a smaller "
            "model, or the CPU."
        )
    lines = str(error).strip().splitlines() or ["no details"]
    return f"Something went wrong ({type(error).__name__}: {lines[0]}); see the log."


def telling(
    call: Callable[[Callable[[float], None]], T], item: Callable[[float], S]
) -> Generator[S, None, T]:
    """Make items of what a call tells of its progress; return what it returns.

    ``call`` is given a function that it tells shares of its work, 0..1.
    """
    told: SimpleQueue[float | None] = SimpleQueue()
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(call, told.put)
        future.add_done_callback(lambda _: told.put(None))
        for share in iter(told.get, None):
            yield item(share)
    return future.result()


def release() -> None:
    """Give back what a finished job held on the graphics card.

    Without one, Python's own rubbish collection is soon enough: asking for it takes
    half a second in which napari stands still.
    """
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        gc.collect()
        torch.cuda.empty_cache()
