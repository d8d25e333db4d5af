"""What the points of the Explore dock can be coloured by."""

from __future__ import annotations

import csv
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_morphocast.errors import MovieError
from napari_morphocast.evaluation.wording import duration

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_morphocast.evaluation.embedded import Embedded

TIME, ERROR = "time", "error of its forecast"
GREY = "grey levels"
ENDS = 1.0, 99.0  # percentiles that get the outermost colours
NOTHING = {"", "nan", "na", "n/a", "none", "<na>", "null"}  # how tables say nothing
MOST_KINDS = 10  # words that can be told apart by colour
KEYS = "frame", "label"
SEPARATORS = ",;\t"


@dataclass(frozen=True, slots=True, eq=False)
class Shade:
    """A value for each of N points, from which its colour follows.

    Parameters
    ----------
    values : array, shape (N,)
        NaN where there is none. Of words, their numbers.
    low, high : float
        Values that get the first and the last colour.
    ends : (str, str)
        What stands at both ends of the legend, with units.
    kinds : tuple of str
        The words, if these are no amounts.
    """

    values: NDArray[np.float64]
    low: float
    high: float
    ends: tuple[str, str]
    kinds: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """Columns of a table, in the order of the points; an empty text for no value."""

    name: str
    columns: Mapping[str, NDArray[Any]]


def by_time(embedded: Embedded) -> Shade:
    """Frames, or time where it is known."""
    if embedded.interval is None:
        return _shade(embedded.frames.astype(float), lambda v: f"frame {v:.0f}", None)
    return _shade(embedded.frames * embedded.interval, duration, None)


def own(embedded: Embedded) -> dict[str, Shade]:
    """What is known of the points without any table."""
    found = {TIME: by_time(embedded)}
    if np.isfinite(embedded.errors).any():
        found[ERROR] = amounts(embedded.errors, GREY)
    several = len(embedded.channels) > 1
    for number, channel in enumerate(embedded.channels):
        of = f" of {channel}" * several
        found[f"mean grey level{of}"] = amounts(embedded.means[:, number], GREY)
        found[f"contrast{of}"] = amounts(embedded.deviations[:, number], GREY)
    return found


def of_table(table: Table) -> dict[str, Shade]:
    """Every column of a table that says something."""
    return {
        f"{column} · {table.name}": shade
        for column, values in table.columns.items()
        if (shade := _of_column(values)) is not None
    }


def amounts(values: NDArray[Any], unit: str = "") -> Shade:
    """Numbers; outliers get the outermost colours, and the legend says so."""
    shade = _shade(values, lambda value: f"{value:.3g}", ENDS)
    low, high = shade.ends
    return replace(shade, ends=(low, f"{high} {unit}".strip()))


def read_table(path: Path, embedded: Embedded) -> Table:
    """Columns of a CSV file, joined to the points by ``frame`` and ``label``.

    Raises
    ------
    MovieError
        If the file cannot be read, has neither column, or knows none of the points.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is no text"
        raise MovieError(
            f"Cannot read {path.name}: {why}; choose a .csv file."
        ) from None
    head = text.partition("\n")[0]
    separator = max(SEPARATORS, key=head.count)
    try:
        lines = list(csv.reader(text.splitlines(), delimiter=separator))
    except csv.Error as error:
        raise MovieError(
            f"{path.name} is no table ({error}); save it as CSV."
        ) from None
    names, rows = (
        (lines[0], [line for line in lines[1:] if line]) if lines else ([], [])
    )
    columns = {
        name.strip(): [row[at].strip() if at < len(row) else "" for row in rows]
        for at, name in enumerate(names)
        if name.strip()
    }
    return joined(path.name, columns, embedded)


def joined(
    name: str, columns: Mapping[str, Sequence[Any]], embedded: Embedded
) -> Table:
    """Columns in the order of the points, by ``frame`` and, if there, ``label``."""
    known = {column.lower(): column for column in columns}
    keys = [key for key in KEYS if key in known]
    if not embedded.of_cells:
        keys = [key for key in keys if key == "frame"]
    if not keys:
        needed = "frame or label" if embedded.of_cells else "frame"
        found = ", ".join(columns) or "none"
        raise MovieError(
            f"{name} has no column called {needed} that says which point a row is of; "
            f"its columns are: {found}."
        )
    rows = zip(*(map(_number, columns[known[key]]) for key in keys), strict=True)
    at = {row: number for number, row in enumerate(rows)}
    points = zip(*(_key(embedded, key) for key in keys), strict=True)
    place = np.array([at.get(point, -1) for point in points], int)
    if (place < 0).all():
        raise MovieError(
            f"No row of {name} is of a point here; rows are found by "
            f"{' and '.join(keys)}, frames counted from 0."
        )
    rest = [column for column in columns if column.lower() not in KEYS]
    if not rest:
        raise MovieError(f"{name} has no column besides {' and '.join(keys)}.")
    return Table(name, {column: _placed(columns[column], place) for column in rest})


def _placed(values: Sequence[Any], place: NDArray[np.int64]) -> NDArray[Any]:
    words = np.array([*(str(value) for value in values), ""], object)
    return np.asarray(words[place])


def _key(embedded: Embedded, key: str) -> list[float]:
    numbers = embedded.frames if key == "frame" else embedded.labels
    return [float(number) for number in numbers.tolist()]


def _of_column(values: NDArray[Any]) -> Shade | None:
    """Numbers if all of it are some, else kinds; None for too many of them."""
    numbers = np.array([_number(value) for value in values])
    said = np.array([value.lower() not in NOTHING for value in values])
    if not said.any():
        return None
    if np.isfinite(numbers[said]).all():
        return amounts(np.where(said, numbers, np.nan))
    kinds = sorted(set(values[said]))
    if len(kinds) > MOST_KINDS:
        return None
    which = {kind: float(number) for number, kind in enumerate(kinds)}
    found = np.array([which.get(value, np.nan) for value in values])
    return Shade(found, 0, max(1, len(kinds) - 1), ("", ""), tuple(kinds))


def _shade(values: NDArray[Any], text: Any, ends: tuple[float, float] | None) -> Shade:
    known = values[np.isfinite(values)]
    if not known.size:
        return Shade(values, 0, 1, ("", ""))
    low, high = (float(v) for v in np.percentile(known, ends or (0, 100)))
    if low == high:
        low, high = float(known.min()), float(known.max())
    below = "≤ " if known.min() < low else ""
    above = "≥ " if known.max() > high else ""
    return Shade(values, low, high, (below + text(low), above + text(high)))


def _number(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        return float("nan")
