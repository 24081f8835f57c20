"""INI files (getsops/sops ``stores/ini/store.go`` over gopkg.in/ini.v1 ``parser.go``, ``file.go``).

What the library does to quotes, comments and continued lines is part of what people's files rely on, and so is its
layout: equal signs aligned within a section, an empty line between sections.
"""

import re
from typing import Final

from fluxkit.sops.errors import SopsError
from fluxkit.sops.stores.plaintext import plain_text
from fluxkit.sops.tree import Branch, Document
from fluxkit.sops.values import Comment, decode_text, encode_text

__all__ = ["dump", "load"]

_DEFAULT: Final = "DEFAULT"
_SPACE: Final = "\t\n\v\f\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(map(chr, range(0x2000, 0x200B)))
_DELIMITER: Final = re.compile("[=:]")
_COMMENT: Final = re.compile("[#;]")


class _Section:
    """A section as read: values and comments by key, in the order of the first appearance."""

    def __init__(self, name: str) -> None:
        if not name:
            raise SopsError("Could not unmarshal input data: empty section name")
        self.name = name
        self.comment = ""
        self.keys: dict[str, str] = {}
        self.comments: dict[str, str] = {}

    def branch(self) -> Branch:
        branch = Branch()
        if self.comment:
            branch.append((Comment(_without_mark(self.comment)), None))
        for key, value in self.keys.items():
            branch.append((key, value))
            if self.comments.get(key):
                branch.append((Comment(_without_mark(self.comments[key])), None))
        return branch


def _without_mark(comment: str) -> str:
    return comment.lstrip(comment[0] + " ") if comment[0] in ";#" else comment


class _Reader:
    def __init__(self, data: bytes) -> None:
        if data.startswith(b"\xef\xbb\xbf"):
            data = data[3:]
        elif data.startswith((b"\xfe\xff", b"\xff\xfe")):
            data = data[2:]
        self._lines = [line + "\n" for line in decode_text(data).split("\n")]
        self._lines[-1] = self._lines[-1][:-1]
        self._next = 0
        self._comment: list[str] = []
        self._count = 1

    def sections(self) -> list[_Section]:
        section = _Section(_DEFAULT)
        found = [section]
        while self._next < len(self._lines):
            line = self._line().lstrip(_SPACE)
            if not line:
                continue
            if line[0] in "#;":
                self._comment.append(line)
            elif line[0] == "[":
                section = self._section(line)
                found.append(section)
            else:
                self._key(line, section)
        return found

    def _line(self) -> str:
        self._next += 1
        return self._lines[self._next - 1]

    def _problem(self, text: str) -> SopsError:
        return SopsError(f"Could not unmarshal input data: {text} in line {self._next}")

    def _take_comment(self) -> str:
        comment = "".join(self._comment).strip(_SPACE)
        self._comment.clear()
        return comment

    def _section(self, line: str) -> _Section:
        end = line.rfind("]")
        if end < 0:
            raise self._problem("unclosed section")
        section = _Section(line[1:end])
        if found := _COMMENT.search(line, end + 1):
            self._comment.append(line[found.start() :])
        section.comment = self._take_comment()
        self._count = 1
        return section

    def _key(self, line: str, section: _Section) -> None:
        name, offset = self._name(line)
        if name == "-":
            name = f"#{self._count}"
            self._count += 1
        value = self._value(line[offset:].lstrip(_SPACE))
        if not name:
            raise self._problem("error creating new key: empty key name")
        section.keys[name] = value
        section.comments[name] = self._take_comment()

    def _name(self, line: str) -> tuple[str, int]:
        quote = ""
        if line[0] == '"':
            quote = '"""' if len(line) > 6 and line.startswith('"""') else '"'
        elif line[0] == "`":
            quote = "`"
        start = len(quote)
        end = line.find(quote, start) if quote else 0
        if end < 0:
            raise self._problem("missing closing key quote")
        delimiter = _DELIMITER.search(line, end + start)
        if delimiter is None:
            raise self._problem("key-value delimiter not found")
        if not quote:
            end = delimiter.start()
            if not end:
                raise self._problem("empty key name")
        return line[start:end].strip(_SPACE), delimiter.start() + 1

    def _value(self, line: str) -> str:
        if not line:
            return ""
        quote = '"""' if len(line) > 3 and line.startswith('"""') else "`" if line[0] == "`" else ""
        if quote:
            body = line[len(quote) :]
            end = body.rfind(quote)
            return body[:end] if end >= 0 else self._quoted_lines(body, quote)
        line = line.strip(_SPACE)
        if line.endswith("\\"):
            return self._continued(line[:-1])
        if found := _COMMENT.search(line):
            self._comment.append(line[found.start() :])
            line = line[: found.start()].strip(_SPACE)
        for mark in "'\"":
            if len(line) >= 2 and line[0] == mark and line.find(mark, 1) == len(line) - 1:
                return line[1:-1]
        return line

    def _quoted_lines(self, value: str, quote: str) -> str:
        while True:
            if self._next >= len(self._lines):
                raise self._problem("missing closing key quote")
            line = self._line()
            end = line.rfind(quote)
            if end < 0 or line[end + len(quote) :].rstrip("\r\n").strip(_SPACE).endswith("\\"):
                value += line
                continue
            if found := _COMMENT.search(line, end):
                self._comment.append(line[found.start() :].strip(_SPACE))
            return value + line[:end]

    def _continued(self, value: str) -> str:
        while self._next < len(self._lines):
            line = self._line().strip(_SPACE)
            if not line:
                break
            value += line
            if not value.endswith("\\"):
                break
            value = value[:-1]
        return value


