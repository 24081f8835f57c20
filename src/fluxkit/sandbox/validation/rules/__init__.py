"""Validation of built-in kinds beyond their types: what must be set, what must agree, what must not change.

Each function takes a defaulted object of one kind, and the stored one on update, and returns what is wrong in
upstream's words. Follows the ``validation.go`` files of kubernetes/kubernetes ``pkg/apis``.
"""

from collections.abc import Callable

from fluxkit.objects import GroupKind, Object
from fluxkit.sandbox.status import Cause

__all__ = ["validate_builtin"]

_Rule = Callable[[Object, Object | None], list[Cause]]

_BY_KIND: dict[GroupKind, _Rule] = {}


def validate_builtin(kind: GroupKind, obj: Object, old: Object | None) -> list[Cause]:
    """What is wrong with a built-in object; a kind without rules is taken as it is."""
    rule = _BY_KIND.get(kind)
    return rule(obj, old) if rule is not None else []
