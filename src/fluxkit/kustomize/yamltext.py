"""YAML texts that keep their shape when one value in them changes: order of keys, quoting, flow style, comments.

Only for text inside of resources (a configuration file in a ConfigMap, an origin annotation); resources themselves are
written by :mod:`fluxkit.yaml`. Follows go-yaml v3's encoder with kustomize's settings: two spaces, lists not indented
below their key, no folding.
"""

from typing import Any

from yaml import MappingNode, ScalarNode, SequenceNode
from yaml import Node as LibNode

from fluxkit.kustomize.errors import KustomizeError
from fluxkit.kustomize.tree import NULL, Node, Scalar, Styled, read_documents
from fluxkit.yaml.composer import Parser
from fluxkit.yaml.emitter import escaped, quoted
from fluxkit.yaml.scalars import ScalarKind, classify

__all__ = ["dump", "parse", "parse_styled"]


class _FlowMap(dict[str, Any]):
    """A mapping written in braces."""


class _FlowList(list[Any]):
    """A sequence written in brackets."""


def parse(text: str) -> Node:
    """The first document of a text, its keys in their order. Raises :class:`KustomizeError`."""
    documents = read_documents(text)
    return documents[0] if documents else NULL


def parse_styled(text: str) -> Node:
    """As :func:`parse`, remembering how things were written.

    Aliases and tags are not for such texts: where they occur, styles are forgotten.
    """
    tree = parse(text)
    if "&" in text or "!" in text:
        return tree
    loader = Parser(str(text))
    try:
        node = loader.get_node() if loader.check_node() else None
    finally:
        loader.dispose()
    return _styled(node) if node is not None else tree


def _styled(node: LibNode) -> Node:
    if isinstance(node, MappingNode):
        mapping: dict[str, Any] = _FlowMap() if node.flow_style else {}
        for key, value in node.value:
            if not isinstance(key, ScalarNode):
                raise KustomizeError("yaml: invalid map key")
            mapping[_scalar(key) if key.style else str(key.value)] = _styled(value)
        return mapping
    if isinstance(node, SequenceNode):
        items: list[Any] = _FlowList() if node.flow_style else []
        items.extend(_styled(item) for item in node.value)
        return items
    return _scalar(node)


def _scalar(node: Any) -> Any:
    text: str = node.value
    if node.style:
        return Styled(text, node.style)
    kind = classify(text)
    return text if kind is ScalarKind.STRING else Scalar(text, kind.value)


def dump(tree: Node) -> str:
    """The text of a tree, without surrounding white space."""
    out: list[str] = []
    _node(tree, "", "", out)
    return "".join(out).strip()


def _block(node: Node) -> bool:
    return isinstance(node, dict | list) and bool(node) and not isinstance(node, _FlowMap | _FlowList)


def _node(node: Node, indent: str, lead: str, out: list[str]) -> None:
    if not _block(node):
        out.append(f"{lead}{_leaf(node, indent)}\n")
    elif isinstance(node, dict):
        for key, value in node.items():
            start = f"{lead}{_text(key, indent)}:"
            if _block(value):
                deeper = indent if isinstance(value, list) else indent + "  "
                out.append(f"{start}\n")
                _node(value, deeper, deeper, out)
            else:
                out.append(f"{start} {_leaf(value, indent)}".rstrip(" ") + "\n")
            lead = indent
    else:
        for item in node:
            if _block(item):
                _node(item, indent + "  ", lead + "- ", out)
            else:
                out.append(f"{lead}- {_leaf(item, indent)}".rstrip(" ") + "\n")
            lead = indent


def _leaf(node: Node, indent: str) -> str:
    if isinstance(node, dict):
        return "{" + ", ".join(f"{_text(key, '')}: {_leaf(value, '')}" for key, value in node.items()) + "}"
    if isinstance(node, list):
        return "[" + ", ".join(_leaf(item, "") for item in node) + "]"
    if isinstance(node, Scalar):
        return str(node.text)
    return _text(node, indent)


def _text(text: str, indent: str) -> str:
    style = text.style if isinstance(text, Styled) else ""
    if style == '"':
        return '"' + escaped(text) + '"'
    if style == "'" and "\n" not in text:
        return "'" + text.replace("'", "''") + "'"
    forced = "\n" not in text and classify(text) is not ScalarKind.STRING
    return quoted(str(text), indent + "  ", force=forced)