def load(data: bytes) -> Document:
    """One pair for each section, the unnamed first one called ``DEFAULT``. Raises :class:`SopsError`."""
    return [Branch((section.name, section.branch()) for section in _Reader(data).sections())]


def dump(document: Document) -> bytes:
    """Raises :class:`SopsError` for content that has no sections."""
    sections = [item for branch in document for item in branch if not isinstance(item[0], Comment)]
    out: list[str] = []
    for index, (name, items) in enumerate(sections):
        if not isinstance(items, Branch):
            raise SopsError("Error encoding section: Section values should always be TreeBranches")
        _write_section(str(name), items, out, first=index == 0, last=index == len(sections) - 1)
    return encode_text("".join(out))


def _write_section(name: str, items: Branch, out: list[str], *, first: bool, last: bool) -> None:
    if not name:
        raise SopsError("Error encoding section : empty section name")
    keys: dict[str, str] = {}
    comments: dict[str, str] = {}
    current = ""
    for position, (key, value) in enumerate(items):
        if not isinstance(key, Comment):
            if not key:
                raise SopsError("Error encoding key: error creating new key: empty key name")
            current = key
            keys[key] = plain_text(value)
        elif position == 0:
            _write_comment(key.value, out, strip="")
        elif current:
            comments[current] = key.value
    if not first or name.upper() != _DEFAULT:
        out.append(f"[{name}]\n")
    elif not keys:
        return
    width = max((_width(key) for key in keys), default=0)
    for key, text in keys.items():
        _write_comment(comments.get(key, ""), out)
        shown = _quoted_key(key)
        out.append(f"{shown}{' ' * (width - len(encode_text(shown)))} = {_quoted_value(text)}\n")
    if not last:
        out.append("\n")


def _width(key: str) -> int:
    length = len(encode_text(key))
    if '"' in key or _DELIMITER.search(key):
        return length + 2
    return length + 6 if "`" in key else length


def _quoted_key(key: str) -> str:
    if '"' in key or _DELIMITER.search(key):
        return f"`{key}`"
    return f'"""{key}"""' if "`" in key else key


def _quoted_value(text: str) -> str:
    if "\n" in text or "`" in text:
        return f'"""{text}"""'
    if _COMMENT.search(text):
        return f"`{text}`"
    return f'"{text}"' if text.strip(_SPACE) != text else text


def _write_comment(comment: str, out: list[str], strip: str = _SPACE) -> None:
    if not comment:
        return
    for line in comment.split("\n"):
        if not line:
            raise SopsError("Error marshaling to INI: a comment with an empty line")
        out.append(f"{line[0]} {line[1:].strip(_SPACE)}\n" if line[0] in "#;" else f"; {line.strip(strip)}\n")
