"""Files of customers: every form, every rate, and broken in every way."""

from __future__ import annotations

import json
import wave
from typing import TYPE_CHECKING

import numpy as np
import pytest

from polyai_diag import analyze_recording
from polyai_diag.analysis.recorded import recorded
from polyai_diag.causes import judge
from polyai_diag.cli import main
from polyai_diag.media import recording
from polyai_diag.media.recording import RecordingError, open_recording
from tests.unit.coded import encoded
from tests.unit.talk import talk

if TYPE_CHECKING:
    from pathlib import Path

    from polyai_diag.analysis.audio.facts import AudioFacts

VOICE = talk(4, 1)[:, None]
FORMS = [
    ("pcm_s16le", "wav", 0), ("pcm_u8", "wav", 0), ("pcm_s24le", "wav", 0), ("pcm_f32le", "wav", 0),
    ("pcm_mulaw", "wav", 0), ("flac", "flac", 0), ("libopus", "ogg", 32_000),
    ("libmp3lame", "mp3", 64_000), ("aac", "adts", 64_000),
]  # fmt: skip


def saved(folder: Path, data: bytes, name: str = "sound.bin") -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


def wav(folder: Path) -> Path:
    return saved(folder, encoded(VOICE, 48_000, "pcm_s16le", "wav"), "call.wav")


@pytest.mark.parametrize(("codec", "form", "bit_rate"), FORMS)
def test_every_form_reads_the_same(tmp_path: Path, codec: str, form: str, bit_rate: int) -> None:
    facts = analyze_recording(saved(tmp_path, encoded(VOICE, 48_000, codec, form, bit_rate)))
    assert facts.seconds == pytest.approx(4, abs=0.1)
    assert facts.active_level_dbfs == pytest.approx(-26, abs=1)
    assert facts.incomplete == ""


@pytest.mark.parametrize(("rate_hz", "channels"), [
    (8_000, 1), (11_025, 5), (22_050, 2), (44_100, 1), (44_100, 5), (96_000, 2),
])  # fmt: skip
def test_every_rate_and_number_of_channels(tmp_path: Path, rate_hz: int, channels: int) -> None:
    sound = np.repeat(talk(3, 2, rate_hz=rate_hz)[:, None], channels, axis=1)
    facts = analyze_recording(saved(tmp_path, encoded(sound, rate_hz, "pcm_s16le", "wav")))
    assert (facts.sample_rate_hz, len(facts.channels_dbfs)) == (rate_hz, channels)
    assert facts.seconds == pytest.approx(3, abs=1e-3)
    assert facts.active_level_dbfs == pytest.approx(-26, abs=1)


def test_an_hour_of_silence(tmp_path: Path) -> None:
    with wave.open(str(tmp_path / "hour.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(1)
        file.setframerate(4_000)
        file.writeframes(b"\x80" * (3600 * 4_000))
    facts = analyze_recording(tmp_path / "hour.wav")
    assert (facts.seconds, facts.silent, facts.silence_share) == (3600, True, 1.0)


def test_samples_that_are_no_numbers_are_counted(tmp_path: Path) -> None:
    sound = np.concatenate([VOICE[:96_000], np.full((480, 1), np.nan), VOICE[96_000:]])
    facts = analyze_recording(saved(tmp_path, encoded(sound, 48_000, "pcm_f32le", "wav")))
    assert facts.invalid_samples == 480
    assert facts.active_level_dbfs == pytest.approx(-26, abs=1)


@pytest.mark.parametrize(
    ("codec", "form"), [("pcm_s16le", "wav"), ("flac", "flac"), ("libmp3lame", "mp3")]
)
def test_what_is_missing_or_damaged_is_said(tmp_path: Path, codec: str, form: str) -> None:
    whole = encoded(VOICE, 48_000, codec, form)
    facts = analyze_recording(saved(tmp_path, whole[: len(whole) // 2]))
    assert 1 < facts.seconds < 3
    assert facts.incomplete.startswith(("cut short: ", "damaged after "))
    assert "\n" not in facts.incomplete


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "the file is empty"),
        (b"hello", "cannot be read as sound"),
        (b"RIFF\x24\x00\x00\x00WAVEfmt ", "cannot be read as sound"),
        (b"#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:9/a.ts\n", "sound"),
        (encoded(VOICE, 48_000, "pcm_s16le", "wav")[:78], "only a header"),
    ],
)
def test_what_is_no_sound_is_one_line(tmp_path: Path, data: bytes, said: str) -> None:
    path = saved(tmp_path, data, "x.wav")
    with pytest.raises(RecordingError, match=said) as refused:
        analyze_recording(path)
    assert str(refused.value).startswith(f"{path}: ")
    assert "\n" not in str(refused.value)


def test_a_file_that_is_not_there_or_no_file(tmp_path: Path) -> None:
    for path in (tmp_path / "none.wav", tmp_path):
        with pytest.raises(RecordingError, match="cannot be read as sound"):
            analyze_recording(path)


def test_what_is_longer_than_can_be_measured_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recording, "MAX_SECONDS", 2)
    facts = analyze_recording(wav(tmp_path))
    assert facts.seconds == 2
    assert "only the first" in facts.incomplete


def test_a_name_that_looks_like_an_address_is_a_file(tmp_path: Path) -> None:
    with open_recording(wav(tmp_path).rename(tmp_path / "http:x.wav")) as opened:
        assert sum(map(len, opened)) == 4 * 48_000


# --- judged -----------------------------------------------------------------------------------


def test_the_record_of_a_recording_has_one_observation(tmp_path: Path) -> None:
    from datetime import UTC, datetime

    facts: AudioFacts = analyze_recording(wav(tmp_path))
    record = recorded("call.wav", facts, datetime(2026, 3, 1, tzinfo=UTC))
    (seen,) = record.step("audio").observations
    assert (seen.operation, seen.endpoint, seen.failure) == ("audio_recording", "call.wav", None)
    assert json.loads(json.dumps(seen.notes)) == seen.notes
    assert judge(record) == ()


def test_analyze_prints_what_was_measured(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["analyze", str(wav(tmp_path))]) == 0
    said = capsys.readouterr().out
    assert "4.0 s of sound, 48000 Hz, mono" in said
    assert "dBFS" in said
    assert "Measured without a reference" in said


def test_analyze_gives_the_facts_as_json(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["analyze", "--json", str(wav(tmp_path))]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["kind"] == "a recording"
    assert said["facts"]["sample_rate_hz"] == 48_000
    assert said["root_causes"] == []


def test_analyze_says_in_one_line_what_it_cannot_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["analyze", str(saved(tmp_path, b"", "empty.wav"))]) == 2
    assert capsys.readouterr().err.strip().endswith("empty.wav: the file is empty")
