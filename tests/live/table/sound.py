"""What happens to the sound, in other disguises."""

from __future__ import annotations

from typing import Any

from tests.live.cases import Case, disguise, gateway, sound

AGENT: dict[str, Any] = {"allow_echo": False}
THOROUGH: dict[str, Any] = {"thorough": True}
RELAY_ONLY: dict[str, Any] = {"relay_only": True}

_SILENCE_DB = -120

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
    disguise("silent-audio", "an echo 60 dB down", sound(gain_db=-60)),
    disguise("silent-audio", "an agent 60 dB down", sound(gain_db=-60), sandbox=AGENT),
    disguise("silent-audio", "after 3 s", sound(gain_db=_SILENCE_DB, begins_s=3)),
    disguise(
        "silent-audio",
        "an idle input's noise",
        sound(gain_db=_SILENCE_DB, idle_noise_dbfs=-70),
        sandbox=AGENT,
    ),
    disguise("audio-too-quiet", "by 20 dB", sound(gain_db=-20)),
    disguise("audio-too-quiet", "by 28 dB, mono", sound(gain_db=-28, mono=True, bit_rate=32_000)),
    disguise("audio-too-quiet", "after 5 s", sound(gain_db=-35, begins_s=5)),
    disguise("audio-too-quiet", "comes and goes", sound(gain_db=-35, comes_and_goes_s=1)),
    disguise("audio-too-quiet", "thoroughly", sound(gain_db=-30), target=THOROUGH),
    disguise("audio-clipped", "by 15 dB", sound(gain_db=15)),
    disguise("audio-clipped", "by 30 dB, mono", sound(gain_db=30, mono=True, bit_rate=32_000)),
    disguise("audio-clipped", "after 4 s", sound(gain_db=24, begins_s=4)),
    disguise("audio-clipped", "comes and goes", sound(gain_db=24, comes_and_goes_s=1)),
    disguise(
        "audio-clipped",
        "an agent, comes and goes",
        sound(gain_db=30, comes_and_goes_s=2),
        sandbox=AGENT,
    ),
    disguise("audio-narrowband", "wide band", sound(lowpass_hz=7000)),
    disguise("audio-narrowband", "G.711", sound(g711=True)),
    disguise("audio-narrowband", "G.711, the agent answers", sound(g711=True), sandbox=AGENT),
    disguise(
        "audio-narrowband",
        "Opus at 10 kb/s",
        sound(bit_rate=10_000, mono=True, application="voip"),
    ),
    disguise("audio-narrowband", "after 3 s", sound(lowpass_hz=3400, begins_s=3)),
    disguise("audio-narrowband", "thoroughly", sound(lowpass_hz=5500), target=THOROUGH),
    disguise("audio-distorted", "a crossover", sound(dead_zone=0.03)),
    disguise("audio-distorted", "cut off flat at -26 dBFS", sound(clips_at=0.05)),
    disguise("audio-distorted", "4 bits a sample", sound(bits=4)),
    disguise("audio-distorted", "noise", sound(noise_dbfs=-34)),
    disguise("audio-distorted", "after 3 s", sound(saturates_at=0.03, begins_s=3)),
    disguise("audio-wrong-rate", "48 kHz taken for 44.1", sound(speed=44_100 / 48_000)),
    disguise("audio-wrong-rate", "16 kHz taken for 8", sound(speed=0.5)),
    disguise("audio-wrong-rate", "24 kHz taken for 48", sound(speed=2)),
    disguise("audio-wrong-rate", "32 kHz taken for 48", sound(speed=1.5)),
    disguise("audio-wrong-rate", "22.05 kHz taken for 24", sound(speed=24_000 / 22_050)),
    disguise("audio-channel-fault", "left and right swapped", sound(swaps_channels=True)),
    disguise("audio-channel-fault", "the left dead, stereo not agreed", sound(dead_channel=0)),
    disguise("audio-channel-fault", "the left 40 dB weaker", sound(channel_gains=(0.01, 1))),
    disguise(
        "audio-channel-fault",
        "an agent in opposite phase",
        sound(channel_gains=(1, -1)),
        sandbox=AGENT,
    ),
    disguise(
        "audio-channel-fault",
        "an agent weak on one side",
        sound(channel_gains=(1, 0.1)),
        sandbox=AGENT,
    ),
    disguise("audio-channel-fault", "the right dead after 3 s", sound(dead_channel=1, begins_s=3)),
    disguise("audio-dropouts", "20 ms", sound(cut_ms=20)),
    disguise("audio-dropouts", "200 ms", sound(cut_ms=200, cut_every_ms=700)),
    disguise("audio-dropouts", "repeated", sound(cut_ms=40, repeats_cut=True)),
    disguise("audio-dropouts", "packets are left out", sound(leaves_out_every=10)),
    disguise("audio-dropouts", "after 4 s", sound(cut_ms=60, begins_s=4)),
    disguise("audio-dropouts", "comes and goes", sound(cut_ms=60, comes_and_goes_s=1)),
    disguise("audio-hum", "60 Hz", sound(hum_dbfs=-40, hum_hz=60)),
    disguise("audio-hum", "loud", sound(hum_dbfs=-28)),
    disguise(
        "audio-hum",
        "a rectifier's 100 Hz",
        sound(hum_dbfs=-40, hum_harmonics=((2, 1.0), (4, 0.5), (6, 0.2))),
    ),
    disguise(
        "audio-hum", "60 Hz, the agent answers", sound(hum_dbfs=-40, hum_hz=60), sandbox=AGENT
    ),
    disguise("audio-hum", "comes and goes", sound(hum_dbfs=-38, comes_and_goes_s=2)),
    disguise("audio-hum", "-48 dBFS, thoroughly", sound(hum_dbfs=-48), target=THOROUGH),
    disguise("echo-heard", "40 ms", sound(echo=(40, -20))),
    disguise("echo-heard", "18 ms", sound(echo=(18, -12))),
    disguise("echo-heard", "160 ms, weak", sound(echo=(160, -32))),
    disguise("echo-heard", "300 ms, thoroughly", sound(echo=(300, -20)), target=THOROUGH),
    disguise("echo-heard", "mono", sound(echo=(90, -15), mono=True, bit_rate=32_000)),
    disguise("echo-heard", "after 3 s", sound(echo=(120, -15), begins_s=3)),
    disguise("clock-drift", "slow", sound(speed=1 - 400e-6)),
    disguise("clock-drift", "300 ppm", sound(speed=1 + 300e-6)),
    disguise("clock-drift", "slow, thoroughly", sound(speed=1 - 230e-6), target=THOROUGH),
    disguise("clock-drift", "a crystal far off", sound(speed=1 + 900e-6)),
    disguise("clock-drift", "mono", sound(speed=1 + 500e-6, mono=True, bit_rate=32_000)),
    disguise("clock-drift", "relay only", sound(speed=1 - 350e-6), target=RELAY_ONLY),
    # --- what offer and answer say ----------------------------------------------------------------
    disguise(
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
    disguise(
        "opus-rejected",
        "port 0, all else as it was",
        gateway(answer_rewritten=((r"^m=audio \d+", "m=audio 0"),)),
    ),
    disguise(
        "opus-rejected",
        "touch tones alone",
        gateway(answer_rewritten=((r"^(a=rtpmap:\d+) opus/48000/2", r"\1 telephone-event/48000"),)),
    ),
    disguise(
        "opus-rejected",
        "video is answered",
        gateway(answer_rewritten=((r"^m=audio", "m=video"), (r" opus/48000/2", " VP8/90000"))),
    ),
    disguise(
        "opus-rejected",
        "no section at all",
        gateway(answer_rewritten=((r"(?s)^m=audio.*", ""), (r"^a=group:.*\r\n", ""))),
    ),
    disguise(
        "opus-misconfigured",
        "6 kb/s",
        gateway(answer_fmtp="maxaveragebitrate=6000"),
    ),
    disguise("opus-misconfigured", "8 kHz", gateway(answer_fmtp="maxplaybackrate=8000")),
    disguise(
        "opus-misconfigured", "a name misspelt", gateway(answer_fmtp="minptime=10;useinbandfex=1")
    ),
    disguise("opus-misconfigured", "FEC said in words", gateway(answer_fmtp="useinbandfec=yes")),
    disguise(
        "opus-misconfigured",
        "packets of 200 ms",
        gateway(answer_rewritten=((r"^(a=mid:.*)", r"\1\r\na=ptime:200"),)),
    ),
    disguise(
        "opus-misconfigured",
        "one channel",
        gateway(answer_rewritten=((r" opus/48000/2", " opus/48000"),)),
    ),
    disguise(
        "opus-misconfigured",
        "another type's parameters",
        gateway(answer_rewritten=((r"^(a=rtpmap:\d+ opus.*)", r"\1\r\na=fmtp:55 useinbandfec=1"),)),
    ),
    disguise("media-direction", "inactive", gateway(answer_direction="inactive")),
    disguise("media-direction", "sendonly", gateway(answer_direction="sendonly")),
    disguise(
        "media-direction",
        "recvonly, the agent answers",
        gateway(answer_direction="recvonly"),
        sandbox=AGENT,
    ),
    disguise(
        "media-direction",
        "inactive, said for the whole session",
        gateway(
            answer_direction="inactive",
            answer_rewritten=((r"^a=inactive\r\n", ""), (r"^(t=0 0)", r"\1\r\na=inactive")),
        ),
    ),
    disguise(
        "media-direction",
        "sendonly, trickled",
        gateway(answer_direction="sendonly"),
        sandbox={"trickle": True},
    ),
]
