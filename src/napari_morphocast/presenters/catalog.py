"""What there is to choose from once torch is there: models, settings, devices."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pydantic.fields import FieldInfo

    from napari_morphocast.models.base import Model


@dataclass(frozen=True, slots=True)
class Catalog:
    """Models that can be trained, with all their settings, and devices.

    Parameters
    ----------
    models : mapping
        Fields of model, window and training by name, for each model, with the
        defaults that suit it.
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
    from napari_morphocast.models import base
    from napari_morphocast.training.devices import advice, devices
    from napari_morphocast.training.trained import is_baseline

    forecasters = {n: k for n, k in base.FORECASTERS.items() if not is_baseline(k)}
    kinds: dict[str, type[base.Model]] = {**forecasters, **base.SYNTHESIZERS}
    models = {name: dict(_fields(kind)) for name, kind in kinds.items()}
    about = {n: (k.__doc__ or n).strip().splitlines()[0] for n, k in kinds.items()}
    places = tuple((device.name, device.label) for device in devices())
    return Catalog(models, about, places, advice(), base.AUTOMATIC)


def _fields(kind: type[Model]) -> Iterator[tuple[str, FieldInfo]]:
    """What can be set; not what follows from the model's own settings."""
    from napari_morphocast.data.windows import WindowSpec
    from napari_morphocast.training.config import TrainConfig

    usual = kind.usual(kind.Config())
    for part in (WindowSpec, kind.Config, TrainConfig):
        for name, field in part.model_fields.items():
            if name in kind.implied:
                continue
            suited = copy(field)
            suited.default = usual.get(name, field.default)
            yield name, suited
