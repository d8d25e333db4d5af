"""Jobs of a viewer: one at a time, told in order, never lost."""

from __future__ import annotations

import threading
import warnings

import pytest
from napari.components import ViewerModel

from napari_morphocast.presenters.job import BusyError, Job
from napari_morphocast.widgets._background import controller_of

WAIT = 10_000  # milliseconds


@pytest.fixture
def controller(qtbot):
    made = controller_of(ViewerModel())
    yield made
    if made.job is not None:
        made.job.stop.set()
    qtbot.waitUntil(lambda: made.job is None, timeout=WAIT)


class Heard:
    """A listener that notes what it is told."""

    def __init__(self):
        self.items, self.errors, self.ends = [], [], 0

    def end(self):
        self.ends += 1


def job(items, heard=None, **more):
    heard = heard or Heard()
    on_items = more.pop("on_items", heard.items.extend)
    return Job("A job", items, on_items, heard.errors.append, heard.end, **more)


def until_stopped(stop):
    while not stop.wait(0.005):
        yield 0


def test_items_arrive_in_order_in_the_main_thread(qtbot, controller):
    threads, heard = set(), Heard()

    def note(items):
        threads.add(threading.current_thread())
        heard.items.extend(items)

    controller.run(job(iter(range(1000)), heard, on_items=note))
    qtbot.waitUntil(lambda: heard.ends == 1, timeout=WAIT)
    assert heard.items == list(range(1000))
    assert threads == {threading.main_thread()}


def test_a_second_job_is_refused_by_name(controller):
    stop = threading.Event()
    controller.run(job(until_stopped(stop), stop=stop))
    with pytest.raises(BusyError, match="A job is not done yet"):
        controller.run(job(iter(())))


def test_a_runtime_error_reaches_the_listener_although_superqt_drops_it(
    qtbot, controller
):
    def items():
        yield 1
        raise RuntimeError("cuDNN said no")

    heard = Heard()
    controller.run(job(items(), heard))
    qtbot.waitUntil(lambda: heard.ends == 1, timeout=WAIT)
    assert "cuDNN said no" in heard.errors[0]


def test_the_next_job_may_start_when_one_ends(qtbot, controller):
    second = Heard()

    class Chain(Heard):
        def end(self):
            controller.run(job(iter([7]), second))

    controller.run(job(iter(()), Chain()))
    qtbot.waitUntil(lambda: second.ends == 1, timeout=WAIT)
    assert second.items == [7]


def test_a_failing_listener_leaves_the_controller_free(qtbot, controller):
    heard = Heard()

    def fail(_):
        raise ValueError("the screen is broken")

    with qtbot.capture_exceptions() as caught:
        controller.run(job(iter([1]), heard, on_items=fail))
        qtbot.waitUntil(lambda: heard.ends == 1, timeout=WAIT)
    assert len(caught) == 1
    assert controller.job is None


def test_warnings_of_a_job_are_no_pop_ups(qtbot, controller):
    def items():
        warnings.warn("PyTorch has an opinion", UserWarning, stacklevel=1)
        yield 1

    heard = Heard()
    controller.run(job(items(), heard))
    qtbot.waitUntil(lambda: heard.ends == 1, timeout=WAIT)
    assert heard.errors == []


def test_a_question_gets_an_answer_while_a_job_runs(qtbot, controller):
    stop, answers = threading.Event(), []
    controller.run(job(until_stopped(stop), stop=stop))
    controller.ask(lambda: 6 * 7, answers.append, answers.append)
    qtbot.waitUntil(lambda: bool(answers), timeout=WAIT)
    assert answers == [42]


def test_a_question_that_fails_gets_a_sentence(qtbot, controller):
    sentences = []
    controller.ask(lambda: 1 / 0, print, sentences.append)
    qtbot.waitUntil(lambda: bool(sentences), timeout=WAIT)
    assert "ZeroDivisionError" in sentences[0]
