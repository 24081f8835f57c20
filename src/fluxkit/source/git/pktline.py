"""Git's packet lines: four hex digits of length, then the payload (git ``Documentation/gitprotocol-common``)."""

from collections.abc import Iterator
from typing import Final

__all__ = ["DELIMITER", "FLUSH", "encode", "packets"]

FLUSH: Final = b"0000"
DELIMITER: Final = b"0001"


def encode(payload: str) -> bytes:
    data = payload.encode()
    return b"%04x" % (len(data) + 4) + data


def packets(data: bytes) -> Iterator[bytes | None]:
    """The payloads in order, None for a flush packet. Raises ValueError when the data is not packet lines."""
    position = 0
    while position < len(data):
        length = int(data[position : position + 4].decode("ascii"), 16)
        if length == 0:
            yield None
        if length < 4:
            position += 4
            continue
        if position + length > len(data):
            raise ValueError("packet line is cut short")
        yield data[position + 4 : position + length]
        position += length
