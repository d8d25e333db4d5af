"""Damage to the frames that a model is shown: noise, a hole, frames lost or frozen."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from napari_morphocast.data.scaling import as_stored
from napari_morphocast.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.random import Generator
    from numpy.typing import NDArray

    from napari_morphocast.data.scaling import Scaling

SEED = 0
DOUBLED = 2.0  # times the error without damage: what a model can bear
VERSIONS = 4  # at most, of where damage strikes


class Damage(ABC):
    """One way in which known frames can be worse than those a model learned from.

    Attributes
    ----------
    name, title : str
        What tables and the command line call it, and what people do.
    axis : str
        What is shown of its intensity, with the unit.
    wording : str
        An intensity in a sentence, with ``{}`` for the number shown.
    bounds : (float, float)
        Weakest and strongest intensity that is tried.
    even : bool
        Whether intensities lie at even distances; if not, at even ratios.
    whole : bool
        Whether intensities are whole numbers.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    axis: ClassVar[str]
    wording: ClassVar[str]
    bounds: ClassVar[tuple[float, float]] = 0.01, 0.5
    even: ClassVar[bool] = False
    whole: ClassVar[bool] = False

    @abstractmethod
    def inflict(
        self, frames: NDArray[np.float32], intensity: float, chance: Generator
    ) -> NDArray[Any]:
        """Damage frames (T, C, Y, X), scaled so that 0 is black and 1 is white.

        Returns
        -------
        array, shape (V, T, C, Y, X)
            The mean error over these versions counts; one, unless they would differ
            too much to leave the choice to chance.
        """

    def intensities(self, steps: int, context: int) -> tuple[float, ...]:
        """Rising intensities to try on ``context`` known frames, none of them 0."""
        ratios = np.geomspace(*self.bounds, steps)
        return tuple(float(f"{value:.2g}") for value in ratios)

    def between(self, weaker: float, stronger: float, share: float) -> float:
        """An intensity a ``share`` of the way from one to another, as on an axis."""
        if self.even or not weaker:
            return weaker + share * (stronger - weaker)
        return float(weaker * (stronger / weaker) ** share)

    def shown(self, intensity: float) -> float:
        """The number that stands for an intensity in figures and sentences."""
        return 100 * intensity

    def number(self, intensity: float) -> str:
        """What is shown of an intensity, with two digits."""
        return f"{float(f'{self.shown(intensity):.2g}'):g}"

    def words(self, intensity: float) -> str:
        """An intensity in a sentence."""
        return self.wording.format(self.number(intensity))


class Gaussian(Damage):
    """Noise that is the same everywhere, as from a camera's electronics."""

    name = "gaussian"
    title = "Gaussian noise"
    axis = "sigma (% of the grey range)"
    wording = "a noise of {} % of the grey range"

    def inflict(
        self, frames: NDArray[np.float32], intensity: float, chance: Generator
    ) -> NDArray[Any]:
        """Add noise; its standard deviation is a share of the usual grey range."""
        noise = chance.standard_normal(frames.shape, np.float32)
        return (frames + intensity * noise)[None]


class Poisson(Damage):
    """Shot noise: a pixel counts photons, and few arrive.

    Its intensity is the standard deviation of a white pixel as a share of the usual
    grey range, which is 1 over the root of the photons that make a pixel white.
    """

    name = "poisson"
    title = "Poisson noise"
    axis = "photons per white pixel"
    wording = "the noise of {} photons per white pixel"

    def inflict(
        self, frames: NDArray[np.float32], intensity: float, chance: Generator
    ) -> NDArray[Any]:
        """Count photons; what is darker than black has none and stays as it is."""
        photons = intensity**-2
        light = np.maximum(frames, 0)
        return (frames - light + chance.poisson(light * photons) / photons)[None]

    def shown(self, intensity: float) -> float:
        """Photons that make a pixel white."""
        return intensity**-2 if intensity else np.inf


class SaltAndPepper(Damage):
    """Single pixels that are black or white, as from hot pixels and cosmic rays."""

    name = "salt-and-pepper"
    title = "Salt and pepper"
    axis = "pixels made black or white (%)"
    wording = "{} % of the pixels"
    bounds = 0.001, 0.5

    def inflict(
        self, frames: NDArray[np.float32], intensity: float, chance: Generator
    ) -> NDArray[Any]:
        """Make a share of the pixels black or white, half of them each."""
        grains = chance.integers(0, 2, frames.shape)
        return np.where(chance.random(frames.shape) < intensity, grains, frames)[None]


