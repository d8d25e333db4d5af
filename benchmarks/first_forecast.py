"""Part b: how soon our defaults forecast as well as the founding recipe at its end.

The founding recipe trains by the textbook loop, 20 epochs. Our defaults get a tenth of
that time, several times over with different seeds, while it pauses. Both forecast the
same frames, which neither has seen; SSIM is measured outside the clock.
"""

from __future__ import annotations

import math
import shutil
import tempfile
import time
from dataclasses import dataclass, field
from itertools import islice, pairwise
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import numpy as np
import torch
from stopwatch import How, figure, finish, spread
from table import Findings, Row, aim
from textbook import PAST, Sequences, Textbook, descend
from throughput import scaled

from napari_morphocast import api
from napari_morphocast.data.scaling import Scaling
from napari_morphocast.data.simulate import simulate
from napari_morphocast.data.windows import Part
from napari_morphocast.evaluation.metrics import ssim
from napari_morphocast.training.config import Hardware, Run
from napari_morphocast.training.events import EpochDone

if TYPE_CHECKING:
    from napari_morphocast.data.movie import Movie

KNOWN = 0.8  # of the movie is learned from
WANTED = 0.1  # of the founding recipe's time
LONGER = 0.3, 1.0  # shares that are tried when that is not enough


@dataclass(frozen=True, slots=True)
class Contest:
    """A movie, the number of its first unseen frame, and where files go."""

    movie: Movie
    seam: int
    folder: Path
    how: How

    @property
    def truth(self) -> np.ndarray:
        """Frames that both forecast, in grey levels, shape (N, C, Y, X)."""
        return self.movie.read(self.seam, len(self.movie))

    @property
    def grey_range(self) -> np.ndarray:
        """What counts as the data range 1 while training and in SSIM."""
        return Scaling.fit([Part(self.movie, 0, self.seam)]).span[:, 0, 0]


@dataclass(slots=True)
class Course:
    """When which model was ready: seconds since the start, and its file."""

    share: float
    marks: list[tuple[float, Path]] = field(default_factory=list)

    def reached(self, wanted: float, contest: Contest) -> float:
        """Seconds until SSIM was as good as wanted; infinity if it never was."""
        good = (at for at, path in self.marks if similarity(path, contest) >= wanted)
        return next(good, math.inf)


def measure(how: How) -> Findings:
    """Train the founding recipe to its end, and ours beside it."""
    frames, side = (240, 200) if how.fast else (120, 32 if how.quick else 64)
    frames, epochs = (60, 3) if how.quick else (frames, 20)
    movie = simulate("tissue", frames=frames, size=(side, side)).movie
    with tempfile.TemporaryDirectory() as folder:
        contest = Contest(movie, round(KNOWN * frames), Path(folder), how)
        took, wanted, courses = _race(contest, epochs)
        times = [course.reached(wanted, contest) for course in courses]
        for share in LONGER:
            if median(times) < math.inf:
                break
            courses = [ours(contest, share, took, seed=0)]
            times = [courses[0].reached(wanted, contest)]
        best = max(similarity(path, contest) for _, path in courses[0].marks)
    still = _still(contest)
    return Findings(
        (_row(times, took, wanted),),
        f"b: simulated tissue, {frames} frames of {side} x {side}. Beside: "
        f"{epochs} epochs of examples/morphogenesis.toml by the textbook loop, "
        f"SSIM {wanted:.4f} on the last 20 %, which neither has seen (persistence "
        f"{still:.4f}). Ours: the defaults with a time limit of {courses[0].share:g} "
        f"of that, {len(times)} seed(s), everything counted, best SSIM {best:.4f}.",
    )


def _race(contest: Contest, epochs: int) -> tuple[float, float, list[Course]]:
    """Seconds and final SSIM of the founding recipe; our courses in its pauses."""
    movie, seam, device = contest.movie, contest.seam, contest.how.device
    torch.manual_seed(0)
    model = Textbook().to(device)
    frames = scaled(movie, seam)
    losses = descend(model, frames, seam, device)
    steps = len(Sequences(frames, seam))
    took = 0.0
    courses: list[Course] = []
    pauses = {round(epochs * part) for part in (0.25, 0.5, 0.75)}
    for epoch in range(1, epochs + 1):
        finish(device)
        began = time.perf_counter()
        list(islice(losses, steps))
        finish(device)
        took += time.perf_counter() - began
        if epoch in pauses:
            whole = took * epochs / epoch
            courses.append(ours(contest, WANTED, whole, seed=len(courses)))
    forecast = _by_textbook(model, frames.to(device), contest)
    wanted = ssim(forecast, contest.truth, contest.grey_range)
    return took, float(wanted.mean()), courses


def ours(contest: Contest, share: float, whole: float, *, seed: int) -> Course:
    """Train our defaults for a share of some seconds; keep every better model."""
    path = contest.folder / f"{share:g}-{seed}.morphocast"
    minutes = max(share * whole / 60, 0.01)
    run = Run.make(until=KNOWN, seed=seed, minutes=minutes)
    course = Course(share)
    began = time.perf_counter()
    hardware = Hardware(device=str(contest.how.device))
    events = api.train(contest.movie, path, run, hardware=hardware)
    for event, following in pairwise(events):
        if isinstance(event, EpochDone) and event.best:
            del following  # it says that the model has been saved
            at = time.perf_counter() - began
            kept = path.with_name(f"{path.stem}-{event.epoch}.morphocast")
            shutil.copy(path, kept)
            course.marks.append((at, kept))
    return course


def similarity(path: Path, contest: Contest) -> float:
    """Mean SSIM of a saved model's forecasts of the unseen frames."""
    model = api.load(path).to(contest.how.device)
    ahead = []
    for target in range(contest.seam, len(contest.movie)):
        known = contest.movie.read(target - model.context, target)
        ahead.append(model.forecast(known, 1)[0])
    found = ssim(np.stack(ahead), contest.truth, contest.grey_range)
    return float(found.mean())


@torch.inference_mode()
def _by_textbook(model: Textbook, frames: torch.Tensor, contest: Contest) -> np.ndarray:
    """Forecasts of the unseen frames in grey levels."""
    model.eval()
    targets = range(contest.seam, len(contest.movie))
    ahead = torch.cat([model(frames[t - PAST : t][None]) for t in targets])
    scaling = Scaling.fit([Part(contest.movie, 0, contest.seam)])
    return scaling.invert(ahead.cpu().numpy())


def _still(contest: Contest) -> float:
    """SSIM of "nothing moves"."""
    before = contest.movie.read(contest.seam - 1, len(contest.movie) - 1)
    return float(ssim(before, contest.truth, contest.grey_range).mean())


def _row(times: list[float], took: float, wanted: float) -> Row:
    what = "seconds to the SSIM of the founding recipe, unseen frames"
    if median(times) == math.inf:
        never = "not reached"
        return Row("b", what, never, figure(took), "", aim(False, f"{WANTED:g}"))
    shares = [seconds / took for seconds in times]
    met = median(shares) <= WANTED
    return Row(
        "b",
        what,
        figure(median(times)),
        figure(took),
        spread(shares),
        aim(met, f"{WANTED:g}"),
    )
