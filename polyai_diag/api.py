"""What a script calls."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    import pandas as pd

    from polyai_diag.analysis.audio.facts import AudioFacts
    from polyai_diag.model import Event, Issue, StepResult
    from polyai_diag.report import Report
    from polyai_diag.target import Target


async def diagnose(
    target: Target,
    *,
    steps: Sequence[str] | None = None,
    deadline_s: float = 60,
    place_call: bool = True,
    on_event: Callable[[Event], None] | None = None,
    earlier: Sequence[Report] = (),
) -> Report:
    """Run the steps against a target, place at most one call, and judge what was seen.

    `steps` None means all nine; `deadline_s` ends the run in any case, with what it has by then.
    With reports of `earlier` runs a call that ends at the same second again is said to.
    Raises PlanError for an unknown step, TargetError for a `ca_file` that cannot be read.
    What fails on the network is never raised: it is in the report.
    """
    from polyai_diag.report import Report  # noqa: PLC0415 - importing the package stays cheap
    from polyai_diag.runner import Runner  # noqa: PLC0415

    runner = Runner(
        target,
        steps=steps,
        deadline_s=deadline_s,
        place_call=place_call,
        on_event=on_event,
        earlier=[report.record for report in earlier],
    )
    return Report(await runner.run())


def diagnose_sync(
    target: Target,
    *,
    steps: Sequence[str] | None = None,
    deadline_s: float = 60,
    place_call: bool = True,
    on_event: Callable[[Event], None] | None = None,
    earlier: Sequence[Report] = (),
) -> Report:
    """Do what `diagnose` does, without an event loop of the caller's own.

    Raises RuntimeError inside a running loop (a notebook): `await diagnose(…)` there.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        pass
    else:
        raise RuntimeError("an event loop is running here: use `await diagnose(…)`")
    return asyncio.run(
        diagnose(
            target,
            steps=steps,
            deadline_s=deadline_s,
            place_call=place_call,
            on_event=on_event,
            earlier=earlier,
        )
    )


def analyze_recording(path: str | Path) -> AudioFacts:
    """Measure a recording (WAV, FLAC, OGG and what else FFmpeg reads) without a reference.

    Reads it once, in little memory, four hours at most; what of it is damaged or missing is in
    `incomplete`. Raises RecordingError, one line, when it cannot be read as sound.
    """
    from polyai_diag.analysis.audio.unreferenced import Listener  # noqa: PLC0415
    from polyai_diag.media.recording import open_recording  # noqa: PLC0415

    with open_recording(path) as recording:
        listener = Listener(recording.rate_hz, recording.channels)
        for block in recording:
            listener.take(block)
        return listener.facts(recording.incomplete)


def to_frame(result: Report | StepResult | AudioFacts | Sequence[Issue]) -> pd.DataFrame:
    """Return any result as a pandas frame.

    A report or a step's result: one row per observation. Issues of a paste: one row each. What was
    measured of a recording: name and value. Raises ImportError without pandas (extra `lab`).
    """
    import msgspec  # noqa: PLC0415 - importing the package stays cheap
    import pandas as pd  # noqa: PLC0415

    from polyai_diag.analysis.audio.facts import AudioFacts  # noqa: PLC0415 - importing stays cheap
    from polyai_diag.model import Issue, StepResult  # noqa: PLC0415
    from polyai_diag.report import Report  # noqa: PLC0415

    if isinstance(result, Report | StepResult):
        return result.to_frame()
    if isinstance(result, AudioFacts):
        return pd.DataFrame(list(vars(result).items()), columns=["measure", "value"])
    rows = [msgspec.to_builtins(issue) for issue in result]
    return pd.DataFrame(rows, columns=Issue.__struct_fields__)
