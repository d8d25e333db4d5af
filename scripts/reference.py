"""Fill the documentation's tables from the program itself, so that they stay true.

MkDocs calls ``on_page_markdown`` for every page (``hooks`` in mkdocs.yml). The line
``<!-- commands -->`` becomes the command line reference, ``<!-- settings: NAME -->``
the settings of a model, of the ``window`` or of ``training``, ``<!-- tried -->`` what a
sweep tries of each model, and ``<!-- results: NAME -->`` the latest table of that name
in benchmarks/results.
"""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from napari_morphocast.cli import app
from napari_morphocast.data.windows import WindowSpec
from napari_morphocast.models.base import FORECASTERS, model_class
from napari_morphocast.training.config import Run, TrainConfig
from napari_morphocast.training.space import Space

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pydantic import BaseModel
    from pydantic.fields import FieldInfo

RESULTS = Path(__file__).parents[1] / "benchmarks" / "results"
SIGNS = {"ge": "≥ ", "gt": "> ", "le": "≤ ", "lt": "< "}


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Replace the marked lines of one page."""
    filled = markdown
    if "<!-- commands -->" in markdown:
        filled = markdown.replace("<!-- commands -->", commands())
    if "<!-- tried -->" in filled:
        filled = filled.replace("<!-- tried -->", tried())
    filled = re.sub(r"<!-- settings: (\w+) -->", lambda m: settings(m[1]), filled)
    return re.sub(r"<!-- results: ([\w-]+) -->", lambda m: results(m[1]), filled)


def commands() -> str:
    """Describe every command with its arguments and options."""
    known: dict[str, Any] = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    return "\n\n".join(_command(name, command) for name, command in known.items())


def settings(name: str) -> str:
    """Table of the settings called ``name``."""
    places: dict[str, type[BaseModel]] = {"window": WindowSpec, "training": TrainConfig}
    config = places[name] if name in places else model_class(name).Config
    rows = [_setting(key, field) for key, field in config.model_fields.items()]
    return _table(("Setting", "Default", "Values", "What it is"), rows)


def tried() -> str:
    """Table of what a sweep tries, unless told, of every model that is trained."""
    trained = [n for n, kind in FORECASTERS.items() if kind(kind.Config(), 1).stages()]
    spaces = {name: Space.around(Run.make(name)).dimensions for name in trained}
    values: dict[str, dict[str, str]] = {}
    for name, dimensions in spaces.items():
        for dimension in dimensions:
            told = str(dimension).removeprefix(dimension.name).strip()
            values.setdefault(dimension.name, {})[name] = told
    rows = [
        (f"`{setting}`", *(told.get(name, "") for name in trained))
        for setting, told in values.items()
    ]
    return _table(("Setting", *(f"`{name}`" for name in trained)), rows)


def results(name: str) -> str:
    """Give the latest of the tables that a benchmark wrote."""
    kept = sorted(RESULTS.glob(f"????-??-??-{name}.md"))
    if not kept:
        raise FileNotFoundError(f"no table {name!r} in {RESULTS}")
    return kept[-1].read_text(encoding="utf-8")


def _command(name: str, command: Any) -> str:
    shown = [p for p in command.params if not p.hidden and p.name != "help"]
    usage = " ".join(["morphocast", name, *(_usage(p) for p in shown)])
    rows = [(f"`{_names(p)}`", _default(p), p.help or "") for p in shown]
    text = inspect.cleandoc(command.help or "").split("\f")[0]
    table = _table(("Option", "Default", "What it is"), rows) if rows else ""
    return f"## {name}\n\n```text\n{usage}\n```\n\n{text}\n\n{table}"


def _usage(parameter: Any) -> str:
    several = "..." if parameter.nargs == -1 or parameter.multiple else ""
    if parameter.param_type_name == "argument":
        return f"{_metavar(parameter)}{several}"
    name = parameter.opts[0]
    value = "" if parameter.is_flag else f" {_metavar(parameter)}"
    text = f"{name}{value}"
    return (text if parameter.required else f"[{text}]") + several


def _names(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        return _metavar(parameter)
    return ", ".join([*parameter.opts, *parameter.secondary_opts])


def _metavar(parameter: Any) -> str:
    name: str = parameter.metavar or parameter.name.upper()
    return name.removesuffix("...")


def _default(parameter: Any) -> str:
    value = parameter.default
    if parameter.required or value in (None, "", (), []) or parameter.is_flag:
        return ""
    return f"`{getattr(value, 'value', value)}`"


def _setting(key: str, field: FieldInfo) -> tuple[str, ...]:
    default = field.get_default(call_default_factory=True)
    shown = list(default) if isinstance(default, tuple) else default
    return f"`{key}`", f"`{shown}`", _bounds(field), field.description or ""


def _bounds(field: FieldInfo) -> str:
    choices = getattr(field.annotation, "__args__", ())
    if choices and all(isinstance(choice, str | int) for choice in choices):
        return ", ".join(f"`{choice}`" for choice in choices)
    return ", ".join(
        f"{sign}{getattr(limit, name):g}"
        for limit in field.metadata
        for name, sign in SIGNS.items()
        if hasattr(limit, name)
    )


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join(f"| {' | '.join(_cell(c) for c in line)} |" for line in lines)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
