"""The tar format, as much of it as artifacts and charts need: a deterministic writer and a strict, bounded reader.

The standard library's ``tarfile`` ends silently at a damaged header and reads extended headers of any size into memory;
an archive from a stranger must instead fail, and cheaply. Formats: ustar with pax extended headers (what Go's
``archive/tar`` writes) and GNU long names for reading; ustar and pax for writing.
"""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Protocol

__all__ = [
    "BLOCK",
    "END",
    "Entry",
    "GunzipReader",
    "GzipError",
    "Readable",
    "TarError",
    "TarReader",
    "entry_header",
    "padding",
]


class TarError(ValueError):
    """A stream that is no tar archive, or a damaged one."""


class GzipError(TarError):
    """A stream that does not begin as gzip does."""


BLOCK: Final = 512
END: Final = bytes(BLOCK * 2)
"""The two zero blocks that end an archive."""

_MAX_METADATA: Final = 1 << 20
_MAX_OCTAL_SIZE: Final = 8**11 - 1
_ZERO: Final = bytes(BLOCK)

_INFLATE_CHUNK: Final = 64 << 10
"""Compressed bytes per step; small, because what one step leaves over is copied for the next."""
_INFLATED_CHUNK: Final = 1 << 20


class Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Entry:
    """One header. ``kind`` is the ustar type flag: ``0`` file, ``1`` hard link, ``2`` symlink, ``5`` directory ..."""

    name: str
    kind: str
    size: int
    mode: int
    mtime: int


# --- writing ---------------------------------------------------------------------------------------------------------


def entry_header(name: str, kind: str, size: int, mode: int) -> bytes:
    """The header of an entry owned by nobody at the Unix epoch; a pax header comes first where ustar cannot hold it."""
    encoded = name.encode("utf-8", "surrogateescape")
    split = _split_name(encoded)
    records = b""
    if split is None or not encoded.isascii():
        records += _pax_record(b"path", encoded)
    if size > _MAX_OCTAL_SIZE:
        records += _pax_record(b"size", b"%d" % size)
    if not records:
        assert split is not None
        return _ustar(split[1], split[0], kind, size, mode)
    extended = _ustar(b"PaxHeaders.0/" + encoded[-60:].replace(b"/", b"_"), b"", "x", len(records), 0o644)
    fallback = split if split is not None else (b"", encoded[:100])
    header = _ustar(fallback[1], fallback[0], kind, min(size, _MAX_OCTAL_SIZE), mode)
    return extended + records + padding(len(records)) + header


def padding(size: int) -> bytes:
    """Zeros that fill the last block of a content of ``size`` bytes."""
    return bytes(-size % BLOCK)


def _split_name(name: bytes) -> tuple[bytes, bytes] | None:
    """(prefix, name) as ustar stores them, or None when the name does not fit."""
    if len(name) <= 100:
        return b"", name
    cut = name.find(b"/", len(name) - 101)
    return (name[:cut], name[cut + 1 :]) if 0 < cut <= 155 and cut < len(name) - 1 else None


def _pax_record(key: bytes, value: bytes) -> bytes:
    body = b" " + key + b"=" + value + b"\n"
    size = len(body)
    while size != len(body) + len(str(size)):
        size = len(body) + len(str(size))
    return b"%d" % size + body


def _ustar(name: bytes, prefix: bytes, kind: str, size: int, mode: int) -> bytes:
    head = b"%b%07o\0%07o\0%07o\0%011o\0%011o\0" % (name.ljust(100, b"\0"), mode, 0, 0, size, 0)
    tail = kind.encode().ljust(101, b"\0") + b"ustar\x0000" + bytes(64) + b"%07o\0%07o\0" % (0, 0)
    rest = (tail + prefix).ljust(BLOCK - len(head) - 8, b"\0")
    checksum = sum(head) + sum(rest) + 8 * 32
    return head + b"%06o\0 " % checksum + rest


# --- reading ---------------------------------------------------------------------------------------------------------


