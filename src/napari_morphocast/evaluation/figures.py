"""Pictures of forecasts: PNG and animated GIF, drawn without a screen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_morphocast.errors import SettingsError
from napari_morphocast.evaluation.wording import ahead

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from matplotlib.figure import Figure
    from numpy.typing import NDArray
    from PIL.Image import Image

CONTRAST = 0.5, 99.8  # percentiles that become black and white
TINY = 280  # pixels; smaller frames are enlarged in an animation
FOREIGN = (255, 150, 40)  # frame around what no camera saw
CAPTION = 22  # pixels
SHEET, WIDEST_SHEET, TITLE = 1.4, 14.0, 0.3  # inches: a picture, a row, its title


def draw_forecast(
    path: str | Path,
    known: NDArray[Any],
    truth: NDArray[Any],
    forecast: NDArray[Any],
    *,
    lead: int = 1,
    interval: float | None = None,
    rgb: bool = False,
) -> None:
    """Draw last known frame, truth, forecast and absolute error side by side.

    Parameters
    ----------
    path : path
        The PNG.
    known, truth, forecast : array, shape (C, Y, X)
        Grey levels; of several channels that are no colours, the first is shown.
    lead : int
        How far ahead the forecast is (frames).
    interval : float, optional
        Seconds per frame.
    rgb : bool
        Whether the channels are red, green and blue.
    """
    figure = new_figure(13, 3.7)
    panels = figure.subplots(1, 4)
    limits = _limits(known)
    named = (("last known frame", known), ("truth", truth), ("forecast", forecast))
    for axes, (title, frame) in zip(panels[:3], named, strict=True):
        axes.imshow(_shade(frame, limits, rgb))
        axes.set_title(title)
    top = float(np.percentile(_error(known, truth, rgb), 99.8)) or None
    error = _error(forecast, truth, rgb)
    shown = panels[3].imshow(error, cmap="inferno", vmin=0, vmax=top)
    panels[3].set_title("|error|")
    figure.colorbar(shown, ax=panels[3], label="grey levels")
    figure.suptitle(f"{ahead(lead, interval)} ahead")
    for axes in panels:
        axes.set_axis_off()
    save_figure(figure, path)


def draw_rollout(
    path: str | Path,
    known: NDArray[Any],
    truth: NDArray[Any],
    forecast: Iterable[NDArray[Any]],
    *,
    interval: float | None = None,
    rgb: bool = False,
) -> None:
    """Animate truth beside a rollout; an orange frame marks what is foretold.

    Parameters
    ----------
    path : path
        The GIF.
    known : array, shape (T, C, Y, X)
        The last frames before the rollout begins; shown on both sides.
    truth : array, shape (H, C, Y, X)
        What really followed; beyond its end the left side stays empty.
    forecast : iterable of array, shape (C, Y, X)
        The rollout, which may go on after the truth has ended.
    interval : float, optional
        Seconds per frame.
    rgb : bool
        Whether the channels are red, green and blue.
    """
    limits = _limits(known)
    real = [_shade(frame, limits, rgb) for frame in (*known, *truth)]
    pictures = [
        _pair(frame, frame, "known", foretold=False) for frame in real[: len(known)]
    ]
    for lead, frame in enumerate(forecast, 1):
        here = len(known) + lead - 1
        left = real[here] if here < len(real) else None
        text = f"forecast, {ahead(lead, interval)} ahead"
        pictures.append(_pair(left, _shade(frame, limits, rgb), text, foretold=True))
    times = [160] * (len(pictures) - 1) + [1500]  # milliseconds
    try:
        pictures[0].save(
            path, save_all=True, append_images=pictures[1:], duration=times, loop=0
        )
    except OSError as error:
        raise SettingsError(f"Cannot write {path}: {error.strerror}.") from None


def draw_sheet(
    path: str | Path, rows: Mapping[str, NDArray[Any]], *, rgb: bool = False
) -> None:
    """Draw frames in rows, each with a title, all with the same grey levels.

    Parameters
    ----------
    path : path
        The PNG.
    rows : mapping of str to array, shape (N, C, Y, X)
        Frames of the same size by the title of their row; the first row says which
        grey levels are black and white.
    rgb : bool
        Whether the channels are red, green and blue.
    """
    limits = _limits(next(iter(rows.values())))
    most = max(map(len, rows.values()))
    height, width = next(iter(rows.values())).shape[-2:]
    each = min(SHEET, WIDEST_SHEET / most)  # inches
    figure = new_figure(most * each, len(rows) * (each * height / width + TITLE))
    panels = figure.subplots(len(rows), most, squeeze=False)
    for line, (title, frames) in zip(panels, rows.items(), strict=True):
        line[0].set_title(title, loc="left", fontsize=9)
        for axes, frame in zip(line, frames, strict=False):
            axes.imshow(_shade(frame, limits, rgb))
        for axes in line:
            axes.set_axis_off()
    save_figure(figure, path)


def _limits(frames: NDArray[Any]) -> tuple[float, float]:
    """Grey levels that become black and white."""
    low, high = np.percentile(frames, CONTRAST)
    return float(low), float(high if high > low else low + 1)


def _shade(
    frame: NDArray[Any], limits: tuple[float, float], rgb: bool
) -> NDArray[np.uint8]:
    """Turn a frame (C, Y, X) into a picture (Y, X, 3)."""
    low, high = limits
    colours = frame[:3] if rgb else frame[:1].repeat(3, 0)
    share = np.clip((colours.astype(np.float32) - low) / (high - low), 0, 1)
    return np.asarray(np.moveaxis(255 * share, 0, -1), np.uint8)


def _error(one: NDArray[Any], other: NDArray[Any], rgb: bool) -> NDArray[np.float32]:
    """Absolute difference of what is shown of two frames (C, Y, X), shape (Y, X)."""
    shown = slice(3 if rgb else 1)
    difference = one[shown].astype(np.float32) - other[shown].astype(np.float32)
    return np.asarray(np.abs(difference).mean(0), np.float32)


def _pair(
    left: NDArray[np.uint8] | None,
    right: NDArray[np.uint8],
    text: str,
    *,
    foretold: bool,
) -> Image:
    """Two pictures under their captions; the right one framed if it is foretold."""
    from PIL import Image, ImageDraw, ImageFont

    height, width = right.shape[:2]
    scale = max(1, -(-TINY // max(height, width)))
    size = (width * scale, height * scale)
    sheet = Image.new("RGB", (2 * size[0] + 12, size[1] + CAPTION + 4), (24, 24, 24))
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(13)
    titles = ("truth" if left is not None else "beyond the end of the movie", text)
    for picture, title, x in zip((left, right), titles, (4, size[0] + 8), strict=True):
        colour = FOREIGN if foretold and x > 4 else (225, 225, 225)
        draw.text((x + 2, 3), title, fill=colour, font=font)
        if picture is not None:
            shown = Image.fromarray(picture).resize(size, Image.Resampling.NEAREST)
            sheet.paste(shown, (x, CAPTION))
    if foretold:
        x, y = size[0] + 8, CAPTION
        draw.rectangle((x, y, x + size[0] - 1, y + size[1] - 1), None, FOREIGN, 3)
    return sheet


def new_figure(width: float, height: float) -> Figure:
    """Make a figure that needs no screen and touches no global state."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def save_figure(figure: Figure, path: str | Path) -> None:
    """Write a PNG.

    Raises
    ------
    SettingsError
        If the file cannot be written.
    """
    try:
        figure.savefig(path, dpi=130, format="png")
    except OSError as error:
        raise SettingsError(f"Cannot write {path}: {error.strerror}.") from None
