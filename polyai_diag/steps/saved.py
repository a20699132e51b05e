"""Sound beside the report, where it is wanted."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from polyai_diag.media.recording import write_wav

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from polyai_diag.probes.trace import Trace
    from polyai_diag.steps.walk import Walk


async def save_sound(walk: Walk, trace: Trace, **sounds: NDArray[np.float32]) -> None:
    """Write each sound to a file of its name; a full disk is no failure of the call's."""
    if walk.audio_folder is None:
        return
    for name, sound in sounds.items():
        file = walk.audio_folder / f"{name}.wav"
        try:
            await asyncio.to_thread(write_wav, file, sound)
        except OSError as exc:
            trace.data["audio_not_saved"] = f"{file}: {exc.strerror}"
