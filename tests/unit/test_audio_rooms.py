"""The instrument's rooms one by one, with no codec in between."""

from __future__ import annotations

import numpy as np
import pytest

from polyai_diag.analysis.audio.channels import channel_class
from polyai_diag.analysis.audio.loopback import LoopbackFacts, analyze_loopback
from polyai_diag.analysis.audio.masking import Heard, one_channel, runs, settled, trusted
from polyai_diag.analysis.audio.noise import Quiet
from polyai_diag.analysis.audio.response import Response
from polyai_diag.analysis.audio.signal import SAMPLE_RATE_HZ, probe_signal
from polyai_diag.analysis.audio.speech import ACTIVE_DBFS, prompt_signal, speech
from tests.bench import artefacts as make

SIGNAL = probe_signal()


def test_the_prompt_is_two_seconds_of_speech_at_its_usual_level() -> None:
    prompt = prompt_signal()
    assert prompt.shape == (2 * SAMPLE_RATE_HZ, 2)
    assert np.array_equal(prompt[:, 0], prompt[:, 1])
    assert 10 ** (-18 / 20) < float(np.abs(prompt).max()) < 10 ** (-6 / 20)
    squares = np.square(prompt[:, 0].astype(float)).reshape(-1, 960).mean(axis=1)
    active = squares[squares > squares.max() * 10**-1.59]
    assert 10 * np.log10(active.mean()) == pytest.approx(ACTIVE_DBFS, abs=0.1)
    assert len(active) < 0.9 * len(squares), "speech has pauses"


def test_speech_is_voiced_and_falls_towards_the_high_end() -> None:
    sound = speech(2.0).astype(float)
    power = np.square(np.abs(np.fft.rfft(sound)))
    frequency_hz = np.fft.rfftfreq(len(sound), 1 / SAMPLE_RATE_HZ)
    low, middle, high = (
        power[(frequency_hz >= a) & (frequency_hz < b)].sum()
        for a, b in ((0, 60), (200, 1600), (6400, 20_000))
    )
    assert middle > 10 * high > 0
    assert middle > 100 * low
    piece = sound[30_000:36_000]
    likeness = np.correlate(piece, piece, "full")[len(piece) - 1 :]
    pitch = 240 + int(np.argmax(likeness[240:800]))
    assert 80 < SAMPLE_RATE_HZ / pitch < 180


@pytest.mark.parametrize(
    ("flags", "expected"),
    [([], []), ([0, 0], []), ([1, 1], [(0, 2)]), ([0, 1, 1, 0, 1], [(1, 3), (4, 5)])],
)
def test_runs(flags: list[int], expected: list[tuple[int, int]]) -> None:
    assert list(runs(np.array(flags, bool))) == expected


def test_what_follows_a_lost_packet_is_not_trusted() -> None:
    lost = np.zeros(48_000, bool)
    lost[9600:10_560] = True
    good = trusted(lost, 48_000)
    assert list(runs(~good)) == [(9600 - 144, 10_560 + 5760)]
    assert trusted(None, 10).all()


def test_a_decoder_that_raves_long_after_a_loss_is_not_trusted() -> None:
    sent = 0.1 * np.ones(96_000, np.float32)
    heard = sent.copy()
    heard[36_000:40_000] *= 4
    lost = np.zeros(96_000, bool)
    lost[4800:5760] = True
    assert not settled(trusted(lost, 96_000), heard, sent)[36_000:40_000].any()
    assert settled(np.ones(96_000, bool), heard, sent).all(), "loud, and nothing was lost"


def test_a_part_beyond_the_recording_is_silence_that_nobody_heard() -> None:
    heard = Heard(np.ones(10, np.float32), np.ones(10, bool))
    for span in (slice(-5, 5), slice(5, 15), slice(-20, -10), slice(20, 30)):
        sound, good = heard.part(span)
        inside = [0 <= n < 10 for n in range(span.start, span.stop)]
        assert good.tolist() == inside
        assert sound.tolist() == [float(x) for x in inside]


def test_neither_a_dead_channel_nor_opposite_phase_weakens_what_is_heard() -> None:
    tone = np.sin(np.arange(1000) / 5).astype(np.float32)
    for sides in ([tone, 0 * tone], [tone, -tone], [tone, tone], [tone]):
        assert np.abs(one_channel(np.stack(sides, axis=1))) == pytest.approx(np.abs(tone))


@pytest.mark.parametrize(
    ("matrix", "expected"),
    [
        ([[1, 0], [0, 1]], "both"),
        ([[0, 1], [1, 0]], "swapped"),
        ([[0.5, 0.5], [0.5, 0.5]], "mono sum"),
        ([[0, 0], [0, 1]], "left dead"),
        ([[0, 0], [0.5, 0.5]], "left dead"),
        ([[0, 1], [0, 1]], "left dead"),
        ([[1, 0], [0, 0]], "right dead"),
        ([[0.5, 0.5], [0, 0]], "right dead"),
        ([[1, 0.02], [0.02, 1]], "both"),
        ([[0, 0], [0, 0]], "not measured"),
    ],
)
def test_channels(matrix: list[list[float]], expected: str) -> None:
    mixed = SIGNAL.pcm @ np.array(matrix, np.float32)
    assert channel_class(mixed[SIGNAL.left], mixed[SIGNAL.right]) == expected


