"""What was received: frequency over time, the louder the stronger the colour.

Softest is transparent, so that the page's own ground shows, light or dark; the two hues stand out
from both.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from polyai_diag.analysis.loose import number
from polyai_diag.report.pictures.drawing import (
    LABEL_PT,
    TEXT,
    WIDTH_IN,
    inline_svg,
    label_seconds,
    new_axes,
    new_figure,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_RANGE_DBFS = (-100.0, -20.0)
_STEP_DB = 0.5
_SOFT, _MIDDLE, _LOUD = (47, 111, 214), (176, 70, 170), (240, 120, 20)
_TICKS_HZ = {100: "100", 300: "300", 1000: "1k", 3400: "3.4k", 8000: "8k", 20000: "20 kHz"}
_MOST_ROWS, _MOST_COLUMNS = 256, 1024
_HEX = re.compile(r"(?:[0-9a-f]{2})+")


def spectrogram_svg(data: dict[str, Any]) -> str:
    """Return an inline SVG; empty where the data is none (see analysis/audio/pictures.py)."""
    import numpy as np  # noqa: PLC0415 - heavy, and only needed here

    levels = _levels(data)
    keys = ("every_s", "begins_s", "lowest_hz", "highest_hz")
    every_s, begins_s, low_hz, high_hz = (number(data.get(key)) or 0.0 for key in keys)
    in_range = 1e-3 <= every_s <= 60 and 0 <= begins_s <= 60 and 1 <= low_hz < high_hz <= 96_000
    if levels is None or not in_range:
        return ""
    figure = new_figure(WIDTH_IN, 3.0)
    axes = new_axes(figure)
    axes.grid(visible=False)
    ends_s = begins_s + levels.shape[1] * every_s
    seconds = ends_s + begins_s
    low, high = np.log2([low_hz, high_hz])
    axes.imshow(
        _coloured(levels), origin="lower", aspect="auto", interpolation="none",
        extent=(begins_s, ends_s, low, high),
    )  # fmt: skip
    label_seconds(axes, seconds)
    shown = {hz: words for hz, words in _TICKS_HZ.items() if low_hz <= hz <= high_hz}
    axes.set_yticks(np.log2(list(shown)), list(shown.values()))
    scale = axes.inset_axes((0.0, 1.05, 0.36, 0.045), facecolor="none")
    ramp = np.linspace(*_RANGE_DBFS, 128)[None]
    scale.imshow(_coloured(ramp), aspect="auto", interpolation="none", extent=(*_RANGE_DBFS, 0, 1))
    scale.spines[:].set_visible(False)
    scale.set_yticks([])
    scale.set_xticks([-100, -60, -20], ["−100", "−60", "−20 dBFS"])
    scale.tick_params(
        length=0, labelsize=LABEL_PT - 1, colors=TEXT, pad=3, labeltop=True, labelbottom=False
    )
    return inline_svg(figure, f"Spectrogram of the audio received, {seconds:.0f} seconds")


def _levels(data: dict[str, Any]) -> NDArray[np.float64] | None:
    import numpy as np  # noqa: PLC0415

    rows = data.get("rows")
    if not isinstance(rows, list | tuple) or not 2 <= len(rows) <= _MOST_ROWS:
        return None
    if not all(isinstance(one, str) and _HEX.fullmatch(one) for one in rows):
        return None
    if len({len(one) for one in rows}) != 1 or not 4 <= len(rows[0]) <= 2 * _MOST_COLUMNS:
        return None
    steps = np.array([np.frombuffer(bytes.fromhex(one), np.uint8) for one in rows])
    return np.asarray(-_STEP_DB * steps, np.float64)


def _coloured(levels: NDArray[np.float64]) -> NDArray[np.uint8]:
    import numpy as np  # noqa: PLC0415

    low, high = _RANGE_DBFS
    share = np.clip((levels - low) / (high - low), 0, 1)
    at = [0.0, 0.45, 0.72, 1.0]
    channels = [np.interp(share, at, one) for one in zip(_SOFT, _SOFT, _MIDDLE, _LOUD, strict=True)]
    alpha = 255 * np.clip(share / 0.5, 0, 1)
    return np.stack([*channels, alpha], axis=-1).astype(np.uint8)
