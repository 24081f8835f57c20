"""File name patterns: those of ``.Files.Glob``, and those of ``--show-only``.

Matching follows all places in the text at once, so that no pattern makes it slow.

Upstream: gobwas/glob (``syntax/lexer``, ``compiler``), golang/go ``src/path/filepath/match.go``.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

__all__ = ["PatternError", "glob", "path_pattern"]


class PatternError(ValueError):
    """A text is no pattern."""


@dataclass(frozen=True, slots=True)
class _One:
    """One character that passes the test."""

    accepts: Callable[[str], bool]

    def ends(self, text: str, starts: set[int]) -> set[int]:
        return {at + 1 for at in starts if at < len(text) and self.accepts(text[at])}


@dataclass(frozen=True, slots=True)
class _Text:
    text: str

    def ends(self, text: str, starts: set[int]) -> set[int]:
        return {at + len(self.text) for at in starts if text.startswith(self.text, at)}


@dataclass(frozen=True, slots=True)
class _Many:
    """Any characters; ``/`` only if it ``crosses``."""

    crosses: bool

    def ends(self, text: str, starts: set[int]) -> set[int]:
        found: set[int] = set()
        for start in sorted(starts):
            if start in found:
                continue
            stop = len(text) if self.crosses else text.find("/", start)
            found.update(range(start, (len(text) if stop < 0 else stop) + 1))
        return found


@dataclass(frozen=True, slots=True)
class _AnyOf:
    alternatives: Sequence[Sequence["_Node"]]

    def ends(self, text: str, starts: set[int]) -> set[int]:
        return set().union(*(_ends(nodes, text, starts) for nodes in self.alternatives))


_Node = _One | _Text | _Many | _AnyOf


def _ends(nodes: Sequence[_Node], text: str, starts: set[int]) -> set[int]:
    for node in nodes:
        if not starts:
            break
        starts = node.ends(text, starts)
    return starts


def _matcher(nodes: Sequence[_Node]) -> Callable[[str], bool]:
    return lambda text: len(text) in _ends(nodes, text, {0})


def _not_a_slash(character: str) -> bool:
    return character != "/"


class _Glob:
    """Reads gobwas/glob's syntax: ``*``, ``**``, ``?``, ``[a-z]``, ``[!abc]``, ``{a,b}`` and ``\\``."""

    _NESTED = 100

    def __init__(self, pattern: str) -> None:
        self._pattern = pattern
        self._at = 0

    def nodes(self, depth: int = 0) -> list[_Node]:
        if depth > self._NESTED:
            raise PatternError("too many braces in braces")
        pattern = self._pattern
        nodes: list[_Node] = []
        while self._at < len(pattern):
            character = pattern[self._at]
            if depth and character in ",}":
                break
            self._at += 1
            if character == "*":
                crosses = pattern.startswith("*", self._at)
                self._at += crosses
                nodes.append(_Many(crosses))
            elif character == "?":
                nodes.append(_One(_not_a_slash))
            elif character == "[":
                nodes.append(self._class())
            elif character == "{":
                nodes.append(self._alternatives(depth + 1))
            else:
                self._at -= 1
                nodes.append(_Text(self._text("?*[{,}" if depth else "?*[{")))
        return nodes

    def _alternatives(self, depth: int) -> _Node:
        found = [self.nodes(depth)]
        while self._at < len(self._pattern):
            self._at += 1
            if self._pattern[self._at - 1] == "}":
                break
            found.append(self.nodes(depth))
        return _AnyOf(found)

    def _text(self, breakers: str) -> str:
        pattern, found = self._pattern, ""
        while self._at < len(pattern) and pattern[self._at] not in breakers:
            if pattern[self._at] == "\\":
                self._at += 1
            found += pattern[self._at : self._at + 1]
            self._at += 1
        return found

    def _class(self) -> _Node:
        pattern = self._pattern
        inverted = pattern.startswith("!", self._at)
        self._at += inverted
        if pattern[self._at + 1 : self._at + 2] == "-":
            low, high = pattern[self._at], pattern[self._at + 2 : self._at + 3]
            if not high or high < low:
                raise PatternError(f"hi character '{high}' should be greater than lo '{low}'")
            self._at += 3
            self._close()
            return _One(lambda character: (low <= character <= high) is not inverted)
        characters = self._text("]")
        self._close()
        if not characters:
            raise PatternError("could not parse range")
        return _One(lambda character: (character in characters) is not inverted)

    def _close(self) -> None:
        if not self._pattern.startswith("]", self._at):
            raise PatternError("expected close range character")
        self._at += 1


@lru_cache(maxsize=256)
def glob(pattern: str) -> Callable[[str], bool]:
    """The test of ``.Files.Glob``: an invalid pattern matches everything."""
    try:
        return _matcher(_Glob(pattern).nodes())
    except PatternError:
        return lambda text: True


def path_pattern(pattern: str) -> Callable[[str], bool]:
    """The test of Go's ``filepath.Match``. Raises PatternError where Go has ErrBadPattern."""
    nodes: list[_Node] = []
    at = 0
    while at < len(pattern):
        character = pattern[at]
        at += 1
        if character == "*":
            nodes.append(_Many(False))
        elif character == "?":
            nodes.append(_One(_not_a_slash))
        elif character == "[":
            node, at = _path_class(pattern, at)
            nodes.append(node)
        else:
            if character == "\\":
                character = pattern[at : at + 1]
                at += 1
                if not character:
                    raise PatternError("syntax error in pattern")
            nodes.append(_Text(character))
    return _matcher(nodes)


def _path_class(pattern: str, at: int) -> tuple[_Node, int]:
    inverted = pattern.startswith("^", at)
    at += inverted
    ranges: list[tuple[str, str]] = []
    while not (pattern.startswith("]", at) and ranges):
        low, at = _path_character(pattern, at)
        high = low
        if pattern.startswith("-", at):
            high, at = _path_character(pattern, at + 1)
        ranges.append((low, high))
    return _One(lambda character: any(low <= character <= high for low, high in ranges) is not inverted), at + 1


def _path_character(pattern: str, at: int) -> tuple[str, int]:
    if pattern[at : at + 1] == "\\":
        at += 1
    elif pattern[at : at + 1] in ("", "-", "]"):
        raise PatternError("syntax error in pattern")
    if at >= len(pattern):
        raise PatternError("syntax error in pattern")
    return pattern[at], at + 1