def test_one_channel_received_is_a_mono_sum() -> None:
    assert analyze_loopback(SIGNAL, SIGNAL.pcm.mean(axis=1, keepdims=True)).channels == "mono sum"


@pytest.mark.parametrize("step", [-4800, -480, 48, 960, 4800])
def test_a_jump_of_the_delay(step: int) -> None:
    at = SIGNAL.tone.start + 20_000
    pcm = SIGNAL.pcm
    moved = [pcm[:at], np.zeros((max(0, step), 2), np.float32), pcm[at + max(0, -step) :]]
    facts = analyze_loopback(SIGNAL, np.concatenate(moved))
    (jump,) = facts.delay_jumps
    assert jump.by_ms == pytest.approx(step / 48, abs=0.01)
    assert SIGNAL.chirp_starts[1] < jump.at_s * SAMPLE_RATE_HZ < SIGNAL.chirp_starts[2]
    assert facts.drift_ppm == pytest.approx(0, abs=0.1)


def test_what_a_jump_of_the_delay_tears_is_not_measured() -> None:
    at = SIGNAL.sweep.start + 30_000
    facts = analyze_loopback(SIGNAL, np.concatenate([SIGNAL.pcm[:at], SIGNAL.pcm[at + 480 :]]))
    assert [round(jump.by_ms, 2) for jump in facts.delay_jumps] == [-10]
    assert (facts.response, facts.bandwidth_hz, facts.echo) == (None, None, None)
    assert "jumped" in facts.not_measured["response"]
    assert facts.gain_db == pytest.approx(0, abs=0.01)


@pytest.mark.parametrize("ppm", [-400, -30, 0, 5, 400])
def test_drift(ppm: float) -> None:
    sound, ratio = make.stretched(SIGNAL.pcm, 1 + ppm * 1e-6)
    facts = analyze_loopback(SIGNAL, sound)
    assert facts.drift_ppm == pytest.approx((1 / ratio - 1) * 1e6, abs=0.1)
    assert facts.delay_jumps == ()
    assert facts.rate_ratio == pytest.approx(ratio, abs=2e-5)


@pytest.mark.parametrize("ratio", [44.1 / 48, 48 / 44.1, 16 / 48, 2.0])
def test_another_sample_rate(ratio: float) -> None:
    sound, exact = make.stretched(SIGNAL.pcm, ratio)
    facts = analyze_loopback(SIGNAL, sound)
    assert facts.rate_ratio == pytest.approx(exact, rel=2e-4)
    assert "drift_ppm" in facts.not_measured


def test_a_constant_and_noise_where_nothing_was_sent() -> None:
    rng = np.random.default_rng(1)
    noise = rng.normal(0, 0.001, (48_000, 2)) + np.array([0.01, -0.02])
    quiet = Quiet((noise.astype(np.float32),), 48_000)
    assert quiet.constant() == pytest.approx(-0.02, abs=1e-4)
    assert quiet.level_dbfs() == pytest.approx(-60, abs=0.1)
    assert quiet.hum(None) == (None, True)


@pytest.mark.parametrize("mains_hz", [50.0, 60.0])
def test_hum_is_told_by_its_comb(mains_hz: float) -> None:
    line = make.hum(33_600, mains_hz, {2: -50.0, 4: -56.0, 5: -50.0})
    noise = np.random.default_rng(2).normal(0, 1e-4, (33_600, 2))
    hum, known = Quiet(((noise + line[:, None]).astype(np.float32),), 33_600).hum(None)
    assert known
    assert hum is not None
    assert hum.mains_hz == mains_hz
    assert hum.level_dbfs == pytest.approx(10 * np.log10(2 * 10**-5 + 10**-5.6), abs=0.1)


@pytest.mark.parametrize(
    ("levels", "lost_db", "expected"),
    [
        ({1: -50.0, 2: -50.0}, -6.0, 10 * np.log10(10**-4.4 + 10**-5)),
        ({1: -50.0, 2: -50.0}, None, None),
        ({1: -75.0, 2: -50.0}, None, -50.0),
        ({1: -99.0}, None, "none"),
    ],
)
def test_a_fundamental_is_given_back_what_the_path_took_where_that_is_known(
    levels: dict[int, float], lost_db: float | None, expected: float | str | None
) -> None:
    line = make.hum(33_600, 50.0, levels)
    noise = np.random.default_rng(2).normal(0, 1e-7, (33_600, 2))
    response = Response((50.0, 71.0, 100.0), (lost_db, lost_db, 0.0))
    quiet = Quiet(((noise + line[:, None]).astype(np.float32),), 33_600)
    hum, known = quiet.hum(response)
    assert known == (expected is not None)
    if isinstance(expected, float):
        assert hum is not None
        assert hum.level_dbfs == pytest.approx(expected, abs=0.1)
    else:
        assert hum is None


def test_half_a_second_of_silence_shows_no_hum() -> None:
    assert Quiet((np.zeros((24_000, 2), np.float32),), 33_600).hum(None) == (None, False)
    assert Quiet((), 33_600).hum(None) == (None, False)


