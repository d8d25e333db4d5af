"""What is measured in a process of its own; prints its peak of resident memory.

python memory_child.py import|train|predict DEVICE MOVIE LENGTH NETWORK
"""

from __future__ import annotations

import json
import sys
from itertools import islice
from pathlib import Path

import torch

from napari_morphocast import api
from napari_morphocast.data.io import read_movie
from napari_morphocast.training.config import Hardware, Run


def peak() -> int:
    """Most memory that was resident at a time, in bytes."""
    status = Path("/proc/self/status")
    if status.is_file():  # getrusage would count what the parent had before the fork
        lines = status.read_text(encoding="utf-8").splitlines()
        line = next(line for line in lines if line.startswith("VmHWM:"))
        return 1024 * int(line.split()[1])
    import resource

    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else 1024 * most


def main(what: str, device: str, movie: str, length: str, network: str) -> None:
    """Do the work, then report."""
    hardware = Hardware(device=device)
    path = Path(movie)
    model = path.with_name(f"{network}-{device}.morphocast")
    torch.ones(1, device=device).add(1)
    done = 0
    if what == "train":
        run = Run.make(network, minutes=int(length) / 60, epochs=10_000)
        done = sum(
            1 for _ in api.train(read_movie(path), model, run, hardware=hardware)
        )
    if what == "predict":
        frames = api.predict(read_movie(path), model, hardware=hardware).frames
        done = sum(1 for _ in islice(frames, int(length)))
    print(json.dumps({"peak": peak(), "done": done}))


if __name__ == "__main__":
    main(*sys.argv[1:])
