"""What happens to the sound, in other disguises."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.live.cases import Case, disguise, gateway, sound

if TYPE_CHECKING:
    from polyai_diag.sandbox.faults import Fault

AGENT: dict[str, Any] = {"allow_echo": False}

_SILENCE_DB = -120


def thorough(_: object) -> dict[str, Any]:
    """The long form of the probe's sound."""
    return {"thorough": True}


def relay_only(_: object) -> dict[str, Any]:
    """By the TURN server alone."""
    return {"relay_only": True}


def shown(cause: str, words: str, *faults: Fault, **rest: Any) -> Case:
    """One cause at another time, at another strength, or where something else listens."""
    return disguise(f"{cause}, {words}", cause, *faults, **rest)


SOUND: list[Case] = [
    *(
        Case(
            f"{fault}, the agent answers",
            (fault,),
            frozenset({fault}),
            sandbox=AGENT,
        )
        for fault in (
            "silent-audio",
            "audio-too-quiet",
            "audio-clipped",
            "audio-narrowband",
            "audio-channel-fault",
            "audio-dropouts",
            "audio-hum",
        )
    ),
    shown("silent-audio", "an echo 60 dB down", sound(gain_db=-60)),
    shown("silent-audio", "an agent 60 dB down", sound(gain_db=-60), sandbox=AGENT),
    shown("silent-audio", "after 3 s", sound(gain_db=_SILENCE_DB, begins_s=3)),
    shown(
        "silent-audio",
        "an idle input's noise",
        sound(gain_db=_SILENCE_DB, idle_noise_dbfs=-70),
        sandbox=AGENT,
    ),
    shown(
        "silent-audio",
        "over IPv6",
        gateway(send_silence=True),
        sandbox={"ipv6": True},
    ),
    shown("audio-too-quiet", "by 20 dB", sound(gain_db=-20)),
    shown("audio-too-quiet", "by 28 dB, mono", sound(gain_db=-28, mono=True, bit_rate=32_000)),
    shown("audio-too-quiet", "after 5 s", sound(gain_db=-35, begins_s=5)),
    shown("audio-too-quiet", "comes and goes", sound(gain_db=-35, comes_and_goes_s=1)),
    shown("audio-too-quiet", "thoroughly", sound(gain_db=-30), target=thorough),
    shown("audio-clipped", "by 15 dB", sound(gain_db=15)),
    shown("audio-clipped", "by 30 dB, mono", sound(gain_db=30, mono=True, bit_rate=32_000)),
    shown("audio-clipped", "after 4 s", sound(gain_db=24, begins_s=4)),
    shown("audio-clipped", "comes and goes", sound(gain_db=24, comes_and_goes_s=1)),
    shown(
        "audio-clipped",
        "an agent, comes and goes",
        sound(gain_db=30, comes_and_goes_s=2),
        sandbox=AGENT,
    ),
    shown("audio-narrowband", "wide band", sound(lowpass_hz=7000)),
    shown("audio-narrowband", "G.711", sound(g711=True)),
    shown("audio-narrowband", "G.711, the agent answers", sound(g711=True), sandbox=AGENT),
    shown(
        "audio-narrowband",
        "Opus at 8 kb/s",
        sound(bit_rate=8000, mono=True, application="voip"),
    ),
    shown("audio-narrowband", "after 3 s", sound(lowpass_hz=3400, begins_s=3)),
    shown("audio-narrowband", "thoroughly", sound(lowpass_hz=5500), target=thorough),
    shown("audio-distorted", "a crossover", sound(dead_zone=0.03)),
    shown("audio-distorted", "cut off flat at -26 dBFS", sound(clips_at=0.05)),
    shown("audio-distorted", "4 bits a sample", sound(bits=4)),
    shown("audio-distorted", "noise", sound(noise_dbfs=-34)),
    shown("audio-distorted", "after 3 s", sound(saturates_at=0.03, begins_s=3)),
    shown("audio-wrong-rate", "48 kHz taken for 44.1", sound(speed=44_100 / 48_000)),
    shown("audio-wrong-rate", "16 kHz taken for 8", sound(speed=0.5)),
    shown("audio-wrong-rate", "24 kHz taken for 48", sound(speed=2)),
    shown("audio-wrong-rate", "32 kHz taken for 48", sound(speed=1.5)),
    shown("audio-wrong-rate", "22.05 kHz taken for 24", sound(speed=24_000 / 22_050)),
    shown("audio-channel-fault", "left and right swapped", sound(swaps_channels=True)),
    shown("audio-channel-fault", "the left dead, stereo not agreed", sound(dead_channel=0)),
    shown("audio-channel-fault", "the left 40 dB weaker", sound(channel_gains=(0.01, 1))),
    shown(
        "audio-channel-fault",
        "an agent in opposite phase",
        sound(channel_gains=(1, -1)),
        sandbox=AGENT,
    ),
    shown(
        "audio-channel-fault",
        "an agent weak on one side",
        sound(channel_gains=(1, 0.1)),
        sandbox=AGENT,
    ),
    shown("audio-channel-fault", "the right dead after 3 s", sound(dead_channel=1, begins_s=3)),
    shown("audio-dropouts", "20 ms", sound(cut_ms=20)),
    shown("audio-dropouts", "200 ms", sound(cut_ms=200, cut_every_ms=700)),
    shown("audio-dropouts", "repeated", sound(cut_ms=40, repeats_cut=True)),
    shown("audio-dropouts", "packets are left out", sound(leaves_out_every=10)),
    shown("audio-dropouts", "after 4 s", sound(cut_ms=60, begins_s=4)),
    shown("audio-dropouts", "comes and goes", sound(cut_ms=60, comes_and_goes_s=1)),
    shown("audio-hum", "60 Hz", sound(hum_dbfs=-40, hum_hz=60)),
    shown("audio-hum", "loud", sound(hum_dbfs=-28)),
    shown(
        "audio-hum",
        "a rectifier's 100 Hz",
        sound(hum_dbfs=-40, hum_harmonics=((2, 1.0), (4, 0.5), (6, 0.2))),
    ),
    shown("audio-hum", "60 Hz, the agent answers", sound(hum_dbfs=-40, hum_hz=60), sandbox=AGENT),
    shown("audio-hum", "comes and goes", sound(hum_dbfs=-38, comes_and_goes_s=2)),
    shown("audio-hum", "-48 dBFS, thoroughly", sound(hum_dbfs=-48), target=thorough),
    shown("echo-heard", "40 ms", sound(echo=(40, -20))),
    shown("echo-heard", "18 ms", sound(echo=(18, -12))),
    shown("echo-heard", "160 ms, weak", sound(echo=(160, -32))),
    shown("echo-heard", "300 ms, thoroughly", sound(echo=(300, -20)), target=thorough),
    shown("echo-heard", "mono", sound(echo=(90, -15), mono=True, bit_rate=32_000)),
    shown("echo-heard", "after 3 s", sound(echo=(120, -15), begins_s=3)),
    shown("clock-drift", "slow", sound(speed=1 - 400e-6)),
    shown("clock-drift", "300 ppm", sound(speed=1 + 300e-6)),
    shown("clock-drift", "slow, thoroughly", sound(speed=1 - 230e-6), target=thorough),
    shown("clock-drift", "a crystal far off", sound(speed=1 + 900e-6)),
    shown("clock-drift", "mono", sound(speed=1 + 500e-6, mono=True, bit_rate=32_000)),
    shown("clock-drift", "relay only", sound(speed=1 - 350e-6), target=relay_only),
    # --- what offer and answer say ----------------------------------------------------------------
    shown(
        "opus-rejected",
        "PCMU alone is answered",
        gateway(
            answer_rewritten=(
                (r"^(m=audio \d+ \S+) .*", r"\1 0"),
                (r"^a=(rtpmap|fmtp|rtcp-fb):.*\r\n", ""),
                (r"^(a=mid:.*)", r"\1\r\na=rtpmap:0 PCMU/8000"),
            )
        ),
    ),
    shown(
        "opus-rejected",
        "port 0, all else as it was",
        gateway(answer_rewritten=((r"^m=audio \d+", "m=audio 0"),)),
    ),
    shown(
        "opus-rejected",
        "touch tones alone",
        gateway(answer_rewritten=((r"^(a=rtpmap:\d+) opus/48000/2", r"\1 telephone-event/48000"),)),
    ),
    shown(
        "opus-rejected",
        "video is answered",
        gateway(answer_rewritten=((r"^m=audio", "m=video"), (r" opus/48000/2", " VP8/90000"))),
    ),
    shown(
        "opus-rejected",
        "no section at all",
        gateway(answer_rewritten=((r"(?s)^m=audio.*", ""), (r"^a=group:.*\r\n", ""))),
    ),
    shown(
        "opus-misconfigured",
        "6 kb/s",
        gateway(answer_fmtp="maxaveragebitrate=6000"),
    ),
    shown("opus-misconfigured", "8 kHz", gateway(answer_fmtp="maxplaybackrate=8000")),
    shown(
        "opus-misconfigured", "a name misspelt", gateway(answer_fmtp="minptime=10;useinbandfex=1")
    ),
    shown("opus-misconfigured", "FEC said in words", gateway(answer_fmtp="useinbandfec=yes")),
    shown(
        "opus-misconfigured",
        "packets of 200 ms",
        gateway(answer_rewritten=((r"^(a=mid:.*)", r"\1\r\na=ptime:200"),)),
    ),
    shown(
        "opus-misconfigured",
        "one channel",
        gateway(answer_rewritten=((r" opus/48000/2", " opus/48000"),)),
    ),
    shown(
        "opus-misconfigured",
        "another type's parameters",
        gateway(answer_rewritten=((r"^(a=rtpmap:\d+ opus.*)", r"\1\r\na=fmtp:55 useinbandfec=1"),)),
    ),
    shown("media-direction", "inactive", gateway(answer_direction="inactive")),
    shown("media-direction", "sendonly", gateway(answer_direction="sendonly")),
    shown(
        "media-direction",
        "recvonly, the agent answers",
        gateway(answer_direction="recvonly"),
        sandbox=AGENT,
    ),
    shown(
        "media-direction",
        "inactive, said for the whole session",
        gateway(
            answer_direction="inactive",
            answer_rewritten=((r"^a=inactive\r\n", ""), (r"^(t=0 0)", r"\1\r\na=inactive")),
        ),
    ),
    shown(
        "media-direction",
        "sendonly, trickled",
        gateway(answer_direction="sendonly"),
        sandbox={"trickle": True},
    ),
]
