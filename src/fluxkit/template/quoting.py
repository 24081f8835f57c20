"""Go's quoted strings and characters (golang/go ``src/strconv/quote.go``)."""

import re
import unicodedata

from fluxkit.template.values import from_bytes, to_bytes

__all__ = ["InvalidSyntax", "can_backquote", "is_print", "quote", "quote_rune", "unquote", "unquote_rune"]

_SHORT = {"\a": "\\a", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\v": "\\v", "\\": "\\\\"}
_PLAIN = re.compile(r"[ !#-\[\]-~]*\Z")
_ESCAPES = {"a": 7, "b": 8, "f": 12, "n": 10, "r": 13, "t": 9, "v": 11, "\\": 92}
_HEX_LENGTH = {"x": 2, "u": 4, "U": 8}
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)


class InvalidSyntax(ValueError):
    """No quoted Go string; the text is Go's."""

    def __init__(self) -> None:
        super().__init__("invalid syntax")


def is_print(character: str) -> bool:
    """unicode.IsPrint: letters, marks, numbers, punctuation, symbols and the ASCII space."""
    return character == " " or unicodedata.category(character)[0] in "LMNPS"


def quote(text: str, *, ascii_only: bool = False) -> str:
    """``%q``: text in double quotes; what cannot be printed is escaped, all that is not ASCII if asked for."""
    if _PLAIN.match(text):
        return f'"{text}"'
    return '"' + "".join(_escape(character, '"', ascii_only) for character in text) + '"'


def quote_rune(code: int, *, ascii_only: bool = False) -> str:
    """``%q`` of an integer: the character in single quotes."""
    if code > 0x10FFFF or code < 0 or 0xD800 <= code <= 0xDFFF:
        code = 0xFFFD
    return "'" + _escape(chr(code), "'", ascii_only) + "'"


def can_backquote(text: str) -> bool:
    """Whether ``text`` can stand unchanged between backquotes."""
    return not any(
        character in "`\x7f\ufeff" or (character < " " and character != "\t") or "\ud800" <= character <= "\udfff"
        for character in text
    )


def _escape(character: str, delimiter: str, ascii_only: bool) -> str:
    if character == delimiter:
        return "\\" + character
    if short := _SHORT.get(character):
        return short
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:
        return f"\\x{code - 0xDC00:02x}"
    if code < 0x80 or not ascii_only:
        if is_print(character):
            return character
        if code < 0x20 or code == 0x7F:
            return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def unquote(literal: str) -> str:
    """The string that a Go literal in double quotes or backquotes stands for. Raises :class:`InvalidSyntax`."""
    body = literal[1:-1]
    if literal[0] == "`":
        return body.replace("\r", "") if "\r" in body else body
    if "\\" not in body:
        return body
    pieces: list[bytes] = []
    position = 0
    while (start := body.find("\\", position)) >= 0:
        pieces.append(to_bytes(body[position:start]))
        piece, position = _unescape(body, start, '"')
        pieces.append(piece)
    pieces.append(to_bytes(body[position:]))
    return from_bytes(b"".join(pieces))


def unquote_rune(literal: str) -> int:
    """The code point of a character constant such as ``'a'``. Raises ValueError with Go's text."""
    body = literal[1:]
    if body[0] == "'":
        raise InvalidSyntax
    if body[0] != "\\":
        code, end = ord(body[0]), 1
        if 0xDC80 <= code <= 0xDCFF:
            code = 0xFFFD
    else:
        code, end = _code(body, 0, "'")
    if body[end:] != "'":
        raise ValueError(f"malformed character constant: {literal}")
    return code


def _unescape(text: str, start: int, delimiter: str) -> tuple[bytes, int]:
    """The bytes of the escape at ``start`` (its backslash), and where it ends."""
    code, end = _code(text, start, delimiter)
    if text[start + 1] == "x" or text[start + 1] in "01234567":
        return bytes([code]), end
    return chr(code).encode(), end


def _code(text: str, start: int, delimiter: str) -> tuple[int, int]:
    letter = text[start + 1 : start + 2]
    if letter in _ESCAPES:
        return _ESCAPES[letter], start + 2
    if letter == delimiter:
        return ord(letter), start + 2
    if length := _HEX_LENGTH.get(letter):
        digits = text[start + 2 : start + 2 + length]
        if not re.fullmatch(f"[0-9a-fA-F]{{{length}}}", digits):
            raise InvalidSyntax
        code = int(digits, 16)
        if letter != "x" and (code > 0x10FFFF or 0xD800 <= code <= 0xDFFF):
            raise InvalidSyntax
        return code, start + 2 + length
    digits = text[start + 1 : start + 4]
    if not re.fullmatch("[0-7]{3}", digits) or int(digits, 8) > 255:
        raise InvalidSyntax
    return int(digits, 8), start + 4
