"""Trained models to choose from, and what their files say; needs no torch."""

from __future__ import annotations

import json
import math
import struct
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_morphocast.data.fingerprint import seen_until
from napari_morphocast.data.misfit import differences, require_channels
from napari_morphocast.errors import CheckpointError
from napari_morphocast.evaluation.baselines import BASELINES
from napari_morphocast.evaluation.proof import Proof
from napari_morphocast.evaluation.wording import hedging
from napari_morphocast.presenters.wording import frames

if TYPE_CHECKING:
    from collections.abc import Iterable

    from napari_morphocast.data.movie import Movie

ENDING = ".morphocast"
HALF = 0.5  # of a forecast that is the blurred last frame
SCORES = "validation", "persistence", "alpha", "c"
LONGEST_HEADER = 2**24  # bytes; more is no model of ours
SAMPLES = Path(__file__).parent.parent / "sample_data"
SAMPLE, SAMPLE_MAKER = SAMPLES / f"tissue{ENDING}", SAMPLES / f"yeast{ENDING}"
MAKERS = "cell_gan", "vae"  # architectures that make frames instead of forecasts
CODED = (*MAKERS, "latent_lstm")  # those that describe frames by codes


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """What the file of a trained model says about it.

    Parameters
    ----------
    kind : str
        Name of the architecture, such as "convlstm".
    channels, context, members : int
        Channels it works on, frames it must see before it forecasts, and networks
        that forecast together.
    movie : str
        Name of the movie that it learned from.
    interval, pixel_size : float and (float, float), optional
        Seconds per frame and micrometres per pixel of that movie.
    made_on : str
        Day, as text; empty when unknown.
    task : str
        "forecast", or "between" if it fills in frames between others.
    side : int
        Height and width of the frames that a synthesizer makes (pixels).
    guided : bool
        Whether it can make frames like a given one: its training came to that stage.
    skill : float
        Share of the validation loss of "nothing moves" that the model removes.
    errors : (float, float), optional
        What its adaptive loss has learned, if it has one: how much outliers count, 0
        to 2, and from which error on one is, in grey levels.
    proof : Proof, optional
        What its rollouts were found to be worth on frames it has not seen.
    hedged : int
        First lead at which half of a forecast is the blurred last frame (frames); 0 if
        none is.
    learned : tuple of (int, frozenset of str)
        For every movie that it learned from, how many of its first frames the model
        may have seen, and the fingerprints of some.
    """

    kind: str
    channels: int
    context: int
    movie: str = ""
    interval: float | None = None
    pixel_size: tuple[float, float] | None = None
    made_on: str = ""
    skill: float = math.nan
    members: int = 1
    task: str = "forecast"
    side: int = 0
    guided: bool = True
    labels: bool = False
    errors: tuple[float, float] | None = None
    proof: Proof | None = None
    hedged: int = 0
    learned: tuple[tuple[int, frozenset[str]], ...] = ()

    def sentence(self) -> str:
        """All that matters for choosing, in a few short lines."""
        learned = f" on {self.movie}" if self.movie else ""
        when = f" · {self.made_on}" if self.made_on else ""
        several = f" ({self.members} members)" if self.members > 1 else ""
        first = f"{self.kind}{several}, trained{learned}{when}\n"
        if self.makes:
            size = f"Makes frames of up to {self.side} × {self.side} pixels"
            return f"{first}{size}{'' if self.guided else ', but only at random'}."
        doubts = f"{self._hedge()} {self._doubt()}{self._usual()}"
        return f"{first}{self._sees()}{self._verdict()}{doubts}"

    @property
    def makes(self) -> bool:
        """Whether it makes frames instead of forecasting some."""
        return self.kind in MAKERS

    @property
    def coded(self) -> bool:
        """Whether it describes frames by codes."""
        return self.kind in CODED

    def _sees(self) -> str:
        if self.task == "between":
            return f"Fills in a frame from {frames(self.context)} around it."
        return f"Sees {frames(self.context)} before it forecasts."

    def _doubt(self) -> str:
        if self.members > 1:
            return "Shows how uncertain its forecasts are."
        return "A single model: it cannot say how sure it is."

    def _verdict(self) -> str:
        if self.proof is not None:
            return f" {self.proof.sentence(interval=self.interval)}"
        if math.isnan(self.skill):
            return ""
        word = "better" if self.skill >= 0 else "worse"
        return (
            f" Checked while training: {abs(self.skill):.0%} {word} than "
            "“nothing moves”."
        )

    def _hedge(self) -> str:
        """From where on it says little more than that nothing moves."""
        if not self.hedged:
            return ""
        return f" {hedging(self.hedged, self.interval)}"

    def _usual(self) -> str:
        """What only a model says that has learned how forgiving to be."""
        if self.errors is None:
            return ""
        alpha, c = self.errors
        return (
            f"\nOutliers, errors above {c:.3g} grey levels (c), count {alpha:.2f} of 2 "
            "(alpha)."
        )

    def misfits(self, movie: Movie) -> list[str]:
        """Sentences on how a movie differs from the one the model learned from.

        Raises
        ------
        MovieError
            If the model cannot be used on it at all.
        """
        require_channels(self.channels, self.labels, movie)
        return differences(self.interval, self.pixel_size, movie)

    def unseen(self, movie: Movie) -> int:
        """First frame of a movie that the model did not learn from: 0 if it is new."""
        return seen_until(self.learned, movie)


