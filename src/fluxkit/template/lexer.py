"""Tokens of a template: text outside actions, and what stands between ``{{`` and ``}}``.

Behaves as golang/go ``src/text/template/parse/lex.go``. Positions are indexes into the text; lines and byte columns are
worked out when a message needs them. An error is the last token but one, so that the parser reports what comes first.
"""

import enum
import re
import unicodedata
from typing import NamedTuple

from fluxkit.template.quoting import is_print, quote

__all__ = ["Kind", "Token", "tokenize"]


class Kind(enum.IntEnum):
    """What a token is; the keywords come last, as messages show them in angle brackets."""

    ERROR = 0
    BOOL = 1
    CHAR = 2
    CHAR_CONSTANT = 3
    COMPLEX = 5
    ASSIGN = 6
    DECLARE = 7
    EOF = 8
    FIELD = 9
    IDENTIFIER = 10
    LEFT_DELIM = 11
    LEFT_PAREN = 12
    NUMBER = 13
    PIPE = 14
    RAW_STRING = 15
    RIGHT_DELIM = 16
    RIGHT_PAREN = 17
    SPACE = 18
    STRING = 19
    TEXT = 20
    VARIABLE = 21
    KEYWORD = 22
    BLOCK = 23
    BREAK = 24
    CONTINUE = 25
    DOT = 26
    DEFINE = 27
    ELSE = 28
    END = 29
    IF = 30
    NIL = 31
    RANGE = 32
    TEMPLATE = 33
    WITH = 34


class Token(NamedTuple):
    kind: Kind
    position: int
    text: str

    def __str__(self) -> str:
        if self.kind is Kind.EOF:
            return "EOF"
        if self.kind is Kind.ERROR:
            return self.text
        if self.kind > Kind.KEYWORD:
            return f"<{self.text}>"
        if len(self.text.encode("utf-8", "surrogateescape")) > 10:
            return quote(self.text[:10]) + "..."
        return quote(self.text)


_KEYWORDS = {
    "block": Kind.BLOCK,
    "break": Kind.BREAK,
    "continue": Kind.CONTINUE,
    "define": Kind.DEFINE,
    "else": Kind.ELSE,
    "end": Kind.END,
    "if": Kind.IF,
    "range": Kind.RANGE,
    "nil": Kind.NIL,
    "template": Kind.TEMPLATE,
    "with": Kind.WITH,
    "true": Kind.BOOL,
    "false": Kind.BOOL,
}
_SPACES = " \t\r\n"
_TERMINATORS = " \t\r\n.,|:()"
_ENDS = r"(?=[ \t\r\n.,|:()]|\}\}|\Z)"
# The order of the groups is the order of _KINDS. Words are ASCII here; others take the slow path.
_TOKEN = re.compile(
    r"([ \t\r\n]+(?=[ \t\r\n]-\}\})|(?![ \t\r\n]-\}\})[ \t\r\n]+)"
    rf"|(\.[A-Za-z_][A-Za-z0-9_]*{_ENDS})"
    rf"|([A-Za-z_][A-Za-z0-9_]*{_ENDS})"
    rf"|(\$[A-Za-z0-9_]*{_ENDS})"
    r'|("(?:[^"\\\n]|\\[^\n])*")'
    r"|((?:[ \t\r\n]-)?\}\})"
    r"|(\()"
    r"|(\))"
    r"|(\|)"
    r"|(:=)"
    r"|(=)"
    rf"|(\.(?=[ \t\r\n.,|:()]|\}}\}}))"
    r"|(`[^`]*`)"
    r"|('(?:[^'\\\n]|\\[^\n])*')"
)
_KINDS = (
    None,
    Kind.SPACE,
    Kind.FIELD,
    Kind.IDENTIFIER,
    Kind.VARIABLE,
    Kind.STRING,
    Kind.RIGHT_DELIM,
    Kind.LEFT_PAREN,
    Kind.RIGHT_PAREN,
    Kind.PIPE,
    Kind.DECLARE,
    Kind.ASSIGN,
    Kind.DOT,
    Kind.RAW_STRING,
    Kind.CHAR_CONSTANT,
)
_NUMBER = re.compile(
    r"[+-]?(?:0[xX][0-9a-fA-F_]*(?:\.[0-9a-fA-F_]*)?(?:[pP][+-]?[0-9_]*)?"
    r"|0[oO][0-7_]*(?:\.[0-7_]*)?|0[bB][01_]*(?:\.[01_]*)?"
    r"|[0-9_]*(?:\.[0-9_]*)?(?:[eE][+-]?[0-9_]*)?)i?"
)
_SPACE_RUN = re.compile(r"[ \t\r\n]*")


def tokenize(text: str) -> list[Token]:
    """All tokens of ``text``; the last is EOF, before it possibly an ERROR whose text is the message."""
    return _Lexer(text).run()


def _is_word(character: str) -> bool:
    return character == "_" or unicodedata.category(character) in ("Lu", "Ll", "Lt", "Lm", "Lo", "Nd")


def _unicode_name(character: str) -> str:
    """``%#U``."""
    if "\ud800" <= character <= "\udfff":
        character = "\ufffd"
    shown = f" '{character}'" if is_print(character) else ""
    return f"U+{ord(character):04X}{shown}"


