"""How far a forecast is from the truth: pure functions with a fixed data range."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_morphocast.errors import MovieError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

SIGMA = 1.5  # of the Gaussian window of SSIM, which is 11 by 11 pixels
SMALLEST = 11  # pixels on a side; SSIM needs one whole window
INSIDE = ..., slice(5, -5), slice(5, -5)  # where that window lies in the frame


def mse(
    forecast: NDArray[Any],
    truth: NDArray[Any],
    data_range: ArrayLike = 1.0,
    where: NDArray[np.bool_] | None = None,
) -> NDArray[np.float64]:
    """Mean squared error of each frame; its channels count alike.

    Parameters
    ----------
    forecast, truth : array, shape (..., C, Y, X)
        Frames in grey levels.
    data_range : float or array, shape (C,)
        Grey levels that count as one; 1 gives the error in squared grey levels.
    where : array of bool, optional
        Pixels that count; broadcast to the frames' shape.

    Returns
    -------
    array, shape (...)
        NaN for a frame in which no pixel counts.
    """
    return over_pixels(np.square(_difference(forecast, truth, data_range)), where)


def mae(
    forecast: NDArray[Any],
    truth: NDArray[Any],
    data_range: ArrayLike = 1.0,
    where: NDArray[np.bool_] | None = None,
) -> NDArray[np.float64]:
    """Mean absolute error of each frame, shape (...); parameters as in ``mse``."""
    return over_pixels(np.abs(_difference(forecast, truth, data_range)), where)


def psnr(
    forecast: NDArray[Any], truth: NDArray[Any], data_range: ArrayLike
) -> NDArray[np.float64]:
    """Peak signal-to-noise ratio of each frame in dB, shape (...).

    The peak is ``data_range``, never what a forecast happens to reach.
    """
    return decibels(mse(forecast, truth, data_range))


def decibels(error: NDArray[np.float64]) -> NDArray[np.float64]:
    """PSNR in dB of mean squared errors relative to the squared data range."""
    with np.errstate(divide="ignore"):
        return np.asarray(-10 * np.log10(error), np.float64)


def ssim(
    forecast: NDArray[Any],
    truth: NDArray[Any],
    data_range: ArrayLike,
    where: NDArray[np.bool_] | None = None,
) -> NDArray[np.float64]:
    """Structural similarity of each frame, mean over its channels.

    Gaussian window with sigma 1.5 and population covariance, as Wang et al. (2004)
    define it; the outermost 5 pixels, where the window would leave the frame, are
    not counted.

    Parameters
    ----------
    forecast, truth : array, shape (..., C, Y, X)
        Frames in grey levels.
    data_range : float or array, shape (C,)
        Grey levels from black to white.
    where : array of bool, optional
        Pixels of the map of similarities that count; broadcast to the frames' shape.

    Returns
    -------
    array, shape (...)
        NaN for a frame in which no pixel counts.

    Raises
    ------
    MovieError
        If frames are smaller than the window.
    """
    return away_from_edges(similarities(forecast, truth, data_range), where)


def away_from_edges(
    similar: NDArray[Any], where: NDArray[np.bool_] | None
) -> NDArray[np.float64]:
    """SSIM of each frame from the map of its ``similarities``."""
    if where is not None:
        where = np.broadcast_to(where, similar.shape)[INSIDE]
    return over_pixels(similar[INSIDE], where)


def similarities(
    forecast: NDArray[Any], truth: NDArray[Any], data_range: ArrayLike
) -> NDArray[np.float64]:
    """Map (..., C, Y, X) whose mean away from the edges is ``ssim``.

    Frames are mirrored at their edges, where the window would leave them.

    Raises
    ------
    MovieError
        If frames are smaller than the window.
    """
    channels, height, width = truth.shape[-3:]
    if min(height, width) < SMALLEST:
        raise MovieError(
            f"SSIM needs frames of at least {SMALLEST} by {SMALLEST} pixels, but these "
            f"have {height} by {width}; use a larger part of the movie."
        )
    ranges = np.broadcast_to(np.asarray(data_range, np.float64), channels)
    scale = ranges[:, None, None]
    pairs = zip(
        (np.asarray(forecast, np.float64) / scale).reshape(-1, height, width),
        (np.asarray(truth, np.float64) / scale).reshape(-1, height, width),
        strict=True,
    )
    maps = [_similarities(ahead, real) for ahead, real in pairs]
    return np.reshape(maps, truth.shape)


def _similarities(
    forecast: NDArray[np.float64], truth: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Map of local similarities of two pictures (Y, X) whose data range is 1."""
    from skimage.metrics import structural_similarity

    _, similarities = structural_similarity(
        forecast,
        truth,
        data_range=1.0,
        gaussian_weights=True,
        sigma=SIGMA,
        use_sample_covariance=False,
        full=True,
    )
    return np.asarray(similarities, np.float64)


def over_pixels(
    values: NDArray[Any], where: NDArray[np.bool_] | None
) -> NDArray[np.float64]:
    """Mean over the pixels of each frame that count, shape (...); NaN if none does."""
    axes = (-3, -2, -1)
    if where is None:
        return np.asarray(values.mean(axes), np.float64)
    where = np.broadcast_to(where, values.shape)
    total, count = values.sum(axes, where=where), where.sum(axes)
    return np.asarray(np.where(count, total, np.nan) / np.maximum(count, 1), np.float64)


def _difference(
    forecast: NDArray[Any], truth: NDArray[Any], data_range: ArrayLike
) -> NDArray[np.float64]:
    """Forecast minus truth, in units of the data range."""
    if forecast.shape != truth.shape:
        raise ValueError(f"a forecast {forecast.shape} of a truth {truth.shape}")
    difference = np.asarray(forecast, np.float64) - np.asarray(truth, np.float64)
    scale = np.asarray(data_range, np.float64)
    return np.asarray(difference / (scale[:, None, None] if scale.ndim else scale))
