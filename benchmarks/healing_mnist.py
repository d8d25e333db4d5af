"""Latent forecasts of digits that turn, beside the numbers of Ensmenger (2023).

    python benchmarks/healing_mnist.py [--only codes,sequences] [--runs FOLDER]
                                       [--quick] [-o TABLE]

Reads MNIST from ../shared/data beside the checkout. Trains on 55,000 digits, was tuned
on 5,000 others, and prints tables of errors on the 10,000 test digits: autoencoders by
size of the code, autoencoder with classifier by weight, the next frame of seven kinds
of sequences, what a linear probe finds in a sequence's code, and angles never trained
on. Every run is kept in FOLDER; what is there is not run again. Takes about half an
hour of one core.
"""

from __future__ import annotations

import argparse
import json
import time
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from healing_codes import ALONE, BY_CODE, BY_WEIGHT, PASSES, trained
from healing_data import KINDS, mnist
from healing_sequences import Coders, Passes, scored
from healing_tables import code_tables, sequence_tables
from table import machine

if TYPE_CHECKING:
    from collections.abc import Callable

PARTS = "codes", "sequences"


class Bench:
    """Runs what is asked for, and keeps what is found."""

    def __init__(self, given: argparse.Namespace) -> None:
        self.quick, self.folder = given.quick, given.runs
        self.known, _, self.unseen = mnist(quick=given.quick)
        self.passes = Passes.quick() if given.quick else Passes()
        if self.folder is not None:
            self.folder.mkdir(parents=True, exist_ok=True)

    @cached_property
    def coders(self) -> Coders:
        """Autoencoders of the sequences' frames."""
        path = self.folder / "coders.pt" if self.folder else None
        if path is not None and path.exists():
            found: Coders = torch.load(path, weights_only=False)
            return found
        found = Coders.learned(self.known, self.passes)
        if path is not None:
            torch.save(found, path)
        return found

    def codes(self) -> dict[str, Any]:
        """Every row of the autoencoders' tables."""
        passes = 1 if self.quick else PASSES
        rows = {row.name: row for row in (*BY_CODE, *BY_WEIGHT, *ALONE)}
        return {
            name: self._kept(
                name, lambda r=row: trained(r, self.known, self.unseen, passes)
            )
            for name, row in rows.items()
            if row.weight != 1.0  # the row whose classifier is trained after has it
        }

    def sequences(self) -> dict[str, Any]:
        """Every kind of sequence."""
        return {
            name: self._kept(
                f"sequences-{name}",
                lambda k=kind: scored(
                    k, self.known, self.unseen, self.coders, self.passes
                ),
            )
            for name, kind in KINDS.items()
        }

    def _kept(self, name: str, work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        path = self.folder / f"{name}.json" if self.folder else None
        if path is not None and path.exists():
            kept: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
            return kept
        began = time.process_time()
        found = {**work(), "seconds": time.process_time() - began}
        print(f"{name}: {found['seconds']:.0f} s", flush=True)
        if path is not None:
            path.write_text(json.dumps(found), encoding="utf-8")
        return found


def main(arguments: list[str] | None = None) -> None:
    """Run what is missing, then print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default=",".join(PARTS))
    parser.add_argument("--runs", type=Path)
    parser.add_argument("--quick", action="store_true", help="see that it works")
    parser.add_argument("-o", "--output", type=Path)
    given = parser.parse_args(arguments)
    torch.set_num_threads(1)
    bench = Bench(given)
    command = "healing_mnist.py" + " --quick: no result" * given.quick
    lines = [*machine(torch.device("cpu"), command), ""]
    if "codes" in given.only:
        lines += code_tables(bench.codes())
    if "sequences" in given.only:
        lines += sequence_tables(bench.sequences(), bench.passes)
    print("\n".join(lines))
    if given.output is not None:
        given.output.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
