"""Reading most templates in one pass: one pattern tells text from actions, and each distinct action is read once.

Charts repeat themselves: four actions in five are ones that stood somewhere before. What an action means does not
depend on where it stands, so its nodes are shared, with positions relative to it; a statement knows where it stands
(``base``). Whatever is unusual or wrong is left to :mod:`fluxkit.template.parser`, which also words the errors.
"""

import re
from dataclasses import dataclass, field
from typing import Final

from fluxkit.template import nodes
from fluxkit.template.actions import read_action
from fluxkit.template.errors import ParseError
from fluxkit.template.lexer import Kind, tokenize
from fluxkit.template.parser import Head, read_head

__all__ = ["read"]

_SPACES: Final = " \t\r\n"
# Possessive throughout: a text without an end costs one look.
_ACTION: Final = re.compile(r"""\{\{(-(?=[ \t\r\n]))?+((?:[^"'`{}]++|"(?:[^"\\\n]|\\[^\n])*+"|`[^`]*+`)*+)\}\}""")
_COMMENT: Final = re.compile(r"\{\{(?:-[ \t\r\n])?+/\*(?:[^*]++|\*(?!/))*+\*/([ \t\r\n]-)?+\}\}")
_PLAIN: Final = Kind.LEFT_DELIM
_END: Final = Kind.END
_BRANCHES: Final = frozenset((Kind.IF, Kind.RANGE, Kind.WITH))
_MAX_NESTING: Final = 500
_MAX_KEPT: Final = 20_000

_MAX_SETS: Final = 16

_kept: dict[frozenset[str], dict[str, Head]] = {}
"""Actions by their text, for each set of functions that they may call."""


def _actions(functions: frozenset[str]) -> dict[str, Head]:
    found = _kept.get(functions)
    if found is None:
        if len(_kept) >= _MAX_SETS:
            _kept.clear()
        found = _kept[functions] = {}
    elif len(found) >= _MAX_KEPT:
        found.clear()
    return found


class _Unusual(Exception):
    """Something that only the parser proper can judge."""


@dataclass(slots=True)
class _Open:
    """A list of nodes that waits for its end."""

    items: list[nodes.Node]
    branch: nodes.Branch | None = None
    visible: int = 0
    define: str | None = None
    chained: int = 0
    """How many branches end together with this one: ``else if`` opens one more, with no end of its own."""
    in_else: bool = False
    outside: tuple[list[str], int] = field(default_factory=lambda: (["$"], 0))


def read(name: str, text: str, functions: frozenset[str]) -> dict[str, nodes.Tree] | None:
    """The trees in ``text``, as :func:`fluxkit.template.parser.parse` gives them, or None where that must decide."""
    try:
        return _Reader(name, text, functions).run()
    except _Unusual:
        return None