class _Lexer:
    def __init__(self, text: str) -> None:
        self._text = text
        self._position = 0
        self._tokens: list[Token] = []

    def run(self) -> list[Token]:
        text = self._text
        while True:
            start = self._position
            delimiter = text.find("{{", start)
            if delimiter < 0:
                break
            inside = delimiter + 2
            trim = text.startswith("-", inside) and text[inside + 1 : inside + 2] in ("\n", " ", "\t", "\r")
            if delimiter > start:
                piece = text[start:delimiter]
                if trim:
                    piece = piece.rstrip(_SPACES)
                if piece:
                    self._tokens.append(Token(Kind.TEXT, start, piece))
            if trim:
                inside += 2
            self._position = inside
            if text.startswith("/*", inside):
                if not self._comment():
                    return self._finish()
                continue
            self._tokens.append(Token(Kind.LEFT_DELIM, delimiter, "{{"))
            if not self._action():
                return self._finish()
        if start < len(text):
            self._tokens.append(Token(Kind.TEXT, start, text[start:]))
        return self._finish()

    def _finish(self) -> list[Token]:
        self._tokens.append(Token(Kind.EOF, len(self._text), "EOF"))
        return self._tokens

    def _error(self, start: int, message: str) -> bool:
        self._tokens.append(Token(Kind.ERROR, start, message))
        return False

    def _comment(self) -> bool:
        start = self._position
        end = self._text.find("*/", start + 2)
        if end < 0:
            return self._error(start, "unclosed comment")
        end += 2
        if self._text.startswith("}}", end):
            self._position = end + 2
            return True
        if self._text.startswith("-}}", end + 1) and self._text[end] in _SPACES:
            self._skip_space(end + 4)
            return True
        return self._error(start, "comment ends before closing delimiter")

    def _skip_space(self, start: int) -> None:
        found = _SPACE_RUN.match(self._text, start)
        self._position = found.end() if found else start

    def _action(self) -> bool:
        """The tokens up to and including the right delimiter; False after an error."""
        text, tokens, match = self._text, self._tokens, _TOKEN.match
        depth = 0
        position = self._position
        while True:
            found = match(text, position)
            if found is None:
                position = self._unusual(position)
                if position < 0:
                    return False
                continue
            kind = _KINDS[found.lastindex or 0]
            value = found.group()
            if kind is Kind.IDENTIFIER:
                kind = _KEYWORDS.get(value, kind)
            elif kind is Kind.RIGHT_DELIM:
                if depth:
                    return self._error(position, "unclosed left paren")
                end = found.end()
                tokens.append(Token(Kind.RIGHT_DELIM, end - 2, "}}"))
                if len(value) > 2:
                    self._skip_space(end)
                else:
                    self._position = end
                return True
            elif kind is Kind.LEFT_PAREN:
                depth += 1
            elif kind is Kind.RIGHT_PAREN:
                depth -= 1
                if depth < 0:
                    return self._error(position, "unexpected right paren")
            assert kind is not None
            tokens.append(Token(kind, position, value))
            position = found.end()

    def _unusual(self, start: int) -> int:
        """What the pattern does not take: numbers, words beyond ASCII, errors. Where it ends, or -1 after an error."""
        text = self._text
        if start >= len(text):
            self._error(start, "unclosed action")
            return -1
        first = text[start]
        following = text[start + 1 : start + 2]
        if first == ":":
            self._error(start, "expected :=")
        elif first == '"':
            self._error(start, "unterminated quoted string")
        elif first == "`":
            self._error(start, "unterminated raw quoted string")
        elif first == "'":
            self._error(start, "unterminated character constant")
        elif first == "$" or (first == "." and following and not "0" <= following <= "9"):
            return self._word(start, Kind.VARIABLE if first == "$" else Kind.FIELD)
        elif first in "+-." or "0" <= first <= "9":
            return self._number(start)
        elif _is_word(first):
            return self._word(start, Kind.IDENTIFIER)
        elif " " <= first <= "~":
            self._tokens.append(Token(Kind.CHAR, start, first))
            return start + 1
        else:
            self._error(start, f"unrecognized character in action: {_unicode_name(first)}")
        return -1

    def _word(self, start: int, kind: Kind) -> int:
        text = self._text
        end = start + 1
        while end < len(text) and _is_word(text[end]):
            end += 1
        if end < len(text) and text[end] not in _TERMINATORS and not text.startswith("}}", end):
            self._error(start, f"bad character {_unicode_name(text[end])}")
            return -1
        word = text[start:end]
        self._tokens.append(Token(_KEYWORDS.get(word, kind), start, word))
        return end

    def _number(self, start: int) -> int:
        end, good = self._scan_number(start)
        kind = Kind.NUMBER
        if good and self._text[end : end + 1] in ("+", "-"):
            kind = Kind.COMPLEX
            end, good = self._scan_number(end)
            good = good and self._text[end - 1] == "i"
        if not good:
            self._error(start, f"bad number syntax: {quote(self._text[start:end])}")
            return -1
        self._tokens.append(Token(kind, start, self._text[start:end]))
        return end

    def _scan_number(self, start: int) -> tuple[int, bool]:
        found = _NUMBER.match(self._text, start)
        end = found.end() if found else start
        if end < len(self._text) and _is_word(self._text[end]):
            return end + 1, False
        return end, True
