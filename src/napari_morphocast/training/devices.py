"""Which devices there are, and which one a run should use."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import torch
from lightning_fabric import Fabric

from napari_morphocast.errors import SettingsError

if TYPE_CHECKING:
    from napari_morphocast.training.config import Hardware


@dataclass(frozen=True, slots=True)
class Device:
    """A place to compute: its torch name, what people call it, its free memory."""

    name: str
    label: str
    free: int | None = None  # bytes


def devices() -> tuple[Device, ...]:
    """Every usable device, the fastest first."""
    found = []
    for index in range(torch.cuda.device_count()):
        free, _ = torch.cuda.mem_get_info(index)
        name = torch.cuda.get_device_name(index)
        found.append(
            Device(f"cuda:{index}", f"{name}, {free / 2**30:.0f} GB free", free)
        )
    if torch.backends.mps.is_available():
        found.append(Device("mps", "Apple GPU"))
    found.append(Device("cpu", "CPU"))
    return tuple(found)


def choose(name: str = "auto") -> torch.device:
    """Find the device called ``name``; ``auto`` takes the fastest.

    Raises
    ------
    SettingsError
        If it is not there; says what there is and, for CUDA, why.
    """
    there = devices()
    if name == "auto":
        return torch.device(there[0].name)
    wanted = "cuda:0" if name == "cuda" else name
    if wanted not in {device.name for device in there}:
        names = ", ".join(f"{d.name} ({d.label})" for d in there)
        why = advice() or "Choose one of these, or auto."
        raise SettingsError(f"There is no device {name!r} here, only {names}. {why}")
    return torch.device(wanted)


def leave_a_core() -> None:
    """Compute on all processor cores but one, so that the screen stays alive.

    On two busy cores, two threads that wait for each other were eight times slower
    than one.
    """
    torch.set_num_threads(max(1, (os.cpu_count() or 2) - 1))


def advice() -> str:
    """One sentence for someone whose NVIDIA card is not used; empty if all is well."""
    if torch.cuda.is_available() or shutil.which("nvidia-smi") is None:
        return ""
    if torch.version.cuda is None:
        return (
            "An NVIDIA card seems to be here, but this is the CPU build of PyTorch; "
            "install the CUDA build as the GPU table of the documentation says."
        )
    return "PyTorch finds no usable NVIDIA card; check the driver with nvidia-smi."


def engine(hardware: Hardware) -> Fabric:
    """Start Lightning Fabric on the wanted device or devices."""
    device = choose(hardware.device)
    several = hardware.devices * hardware.nodes > 1
    _check_processes(hardware, device)
    one = [device.index or 0] if device.type == "cuda" else 1
    fabric = Fabric(
        accelerator=device.type,
        devices=hardware.devices if several else one,
        num_nodes=hardware.nodes,
        strategy="ddp" if several else "auto",
        precision=_precision(hardware, device),
    )
    if several:
        fabric.launch()
    if device.type == "cuda":
        torch.backends.cudnn.benchmark = True
        torch.set_float32_matmul_precision("high")
    return fabric


def _check_processes(hardware: Hardware, device: torch.device) -> None:
    """Refuse processes that would wait for others for ever."""
    there = torch.cuda.device_count() if device.type == "cuda" else os.cpu_count() or 1
    if hardware.devices > there:
        raise SettingsError(
            f"{hardware.devices} processes were asked for, but there are only {there} "
            f"{device.type} devices or cores here; ask for fewer."
        )
    if hardware.nodes > 1 and "MASTER_ADDR" not in os.environ:
        raise SettingsError(
            "Training on several nodes needs a launcher that sets MASTER_ADDR, such as "
            "torchrun or SLURM; start it with one, or use one node."
        )


def _precision(
    hardware: Hardware, device: torch.device
) -> Literal["32-true", "bf16-mixed"]:
    """bfloat16 where it was asked for and the hardware has it, else float32."""
    if hardware.precision != "bf16-mixed":
        return "32-true"
    if device.type == "cuda" and torch.cuda.is_bf16_supported(
        including_emulation=False
    ):
        return "bf16-mixed"
    raise SettingsError(
        f"The device {device} has no bfloat16 arithmetic of its own; "
        "choose the precision auto or 32-true."
    )
