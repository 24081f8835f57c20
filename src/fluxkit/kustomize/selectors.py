"""Choosing resources: by regular expressions on ids, and by label and annotation selectors.

Regular expressions are Go's (RE2). Label selectors have Kubernetes' syntax: ``a=b``, ``a!=b``, ``a in (b, c)``,
``a notin (b)``, ``a``, ``!a``, ``a > 1`` (api ``types/selector.go``; apimachinery ``labels/selector.go``).
"""

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Final

from msgspec import Struct

from fluxkit.kustomize.decode import Record, string
from fluxkit.kustomize.errors import KustomizeError
from fluxkit.kustomize.identity import Gvk, ResId
from fluxkit.kustomize.resource import Resource

__all__ = ["SELECTOR", "Selector", "compile_pattern", "label_selector", "select"]

Matcher = Callable[[Mapping[str, str]], bool]


class Selector(Struct, frozen=True):
    """Regular expressions for parts of an id, and selectors; empty ones match everything."""

    group: str = ""
    version: str = ""
    kind: str = ""
    name: str = ""
    namespace: str = ""
    label_selector: str = ""
    annotation_selector: str = ""

    @property
    def without_id(self) -> bool:
        return not (self.group or self.version or self.kind or self.name or self.namespace)

    @property
    def patterns(self) -> "IdPatterns":
        return _id_patterns(self.group, self.version, self.kind, self.name, self.namespace)

    def __str__(self) -> str:
        identity = ResId(self.group, self.version, self.kind, self.name, self.namespace)
        return f"{identity}:a={self.annotation_selector}:l={self.label_selector}"


SELECTOR: Final = Record(
    Selector,
    "types.Selector",
    {
        "group": ("group", string),
        "version": ("version", string),
        "kind": ("kind", string),
        "name": ("name", string),
        "namespace": ("namespace", string),
        "labelSelector": ("label_selector", string),
        "annotationSelector": ("annotation_selector", string),
    },
)

_LITERAL = re.compile(r"[A-Za-z0-9_-]*", re.ASCII).fullmatch


@lru_cache(maxsize=4096)
def compile_pattern(pattern: str) -> Callable[[str], bool]:
    """An unanchored Go regular expression as a predicate. Raises :class:`KustomizeError`."""
    if _LITERAL(pattern):
        return lambda text: pattern in text
    import re2

    options = re2.Options()
    options.log_errors = False
    try:
        found = re2.compile(pattern, options)
    except re2.error as error:
        raise KustomizeError(f"error parsing regexp: {error}: `{pattern}`") from None
    return lambda text: found.search(text) is not None


@lru_cache(maxsize=4096)
def _anchored(pattern: str) -> Callable[[str], bool]:
    if not pattern:
        return lambda _: True
    if _LITERAL(pattern):
        return pattern.__eq__
    return compile_pattern(f"^(?:{pattern})$")


class IdPatterns:
    """The compiled parts of a selector."""

    __slots__ = ("_group", "_kind", "_version", "name", "namespace")

    def __init__(self, group: str, version: str, kind: str, name: str, namespace: str) -> None:
        self._group = _anchored(group)
        self._version = _anchored(version)
        self._kind = _anchored(kind)
        self.name = _anchored(name)
        self.namespace = _anchored(namespace)

    def gvk(self, gvk: Gvk) -> bool:
        return self._kind(gvk.kind) and self._group(gvk.group) and self._version(gvk.version)

    def id(self, resource_id: ResId) -> bool:
        """All parts; the namespace is the one written, not the effective one."""
        return self.gvk(resource_id.gvk) and self.name(resource_id.name) and self.namespace(resource_id.namespace)


@lru_cache(maxsize=4096)
def _id_patterns(group: str, version: str, kind: str, name: str, namespace: str) -> IdPatterns:
    return IdPatterns(group, version, kind, name, namespace)


def matches_metadata(resource: Resource, selector: Selector) -> bool:
    """Whether labels and annotations satisfy a selector. Raises :class:`KustomizeError` for bad selectors."""
    if selector.label_selector and not label_selector(selector.label_selector)(resource.string_map("labels")):
        return False
    return not selector.annotation_selector or label_selector(selector.annotation_selector)(
        resource.string_map("annotations")
    )


