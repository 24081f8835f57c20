"""Writing YAML byte for byte as sigs.k8s.io/yaml does (go.yaml.in/yaml/v2: ``emitterc.go``, ``encode.go``,
``sorter.go``).

Mapping keys are sorted "naturally", lists are not indented below their key, strings that would read as another type are
double-quoted, strings that only the syntax forbids are single-quoted, several lines become a literal block, and long
scalars are folded at the first space beyond column 80.
"""

import math
import re
from collections.abc import Iterable, Mapping
from functools import cmp_to_key, lru_cache
from typing import Any, Final

from fluxkit.yaml.scalars import UINT64_MAX, float_text, json_number, needs_quotes

__all__ = ["dump", "dump_all"]

_WIDTH: Final = 80
_LONGEST_SIMPLE_KEY: Final = 128

# Strings that are plain wherever they stand and never folded, unless they are a word of another type.
_SIMPLE = re.compile(r"[A-Za-z_/][A-Za-z0-9_./-]*", re.ASCII).fullmatch
_WORDS: Final = frozenset(
    word
    for stem in ("y", "n", "yes", "no", "on", "off", "true", "false", "null")
    for word in (stem, stem.capitalize(), stem.upper())
)
# A # is an indicator only behind white space, a : only before it.
_BLOCK_INDICATORS = re.compile(r"^(?:---|\.\.\.|[#,\[\]{}&*!|>'\"%@`]|[?:-](?=[ \t]|$))|:(?=[ \t]|$)|[\s\0]#", re.ASCII)
_SPECIAL_ASCII = re.compile("[^\n\x20-\x7e]").search
_BREAKS: Final = "\n\r\x85\u2028\u2029"
_BREAK = re.compile(f"[{_BREAKS}]")
# Behind a literal block that ends its line with another break than a newline; no text is written with a raw NUL.
_ENDED: Final = "\0"
_BREAK_SPACE = re.compile(f"[{_BREAKS}] ")
_SPACE_BREAK = re.compile(f" [{_BREAKS}]")
_LINES = re.compile("([\n\u2028\u2029]+)")
_FOLD = re.compile(r"(?<! ) (?! )")
_ESCAPED_ASCII = re.compile(r"[^\x20\x21\x23-\x5b\x5d-\x7e]")
_ESCAPES: Final = {
    "\0": "\\0", "\a": "\\a", "\b": "\\b", "\t": "\\t", "\n": "\\n", "\v": "\\v", "\f": "\\f", "\r": "\\r",
    "\x1b": "\\e", '"': '\\"', "\\": "\\\\", "\x85": "\\N", "\xa0": "\\_", "\u2028": "\\L", "\u2029": "\\P",
}  # fmt: skip


@lru_cache(maxsize=1)
def _special_unicode() -> re.Pattern[str]:
    # Large character classes take milliseconds to compile, and most texts are ASCII.
    return re.compile("[^\n\x20-\x7e\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd]")


def _has_special(text: str) -> bool:
    """Whether a string holds characters that only double quotes can carry."""
    return (_SPECIAL_ASCII(text) if text.isascii() else _special_unicode().search(text)) is not None


@lru_cache(maxsize=1)
def _escaped_unicode() -> re.Pattern[str]:
    return re.compile(r"[^\x20\x21\x23-\x5b\x5d-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd]")


def escaped(text: str) -> str:
    """What stands between double quotes for a string."""
    if text.startswith("\ufeff"):
        # go-yaml looks for the mark where the text begins, whichever character it is at.
        return "".join(_ESCAPES.get(character) or _code(character) for character in text)
    return (_ESCAPED_ASCII if text.isascii() else _escaped_unicode()).sub(_escape, text)


def dump(value: Any) -> str:
    """One document, ending in a newline. Takes what JSON takes (dicts with string keys, lists, strings, numbers,
    booleans, None); raises TypeError for other types and ValueError for NaN and infinities, which JSON lacks."""
    out: list[str] = []
    _root(value, out)
    text = "".join(out)
    return text.replace(_ENDED + "\n", "") if _ENDED in text else text


