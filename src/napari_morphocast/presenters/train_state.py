"""Everything that a screen shows of a run."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from napari_morphocast.presenters.train_wording import remaining
from napari_morphocast.training.events import ENDINGS, ENDLESS, Progress

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class TrainState:
    """Everything a screen shows of a run.

    Parameters
    ----------
    running : bool
        Whether a run is on its way.
    checking : bool
        Whether its model forecasts the movie, to be judged.
    stopping : bool
        Whether either was told to end.
    busy : str
        What else occupies this viewer; empty if nothing does.
    progress : Progress
        Curves and counts.
    remaining : float, optional
        Seconds until the end, as far as can be told.
    note : str
        What the run itself has to say, such as why it is slower than expected.
    verdict, error : str
        How it went, or what went wrong; empty while there is nothing to say.
    resumable : Path, optional
        Model file of a run that can go on.
    """

    running: bool = False
    checking: bool = False
    stopping: bool = False
    busy: str = ""
    progress: Progress = field(default_factory=Progress)
    remaining: float | None = None
    note: str = ""
    verdict: str = ""
    error: str = ""
    resumable: Path | None = None

    @property
    def no_stopping(self) -> str:
        """Why there is nothing to stop; empty if there is."""
        if self.stopping and self.checking:
            return "It stops after this frame."
        if self.stopping:
            return "It stops after this batch, and saves."
        return "" if self.running or self.checking else "Nothing is being trained."

    @property
    def status(self) -> str:
        """One short line on where the run is."""
        p = self.progress
        if self.stopping and self.checking:
            return "Stopping after this frame…"
        if self.stopping:
            return "Stopping after this batch, and saving…"
        if not self.running:
            # Of a run that learned nothing the verdict says how it ended.
            return ENDINGS[p.ended].capitalize() if p.ended and p.validation else ""
        if not p.epochs:
            return "Looking through the frames…"
        left = "" if self.remaining is None else f" · {remaining(self.remaining)} left"
        device = p.device.upper() if p.device == "cpu" else p.device
        of = f" of {p.epochs}" if p.epochs < ENDLESS else ""
        signals = (f" · {n} {values[-1]:.2f}" for n, values in p.signals.items())
        return f"Epoch {min(p.epoch + 1, p.epochs)}{of} on {device}{left}" + "".join(
            signals
        )

    @property
    def saved(self) -> Path | None:
        """Model file to point to: of a run that ended well and learned something."""
        if self.running or self.error or not self.progress.validation:
            return None
        return self.progress.path


def no_resuming(state: TrainState, settings: Mapping[str, Any]) -> str:
    """Why the last run cannot go on with these settings; empty if it can."""
    if state.resumable is None:
        return "There is no interrupted or finished run to go on with."
    done, epochs = state.progress.epoch, settings.get("epochs")
    if epochs is not None and 0 < epochs <= done:
        return (
            f"The last run has done {done} epoch{'s' * (done > 1)} already: ask for "
            f"more than {done} to go on with it."
        )
    return ""
