"""What there is to choose from once torch is there: models, settings, devices."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic.fields import FieldInfo


@dataclass(frozen=True, slots=True)
class Catalog:
    """Models that can be trained, with all their settings, and devices.

    Parameters
    ----------
    models : mapping
        Fields of model, window and training by name, for each model.
    about : mapping
        One sentence on each model.
    devices : tuple of (str, str)
        Name and label of each device, the fastest first.
    advice : str
        Why an NVIDIA card is not used; empty if all is well.
    automatic : str
        Name of the model for whoever does not choose one.
    """

    models: Mapping[str, Mapping[str, FieldInfo]]
    about: Mapping[str, str]
    devices: tuple[tuple[str, str], ...]
    advice: str
    automatic: str


def load_catalog() -> Catalog:
    """Find out; this imports torch, so call it away from the screen."""
    from napari_morphocast.data.windows import WindowSpec
    from napari_morphocast.models import base
    from napari_morphocast.training.config import TrainConfig
    from napari_morphocast.training.devices import advice, devices
    from napari_morphocast.training.trained import is_baseline

    models, about = {}, {}
    for name, kind in base.FORECASTERS.items():
        if is_baseline(kind):
            continue
        parts = (WindowSpec, kind.Config, TrainConfig)
        models[name] = {n: f for part in parts for n, f in part.model_fields.items()}
        about[name] = (kind.__doc__ or name).strip().splitlines()[0]
    places = tuple((device.name, device.label) for device in devices())
    return Catalog(models, about, places, advice(), base.AUTOMATIC)
