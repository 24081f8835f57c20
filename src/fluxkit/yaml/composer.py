"""From libyaml events to Python values, iteratively and within limits.

The composer knows nothing of scalar types: a :class:`ScalarRules` says what a scalar becomes, so that the readers of
plain Kubernetes values (:func:`fluxkit.yaml.load`) and of kustomize's resources share one loop. Aliases are expanded
into copies, because the values are trees that callers change in place. The share of a document that may come from
aliases follows go-yaml (go.yaml.in/yaml ``decode.go``, ``allowedAliasRatio``).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from yaml import (
    AliasEvent,
    DocumentEndEvent,
    DocumentStartEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceStartEvent,
    StreamEndEvent,
    StreamStartEvent,
)
from yaml.error import MarkedYAMLError
from yaml.error import YAMLError as LibYAMLError
from yaml.reader import ReaderError

from fluxkit.yaml.errors import YAMLError

try:
    from yaml import CSafeLoader as Parser
except ImportError:  # PyYAML built without libyaml: far slower, the same events
    from yaml import SafeLoader as Parser  # type: ignore[assignment]

__all__ = ["MAX_BYTES", "MAX_DEPTH", "Parser", "ScalarRules", "compose_all", "copy_tree"]

MAX_BYTES: Final = 64 * 1024 * 1024
"""Texts beyond this size are refused unread."""

MAX_DEPTH: Final = 250
"""Nesting beyond this depth is refused; JSON encoders and the API server give up soon after."""

_ALIAS_RANGE_LOW: Final = 400_000
_ALIAS_RANGE_HIGH: Final = 4_000_000
_NO_MERGE: Final = "map merge requires map or sequence of maps as the value"
_STANDARD_TAG: Final = "tag:yaml.org,2002:"


@dataclass(frozen=True, slots=True)
class ScalarRules:
    """How scalars become values.

    ``plain`` maps the text of an untagged plain scalar to its value (a dict with ``__missing__`` is fastest),
    ``tagged(tag, text)`` does so for explicit tags in short form (``!!int``) and may raise ValueError,
    ``key(value)`` turns a key into the string it is addressed by and raises ValueError if there is none,
    ``quoted(text)`` gives the value of strings in quotes or in literal style (the text itself when it is None),
    ``folded(text)`` is asked about scalars in folded style (``>``),
    ``duplicate(key, line)`` is told of a key that its mapping already has; unless it raises, the last value wins.
    With ``merge_in_place`` what ``<<`` brings replaces the keys before it, as in go-yaml v2; else own keys always win.
    """

    plain: Callable[[str], Any]
    tagged: Callable[[str, str], Any]
    key: Callable[[Any], str]
    duplicate: Callable[[str, int], None]
    folded: Callable[[str], str] = str
    quoted: Callable[[str], str] | None = None
    merge_in_place: bool = False


class _Marker:
    """A unique value that no document can hold."""


_NO_KEY: Final = _Marker()
_MERGE: Final = _Marker()


def copy_tree(value: Any) -> Any:
    """A copy of nested dicts and lists; scalars are shared."""
    if type(value) is dict:
        return {key: copy_tree(item) if type(item) in _CONTAINERS else item for key, item in value.items()}
    if type(value) is list:
        return [copy_tree(item) if type(item) in _CONTAINERS else item for item in value]
    return value


_CONTAINERS: Final = frozenset((dict, list))


def compose_all(data: str | bytes, source: str, rules: ScalarRules) -> Iterator[Any]:
    """The documents of a stream, one value each. Raises :class:`YAMLError`."""
    if len(data) > MAX_BYTES:
        raise YAMLError(source, f"text of {len(data)} bytes is larger than the limit of {MAX_BYTES} bytes")
    try:
        parser = Parser(data)
        yield from _Composer(parser, source, rules).documents()
    except ReaderError as error:
        raise YAMLError(source, str(error.reason)) from None
    except MarkedYAMLError as error:
        mark = error.problem_mark
        raise YAMLError(
            source, str(error.problem), mark.line + 1 if mark else None, mark.column + 1 if mark else None
        ) from None
    except LibYAMLError as error:
        raise YAMLError(source, str(error)) from None
    except UnicodeError as error:
        raise YAMLError(source, f"invalid text: {error}") from None


class _Composer:
    def __init__(self, parser: Any, source: str, rules: ScalarRules) -> None:
        self._next = parser.get_event
        self._source = source
        self._rules = rules
        self._nodes = 0
        self._from_aliases = 0

    def documents(self) -> Iterator[Any]:
        while True:
            event = self._next()
            kind = type(event)
            if kind is DocumentStartEvent:
                value = self._document()
                # Its end, because what stands behind the root node may be malformed.
                self._next()
                yield value
            elif kind is StreamEndEvent:
                return
            elif kind is not StreamStartEvent and kind is not DocumentEndEvent:  # pragma: no cover - libyaml's grammar
                raise YAMLError(self._source, f"unexpected {kind.__name__}")

    def _document(self) -> Any:
        next_event = self._next
        rules = self._rules
        plain, quoted = rules.plain, rules.quoted
        anchors: dict[str, tuple[Any, int | None]] = {}
        merges: dict[int, list[Any]] = {}
        # One frame per open collection: (parent container, parent's pending key, own anchor, nodes seen at its start).
        stack: list[tuple[Any, Any, str | None, int]] = []
        container: Any = None
        is_map = False
        key: Any = _NO_KEY
        while True:
            event = next_event()
            kind = type(event)
            self._nodes += 1
            if kind is ScalarEvent:
                text: str = event.value
                if event.implicit[0]:
                    if is_map and key is _NO_KEY and text == "<<":
                        key = _MERGE
                        continue
                    value = plain(text)
                else:
                    tag = event.tag
                    if tag is None or tag == "!":
                        if event.style == ">":
                            value = rules.folded(text)
                        else:
                            value = text if quoted is None else quoted(text)
                    else:
                        value = self._tagged(event, text)
                if event.anchor is not None:
                    anchors[event.anchor] = (value, 1)
            elif kind is MappingStartEvent or kind is SequenceStartEvent:
                if len(stack) >= MAX_DEPTH:
                    raise self._error(event, f"nested deeper than {MAX_DEPTH} levels")
                if is_map and key is _NO_KEY:
                    raise self._error(event, "invalid map key: a mapping or sequence cannot be a key")
                anchor = event.anchor
                stack.append((container, key, anchor, self._nodes))
                is_map = kind is MappingStartEvent
                container = {} if is_map else []
                key = _NO_KEY
                if anchor is not None:
                    anchors[anchor] = (container, None)
                continue
            elif kind is AliasEvent:
                value = self._alias(event, anchors)
            elif kind is DocumentEndEvent:  # pragma: no cover - a document always holds a node
                return None
            else:  # the end of a collection
                value = container
                if is_map and merges:
                    self._merge(event, value, merges)
                container, key, anchor, nodes = stack.pop()
                is_map = type(container) is dict
                if anchor is not None:
                    anchors[anchor] = (value, self._nodes - nodes)

            if is_map:
                if key is _NO_KEY:
                    key = value if type(value) is str else self._key(event, value)
                    if key in container:
                        rules.duplicate(key, event.start_mark.line + 1)
                elif key is _MERGE:
                    if rules.merge_in_place:
                        self._merge_in_place(event, container, value)
                    else:
                        merges.setdefault(id(container), []).append(value)
                    key = _NO_KEY
                else:
                    container[key] = value
                    key = _NO_KEY
            elif container is not None:
                container.append(value)
            else:
                return value

    def _error(self, event: Any, problem: str) -> YAMLError:
        mark = event.start_mark
        return YAMLError(self._source, problem, mark.line + 1, mark.column + 1)

    def _tagged(self, event: Any, text: str) -> Any:
        tag: str = event.tag
        if tag.startswith(_STANDARD_TAG):
            tag = "!!" + tag[len(_STANDARD_TAG) :]
        try:
            return self._rules.tagged(tag, text)
        except ValueError as error:
            raise self._error(event, str(error)) from None

    def _key(self, event: Any, value: Any) -> str:
        try:
            if type(value) in _CONTAINERS:
                raise ValueError("invalid map key: a mapping or sequence cannot be a key")
            return self._rules.key(value)
        except ValueError as error:
            raise self._error(event, str(error)) from None

    def _alias(self, event: Any, anchors: dict[str, tuple[Any, int | None]]) -> Any:
        found = anchors.get(event.anchor)
        if found is None:
            raise self._error(event, f"unknown anchor '{event.anchor}' referenced")
        value, size = found
        if size is None:
            raise self._error(event, f"anchor '{event.anchor}' value contains itself")
        self._nodes += size
        self._from_aliases += size
        if (
            self._from_aliases > 100
            and self._nodes > 1000
            and self._from_aliases / self._nodes > _allowed_alias_ratio(self._nodes)
        ):
            raise self._error(event, "document contains excessive aliasing")
        return copy_tree(value)

    def _merge(self, event: Any, mapping: dict[str, Any], merges: dict[int, list[Any]]) -> None:
        """Fill in what ``<<`` brings: the mapping's own keys win, then earlier sources over later ones."""
        for merged in merges.pop(id(mapping), ()):
            for origin in merged if type(merged) is list else [merged]:
                if type(origin) is not dict:
                    raise self._error(event, _NO_MERGE)
                for name, item in origin.items():
                    if name not in mapping:
                        mapping[name] = item

    def _merge_in_place(self, event: Any, mapping: dict[str, Any], merged: Any) -> None:
        for origin in reversed(merged) if type(merged) is list else [merged]:
            if type(origin) is not dict:
                raise self._error(event, _NO_MERGE)
            mapping.update(origin)


def _allowed_alias_ratio(nodes: int) -> float:
    if nodes <= _ALIAS_RANGE_LOW:
        return 0.99
    if nodes >= _ALIAS_RANGE_HIGH:
        return 0.10
    return 0.99 - 0.89 * ((nodes - _ALIAS_RANGE_LOW) / (_ALIAS_RANGE_HIGH - _ALIAS_RANGE_LOW))