def _echo_heard_without_the_sweep(delay_ms: float, level_db: float) -> LoopbackFacts:
    sound = make.with_echo(make.tailed(SIGNAL.pcm), delay_ms, level_db)
    lost = np.zeros(len(sound), bool)
    lost[SIGNAL.sweep] = True
    return analyze_loopback(SIGNAL, np.where(lost[:, None], np.float32(0), sound), lost)


@pytest.mark.parametrize(("delay_ms", "level_db"), [(20, -30), (60, -48)])
def test_without_the_sweep_the_chirps_tell_an_echo_late_or_loud(
    delay_ms: float, level_db: float
) -> None:
    facts = _echo_heard_without_the_sweep(delay_ms, level_db)
    assert facts.echo is not None
    assert facts.echo.level_db == pytest.approx(level_db, abs=0.3)


def test_without_the_sweep_an_early_weak_echo_is_not_measured() -> None:
    facts = _echo_heard_without_the_sweep(20, -45)
    assert facts.echo is None
    assert "echo" in facts.not_measured


@pytest.mark.parametrize(("delay_ms", "level_db"), [(12, -20), (37.3, -40), (150, -55)])
def test_an_echo(delay_ms: float, level_db: float) -> None:
    facts = analyze_loopback(SIGNAL, make.with_echo(make.tailed(SIGNAL.pcm), delay_ms, level_db))
    assert facts.echo is not None
    assert facts.echo.delay_ms == pytest.approx(delay_ms, abs=0.01)
    assert facts.echo.level_db == pytest.approx(level_db, abs=0.1)


def test_no_echo_in_what_has_none() -> None:
    assert analyze_loopback(SIGNAL, make.tailed(SIGNAL.pcm)).echo is None


def test_a_piece_that_stands_there_twice_is_no_echo() -> None:
    """As where a gateway makes up for a lost packet with the one before."""
    sound = SIGNAL.pcm.copy()
    begins = SIGNAL.chirp_starts[1] + 4800
    sound[begins : begins + 1920] += 0.7 * sound[begins - 1920 : begins]
    assert analyze_loopback(SIGNAL, make.tailed(sound)).echo is None


def test_what_keeps_no_waveform_has_no_cuts_but_silence() -> None:
    """Codecs of few bits keep the sound of noise, and not its shape."""
    sound, noise = SIGNAL.pcm.copy(), SIGNAL.noise
    other = np.roll(sound[noise], 7000, axis=0)
    sound[noise] = other
    assert analyze_loopback(SIGNAL, sound).dropouts == ()
    sound[noise.start + 30_000 : noise.start + 35_000] = 0
    (dropout,) = analyze_loopback(SIGNAL, sound).dropouts
    assert dropout.kind == "silence"
    assert dropout.ms == pytest.approx(104, abs=15)


def test_a_click_spoils_a_tone_once_and_distortion_always() -> None:
    sound = SIGNAL.pcm.copy()
    sound[SIGNAL.tone.start + 20_000 : SIGNAL.tone.start + 20_960] = 0
    clicked = analyze_loopback(SIGNAL, sound)
    bent = analyze_loopback(SIGNAL, np.asarray(np.tanh(20 * SIGNAL.pcm) / 20, np.float32))
    for facts, always in ((clicked, False), (bent, True)):
        assert facts.thd_n_db is not None
        assert facts.typical_thd_n_db is not None
        assert facts.thd_n_db > -20
        assert (facts.typical_thd_n_db > -20) is always


def test_what_lost_packets_carried_is_not_measured_and_says_so() -> None:
    lost = np.zeros(len(SIGNAL.pcm), bool)
    for part in (SIGNAL.tone, SIGNAL.noise, SIGNAL.left):
        lost[part] = True
    received = np.where(lost[:, None], np.float32(0), SIGNAL.pcm)
    facts = analyze_loopback(SIGNAL, received, lost)
    assert facts.gain_db is facts.thd_n_db is facts.rate_ratio is facts.snr_db is None
    assert facts.dropouts == ()
    assert facts.channels == "not measured"
    assert {"gain_db", "thd_n_db", "dropouts", "channels"} <= facts.not_measured.keys()
    assert facts.masked_share > 0.3
    assert facts.offset_samples == pytest.approx(0, abs=0.1)
    assert facts.response is not None


def test_silence_in_place_of_lost_packets_is_a_dropout_only_when_none_was_lost() -> None:
    cut = slice(SIGNAL.noise.start + 20_000, SIGNAL.noise.start + 22_880)
    received, lost = SIGNAL.pcm.copy(), np.zeros(len(SIGNAL.pcm), bool)
    received[cut], lost[cut] = 0, True
    assert analyze_loopback(SIGNAL, received, lost).dropouts == ()
    (dropout,) = analyze_loopback(SIGNAL, received).dropouts
    assert dropout.kind == "silence"
    assert dropout.at_s == pytest.approx(cut.start / SAMPLE_RATE_HZ, abs=0.01)
    assert dropout.ms == pytest.approx(60, abs=10)
