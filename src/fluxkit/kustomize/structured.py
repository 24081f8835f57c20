"""Replacements inside text: a ConfigMap value that is itself YAML or JSON (api ``filters/replacement``, KEP-like
proposal 22-03 of kustomize).

If a path runs into a scalar, the rest of the path addresses a field inside the scalar's text. JSON stays JSON,
indented if it was; YAML is written anew by :mod:`fluxkit.kustomize.yamltext`.
"""

from collections.abc import Callable
from typing import Any

from fluxkit.kustomize import gojson, yamltext
from fluxkit.kustomize.errors import KustomizeError
from fluxkit.kustomize.paths import Create, Slot, find_slots, lookup_slot
from fluxkit.kustomize.tree import Node, Scalar, plain, read_documents, text_of

__all__ = ["write_inside"]


def write_inside(root: dict[str, Any], path: tuple[str, ...], create: Create, write: Callable[[Slot], None]) -> bool:
    """Let ``write`` change the fields that ``path`` addresses inside a scalar of ``root``; False if it addresses
    none.
    """
    for length in range(1, len(path)):
        try:
            slot = lookup_slot(root, path[:length])
        except KustomizeError:
            continue
        if slot is None:
            continue
        node = slot[0][slot[1]]
        if isinstance(node, dict | list):
            continue
        text = text_of(node)
        try:
            parsed = read_documents(text)
        except KustomizeError:
            continue
        return _write_scalar(slot, path[length:], text, parsed, create, write)
    return False


def _write_scalar(
    outer: Slot,
    inner: tuple[str, ...],
    text: str,
    parsed: list[Node],
    create: Create,
    write: Callable[[Slot], None],
) -> bool:
    if not parsed or not isinstance(parsed[0], dict | list):
        return False
    is_json = text.lstrip()[:1] in ("{", "[")
    try:
        holder = {"": parsed[0] if is_json else yamltext.parse_styled(text)}
        tree = holder[""]
        slots = find_slots(holder, ("", *inner), create) if isinstance(tree, dict | list) else []
        if not slots:
            return False
        for slot in slots:
            write(slot)
        written = _json_text(holder[""], text) if is_json else yamltext.dump(holder[""])
    except KustomizeError:
        return False
    container, key = outer
    target = container[key]
    container[key] = Scalar(written, target.tag) if isinstance(target, Scalar) else written
    return True


def _json_text(tree: Node, original: str) -> str:
    value = plain(tree)
    if "\n" in original and "  " in original:
        return gojson.dumps_indented(value)
    return gojson.dumps(value)