class TarReader:
    """Iterates over the entries of a tar stream; between two entries, :meth:`content` yields the file's bytes.

    Content that was not read is skipped. Raises TarError for anything malformed or cut short.
    """

    def __init__(self, stream: Readable) -> None:
        self._stream = stream
        self._remaining = 0
        self._padding = 0

    def __iter__(self) -> Iterator[Entry]:
        extended: dict[str, str] = {}
        while True:
            for _ in self.content():
                pass
            self._exactly(self._padding)
            self._padding = 0
            block = self._read(BLOCK)
            if not block or block == _ZERO:
                if block and self._read(BLOCK).strip(b"\0"):
                    raise TarError("tar error: invalid tar header")
                return
            header = _parse(block)
            if header.kind in "xgLK":
                data = self._metadata(header)
                if header.kind == "x":
                    extended.update(_pax_records(data))
                elif header.kind == "L":
                    extended["path"] = _text(data)
                continue
            if any(key.startswith("GNU.sparse.") for key in extended):
                raise TarError(f'tar file entry "{header.name}" is sparse, which is not supported')
            entry = Entry(
                name=extended.get("path", header.name),
                kind=header.kind,
                size=_decimal(extended["size"]) if "size" in extended else header.size,
                mode=header.mode,
                mtime=header.mtime,
            )
            extended = {}
            self._remaining = entry.size if entry.kind in "07" else 0
            self._padding = -self._remaining % BLOCK
            yield entry

    def content(self, chunk: int = 1 << 20) -> Iterator[bytes]:
        """The bytes of the current entry, as chunks of at most ``chunk`` bytes."""
        while self._remaining:
            data = self._read(min(chunk, self._remaining))
            if not data:
                raise TarError("tar error: unexpected end of file")
            self._remaining -= len(data)
            yield data

    def _metadata(self, header: Entry) -> bytes:
        if header.size > _MAX_METADATA:
            raise TarError(f"tar error: extended header of {header.size} bytes exceeds {_MAX_METADATA} bytes")
        data = self._exactly(header.size)
        self._exactly(-header.size % BLOCK)
        return data

    def _exactly(self, size: int) -> bytes:
        data = self._read(size)
        if len(data) != size:
            raise TarError("tar error: unexpected end of file")
        return data

    def _read(self, size: int) -> bytes:
        parts: list[bytes] = []
        while size:
            data = self._stream.read(size)
            if not data:
                break
            parts.append(data)
            size -= len(data)
        return parts[0] if len(parts) == 1 else b"".join(parts)


def _parse(block: bytes) -> Entry:
    if len(block) != BLOCK:
        raise TarError("tar error: unexpected end of file")
    expected = _number(block[148:156])
    unsigned = sum(block) - sum(block[148:156]) + 8 * 32
    signed = unsigned - 256 * sum(byte > 127 for byte in block[:148] + block[156:])
    if expected not in (unsigned, signed):
        raise TarError("tar error: invalid tar header")
    name = _text(block[:100])
    if block[257:263] == b"ustar\0" and (prefix := _text(block[345:500])):
        name = f"{prefix}/{name}"
    kind = chr(block[156])
    if kind == "\0":
        kind = "5" if name.endswith("/") else "0"
    return Entry(name, kind, _number(block[124:136]), _number(block[100:108]) & 0o7777, _number(block[136:148]))


def _text(data: bytes) -> str:
    return data.split(b"\0", 1)[0].decode("utf-8", "surrogateescape")


def _number(data: bytes) -> int:
    if data[0] & 0x80:
        value = int.from_bytes(bytes([data[0] & 0x7F]) + data[1:], "big")
        if data[0] & 0x40:
            raise TarError("tar error: invalid tar header: negative number")
        return value
    digits = data.strip(b" \0")
    try:
        return int(digits or b"0", 8)
    except ValueError:
        raise TarError("tar error: invalid tar header") from None


def _decimal(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 20):
        raise TarError("tar error: invalid tar header: size is not a number")
    return int(text)


def _pax_records(data: bytes) -> dict[str, str]:
    records: dict[str, str] = {}
    position = 0
    while position < len(data):
        space = data.find(b" ", position, position + 20)
        length = data[position:space] if space > 0 else b""
        end = position + int(length) if length.isdigit() else 0
        if end <= space or end > len(data) or data[end - 1 : end] != b"\n":
            raise TarError("tar error: invalid tar header: malformed extended header")
        key, separator, value = data[space + 1 : end - 1].partition(b"=")
        if not separator:
            raise TarError("tar error: invalid tar header: malformed extended header")
        # A NUL would end the name early for whoever opens the file: keep it, the path check refuses it.
        records[key.decode("utf-8", "surrogateescape")] = value.decode("utf-8", "surrogateescape")
        position = end
    return records


# --- gzip ------------------------------------------------------------------------------------------------------------


class GunzipReader:
    """A gzip stream whose damage is always a TarError; concatenated members are one stream, as in Go."""

    def __init__(self, file: Readable) -> None:
        self._file = file
        self._input = file.read(_INFLATE_CHUNK)
        self._output = b""
        self._position = 0
        if self._input[:2] != b"\x1f\x8b":
            raise GzipError("gzip: invalid header")
        self._member = zlib.decompressobj(zlib.MAX_WBITS | 16)

    def read(self, size: int) -> bytes:
        """At least one byte and at most ``size``, or nothing at the end."""
        if self._position == len(self._output):
            self._output, self._position = self._inflate(), 0
        data = self._output[self._position : self._position + size]
        self._position += len(data)
        return data

    def _inflate(self) -> bytes:
        while True:
            if self._member.eof:
                self._input = self._member.unused_data or self._file.read(_INFLATE_CHUNK)
                if not self._input:
                    return b""
                self._member = zlib.decompressobj(zlib.MAX_WBITS | 16)
            elif not self._input:
                self._input = self._file.read(_INFLATE_CHUNK)
                if not self._input:
                    raise TarError("gzip: unexpected end of file")
            try:
                data = self._member.decompress(self._input, _INFLATED_CHUNK)
            except zlib.error as problem:
                raise TarError(f"gzip: damaged stream: {problem}") from None
            self._input = self._member.unconsumed_tail
            if data:
                return data
