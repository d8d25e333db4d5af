"""Scores as files for other programs: CSV and JSON."""

from __future__ import annotations

import csv
import json
import math
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_morphocast.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from typing import TextIO

    from _typeshed import DataclassInstance

COLUMNS = "model", "metric", "lead", "value", "low", "high", "n"
ENDINGS = ".csv", ".json"


def check_ending(
    path: str | Path, endings: tuple[str, ...] = ENDINGS, what: str = "the scores"
) -> str:
    """Ending of a file, in small letters.

    Raises
    ------
    SettingsError
        If it names no format that ``what`` is written in.
    """
    ending = Path(path).suffix.lower()
    if ending not in endings:
        raise SettingsError(
            f"{Path(path).name} has no ending that says how to write {what}; use "
            f"{' or '.join(endings)}."
        )
    return ending


def save(
    path: str | Path,
    rows: Iterable[DataclassInstance],
    values: Callable[[], Any],
    columns: Sequence[str] = COLUMNS,
) -> None:
    """Write ``rows`` as ``.csv``, or what ``values`` gives as ``.json``."""
    if check_ending(path) == ".csv":
        write_csv(rows, path, columns)
    else:
        write_json(values(), path)


def write_csv(
    rows: Iterable[DataclassInstance],
    path: str | Path,
    columns: Sequence[str] = COLUMNS,
) -> None:
    """Write one line per score."""
    write_lines((asdict(row) for row in rows), path, columns)


def write_lines(
    lines: Iterable[Mapping[str, Any]], path: str | Path, columns: Sequence[str]
) -> None:
    """Write values as CSV, each under the column of its name."""
    with _written(path, newline="") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(lines)


def write_json(values: Any, path: str | Path) -> None:
    """Write plain values; what is not finite becomes null."""
    with _written(path) as file:
        json.dump(plain(values), file, allow_nan=False, indent=1)


def plain(value: Any) -> Any:
    """Values that JSON has: NaN and infinity become null."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value


@contextmanager
def _written(path: str | Path, newline: str | None = None) -> Iterator[TextIO]:
    try:
        with open(path, "w", newline=newline, encoding="utf-8") as file:
            yield file
    except OSError as error:
        raise SettingsError(f"Cannot write {path}: {error.strerror}.") from None
