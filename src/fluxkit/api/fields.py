"""Vocabulary for annotating model fields: descriptions, schema defaults and CEL rules that end up in the CRDs."""

from typing import Annotated, Any

import msgspec

__all__ = ["DURATIONS", "DateTime", "Duration", "Int64", "Model", "ShortDuration", "crd_default", "doc", "rules"]


class Model(msgspec.Struct, rename="camel", omit_defaults=True):
    """Base of every part of a custom resource: camelCase on the wire, defaults left out, unknown fields ignored.

    Subclasses say ``kw_only=True``, which is not inherited, so that required fields may follow optional ones.
    """


def doc(text: str, **facts: Any) -> msgspec.Meta:
    """The description of a field, and further schema facts (``enum``, ``pattern`` ...) that the server enforces."""
    return msgspec.Meta(extra_json_schema={"description": text, **facts})


def crd_default(value: Any) -> msgspec.Meta:
    """A default that the API server writes into stored objects."""
    return msgspec.Meta(extra_json_schema={"default": value})


def rules(*pairs: tuple[str, str]) -> msgspec.Meta:
    """CEL validation rules as (rule, message) pairs."""
    validations = [{"message": message, "rule": rule} for rule, message in pairs]
    return msgspec.Meta(extra_json_schema={"x-kubernetes-validations": validations})


_DURATION = r"^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$"
_SHORT_DURATION = r"^([0-9]+(\.[0-9]+)?(ms|s|m))+$"
DURATIONS = frozenset({_DURATION, _SHORT_DURATION})
"""The patterns by which a schema says that a text is a duration."""

Duration = Annotated[str, msgspec.Meta(extra_json_schema={"pattern": _DURATION})]
"""A Go duration, ``1h30m``."""

ShortDuration = Annotated[str, msgspec.Meta(extra_json_schema={"pattern": _SHORT_DURATION})]
"""A Go duration without hours."""

DateTime = Annotated[str, msgspec.Meta(extra_json_schema={"format": "date-time"})]
"""An RFC 3339 timestamp."""

Int64 = Annotated[int, msgspec.Meta(extra_json_schema={"format": "int64"})]
