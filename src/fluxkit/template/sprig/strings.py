"""Text functions: trimming, cutting, wrapping, joining, quoting.

Positions and widths count bytes, as in Go. Upstream: Masterminds/sprig ``strings.go``, Masterminds/goutils.
"""

from typing import Any

from fluxkit.template.errors import FunctionError
from fluxkit.template.fmt import text_of
from fluxkit.template.quoting import quote
from fluxkit.template.sprig.declare import declare
from fluxkit.template.sprig.elements import elements, is_list
from fluxkit.template.sprig.limits import check_text
from fluxkit.template.sprig.printing import strval
from fluxkit.template.sprig.text import (
    SPACE,
    is_letter,
    is_lower,
    is_space,
    is_upper,
    lower,
    lower_rune,
    runes,
    title_rune,
    upper,
    upper_rune,
)
from fluxkit.template.sprig.words import camelcase, kebabcase, snakecase
from fluxkit.template.values import Map, Slice, from_bytes, to_bytes

__all__ = ["FUNCTIONS", "strings_of"]


def _hello() -> str:
    return "Hello!"


def _trim(text: str) -> str:
    return text.strip(SPACE)


def _trim_all(cut: str, text: str) -> str:
    return text.strip(cut) if cut else text


def _trim_prefix(prefix: str, text: str) -> str:
    return text.removeprefix(prefix)


def _trim_suffix(suffix: str, text: str) -> str:
    return text.removesuffix(suffix)


def _is_title_separator(character: str) -> bool:
    if character.isascii():
        return not (character.isalnum() or character == "_")
    return not (is_letter(character) or character.isdecimal()) and is_space(character)


def _title(text: str) -> str:
    out: list[str] = []
    previous = " "
    for character in runes(text):
        out.append(title_rune(character) if _is_title_separator(previous) else character)
        previous = character
    return "".join(out)


def _untitle(text: str) -> str:
    out: list[str] = []
    first = True
    for character in runes(text):
        if is_space(character):
            first = True
        elif first:
            character, first = lower_rune(character), False
        out.append(character)
    return "".join(out)


def _swapcase(text: str) -> str:
    out: list[str] = []
    word_start = True
    for character in runes(text):
        if is_upper(character) or character.istitle():
            out.append(lower_rune(character))
            word_start = False
        elif is_lower(character):
            out.append(title_rune(character) if word_start else upper_rune(character))
            word_start = False
        else:
            out.append(character)
            word_start = is_space(character)
    return "".join(out)


def _repeat(count: int, text: str) -> str:
    if count < 0:
        raise FunctionError("strings: negative Repeat count")
    check_text("repeat", count * len(text))
    return text * count


def _cut(data: bytes, start: int, end: int) -> str:
    if not 0 <= start <= end <= len(data):
        if end < 0:
            bounds = f"[:{end}]"
        else:
            bounds = f"[:{end}] with length {len(data)}" if end > len(data) else f"[{start}:{end}]"
        raise FunctionError(f"runtime error: slice bounds out of range {bounds}")
    return from_bytes(data[start:end])


def _substr(start: int, end: int, text: str) -> str:
    data = to_bytes(text)
    if start < 0:
        return _cut(data, 0, end)
    if end < 0 or end > len(data):
        return _cut(data, start, len(data))
    return _cut(data, start, end)


def _trunc(count: int, text: str) -> str:
    data = to_bytes(text)
    if count < 0:
        return from_bytes(data[count:]) if len(data) + count > 0 else text
    return from_bytes(data[:count]) if len(data) > count else text


def _nospace(text: str) -> str:
    """Byte by byte: what is not ASCII comes out as Latin-1 characters, unless there was nothing to remove."""
    kept = "".join(c for c in to_bytes(text).decode("latin-1") if not is_space(c))
    return text if len(kept) == len(to_bytes(text)) else kept


def _initials(text: str) -> str:
    out: list[str] = []
    gap = True
    for character in to_bytes(text).decode("latin-1"):
        if is_space(character):
            gap = True
        elif gap:
            out.append(character)
            gap = False
    return "".join(out)


def _abbreviate(data: bytes, offset: int, width: int) -> bytes:
    if not data or width < 4:
        return b""
    if len(data) <= width:
        return data
    offset = min(offset, len(data))
    if len(data) - offset < width - 3:
        offset = len(data) - (width - 3)
    if offset <= 4:
        return data[: width - 3] + b"..."
    if width < 7:
        return b""
    if offset + width - 3 < len(data):
        return b"..." + _abbreviate(data[offset:], 0, width - 3)
    return b"..." + data[len(data) - (width - 3) :]


def _abbrev(width: int, text: str) -> str:
    return text if width < 4 else from_bytes(_abbreviate(to_bytes(text), 0, width))


def _abbrevboth(left: int, right: int, text: str) -> str:
    if right < 4 or (left > 0 and right < 7):
        return text
    return from_bytes(_abbreviate(to_bytes(text), left, right))


def _contains(part: str, text: str) -> bool:
    return part in text


def _has_prefix(prefix: str, text: str) -> bool:
    return text.startswith(prefix)


def _has_suffix(suffix: str, text: str) -> bool:
    return text.endswith(suffix)


def _replace(old: str, new: str, text: str) -> str:
    if len(new) > len(old):
        check_text("replace", len(text) + (text.count(old)) * (len(new) - len(old)))
    return text.replace(old, new)


