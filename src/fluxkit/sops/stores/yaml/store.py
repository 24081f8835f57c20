"""YAML files as documents of SOPS and back (getsops/sops ``stores/yaml/store.go``)."""

from typing import Any, Final

from yaml.error import MarkedYAMLError
from yaml.error import YAMLError as LibYAMLError
from yaml.reader import ReaderError

from fluxkit.sops.errors import SopsError
from fluxkit.sops.stores.yaml.emitter import emit
from fluxkit.sops.stores.yaml.nodes import Node
from fluxkit.sops.stores.yaml.parser import documents
from fluxkit.sops.stores.yaml.scalars import node_of, value_of
from fluxkit.sops.tree import Branch, Document
from fluxkit.sops.values import Comment

__all__ = ["dump", "load"]

_MAX_COPIES: Final = 100_000
"""How many nodes aliases may add."""
_MAX_DEPTH: Final = 200


def load(data: bytes) -> Document:
    """The documents of a stream; aliases become copies of what they stand for. Raises :class:`SopsError`."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise SopsError("Error unmarshaling input YAML: yaml: invalid UTF-8") from None
    reader = _Reader()
    try:
        return [reader.document(document, index == 0) for index, document in enumerate(documents(text))]
    except ReaderError as error:
        raise SopsError(f"Error unmarshaling input YAML: yaml: {error.reason}") from None
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f"line {mark.line + 1}: " if mark else ""
        raise SopsError(f"Error unmarshaling input YAML: yaml: {place}{error.problem}") from None
    except LibYAMLError:
        raise SopsError("Error unmarshaling input YAML: yaml: the text cannot be read") from None
    except ValueError as error:
        raise SopsError(f"Error unmarshaling input YAML: yaml: {error}") from None


class _Reader:
    def __init__(self) -> None:
        self._copies = 0
        self._in_alias = 0

    def document(self, document: Node, unique: bool) -> Branch:
        branch = Branch()
        _to_branch(document.head, branch)
        root = document.content[0]
        depth = 0
        while root.kind == "alias" and root.target is not None:
            root = root.target
        if root.kind == "sequence":
            raise SopsError("Error unmarshaling input YAML: YAML documents that are sequences are not supported")
        if root.kind == "scalar":
            if value_of(root) is not None:
                raise SopsError("Error unmarshaling input YAML: YAML documents that are values are not supported")
            for comment in (root.head, root.line):
                _to_branch(comment, branch)
        else:
            self._mapping(root, branch, False, unique, depth)
        _to_branch(document.foot, branch)
        return branch

    def _count(self, depth: int) -> None:
        self._copies += self._in_alias > 0
        if self._copies > _MAX_COPIES:
            raise SopsError("Error unmarshaling input YAML: yaml: document contains excessive aliasing")
        if depth > _MAX_DEPTH:
            raise SopsError(f"Error unmarshaling input YAML: nested deeper than {_MAX_DEPTH} levels")

    def _mapping(self, node: Node, branch: Branch, handled: bool, unique: bool, depth: int) -> None:
        """``handled`` says that the comments of the node itself have been dealt with."""
        if not handled:
            _to_branch(node.head, branch)
            _to_branch(node.line, branch)
        seen: set[Any] = set()
        for key, value in zip(node.content[::2], node.content[1::2], strict=True):
            _to_branch(key.head, branch)
            _to_branch(key.line, branch)
            simple = value.kind in ("scalar", "alias")
            if simple:
                _to_branch(value.head, branch)
                _to_branch(value.line, branch, inline=True)
            name = self._key(key, seen, unique)
            branch.append((name, self._value(value, simple, unique, depth)))
            if simple:
                _to_branch(value.foot, branch)
            _to_branch(key.foot, branch)
        if not handled:
            _to_branch(node.foot, branch)

    def _key(self, key: Node, seen: set[Any], unique: bool) -> Any:
        while key.kind == "alias" and key.target is not None:
            key = key.target
        if key.kind != "scalar":
            raise SopsError("Error unmarshaling input YAML: yaml: invalid map key")
        name = value_of(key)
        if unique:
            if name in seen and name != "<<":
                raise SopsError(f'yaml: unmarshal errors: mapping key "{name}" already defined')
            seen.add(name)
        return name

    def _value(self, node: Node, handled: bool, unique: bool, depth: int) -> Any:
        self._count(depth)
        match node.kind:
            case "scalar":
                return value_of(node)
            case "alias":
                assert node.target is not None
                self._in_alias += 1
                value = self._value(node.target, False, unique, depth + 1)
                self._in_alias -= 1
                return value
            case "mapping":
                branch = Branch()
                self._mapping(node, branch, handled, unique, depth + 1)
                return branch
        return self._sequence(node, handled, unique, depth)

    def _sequence(self, node: Node, handled: bool, unique: bool, depth: int) -> list[Any]:
        values: list[Any] = []
        if not handled:
            _to_list(node.head, values)
            _to_list(node.line, values)
        for item in node.content:
            _to_list(item.head, values)
            _to_list(item.line, values, inline=True)
            values.append(self._value(item, True, unique, depth + 1))
            _to_list(item.foot, values)
        if not handled:
            _to_list(node.foot, values)
        return values


def _to_branch(comment: str, branch: Branch, *, inline: bool = False) -> None:
    branch.extend((Comment(line[1:], inline), None) for line in comment.split("\n") if line)


def _to_list(comment: str, values: list[Any], *, inline: bool = False) -> None:
    values.extend(Comment(line[1:], inline) for line in comment.split("\n") if line)


def dump(document: Document) -> bytes:
    """Several branches become several documents."""
    return emit([_mapping_node(branch) for branch in document]).encode()


def _node(value: Any) -> Node:
    if isinstance(value, Branch):
        return _mapping_node(value)
    if isinstance(value, list):
        return _sequence_node(value)
    return node_of(value)


class _Waiting:
    """Comments that wait for the node they belong to."""

    def __init__(self) -> None:
        self.heads: list[str] = []
        self.inline: list[str] = []

    def add(self, comment: Comment) -> None:
        (self.inline if comment.inline else self.heads).append(comment.value)

    def take_head(self) -> str:
        text, self.heads = _comment(self.heads), []
        return text

    def take_inline(self) -> str:
        text, self.inline = _comment(self.inline), []
        return text

    def take_rest(self) -> str:
        return _comment([*self.heads, *self.inline])


def _comment(lines: list[str]) -> str:
    return "#" + "\n#".join(lines) if lines else ""


def _mapping_node(branch: Branch) -> Node:
    node = Node("mapping")
    waiting = _Waiting()
    for key, value in branch:
        if isinstance(key, Comment):
            waiting.add(key)
            continue
        if not node.content:
            node.head = waiting.take_head()
        name = node_of(key)
        name.head = waiting.take_head()
        each = _node(value)
        each.line = waiting.take_inline()
        node.content += (name, each)
    rest = waiting.take_rest()
    if not node.content:
        node.head = rest
    else:
        node.content[-2].foot = rest
    return node


def _sequence_node(values: list[Any]) -> Node:
    node = Node("sequence")
    waiting = _Waiting()
    for value in values:
        if isinstance(value, Comment):
            waiting.add(value)
            continue
        if not node.content:
            node.head = waiting.take_head()
        item = _node(value)
        # the head of a collection may be its own first comment; what stands above it comes first
        above = waiting.take_head()
        item.head = f"{above}\n{item.head}" if above and item.head else above or item.head
        item.line = waiting.take_inline()
        node.content.append(item)
    rest = waiting.take_rest()
    if not node.content:
        node.head = rest
    elif rest:
        last = node.content[-1]
        last.foot = f"{last.foot}\n{rest}" if last.foot else rest
    return node
