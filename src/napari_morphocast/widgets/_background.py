"""One job at a time for each viewer, in a thread, reported on the main thread."""

from __future__ import annotations

import atexit
import logging
import threading
from collections import deque
from functools import partial
from itertools import count, takewhile
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar
from weakref import WeakKeyDictionary

from napari.qt.threading import create_worker
from qtpy.QtCore import QTimer
from superqt.utils import FunctionWorker, WorkerBase

from napari_morphocast.presenters.job import BusyError, Job, explain, release, work
from napari_morphocast.widgets._viewers import real_viewer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from napari.components import ViewerModel

T = TypeVar("T")
TICK = 100  # milliseconds between two looks at what the threads have told
JOB = 0  # the number under which the items of the job arrive
log = logging.getLogger(__name__)

_controllers: WeakKeyDictionary[ViewerModel, Controller] = WeakKeyDictionary()
_running: set[Controller] = set()  # must not die in a thread, which would kill Qt


class _Message(NamedTuple):
    """What a thread tells: whose message it is, what it says, what went wrong."""

    number: int
    value: Any = None
    error: str | None = None
    last: bool = False


class _Question(NamedTuple):
    answer: Callable[[Any], None]
    failed: Callable[[str], None]


def controller_of(viewer: ViewerModel) -> Controller:
    """The controller of a viewer: always the same one, however many docks there are."""
    real = real_viewer(viewer)
    if real not in _controllers:
        _controllers[real] = Controller()
    return _controllers[real]


class Controller:
    """Owns a viewer's running job, so that a dock can come and go.

    Threads know nothing but a queue, which a timer of the main thread empties: no
    thread ever touches Qt, and a burst of events costs one redraw. ``kept`` holds
    what docks want to find again when they are reopened.
    """

    def __init__(self) -> None:
        self.kept: dict[str, Any] = {}
        self._job: Job | None = None
        self._questions: dict[int, _Question] = {}
        self._numbers = count(JOB + 1)
        self._watchers: list[Callable[[], None]] = []
        self._queue: SimpleQueue[_Message] = SimpleQueue()
        self._inbox: deque[_Message] = deque()
        self._timer = QTimer()
        self._timer.setInterval(TICK)
        self._timer.timeout.connect(self._deliver)

    @property
    def job(self) -> Job | None:
        """What is running now, if anything."""
        return self._job

    def run(self, job: Job) -> None:
        """Start a job; raises ``BusyError`` if another is running."""
        if self._job is not None:
            raise BusyError(self._job.in_the_way)
        self._job = job
        self._listen()
        runner = _Runner(job, self._queue)
        # napari's create_worker, so that napari asks before it closes, and waits; but
        # superqt's worker: napari's shows each of PyTorch's warnings as a pop-up.
        worker = create_worker(
            runner, _start_thread=False, _worker_class=FunctionWorker
        )
        worker.warned.connect(_log_warning)
        runner.cancelled = lambda: worker.abort_requested
        worker.start()
        self._tell()

    def ask(
        self,
        question: Callable[[], T],
        answer: Callable[[T], None],
        failed: Callable[[str], None],
    ) -> None:
        """Call a short function in a thread; its result or one sentence comes back."""
        number = next(self._numbers)
        self._questions[number] = _Question(answer, failed)
        self._listen()
        arguments = (question, number, self._queue)
        threading.Thread(target=_answer, args=arguments).start()

    def watch(self, changed: Callable[[], None]) -> Callable[[], None]:
        """Be told when a job starts or ends; returns how to end that."""
        self._watchers.append(changed)
        return partial(self._watchers.remove, changed)

    def _listen(self) -> None:
        _running.add(self)
        self._timer.start()

    def _tell(self) -> None:
        for changed in tuple(self._watchers):
            changed()

    def _deliver(self) -> None:
        """Pass on what has come; should a listener fail, the rest comes next time."""
        self._inbox.extend(_drain(self._queue))
        while self._inbox:
            if self._inbox[0].number != JOB:
                self._answered(self._inbox.popleft())
                continue
            of_job = takewhile(lambda m: m.number == JOB, tuple(self._inbox))
            messages = list(of_job)
            for _ in messages:
                self._inbox.popleft()
            self._report(messages)
        if self._job is None and not self._questions:
            self._timer.stop()
            _running.discard(self)

    def _report(self, messages: list[_Message]) -> None:
        job, last = self._job, messages[-1]
        items = [message.value for message in messages if not message.last]
        try:
            if items and job is not None:
                job.on_items(items)
        finally:
            if last.last and job is not None:
                self._end(job, last.error)

    def _end(self, job: Job, error: str | None) -> None:
        self._job = None
        try:
            if error:
                job.on_error(error)
            job.on_end()
        finally:
            release()
            self._tell()

    def _answered(self, message: _Message) -> None:
        question = self._questions.pop(message.number)
        if message.error is None:
            question.answer(message.value)
        else:
            question.failed(message.error)


@atexit.register
def _end_all() -> None:
    """Stop and wait where nobody did: a script may end without napari's event loop.

    Registered after PyQt's own farewell, so called before Qt's objects are gone.
    """
    for controller in tuple(_running):
        if controller.job is not None:
            controller.job.stop.set()
    WorkerBase.await_workers()


class _Runner:
    """What a napari worker calls; forgets the job as soon as it is done.

    napari keeps every worker, with this object, until its window closes.
    """

    def __init__(self, job: Job, queue: SimpleQueue[_Message]) -> None:
        self._title = job.title
        self._items: Iterator[Any] = job.items
        self._stop = job.stop
        self._queue = queue
        self.cancelled: Callable[[], bool] = bool

    def __str__(self) -> str:
        """What napari shows when it asks whether to close."""
        return self._title

    def __call__(self) -> None:
        """Do the work; called in the thread."""
        steps = work(self._items, self._stop, self.cancelled)
        self._items = iter(())
        while True:
            try:
                item = next(steps)
            except StopIteration as end:
                message = end.value
                break
            self._queue.put(_Message(JOB, item))
            del item
        del steps
        self.cancelled = bool
        self._queue.put(_Message(JOB, error=message or None, last=True))


def _answer(
    question: Callable[[], Any], number: int, queue: SimpleQueue[_Message]
) -> None:
    try:
        message = _Message(number, question())
    except Exception as error:  # noqa: BLE001
        message = _Message(number, error=explain(error))
    queue.put(message)


def _drain(queue: SimpleQueue[_Message]) -> Iterator[_Message]:
    while True:
        try:
            yield queue.get_nowait()
        except Empty:
            return


def _log_warning(warning: tuple[Any, ...]) -> None:
    log.info("%s", warning[0])
