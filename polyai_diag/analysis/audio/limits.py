"""Where a fact about sound becomes a finding, and why there.

What a healthy call shows is what two passes of Opus show (bench: `accuracy`, its healthy rows, from
32 kb/s mono with error correction to 96 kb/s stereo); each limit stands clear of it.
"""

from __future__ import annotations

SILENT_DBFS = -60.0  # of a tone sent at -20: nothing anybody would hear
QUIET_GAIN_DB = -15.0  # speech of -26 dBov comes to -41, below what ITU-T P.56 meters call usual
GAIN_UNEVEN_DB = 0.5  # Opus twice leaves 0.1 dB
THD_N_MOST_DB = -20.0  # Opus twice leaves -30 in its worst mode; 10 % is heard as rough
CLIPPED_RUNS_MOST = 3  # a click is no clipping; Opus rounds most flat tops off
DC_MOST = 0.01  # of full scale; Opus passes none, so that it arose behind the decoder
NOISE_MOST_DBFS = -50.0  # 24 dB under speech of -26: from there it tires the listener
HUM_MOST_DBFS = -55.0  # IEC 61606's weighting would forgive 50 Hz 30 dB; its harmonics nothing
RESPONSE_MOST_DB = 3.0  # from 200 to 7000 Hz; Opus twice stays within 1 dB
RESPONSE_BAND_HZ = (200.0, 7000.0)
NARROW_BAND_HZ = 3800.0  # G.711's filters end at 3.4 kHz (ITU-T G.712)
WIDE_BAND_HZ = 7800.0  # G.722 and SILK's wide band end at 7 to 8 kHz
FULL_BAND_LEAST_HZ = 11_000.0  # Opus' super-wide band ends at 12 kHz (RFC 6716 §2)
DROPOUT_LEAST_MS = 20.0  # one frame; a shorter one is a click
DROPOUTS_MOST = 0
ECHO_LEAST_MS = 10.0  # sooner it is a colour of the room (ITU-T G.131 counts from there)
ECHO_MOST_DB = -40.0  # ITU-T G.131, figure 1: at 100 ms and more 45 dB are wanted
DELAY_JUMP_MOST_MS = 5.0  # a jitter buffer's own adjustments stay below
DRIFT_MOST_PPM = 100.0  # crystals keep 50 ppm (IEEE 802.3 asks 100 of a pair)
RATE_RATIO_OFF = 0.002  # no crystal is off by so much: another sample rate
