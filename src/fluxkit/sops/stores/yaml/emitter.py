"""Writing nodes with their comments (go-yaml ``emitterc.go`` and the second half of ``encode.go``).

Four spaces of indentation, lists indented below their key, no folding: what SOPS writes. The comments that wait to be
written are state of the emitter, as upstream, because some are written later than where they were given.
"""

from collections.abc import Callable
from typing import Final

from fluxkit.sops.stores.yaml.nodes import Node
from fluxkit.yaml.emitter import escaped

__all__ = ["emit"]

_INDENT: Final = 4
_LONGEST_SIMPLE_KEY: Final = 128
_BREAKS: Final = "\n\r\x85\u2028\u2029"


def emit(roots: list[Node]) -> str:
    """The text of a stream with these documents."""
    emitter = _Emitter()
    for index, root in enumerate(roots):
        emitter.document(root, first=index == 0)
    return "".join(emitter.out)


class _Emitter:
    def __init__(self) -> None:
        self.out: list[str] = []
        self._column = 0
        self._whitespace = True
        self._indention = True
        self._indent = -1
        self._foot_indent = -1
        self._head = self._line = self._foot = self._tail = self._key_line = ""

    def document(self, root: Node, *, first: bool) -> None:
        if not first:
            self._write_indent()
            self._indicator("---", spaced=True)
            self._write_indent()
        self._note(root)
        self._process_head()
        self._node(root, self._process_line_and_foot)
        self._foot_indent = 0
        self._process_foot()
        self._foot_indent = -1
        self._write_indent()

    def _note(self, node: Node, tail: str = "") -> None:
        """Takes over the comments that come with the start of a node."""
        self._head = node.head or self._head
        if node.kind == "scalar":
            self._line = node.line or self._line
            self._foot = node.foot or self._foot
        self._tail = tail or self._tail

    def _note_end(self, node: Node, tail: str = "") -> None:
        self._line = node.line or self._line
        self._foot = node.foot or self._foot
        self._tail = tail or self._tail

    # --- nodes ---

    def _node(
        self, node: Node, behind: Callable[[], None], *, in_sequence: bool = False, simple_key: bool = False
    ) -> None:
        """``behind`` writes what follows the start of the node on its line."""
        if node.kind == "scalar":
            self._scalar(node, in_sequence, simple_key)
            behind()
        elif not node.content:
            behind()
            self._empty(node)
        else:
            behind()
            outer = self._indent
            self._indent = self._deeper(in_sequence)
            if node.kind == "mapping":
                self._mapping(node)
            else:
                self._sequence(node)
            self._indent = outer

    def _deeper(self, in_sequence: bool) -> int:
        if self._indent < 0:
            return 0
        if in_sequence:
            return self._indent + 2
        return _INDENT * ((self._indent + _INDENT) // _INDENT)

    def _empty(self, node: Node) -> None:
        start, end = "{}" if node.kind == "mapping" else "[]"
        self._note_end(node)
        self._indicator(start, spaced=True, whitespace=True)
        if node.kind == "mapping":
            self._process_head()
        elif self._column == 0:
            self._write_indent()
        self._indicator(end)
        self._process_line_and_foot()

    def _sequence(self, node: Node) -> None:
        for item in node.content:
            self._note(item)
            self._process_head()
            self._write_indent()
            self._indicator("-", spaced=True, indention=True)
            self._node(item, self._process_line_and_foot, in_sequence=True)
        self._note_end(node)

    def _mapping(self, node: Node) -> None:
        tail = ""
        content = node.content
        for key, value in zip(content[::2], content[1::2], strict=True):
            self._head = key.head or self._head
            self._line = key.line or self._line
            self._tail = tail or self._tail
            tail = key.foot
            self._process_head()
            self._write_indent()
            if self._line:
                self._key_line, self._line = self._line, ""
            simple = _is_simple(key)
            if not simple:
                self._indicator("?", spaced=True, indention=True)
            self._node(key, _nothing, simple_key=simple)
            self._value(value, simple)
        self._note_end(node, tail)
        self._process_head()

    def _value(self, value: Node, simple: bool) -> None:
        self._note(value)
        if simple:
            self._indicator(":")
        else:
            self._write_indent()
            self._indicator(":", spaced=True, indention=True)
        if self._key_line:
            if value.kind == "scalar":
                if not self._line:
                    self._line, self._key_line = self._key_line, ""
            else:
                self._line, self._key_line = self._key_line, self._line
                self._process_line()
                self._line, self._key_line = self._key_line, self._line
        self._node(value, self._process_line_and_foot)

    # --- scalars ---

    def _scalar(self, node: Node, in_sequence: bool, simple_key: bool) -> None:
        if node.tag:
            self._indicator(node.tag, spaced=True)
        text, style = node.value, node.style
        if simple_key and _has_break(text):
            style = '"'
        outer = self._indent
        # within a flow node that is the first thing of all, indentation starts at once
        self._indent = _INDENT if self._indent < 0 else self._deeper(in_sequence)
        if style == "":
            self._plain(text)
        elif style == "'":
            self._single_quoted(text)
        elif style == '"' or simple_key:
            self._indicator(f'"{escaped(text)}"', spaced=True)
        else:
            self._literal(text)
        self._indent = outer

    def _plain(self, text: str) -> None:
        if text:
            if not self._whitespace:
                self._put(" ")
            self._put(text)
            self._whitespace = False
        self._indention = False

    def _single_quoted(self, text: str) -> None:
        self._indicator("'", spaced=True)
        breaks = False
        for char in text:
            if char in _BREAKS:
                if not breaks and char == "\n":
                    self._break()
                self._write_break(char)
                breaks = True
                continue
            if breaks:
                self._write_indent()
            self._put("''" if char == "'" else char)
            self._indention = False
            breaks = False
        self._indicator("'")
        self._whitespace = self._indention = False

    def _literal(self, text: str) -> None:
        self._indicator("|", spaced=True)
        if text[0] == " " or text[0] in _BREAKS:
            self._indicator(str(_INDENT))
        if text[-1] not in _BREAKS:
            self._indicator("-")
        elif len(text) == 1 or text[-2] in _BREAKS:
            self._indicator("+")
        if self._line:
            self._process_line()
        else:
            self._break()
        self._whitespace = True
        start = 0
        breaks = True
        for position, char in enumerate(text):
            if char not in _BREAKS:
                continue
            if position > start:
                if breaks:
                    self._write_indent()
                self._put(text[start:position])
                self._indention = False
            self._write_break(char)
            breaks = True
            start = position + 1
        if start < len(text):
            if breaks:
                self._write_indent()
            self._put(text[start:])
            self._indention = False

    # --- comments ---

    def _process_head(self) -> None:
        if self._tail:
            self._write_indent()
            self._comment(self._tail)
            self._tail = ""
            self._foot_indent = max(self._indent, 0)
        if self._head:
            self._write_indent()
            self._comment(self._head)
            self._head = ""

    def _process_line_and_foot(self) -> None:
        self._process_line()
        self._process_foot()

    def _process_line(self) -> None:
        if self._line:
            if not self._whitespace:
                self._put(" ")
            self._comment(self._line)
            self._line = ""

    def _process_foot(self) -> None:
        if self._foot:
            self._write_indent()
            self._comment(self._foot)
            self._foot = ""
            self._foot_indent = max(self._indent, 0)

    def _comment(self, text: str) -> None:
        breaks = pound = False
        for char in text:
            if char in _BREAKS:
                self._write_break(char)
                breaks, pound = True, False
                continue
            if breaks:
                self._write_indent()
            if not pound and char != "#":
                self._put("# ")
            pound = True
            self._put(char)
            self._indention = False
            breaks = False
        if not breaks:
            self._break()
        self._whitespace = True

    # --- characters ---

    def _put(self, text: str) -> None:
        self.out.append(text)
        self._column += len(text)

    def _break(self) -> None:
        self.out.append("\n")
        self._column = 0
        self._indention = True

    def _write_break(self, char: str) -> None:
        if char == "\n":
            self._break()
        else:
            self.out.append(char)
            self._column = 0
            self._indention = True

    def _write_indent(self) -> None:
        indent = max(self._indent, 0)
        if not self._indention or self._column > indent or (self._column == indent and not self._whitespace):
            self._break()
        if self._foot_indent == indent:
            self._break()
        if self._column < indent:
            self._put(" " * (indent - self._column))
        self._whitespace = True
        self._foot_indent = -1

    def _indicator(self, text: str, *, spaced: bool = False, whitespace: bool = False, indention: bool = False) -> None:
        if spaced and not self._whitespace:
            self._put(" ")
        self._put(text)
        self._whitespace = whitespace
        self._indention = self._indention and indention


def _is_simple(key: Node) -> bool:
    return not _has_break(key.value) and len(key.value.encode("utf-8", "surrogateescape")) <= _LONGEST_SIMPLE_KEY


def _has_break(text: str) -> bool:
    return any(char in text for char in _BREAKS)


def _nothing() -> None:
    return None
