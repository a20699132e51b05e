"""Guide section 2: what the call does to the sound, from what came back of it or what was heard.

A sound that comes back is judged against what was sent (analysis/audio/limits.py), an agent's or a
recording's by itself (limits_unreferenced.py).
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from polyai_diag.analysis.audio import limits
from polyai_diag.analysis.audio import limits_unreferenced as unreferenced
from polyai_diag.analysis.loose import number
from polyai_diag.causes.engine import Facts, Layer, Seen, cause
from polyai_diag.causes.heard import (
    Sound,
    faded,
    heard,
    is_reported,
    looped,
    lost_there,
    made_up_for_loss,
    narrow_band,
    paused,
    reported,
)
from polyai_diag.failures import Failure
from polyai_diag.model import Actor, Guide

if TYPE_CHECKING:
    from collections.abc import Iterator

    from polyai_diag.model import Evidence

CROWDED_DBFS = -10.0
"""Peaks of speech stand 12 dB and more above its active level (ITU-T P.50): they do not fit."""

TOP_DBFS = -0.5
_RATES_HZ = (8000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000)
_DEAD_OR_SWAPPED = {
    "left dead": "the left channel is dead",
    "right dead": "the right channel is dead",
    "swapped": "left and right are swapped",
}
_OUT_OF_BALANCE = {
    "opposite phase": "the channels are in opposite phase, and cancel out in mono",
    "unequal": "one and the same sound is far weaker on one side",
}
_SHOWN = 3

LEFT_OUT_MOST = 5
"""Packets that an echo may leave out beyond those reported: the last report is a second old."""


@cause(
    "silent-audio",
    acts=Actor.GATEWAY,
    layer=Layer.AUDIO,
    guide=Guide.NO_AUDIO,
    title="Audio packets arrive, and they carry silence",
    remedy="The network is not at fault: look at the sending side, its microphone or its agent.",
    breaks=("audio",),
)
def silent_audio(facts: Facts) -> Iterator[Evidence | Seen]:
    """Packets arrive, and nothing can be heard in them."""
    for seen in facts.failed("audio_loopback", "audio_listen", failures=[Failure.SILENCE]):
        yield seen.says(f"Packets arrive: {seen.note('detail')}")
    for seen in facts.succeeded("audio_recording", silent=True):
        yield seen.says("The recording holds nothing that can be heard")


@cause(
    "audio-too-quiet",
    acts=Actor.GATEWAY,
    layer=Layer.AUDIO,
    guide=Guide.NO_AUDIO,
    title="The sound is too quiet",
    remedy="Raise the level where the sound is made: the network does not change it.",
    reference="ITU-T P.56",
    breaks=("audio",),
    explains=("audio-distorted", "audio-narrowband", "audio-dropouts", "echo-heard"),
    explains_if=lambda facts, _: any(map(_fades, looped(facts))),  # what changes is not compared
)
def audio_too_quiet(facts: Facts) -> Iterator[Evidence | Seen]:
    """Out and back it loses more than a listener makes up for, or an agent speaks too softly."""
    for sound in looped(facts):
        gain_db = sound.number("gain_db")
        if gain_db is not None and gain_db < limits.QUIET_GAIN_DB:
            yield sound.seen.says(f"The sound came back {-gain_db:.1f} dB quieter than it was sent")
        elif _fades(sound):
            weak_s, least_db = faded(sound)
            yield sound.seen.says(
                f"It fades: {weak_s:.1f} s came back {-least_db:.0f} dB quieter than they were sent"
            )
    for sound in heard(facts):
        level_dbfs = sound.number("active_level_dbfs")
        if level_dbfs is None or sound.data.get("silent") is True:
            continue
        if level_dbfs < unreferenced.TOO_QUIET_DBFS:
            yield sound.seen.says(
                f"{sound.whose} is at {level_dbfs:.0f} dBFS; speech usually is at -26"
            )


def _fades(sound: Sound) -> bool:
    """Whether it is too quiet for a part of the time alone."""
    weak_s, _ = faded(sound)
    gain_db = sound.number("gain_db")
    is_quiet = gain_db is not None and gain_db < limits.QUIET_GAIN_DB
    return weak_s >= limits.WEAK_LEAST_S and not is_quiet


@cause(
    "audio-clipped",
    acts=Actor.GATEWAY,
    layer=Layer.AUDIO,
    guide=Guide.NO_AUDIO,
    title="The sound is clipped: it is louder than can be carried",
    remedy="Lower the level where the sound is made or amplified.",
    breaks=("audio",),
    explains=("audio-distorted", "echo-heard"),
)
def audio_clipped(facts: Facts) -> Iterator[Evidence | Seen]:
    """Runs of samples stand at full scale."""
    for sound in looped(facts):
        runs, gain_db = sound.number("clipped_runs"), sound.number("gain_db")
        if runs is not None and runs > limits.CLIPPED_RUNS_MOST:
            louder = "" if gain_db is None else f"; the tone came back {gain_db:+.1f} dB"
            yield sound.seen.says(f"{runs:.0f} flat tops at full scale{louder}")
    for sound in heard(facts):
        runs, share = sound.number("clipped_runs") or 0, sound.number("clipped_share") or 0
        if runs >= unreferenced.CLIPPED_RUNS and share >= unreferenced.CLIPPED_SHARE:
            yield sound.seen.says(f"{sound.whose} has {runs:.0f} flat tops")
        elif _crowded(sound):
            yield sound.seen.says(
                f"{sound.whose} crowds under one level, as what was clipped before Opus does"
            )


def _crowded(sound: Sound) -> bool:
    """Whether it was clipped before a codec, which bends flat tops again.

    A voice made by a machine may crowd by itself: of an agent only the level tells.
    """
    if sound.seen.observation.operation == "audio_recording":
        return (sound.number("crowding") or 0.0) >= unreferenced.CROWDING
    level_dbfs, peak_dbfs = sound.number("active_level_dbfs"), sound.number("peak_dbfs")
    if level_dbfs is None or peak_dbfs is None:
        return False
    return level_dbfs > CROWDED_DBFS and peak_dbfs > TOP_DBFS


@cause(
    "audio-narrowband",
    acts=Actor.GATEWAY,
    layer=Layer.AUDIO,
    guide=Guide.NO_AUDIO,
    title="The sound has less bandwidth than Opus carries",
    remedy="Look for a telephone codec or a low sampling rate between the call's two ends.",
    reference="ITU-T G.712, G.722",
    breaks=("audio",),
)
def audio_narrowband(facts: Facts) -> Iterator[Evidence | Seen]:
    """What is sent of the full band comes back as a telephone's, or as wide band."""
    for sound in looped(facts):
        if said := narrow_band(sound):
            yield sound.seen.says(said)
    for sound in heard(facts):  # a voice made for wide band is usual, and good
        edge_hz = sound.number("bandwidth_hz")
        able = (sound.number("sample_rate_hz") or 0) > unreferenced.RATE_ABLE_HZ
        if able and edge_hz is not None and edge_hz < unreferenced.NARROWBAND_HZ:
            yield sound.seen.says(
                f"{sound.whose} ends at {edge_hz / 1000:.1f} kHz, as a telephone's does"
            )


