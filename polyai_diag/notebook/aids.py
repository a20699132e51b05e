"""The panel's hands and voice in the browser: Copy buttons, words for a screen reader."""

from __future__ import annotations

from importlib.resources import files

import anywidget
import traitlets


class Aids(anywidget.AnyWidget):
    """Lets the Copy buttons of the panel around it copy, and says what is `said`.

    Where it cannot be loaded no Copy button is shown; the texts can be selected all the same.
    """

    _esm = files("polyai_diag.notebook").joinpath("aids.js").read_text(encoding="utf-8")
    said = traitlets.Unicode().tag(sync=True)
