"""Which names Kubernetes accepts for objects of a kind.

Upstream: helm/helm ``pkg/chart/v2/lint/rules/template.go``, k8s.io/apimachinery ``pkg/util/validation``.
"""

import re
from typing import Final

from fluxkit.template.quoting import quote

__all__ = ["name_problem"]

_SUBDOMAIN: Final = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*"
_LABEL: Final = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_LABEL_1035: Final = r"[a-z]([-a-z0-9]*[a-z0-9])?"
_PATH_KINDS: Final = frozenset(("role", "clusterrole", "rolebinding", "clusterrolebinding"))


def name_problem(kind: str, name: str) -> str | None:
    """What is wrong with a name, in the words of the API server; None if nothing is."""
    kind = kind.lower()
    if kind == "certificatesigningrequest":
        return None
    if kind in _PATH_KINDS:
        problems = _path_segment(name)
    elif kind == "service":
        problems = _matching(
            name,
            63,
            _LABEL_1035,
            "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic "
            "character, and end with an alphanumeric character",
            ("my-name", "abc-123"),
        )
    elif kind == "namespace":
        problems = _matching(
            name,
            63,
            _LABEL,
            "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and "
            "end with an alphanumeric character",
            ("my-name", "123-abc"),
        )
    else:
        problems = _matching(
            name,
            253,
            _SUBDOMAIN,
            "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must "
            "start and end with an alphanumeric character",
            ("example.com",),
        )
    if not problems:
        return None
    errors = [f"metadata.name: Invalid value: {quote(name)}: {problem}" for problem in problems]
    return errors[0] if len(errors) == 1 else f"[{', '.join(errors)}]"


def _matching(name: str, longest: int, pattern: str, rule: str, examples: tuple[str, ...]) -> list[str]:
    problems = []
    if len(name.encode("utf-8", "surrogateescape")) > longest:
        problems.append(f"must be no more than {longest} bytes")
    if not re.fullmatch(pattern, name):
        shown = ",  or ".join(f"'{example}'" for example in examples)
        problems.append(f"{rule} (e.g. {shown}, regex used for validation is '{pattern}')")
    return problems


def _path_segment(name: str) -> list[str]:
    if name in (".", ".."):
        return [f"may not be '{name}'"]
    return [f"may not contain '{part}'" for part in ("/", "%") if part in name]
