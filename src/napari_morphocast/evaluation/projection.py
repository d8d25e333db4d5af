"""Codes of many numbers as points on a plane."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_morphocast.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

NAMES = {"pca": "PCA", "tsne": "t-SNE", "umap": "UMAP"}
PERPLEXITY = 30.0  # of t-SNE: about how many neighbours count
NEIGHBOURS = 15  # of UMAP
FEWEST = 4  # points; fewer have no neighbourhoods
BEFORE = 50  # numbers that t-SNE and UMAP are given at most, the first of a PCA
START = 1e-4  # spread of the points that t-SNE begins with


@dataclass(frozen=True, slots=True, eq=False)
class Projected:
    """Points (N, 2) on a plane, and what its two axes are."""

    kind: str
    points: NDArray[np.float32]
    axes: tuple[str, str]


def project(codes: NDArray[Any], kind: str, seed: int = 0) -> Projected:
    """Codes (N, D) as points (N, 2); alike codes lie close together.

    Parameters
    ----------
    codes : array, shape (N, D)
        What a model makes of N frames or cells.
    kind : str
        ``pca``: the two directions along which they differ most. ``tsne``: neighbours
        stay neighbours, while distances between groups mean nothing (van der Maaten &
        Hinton, 2008). ``umap``: likewise, and faster (McInnes et al., 2018).
    seed : int
        What all chance follows from.

    Raises
    ------
    SettingsError
        If there is no such projection here, or there are too few codes.
    """
    require(kind)
    if len(codes) < FEWEST:
        raise SettingsError(
            f"There are only {len(codes)} points, but {FEWEST} are needed to see how "
            "they lie; take a longer movie, or crops around labels."
        )
    if not np.isfinite(codes).all():
        raise SettingsError(
            "The model makes codes that are no numbers; train it again, or take "
            "another model."
        )
    return _WAYS[kind](np.asarray(codes, np.float32), seed)


def require(kind: str) -> None:
    """Refuse a projection that is unknown, or not installed."""
    if kind not in NAMES:
        raise SettingsError(
            f"There is no projection {kind!r}; choose one of {', '.join(NAMES)}."
        )
    if kind not in installed():
        raise SettingsError(
            "UMAP needs one more package: run pip install umap-learn, or choose tsne."
        )


def installed() -> list[str]:
    """Names of the projections that can be used here."""
    try:
        version("umap-learn")  # by its name on PyPI: another package imports as umap
    except PackageNotFoundError:
        return [name for name in NAMES if name != "umap"]
    return list(NAMES)


def _pca(codes: NDArray[Any], seed: int) -> Projected:
    found, shares = _main(codes, 2, seed)
    first, second = (f"PCA {n} ({share:.0%})" for n, share in enumerate(shares, 1))
    return Projected("pca", found, (first, second))


def _tsne(codes: NDArray[Any], seed: int) -> Projected:
    """Begun at the PCA, so that runs are alike."""
    from sklearn.manifold import TSNE

    start, _ = _main(codes, 2, seed)
    spread = float(start[:, 0].std()) or 1.0
    perplexity = min(PERPLEXITY, (len(codes) - 1) / 3)
    found = TSNE(
        2, perplexity=perplexity, init=START / spread * start, random_state=seed
    ).fit_transform(_main(codes, BEFORE, seed)[0])
    return Projected("tsne", np.asarray(found, np.float32), ("t-SNE 1", "t-SNE 2"))


def _umap(codes: NDArray[Any], seed: int) -> Projected:
    with warnings.catch_warnings():  # it misses TensorFlow, which nobody needs here
        warnings.simplefilter("ignore", ImportWarning)
        from umap import UMAP
    neighbours = min(NEIGHBOURS, len(codes) - 1)
    # One job, since several would not give the same points twice.
    found = UMAP(
        n_neighbors=neighbours,
        init="spectral" if len(codes) > NEIGHBOURS else "random",
        random_state=seed,
        n_jobs=1,
    ).fit_transform(_main(codes, BEFORE, seed)[0])
    return Projected("umap", np.asarray(found, np.float32), ("UMAP 1", "UMAP 2"))


_WAYS: dict[str, Callable[[NDArray[Any], int], Projected]] = {
    "pca": _pca,
    "tsne": _tsne,
    "umap": _umap,
}


def _main(
    codes: NDArray[Any], most: int, seed: int
) -> tuple[NDArray[np.float32], tuple[float, float]]:
    """The main components of codes (N, D), and how much the first two explain.

    The largest first, (N, 2 to ``most``).
    """
    from sklearn.decomposition import PCA

    if not np.ptp(codes, 0).any():  # all alike: nothing has a direction
        return np.zeros((len(codes), 2), np.float32), (0.0, 0.0)
    fitted = PCA(min(most, *codes.shape), random_state=seed)
    found = fitted.fit_transform(codes)
    shares = [*fitted.explained_variance_ratio_.tolist(), 0.0]
    if found.shape[1] < 2:
        found = np.pad(found, ((0, 0), (0, 1)))
    return np.asarray(found, np.float32), (shares[0], shares[1])
