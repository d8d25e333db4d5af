"""Robustness in words and a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_morphocast.evaluation.baselines import REFERENCES
from napari_morphocast.evaluation.damage import DAMAGES
from napari_morphocast.evaluation.wording import ahead, aligned

if TYPE_CHECKING:
    from napari_morphocast.evaluation.damage import Damage
    from napari_morphocast.evaluation.robustness import Robustness


def doubling_table(found: Robustness, lead: int) -> str:
    """Where every model's error has doubled: a line per damage, a column per model."""
    if not found.rows:
        return "No scores."
    rows = [["", *found.models]]
    for damage in found.damages:
        kind = DAMAGES[damage]
        places = [found.doubling(model, damage, lead=lead) for model in found.models]
        cells = ["never" if p is None else kind.number(p) for p in places]
        rows.append([f"{kind.title}: {kind.axis}", *cells])
    title = (
        f"Damage to the known frames at which the error {ahead(lead, found.interval)} "
        "ahead is twice\nthat without damage:"
    )
    return f"{title}\n\n{aligned(rows)}"


def verdict_on(found: Robustness, model: str, damage: str, lead: int) -> str:
    """Say where a model's error has doubled, and what it is still better than."""
    place = found.doubling(model, damage, lead=lead)
    doubled = (
        "its error never doubles"
        if place is None
        else f"its error has doubled at {DAMAGES[damage].words(place)}"
    )
    if model == "persistence":
        return doubled
    return f"{doubled}; {_standing(found, model, damage, lead)}"


def _standing(found: Robustness, model: str, damage: str, lead: int) -> str:
    """Say up to which intensity a model beats 'nothing moves', and all baselines."""
    kind = DAMAGES[damage]
    called = f"'{REFERENCES['persistence']}'"
    skills = found.of(model, damage, "skill_persistence", lead=lead)
    if not skills or np.isnan(skills[0].low):
        return f"whether it beats {called} cannot be told"
    near = found.lasting(model, damage, lead=lead)
    if near is None:
        return f"does not beat {called} even without damage"
    others = [name for name in REFERENCES if name in found.models and name != model]
    far = found.lasting(model, damage, others, lead=lead)
    strongest = skills[-1].intensity
    beats = f"beats {called} {_reach(kind, near, strongest)}"
    if far is None:
        return f"{beats}, but not all baselines even without damage"
    if far == near:
        return f"beats {called} and all other baselines {_reach(kind, near, strongest)}"
    return f"{beats}, all baselines {_reach(kind, far, strongest)}"


def _reach(kind: Damage, last: float, strongest: float) -> str:
    """Up to which intensity something holds, the last one at which it does given."""
    if last == strongest:
        return "throughout"
    return f"up to {kind.words(last)}" if last else "only without damage"
