"""Tokens of a YAML text, with the comments between them (go-yaml ``scannerc.go``).

The scanner is PyYAML's, which shares its ancestry with go-yaml's; what go-yaml added is the gathering of comments and a
look-ahead of two tokens for it. Texts without ``#`` are scanned by libyaml instead.
"""

import re
from dataclasses import dataclass
from typing import Any, Final

from yaml import CSafeLoader
from yaml.error import Mark
from yaml.reader import Reader
from yaml.scanner import Scanner, ScannerError
from yaml.tokens import (
    BlockEndToken,
    BlockEntryToken,
    BlockSequenceStartToken,
    FlowEntryToken,
    ScalarToken,
    Token,
    ValueToken,
)

__all__ = ["CommentTokens", "PlainTokens", "TokenSource"]

_BLANKS: Final = " \t"
_BREAKS: Final = "\r\n\x85\u2028\u2029"
_FAR: Final = 512
_SPACE: Final = "\\0 \\t\\r\\n\\x85\\u2028\\u2029"
_LINE_BREAK: Final = re.compile("[\r\n\x85\u2028\u2029\ufeff]")
_END_OF_LINE: Final = re.compile("[\0\r\n\x85\u2028\u2029]")
_WORD: Final = re.compile(rf"(?:[^{_SPACE}:]|:(?![{_SPACE}]))*")
_FLOW_WORD: Final = re.compile(rf"(?:[^{_SPACE}:,?\[\]{{}}]|:(?![{_SPACE},\[\]{{}}]))*")
_LEVELS: Final = 1000


@dataclass(slots=True)
class _Place:
    index: int = 0
    line: int = 0
    column: int = 0


@dataclass(slots=True)
class _Found:
    """A comment, and the position from which on it belongs to what is parsed next."""

    scan: _Place
    token: _Place
    start: _Place
    end: _Place
    head: str = ""
    line: str = ""
    foot: str = ""


class TokenSource:
    """What the parser reads from: tokens one by one, and the comments that have come up with them."""

    def __init__(self) -> None:
        self.head = ""
        self.line = ""
        self.foot = ""

    def peek(self) -> Token:
        raise NotImplementedError

    def skip(self) -> None:
        raise NotImplementedError


class PlainTokens(TokenSource):
    """The tokens of a text without comments."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self._loader: Any = CSafeLoader(text)

    def peek(self) -> Token:
        token: Token = self._loader.peek_token()
        return token

    def skip(self) -> None:
        self._loader.get_token()


class CommentTokens(TokenSource):
    """The tokens of a text with comments."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self._scanner = _Scanner(text)
        self._taken = 0
        self._joined = 0

    def peek(self) -> Token:
        scanner = self._scanner
        while len(scanner.tokens) - self._taken < 3 or scanner.may_become_key(self._taken):
            scanner.fetch_more_tokens()
        token: Token = scanner.tokens[self._taken]
        self._join(token)
        return token

    def skip(self) -> None:
        self._taken += 1

    def _join(self, token: Token) -> None:
        """Takes up the comments that lie at or before a token."""
        comments = self._scanner.comments
        while self._joined < len(comments):
            found = comments[self._joined]
            if token.start_mark.index < found.token.index:
                return
            if found.head:
                if isinstance(token, BlockEndToken):
                    return  # ends have no heads
                self.head = _joined(self.head, found.head)
            if found.foot:
                self.foot = _joined(self.foot, found.foot)
            if found.line:
                self.line = _joined(self.line, found.line)
            self._joined += 1


