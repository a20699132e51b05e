"""A real program for the length of a block: started, waited for, and ended by its own pid."""

import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

READY_S = 30
STOP_S = 5


@contextmanager
def running(
    command: Sequence[str | Path],
    *,
    address: tuple[str, int],
    log: Path,
    environment: Mapping[str, str] | None = None,
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server until the block's end; it is ready when it takes a connection at `address`.

    Raises RuntimeError with the end of its log when it does not start.
    """
    with log.open("wb") as written:
        process = subprocess.Popen(
            command, stdout=written, stderr=subprocess.STDOUT, env=environment
        )
    try:
        if not _accepts(address, process):
            raise RuntimeError(log.read_text()[-2000:])
        yield process
    finally:
        end(process)


def end(process: subprocess.Popen[bytes]) -> None:
    """Ask it to end, and make it end when it does not."""
    process.terminate()
    try:
        process.wait(STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _accepts(address: tuple[str, int], process: subprocess.Popen[bytes]) -> bool:
    deadline_s = time.monotonic() + READY_S
    while time.monotonic() < deadline_s and process.poll() is None:
        try:
            socket.create_connection(address, timeout=READY_S).close()
        except ConnectionRefusedError:
            time.sleep(0.02)
        else:
            return True
    return False
