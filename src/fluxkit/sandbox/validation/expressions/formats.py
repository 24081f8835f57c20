"""Named formats of texts, for ``format.NAME().validate()``: each function lists the problems of a text.

Follows kubernetes/apiserver ``pkg/cel/library/format.go``.
"""

from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

from fluxkit.sandbox import names
from fluxkit.sandbox.validation import formats
from fluxkit.selectors import is_dns1123_subdomain, is_label_value, is_qualified_name

__all__ = ["FORMATS"]

_Problems = Callable[[str], list[str]]


def _listed(problem: Callable[[str], str]) -> _Problems:
    return lambda text: [found] if (found := problem(text)) else []


def _prefix(problem: Callable[[str], str]) -> _Problems:
    """For the beginning of a generated name: what follows makes up for a dash at its end."""
    return _listed(lambda text: problem(text[:-1] + "a" if text.endswith("-") else text))


def _known(name: str, text: str) -> _Problems:
    return lambda value: [] if formats.matches(name, value) else [text]


def _uri(text: str) -> list[str]:
    try:
        parts = urlsplit(text)
    except ValueError as error:
        return [f'parse "{text}": {error}']
    return [] if parts.scheme or text.startswith("/") else [f'parse "{text}": invalid URI for request']


FORMATS: Mapping[str, _Problems] = {
    "dns1123Label": _listed(names.is_dns1123_label),
    "dns1123Subdomain": _listed(is_dns1123_subdomain),
    "dns1035Label": _listed(names.is_dns1035_label),
    "qualifiedName": _listed(is_qualified_name),
    "dns1123LabelPrefix": _prefix(names.is_dns1123_label),
    "dns1123SubdomainPrefix": _prefix(is_dns1123_subdomain),
    "dns1035LabelPrefix": _prefix(names.is_dns1035_label),
    "labelValue": _listed(is_label_value),
    "uri": _uri,
    "uuid": _known("uuid", "does not match the UUID format"),
    "byte": _known("byte", "invalid base64"),
    "date": _known("date", "invalid date"),
    "datetime": _known("date-time", "invalid datetime"),
}
