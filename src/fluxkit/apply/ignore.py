"""Ignore rules (``spec.ignore``): paths of live objects that are somebody else's business.

A path that a rule names counts for nothing when a live object is compared with what Git wants. When something else
makes an apply necessary, a differing ignored path leaves the payload if another apply manager owns it, and takes the
live value otherwise, so that the apply cannot change it (fluxcd/pkg ``ssa/jsondiff``, ``ssa/manager_apply.go``
computeDriftedPaths). Several rules without target are united; upstream keeps only the last.
"""

import copy
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
import re2

from fluxkit.apply.errors import IgnoreRuleError
from fluxkit.apply.managedfields import managed_entries
from fluxkit.jsonpatch import PatchError, parse_pointer
from fluxkit.objects import Object, annotations_of, gvk_of, key_of, labels_of
from fluxkit.selectors import Selector, SelectorError, parse_selector

__all__ = ["IgnoreRule", "IgnoreRules", "Target", "adapt_payload", "without_paths"]

_ABSENT: Any = object()


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Which objects a rule concerns: anchored RE2 expressions and label selectors; empty fields match all."""

    group: str = ""
    version: str = ""
    kind: str = ""
    name: str = ""
    namespace: str = ""
    label_selector: str = ""
    annotation_selector: str = ""


@dataclass(frozen=True, slots=True)
class IgnoreRule:
    """JSON pointers (``/spec/replicas``) to ignore in the objects that match the target; no target is every object."""

    paths: tuple[str, ...]
    target: Target | None = None


class _CompiledTarget:
    __slots__ = ("_annotations", "_labels", "_patterns")

    def __init__(self, target: Target) -> None:
        self._patterns: list[tuple[str, Any]] = []
        for field in ("group", "version", "kind", "name", "namespace"):
            pattern = getattr(target, field)
            if pattern:
                try:
                    self._patterns.append((field, re2.compile(f"^(?:{pattern})$")))
                except re2.error as error:
                    raise _selector_error(f"invalid {field} regex: {pattern!r}: {error}") from error
        self._labels = _selector(target.label_selector, "label")
        self._annotations = _selector(target.annotation_selector, "annotation")

    def matches(self, obj: Object) -> bool:
        gvk, key = gvk_of(obj), key_of(obj)
        values = {
            "group": gvk.group,
            "version": gvk.version,
            "kind": gvk.kind,
            "name": key.name,
            "namespace": key.namespace,
        }
        return (
            all(pattern.search(values[field]) for field, pattern in self._patterns)
            and self._labels.matches(labels_of(obj))
            and self._annotations.matches(annotations_of(obj))
        )


def _selector_error(problem: str) -> IgnoreRuleError:
    return IgnoreRuleError(f"failed to create ignore rule selector: {problem}")


def _selector(text: str, what: str) -> Selector:
    try:
        return parse_selector(text)
    except SelectorError as error:
        raise _selector_error(f"invalid {what} selector: {error}") from error


class IgnoreRules:
    """Rules ready for matching; raises :class:`IgnoreRuleError` on a bad expression, selector or pointer."""

    def __init__(self, rules: Iterable[IgnoreRule] = ()) -> None:
        self.rules = tuple(rules)
        self._compiled: list[tuple[_CompiledTarget | None, tuple[str, ...]]] = []
        for rule in self.rules:
            for path in rule.paths:
                try:
                    parse_pointer(path)
                except PatchError as error:
                    raise IgnoreRuleError(f"invalid ignore rule path: {error}") from error
            self._compiled.append((_CompiledTarget(rule.target) if rule.target else None, rule.paths))

    def paths_for(self, obj: Object) -> list[str]:
        """The pointers that are ignored in one object, without repetition."""
        paths: dict[str, None] = {}
        for target, named in self._compiled:
            if target is None or target.matches(obj):
                paths.update(dict.fromkeys(named))
        return list(paths)

    def __bool__(self) -> bool:
        return bool(self._compiled)


def without_paths(obj: Object, paths: Sequence[str]) -> Object:
    """The object without the values at these pointers; pointers that lead nowhere do nothing."""
    if not paths:
        return obj
    result = copy.deepcopy(obj)
    for path in paths:
        _remove(result, parse_pointer(path))
    return result


def adapt_payload(desired: Object, live: Object, merged: Object, paths: Sequence[str], manager: str) -> Object:
    """The payload of an apply that leaves ignored paths as they are on the cluster.

    ``merged`` is the dry run's result; pointers at which it equals the live object stay in the payload untouched.
    """
    result = desired
    for path in paths:
        tokens = parse_pointer(path)
        value, wanted = _find(live, tokens), _find(merged, tokens)
        if _same(value, wanted):
            continue
        if result is desired:
            result = copy.deepcopy(desired)
        if value is _ABSENT or _owned_by_others(live, tokens, manager):
            _remove(result, tokens)
        else:
            _put(result, tokens, copy.deepcopy(value))
    return result


def _same(left: Any, right: Any) -> bool:
    if left is _ABSENT or right is _ABSENT:
        return left is right
    return orjson.dumps(left, option=orjson.OPT_SORT_KEYS) == orjson.dumps(right, option=orjson.OPT_SORT_KEYS)


def _step(parent: Any, token: str) -> Any:
    if isinstance(parent, dict):
        return parent.get(token, _ABSENT)
    if isinstance(parent, list) and token.isdigit() and int(token) < len(parent):
        return parent[int(token)]
    return _ABSENT


def _find(document: Any, tokens: Sequence[str]) -> Any:
    for token in tokens:
        document = _step(document, token)
        if document is _ABSENT:
            return _ABSENT
    return document


def _remove(document: Any, tokens: Sequence[str]) -> None:
    if not tokens:
        return
    parent = _find(document, tokens[:-1])
    if _step(parent, tokens[-1]) is _ABSENT:
        return
    if isinstance(parent, dict):
        del parent[tokens[-1]]
    else:
        del parent[int(tokens[-1])]


def _put(document: Any, tokens: Sequence[str], value: Any) -> None:
    """Set a value where its parents exist or are maps that can be made; a missing list item cannot be invented."""
    for token in tokens[:-1]:
        child = _step(document, token)
        if child is _ABSENT:
            if not isinstance(document, dict):
                return
            child = document[token] = {}
        document = child
    last = tokens[-1]
    if isinstance(document, dict):
        document[last] = value
    elif _step(document, last) is not _ABSENT:
        document[int(last)] = value


def _owned_by_others(live: Object, tokens: Sequence[str], manager: str) -> bool:
    """Whether another manager's Apply entry, on the object itself, has the path.

    An array index is looked up as the list-map key of the live item; what cannot be looked up is owned by nobody else.
    """
    entries = [
        entry
        for entry in managed_entries(live)
        if entry.get("operation") == "Apply"
        and not entry.get("subresource")
        and isinstance(entry.get("fieldsV1"), dict)
    ]
    nodes: list[tuple[str, Mapping[str, Any]]] = [(str(e.get("manager")), e["fieldsV1"]) for e in entries]
    value: Any = live
    for token in tokens:
        if isinstance(value, list):
            segment = _item_key(_step(value, token), nodes)
            if segment is None:
                return False
        else:
            segment = f"f:{token}"
        value = _step(value, token)
        nodes = [(name, node[segment]) for name, node in nodes if isinstance(node.get(segment), dict)]
    return any(name != manager for name, _ in nodes)


def _item_key(item: Any, nodes: Iterable[tuple[str, Mapping[str, Any]]]) -> str | None:
    if not isinstance(item, dict):
        return None
    for _, node in nodes:
        for key in node:
            if not key.startswith("k:"):
                continue
            try:
                pairs = orjson.loads(key[2:])
            except orjson.JSONDecodeError:
                continue
            if isinstance(pairs, dict) and all(name in item and item[name] == pairs[name] for name in pairs):
                return key
    return None
