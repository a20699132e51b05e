"""What happens to the sound and its packets, in other disguises."""

from __future__ import annotations

from tests.live.cases import Case, sound

SOUND = [
    *(
        Case(
            f"{fault}, the agent answers",
            (fault,),
            frozenset({fault}),
            sandbox={"allow_echo": False},
        )
        for fault in (
            "silent-audio",
            "audio-too-quiet",
            "audio-clipped",
            "audio-narrowband",
            "audio-channel-fault",
            "audio-hum",
            "packet-loss",
            "high-latency",
            "high-jitter",
            "no-audio-delivered",
        )
    ),
    Case(
        "audio-narrowband, wide band",
        (sound(lowpass_hz=7000),),
        frozenset({"audio-narrowband"}),
    ),
    Case(
        "audio-wrong-rate, sound of 48 kHz taken for 44.1",
        (sound(speed=44_100 / 48_000),),
        frozenset({"audio-wrong-rate"}),
    ),
    Case(
        "audio-channel-fault, left and right swapped",
        (sound(swaps_channels=True),),
        frozenset({"audio-channel-fault"}),
    ),
    Case(
        "clock-drift, the other way, measured thoroughly",
        (sound(speed=1 - 200e-6),),
        frozenset({"clock-drift"}),
        target=lambda _: {"thorough": True},
    ),
]