def dump_all(values: Iterable[Any]) -> str:
    """Several documents, separated (not preceded) by ``---`` lines."""
    return "---\n".join(map(dump, values))


def _root(value: Any, out: list[str]) -> None:
    kind = type(value)
    if kind is str:
        # Column -1, because there is no space before it.
        out.append(_string(value, -1, "  ", False).removeprefix(" ") + "\n" * (not _ends_line(value)))
    elif value and isinstance(value, dict):
        _mapping(value, "", "", out)
    elif value and isinstance(value, list | tuple):
        _sequence(value, "", "", out)
    else:
        out.append(_atom(value) + "\n")


def _mapping(mapping: Mapping[str, Any], indent: str, lead: str, out: list[str]) -> None:
    """``lead`` stands before the first key: the indentation, or the dashes of the list this is an item of."""
    for key in sorted_keys(mapping):
        value = mapping[key]
        text = _key(key)
        if text is None:
            _complex_entry(key, value, indent, lead, out)
            lead = indent
            continue
        kind = type(value)
        if kind is str:
            if _SIMPLE(value) and value not in _WORDS:
                out.append(f"{lead}{text}: {value}\n")
            else:
                column = len(lead) + len(text) + 1
                out.append(f"{lead}{text}:{_string(value, column, indent + '  ')}\n")
        elif kind is dict or isinstance(value, dict):
            if value:
                out.append(f"{lead}{text}:\n")
                _mapping(value, indent + "  ", indent + "  ", out)
            else:
                out.append(f"{lead}{text}: {{}}\n")
        elif kind is list or isinstance(value, list | tuple):
            if value:
                out.append(f"{lead}{text}:\n")
                _sequence(value, indent, indent, out)
            else:
                out.append(f"{lead}{text}: []\n")
        else:
            out.append(f"{lead}{text}: {_atom(value)}\n")
        lead = indent


def _complex_entry(key: str, value: Any, indent: str, lead: str, out: list[str]) -> None:
    """A key too long for one line: ``? key`` and, on the next line, ``: value``."""
    deeper = indent + "  "
    out.append(f"{lead}?{_string(key, len(lead) + 1, deeper)}\n")
    _item(value, indent, indent + ":", out)


def _sequence(items: Iterable[Any], indent: str, lead: str, out: list[str]) -> None:
    for item in items:
        _item(item, indent, lead + "-", out)
        lead = indent


def _item(item: Any, indent: str, lead: str, out: list[str]) -> None:
    deeper = indent + "  "
    kind = type(item)
    if kind is str:
        if _SIMPLE(item) and item not in _WORDS:
            out.append(f"{lead} {item}\n")
        else:
            out.append(f"{lead}{_string(item, len(lead), deeper)}\n")
    elif isinstance(item, dict):
        if item:
            _mapping(item, deeper, lead + " ", out)
        else:
            out.append(f"{lead} {{}}\n")
    elif isinstance(item, list | tuple):
        if item:
            _sequence(item, deeper, lead + " ", out)
        else:
            out.append(f"{lead} []\n")
    else:
        out.append(f"{lead} {_atom(item)}\n")


def _atom(value: Any) -> str:
    if value is None:
        return "null"
    if value is True:
        return "true"
    if value is False:
        return "false"
    if isinstance(value, int):
        return str(value) if -(2**63) <= value <= UINT64_MAX else float_text(float(value))
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f"unsupported value: {value}")
        number = json_number(value)
        return str(number) if isinstance(number, int) else float_text(number)
    if isinstance(value, dict):
        return "{}"
    if isinstance(value, list | tuple):
        return "[]"
    if isinstance(value, str):
        return _string(str(value), 0, "").removeprefix(" ")
    raise TypeError(f"cannot write {type(value).__name__} as YAML")