@cause(
    "audio-distorted",
    acts=Actor.GATEWAY,
    layer=Layer.AUDIO,
    guide=Guide.NO_AUDIO,
    title="The sound is distorted",
    remedy="Look for an overdriven stage or a second lossy codec in the sound's way.",
    breaks=("audio",),
)
def audio_distorted(facts: Facts) -> Iterator[Evidence | Seen]:
    """A pure tone comes back with far more beside it than Opus itself leaves."""
    for sound in looped(facts):
        thd_n_db = _thd_n_db(sound)
        if thd_n_db is not None and thd_n_db > limits.THD_N_MOST_DB:
            alone_db = sound.number("thd_n_db", within="opus_alone")
            beside = "" if alone_db is None else f"; Opus alone leaves {alone_db:.0f} dB"
            yield sound.seen.says(
                f"Distortion and noise are {thd_n_db:.0f} dB beside a pure tone (THD+N){beside}"
            )


def _thd_n_db(sound: Sound) -> float | None:
    """Return it as it typically is: a click or a cut spoils a part of the tone alone."""
    typical_db = sound.number("typical_thd_n_db")
    return sound.number("thd_n_db") if typical_db is None else typical_db


@cause(
    "audio-wrong-rate",
    acts=Actor.GATEWAY,
    layer=Layer.AUDIO,
    guide=Guide.NO_AUDIO,
    title="The sound is played at a wrong sampling rate: its pitch is off",
    remedy="Look where one rate is taken for another; Opus in a call always runs at 48 kHz.",
    reference="RFC 7587 §4.1",
    breaks=("audio",),
    explains=("clock-drift", "audio-distorted", "audio-narrowband"),
)
def audio_wrong_rate(facts: Facts) -> Iterator[Evidence | Seen]:
    """The probe's tone comes back at another pitch, by the ratio of two usual rates."""
    for sound in looped(facts):
        ratio = sound.number("rate_ratio")
        if ratio is not None and abs(ratio - 1) > limits.RATE_RATIO_OFF:
            yield sound.seen.says(f"The pitch is {ratio:.4f} of what it was{_as_if(ratio)}")