class Square(Damage):
    """A region that is black in all known frames, as under dirt on the optics."""

    name = "square"
    title = "Missing square"
    axis = "side (% of the frame's side)"
    wording = "a square of {} % of the frame's side"
    even = True

    def intensities(self, steps: int, context: int) -> tuple[float, ...]:
        """Sides at even distances, up to the whole frame."""
        return tuple((np.arange(1, steps + 1) / steps).tolist())

    def inflict(
        self, frames: NDArray[np.float32], intensity: float, chance: Generator
    ) -> NDArray[Any]:
        """Black out a region of the frame's proportions, somewhere inside it."""
        area = frames.shape[-2:]
        size = [max(1, round(intensity * length)) for length in area]
        room = [length - part + 1 for length, part in zip(area, size, strict=True)]
        top, left = (chance.random(2) * room).astype(int)
        holed = frames.copy()
        holed[..., top : top + size[0], left : left + size[1]] = 0
        return holed[None]


class Missing(Damage):
    """Frames that are black, as when the lamp was off.

    Which frames they are matters more than how many, so there is a version for every
    place in the context, or for 4 places where it is longer.
    """

    name = "missing"
    title = "Missing frames"
    axis = "known frames made black"
    wording = "{} black frame(s)"
    even = True
    whole = True

    def intensities(self, steps: int, context: int) -> tuple[float, ...]:
        """Numbers of frames, up to all."""
        counts = np.linspace(1, context, min(steps, context))
        return tuple(counts.round().tolist())

    def inflict(
        self, frames: NDArray[np.float32], intensity: float, chance: Generator
    ) -> NDArray[Any]:
        """Make some of the frames black."""
        versions = []
        for lost in _turns(np.arange(len(frames)), int(intensity), chance):
            blank = frames.copy()
            blank[lost] = 0
            versions.append(blank)
        return np.stack(versions)

    def shown(self, intensity: float) -> float:
        """Number of frames."""
        return intensity


class Duplicated(Missing):
    """Frames that show the one before once more, as from a camera that is stuck."""

    name = "duplicated"
    title = "Duplicated frames"
    axis = "known frames repeated"
    wording = "{} repeated frame(s)"

    def intensities(self, steps: int, context: int) -> tuple[float, ...]:
        """Numbers of frames, up to all but the first, which has none before it."""
        return super().intensities(steps, context - 1)

    def inflict(
        self, frames: NDArray[np.float32], intensity: float, chance: Generator
    ) -> NDArray[Any]:
        """Repeat earlier frames; of a run of such frames all are alike."""
        versions = []
        for stuck in _turns(np.arange(1, len(frames)), int(intensity), chance):
            shown = np.arange(len(frames))
            shown[stuck] = 0
            versions.append(frames[np.maximum.accumulate(shown)])
        return np.stack(versions)


def _turns(
    places: NDArray[np.intp], count: int, chance: Generator
) -> Iterator[NDArray[np.intp]]:
    """Choose ``count`` places at random, then as many further on in the same order.

    With all the versions each place is chosen equally often.
    """
    order = chance.permutation(places)
    for turn in np.linspace(0, len(places), min(len(places), VERSIONS), endpoint=False):
        yield np.roll(order, int(turn))[:count]


DAMAGES: dict[str, Damage] = {
    kind.name: kind()
    for kind in (Gaussian, Poisson, SaltAndPepper, Square, Missing, Duplicated)
}


@dataclass(frozen=True, slots=True)
class Trial:
    """One kind of damage at one intensity; none at 0."""

    damage: Damage
    intensity: float

    def on(
        self, known: NDArray[np.float32], number: int, scaling: Scaling, dtype: Any
    ) -> NDArray[np.float32]:
        """Damage known frames (T, C, Y, X) in grey levels.

        Chance follows from the kind of damage and ``number`` alone: every model sees
        the same damage, and a stronger one is more of the same.

        Returns
        -------
        array, shape (V, T, C, Y, X)
            Versions within the bounds of the movie's type, as from its camera.
        """
        if not self.intensity:
            return known[None]
        chance = np.random.default_rng([SEED, number, *self.damage.name.encode()])
        scaled = self.damage.inflict(scaling.apply(known), self.intensity, chance)
        grey = scaling.invert(scaled.astype(np.float32))
        return as_stored(grey, dtype).astype(np.float32)


def plan(kinds: Sequence[str], steps: int, context: int) -> tuple[Trial, ...]:
    """What to try on ``context`` known frames: for each kind no damage, then more.

    Raises
    ------
    SettingsError
        If a kind is unknown, or nothing would be tried.
    """
    unknown = [kind for kind in kinds if kind not in DAMAGES]
    if unknown or not kinds:
        found = f"{unknown[0]!r} is no kind of damage" if unknown else "No damage given"
        raise SettingsError(f"{found}; choose from {', '.join(DAMAGES)}.")
    if steps < 1:
        raise SettingsError(f"There must be 1 step or more of damage, not {steps}.")
    return tuple(
        Trial(DAMAGES[kind], intensity)
        for kind in dict.fromkeys(kinds)
        for intensity in (0.0, *DAMAGES[kind].intensities(steps, context))
    )
