"""Where a fact of a sound measured without a reference becomes a fault. Constants alone. Pure.

They stand between what healthy recordings show and what a listener complains of; where no standard
draws the line, it says so.
"""

from __future__ import annotations

ACTIVE_MARGIN_DB = 15.9
"""What is further under the active level is a pause (ITU-T P.56 §5.2)."""

PAUSE_DB = 6.0
"""What stands in the pauses is this far under the active level, or there is no pause (ours)."""

SILENT_DBFS = -60.0
"""Active level under which nothing is heard: 34 dB under the -26 dBov of ITU-T G.191 (ours)."""

STEADY_SILENT_DBFS = -50.0
"""A sound without any change of level under this is an idle input's noise, and no speech (ours)."""

STEADY_DB = 6.0
"""Levels of speech spread over 30 dB and more (ITU-T P.50 §6), those of noise over 3."""

TOO_QUIET_DBFS = -45.0
"""Active level under which speech is hard to follow: 19 dB under the nominal -26 dBov (ours)."""

CLIPPED_RUNS = 10
CLIPPED_SHARE = 2e-4
"""Flat tops, and the share of all samples in them, from which clipping is heard (ours).

A recording that is merely set to full scale has one or two; peaks cut off by 1 dB make 4e-4.
"""

CROWDING = 1.5
"""Clipping that went through a codec: 6 dB of it give 1.7 to 2.9, limiters no more than 1.2 (ours).

Judge it where the flat tops tell nothing.
"""

NARROWBAND_HZ = 4_500.0
"""A band that ends under this is the telephone's of 300 to 3400 Hz (ITU-T G.712).

Judge it only where `sample_rate_hz` is over RATE_ABLE_HZ: a recorder that writes 8000 samples a
second says nothing of the call.
"""

RATE_ABLE_HZ = 12_000

DROPOUTS = 2
"""One cut may be an edit; the second is no chance (ours)."""

HUM_DBFS = -50.0
"""Hum of this level is heard beside speech of -26 dBov in a quiet room (ours)."""

CHANNEL_DIFFERENCE_DB = 10.0
"""One and the same sound this much weaker on one side is a broken lead or plug (ours)."""
