"""What a file seems to be that is no archive, for the error message (golang/go ``src/net/http/sniff.go``)."""

from typing import Final

__all__ = ["detect_content_type"]

_SIGNATURES: Final = (
    (b"%PDF-", "application/pdf"),
    (b"%!PS-Adobe-", "application/postscript"),
    (b"\xfe\xff", "text/plain; charset=utf-16be"),
    (b"\xff\xfe", "text/plain; charset=utf-16le"),
    (b"\xef\xbb\xbf", "text/plain; charset=utf-8"),
    (b"BM", "image/bmp"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x00\x00\x01\x00", "image/x-icon"),
    (b"PK\x03\x04", "application/zip"),
    (b"Rar!\x1a\x07\x00", "application/x-rar-compressed"),
    (b"Rar!\x1a\x07\x01\x00", "application/x-rar-compressed"),
    (b"\x00asm", "application/wasm"),
)
_MARKUP: Final = (
    *(b"<!DOCTYPE HTML", b"<HTML", b"<HEAD", b"<SCRIPT", b"<IFRAME", b"<H1", b"<DIV", b"<FONT", b"<TABLE", b"<A"),
    *(b"<STYLE", b"<TITLE", b"<B", b"<BODY", b"<BR", b"<P", b"<!--"),
)
_BINARY: Final = frozenset((*range(0x09), 0x0B, *range(0x0E, 0x1B), *range(0x1C, 0x20)))


def detect_content_type(start: bytes) -> str:
    """The media type of data that begins with ``start``, as Go's ``http.DetectContentType`` has it for common kinds."""
    text = start.lstrip(b"\t\n\x0c\r ")
    for tag in _MARKUP:
        if text[: len(tag)].upper() == tag and text[len(tag) : len(tag) + 1] in (b" ", b">"):
            return "text/html; charset=utf-8"
    if text.startswith(b"<?xml"):
        return "text/xml; charset=utf-8"
    for signature, kind in _SIGNATURES:
        if start.startswith(signature):
            return kind
    return "application/octet-stream" if _BINARY.intersection(text) else "text/plain; charset=utf-8"
