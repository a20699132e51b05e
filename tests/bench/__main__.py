"""`make bench`: the figures that the project promises, measured here and now; 1 on a miss."""

from __future__ import annotations

import os
import sys

from tests.bench import (
    accuracy,
    aiortc_path,
    bridge,
    call_cpu,
    far,
    here,
    lab,
    nat,
    recordings,
    turn,
    udp,
)


def main() -> int:
    """Measure and print everything."""
    figures = here.figures() + lab.figures() + call_cpu.figures() + udp.figures()
    for sound in (recordings, aiortc_path, accuracy):
        figures += sound.figures()
    if os.geteuid() == 0:
        for bench in (far, turn, nat, bridge):
            figures += bench.figures()
    else:
        print("not measured, for want of root: what needs a network of its own")
    for figure in figures:
        print(figure)
    return 0 if all(figure.met for figure in figures) else 1


if __name__ == "__main__":
    sys.exit(main())
