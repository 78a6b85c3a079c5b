"""The plain RTMP handshake, server side (Adobe RTMP specification 1.0, section 5.2)."""

import os
import struct
import time

from media_server.errors import Reason, Refused

VERSION = 3
C0_C1_BYTES = 1 + 1536
C2_BYTES = 1536


def check_version(first_byte: int) -> None:
    """Accept RTMP version 3 only.

    Raises:
        Refused: any other version; what is no RTMP at all is told apart the same way.
    """
    if first_byte != VERSION:
        raise Refused(Reason.BAD_PROTOCOL, f"invalid RTMP version ({first_byte})")


def answer(c0_c1: bytes) -> bytes:
    """Return S0, S1 and S2 for the client's C0 and C1.

    S1's four zero bytes say that the plain handshake is spoken, without digests.
    """
    check_version(c0_c1[0])
    uptime_ms = int(time.monotonic() * 1000) & 0xFFFFFFFF
    s1 = struct.pack(">II", uptime_ms, 0) + os.urandom(1528)
    return bytes([VERSION]) + s1 + c0_c1[1:]
