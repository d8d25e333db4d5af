"""What the trials of a sweep differ in: settings, and values inside their bounds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from napari_morphocast.data.windows import WindowSpec
from napari_morphocast.errors import SettingsError
from napari_morphocast.models.base import model_class
from napari_morphocast.training.config import TrainConfig, bounds

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from napari_morphocast.training.config import Run

Value = bool | int | float | str
About = Mapping[str, Any]  # a setting, as JSON schema

LAYERS, WIDTH = ".layers", ".width"  # what is tried of a list of widths
WIDE = 8.0  # from this ratio on, numbers are tried evenly by their logarithm
REACH = 4.0  # what nobody knows is tried from the default / 4 to the default * 4
MEASURING = frozenset(  # they decide what the validation loss is taken of
    {"task", "horizon", "until", "validation", "crop", "mse", "l1", "ssim", "labels"}
)
TRY = "give several, the smaller first, as in --try batch=4..32 or --try batch=[4,8]"
COSTING = frozenset(  # they decide how long is trained; chance is no setting
    {"epochs", "minutes", "patience", "batches", "members", "autosave", "seed"}
)


@dataclass(frozen=True, slots=True)
class Span:
    """Numbers from ``low`` to ``high``, both included."""

    low: float
    high: float
    whole: bool = False

    @property
    def log(self) -> bool:
        """Whether equal ratios count alike: bounds are orders of magnitude apart."""
        return self.low > 0 and self.high >= WIDE * self.low

    def __contains__(self, value: object) -> bool:
        return isinstance(value, int | float) and self.low <= value <= self.high

    def __str__(self) -> str:
        return f"{self.low:g} to {self.high:g}" + " (log)" * self.log


Values = Span | tuple[Value, ...]

# Bounds say what is possible; this says what is worth trying, whichever model has a
# setting of that name. tests/test_space.py holds it against the settings.
USEFUL: dict[str, Values] = {
    "learning_rate": Span(1e-4, 3e-2),
    "batch": Span(1, 16),
    "weight_decay": (0.0, 1e-4, 1e-3, 1e-2, 1e-1),
    "clip": (0.0, 1.0, 3.0, 10.0),
    "ema": (0.0, 0.9, 0.98, 0.995),
    "outliers": (0.0, 3.0),
    "context": Span(2, 16),
    "hidden.layers": Span(1, 4),
    "hidden.width": Span(8, 64),
    "layers": Span(1, 4),
    "width": Span(4, 64),
    "depth": Span(0, 3),
    "frames": Span(2, 8),
    "kernel": (3, 5, 7),
    "warmup": Span(1, 8),
    "forget_bias": Span(-1, 3),
    "noise": (0.0, 0.01, 0.03, 0.1),
    "adversarial": (0.0, 0.001, 0.01, 0.1),
    "smooth": (0.0, 0.01, 0.1, 1.0),
}
# What is tried unless other settings are named: of each model what it has of these.
USUAL = (
    "learning_rate",
    "batch",
    "hidden",
    "layers",
    "code",
    "tile",
    "width",
    "depth",
    "frames",
    "kernel",
    "patch",
    "norm",
    "activation",
)


@dataclass(frozen=True, slots=True)
class Dimension:
    """One thing that trials differ in: a setting, or the layers or width of a list."""

    name: str
    values: Values

    @property
    def setting(self) -> str:
        """Name of the setting that it is, or is part of."""
        return self.name.removesuffix(LAYERS).removesuffix(WIDTH)

    def __str__(self) -> str:
        if isinstance(self.values, Span):
            return f"{self.name} {self.values}"
        return f"{self.name} {', '.join(map(_word, self.values))}"


@dataclass(frozen=True, slots=True)
class Space:
    """All that trials differ in; ``usual`` is what a run has that is told nothing."""

    dimensions: tuple[Dimension, ...]
    usual: Mapping[str, Value]

    @classmethod
    def around(
        cls,
        run: Run,
        fixed: Iterable[str] = (),
        only: Sequence[str] = (),
        ranges: Mapping[str, Values] | None = None,
        measuring: frozenset[str] = MEASURING,
    ) -> Space:
        """Find what there is to try about a run.

        Parameters
        ----------
        run : Run
            Settings that all trials share, and the defaults of the others.
        fixed : iterable of str
            Settings that were given, so they are not tried.
        only : sequence of str
            Settings to try; else those that usually matter most.
        ranges : mapping of str to Span or tuple, optional
            Values to try of some settings, which are tried in any case.
        measuring : frozenset of str
            Settings that decide what the validation loss is taken of.

        Raises
        ------
        SettingsError
            If a setting cannot be tried, or there is none; says why.
        """
        told, kept, abouts = dict(ranges or {}), frozenset(fixed), _abouts(run.model)
        asked = {*only, *told}
        for name in asked:
            if not _parts(name, abouts):
                raise _unknown(name, run.model, abouts, measuring)
            _require_free(name, kept, measuring)
            if name in told and name not in abouts:
                parts = " and ".join(_parts(name, abouts))
                raise SettingsError(
                    f"{name} is tried as {parts}; give values for each of these."
                )
        if not only:
            asked |= {*USUAL} - kept - measuring
        wanted = {part for name in asked for part in _parts(name, abouts)}
        found = tuple(
            Dimension(name, _told(told[name], name, about))
            if name in told
            else Dimension(name, useful(name, about))
            for name, about in abouts.items()
            if name in wanted
        )
        if not found:
            raise SettingsError(
                f"Nothing is left to try of {run.model}, as {', '.join(sorted(kept))} "
                "are given; leave one of them to the sweep."
            )
        return cls(found, _flat(run.flat()))

    @property
    def settings(self) -> frozenset[str]:
        """Names of the settings that differ."""
        return frozenset(dimension.setting for dimension in self.dimensions)

    def defaults(self) -> dict[str, Value]:
        """Values of a run that is told nothing, where they are among those tried."""
        return {
            dimension.name: self.usual[dimension.name]
            for dimension in self.dimensions
            if self.usual[dimension.name] in dimension.values
        }

    def run_settings(self, drawn: Mapping[str, Value]) -> dict[str, Any]:
        """Settings, as ``Run.make`` takes them, from a value for each dimension."""
        settings: dict[str, Any] = {}
        for name, value in drawn.items():
            setting = Dimension(name, ()).setting
            if setting == name:
                settings[name] = value
            else:
                layers = drawn.get(setting + LAYERS, self.usual[setting + LAYERS])
                width = drawn.get(setting + WIDTH, self.usual[setting + WIDTH])
                settings[setting] = (width,) * int(layers)
        return settings


def useful(name: str, about: About) -> Values:
    """Values worth trying of a setting, all of them allowed.

    Raises
    ------
    SettingsError
        If neither its bounds nor ``USEFUL`` say so.
    """
    known = USEFUL.get(name)
    choices = _choices(about)
    if choices:
        return tuple(v for v in choices if known is None or v in known) or choices
    if isinstance(known, tuple):
        return tuple(value for value in known if allowed(value, about))
    low, high = _limits(about)
    whole, default = about["type"] == "integer", about["default"]
    if known is not None:
        return Span(max(known.low, low), min(known.high, high), whole)
    if default > 0:
        low, high = max(low, default / REACH), min(high, default * REACH)
        return Span(round(low), round(high), whole) if whole else Span(low, high)
    raise SettingsError(f"Nobody knows which values of {name!r} are worth trying", TRY)


def allowed(value: Value, about: About) -> bool:
    """Whether a setting can have a value, as far as that does not depend on others."""
    choices = _choices(about)
    if choices or isinstance(value, bool | str):
        return any(
            value == choice and type(value) is type(choice) for choice in choices
        )
    low, high = _limits(about)
    whole = about["type"] != "integer" or value == round(value)
    ends = about.get("exclusiveMinimum"), about.get("exclusiveMaximum")
    return whole and low <= value <= high and value not in ends


def _told(values: Values, name: str, about: About) -> Values:
    """Values that somebody wants to try, if they are allowed."""
    ends = (values.low, values.high) if isinstance(values, Span) else values
    for value in ends:
        if not allowed(value, about):
            words = bounds(about).strip(" ()") or "true or false"
            raise SettingsError(
                f"The setting {name!r} cannot be {_word(value)}; it can be {words}."
            )
    if not isinstance(values, Span) and len(values) > 1:
        return values
    if not isinstance(values, Span) or _choices(about) or values.low >= values.high:
        raise SettingsError(f"There is nothing to choose from for {name!r}", TRY)
    return replace(values, whole=about["type"] == "integer")


def _require_free(name: str, fixed: frozenset[str], measuring: frozenset[str]) -> None:
    """Refuse to try what all trials must share."""
    setting = Dimension(name, ()).setting
    if setting in fixed:
        raise SettingsError(
            f"{setting!r} cannot be given and be tried, too; leave one of both."
        )
    why = "what the validation loss measures, so trials could not be compared"
    if setting in measuring or setting in COSTING:
        if setting not in measuring:
            why = "how long a trial takes or what is chance, not how good settings are"
        raise SettingsError(
            f"{setting!r} decides {why}",
            f"give it one value with --set {setting}=VALUE",
        )


def _unknown(
    name: str, model: str, abouts: Iterable[str], measuring: frozenset[str]
) -> SettingsError:
    names = ", ".join(part for part in abouts if part not in measuring | COSTING)
    return SettingsError(
        f"There is no setting called {name!r} for {model}; those that can be tried are "
        f"{names}."
    )


def _abouts(model: str) -> dict[str, About]:
    """What is known of every dimension of a model, of windows and of training."""
    found: dict[str, About] = {}
    for kind in (TrainConfig, WindowSpec, model_class(model).Config):
        for name, about in kind.model_json_schema().get("properties", {}).items():
            if about.get("type") != "array":
                found[name] = about
                continue
            usual = about["default"]
            layers = {"minimum": about["minItems"], "maximum": about["maxItems"]}
            layers |= {"type": "integer", "default": len(usual)}
            found[name + LAYERS] = layers
            found[name + WIDTH] = {**about["items"], "default": usual[0]}
    return found


def _flat(settings: Mapping[str, Any]) -> dict[str, Value]:
    """Settings with lists as what is tried of them."""
    flat: dict[str, Value] = {}
    for name, value in settings.items():
        if isinstance(value, tuple | list):
            flat |= {name + LAYERS: len(value), name + WIDTH: value[0]}
        else:
            flat[name] = value
    return flat


def _parts(name: str, abouts: Iterable[str]) -> list[str]:
    """Dimensions of what somebody named: all of a list, or one; none if unknown."""
    known = {*abouts}
    return [part for part in (name, name + LAYERS, name + WIDTH) if part in known]


def _choices(about: About) -> tuple[Value, ...]:
    """All values of a setting that is no number."""
    if about["type"] == "boolean":
        return (False, True)
    return tuple(about.get("enum", ()))


def _limits(about: About) -> tuple[float, float]:
    low = about.get("minimum", about.get("exclusiveMinimum", float("-inf")))
    return low, about.get("maximum", about.get("exclusiveMaximum", float("inf")))


def _word(value: Value) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value).lower()
