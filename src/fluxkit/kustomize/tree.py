"""The tree that transformers work on: dicts, lists, strings, and scalars that keep their source text.

kustomize works on YAML nodes and copies the *text* of scalars around: an annotation ``1.50`` becomes ``"1.50"``, a
replacement writes text and leaves the target's type alone. So a scalar that is not a string is a :class:`Scalar` (text
and tag) until the very end, when :func:`plain` gives it its value. Strings are ``str``, or :class:`Quoted` where they
were written in quotes, because what is put in their place is written in the same style, and so is a string, too.
Mappings are ``dict`` (their order is never seen: output is sorted), sequences are ``list``. ``None`` never occurs in a
tree.

Resources are read as kyaml reads them (kyaml ``kio/byteio_reader.go``): split at ``---`` lines, one document each,
resolved by go-yaml v3.
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, Final

from fluxkit.kustomize.errors import KustomizeError, MalformedYAML
from fluxkit.kustomize.folding import Folded, Quoted, folded, refolded
from fluxkit.yaml.composer import ScalarRules, compose_all, copy_tree
from fluxkit.yaml.emitter import quoted
from fluxkit.yaml.errors import YAMLError
from fluxkit.yaml.loader import RULES
from fluxkit.yaml.scalars import (
    ScalarKind,
    classify,
    decode_binary,
    float_text,
    float_value,
    int_of,
    json_number,
    needs_quotes,
    rfc3339_of,
)

__all__ = [
    "MISSING",
    "NULL",
    "Duplicate",
    "Linked",
    "Node",
    "Quoted",
    "Scalar",
    "Styled",
    "copy_tree",
    "from_json",
    "is_empty",
    "is_null",
    "is_string",
    "kind_name",
    "new_string",
    "new_value",
    "plain",
    "put_text",
    "read_documents",
    "text_of",
    "untyped",
    "write",
]

Node = Any
"""dict[str, Node] | list[Node] | str | Scalar"""


class Scalar:
    """A scalar that is not known to be a string: its source text and its tag in short form (``!!int``).

    The empty tag means that the text decides, as for a field that a replacement creates. Immutable.
    """

    __slots__ = ("tag", "text")

    def __init__(self, text: str, tag: str) -> None:
        self.text = text
        self.tag = tag

    def __repr__(self) -> str:
        return f"Scalar({self.text!r}, {self.tag!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Scalar) and self.text == other.text and self.tag == other.tag

    def __hash__(self) -> int:
        return hash((self.text, self.tag))


class Styled(str):
    """A string that remembers the quotes it was written in; only texts that keep their shape have them."""

    __slots__ = ("style",)

    style: str

    def __new__(cls, text: str, style: str) -> "Styled":
        made = super().__new__(cls, text)
        made.style = style
        return made


class Linked(str):
    """A string that several mappings hold as one: changing it in one of them changes it in all.

    Upstream's label and annotation transformers put one and the same node wherever they add an entry to a resource. A
    later patch or replacement of ``metadata.labels.app`` therefore changes the selector and the pod template too, until
    the resource is rebuilt from JSON. ``holders`` are the mappings, by identity.
    """

    __slots__ = ("holders", "quoted")

    holders: list[dict[str, Any]]
    quoted: bool

    def __new__(cls, text: str, holders: list[dict[str, Any]], quoted: bool = False) -> "Linked":
        made = super().__new__(cls, text)
        made.holders = holders
        made.quoted = quoted
        return made


def write(container: Any, key: Any, value: Node, *, keep_style: bool = True) -> None:
    """Change the scalar in an existing field, in all the places that hold it. The style stays (kyaml ``FieldSetter``):
    ``5`` in the place of ``"3"`` is the string ``"5"``.
    """
    current = container[key]
    if not keep_style:
        value = str(value) if isinstance(value, Quoted) else value
    elif isinstance(current, Quoted) or (type(current) is Linked and current.quoted):
        if type(value) is Scalar:
            value = Quoted(value.text)
        elif type(value) is str:
            value = Quoted(value)
    elif isinstance(value, Quoted):
        value = str(value)
    if type(current) is Linked and any(holder is container for holder in current.holders):
        shared = Linked(value, current.holders, isinstance(value, Quoted)) if isinstance(value, str) else value
        for holder in current.holders:
            if holder.get(key) is current:
                holder[key] = shared
    else:
        container[key] = value


def put_text(container: Any, key: Any, text: str) -> None:
    """Change the text of a scalar; the text decides about its type, unless it is in quotes
    (api ``filtersutil.SetScalar``).
    """
    write(container, key, text if type(_PLAIN[text]) is str else Scalar(text, ""))


class _Missing:
    """The absence of a field, as opposed to a field that is null."""

    def __repr__(self) -> str:
        return "MISSING"


MISSING: Final = _Missing()
NULL_TAG: Final = "!!null"
NULL: Final = Scalar("null", NULL_TAG)


class Duplicate(dict[str, Any]):
    """A mapping in which a key occurred twice; upstream only minds when it prints the resource."""

    __slots__ = ("key", "line")

    key: str
    line: int


def is_null(node: Node) -> bool:
    return type(node) is Scalar and node.tag == NULL_TAG


def is_empty(node: Node) -> bool:
    """Whether a node is absent, null, or an empty mapping or sequence (kyaml ``IsNilOrEmpty``)."""
    return node is MISSING or (type(node) is Scalar and node.tag == NULL_TAG) or node == {} or node == []


def is_string(node: Node) -> bool:
    return isinstance(node, str) or (type(node) is Scalar and node.tag == "")


def text_of(node: Node) -> str:
    """The text of a scalar, empty for anything else (go-yaml's ``Node.Value``)."""
    if isinstance(node, str):
        return node
    return node.text if type(node) is Scalar else ""


def new_string(text: str) -> str:
    """A string as a field that is set to it holds it (kyaml ``FieldSetter``): in quotes if YAML 1.1 would read it as
    something else.
    """
    return Quoted(text) if _reads_as_other(str(text)) else str(text)


def new_value(text: str) -> str:
    """As :func:`new_string`, for data of generated resources: several lines are a block, a style of its own."""
    return Quoted(text) if "\n" in text else new_string(text)


# Dates and base-60 numbers are strings to go-yaml v2, unless a time is asked for.
_STILL_STRING = re.compile(r"[0-9]{4}-[0-9]|[-+]?[0-9][0-9_]*:")
_WORDY = re.compile(r"[A-Za-z0-9._+/-]*(?:=*)", re.ASCII).fullmatch


@lru_cache(maxsize=4096)
def _reads_as_other(text: str) -> bool:
    """kyaml ``IsValueNonString``."""
    if not text or "\n" in text:
        return False
    if _WORDY(text) or len(text) > 10_000:
        return needs_quotes(text) and not _STILL_STRING.match(text)
    try:
        return not isinstance(next(compose_all(text, "text", RULES), None), str)
    except YAMLError:
        return False


def untyped(text: str) -> Scalar:
    """A scalar whose type its text decides."""
    return Scalar(text, "")


def kind_name(node: Node) -> str:
    if isinstance(node, dict):
        return "MappingNode"
    return "SequenceNode" if isinstance(node, list) else "ScalarNode"


class _Plain(dict[str, Any]):
    """Plain scalars by text: what go-yaml v3 resolves to a string stays one."""

    _LIMIT: Final = 20_000

    def __missing__(self, text: str) -> Any:
        kind = classify(text)
        value: Any = text if kind is ScalarKind.STRING else Scalar(text, kind.value)
        if len(self) < self._LIMIT and len(text) < 100:
            self[text] = value
        return value


_PLAIN: Final = _Plain()


def _tagged(tag: str, text: str) -> Any:
    return text if tag == "!!str" else Scalar(text, tag)


_SEPARATOR = re.compile(r"\n---.*\n")


def read_documents(text: str) -> list[Node]:
    """The documents of a file that are not empty.

    Raises :class:`MalformedYAML` for text that is not YAML, :class:`KustomizeError` for a bad separator line.
    """
    text = str(text).replace("\r\n", "\n")
    documents = []
    for chunk in _split(text):
        document = _first_document(chunk)
        if document is not MISSING and not is_null(document):
            documents.append(document)
    return documents


def _split(text: str) -> Iterator[str]:
    start = 0
    if "\n---" in text:
        for match in _SEPARATOR.finditer(text):
            behind = match[0][4:].strip()
            if behind and behind[0] != "#":
                raise KustomizeError(f"invalid document separator: {match[0].strip()}")
            yield text[start : match.start() + 1]
            start = match.end()
    yield text[start:]


def _first_document(text: str) -> Node:
    duplicates: list[tuple[str, int]] = []
    rules = ScalarRules(
        _PLAIN.__getitem__,
        _tagged,
        lambda value: str(text_of(value)),
        lambda key, line: duplicates.append((key, line)),
        folded,
        Quoted,
    )
    try:
        document = next(compose_all(text, "yaml", rules), MISSING)
    except YAMLError as error:
        where = f"line {error.line}: " if error.line and error.line > 1 else ""
        raise MalformedYAML(f"MalformedYAMLError: yaml: {where}{error.problem}") from None
    if _QUOTED_MERGE_KEY.search(text):
        _drop_merge_keys(document)
    if duplicates and isinstance(document, dict):
        document = Duplicate(document)
        document.key, document.line = duplicates[0]
    return document


# A quoted << is an ordinary key, but upstream clears it away when it expands the real ones.
_QUOTED_MERGE_KEY = re.compile("[\"']<<[\"']")


def _drop_merge_keys(node: Node) -> None:
    if isinstance(node, dict):
        node.pop("<<", None)
        for value in node.values():
            _drop_merge_keys(value)
    elif isinstance(node, list):
        for item in node:
            _drop_merge_keys(item)


class _Values(dict[Scalar, Any]):
    """The values of scalars, remembered: the same few numbers and booleans fill most manifests."""

    _LIMIT: Final = 20_000

    def __missing__(self, scalar: Scalar) -> Any:
        value = _value_of(scalar)
        if len(self) < self._LIMIT and len(scalar.text) < 100:
            self[scalar] = value
        return value


def _value_of(scalar: Scalar) -> Any:
    text, tag = scalar.text, scalar.tag
    if tag == "!!binary":
        try:
            return decode_binary(text)
        except ValueError as error:
            raise KustomizeError(f"yaml: {error}") from None
    if tag and tag not in ("!!int", "!!float", "!!bool", "!!null", "!!timestamp"):
        return str(text)
    kind = ScalarKind.STRING if "\n" in text else classify(text)
    if tag and kind.value != tag and not (tag == "!!float" and kind is ScalarKind.INT):
        raise KustomizeError(f"yaml: cannot decode {kind.value} `{text}` as a {tag}")
    if kind is ScalarKind.STRING:
        return str(text)
    if kind is ScalarKind.NULL:
        return None
    if kind is ScalarKind.BOOL:
        return text[0] in "tT"
    if kind is ScalarKind.TIMESTAMP:
        return rfc3339_of(text)
    if kind is ScalarKind.INT:
        return int_of(text)
    value = float_value(text)
    if value != value or value in (float("inf"), float("-inf")):
        raise KustomizeError(f"json: unsupported value: {'NaN' if value != value else float_text(value)}")
    return json_number(value)


_VALUES: Final = _Values()


def plain(node: Node) -> Any:
    """The tree as JSON values. Raises :class:`KustomizeError` for a scalar whose text does not fit its tag."""
    kind = type(node)
    if kind is str:
        return node
    if kind is Scalar:
        return _VALUES[node]
    if kind is list:
        return [item if type(item) is str else plain(item) for item in node]
    if isinstance(node, str):
        return refolded(node) if isinstance(node, Folded) else str(node)
    return {key: item if type(item) is str else plain(item) for key, item in node.items()}


class _Texts(dict[str, Any]):
    """Strings as YAML holds them that was written from JSON: quoted where they have to be."""

    _LIMIT: Final = 20_000

    def __missing__(self, text: str) -> str:
        value = Quoted(text) if needs_quotes(text) or quoted(text, "") != text else text
        if len(self) < self._LIMIT and len(text) < 100:
            self[text] = value
        return value


_TEXTS: Final = _Texts()


def from_json(value: Any) -> Node:
    """JSON values as a tree. Numbers take the text of a 64-bit float, because upstream's JSON decoder makes them
    one.
    """
    kind = type(value)
    if kind is str:
        return _TEXTS[value]
    if kind is dict:
        return {key: from_json(item) for key, item in value.items()}
    if kind is list:
        return [from_json(item) for item in value]
    if value is None:
        return NULL
    if kind is bool:
        return Scalar("true" if value else "false", "!!bool")
    return _PLAIN[float_text(float(value))]