def select(resources: list[Resource], selector: Selector) -> list[Resource]:
    """The resources that a patch target selects: name and namespace may be original or current ones."""
    patterns = selector.patterns
    selected = []
    for resource in resources:
        current = resource.id
        if not patterns.gvk(current.gvk):
            continue
        original = resource.original_id if resource.previous else current
        if not (patterns.name(original.name) or patterns.name(current.name)):
            continue
        if not (patterns.namespace(original.effective_namespace) or patterns.namespace(current.effective_namespace)):
            continue
        if matches_metadata(resource, selector):
            selected.append(resource)
    return selected


_TOKEN = re.compile(r"\s*(==|!=|=|!|>|<|,|\(|\)|[^\s=!<>(),]+)")
_LABEL_VALUE = re.compile(r"(?:[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?)?", re.ASCII).fullmatch
_LABEL_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?", re.ASCII).fullmatch
_DNS_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*", re.ASCII).fullmatch


@lru_cache(maxsize=1024)
def label_selector(text: str) -> Matcher:
    """A label selector as a predicate on labels. Raises :class:`KustomizeError` when it cannot be parsed."""
    try:
        requirements = _Parser(text).parse()
    except ValueError as error:
        raise KustomizeError(f"unable to parse requirement: {error}") from None
    return lambda labels: all(requirement(labels) for requirement in requirements)


class _Parser:
    def __init__(self, text: str) -> None:
        self._tokens: list[str] = []
        position = 0
        stripped = text.rstrip()
        while position < len(stripped):
            match = _TOKEN.match(stripped, position)
            if match is None:
                raise ValueError(f"unexpected text {stripped[position:]!r}")
            self._tokens.append(match[1])
            position = match.end()
        self._tokens.append("")
        self._position = 0

    def _take(self) -> str:
        token = self._tokens[self._position]
        self._position += 1
        return token

    @property
    def _next(self) -> str:
        return self._tokens[self._position]

    def parse(self) -> list[Matcher]:
        if not self._next:
            return []
        requirements = [self._requirement()]
        while self._next:
            if self._take() != ",":
                raise ValueError(f"found '{self._tokens[self._position - 1]}', expected: ',' or 'end of string'")
            requirements.append(self._requirement())
        return requirements

    def _requirement(self) -> Matcher:
        if self._next == "!":
            self._take()
            absent = self._key()
            return lambda labels: absent not in labels
        key = self._key()
        operator = self._next
        if operator in ("", ","):
            return lambda labels: key in labels
        self._take()
        if operator in ("=", "=="):
            value = self._value(key)
            return lambda labels: labels.get(key) == value
        if operator == "!=":
            value = self._value(key)
            return lambda labels: labels.get(key) != value
        if operator in ("in", "notin"):
            values = self._values(key)
            if operator == "in":
                return lambda labels: labels.get(key) in values
            return lambda labels: key not in labels or labels[key] not in values
        if operator in (">", "<"):
            bound = int(self._value(key))
            return _greater(key, bound) if operator == ">" else _less(key, bound)
        raise ValueError(f"found '{operator}', expected: in, notin, =, ==, !=, gt, lt")

    def _key(self) -> str:
        key = self._take()
        prefix, slash, name = key.rpartition("/")
        if not _LABEL_NAME(name) or (slash and not _DNS_NAME(prefix)):
            raise ValueError(f"invalid label key {key!r}")
        return key

    def _value(self, key: str) -> str:
        if self._next in ("", ","):
            return ""
        value = self._take()
        if not _LABEL_VALUE(value):
            raise ValueError(f"invalid label value: {value!r}: at key: {key!r}")
        return value

    def _values(self, key: str) -> frozenset[str]:
        if self._take() != "(":
            raise ValueError("found no '(' behind in or notin")
        values = set()
        expecting = True
        while True:
            token = self._take()
            if token == ")":
                if expecting:
                    values.add("")
                return frozenset(values)
            if token == ",":
                if expecting:
                    values.add("")
                expecting = True
            elif not token or not expecting:
                raise ValueError("expected ',' or ')' in a list of values")
            else:
                if not _LABEL_VALUE(token):
                    raise ValueError(f"invalid label value: {token!r}: at key: {key!r}")
                values.add(token)
                expecting = False


def _number(labels: Mapping[str, str], key: str) -> int | None:
    try:
        return int(labels[key]) if key in labels else None
    except ValueError:
        return None


def _greater(key: str, bound: int) -> Matcher:
    def matches(labels: Mapping[str, str]) -> bool:
        number = _number(labels, key)
        return number is not None and number > bound

    return matches


def _less(key: str, bound: int) -> Matcher:
    def matches(labels: Mapping[str, str]) -> bool:
        number = _number(labels, key)
        return number is not None and number < bound

    return matches
