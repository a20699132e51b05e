"""Step `audio`: sound out and back, or the agent's voice where the gateway loops nothing."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from polyai_diag.analysis.audio.levels import AudioFacts, audio_facts
from polyai_diag.analysis.audio.loopback import LoopbackFacts, analyze_loopback
from polyai_diag.analysis.audio.signal import probe_signal
from polyai_diag.failures import Failure
from polyai_diag.media.loopback import Loop, MediaStopped, loop_back
from polyai_diag.media.packets import place
from polyai_diag.media.recording import write_wav
from polyai_diag.probes.waiting import happens_within
from polyai_diag.steps.call import connect_call, packet_facts
from polyai_diag.steps.lasting import ending_of, goes_on, keep_ending, while_it_lasts
from polyai_diag.steps.walk import Walk, run_check

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from polyai_diag.model import StepResult
    from polyai_diag.probes.ice import Call
    from polyai_diag.probes.signaling import Signaling
    from polyai_diag.probes.trace import Known, Trace
    from polyai_diag.target import Target

SILENT_DBFS = -60.0  # what comes back of a -20 dBFS tone is below this: nothing came back
AGENT_PATIENCE_S = 15.0
AGENT_LISTEN_S = 3.0
LISTEN_STEP_S = 0.5


async def check_audio(target: Target) -> StepResult:
    """Send chirps, a tone and a sweep through the call and compare what comes back.

    Where the gateway refuses the echo, listen to the agent instead: level, silence, bandwidth.
    """
    return await run_check(audio, "audio", target)


async def audio(walk: Walk, trace: Trace) -> None:
    """Measure the sound of the call, and keep it up for as long as was asked."""
    if not await connect_call(walk, trace) or walk.call is None:
        return
    own, started_s = walk.call, time.monotonic()
    measuring = _loop(walk, own, trace) if walk.echo else _listen(walk, own, trace)
    measured = await while_it_lasts(walk, own, measuring)
    trace.data.update(await packet_facts(own), gateway_reports=await own.reported())
    if measured is None or not await goes_on(walk, own):
        await keep_ending(walk, own, trace, started_s)
    elif walk.signaling is not None and (walk.target.hold_s > 0 or walk.signaling.ended.is_set()):
        await _hold(walk, own, walk.signaling, trace)


async def _hold(walk: Walk, own: Call, signaling: Signaling, trace: Trace) -> None:
    """Keep the call up, and see whether anything ends it."""
    seconds = walk.target.hold_s
    trace.progress(f"Holding the call for {seconds:.0f} s")
    with trace.observe("call_hold", "gateway", asked_s=seconds) as seen:
        gone = happens_within(seconds, signaling.ended.wait())
        held = await while_it_lasts(walk, own, gone) is False
        ending = None if held else await ending_of(walk, own)
        if ending is not None:
            seen.fail(ending.failure, ending.detail, **ending.notes)
    if ending is not None and not ending.notes.get("media_lives_on"):
        trace.fail(ending.detail)


async def _loop(walk: Walk, own: Call, trace: Trace) -> bool:
    signal = probe_signal(thorough=walk.target.thorough)
    trace.progress(f"Sending {signal.seconds:.0f} s of sound out and back")
    trace.data["mode"] = "echo"
    known: Known = {MediaStopped: lambda _: Failure.CALL_ENDED}
    with trace.observe("audio_loopback", "gateway", known=known) as seen:
        loop = await loop_back(own.track, own.packets, signal.pcm)
        await _save(walk, trace, received=loop.received, sent=signal.pcm)
        facts = await asyncio.to_thread(analyze_loopback, signal, loop.received)
        _note_loop(facts, loop, trace)
        seen.note(level_dbfs=round(facts.level_dbfs, 1), chirps_found=facts.chirps_found)
        if not len(loop.received):
            seen.fail(Failure.NO_RTP, "packets stopped arriving")
        elif facts.level_dbfs < SILENT_DBFS:
            seen.fail(Failure.SILENCE, f"{facts.level_dbfs:.0f} dBFS came back of a tone of -20")
        elif facts.offset_samples is None:
            seen.fail(Failure.PROBE_SOUND_LOST, "sound came back, but not the one that was sent")
    if not seen.ok:
        trace.fail(str(seen.notes["detail"]))
    return seen.ok


def _note_loop(facts: LoopbackFacts, loop: Loop, trace: Trace) -> None:
    trace.data.update(
        delay_ms=None
        if facts.offset_samples is None
        else _rounded(loop.delay_ms(facts.offset_samples)),
        gain_db=_rounded(facts.gain_db),
        level_dbfs=_rounded(facts.level_dbfs),
        sent_level_dbfs=_rounded(facts.sent_level_dbfs),
        noise_dbfs=_rounded(facts.noise_dbfs),
        thd_n_db=_rounded(facts.thd_n_db),
        bandwidth_hz=_rounded(facts.bandwidth_hz),
        clipped_runs=facts.clipped_runs,
        chirps_sent=facts.chirps_sent,
        chirps_found=facts.chirps_found,
    )
    if facts.frequency_hz:
        trace.data["spectrum"] = {
            "frequency_hz": list(facts.frequency_hz),
            "sent_dbfs": list(facts.sent_dbfs),
            "received_dbfs": list(facts.received_dbfs),
        }


async def _save(walk: Walk, trace: Trace, **sounds: NDArray[np.float32]) -> None:
    """Write the sounds where they are wanted; a full disk is no failure of the call's."""
    if walk.audio_folder is None:
        return
    for name, sound in sounds.items():
        file = walk.audio_folder / f"{name}.wav"
        try:
            await asyncio.to_thread(write_wav, file, sound)
        except OSError as exc:
            trace.data["audio_not_saved"] = f"{file}: {exc.strerror}"


