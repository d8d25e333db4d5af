"""The command ``morphocast``: what it can do, and how it ends."""

from __future__ import annotations

import sys

import typer

from napari_morphocast.cli import making, telling
from napari_morphocast.cli.inputs import one_line
from napari_morphocast.errors import MorphocastError

app = typer.Typer(
    name="morphocast",
    help="Forecast what living cells do next, with proof that it beats "
    "'nothing moves'.",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for command in (  # in the order of --help
    making.demo,
    telling.info,
    making.train,
    making.sweep,
    making.predict,
    making.rollout,
    telling.evaluate,
    telling.robustness,
    telling.surprise,
    telling.embed,
    making.synthesize,
    telling.models,
):
    app.command()(command)

DONE, REFUSED, INTERRUPTED = 0, 2, 130
# typer brings its own click or uses the installed one: ask typer, import neither
USAGE_ERROR: type[Exception] = typer.BadParameter.__mro__[2]


def main(arguments: list[str] | None = None) -> int:
    """Run one command.

    Returns
    -------
    int
        0 done; 2 bad input or usage, told in one line; 130 interrupted, with what was
        done so far kept.
    """
    given = sys.argv[1:] if arguments is None else arguments
    command = typer.main.get_command(app)
    try:
        status = command.main(
            given or ["--help"], prog_name="morphocast", standalone_mode=False
        )
    except MorphocastError as error:
        return _refuse(str(error))
    except OSError as error:
        return _refuse(f"{error.filename or 'The system'}: {error.strerror or error}")
    except (typer.Abort, KeyboardInterrupt):
        typer.echo("Interrupted; files that were complete are kept.", err=True)
        return INTERRUPTED
    except USAGE_ERROR as error:
        return _refuse(f"{_message(error)} See 'morphocast --help'.")
    return status if isinstance(status, int) else DONE


def _message(error: BaseException) -> str:
    told = getattr(error, "format_message", error.__str__)()
    return told if told.endswith((".", "?", "!")) else f"{told}."


def _refuse(message: str) -> int:
    typer.echo(f"error: {one_line(message)}", err=True)
    return REFUSED
