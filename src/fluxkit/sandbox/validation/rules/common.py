"""Checks that several kinds share. Paths are dotted, list items as ``[0]``, map keys as ``[key]``."""

import ipaddress
import re
from collections.abc import Mapping
from typing import Any

from fluxkit.sandbox import names
from fluxkit.sandbox.status import Cause
from fluxkit.sandbox.validation import causes

__all__ = [
    "address",
    "at_least",
    "dns_label",
    "dns_subdomain",
    "labels",
    "network",
    "non_negative",
    "one_of",
    "port",
    "port_name",
    "port_number",
    "required",
    "selector",
]

NOT_NEGATIVE = "must be greater than or equal to 0"


def required(owner: Mapping[str, Any], path: str, *fields: str) -> list[Cause]:
    """One error for each field that is absent or empty."""
    return [Cause.required(f"{path}.{field}" if path else field) for field in fields if not owner.get(field)]


def non_negative(owner: Mapping[str, Any], path: str, *fields: str) -> list[Cause]:
    return [
        causes.invalid(f"{path}.{field}", owner[field], NOT_NEGATIVE)
        for field in fields
        if isinstance(owner.get(field), int) and owner[field] < 0
    ]


def at_least(owner: Mapping[str, Any], path: str, field: str, minimum: int) -> list[Cause]:
    value = owner.get(field)
    if isinstance(value, int) and value < minimum:
        return [causes.invalid(f"{path}.{field}", value, f"must be greater than or equal to {minimum}")]
    return []


def one_of(owner: Mapping[str, Any], path: str, field: str, *allowed: str) -> list[Cause]:
    value = owner.get(field)
    if value is not None and value not in allowed:
        return [causes.not_supported(f"{path}.{field}", value, allowed)]
    return []


def port_number(value: Any, path: str) -> list[Cause]:
    if isinstance(value, int) and not 1 <= value <= 65535:
        return [causes.invalid(path, value, "must be between 1 and 65535, inclusive")]
    return []


def port(value: Any, path: str) -> list[Cause]:
    """A port by number or by name."""
    return port_name(value, path) if isinstance(value, str) else port_number(value or 0, path)


def port_name(name: str, path: str) -> list[Cause]:
    """A name as IANA registers them for services."""
    problems: list[str] = []
    if not 1 <= len(name) <= 15:
        problems.append("must be no more than 15 characters" if name else "must be at least 1 character")
    if not re.fullmatch(r"[-a-z0-9]+", name):
        problems.append("must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)")
    if not re.search("[a-z]", name):
        problems.append("must contain at least one letter (a-z)")
    if "--" in name:
        problems.append("must not contain consecutive hyphens")
    if name.startswith("-") or name.endswith("-"):
        problems.append("must not begin or end with a hyphen")
    return [causes.invalid(path, name, problem) for problem in problems]


def address(value: str, path: str) -> list[Cause]:
    try:
        ipaddress.ip_address(value)
    except ValueError:
        return [causes.invalid(path, value, "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)")]
    return []


def network(value: str, path: str) -> list[Cause]:
    try:
        ipaddress.ip_network(value, strict=False)
    except ValueError:
        return [causes.invalid(path, value, "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)")]
    return []


def dns_label(value: Any, path: str) -> list[Cause]:
    problem = names.is_dns1123_label(value) if isinstance(value, str) else ""
    return [causes.invalid(path, value, problem)] if problem else []


def dns_subdomain(value: Any, path: str) -> list[Cause]:
    problem = names.is_dns1123_subdomain(value) if isinstance(value, str) else ""
    return [causes.invalid(path, value, problem)] if problem else []


def labels(given: Mapping[str, Any] | None, path: str) -> list[Cause]:
    """Label keys and values."""
    found: list[Cause] = []
    for key, value in (given or {}).items():
        problem = names.is_qualified_name(key)
        if problem:
            found.append(causes.invalid(path, key, problem))
        problem = names.is_label_value(value)
        if problem:
            found.append(causes.invalid(path, value, problem))
    return found


def selector(given: Mapping[str, Any] | None, path: str) -> list[Cause]:
    """A label selector's expressions and labels."""
    if given is None:
        return []
    found = labels(given.get("matchLabels"), f"{path}.matchLabels")
    for index, each in enumerate(given.get("matchExpressions") or ()):
        where = f"{path}.matchExpressions[{index}]"
        operator = each.get("operator")
        if operator in ("In", "NotIn"):
            if not each.get("values"):
                detail = "must be specified when `operator` is 'In' or 'NotIn'"
                found.append(Cause.required(f"{where}.values", detail))
        elif operator in ("Exists", "DoesNotExist"):
            if each.get("values"):
                detail = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"
                found.append(Cause.forbidden(f"{where}.values", detail))
        else:
            found.append(causes.invalid(f"{where}.operator", operator, "not a valid selector operator"))
    return found
