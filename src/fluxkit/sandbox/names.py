"""Names, labels and generated suffixes: the syntax rules of kubernetes/apimachinery ``pkg/util/validation``.

Each ``is_*`` function returns the problem in upstream's words, or the empty string.
"""

import re
import secrets
from random import Random
from uuid import UUID

from fluxkit.selectors import is_dns1123_subdomain, is_label_value, is_qualified_name

__all__ = [
    "GENERATED_SUFFIX_LENGTH",
    "generate_name",
    "is_dns1035_label",
    "is_dns1123_label",
    "is_dns1123_subdomain",
    "is_label_value",
    "is_path_segment",
    "is_qualified_name",
    "new_uid",
]

_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_LABEL_1035 = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")

_random = Random(secrets.randbits(256))

_SUFFIX_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"
GENERATED_SUFFIX_LENGTH = 5
_MAX_GENERATED_BASE = 63 - GENERATED_SUFFIX_LENGTH

_ALPHANUMERIC = "start and end with an alphanumeric character"
_LABEL_PROBLEM = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must "
    f"{_ALPHANUMERIC} (e.g. 'my-name',  or '123-abc', regex used for validation is "
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
)
_LABEL_1035_PROBLEM = (
    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, "
    "and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is "
    "'[a-z]([-a-z0-9]*[a-z0-9])?')"
)


def _too_long(limit: int, unit: str = "characters") -> str:
    return f"must be no more than {limit} {unit}"


def is_dns1123_label(name: str) -> str:
    if len(name) > 63:
        return _too_long(63)
    return "" if _LABEL.fullmatch(name) else _LABEL_PROBLEM


def is_dns1035_label(name: str) -> str:
    if len(name) > 63:
        return _too_long(63)
    return "" if _LABEL_1035.fullmatch(name) else _LABEL_1035_PROBLEM


def is_path_segment(name: str) -> str:
    """RBAC objects and a few others take any name that fits into a URL path segment."""
    if name in (".", ".."):
        return f"may not be '{name}'"
    for character in "/%":
        if character in name:
            return f"may not contain '{character}'"
    return ""


def generate_name(base: str) -> str:
    """``generateName``'s base, cut to fit a label, plus five random characters."""
    return base[:_MAX_GENERATED_BASE] + "".join(_random.choices(_SUFFIX_ALPHABET, k=GENERATED_SUFFIX_LENGTH))


def new_uid() -> str:
    """A random UUID. Uids tell objects apart; they guard nothing, so the system's entropy is not asked for each."""
    return str(UUID(int=_random.getrandbits(128), version=4))