class _Reader:
    def __init__(self, name: str, text: str, functions: frozenset[str]) -> None:
        self._name = name
        self._text = text
        self._functions = functions
        self._heads = _actions(functions)
        self._trees: dict[str, nodes.Tree] = {}
        self._variables = ["$"]
        self._range_depth = 0
        self._open = [_Open([])]

    def run(self) -> dict[str, nodes.Tree]:
        text, find, action = self._text, self._text.find, _ACTION.match
        position = 0
        skip = False
        while True:
            start = find("{{", position)
            piece = text[position:start] if start >= 0 else text[position:]
            if skip:
                piece = piece.lstrip(_SPACES)
            if start < 0:
                break
            found = action(text, start)
            if found is None or text.startswith("/*", found.start(2) + (found[1] is not None)):
                comment = _COMMENT.match(text, start)
                if comment is None:
                    raise _Unusual
                trims, skip = text[start + 2] == "-", comment[1] is not None
                self._add_text(piece.rstrip(_SPACES) if trims else piece)
                position = comment.end()
                continue
            mark, content = found.groups()
            self._add_text(piece.rstrip(_SPACES) if mark else piece)
            skip = content[-1:] == "-" and content[-2:-1] in _SPACES and len(content) > 1
            self._statement(content[:-2] if skip else content, found.start(2) - 2)
            position = found.end()
        self._add_text(piece)
        if len(self._open) != 1:
            raise _Unusual
        self._add_tree(self._name, self._open[0].items)
        return self._trees

    def _add_text(self, piece: str) -> None:
        if piece:
            self._open[-1].items.append(nodes.Text(0, piece))

    def _statement(self, content: str, base: int) -> None:
        head = self._heads.get(content)
        if head is None:
            head = self._heads[content] = self._head(content)
        for used in head.uses:
            if used not in self._variables:
                raise _Unusual
        kind = head.kind
        if kind is _PLAIN:
            assert head.pipe is not None
            self._open[-1].items.append(nodes.Action(head.position, head.pipe, base))
            if head.declares:
                self._variables += head.declares
        elif kind is _END:
            self._end()
        elif kind in _BRANCHES:
            self._branch(head, base, len(self._variables))
        else:
            self._rarer(head, base)

    def _rarer(self, head: Head, base: int) -> None:
        match head.kind:
            case Kind.ELSE:
                self._else(head, base)
            case Kind.DEFINE:
                self._define(head)
            case Kind.TEMPLATE:
                self._variables += head.declares
                self._open[-1].items.append(nodes.TemplateCall(head.position, head.name, head.pipe, base))
            case _:
                if not self._range_depth:
                    raise _Unusual
                kind = nodes.Break if head.kind is Kind.BREAK else nodes.Continue
                self._open[-1].items.append(kind(base + head.position))

    def _head(self, content: str) -> Head:
        head = read_action(content, self._functions)
        if head is not None:
            return head
        text = "{{" + content + "}}"
        try:
            return read_head(text, tokenize(text), self._functions)
        except ParseError:
            raise _Unusual from None

    def _branch(self, head: Head, base: int, visible: int, chained: int = 0) -> None:
        assert head.pipe is not None
        if len(self._open) > _MAX_NESTING or chained > _MAX_NESTING:
            raise _Unusual
        self._variables += head.declares
        body = nodes.ListNode(0)
        keyword = {Kind.IF: "if", Kind.RANGE: "range"}.get(head.kind, "with")
        branch = nodes.Branch(head.pipe.position, keyword, head.pipe, body, None, base)
        self._open[-1].items.append(branch)
        self._range_depth += head.kind is Kind.RANGE
        self._open.append(_Open(body.nodes, branch, visible, chained=chained))

    def _else(self, head: Head, base: int) -> None:
        current = self._open[-1]
        branch = current.branch
        if branch is None or current.in_else:
            raise _Unusual
        if branch.keyword == "range":
            self._range_depth -= 1
        branch.otherwise = nodes.ListNode(0)
        if not head.pipe:
            current.in_else = True
            current.items = branch.otherwise.nodes
            return
        if head.chained != branch.keyword:
            raise _Unusual
        # Variables of the branches before stay visible in those that follow.
        self._open.pop()
        self._open.append(_Open(branch.otherwise.nodes))
        chain = Head(Kind.IF if head.chained == "if" else Kind.WITH, head.position, head.pipe, head.declares)
        self._branch(chain, base, current.visible, current.chained + 1)
        # The list between is complete with that one branch.
        del self._open[-2]

    def _end(self) -> None:
        current = self._open.pop()
        if current.branch is not None:
            if current.branch.keyword == "range" and not current.in_else:
                self._range_depth -= 1
            del self._variables[current.visible :]
        elif current.define is not None:
            self._add_tree(current.define, current.items)
            self._variables, self._range_depth = current.outside
        else:
            raise _Unusual

    def _define(self, head: Head) -> None:
        if len(self._open) != 1:
            raise _Unusual
        self._open.append(_Open([], define=head.name, outside=(self._variables, self._range_depth)))
        self._variables, self._range_depth = ["$"], 0

    def _add_tree(self, name: str, found: list[nodes.Node]) -> None:
        tree = nodes.Tree(name, self._name, self._text, nodes.ListNode(0, found))
        present = self._trees.get(name)
        if present is None or nodes.is_empty(present.root):
            self._trees[name] = tree
        elif not nodes.is_empty(tree.root):
            raise _Unusual
