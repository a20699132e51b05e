"""What is played, and what a diagnosis must name, by the section of the guide."""

from __future__ import annotations

from tests.live.table.connecting import CONNECTING
from tests.live.table.flaky import FLAKY
from tests.live.table.healthy import HEALTHY
from tests.live.table.packets import PACKETS
from tests.live.table.pairs import PAIRS
from tests.live.table.reaching import REACHING_THE_GATEWAY
from tests.live.table.singles import SINGLES
from tests.live.table.sound import SOUND
from tests.live.table.unauthorized import TOKENS
from tests.matrix.outcome import HEALTHY as HEALTHY_CALL
from tests.matrix.outcome import PAIR, SINGLE, VARIATION

VARIATIONS = [*TOKENS, *REACHING_THE_GATEWAY, *SOUND, *PACKETS, *CONNECTING, *FLAKY]
BY_KIND = {SINGLE: SINGLES, VARIATION: VARIATIONS, PAIR: PAIRS, HEALTHY_CALL: HEALTHY}

__all__ = ["BY_KIND", "HEALTHY", "PAIRS", "SINGLES", "VARIATIONS"]
