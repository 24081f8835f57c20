"""Semantic versions as template values, over :mod:`fluxkit.semver`. Upstream: Masterminds/sprig ``semver.go``."""

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, ClassVar, Final

from fluxkit.semver import Constraint, SemVerError, Version
from fluxkit.template.errors import FunctionError
from fluxkit.template.quoting import quote
from fluxkit.template.sprig.declare import declare
from fluxkit.template.values import GoObject, Uint64

__all__ = ["FUNCTIONS", "GoVersion"]

_IMPROPER: Final = re.compile('(improper constraint: )"(.*)"', re.DOTALL)


class GoVersion(GoObject):
    """A ``*semver.Version``: methods, no reachable fields, prints as its normalized text."""

    __slots__ = ("version",)
    go_type: ClassVar[str] = "*semver.Version"
    go_kind: ClassVar[str] = "ptr"

    def __init__(self, version: Version) -> None:
        self.version = version

    def __eq__(self, other: object) -> bool:
        return isinstance(other, GoVersion) and self._identity == other._identity

    def __hash__(self) -> int:
        return hash(self._identity)

    @property
    def _identity(self) -> tuple[str, str]:
        return str(self.version), self.version.original

    def go_string(self) -> str:
        return str(self.version)

    def go_json(self) -> str:
        return str(self.version)


class _VersionValue(GoVersion):
    """What the ``Inc`` methods return: the struct itself."""

    __slots__ = ()
    go_type: ClassVar[str] = "semver.Version"
    go_kind: ClassVar[str] = "struct"


def _compared(test: Callable[[int], Any]) -> Callable[[GoVersion, Any], Any]:
    def compare(value: GoVersion, other: Any) -> Any:
        if not isinstance(other, GoVersion):
            raise FunctionError("wrong type for value; expected *semver.Version")
        return test(value.version.compare(other.version))

    return compare


def _changed(change: Callable[..., Version]) -> Callable[..., GoVersion]:
    def changed(value: GoVersion, *arguments: str) -> GoVersion:
        try:
            return _VersionValue(change(value.version, *arguments))
        except SemVerError as problem:
            raise FunctionError(str(problem)) from None

    return changed


_METHODS: Mapping[str, Callable[..., Any]] = {
    "Compare": _compared(lambda order: order),
    "Equal": _compared(lambda order: order == 0),
    "GreaterThan": _compared(lambda order: order > 0),
    "GreaterThanEqual": _compared(lambda order: order >= 0),
    "IncMajor": _changed(Version.next_major),
    "IncMinor": _changed(Version.next_minor),
    "IncPatch": _changed(Version.next_patch),
    "LessThan": _compared(lambda order: order < 0),
    "LessThanEqual": _compared(lambda order: order <= 0),
    "Major": lambda value: Uint64(value.version.major),
    "Metadata": lambda value: value.version.metadata,
    "Minor": lambda value: Uint64(value.version.minor),
    "Original": lambda value: value.version.original,
    "Patch": lambda value: Uint64(value.version.patch),
    "Prerelease": lambda value: value.version.prerelease,
    "SetMetadata": _changed(Version.with_metadata),
    "SetPrerelease": _changed(Version.with_prerelease),
    "String": lambda value: str(value.version),
}
GoVersion.go_methods = _METHODS


def _semver(text: str) -> GoVersion:
    try:
        return GoVersion(Version.parse(text))
    except SemVerError as problem:
        raise FunctionError(str(problem)) from None


@lru_cache(maxsize=1024)
def _semver_compare(constraint: str, version: str) -> bool:
    try:
        return Constraint(constraint).check(Version.parse(version))
    except SemVerError as problem:
        raise FunctionError(_IMPROPER.sub(lambda found: found[1] + quote(found[2]), str(problem))) from None


FUNCTIONS = declare(
    {
        "semver": ("func(string) (*semver.Version, error)", _semver),
        "semverCompare": ("func(string, string) (bool, error)", _semver_compare),
    }
)
"""Name in templates -> Go signature and implementation."""
