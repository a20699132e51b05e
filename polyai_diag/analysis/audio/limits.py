"""Where a fact about sound becomes a finding, and why there.

What a healthy call shows is what two passes of Opus show (bench: `accuracy`, its healthy rows, from
32 kb/s mono with error correction to 96 kb/s stereo); each limit stands clear of it.
"""

from __future__ import annotations

SILENT_DBFS = -60.0  # of a tone sent at -20: nothing anybody would hear
QUIET_GAIN_DB = -15.0  # ours: speech of -26 dBov comes back at -41
THD_N_MOST_DB = -20.0  # 10 %; Opus twice leaves -30 in its worst mode
CLIPPED_RUNS_MOST = 3  # a click is no clipping; Opus rounds most flat tops off
DC_MOST = 0.01  # of full scale; Opus passes none, so that it arose behind the decoder
NOISE_MOST_DBFS = -50.0  # ours: 24 dB under speech of -26
HUM_MOST_DBFS = -55.0  # ours: 29 dB under speech of -26; -54 and louder is measured to 0.5 dB
RESPONSE_BAND_HZ = (200.0, 7000.0)
RESPONSE_MOST_DB = 5.0  # ours; two passes of Opus stay within 0.5, with packets lost within 3.2
NARROW_BAND_HZ = 4500.0  # G.711 carries 300 to 3400 Hz (ITU-T G.712), Opus' narrow band 4 kHz
WIDE_BAND_HZ = 7800.0  # G.722 carries 50 to 7000 Hz, Opus' wide band 8 kHz (RFC 6716 §2)
FULL_BAND_LEAST_HZ = 11_000.0  # Opus' super-wide band ends at 12 kHz (RFC 6716 §2)
DROPOUT_LEAST_MS = 15.0  # a cut of one frame of 20 ms may read as short as this
ECHO_LEAST_MS = 10.0  # ours: sooner it is a colour of the room
ECHO_MOST_DB = -40.0  # ours; heard the sooner the later it comes (ITU-T G.131)
DELAY_JUMP_MOST_MS = 5.0  # ours: a jitter buffer's own stretching is finer
DRIFT_MOST_PPM = 200.0  # two crystals that keep 100 ppm each
STOPPED_LEAST_S = 1.0  # ours; silence from so long before the end on is no cut any more
WEAK_LEAST_S = 0.5  # ours; a stretch so long that comes back weak is no cut
RATE_RATIO_OFF = 0.002  # no crystal is off by so much: another sample rate
