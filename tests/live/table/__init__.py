"""What is played, and what a diagnosis must name, by the section of the guide."""

from __future__ import annotations

from tests.live.table.connecting import CONNECTING
from tests.live.table.healthy import HEALTHY
from tests.live.table.pairs import PAIRS
from tests.live.table.reaching import REACHING_THE_GATEWAY
from tests.live.table.singles import SINGLES
from tests.live.table.sound import SOUND
from tests.live.table.unauthorized import TOKENS

VARIATIONS = [*TOKENS, *REACHING_THE_GATEWAY, *SOUND, *CONNECTING]

__all__ = ["HEALTHY", "PAIRS", "SINGLES", "VARIATIONS"]
