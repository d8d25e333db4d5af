"""Units of time and length as files spell them, turned into seconds and micrometres."""

from __future__ import annotations

import math

SECONDS = {
    "ns": 1e-9,
    "nsec": 1e-9,
    "nanosecond": 1e-9,
    "us": 1e-6,
    "usec": 1e-6,
    "microsecond": 1e-6,
    "ms": 1e-3,
    "msec": 1e-3,
    "millisecond": 1e-3,
    "s": 1.0,
    "sec": 1.0,
    "second": 1.0,
    "min": 60.0,
    "minute": 60.0,
    "h": 3600.0,
    "hr": 3600.0,
    "hour": 3600.0,
    "d": 86400.0,
    "day": 86400.0,
}
MICROMETRES = {
    "pm": 1e-6,
    "picometer": 1e-6,
    "å": 1e-4,
    "angstrom": 1e-4,
    "nm": 1e-3,
    "nanometer": 1e-3,
    "um": 1.0,
    "micron": 1.0,
    "micrometer": 1.0,
    "mm": 1e3,
    "millimeter": 1e3,
    "cm": 1e4,
    "centimeter": 1e4,
    "m": 1e6,
    "meter": 1e6,
    "inch": 25400.0,
    "in": 25400.0,
    '"': 25400.0,
}
# These differ from another unit by their capital letter only, and are never meant.
UNLIKELY = {"Ms", "Mm", "Nm"}


def seconds(value: float | str | None, unit: str = "s") -> float | None:
    """``value`` in seconds; None when it or its unit says nothing usable."""
    return _convert(value, unit, SECONDS)


def micrometres(value: float | str | None, unit: str = "um") -> float | None:
    """``value`` in micrometres; None when it or its unit says nothing usable."""
    return _convert(value, unit, MICROMETRES)


def positive(value: float | str | None) -> float | None:
    """``value`` as a number that can be a step or a size; else None."""
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) and number > 0 else None


def _convert(
    value: float | str | None, unit: str, factors: dict[str, float]
) -> float | None:
    number = positive(value)
    factor = factors.get(_plain(unit))
    if number is None or factor is None:
        return None
    # nine digits: 1 / (1 / 0.65) is 0.65 again
    return float(f"{number * factor:.9g}")


def _plain(unit: str) -> str:
    """One spelling for a unit: no plural, one letter mu, British or American."""
    name = unit.strip().strip("\0")
    if name in UNLIKELY:
        return ""
    name = name.replace("\\u00B5", "u").replace("\\u00b5", "u").replace("Â", "")
    name = name.replace("\N{MICRO SIGN}", "u").replace("\N{GREEK SMALL LETTER MU}", "u")
    name = name.replace("\N{ANGSTROM SIGN}", "Å").lower()
    if name.endswith(("metre", "metres")):
        name = name.replace("metre", "meter")
    if len(name) > 3 and name.endswith("s"):
        name = name[:-1]
    return {"mins": "min", "hrs": "hr"}.get(name, name)