def _ends_line(text: str) -> bool:
    """Whether the text is written as a literal block whose last line is already ended."""
    return text.endswith("\n") and _style(text) == "|"


@lru_cache(maxsize=16384)
def _style(text: str) -> str:
    """How a string is written: plain (empty), ``'``, ``"`` or ``|``."""
    if not text:
        return '"'
    special = _has_special(text)
    breaks = _BREAK.search(text) is not None
    if "\n" in text:
        usable = not (special or text[-1] == " " or _SPACE_BREAK.search(text))
        return "|" if usable else '"'
    if needs_quotes(text) or special:
        return '"'
    if breaks or text[0] == " " or text[-1] == " " or _BLOCK_INDICATORS.search(text):
        awkward = breaks and (_BREAK_SPACE.search(text) or _SPACE_BREAK.search(text))
        return '"' if awkward else "'"
    return ""


@lru_cache(maxsize=8192)
def _key(key: str) -> str | None:
    """A key as it stands before its colon, None if it needs the ``?`` form."""
    if _SIMPLE(key) and key not in _WORDS and len(key) <= _LONGEST_SIMPLE_KEY:
        return key
    if len(key.encode("utf-8", "surrogatepass")) > _LONGEST_SIMPLE_KEY or _BREAK.search(key):
        return None
    style = _style(key)
    if style == "'":
        return "'" + key.replace("'", "''") + "'"
    if style == '"':
        return '"' + escaped(key) + '"'
    return key


def _escape(match: re.Match[str]) -> str:
    character = match[0]
    return _ESCAPES.get(character) or _code(character)


def _code(character: str) -> str:
    code = ord(character)
    if code <= 0xFF:
        return f"\\x{code:02X}"
    return f"\\u{code:04X}" if code <= 0xFFFF else f"\\U{code:08X}"


def _string(text: str, column: int, indent: str, newline_follows: bool = True) -> str:
    """A string behind a space, from ``column`` on; continued lines are indented by ``indent``.

    Without the newline that the caller writes behind it: a literal block that ends a line leaves its last one out.
    """
    style = _style(text)
    if style == "":
        if column + 1 + len(text) <= _WIDTH + 1:
            return " " + text
        return " " + _fold(text, column + 1, indent)
    if style == "'":
        quoted = text.replace("'", "''")
        if _BREAK.search(quoted):
            return f" '{_fold_lines(quoted, column + 2, indent)}'"
        if column + 2 + len(quoted) <= _WIDTH + 1:
            return f" '{quoted}'"
        return f" '{_fold(quoted, column + 2, indent)}'"
    if style == '"':
        return f' "{_double_quoted(text, column + 2, indent)}"'
    block = _literal(text, indent)
    if newline_follows:
        return block + _ENDED if block[-1] in "\u2028\u2029" else block.removesuffix("\n")
    return block


def _fold(text: str, column: int, indent: str) -> str:
    """Break before the word that starts beyond the width; only single spaces inside the text can become breaks."""
    parts: list[str] = []
    start = 0
    last = len(text) - 1
    while True:
        match = _FOLD.search(text, max(start + _WIDTH + 1 - column, start, 1))
        if match is None or match.start() >= last:
            parts.append(text[start:])
            return "".join(parts)
        parts.append(text[start : match.start()])
        parts.append("\n" + indent)
        start = match.end()
        column = len(indent)


def _fold_lines(text: str, column: int, indent: str) -> str:
    """As :func:`_fold`, of a text with breaks: behind each the column restarts and the indentation is written."""
    parts: list[str] = []
    for position, piece in enumerate(_LINES.split(text)):
        if position % 2:
            parts.append(piece)
        elif piece:
            parts.append(indent if position else "")
            parts.append(_fold(piece, len(indent) if position else column, indent))
    return "".join(parts)


