"""Kinds that Kubernetes gives up, with the versions since when, and what takes their place.

The table holds what client-go v0.37 says of its types (``APILifecycleDeprecated`` and its siblings).

Upstream: helm/helm ``pkg/chart/v2/lint/rules/deprecations.go``, k8s.io/apiserver ``pkg/endpoints/deprecation``.
"""

import json
from functools import cache
from importlib.resources import files

__all__ = ["deprecation_of"]


@cache
def _table() -> dict[str, tuple[str, str, str]]:
    found = json.loads(files(__package__).joinpath("data/deprecations.json").read_bytes())
    return {name: tuple(entry) for name, entry in found.items()}


def deprecation_of(api_version: str, kind: str, major: int, minor: int) -> str | None:
    """The warning about a kind in a Kubernetes version, None if it is not deprecated there."""
    name = f"{api_version} {kind}"
    entry = _table().get(name)
    if entry is None:
        return None
    deprecated, removed, replacement = entry
    since = tuple(int(part) for part in deprecated.split("."))
    if (major, minor) < since:
        return None
    text = f"{name} is deprecated in v{deprecated}+"
    text += f", unavailable in v{removed}+" if removed else ""
    return f"{text}; use {replacement}" if replacement else text