class _Scanner(Reader, Scanner):
    """PyYAML's scanner, gathering comments. All tokens are kept, because the rules look back."""

    def __init__(self, text: str) -> None:
        Reader.__init__(self, text)
        self.buffer += "\0\0\0"  # the rules for comments look beyond the end
        Scanner.__init__(self)
        self.comments: list[_Found] = []

    def may_become_key(self, number: int) -> bool:
        """Whether a ``:`` further on may make the token with this number a key."""
        self.stale_possible_simple_keys()
        return any(key.token_number == number for key in self.possible_simple_keys.values())

    def fetch_more_tokens(self) -> None:
        scan = self._place()
        self._scan_gap(scan)
        self.stale_possible_simple_keys()
        self._unwind(self.column, scan)
        char = self.peek()
        if char == "\0" or (
            self.column == 0
            and (char == "%" or (self.prefix(3) in ("---", "...") and self.peek(3) in "\0" + _BLANKS + _BREAKS))
        ):
            super().fetch_more_tokens()
            return
        owner = self._place()
        if self.tokens and char == ("," if self.flow_level else ":"):
            owner = _place_of(self.tokens[-1].start_mark)  # a comment behind it belongs to what is before it
        super().fetch_more_tokens()
        if not isinstance(self.tokens[-1], BlockEntryToken):
            self._scan_line_comment(owner)

    def _place(self) -> _Place:
        return _Place(self.index, self.line, self.column)

    def _newlines(self) -> int:
        """Line breaks since the last character that is neither blank nor break."""
        count, position, buffer = 0, self.pointer - 1, self.buffer
        while position >= 0 and (buffer[position] in _BLANKS or buffer[position] in _BREAKS):
            char = buffer[position]
            if char in _BREAKS and not (char == "\r" and buffer[position + 1] == "\n"):
                count += 1
            position -= 1
        return count

    def _scan_gap(self, scan: _Place) -> None:
        """Up to the next token (yaml_parser_scan_to_next_token)."""
        if self.index == 0 and self.peek() == "\ufeff":
            self.forward()
        while True:
            while self.peek() == " " or (self.peek() == "\t" and (self.flow_level or not self.allow_simple_key)):
                self.forward()
            self._promote_line_comment()
            if self.peek() == "#":
                self._scan_comments(scan)
            if self.peek() not in _BREAKS:
                return
            self.scan_line_break()  # type: ignore[no-untyped-call]
            if not self.flow_level:
                self.allow_simple_key = True

    def _promote_line_comment(self) -> None:
        """A comment behind the dash of a list in a list is the head of what follows."""
        if not self.comments or len(self.tokens) < 2:
            return
        last = self.comments[-1]
        if (
            isinstance(self.tokens[-2], BlockSequenceStartToken)
            and isinstance(self.tokens[-1], BlockEntryToken)
            and last.line
            and self.peek() not in _BREAKS
        ):
            last.head, last.line = last.line, ""
            if last.start.line == self.line - 1:
                last.token = self._place()

    def _scan_line_comment(self, owner: _Place) -> None:
        if self._newlines():
            return
        blanks = 0
        while blanks < _FAR and self.peek(blanks) in _BLANKS:
            blanks += 1
        if blanks == _FAR or self.peek(blanks) != "#":
            return
        self.forward(blanks)
        start = self._place()
        self.comments.append(_Found(_Place(), owner, start, _Place(), line=self._rest_of_line()))

    def _rest_of_line(self) -> str:
        found = _END_OF_LINE.search(self.buffer, self.pointer)
        assert found is not None  # the buffer ends in NUL
        text: str = self.buffer[self.pointer : found.start()]
        self.forward(len(text))
        return text

    # --- the same as PyYAML's, without looking at each character by itself ---

    def forward(self, length: int = 1) -> None:
        end = self.pointer + length
        if length < 4 or _LINE_BREAK.search(self.buffer, self.pointer, end):
            super().forward(length)
            return
        self.pointer = end
        self.index += length
        self.column += length

    def scan_plain(self) -> ScalarToken:
        chunks: list[str] = []
        start = end = self.get_mark()
        indent = self.indent + 1
        spaces: list[str] = []
        word = _FLOW_WORD if self.flow_level else _WORD
        while self.peek() != "#":
            found = word.match(self.buffer, self.pointer)
            if found is None or not found[0]:
                break
            self.allow_simple_key = False
            chunks += spaces
            chunks.append(found[0])
            self.forward(len(found[0]))
            end = self.get_mark()
            spaces = self.scan_plain_spaces(indent, start) or []
            if not spaces or self.peek() == "#" or (not self.flow_level and self.column < indent):
                break
        return ScalarToken("".join(chunks), True, start, end)

    def _scan_comments(self, scan: _Place) -> None:
        """Lines of comments from here on, split into feet of what is before and the head of what follows."""
        token = self.tokens[-1]
        if isinstance(token, FlowEntryToken) and len(self.tokens) > 1:
            token = self.tokens[-2]
        owner = _place_of(token.start_mark)
        newlines = self._newlines()
        start = _Place()
        indent = max(self.indent, 0)
        recent_empty, first_empty = False, newlines <= 1
        line, column = self.line, self.column
        text = ""
        foot_line = -1
        if scan.line > 0:
            foot_line = line - newlines + 1 + (newlines == 0 and column > 1)
        peek = 0
        while peek < _FAR:
            column += 1
            char = self.peek(peek)
            if char in _BLANKS:
                peek += 1
                continue
            closes = bool(self.flow_level) and char in "]}"
            if closes or char in "\0" + _BREAKS:
                if closes or not recent_empty:
                    below = start.line == foot_line and not isinstance(token, ValueToken)
                    if closes or (first_empty and (below or start.column - 1 < indent)):
                        if text:
                            if start.column - 1 < indent:
                                owner = start  # dedented: it has nothing to do with the token before it
                            end = _Place(self.index + peek, line, column)
                            self.comments.append(_Found(scan, owner, start, end, foot=text))
                            scan = owner = end
                            text = ""
                    elif text and char != "\0":
                        text += "\n"
                if char not in _BREAKS:
                    break
                first_empty = False
                recent_empty = True
                column = 0
                line += 1
                peek += 1
                continue
            if text and (closes or (column - 1 < indent and column != start.column)):
                end = _Place(self.index + peek, line, column)
                self.comments.append(_Found(scan, owner, start, end, foot=text))
                scan = owner = end
                text = ""
            if char != "#":
                break
            if text:
                text += "\n"
            else:
                start = _Place(self.index + peek, line, column)
            recent_empty = False
            self.forward(peek)
            text += self._rest_of_line()
            peek = 1  # the break behind the comment
            column = 0
            line = self.line
            indent = max(self.indent, 0)
        if text:
            end = _Place(self.index + peek - 1, line, column)
            self.comments.append(_Found(scan, start, start, end, head=text))

    def _unwind(self, column: int, scan: _Place) -> None:
        """Ends blocks, each before the comments that are feet of what is around it (yaml_parser_unroll_indent)."""
        if self.flow_level:
            return
        place = _Place(scan.index - 1, scan.line, scan.column)
        while self.indent > column:
            stop = place.index
            for found in reversed(self.comments):
                if found.end.index < stop:
                    break
                if found.start.column == self.indent + 1:
                    place = found.start
                stop = found.scan.index
            mark = Mark(self.name, place.index, place.line, place.column, None, 0)
            self.tokens.append(BlockEndToken(mark, mark))
            self.indent = self.indents.pop()

    def unwind_indent(self, column: int) -> None:
        self._unwind(column, self._place())

    def scan_to_next_token(self) -> None:
        """The gap is behind us already."""

    def add_indent(self, column: int) -> bool:
        if len(self.indents) > _LEVELS:
            raise ScannerError(None, None, "nested too deeply", self.get_mark())
        added: bool = super().add_indent(column)
        return added

    def scan_block_scalar_ignored_line(self, start_mark: Mark) -> None:
        while self.peek() in _BLANKS:
            self.forward()
        if self.peek() == "#":
            self._scan_line_comment(_place_of(start_mark))
        if self.peek() not in "\0" + _BREAKS:
            problem = "did not find expected comment or line break"
            raise ScannerError("while scanning a block scalar", start_mark, problem, self.get_mark())
        self.scan_line_break()  # type: ignore[no-untyped-call]


def _joined(before: str, text: str) -> str:
    return f"{before}\n{text}" if before else text


def _place_of(mark: Mark) -> _Place:
    return _Place(mark.index, mark.line, mark.column)
