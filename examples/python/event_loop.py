"""Commands in asyncio: the library connects, the program speaks, and nothing blocks.

    python3 event_loop.py FRAME...

Each word names a file with one frame of ecFlow's: a length of eight hexadecimal digits and a body.
A line for each command tells who confirmed it. Exit status: how many were not confirmed.
"""

from __future__ import annotations

import asyncio
import socket
import sys
from pathlib import Path

from ecf_failover import Client, Error, Kind, Outcome


async def send(ecf: Client, name: str) -> bool:
    """Sends the frame in a file; tells whether it was confirmed."""
    frame = Path(name).read_bytes()

    async def speak(taken: socket.socket, host: str, port: int, seconds: float) -> Outcome:
        """Speaks first on a connection that is there, within the time that it has."""
        try:
            reader, writer = await asyncio.open_connection(sock=taken)
        except BaseException:
            taken.close()
            raise
        try:
            writer.write(frame)
            # A task command is short: the kernel takes it at once, and then it may be applied.
            await writer.drain()
            length = int(await reader.readexactly(8), 16)
            reply = await reader.readexactly(length)
        except (OSError, ValueError, asyncio.IncompleteReadError):
            return Outcome.UNCONFIRMED
        finally:
            writer.close()
        # A real client decodes it.
        return Outcome.REJECTED if b"ErrorCmd" in reply else Outcome.OK

    try:
        plan = await ecf.delegate_connected_async(Kind.TASK, speak)
    except Error as error:
        print(f"{name}: {error}", file=sys.stderr)
        return False
    print(f"{name}: {plan.host}:{plan.port}")
    return True


async def main() -> int:
    """Sends all at once."""
    with Client() as ecf:
        confirmed = await asyncio.gather(*(send(ecf, name) for name in sys.argv[1:]))
    return confirmed.count(False)


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
