"""Reading a single action of the usual forms, without cutting it into Go's tokens first.

Field chains stay whole, spaces are no tokens, and there is no looking ahead: that makes it several times as fast as the
parser proper, which decides about everything else, errors above all. What it takes, it takes as
:mod:`fluxkit.template.parser` would: the same nodes at the same positions.
"""

import re
from typing import Final

from fluxkit.template import nodes
from fluxkit.template.lexer import Kind
from fluxkit.template.numbers import constant
from fluxkit.template.parser import Head
from fluxkit.template.quoting import InvalidSyntax, unquote

__all__ = ["read_action"]

_ATOM: Final = re.compile(
    r"""[ \t\r\n]*+(?:(\|)|(\()|(?:(\))"""
    r"""|(\.|(?:\$[A-Za-z0-9_]*+)?(?:\.[A-Za-z_][A-Za-z0-9_]*+)++|\$[A-Za-z0-9_]*+)"""
    r"""|([A-Za-z_][A-Za-z0-9_]*+)|("(?:[^"\\\n]|\\[^\n])*+"|`[^`]*+`)|(-?[1-9][0-9]*+|0))"""
    r"""(?=[ \t\r\n|)]|(?<=\))\.|\Z))"""
)
_PIPE, _LEFT, _RIGHT, _CHAIN, _WORD, _STRING = range(1, 7)
_DECLARED: Final = re.compile(
    r"[ \t\r\n]*+(\$[A-Za-z0-9_]++)(?:[ \t\r\n]*+,[ \t\r\n]*+(\$[A-Za-z0-9_]++))?+[ \t\r\n]*+(:=|=)(?=[ \t\r\n])"
)
_BLANK: Final = re.compile(r"[ \t\r\n]*+\Z")
_KEYWORD: Final = re.compile(r"[ \t\r\n]*+(if|range|with|else|end)(?=[ \t\r\n]|\Z)")
_NAMED: Final = re.compile(r"""[ \t\r\n]*+(define|template)[ \t\r\n]++("(?:[^"\\\n]|\\[^\n])*+")(?=[ \t\r\n]|\Z)""")
_CHAINED: Final = re.compile(r"[ \t\r\n]*+(if|with)(?=[ \t\r\n])")
_KINDS: Final = {"if": Kind.IF, "range": Kind.RANGE, "with": Kind.WITH, "else": Kind.ELSE, "end": Kind.END}
_WORDS: Final = frozenset(("block", "break", "continue", "define", "else", "end", "if", "range", "template", "with"))
_CONSTANTS: Final = (nodes.Bool, nodes.Dot, nodes.Nil, nodes.Number, nodes.String)
_OFFSET: Final = 2
"""Positions count from the left delimiter."""
_MAX_NESTING: Final = 50


class _Unusual(Exception):
    pass


def read_action(content: str, functions: frozenset[str]) -> Head | None:
    """The action between the delimiters, or None if the parser proper must decide."""
    try:
        return _Action(content, functions).read()
    except (_Unusual, InvalidSyntax, ValueError):
        return None


class _Action:
    __slots__ = ("_at", "_declares", "_functions", "_text", "_uses")

    def __init__(self, content: str, functions: frozenset[str]) -> None:
        self._text = content
        self._functions = functions
        self._at = 0
        self._declares: list[str] = []
        self._uses: list[str] = []

    def read(self) -> Head:
        if found := _NAMED.match(self._text):
            return self._named(found)
        found = _KEYWORD.match(self._text)
        kind, chained = Kind.LEFT_DELIM, ""
        if found:
            kind = _KINDS[found[1]]
            self._at = found.end()
            if kind is Kind.END or kind is Kind.ELSE:
                if _BLANK.match(self._text, self._at):
                    return Head(kind, len(self._text) + _OFFSET)
                found = _CHAINED.match(self._text, self._at)
                if kind is Kind.END or found is None:
                    raise _Unusual
                chained = found[1]
                self._at = found.end()
        pipe = self._pipe(kind is Kind.RANGE, 0)
        return Head(kind, pipe.position, pipe, self._declares, self._uses, chained=chained)

    def _named(self, found: re.Match[str]) -> Head:
        self._at = found.end()
        name = unquote(found[2])
        ends = _BLANK.match(self._text, self._at) is not None
        if found[1] == "define":
            if not ends:
                raise _Unusual
            return Head(Kind.DEFINE, len(self._text) + _OFFSET, name=name)
        pipe = None if ends else self._pipe(False, 0)
        return Head(Kind.TEMPLATE, found.start(2) + _OFFSET, pipe, self._declares, self._uses, name)

    def _pipe(self, is_range: bool, depth: int) -> nodes.Pipe:
        if depth > _MAX_NESTING:
            raise _Unusual
        pipe = nodes.Pipe(-1)
        if declared := _DECLARED.match(self._text, self._at):
            first, second, sign = declared.groups()
            if second and not is_range:
                raise _Unusual
            pipe.assigns = sign == "="
            pipe.position = declared.start(1) + _OFFSET
            pipe.declares.append(nodes.Variable(pipe.position, [first]))
            self._declares.append(first)
            if second:
                pipe.declares.append(nodes.Variable(declared.start(2) + _OFFSET, [second]))
                self._declares.append(second)
            self._at = declared.end()
        text, commands = self._text, pipe.commands
        command: nodes.Command | None = None
        while True:
            found = _ATOM.match(text, self._at)
            if found is None:
                if not depth and command and _BLANK.match(text, self._at):
                    break
                raise _Unusual
            group = found.lastindex or 0
            start = found.start(group) + _OFFSET
            self._at = found.end()
            if group == _PIPE:
                if command is None:
                    raise _Unusual
                command = None
                continue
            if group == _RIGHT:
                if not depth or command is None:
                    raise _Unusual
                break
            if command is None:
                command = nodes.Command(start)
                commands.append(command)
                if pipe.position < 0:
                    pipe.position = start
            command.arguments.append(
                self._parenthesized(depth) if group == _LEFT else self._operand(group, found[group], start)
            )
        for later in commands[1:]:
            if isinstance(later.arguments[0], _CONSTANTS):
                raise _Unusual
        return pipe

    def _parenthesized(self, depth: int) -> nodes.Node:
        pipe = self._pipe(False, depth + 1)
        if not self._text.startswith(".", self._at):
            return pipe
        found = _ATOM.match(self._text, self._at)
        if found is None or found.lastindex != _CHAIN or found[_CHAIN] == ".":
            raise _Unusual
        self._at = found.end()
        return nodes.Chain(found.start(_CHAIN) + _OFFSET, pipe, found[_CHAIN][1:].split("."))

    def _operand(self, group: int, word: str, start: int) -> nodes.Node:
        if group == _CHAIN:
            if word == ".":
                return nodes.Dot(start)
            names = word.split(".")
            if word[0] == ".":
                del names[0]
                # A chain is told at its second part.
                return nodes.Field(start + 1 + len(names[0]) if len(names) > 1 else start, names)
            if names[0] != "$" and names[0] not in self._declares:
                self._uses.append(names[0])
            return nodes.Variable(start + len(names[0]) if len(names) > 1 else start, names)
        if group == _WORD:
            if word in self._functions:
                if word in _WORDS:
                    raise _Unusual
                return nodes.Identifier(start, word)
            if word == "true" or word == "false":
                return nodes.Bool(start, word == "true")
            if word == "nil":
                return nodes.Nil(start)
            raise _Unusual
        if group == _STRING:
            return nodes.String(start, word, unquote(word))
        return nodes.Number(start, word, *constant(word, character=False, is_complex=False))
