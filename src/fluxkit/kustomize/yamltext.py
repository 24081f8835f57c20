"""YAML texts that keep their shape when one value in them changes: order of keys, quoting, block style.

Only for text inside of resources (a configuration file in a ConfigMap); resources themselves are written by
:mod:`fluxkit.yaml`. Follows go-yaml v3's encoder with kustomize's settings: two spaces, lists not indented, no folding.
"""

from typing import Any

from fluxkit.kustomize.tree import NULL, Node, Scalar, is_null, read_documents
from fluxkit.yaml.emitter import quoted
from fluxkit.yaml.scalars import ScalarKind, classify

__all__ = ["dump", "parse"]


def parse(text: str) -> Node:
    """The first document of a text, its keys in their order. Raises :class:`KustomizeError`."""
    documents = read_documents(text)
    return documents[0] if documents else NULL


def dump(tree: Node) -> str:
    """The text of a tree, without surrounding white space."""
    out: list[str] = []
    _node(tree, "", "", out)
    return "".join(out).strip()


def _node(node: Node, indent: str, lead: str, out: list[str]) -> None:
    if isinstance(node, dict) and node:
        for key, value in node.items():
            _entry(f"{lead}{_text(key, indent)}:", value, indent, out)
            lead = indent
    elif isinstance(node, list) and node:
        for item in node:
            if isinstance(item, dict | list) and item:
                _node(item, indent + "  ", lead + "- ", out)
            else:
                out.append(f"{lead}- {_leaf(item, indent)}\n")
            lead = indent
    else:
        out.append(f"{lead}{_leaf(node, indent)}\n")


def _entry(start: str, value: Node, indent: str, out: list[str]) -> None:
    if isinstance(value, dict) and value:
        out.append(f"{start}\n")
        _node(value, indent + "  ", indent + "  ", out)
    elif isinstance(value, list) and value:
        out.append(f"{start}\n")
        _node(value, indent, indent, out)
    else:
        out.append(f"{start} {_leaf(value, indent)}".rstrip(" ") + "\n")


def _leaf(node: Node, indent: str) -> str:
    if isinstance(node, dict):
        return "{}"
    if isinstance(node, list):
        return "[]"
    if isinstance(node, Scalar):
        return node.text if not is_null(node) or node.text else "null"
    return _text(node, indent)


def _text(text: Any, indent: str) -> str:
    forced = "\n" not in text and classify(text) is not ScalarKind.STRING
    return quoted(text, indent + "  ", force=forced)