@dataclass(frozen=True, slots=True)
class ModelChoice:
    """One line of the list of models: what it is called, and what ``load`` takes."""

    label: str
    model: str | Path


def choices(trained: Iterable[Path], folder: Path) -> list[ModelChoice]:
    """Forecasters trained just now, those of the folder, the sample, the baselines."""
    seen = _files(trained, folder, SAMPLE, "tissue (sample model)")
    simple = [ModelChoice(f"{name} (baseline)", name) for name in BASELINES]
    return [*(c for c in seen if not makes(Path(c.model))), *simple]


def synthesizers(trained: Iterable[Path], folder: Path) -> list[ModelChoice]:
    """Models that make frames: trained just now, those of the folder, the sample."""
    seen = _files(trained, folder, SAMPLE_MAKER, "yeast (sample model)")
    return [choice for choice in seen if makes(Path(choice.model))]


def coders(trained: Iterable[Path], folder: Path) -> list[ModelChoice]:
    """Models that have codes: trained just now, those of the folder, the sample."""
    seen = _files(trained, folder, SAMPLE_MAKER, "yeast (sample model)")
    facts = ((choice, facts_if_any(Path(choice.model))) for choice in seen)
    return [choice for choice, said in facts if said is not None and said.coded]


def _files(
    trained: Iterable[Path], folder: Path, sample: Path, called: str
) -> list[ModelChoice]:
    seen: dict[Path, ModelChoice] = {}
    for path in [*trained, *sorted(folder.glob(f"*{ENDING}"))]:
        if path.is_file() and path not in seen:
            seen[path] = ModelChoice(path.stem, path)
    if sample.is_file():
        seen.setdefault(sample, ModelChoice(called, sample))
    return list(seen.values())


def read_facts(path: Path) -> ModelFacts:
    """Read what a model's file says about it, but no weights and no code.

    Raises
    ------
    CheckpointError
        If the file is missing, damaged or foreign.
    """
    try:
        found = path.stat()
        return _read(path, found.st_mtime_ns, found.st_size)
    except OSError as error:
        raise CheckpointError(f"Cannot read {path}: {error.strerror}.") from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise CheckpointError(
            f"{path.name} is no model of Morphocast, or it is damaged; "
            f"choose a {ENDING} file."
        ) from None


def fills_in(path: Path) -> bool:
    """Whether a model looks at both sides; what cannot be read fails when loaded."""
    facts = facts_if_any(path)
    return facts is not None and facts.task == "between"


def makes(path: Path) -> bool:
    """Whether a model makes frames; what cannot be read fails when loaded."""
    facts = facts_if_any(path)
    return facts is not None and facts.makes


def facts_if_any(path: Path) -> ModelFacts | None:
    """What the file of a model says; None if it cannot be read."""
    try:
        return read_facts(path)
    except CheckpointError:
        return None


@lru_cache(maxsize=256)
def _read(path: Path, changed: int, size: int) -> ModelFacts:
    """Read a file that has not been read since it changed: docks list all, often."""
    return _facts(json.loads(_header(path)["__metadata__"]["morphocast"]))


def _header(path: Path) -> Any:
    with path.open("rb") as file:
        start = file.read(8)
        length = struct.unpack("<Q", start)[0] if len(start) == 8 else 0
        if not 0 < length <= LONGEST_HEADER:
            raise ValueError("no header")
        return json.loads(file.read(length))


def _facts(about: dict[str, Any]) -> ModelFacts:
    movie = (about["movies"] or [{}])[0]
    size = movie.get("pixel_size")
    loss, line, alpha, c = (about["scores"].get(k, math.nan) for k in SCORES)
    return ModelFacts(
        kind=str(about["model"]),
        channels=int(about["channels"]),
        context=int(about["window"]["context"]),
        movie=str(movie.get("name", "")),
        interval=movie.get("interval"),
        pixel_size=(float(size[0]), float(size[1])) if size else None,
        made_on=_day(str(about.get("made_on", ""))),
        skill=1 - loss / line if line else math.nan,
        members=int(about.get("training", {}).get("members", 1)),
        task=str(about["window"].get("task", "forecast")),
        side=int(about.get("settings", {}).get("side", 0)),
        guided=not about["scores"].get("stages_left", 0),
        labels=bool(movie.get("labels", False)),
        errors=None if math.isnan(alpha) else (alpha, c),
        proof=Proof(**about["proof"]) if about.get("proof") else None,
        hedged=_half((about.get("hedge") or {}).get("share", ())),
        learned=tuple(
            (int(one.get("until", 0)), frozenset(one.get("seen", ())))
            for one in about["movies"]
        ),
    )


def _half(shares: Iterable[float]) -> int:
    """First lead of whose forecast half is something else; 0 if of none."""
    return next((lead for lead, share in enumerate(shares, 1) if share >= HALF), 0)


def _day(text: str) -> str:
    if not text:
        return ""
    return f"{datetime.fromisoformat(text).astimezone():%d %b %Y}"
