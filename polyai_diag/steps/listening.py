"""The agent's voice, where the gateway loops nothing: it is heard, asked, and heard again.

Nothing is played to it but a short prompt that sounds like speech: there is a person's agent at
the other end, and perhaps a person.
"""

from __future__ import annotations

import asyncio
import dataclasses
import time
from typing import TYPE_CHECKING

from polyai_diag.analysis.audio.levels import level_dbfs
from polyai_diag.analysis.audio.speech import prompt_signal
from polyai_diag.analysis.audio.unreferenced import unreferenced_facts
from polyai_diag.failures import Failure
from polyai_diag.media.opus import SAMPLE_RATE_HZ, Decoder, encode
from polyai_diag.media.packets import place
from polyai_diag.steps.pictures import as_json, keep_heard
from polyai_diag.steps.saved import save_sound

if TYPE_CHECKING:
    from polyai_diag.analysis.audio.facts import AudioFacts
    from polyai_diag.analysis.audio.gaps import Dropout
    from polyai_diag.media.packets import PacketLog, Placed
    from polyai_diag.probes.ice import Call
    from polyai_diag.probes.trace import Seen, Trace
    from polyai_diag.steps.walk import Walk

GREETING_WITHIN_S = 15.0
ANSWER_WITHIN_S = 8.0
TURN_S = 4.0  # as long as one turn of the agent's is listened to
PAUSE_S = 0.7
LOOK_EVERY_S = 0.1
VOICE_DBFS = -65.0  # of a packet; what a quiet line's noise or a silent agent sends lies below
VOICE_PACKETS = 3

NO_REFERENCE = "the gateway refuses its echo: nothing is known to compare with"
_NEEDS_REFERENCE = ("delay", "gain", "drift", "distortion", "response", "echo", "wrong_rate")


class Voice:
    """What was heard so far of the other side, packet by packet, by `time.monotonic()`."""

    def __init__(self, packets: PacketLog) -> None:
        self._packets = packets
        self._decoder = Decoder()
        self._read = self._running = 0
        self._begins_s: list[float] = []  # of each stretch of voice
        self.last_s: float | None = None

    def began_after(self, moment_s: float) -> float | None:
        """Return when a stretch of voice began at this moment or later, None while none has."""
        self._look()
        return next((begin_s for begin_s in self._begins_s if begin_s >= moment_s), None)

    async def begins(self, moment_s: float, within_s: float) -> float | None:
        """Wait for a voice that begins after a moment; None when it does not in time."""
        until_s = time.monotonic() + within_s
        while time.monotonic() < until_s and self.began_after(moment_s) is None:  # noqa: ASYNC110
            await asyncio.sleep(LOOK_EVERY_S)  # decoding is for us: packets tell no loudness
        return self.began_after(moment_s)

    async def pauses(self, within_s: float) -> None:
        """Wait until it has been quiet for a moment, or no longer."""
        until_s = time.monotonic() + within_s
        while time.monotonic() < until_s:
            self._look()
            if self.last_s is None or time.monotonic() - self.last_s > PAUSE_S:
                return
            await asyncio.sleep(LOOK_EVERY_S)

    def _look(self) -> None:
        arrivals = self._packets.arrivals[self._read :]
        self._read += len(arrivals)
        for arrival in arrivals:
            voiced = level_dbfs(self._decoder.decode(arrival.payload)) > VOICE_DBFS
            self._running = self._running + 1 if voiced else 0
            if self._running == VOICE_PACKETS:
                self._begins_s.append(arrival.arrival_s)
            if self._running >= VOICE_PACKETS:
                self.last_s = arrival.arrival_s


async def listen(walk: Walk, own: Call, trace: Trace) -> bool:
    """Hear the agent, say something, hear it again; False when it says nothing at all."""
    with trace.observe("audio_listen", "gateway") as seen:
        voice = Voice(own.packets)
        await _converse(own, voice, trace)
        arrivals = list(own.packets.arrivals)
        heard = await asyncio.to_thread(place, arrivals)
        await save_sound(walk, trace, received=heard.sound, sent=prompt_signal())
        facts = await asyncio.to_thread(_measured, heard)
        _note(facts, trace)
        keep_heard(trace, heard.sound, arrivals)
        seen.note(level_dbfs=round(facts.level_dbfs, 1), listened_s=round(facts.seconds, 1))
        _judge(own, voice, facts, seen)
    if not seen.ok:
        trace.fail(str(seen.notes["detail"]))
    return seen.ok


async def _converse(own: Call, voice: Voice, trace: Trace) -> None:
    trace.progress("Listening to the agent")
    connected_s = own.consent.started_s
    greeted_s = await voice.begins(0.0, GREETING_WITHIN_S)
    if greeted_s is not None:
        trace.data["first_audio_ms"] = max(0, round((greeted_s - connected_s) * 1000))
        await voice.pauses(TURN_S)
    trace.progress("Saying something to the agent")
    own.track.play(await asyncio.to_thread(encode, prompt_signal()))
    await own.track.played()
    said_s = time.monotonic()
    answered_s = await voice.begins(said_s, ANSWER_WITHIN_S)
    if answered_s is not None:
        trace.data["answer_ms"] = round((answered_s - said_s) * 1000)
        if greeted_s is None:
            trace.data["first_audio_ms"] = round((answered_s - connected_s) * 1000)
        await voice.pauses(TURN_S)


def _measured(heard: Placed) -> AudioFacts:
    """Measure the sound by itself; what a lost packet carried is no cut of the sound's."""
    facts = unreferenced_facts(heard.sound, SAMPLE_RATE_HZ)
    cuts = tuple(cut for cut in facts.dropouts if not _was_lost(heard, cut))
    return dataclasses.replace(facts, dropouts=cuts)


def _was_lost(heard: Placed, cut: Dropout) -> bool:
    begins, length = (round(s * SAMPLE_RATE_HZ) for s in (cut.at_s, cut.ms / 1000))
    return bool(heard.lost[begins : begins + max(1, length)].any())


def _judge(own: Call, voice: Voice, facts: AudioFacts, seen: Seen) -> None:
    if not own.packets.arrivals:
        seen.fail(Failure.NO_RTP, "packets stopped arriving")
    elif voice.last_s is None or facts.silent:
        said = f"no speech from the agent in {GREETING_WITHIN_S:.0f} s, nor after words of ours"
        seen.fail(Failure.SILENCE, said)


def _note(facts: AudioFacts, trace: Trace) -> None:
    noted = as_json(facts.notes())
    missing = {**noted["not_measured"], **dict.fromkeys(_NEEDS_REFERENCE, NO_REFERENCE)}
    trace.data.update(noted, not_measured=missing)
