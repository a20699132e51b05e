"""What a sound tells by itself, against artefacts of known size in speech-like sound."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import butter, resample, sosfiltfilt

from polyai_diag.analysis.audio.unreferenced import Listener, unreferenced_facts
from polyai_diag.analysis.recorded import recorded
from polyai_diag.causes import judge
from tests.unit.coded import coded
from tests.unit.talk import healthy_seed, talk

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from polyai_diag.analysis.audio.facts import AudioFacts

RATE_HZ = 48_000
NOW = datetime(2026, 3, 1, tzinfo=UTC)
SEEDS = (1, 2)
CODECS = [("libopus", "ogg", 32_000), ("libmp3lame", "mp3", 64_000), ("g722", "g722", 0)]


def heard(sound: NDArray[Any], rate_hz: int = RATE_HZ) -> AudioFacts:
    shaped = sound if sound.ndim == 2 else sound[:, None]
    return unreferenced_facts(shaped.astype(np.float32), rate_hz)


def named(facts: AudioFacts) -> list[str]:
    return [finding.id for finding in judge(recorded("call.wav", facts, NOW))]


def coarse(sound: NDArray[Any], bits: int) -> NDArray[Any]:
    steps = 2 ** (bits - 1)
    stepped: NDArray[Any] = np.clip(np.rint(sound * steps), -steps, steps - 1) / steps
    return stepped


# --- levels -----------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("level_dbfs", [-16.0, -36.0, -50.0])
def test_the_active_level_is_that_of_the_speech(seed: int, level_dbfs: float) -> None:
    facts = heard(talk(8, seed, active_dbfs=level_dbfs, noise_dbfs=level_dbfs - 45))
    assert facts.active_level_dbfs == pytest.approx(level_dbfs, abs=1)
    assert not facts.silent
    assert ("audio-too-quiet" in named(facts)) == (level_dbfs < -45)


def test_pauses_do_not_change_the_active_level() -> None:
    speech = talk(6, 1)
    short, long = heard(speech), heard(np.concatenate([speech, np.zeros(10 * RATE_HZ)]))
    assert short.active_level_dbfs is not None
    assert long.active_level_dbfs == pytest.approx(short.active_level_dbfs, abs=0.3)
    assert long.level_dbfs < short.level_dbfs - 3
    assert long.silence_share > 10 / 16


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("noise_dbfs", [-75.0, -60.0, -48.0])
def test_the_noise_in_the_pauses(seed: int, noise_dbfs: float) -> None:
    assert heard(talk(8, seed, noise_dbfs=noise_dbfs)).noise_dbfs == pytest.approx(
        noise_dbfs, abs=1
    )


def test_sound_without_a_pause_has_no_noise_measured() -> None:
    facts = heard(np.random.default_rng(0).normal(0, 1, 96_000) * np.linspace(0.1, 0.3, 96_000))
    assert facts.noise_dbfs is None
    assert {"noise", "hum"} <= set(facts.not_measured)


@pytest.mark.parametrize(
    "sound",
    [
        np.zeros(5 * RATE_HZ),
        np.full(5 * RATE_HZ, 0.1),
        np.random.default_rng(0).normal(0, 10 ** (-65 / 20), 5 * RATE_HZ),
        np.random.default_rng(0).normal(0, 10 ** (-54 / 20), 5 * RATE_HZ),
    ],
    ids=["zeros", "a constant", "a converter's noise", "an idle microphone"],
)
def test_silence_is_named_and_nothing_else(sound: NDArray[Any]) -> None:
    facts = heard(sound)
    assert facts.silent
    assert named(facts) == ["silent-audio"]


@pytest.mark.parametrize("dc", [0.0, 0.02, -0.1])
def test_the_offset(dc: float) -> None:
    facts = heard(talk(5, 3) + dc)
    assert facts.dc == pytest.approx(dc, abs=1e-3)
    assert named(facts) == []


# --- clipping ---------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(
    ("ceiling_dbfs", "bits"),
    [(0.0, 16), (-6.0, 16), (-20.0, 16), (0.0, 8), (-6.0, 8)],  # of 8 bits 13 steps would be left
)
def test_flat_tops_are_found_at_any_level(seed: int, ceiling_dbfs: float, bits: int) -> None:
    sound = talk(6, seed)
    sound *= 10 ** (3 / 20) / np.abs(sound).max()  # three decibels too hot
    clipped = np.clip(sound, -1, 1) * 10 ** (ceiling_dbfs / 20)
    facts = heard(coarse(clipped, bits))
    assert named(facts) == ["audio-clipped"]
    assert facts.clipped_at_dbfs == pytest.approx(ceiling_dbfs, abs=0.15)
    if bits == 16:  # a top between two samples is hidden, runs of two do not count
        true = float((np.abs(sound) >= 1).mean())
        assert 0.5 * true <= facts.clipped_share <= 1.02 * true


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("bits", [16, 8])
@pytest.mark.parametrize("peak_dbfs", [0.0, -12.0])
def test_what_just_reaches_full_scale_is_not_clipped(
    seed: int, bits: int, peak_dbfs: float
) -> None:
    sound = talk(6, seed, noise_dbfs=-90)
    facts = heard(coarse(sound / np.abs(sound).max() * 10 ** (peak_dbfs / 20), bits))
    assert "audio-clipped" not in named(facts)


@pytest.mark.parametrize(("codec", "form", "bit_rate"), CODECS)
def test_clipping_is_found_behind_a_codec(codec: str, form: str, bit_rate: int) -> None:
    sound = talk(12, 1)
    sound /= np.abs(sound).max()
    healthy = coded(sound[:, None] * 0.7, RATE_HZ, codec, form, bit_rate)
    clipped = coded(np.clip(sound * 4, -0.7, 0.7)[:, None], RATE_HZ, codec, form, bit_rate)
    assert "audio-clipped" not in named(heard(*healthy))
    assert "audio-clipped" in named(heard(*clipped))


# --- band -------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("edge_hz", [3_400, 7_000])
def test_the_band_of_filtered_speech(seed: int, edge_hz: float) -> None:
    low_pass = butter(20, edge_hz, fs=RATE_HZ, output="sos")
    facts = heard(sosfiltfilt(low_pass, talk(6, seed, noise_dbfs=-60)))
    assert facts.bandwidth_hz == pytest.approx(edge_hz, abs=300)
    assert ("audio-narrowband" in named(facts)) == (edge_hz == 3_400)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("rate_hz", [8_000, 16_000, 24_000])
def test_the_band_of_speech_that_was_sampled_at_a_lower_rate(seed: int, rate_hz: int) -> None:
    slow = talk(6, seed, rate_hz=rate_hz, noise_dbfs=-60)
    facts = heard(resample(slow, 6 * RATE_HZ))
    assert facts.bandwidth_hz == pytest.approx(rate_hz / 2, abs=300)
    assert named(facts) == (["audio-narrowband"] if rate_hz == 8_000 else [])
    assert named(heard(slow, rate_hz)) == []  # the file's own rate proves nothing


@pytest.mark.parametrize("seed", SEEDS)
def test_whole_speech_has_the_whole_band(seed: int) -> None:
    facts = heard(talk(6, seed))
    assert facts.bandwidth_hz is not None
    assert facts.bandwidth_hz > 15_000


# --- dropouts ---------------------------------------------------------------------------------


def _cut(sound: NDArray[Any], ms: float, count: int, seed: int) -> tuple[NDArray[Any], list[float]]:
    """Cut this many gaps out of the midst of speech; return where, in seconds."""
    size, out = round(ms * RATE_HZ / 1000), sound.copy()
    margin, step = 3 * RATE_HZ // 100, RATE_HZ // 100
    window = size + 2 * margin
    found: list[float] = []
    random = np.random.default_rng(seed)
    floor = np.square(sound).mean() / 2
    for at in random.permutation(np.arange(0, len(sound) - window, step)):
        sides = np.concatenate([sound[at : at + margin], sound[at + window - margin : at + window]])
        loud = np.square(sides).reshape(-1, step).mean(axis=1).min() > floor
        if loud and all(abs(at / RATE_HZ - other) > 0.3 for other in found):
            out[at + margin : at + margin + size] = 0
            found.append((at + margin) / RATE_HZ)
            if len(found) == count:
                break
    assert len(found) == count
    return out, sorted(found)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("ms", [10, 20, 60, 100])
def test_cuts_are_found_where_they_are_and_none_else(seed: int, ms: float) -> None:
    """One of five may end in the fall of a syllable, where it is taken for its end."""
    cut, at_s = _cut(talk(12, seed), ms, 5, seed)
    facts = heard(cut)
    assert len(facts.dropouts) >= 4
    for gap in facts.dropouts:
        assert min(abs(gap.at_s - at) for at in at_s) < 0.002
        assert gap.ms == pytest.approx(ms, abs=0.5)
    assert {gap.kind for gap in facts.dropouts} == {"silence"}
    assert named(facts) == ["audio-dropouts"]


@pytest.mark.parametrize("seed", SEEDS)
def test_cuts_before_a_codec_are_found_behind_it(seed: int) -> None:
    cut, at_s = _cut(talk(12, seed, noise_dbfs=-75), 60, 4, seed)
    facts = heard(*coded(cut[:, None], RATE_HZ, "libopus", "ogg", 64_000))
    assert len(facts.dropouts) >= 2
    delay_s = facts.dropouts[0].at_s - min(at_s, key=lambda a: abs(a - facts.dropouts[0].at_s))
    for gap in facts.dropouts:
        assert min(abs(gap.at_s - delay_s - at) for at in at_s) < 0.01


@pytest.mark.parametrize("seed", SEEDS)
def test_pauses_of_pure_zeros_are_no_dropouts(seed: int) -> None:
    assert heard(talk(12, seed, noise_dbfs=-200)).dropouts == ()
    gated = talk(12, seed, noise_dbfs=-60)
    loud = np.repeat(np.abs(gated).reshape(-1, 480).max(axis=1) > 0.01, 480)
    opened = np.convolve(loud, np.hanning(4800) / 2400, "same").clip(0, 1)  # a gate that fades
    assert heard(np.where(opened > 0.01, gated * opened, 0)).dropouts == ()


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("ms", [10, 20, 40, 60])
def test_frames_repeated_are_found(seed: int, ms: int) -> None:
    sound = coarse(talk(12, seed), 16)
    size = ms * RATE_HZ // 1000
    _, at_s = _cut(sound, ms, 3, seed)
    for start in (round(at * RATE_HZ) for at in at_s):
        sound[start : start + size] = sound[start - size : start]
    repeats = [gap for gap in heard(sound).dropouts if gap.kind == "repeat"]
    assert [gap.at_s for gap in repeats] == pytest.approx(at_s, abs=0.002)
    assert [gap.ms for gap in repeats] == pytest.approx([ms] * 3, abs=1)


@pytest.mark.parametrize("hz", [1_000, 425, 50, 997])
def test_a_tone_repeats_itself_and_is_no_fault(hz: float) -> None:
    tone = coarse(0.3 * np.sin(2 * np.pi * hz * np.arange(4 * RATE_HZ) / RATE_HZ), 16)
    facts = heard(tone)
    assert facts.dropouts == ()
    assert "audio-clipped" not in named(facts)


# --- hum --------------------------------------------------------------------------------------


@pytest.mark.parametrize("mains_hz", [50.0, 60.0])
@pytest.mark.parametrize("level_dbfs", [-36.0, -46.0, -60.0])
def test_hum_with_its_mains_and_level(mains_hz: float, level_dbfs: float) -> None:
    time_s = np.arange(8 * RATE_HZ) / RATE_HZ
    wave = sum(0.6**k * np.sin(2 * np.pi * k * mains_hz * time_s + k) for k in range(1, 6))
    wave *= 10 ** (level_dbfs / 20) / np.sqrt(np.square(wave).mean())
    facts = heard(talk(8, 1) + wave)
    assert facts.hum is not None
    assert facts.hum.mains_hz == mains_hz
    assert facts.hum.level_dbfs == pytest.approx(level_dbfs, abs=1)
    assert named(facts) == (["audio-hum"] if level_dbfs > -50 else [])


@pytest.mark.parametrize("pitch_hz", [100, 120])
def test_a_monotone_low_voice_is_no_hum(pitch_hz: float) -> None:
    time_s = np.arange(10 * RATE_HZ) / RATE_HZ
    voice = sum(np.sin(2 * np.pi * k * pitch_hz * time_s) / k for k in range(1, 20))
    spoken = voice * (np.sin(2 * np.pi * 0.4 * time_s) > 0) * np.abs(np.sin(2 * np.pi * 4 * time_s))
    noise = np.random.default_rng(0).normal(0, 1e-4, len(time_s))
    assert heard(0.05 * spoken + noise).hum is None


# --- channels ---------------------------------------------------------------------------------

VOICE, OTHER = talk(4, 1), talk(4, 2)
FAINT = np.random.default_rng(0).normal(0, 1e-4, len(VOICE))


@pytest.mark.parametrize(
    ("left", "right", "channels", "fault"),
    [
        (VOICE, VOICE, "identical", False),
        (VOICE, OTHER, "stereo", False),
        (VOICE, 0.7 * VOICE, "identical", False),
        (VOICE, 0.5 * VOICE + 0.5 * OTHER, "stereo", False),
        (VOICE, 0 * VOICE, "right dead", True),
        (FAINT, VOICE, "left dead", True),
        (VOICE, -VOICE, "opposite phase", True),
        (VOICE, -0.5 * VOICE + FAINT, "opposite phase", True),
        (VOICE, 0.1 * VOICE, "unequal", True),
        (FAINT, FAINT, "silent", False),
    ],
)
def test_channels(left: NDArray[Any], right: NDArray[Any], channels: str, fault: bool) -> None:
    facts = heard(np.stack([left, right], axis=1))
    assert facts.channels == channels
    assert ("audio-channel-fault" in named(facts)) == fault


def test_the_difference_of_the_channels() -> None:
    facts = heard(np.stack([VOICE, 0.1 * VOICE], axis=1))
    assert facts.channel_difference_db == pytest.approx(20, abs=0.1)
    assert heard(VOICE).channel_difference_db is None
    assert heard(VOICE).channels == "mono"
    assert heard(np.stack([VOICE] * 5, axis=1)).channels == "5 channels"


# --- healthy, hostile, in pieces ---------------------------------------------------------------


@pytest.mark.parametrize("number", range(12))
def test_healthy_recordings_have_no_fault(number: int) -> None:
    how: dict[str, Any] = healthy_seed(number)
    bits = (16, 16, 24, 8)[number % 4] if how["active_dbfs"] > -30 else 16
    assert named(heard(coarse(talk(6, **how), bits), how["rate_hz"])) == []


@settings(max_examples=10)
@given(st.lists(st.integers(1, 70_000), min_size=1, max_size=6))
def test_how_it_is_cut_into_blocks_makes_no_difference(sizes: list[int]) -> None:
    sound = np.stack([VOICE, OTHER], axis=1)[:120_000].astype(np.float32)
    pieces = Listener(RATE_HZ, 2)
    at = 0
    for size in (*sizes, len(sound)):
        pieces.take(sound[at : at + size])
        at += size
    assert pieces.facts().notes() == unreferenced_facts(sound, RATE_HZ).notes()


@pytest.mark.parametrize("hostile", [np.nan, np.inf, -np.inf, 3e38])
def test_what_is_no_number_is_counted_and_taken_for_silence(hostile: float) -> None:
    sound = talk(5, 1)
    sound[1000:1010] = hostile
    facts = heard(sound)
    assert facts.invalid_samples == (10 if not np.isfinite(np.float32(hostile)) else 0)
    notes = facts.notes()
    assert all(np.isfinite(v) for v in notes.values() if isinstance(v, float))
    assert named(heard(np.full(RATE_HZ, hostile))) in (["silent-audio"], [])


@pytest.mark.parametrize("samples", [0, 1, 500, 5_000])
@pytest.mark.parametrize("rate_hz", [4_000, 11_025, 384_000])
def test_next_to_nothing_is_no_fault_of_ours(samples: int, rate_hz: int) -> None:
    facts = heard(np.random.default_rng(0).normal(0, 0.1, samples), rate_hz)
    assert facts.seconds == samples / rate_hz
    assert set(named(facts)) <= {"silent-audio"}


@given(
    st.dictionaries(
        st.sampled_from([
            "active_level_dbfs", "silent", "clipped_runs", "clipped_share", "crowding", "hum",
            "bandwidth_hz", "sample_rate_hz", "dropouts", "dropout_count", "channels",
        ]),
        st.one_of(
            st.none(), st.booleans(), st.text(), st.floats(), st.integers(),
            st.lists(st.dictionaries(st.sampled_from(["at_s", "ms"]), st.floats() | st.text())),
            st.dictionaries(st.sampled_from(["mains_hz", "level_dbfs"]), st.floats() | st.text()),
        ),
    )
)  # fmt: skip
def test_notes_of_a_strange_report_break_nothing(notes: dict[str, Any]) -> None:
    record = recorded("call.wav", heard(VOICE[:960]), NOW)
    record.step("audio").observations[0].notes.clear()
    record.step("audio").observations[0].notes.update(notes)
    assert all(finding.summary for finding in judge(record))
