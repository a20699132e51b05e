"""What the gateway does to sound, measured in what it sends with nothing but numpy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from polyai_diag.media.opus import FRAME_SAMPLES, SAMPLE_RATE_HZ, decode_all, encode
from polyai_diag.sandbox import Sandbox
from polyai_diag.sandbox.settings import SoundFaults
from polyai_diag.sandbox.sound import SoundWay
from tests.aio import in_loop_for
from tests.sandbox.caller import caller, level_dbfs, signaling, tone

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Sound = NDArray[np.float32]


def _carried(sound: Sound, **faults: Any) -> tuple[Sound, list[int]]:
    """Return what comes out, and the timestamps of its packets."""
    way = SoundWay(SoundFaults(**faults))
    packets = [way.carry(p, n * FRAME_SAMPLES) for n, p in enumerate(encode(sound))]
    sent = [packet for some in packets for packet in some]
    return decode_all(payload for payload, _ in sent), [timestamp for _, timestamp in sent]


def _loudest_hz(sound: Sound) -> float:
    middle = sound[len(sound) // 4 : -len(sound) // 4, 0]
    spectrum = np.abs(np.fft.rfft(middle * np.hanning(len(middle)), 2**20))
    return float(np.argmax(spectrum) * SAMPLE_RATE_HZ / 2**20)


def _noise(seconds: float) -> Sound:
    draw = np.random.default_rng(1)
    mono = 0.05 * draw.standard_normal(round(seconds * SAMPLE_RATE_HZ))
    return np.stack([mono, mono], axis=1).astype(np.float32)


def _above_db(sound: Sound, edge_hz: float) -> float:
    """Return how strong what lies above an edge is, beside what lies below."""
    power = np.square(np.abs(np.fft.rfft(sound[:, 0])))
    above = np.fft.rfftfreq(len(sound), 1 / SAMPLE_RATE_HZ) > edge_hz
    return float(10 * np.log10(power[above].sum() / power[~above].sum()))


def test_a_gain_is_that_gain() -> None:
    quieter, _ = _carried(tone(1), gain_db=-35)
    assert level_dbfs(quieter[4800:-4800]) == pytest.approx(-55, abs=0.3)


def test_too_much_gain_clips() -> None:
    louder, _ = _carried(tone(1), gain_db=24)
    assert np.abs(louder).max() >= 0.999
    assert level_dbfs(louder) == pytest.approx(-1, abs=1)


@pytest.mark.parametrize("edge_hz", [3400, 7000])
def test_nothing_passes_above_an_edge(edge_hz: float) -> None:
    sound = _noise(1)
    narrow, _ = _carried(sound, lowpass_hz=edge_hz)
    assert _above_db(sound, edge_hz * 1.1) > 0
    assert _above_db(narrow, edge_hz * 1.1) < -25


def test_what_bends_makes_harmonics_and_never_clips() -> None:
    bent, _ = _carried(tone(1), saturates_at=0.08)
    assert np.abs(bent).max() < 0.2
    assert _above_db(bent, 2000) > -25
    assert _above_db(_carried(tone(1))[0], 2000) < -35


@pytest.mark.parametrize(
    ("faults", "left_dbfs", "right_dbfs"),
    [
        ({"dead_channel": 1}, -20, -60),
        ({"dead_channel": 0}, -60, -20),
        ({"swaps_channels": True}, -40, -20),
    ],
)
def test_channels(faults: dict[str, Any], left_dbfs: float, right_dbfs: float) -> None:
    sound = tone(1)
    if "swaps_channels" in faults:
        sound[:, 1] *= 0.1
    out, _ = _carried(sound, **faults)
    assert level_dbfs(out[:, :1]) <= left_dbfs + 1
    assert level_dbfs(out[:, 1:]) <= right_dbfs + 1
    assert level_dbfs(out) >= -25


@pytest.mark.parametrize("speed", [48_000 / 44_100, 44_100 / 48_000, 1.0004])
def test_speed_raises_the_pitch_and_leaves_no_gap(speed: float) -> None:
    fast, timestamps = _carried(tone(3), speed=speed)
    assert _loudest_hz(fast) == pytest.approx(997 * speed, abs=0.05)
    assert len(fast) == pytest.approx(3 * SAMPLE_RATE_HZ / speed, abs=2 * FRAME_SAMPLES)
    assert set(np.diff(timestamps)) == {FRAME_SAMPLES}
    assert _above_db(fast, 2000) < -35


def test_cuts_are_as_long_and_as_many() -> None:
    cut, _ = _carried(_noise(3), cut_ms=60)
    windows = np.abs(cut[: len(cut) // 240 * 240, 0]).reshape(-1, 240).max(axis=1) < 0.005
    assert int(windows.sum()) * 5 == pytest.approx(3000 / SoundFaults().cut_every_ms * 60, rel=0.25)


def test_hum_is_at_50_hz_and_as_loud() -> None:
    hum, _ = _carried(np.zeros((96_000, 2), np.float32), hum_dbfs=-40)
    assert _loudest_hz(hum) == pytest.approx(50, abs=0.5)
    spectrum = np.abs(np.fft.rfft(hum[-48_000:, 0])) / 48_000 * np.sqrt(2)
    assert 20 * np.log10(spectrum[50]) == pytest.approx(-40, abs=1)


def test_an_echo_comes_when_it_should() -> None:
    click = np.zeros((48_000, 2), np.float32)
    click[9600:9840] = tone(0.005, 2000, -10)
    sound, _ = _carried(click, echo=(120, -20))
    plain, _ = _carried(click)
    late = sound - plain
    assert np.abs(np.argmax(np.abs(late[:, 0])) - np.argmax(np.abs(plain[:, 0])) - 5760) < 240
    assert 20 * np.log10(np.abs(late).max() / np.abs(plain).max()) == pytest.approx(-20, abs=4)


@pytest.mark.parametrize(
    ("faults", "hz"), [({"hum_hz": 60}, 60), ({"hum_harmonics": ((2, 1.0),)}, 100)]
)
def test_another_hum(faults: dict[str, Any], hz: float) -> None:
    hum, _ = _carried(np.zeros((96_000, 2), np.float32), hum_dbfs=-30, **faults)
    assert _loudest_hz(hum) == pytest.approx(hz, abs=0.5)


def test_a_telephone_keeps_its_band_alone() -> None:
    sound = _noise(1)
    narrow, _ = _carried(sound, g711=True)
    assert _above_db(narrow, 3700) < -25
    below = sound - _carried(sound, g711=True, gain_db=0)[0][: len(sound)]
    assert level_dbfs(below) > -40  # it is another sound
    low, _ = _carried(tone(1, 100), g711=True)
    assert level_dbfs(low[9600:-9600]) < -40
    middle, _ = _carried(tone(1), g711=True)
    assert level_dbfs(middle[9600:-9600]) == pytest.approx(-20, abs=0.5)


@pytest.mark.parametrize("faults", [{"clips_at": 0.05}, {"dead_zone": 0.05}, {"bits": 4}])
def test_what_else_distorts(faults: dict[str, Any]) -> None:
    bent, _ = _carried(tone(1), **faults)
    assert _above_db(bent, 1500) > -25
    assert np.abs(bent[9600:-9600]).max() < 0.2


@pytest.mark.parametrize("faults", [{"noise_dbfs": -30}, {"idle_noise_dbfs": -30}])
def test_noise_is_as_loud(faults: dict[str, Any]) -> None:
    noise, _ = _carried(np.zeros((48_000, 2), np.float32), **faults)
    assert level_dbfs(noise[9600:-9600]) == pytest.approx(-30, abs=1.5)


def test_each_channel_has_a_gain_of_its_own() -> None:
    out, _ = _carried(tone(1), channel_gains=(1, -0.1))
    assert level_dbfs(out[9600:-9600, 1:]) == pytest.approx(-40, abs=1)
    assert float(out[9600:-9600, 0] @ out[9600:-9600, 1]) < 0


def test_a_cut_may_repeat_what_was_heard() -> None:
    ramp = np.linspace(0, 1, 48_000)[:, None] * tone(1)
    repeated, _ = _carried(ramp.astype(np.float32), cut_ms=40, cut_every_ms=500, repeats_cut=True)
    cut, _ = _carried(ramp.astype(np.float32), cut_ms=40, cut_every_ms=500)
    within = slice(24_000 + 600, 24_000 + 1700)
    assert level_dbfs(cut[within]) < -50
    assert level_dbfs(repeated[within]) > -30


def test_packets_that_are_left_out_leave_no_gap_in_the_sequence() -> None:
    _, timestamps = _carried(tone(1), leaves_out_every=10)
    steps = np.diff(timestamps) // FRAME_SAMPLES
    assert sorted(set(steps)) == [1, 2]
    assert len(timestamps) == 45


@pytest.mark.parametrize(("mono", "bit_rate"), [(True, 24_000), (False, 48_000)])
def test_opus_may_be_another(mono: bool, bit_rate: int) -> None:
    way = SoundWay(SoundFaults(mono=mono, bit_rate=bit_rate, application="voip"))
    noise = encode(_noise(2))
    packets = [p for n, payload in enumerate(noise) for p in way.carry(payload, n * FRAME_SAMPLES)]
    assert 8 * sum(len(p) for p, _ in packets) / 2 == pytest.approx(bit_rate, rel=0.25)
    assert {bool(payload[0] & 4) for payload, _ in packets} == {not mono}  # RFC 6716 §3.1


def test_a_fault_of_the_sound_begins_and_comes_and_goes() -> None:
    out, _ = _carried(tone(3), gain_db=-40, begins_s=1, comes_and_goes_s=0.5)
    levels = [level_dbfs(part[4800:-4800]) for part in np.array_split(out, 6)]
    assert [round(level, -1) for level in levels] == [-20, -20, -60, -20, -60, -20]


def test_what_was_lost_before_may_be_concealed() -> None:
    way = SoundWay(SoundFaults(conceals_loss=True))
    kept = [(n, p) for n, p in enumerate(encode(tone(0.5))) if n not in (10, 11)]
    sent = [packet for n, p in kept for packet in way.carry(p, n * FRAME_SAMPLES)]
    assert set(np.diff([timestamp for _, timestamp in sent])) == {FRAME_SAMPLES}
    heard = decode_all(payload for payload, _ in sent)
    assert level_dbfs(heard[10 * 960 + 600 : 12 * 960]) > -30


def test_what_was_lost_before_stays_a_gap() -> None:
    way = SoundWay(SoundFaults(gain_db=-6))
    packets = encode(tone(0.2))
    sent = [
        timestamp
        for number, packet in enumerate(packets)
        if number not in (4, 5)
        for _, timestamp in way.carry(packet, number * FRAME_SAMPLES)
    ]
    assert sent == [n * FRAME_SAMPLES for n in range(10) if n not in (4, 5)]
    assert way.carry(packets[4], 4 * FRAME_SAMPLES) == []  # a straggler


@pytest.mark.parametrize("mode", ["echo", "end-to-end"])
@in_loop_for(20)
async def test_a_call_carries_the_fault(mode: str) -> None:
    async with (
        Sandbox(["audio-too-quiet"]) as sandbox,
        signaling(sandbox) as socket,
        caller() as me,
    ):
        await me.take(await socket.offer(me.sdp, mode=mode))
        await me.hear(5)
        me.play(tone(1))
        await me.hear(60)
        assert -70 < level_dbfs(me.sound) < -52
        assert set(np.diff([packet.timestamp for packet in me.heard]) % 2**32) == {FRAME_SAMPLES}
