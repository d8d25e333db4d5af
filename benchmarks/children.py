"""Fresh processes to measure in: their environment, and the one line they report."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

HERE = Path(__file__).parent
PATIENCE = 900  # seconds after which a child is given up


def report_of(
    script: str, arguments: Sequence[str], home: Path, before: Sequence[str] = ()
) -> dict[str, Any]:
    """Run a script of this folder; what it printed last, which must be JSON.

    Raises
    ------
    RuntimeError
        If it failed; says what it complained about.
    """
    command = [*before, sys.executable, str(HERE / script), *arguments]
    done = subprocess.run(
        command,
        env=environment(home),
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    lines = done.stdout.strip().splitlines()
    if done.returncode or not lines:
        raise RuntimeError(f"{script} {' '.join(arguments)} failed: {done.stderr}")
    found: dict[str, Any] = json.loads(lines[-1])
    return found


def environment(home: Path) -> dict[str, str]:
    """The environment here, but with an empty home: no settings are read or changed."""
    places = {
        "HOME": home,
        "XDG_CONFIG_HOME": home / "config",
        "XDG_DATA_HOME": home / "data",
        "XDG_CACHE_HOME": home / "cache",
    }
    return {**os.environ, **{name: str(path) for name, path in places.items()}}