def _double_quoted(text: str, column: int, indent: str) -> str:
    unfolded = escaped(text)
    if column + len(unfolded) <= _WIDTH + 1:
        return unfolded
    parts: list[str] = []
    after_space = False
    last = len(text) - 1
    for position, character in enumerate(text):
        if character == " ":
            if not after_space and column > _WIDTH and 0 < position < last:
                parts.append("\n" + indent)
                column = len(indent)
                if text[position + 1] == " ":
                    parts.append("\\")
                    column += 1
            else:
                parts.append(" ")
                column += 1
            after_space = True
            continue
        after_space = False
        piece = escaped(character)
        parts.append(piece)
        column += len(piece)
    return "".join(parts)


def _literal(text: str, indent: str) -> str:
    first = "2" if text[0] == " " or text[0] in _BREAKS else ""
    if text[-1] not in _BREAKS:
        chomp = "-"
    elif len(text) == 1 or text[-2] in _BREAKS:
        chomp = "+"
    else:
        chomp = ""
    pieces = _LINES.split(text)
    body = [f" |{first}{chomp}\n"]
    # split() alternates: text, breaks, text, ...
    for position, piece in enumerate(pieces):
        if not piece:
            continue
        body.append(piece if position % 2 else indent + piece)
    return "".join(body)


# Letters after everything else, in the order of their code points.
_LETTERS_LAST: Final = {code: chr(code + 0x100) for code in range(128) if chr(code).isalpha()}
_HAS_DIGIT = re.compile("[0-9]").search


def sorted_keys(mapping: Mapping[str, Any]) -> list[str]:
    """The keys of a mapping in go-yaml's natural order: runs of digits by value, letters after other characters."""
    keys = list(mapping)
    if len(keys) < 2:
        return keys
    joined = "".join(keys)
    if joined.isascii():
        if joined.isalpha():
            keys.sort()
            return keys
        if not _HAS_DIGIT(joined):
            keys.sort(key=_letters_last)
            return keys
    keys.sort(key=cmp_to_key(_natural_order))
    return keys


def _letters_last(key: str) -> str:
    return key.translate(_LETTERS_LAST)


def _natural_order(left: str, right: str) -> int:
    if left == right:
        return 0
    return -1 if natural_less(left, right) else 1


def natural_less(left: str, right: str) -> bool:
    """go-yaml v2's order of keys."""
    for index, (a, b) in enumerate(zip(left, right, strict=False)):
        if a == b:
            continue
        a_letter, b_letter = a.isalpha(), b.isalpha()
        if a_letter and b_letter:
            return a < b
        if a_letter or b_letter:
            return b_letter
        # Inside a number, a zero is a digit like any other; at its start it counts for nothing.
        inside = 0
        if a == "0" or b == "0":
            for before in reversed(left[:index]):
                if not before.isdecimal():
                    break
                if before != "0":
                    inside = 1
                    break
        a_end, a_number = _digits(left, index, inside)
        b_end, b_number = _digits(right, index, inside)
        if a_number != b_number:
            return a_number < b_number
        if a_end != b_end:
            return a_end < b_end
        return a < b
    return len(left) < len(right)


def _digits(text: str, start: int, number: int) -> tuple[int, int]:
    end = start
    while end < len(text) and text[end].isdecimal():
        number = number * 10 + ord(text[end]) - 48
        end += 1
    return end, number


def quoted(text: str, indent: str, *, force: bool = False) -> str:
    """A string as a scalar that is never folded; ``force`` double-quotes it where plain text would have another type.

    For texts whose layout is not :func:`dump`'s; a literal block is indented by ``indent``.
    """
    if force:
        return '"' + escaped(text) + '"'
    if "\n" in text:
        style = _style(text)
        return _literal(text, indent)[1:].removesuffix("\n") if style == "|" else '"' + escaped(text) + '"'
    if not text:
        return '""'
    if _has_special(text):
        return '"' + escaped(text) + '"'
    if text[0] == " " or text[-1] == " " or _BLOCK_INDICATORS.search(text):
        return "'" + text.replace("'", "''") + "'"
    return text