def _as_if(ratio: float) -> str:
    """Name the two usual rates whose ratio this is; those next to 48 kHz first."""
    pairs = [(b, a) for a in reversed(_RATES_HZ) for b in reversed(_RATES_HZ) if a != b]
    for taken, right in pairs:
        if abs(ratio / float(Fraction(taken, right)) - 1) < limits.RATE_RATIO_OFF / 4:
            return f", as if sound of {right / 1000:g} kHz were taken for {taken / 1000:g}"
    return ""


@cause(
    "audio-channel-fault",
    acts=Actor.GATEWAY,
    layer=Layer.AUDIO,
    guide=Guide.NO_AUDIO,
    title="A channel of the sound is dead, or the two are swapped",
    remedy="Look where stereo is taken apart or put together; voice may as well be mono.",
    reference="RFC 7587 §6.1 (stereo)",
    breaks=("audio",),
)
def audio_channel_fault(facts: Facts) -> Iterator[Evidence | Seen]:
    """One channel comes back in none or in the other; a mono sum where stereo was agreed."""
    for sound in looped(facts):
        channels = sound.data.get("channels")
        if isinstance(channels, str) and channels in _DEAD_OR_SWAPPED:
            yield sound.seen.says(f"Out and back: {_DEAD_OR_SWAPPED[channels]}")
        elif channels == "mono sum" and _stereo_agreed(facts):
            yield sound.seen.says("Both channels come back as one, though stereo=1 was agreed")
    for sound in heard(facts):
        channels = sound.data.get("channels")
        words = {**_DEAD_OR_SWAPPED, **_OUT_OF_BALANCE}
        if isinstance(channels, str) and channels in words:
            yield sound.seen.says(f"{sound.whose}: {words[channels]}")


def _stereo_agreed(facts: Facts) -> bool:
    """Whether both sides say that they would rather receive stereo."""
    opus = facts.step("opus").data
    both = (opus.get("offered_fmtp"), opus.get("fmtp"))
    return all(isinstance(said, dict) and str(said.get("stereo")) == "1" for said in both)


@cause(
    "audio-dropouts",
    acts=Actor.GATEWAY,
    layer=Layer.AUDIO,
    guide=Guide.NO_AUDIO,
    title="The sound is cut: pieces of it are missing or repeated",
    remedy="No packet was missing: look where the sound is buffered, resampled or transcoded.",
    breaks=("audio",),
    explains=("audio-distorted", "echo-heard"),
    explains_if=lambda facts, explained: (
        explained != "echo-heard" or any(map(_repeats, looped(facts)))
    ),
)
def audio_dropouts(facts: Facts) -> Iterator[Evidence | Seen]:
    """Sound is missing that no lost packet carried, on the way there neither."""
    for sound in looped(facts):
        cuts = [cut for cut in sound.rows("dropouts") if _is_long(cut)]
        if cuts and not _drifts(sound) and not made_up_for_loss(sound, cuts):
            yield sound.seen.says(_cuts(cuts))
        if pauses := paused(sound):
            yield sound.seen.says(f"Nothing came back for {', for '.join(pauses)}")
        left_out = sound.number("left_out") or 0
        if left_out > lost_there(sound) + LEFT_OUT_MOST and is_reported(sound):
            yield sound.seen.says(
                f"The echo leaves out {left_out:.0f} packets of the sound; the gateway reports "
                f"{reported(sound, 'packets_lost'):.0f} lost of those it was sent"
            )
    for sound in heard(facts):
        cuts = sound.rows("dropouts")
        if len(cuts) >= unreferenced.DROPOUTS:
            yield sound.seen.says(f"{sound.whose}: {_cuts(cuts)}")


