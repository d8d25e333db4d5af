"""How like real pictures made ones are: distances of distributions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from scipy.spatial.distance import cdist
from scipy.stats import wasserstein_distance
from skimage.filters import gaussian, threshold_otsu
from skimage.measure import label, regionprops_table
from skimage.morphology import remove_small_objects

from napari_morphocast.evaluation.spectrum import radial_power

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

NEIGHBOURS = 5  # that say how far apart pictures of one kind are
SUBSETS, SUBSET = 50, 100  # of the kernel distance
SMALLEST = 12  # pixels of a cell
SMOOTH = 1.0  # sigma in pixels, before cells are told from background


def kernel_distance(
    real: NDArray[np.float64], made: NDArray[np.float64], seed: int = 0
) -> tuple[float, float]:
    """KID: squared maximum mean discrepancy with a cubic kernel, and its spread.

    Unbiased also for few pictures (Bińkowski et al., 2018); 0 where both are alike.

    Parameters
    ----------
    real, made : array, shape (N, features)
        Features of the pictures.
    seed : int
        Chooses the subsets whose mean and standard deviation are returned.
    """
    rng = np.random.default_rng(seed)
    size = min(SUBSET, len(real), len(made))
    found = [
        _discrepancy(
            real[rng.choice(len(real), size, replace=False)],
            made[rng.choice(len(made), size, replace=False)],
        )
        for _ in range(SUBSETS)
    ]
    return float(np.mean(found)), float(np.std(found))


def frechet_distance(real: NDArray[np.float64], made: NDArray[np.float64]) -> float:
    """Fréchet distance of normal distributions fitted to features (Heusel, 2017)."""
    mean = real.mean(0) - made.mean(0)
    one, other = (np.cov(features, rowvar=False) for features in (real, made))
    values, vectors = np.linalg.eigh(one)
    root = vectors * np.sqrt(np.maximum(values, 0)) @ vectors.T
    shared = np.linalg.eigvalsh(root @ other @ root)
    trace = np.trace(one) + np.trace(other) - 2 * np.sqrt(np.maximum(shared, 0)).sum()
    return float(mean @ mean + trace)


def precision_recall(
    real: NDArray[np.float64], made: NDArray[np.float64]
) -> tuple[float, float]:
    """Share of made pictures that look real, and of real ones that could be made.

    A picture lies among others if it is nearer to one of them than that one's fifth
    neighbour is (Kynkäänniemi et al., 2019).
    """
    apart = cdist(real, made)
    precision = (apart <= _reach(real)[:, None]).any(0).mean()
    recall = (apart <= _reach(made)[None]).any(1).mean()
    return float(precision), float(recall)


def memorised(
    made: NDArray[np.float64], train: NDArray[np.float64], test: NDArray[np.float64]
) -> float:
    """Mean distance to the nearest training picture over that to an unseen one.

    Every copy counts: 0 if all were learned by heart. The more training pictures there
    are, the nearer lies one of them; so hold it against what real pictures have.
    """
    near, far = (cdist(made, real).min(1) for real in (train, test))
    return float(near.mean() / far.mean())


def grey_distance(real: NDArray[Any], made: NDArray[Any]) -> float:
    """Wasserstein distance of the grey levels, in their own unit."""
    return float(wasserstein_distance(_thinned(real), _thinned(made)))


def detail_ratio(
    real: NDArray[np.float32], made: NDArray[np.float32]
) -> NDArray[np.float64]:
    """Power of made over real pictures (N, C, Y, X) by spatial frequency."""
    powers = (radial_power(frames).mean((0, 1)) for frames in (made, real))
    above, below = powers
    return np.asarray(above / np.maximum(below, 1e-12), np.float64)


def motion_ratio(
    real: NDArray[np.float32], made: NDArray[np.float32], channels: int
) -> float:
    """How much changes from frame to frame in made pictures, over that in real ones.

    Root mean square after a little smoothing, which takes most of the noise; 0 stands
    still. Frames in a row are the pictures' channels, (N, frames C, Y, X).
    """
    rows = (_smooth(frames) for frames in (real, made))
    moves = [np.square(row[:, channels:] - row[:, :-channels]).mean() for row in rows]
    return float(np.sqrt(moves[1] / max(moves[0], 1e-12)))


def brightness_of_cells(frames: NDArray[Any]) -> float:
    """Grey level above which something is a cell: Otsu's of all pictures (N, Y, X)."""
    return float(threshold_otsu(_smooth(frames)))


def cells(frames: NDArray[Any], above: float) -> dict[str, NDArray[np.float64]]:
    """Number of cells per picture (N, Y, X), and area and eccentricity of each cell.

    What is brighter than a grey level, after a little smoothing: crude, and the same
    for all.
    """
    masks = _smooth(frames) > above
    found: dict[str, list[float]] = {"count": [], "area": [], "eccentricity": []}
    for mask in masks:
        kept = label(remove_small_objects(mask, max_size=SMALLEST))
        table = regionprops_table(kept, properties=("area", "eccentricity"))
        found["count"].append(len(table["area"]))
        found["area"].extend(table["area"])
        found["eccentricity"].extend(table["eccentricity"])
    return {name: np.array(values, float) for name, values in found.items()}


def _smooth(frames: NDArray[Any]) -> NDArray[np.float32]:
    sigma = *[0] * (frames.ndim - 2), SMOOTH, SMOOTH
    smooth = gaussian(frames.astype(np.float32), sigma)
    return np.asarray(smooth, np.float32)


def cell_distances(
    real: Mapping[str, NDArray[np.float64]], made: Mapping[str, NDArray[np.float64]]
) -> dict[str, float]:
    """Wasserstein distance of each property of the cells, in its own unit."""
    return {
        name: float(wasserstein_distance(real[name], made[name]))
        if len(real[name]) and len(made[name])
        else float("nan")
        for name in real
    }


def features_of(images: torch.Tensor, looks: torch.nn.Module) -> NDArray[np.float64]:
    """Features (N, features) of images (N, C, Y, X), some at a time."""
    with torch.inference_mode():
        found = torch.cat([looks(part) for part in images.split(64)])
    return np.asarray(found.double().numpy())


def _discrepancy(real: NDArray[np.float64], made: NDArray[np.float64]) -> float:
    size, features = real.shape
    pairs = ((real, real), (made, made), (real, made))
    same, other, cross = ((a @ b.T / features + 1) ** 3 for a, b in pairs)
    inside = sum(k.sum() - np.trace(k) for k in (same, other)) / (size * (size - 1))
    return float(inside - 2 * cross.mean())


def _reach(features: NDArray[np.float64]) -> NDArray[np.float64]:
    """Distance of each picture to its fifth neighbour of the same kind."""
    apart = np.sort(cdist(features, features), axis=1)
    return np.asarray(apart[:, min(NEIGHBOURS, len(features) - 1)])


def _thinned(frames: NDArray[Any]) -> NDArray[np.float64]:
    flat = frames.reshape(-1).astype(float)
    return flat[:: max(1, len(flat) // 2**18)]
