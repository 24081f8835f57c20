"""Keeping Secret values out of texts and out of differences (fluxcd/pkg ``ssa/sanitize.go``)."""

import base64
import binascii
from typing import Any

import orjson

from fluxkit.objects import Object

__all__ = ["MASK", "is_secret", "mask_secret_pair", "redact"]

MASK = "***"
_BEFORE = "*** (before)"
_AFTER = "*** (after)"
# Shorter values would blot out ordinary words; they are masked where they stand in quotes.
_SHORTEST = 4


def is_secret(obj: Object) -> bool:
    return obj.get("kind") == "Secret" and obj.get("apiVersion") == "v1"


def redact(text: str, obj: Object) -> str:
    """A server's message about an object without the values of ``data`` and ``stringData``, if it is a Secret."""
    if not is_secret(obj):
        return text
    for value in sorted(_values(obj), key=len, reverse=True):
        for form in (value, orjson.dumps(value).decode()[1:-1]):
            if len(form) >= _SHORTEST:
                text = text.replace(form, MASK)
            else:
                text = text.replace(f'"{form}"', f'"{MASK}"')
    return text


def _values(secret: Object) -> set[str]:
    values: set[str] = set()
    for field in ("data", "stringData"):
        entries = secret.get(field)
        for value in entries.values() if isinstance(entries, dict) else ():
            if value is None or value == "":
                continue
            text = str(value)
            values.add(text)
            try:
                decoded = base64.b64decode(text, validate=True).decode()
            except (binascii.Error, ValueError):
                continue
            if decoded:
                values.update((decoded, decoded.strip() or decoded))
    return values


def mask_secret_pair(before: Object, after: Object) -> tuple[Object, Object]:
    """Copies of both sides of a Secret's difference: equal values read ``***``, changed ones name their side."""
    old, new = _data(before), _data(after)
    masked_old: dict[str, Any] = {}
    masked_new: dict[str, Any] = {}
    for key in old:
        changed = key in new and old[key] != new[key]
        masked_old[key] = _BEFORE if changed else MASK
        if key in new:
            masked_new[key] = _AFTER if changed else MASK
    for key in new:
        masked_new.setdefault(key, MASK)
    return _with_data(before, masked_old), _with_data(after, masked_new)


def _data(obj: Object) -> dict[str, Any]:
    data = obj.get("data")
    return data if isinstance(data, dict) else {}


def _with_data(obj: Object, data: dict[str, Any]) -> Object:
    return {**obj, "data": data} if "data" in obj else obj