def _plural(one: str, many: str, count: int) -> str:
    return one if count == 1 else many


def _quote(*values: Any) -> str:
    return " ".join([quote(strval(value)) for value in values if value is not None])


def _squote(*values: Any) -> str:
    return " ".join([f"'{text_of(value)}'" for value in values if value is not None])


def _cat(*values: Any) -> str:
    return " ".join([text_of(value) for value in values if value is not None])


def _indent(spaces: int, text: str) -> str:
    if spaces < 0:
        raise FunctionError("strings: negative Repeat count")
    check_text("indent", len(text) + (text.count("\n") + 1) * spaces)
    padding = " " * spaces
    return padding + text.replace("\n", "\n" + padding)


def _nindent(spaces: int, text: str) -> str:
    return "\n" + _indent(spaces, text)


def _wrapped(text: str, width: int, newline: str, break_words: bool) -> str:
    data, separator = to_bytes(text), to_bytes(newline or "\n")
    width = max(width, 1)
    check_text("wrap", len(data) + (len(data) // width + 1) * len(separator))
    out: list[bytes] = []
    offset = 0
    while len(data) - offset > width:
        if data[offset : offset + 1] == b" ":
            offset += 1
            continue
        space = data.rfind(b" ", offset, offset + width + 1)
        if space >= 0:
            out.append(data[offset:space])
            offset = space + 1
        elif break_words:
            out.append(data[offset : offset + width])
            offset += width
        else:
            space = data.find(b" ", offset + width)
            if space < 0:
                break
            out.append(data[offset:space])
            offset = space + 1
    out.append(data[offset:])
    return from_bytes(separator.join(out))


def _wrap(width: int, text: str) -> str:
    return _wrapped(text, width, "", False)


def _wrap_with(width: int, newline: str, text: str) -> str:
    return _wrapped(text, width, newline, True)


def _parts(text: str, separator: str, limit: int = -1) -> list[str]:
    """``strings.SplitN``."""
    if limit == 0:
        return []
    if separator:
        return text.split(separator, limit - 1 if limit > 0 else -1)
    characters = list(runes(text)) if not text.isascii() else list(text)
    if 0 < limit < len(characters):
        return [*characters[: limit - 1], "".join(characters[limit - 1 :])]
    return characters


def _numbered(parts: list[str]) -> Map:
    return Map("string", {f"_{index}": part for index, part in enumerate(parts)}, zero="")


def _split(separator: str, text: str) -> Map:
    return _numbered(_parts(text, separator))


def _splitn(separator: str, limit: int, text: str) -> Map:
    return _numbered(_parts(text, separator, limit))


def _split_list(separator: str, text: str) -> Slice:
    return Slice("string", _parts(text, separator))


def strings_of(value: Any) -> list[str]:
    """The printed elements of a list without nil; a single text for anything else, none for nil."""
    if is_list(value):
        return [strval(item) for item in elements(value) if item is not None]
    return [] if value is None else [strval(value)]


def _to_strings(value: Any) -> Slice:
    return Slice("string", strings_of(value))


def _join(separator: str, value: Any) -> str:
    return separator.join(strings_of(value))


def _to_string(value: Any) -> str:
    return strval(value)


FUNCTIONS = declare(
    {
        "hello": ("func() string", _hello),
        "abbrev": ("func(int, string) string", _abbrev),
        "abbrevboth": ("func(int, int, string) string", _abbrevboth),
        "camelcase": ("func(string) string", camelcase),
        "cat": ("func(...interface {}) string", _cat),
        "contains": ("func(string, string) bool", _contains),
        "hasPrefix": ("func(string, string) bool", _has_prefix),
        "hasSuffix": ("func(string, string) bool", _has_suffix),
        "indent": ("func(int, string) string", _indent),
        "initials": ("func(string) string", _initials),
        "join": ("func(string, interface {}) string", _join),
        "kebabcase": ("func(string) string", kebabcase),
        "lower": ("func(string) string", lower),
        "nindent": ("func(int, string) string", _nindent),
        "nospace": ("func(string) string", _nospace),
        "plural": ("func(string, string, int) string", _plural),
        "quote": ("func(...interface {}) string", _quote),
        "repeat": ("func(int, string) string", _repeat),
        "replace": ("func(string, string, string) string", _replace),
        "snakecase": ("func(string) string", snakecase),
        "split": ("func(string, string) map[string]string", _split),
        "splitList": ("func(string, string) []string", _split_list),
        "splitn": ("func(string, int, string) map[string]string", _splitn),
        "squote": ("func(...interface {}) string", _squote),
        "substr": ("func(int, int, string) string", _substr),
        "swapcase": ("func(string) string", _swapcase),
        "title": ("func(string) string", _title),
        "toString": ("func(interface {}) string", _to_string),
        "toStrings": ("func(interface {}) []string", _to_strings),
        "trim": ("func(string) string", _trim),
        "trimAll": ("func(string, string) string", _trim_all),
        "trimPrefix": ("func(string, string) string", _trim_prefix),
        "trimSuffix": ("func(string, string) string", _trim_suffix),
        "trimall": ("func(string, string) string", _trim_all),
        "trunc": ("func(int, string) string", _trunc),
        "untitle": ("func(string) string", _untitle),
        "upper": ("func(string) string", upper),
        "wrap": ("func(int, string) string", _wrap),
        "wrapWith": ("func(int, string, string) string", _wrap_with),
    }
)
"""Name in templates -> Go signature and implementation."""
