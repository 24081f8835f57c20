"""Telling a change of immutable fields from every other refusal of an API server.

Only the former justifies deleting an object and creating it again. Upstream takes every 409 and every 422 for it
(fluxcd/pkg ``ssa/errors/immutable.go``), so that a typo in a manifest with ``force`` deletes the object and leaves it
absent. Here each cause of the refusal has to say that the field cannot change.
"""

import re

from fluxkit.kube.errors import APIError, Invalid

__all__ = ["is_immutable"]

# Phrases of Kubernetes' own validation (pkg/apis/*/validation), of CEL rules and of admission webhooks.
_IMMUTABLE = re.compile(
    r"is immutable"
    r"|immutable field"
    r"|immutable after"
    r"|immutable once"
    r"|immutable except"
    r"|may not be changed"
    r"|may not change once set"
    r"|may not be (?:un)?set once"
    r"|can ?not be changed"
    r"|can ?not be modified"
    r"|can ?not change (?:roleRef|once)"
    r"|can not be unset"
    r"|updates? to [^:]* (?:is|are) forbidden"
    r"|updates? to \S+ spec for fields other than"
    r"|updates may not change fields other than"
    r"|field can not be modified",
    re.IGNORECASE,
)


def is_immutable(error: APIError) -> bool:
    """Whether the server refused because of fields that cannot change on a living object, and for nothing else."""
    causes = error.details.get("causes")
    if isinstance(error, Invalid) and isinstance(causes, list) and causes:
        return all(isinstance(cause, dict) and _IMMUTABLE.search(str(cause.get("message", ""))) for cause in causes)
    return _IMMUTABLE.search(error.message) is not None
