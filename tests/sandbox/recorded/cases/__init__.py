"""The cases, by what they ask about."""

from tests.sandbox.recorded.cases import (
    access,
    applying,
    custom,
    definitions,
    directives,
    flux,
    managers,
    objects,
    patches,
    reading,
    renderings,
    validation,
    watching,
    writing,
)
from tests.sandbox.recorded.steps import Case

__all__ = ["CASES", "SETUP"]

CASES: tuple[Case, ...] = (
    *objects.CASES,
    *reading.CASES,
    *patches.CASES,
    *applying.CASES,
    *validation.CASES,
    *custom.CASES,
    *flux.CASES,
    *watching.CASES,
    *access.CASES,
    *managers.CASES,
    *writing.CASES,
    *renderings.CASES,
    *directives.CASES,
    *definitions.CASES,
)
SETUP = flux.SETUP
"""Requests that a server gets before the cases."""
