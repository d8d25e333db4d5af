"""What presenters are tested with: a background, and model files without weights."""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass, field

from napari_morphocast.errors import MovieError
from napari_morphocast.presenters.job import BusyError, Job, work


@dataclass
class Now:
    """Does the work at once, in this thread; one call of on_items for each item.

    With ``hold``, jobs wait for ``finish`` instead; with ``ponder``, questions wait for
    ``reply``.
    """

    job: Job | None = None
    hold: bool = False
    ponder: bool = False
    watchers: list = field(default_factory=list)
    questions: list = field(default_factory=list)

    def run(self, job):
        if self.job is not None:
            raise BusyError(f"{self.job.title} is not done yet; wait, or stop it.")
        self.job = job
        if not self.hold:
            self.finish()

    def finish(self):
        job, steps = self.job, work(self.job.items, self.job.stop, bool)
        while True:
            try:
                job.on_items([next(steps)])
            except StopIteration as end:
                message = end.value
                break
        self.job = None
        if message:
            job.on_error(message)
        job.on_end()
        for changed in tuple(self.watchers):
            changed()

    def ask(self, question, answer, failed):
        self.questions.append((question, answer))
        if not self.ponder:
            self.reply()

    def reply(self):
        question, answer = self.questions.pop(0)
        answer(question())

    def watch(self, changed):
        self.watchers.append(changed)
        return lambda: self.watchers.remove(changed)


def model_file(path, **changes):
    """A model file's header, without weights."""
    about = {
        "model": "convlstm",
        "channels": 1,
        "window": {"context": 6, "horizon": 2},
        "movies": [{"name": "hela", "interval": 1800.0, "pixel_size": [0.3, 0.3]}],
        "scores": {"validation": 0.69, "persistence": 1.0},
        "made_on": "2026-11-21T09:30:00+00:00",
        **changes,
    }
    header = json.dumps({"__metadata__": {"morphocast": json.dumps(about)}}).encode()
    path.write_bytes(struct.pack("<Q", len(header)) + header)
    return path


def require_facts_to_go(presenter, view):
    """A layer that is no movie is not described by the facts of the one before."""
    presenter.refresh()
    assert "20 frames" in view.show_movie.call_args.args[0]
    view.movie.side_effect = MovieError("There is no time axis.")
    presenter.refresh()
    view.show_movie.assert_called_with("")
    view.show_warnings.assert_called_with(["There is no time axis."])