def _repeats(sound: Sound) -> bool:
    """Whether pieces stand there twice: the second time they are no echo."""
    return any(cut.get("kind") == "repeat" and _is_long(cut) for cut in sound.rows("dropouts"))


def _is_long(cut: dict[str, Any]) -> bool:
    length_ms = number(cut.get("ms"))
    return length_ms is not None and length_ms >= limits.DROPOUT_LEAST_MS


def _cuts(cuts: list[dict[str, Any]]) -> str:
    shown = ", ".join(
        f"{cut.get('ms')} ms at {cut.get('at_s')} s ({cut.get('kind')})" for cut in cuts[:_SHOWN]
    )
    more = ", …" if len(cuts) > _SHOWN else ""
    return f"{len(cuts)} cut{'s' * (len(cuts) != 1)} that no lost packet explains: {shown}{more}"


@cause(
    "audio-hum",
    acts=Actor.GATEWAY,
    layer=Layer.AUDIO,
    guide=Guide.NO_AUDIO,
    title="The mains hums in the sound",
    remedy="Look for an analogue stage: a sound card, a headset, a ground loop.",
    breaks=("audio",),
    explains=("audio-distorted",),
)
def audio_hum(facts: Facts) -> Iterator[Evidence | Seen]:
    """50 or 60 Hz and its harmonics stand in the silence."""
    for sound, limit_dbfs in [
        *((sound, limits.HUM_MOST_DBFS) for sound in looped(facts)),
        *((sound, unreferenced.HUM_DBFS) for sound in heard(facts)),
    ]:
        mains_hz = sound.number("mains_hz", within="hum")
        level_dbfs = sound.number("level_dbfs", within="hum")
        # Who turns up what is too quiet turns up the hum in it.
        turned_up_db = -min(0.0, sound.number("gain_db") or 0.0)
        if mains_hz is None or level_dbfs is None:
            continue
        if level_dbfs + turned_up_db > limit_dbfs:
            yield sound.seen.says(f"{mains_hz:.0f} Hz and its harmonics at {level_dbfs:.0f} dBFS")


@cause(
    "echo-heard",
    acts=Actor.GATEWAY,
    layer=Layer.AUDIO,
    guide=Guide.NO_AUDIO,
    title="An echo: what is said comes back a second time",
    remedy="Let the far end cancel its echo: a loudspeaker is heard by its microphone.",
    reference="ITU-T G.131",
    breaks=("audio",),
)
def echo_heard(facts: Facts) -> Iterator[Evidence | Seen]:
    """The probe's sweep arrives twice."""
    for sound in looped(facts):
        delay_ms = sound.number("delay_ms", within="echo")
        level_db = sound.number("level_db", within="echo")
        if delay_ms is None or level_db is None:
            continue
        if level_db < (_thd_n_db(sound) or -math.inf):  # what is distorted resembles itself, late
            continue
        if delay_ms >= limits.ECHO_LEAST_MS and level_db > limits.ECHO_MOST_DB:
            yield sound.seen.says(
                f"The sound comes a second time, {delay_ms:.0f} ms later and at {level_db:.0f} dB"
            )


@cause(
    "clock-drift",
    acts=Actor.GATEWAY,
    layer=Layer.AUDIO,
    guide=Guide.NO_AUDIO,
    title="The two ends' sample clocks differ",
    remedy="Look at the sound device or resampler whose clock is off; buffers run full or empty.",
    breaks=("audio",),
    explains=("echo-heard",),  # what is stretched does not match itself
)
def clock_drift(facts: Facts) -> Iterator[Evidence | Seen]:
    """The chirps come back further and further apart, or closer together."""
    for sound in looped(facts):
        if _drifts(sound):
            ppm, within = sound.number("drift_ppm"), sound.number("drift_uncertainty_ppm") or 0.0
            yield sound.seen.says(
                f"Clocks differ by {ppm:+.0f} ± {max(1, round(within))} ppm: "
                f"{abs(ppm or 0) * 0.0036:.1f} s in an hour"
            )


def _drifts(sound: Sound) -> bool:
    """Whether the clocks differ by more than two good ones do, the uncertainty aside."""
    ppm, within = sound.number("drift_ppm"), sound.number("drift_uncertainty_ppm") or 0.0
    return ppm is not None and abs(ppm) - within > limits.DRIFT_MOST_PPM
