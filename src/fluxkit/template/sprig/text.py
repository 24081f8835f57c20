"""Go's view of text: strings are bytes, characters have simple case mappings, white space is Unicode's.

A Go string that is not valid UTF-8 is a ``str`` with lone surrogates here (``surrogateescape``), so that text cut
inside a character survives until the output.
"""

import re
import unicodedata
from typing import Final

__all__ = [
    "SPACE",
    "is_letter",
    "is_lower",
    "is_number",
    "is_punctuation",
    "is_space",
    "is_upper",
    "lower",
    "lower_rune",
    "runes",
    "title_rune",
    "upper",
    "upper_rune",
]

SPACE: Final = "\t\n\v\f\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(map(chr, range(0x2000, 0x200B)))
"""``unicode.IsSpace``; Python's own notion also has the separators U+001C to U+001F."""

_INVALID: Final = re.compile("[\ud800-\udfff]")
_SPACES: Final = frozenset(SPACE)


def is_space(character: str) -> bool:
    return character in _SPACES


def is_letter(character: str) -> bool:
    return character.isalpha()


def is_number(character: str) -> bool:
    return unicodedata.category(character)[0] == "N"


def is_upper(character: str) -> bool:
    return unicodedata.category(character) == "Lu"


def is_lower(character: str) -> bool:
    return unicodedata.category(character) == "Ll"


def is_punctuation(character: str) -> bool:
    return unicodedata.category(character)[0] == "P"


def runes(text: str) -> str:
    """The text as ``[]rune`` sees it: every invalid byte is U+FFFD."""
    return text if text.isascii() else _INVALID.sub("\ufffd", text)


def upper_rune(character: str) -> str:
    """``unicode.ToUpper``: a letter whose upper case takes several characters keeps to its simple mapping."""
    full = character.upper()
    if len(full) == 1:
        return full
    title = character.title()
    return title if len(title) == 1 else character


def title_rune(character: str) -> str:
    """``unicode.ToTitle``."""
    title = character.title()
    return title if len(title) == 1 else character


def lower_rune(character: str) -> str:
    """``unicode.ToLower``; only U+0130 has a longer full mapping."""
    full = character.lower()
    return full if len(full) == 1 else "i"


def upper(text: str) -> str:
    """``strings.ToUpper``."""
    return text.upper() if text.isascii() else "".join(map(upper_rune, runes(text)))


def lower(text: str) -> str:
    """``strings.ToLower``."""
    return text.lower() if text.isascii() else "".join(map(lower_rune, runes(text)))
