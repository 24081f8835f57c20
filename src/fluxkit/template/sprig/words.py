"""snakecase, kebabcase and camelcase: splitting text into words where case, digits and connectors change.

Upstream: github.com/huandu/xstrings ``convert.go``.
"""

from collections.abc import Callable
from enum import Enum, auto

from fluxkit.template.sprig.text import (
    is_letter,
    is_number,
    is_punctuation,
    is_space,
    is_upper,
    lower_rune,
    runes,
    upper_rune,
)

__all__ = ["camelcase", "kebabcase", "snakecase"]


class _Kind(Enum):
    END = auto()
    NUMBER = auto()
    UPPER = auto()
    ALPHABET = auto()
    CONNECTOR = auto()
    PUNCTUATION = auto()
    OTHER = auto()


_JOINED = frozenset((_Kind.PUNCTUATION, _Kind.CONNECTOR))
_IN_NUMBER = frozenset((_Kind.ALPHABET, _Kind.NUMBER))


def _is_connector(character: str) -> bool:
    return character in "-_" or is_space(character)


def _is_alphabet(character: str) -> bool:
    """A letter of a script that has words; the excluded ranges are upstream's CJK."""
    return is_letter(character) and not (
        "\u4e00" <= character <= "\u9fcc"
        or "\u3400" <= character <= "\u4d85"
        or "\U00020000" <= character <= "\U0002b81d"
    )


def _is_small(character: str) -> bool:
    return _is_alphabet(character) and not is_upper(character)


def _is_other(character: str) -> bool:
    return not (
        _is_connector(character) or _is_alphabet(character) or is_number(character) or is_punctuation(character)
    )


class _Words:
    """The words of a text one after the other: :attr:`kind` and :attr:`word` are the current one."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._position = 0
        self.kind = _Kind.END
        self.word = ""
        self.next()

    @property
    def more(self) -> bool:
        return self._position < len(self._text)

    def _take(self, kind: _Kind, start: int, matches: Callable[[str], bool]) -> None:
        end = start
        while end < len(self._text) and matches(self._text[end]):
            end += 1
        self.kind, self.word, self._position = kind, self._text[self._position : end], end

    def next(self) -> _Kind:
        """Goes on to the next word; returns its kind."""
        if self.more:
            self._read(self._position)
        else:
            self.kind, self.word = _Kind.END, ""
        return self.kind

    def _read(self, start: int) -> None:
        character = self._text[start]
        if _is_connector(character):
            self._take(_Kind.CONNECTOR, start, _is_connector)
        elif is_punctuation(character):
            self._take(_Kind.PUNCTUATION, start, is_punctuation)
        elif is_upper(character):
            following = self._text[start + 1 : start + 2]
            if following and is_upper(following):
                self._take(_Kind.UPPER, start, is_upper)
                if self.more and _is_alphabet(self._text[self._position]):
                    # The last capital of HTTPStatus begins the next word.
                    self._position -= 1
                    self.word = self.word[:-1]
            else:
                self._take(_Kind.UPPER, start + 1, _is_small)
        elif _is_alphabet(character):
            self._take(_Kind.ALPHABET, start, _is_small)
        elif is_number(character):
            self._take(_Kind.NUMBER, start, is_number)
        else:
            self._take(_Kind.OTHER, start + 1, _is_other)


def _connected(text: str, connector: str) -> str:
    if not text:
        return ""
    out: list[str] = []

    def write(kind: _Kind, word: str) -> None:
        if kind is _Kind.CONNECTOR:
            out.append(connector * len(word))
        elif kind is _Kind.UPPER:
            out.extend(connector if _is_connector(c) else lower_rune(c) if is_upper(c) else c for c in word)
        else:
            out.append(word)

    def write_number_parts() -> None:
        while words.kind in _IN_NUMBER:
            write(words.kind, words.word)
            words.next()

    words = _Words(runes(text))
    while words.more:
        kind, word = words.kind, words.word
        if kind is not _Kind.CONNECTOR:
            write(kind, word)
        following = words.next()
        if kind is _Kind.NUMBER:
            write_number_parts()
            if words.kind is not _Kind.END and words.kind not in _JOINED:
                out.append(connector)
        elif kind is _Kind.CONNECTOR:
            write(kind, word)
        elif kind is not _Kind.PUNCTUATION:
            if following is not _Kind.NUMBER:
                if following not in _JOINED:
                    out.append(connector)
            elif words.more:
                number = words.word
                if words.next() is _Kind.ALPHABET:
                    # Small letters behind a number belong to it: HTTP2xx is http_2xx.
                    out.append(connector + number)
                    write_number_parts()
                    if words.kind is not _Kind.END and words.kind not in _JOINED:
                        out.append(connector)
                else:
                    # The number belongs to the word before it: Bld4Floor is bld4_floor.
                    out.append(number)
                    if words.kind not in _JOINED:
                        out.append(connector)
    write(words.kind, words.word)
    return "".join(out)


def snakecase(text: str) -> str:
    return _connected(text, "_")


def kebabcase(text: str) -> str:
    return _connected(text, "-")


def camelcase(text: str) -> str:
    """Upper camel case; a word's leading run of capitals becomes one capital and small letters."""
    characters = runes(text)
    start = 0
    while start < len(characters) and _is_connector(characters[start]):
        start += 1
    if start == len(characters):
        return characters
    out = [characters[:start]]
    in_capitals = is_upper(characters[start])
    current = upper_rune(characters[start])
    for following in characters[start + 1 :]:
        previous, current = current, following
        if _is_connector(previous):
            if _is_connector(current):
                out.append(previous)
                continue
            in_capitals = is_upper(current)
            current = upper_rune(current)
            continue
        if in_capitals:
            if is_upper(current):
                current = lower_rune(current)
            else:
                in_capitals = False
        out.append(previous)
    out.append(current)
    return "".join(out)