async def _listen(walk: Walk, own: Call, trace: Trace) -> bool:
    trace.progress("Listening to the agent")
    trace.data["mode"] = "agent"
    started_s = time.monotonic()
    with trace.observe("audio_listen", "gateway") as seen:
        facts, heard_s = await _until_heard(own)
        _note_agent(facts, trace)
        await _save(walk, trace, received=place(list(own.packets.arrivals))[0])
        seen.note(level_dbfs=round(facts.level_dbfs, 1), listened_s=round(facts.seconds, 1))
        if heard_s is not None:
            trace.data["first_audio_ms"] = round((heard_s - started_s) * 1000)
        elif not own.packets.arrivals:
            seen.fail(Failure.NO_RTP, "packets stopped arriving")
        else:
            seen.fail(Failure.SILENCE, f"no speech from the agent in {AGENT_PATIENCE_S:.0f} s")
    if not seen.ok:
        trace.fail(str(seen.notes["detail"]))
    return seen.ok


async def _until_heard(own: Call) -> tuple[AudioFacts, float | None]:
    """Wait for the agent's voice, then hear a little more; return when it was heard first."""
    deadline_s = time.monotonic() + AGENT_PATIENCE_S
    heard_s: float | None = None
    while True:
        facts = await asyncio.to_thread(_facts, own)
        now = time.monotonic()
        if heard_s is None and not facts.silent:
            heard_s = now
            deadline_s = now + AGENT_LISTEN_S
        if now >= deadline_s:
            return facts, heard_s
        await asyncio.sleep(LISTEN_STEP_S)


def _facts(own: Call) -> AudioFacts:
    return audio_facts(place(list(own.packets.arrivals))[0])


def _note_agent(facts: AudioFacts, trace: Trace) -> None:
    trace.data.update(
        level_dbfs=_rounded(facts.active_level_dbfs),
        peak_dbfs=_rounded(facts.peak_dbfs),
        active_share=round(facts.active_share, 3),
        clipped_runs=facts.clipped_runs,
        bandwidth_hz=_rounded(facts.bandwidth_hz),
        not_measured=["delay", "gain", "spectrum against what was sent"],
    )


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 2)
