"""Semantic versions and constraints with the rules of Masterminds/semver v3, which all of Flux and Helm use.

Two ways to read a version: :meth:`Version.parse` is lenient (a leading ``v``, missing parts and leading zeros are
accepted, as upstream's ``NewVersion``), :meth:`Version.strict` accepts only what semver.org defines
(``StrictNewVersion``). Precedence ignores build metadata. A constraint lets prereleases through only where it names
one itself, or where its :attr:`Constraint.include_prerelease` is set.

Upstream: github.com/Masterminds/semver, ``version.go`` and ``constraints.go``.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from functools import cache, total_ordering
from typing import Any, Final

__all__ = ["Constraint", "ConstraintError", "SemVerError", "Version", "VersionError", "parse_tag"]

_MAX_SEGMENT: Final = 2**64 - 1
_DIGITS = frozenset("0123456789")
_IDENTIFIER = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-0123456789")

_LOOSE = re.compile(
    r"v?([0-9]+)(\.[0-9]+)?(\.[0-9]+)?"
    r"(-([0-9A-Za-z\-]+(\.[0-9A-Za-z\-]+)*))?"
    r"(\+([0-9A-Za-z\-]+(\.[0-9A-Za-z\-]+)*))?"
)


class SemVerError(ValueError):
    """A text is neither a version nor a constraint that upstream would accept."""


class VersionError(SemVerError):
    """A text is not a semantic version."""


class ConstraintError(SemVerError):
    """A text is not a version constraint."""


def _segment(text: str) -> int:
    """A numeric part as Go's ``strconv.ParseUint`` reads it, with its error texts."""
    if not text:
        raise VersionError('strconv.ParseUint: parsing "": invalid syntax')
    value = _uint64(text)
    if value is None:
        raise VersionError(f'strconv.ParseUint: parsing "{text}": value out of range')
    return value


def _uint64(digits: str) -> int | None:
    """The value of decimal digits, or None when it does not fit 64 bits."""
    significant = digits.lstrip("0")
    if len(significant) > 20:
        return None
    value = int(significant or "0")
    return value if value <= _MAX_SEGMENT else None


def _loose_segment(text: str) -> int:
    try:
        return _segment(text)
    except VersionError as problem:
        raise VersionError(f"error parsing version segment: {problem}") from None


def _check_prerelease(text: str) -> None:
    for part in text.split("."):
        if not part:
            raise VersionError("invalid prerelease string")
        if _DIGITS.issuperset(part):
            if len(part) > 1 and part[0] == "0":
                raise VersionError("version segment starts with 0")
        elif not _IDENTIFIER.issuperset(part):
            raise VersionError("invalid prerelease string")


def _check_metadata(text: str) -> None:
    for part in text.split("."):
        if not part or not _IDENTIFIER.issuperset(part):
            raise VersionError("invalid metadata string")


def _number_or_none(text: str) -> int | None:
    return _uint64(text) if _DIGITS.issuperset(text) else None


def _compare_part(left: str, right: str) -> int:
    if left == right:
        return 0
    if not left:
        return -1
    if not right:
        return 1
    left_number, right_number = _number_or_none(left), _number_or_none(right)
    if left_number is None and right_number is None:
        return 1 if left > right else -1
    if right_number is None:
        return -1
    if left_number is None:
        return 1
    return 1 if left_number > right_number else -1


def _compare_prerelease(left: str, right: str) -> int:
    lefts, rights = left.split("."), right.split(".")
    for position in range(max(len(lefts), len(rights))):
        order = _compare_part(
            lefts[position] if position < len(lefts) else "",
            rights[position] if position < len(rights) else "",
        )
        if order:
            return order
    return 0


@total_ordering
@dataclass(frozen=True, slots=True, eq=False)
class Version:
    """One version. ``str()`` is the normalized form, :attr:`original` the text it was read from.

    Equality and order are semver precedence: versions that differ only in build metadata are equal.
    """

    major: int
    minor: int
    patch: int
    prerelease: str = ""
    metadata: str = ""
    original: str = field(default="", repr=False)

    @classmethod
    def parse(cls, text: str, *, coerce: bool = True) -> "Version":
        """Lenient reading (``NewVersion``); with ``coerce=False`` leading zeros are refused. Raises VersionError."""
        found = _LOOSE.fullmatch(text)
        if found is None:
            raise VersionError("invalid semantic version")
        parts = [found[1], (found[2] or "")[1:], (found[3] or "")[1:]]
        if not coerce and any(len(part) > 1 and part[0] == "0" for part in parts):
            raise VersionError("version segment starts with 0")
        major, minor, patch = (_loose_segment(part) if part else 0 for part in parts)
        prerelease, metadata = found[5] or "", found[8] or ""
        if prerelease:
            _check_prerelease(prerelease)
        if metadata:
            _check_metadata(metadata)
        return cls(major, minor, patch, prerelease, metadata, text)

    @classmethod
    def strict(cls, text: str) -> "Version":
        """Reading by the letter of semver.org (``StrictNewVersion``). Raises VersionError."""
        if not text:
            raise VersionError("version string empty")
        parts = text.split(".", 2)
        if len(parts) != 3:
            raise VersionError("invalid semantic version")
        prerelease = metadata = ""
        if "+" in parts[2]:
            parts[2], metadata = parts[2].split("+", 1)
            _check_metadata(metadata)
        if "-" in parts[2]:
            parts[2], prerelease = parts[2].split("-", 1)
            _check_prerelease(prerelease)
        for part in parts:
            if not _DIGITS.issuperset(part):
                raise VersionError("invalid characters in version")
            if len(part) > 1 and part[0] == "0":
                raise VersionError("version segment starts with 0")
        return cls(_segment(parts[0]), _segment(parts[1]), _segment(parts[2]), prerelease, metadata, text)

    def compare(self, other: "Version") -> int:
        """-1, 0 or 1 by semver precedence."""
        left, right = (self.major, self.minor, self.patch), (other.major, other.minor, other.patch)
        if left != right:
            return -1 if left < right else 1
        if not self.prerelease or not other.prerelease:
            return (not self.prerelease) - (not other.prerelease)
        return _compare_prerelease(self.prerelease, other.prerelease)

    def __eq__(self, other: object) -> bool:
        return self.compare(other) == 0 if isinstance(other, Version) else NotImplemented

    def __lt__(self, other: "Version") -> bool:
        return self.compare(other) < 0

    def __hash__(self) -> int:
        return hash((self.major, self.minor, self.patch, self.prerelease))

    def __str__(self) -> str:
        text = f"{self.major}.{self.minor}.{self.patch}"
        if self.prerelease:
            text += f"-{self.prerelease}"
        return f"{text}+{self.metadata}" if self.metadata else text

    def _with_original(self, prefix_of: str) -> "Version":
        return replace(self, original=("v" if prefix_of.startswith("v") else "") + str(self))

    def next_major(self) -> "Version":
        return Version(_increment(self.major, "major"), 0, 0)._with_original(self.original)

    def next_minor(self) -> "Version":
        return Version(self.major, _increment(self.minor, "minor"), 0)._with_original(self.original)

    def next_patch(self) -> "Version":
        """The release of a prerelease, else the following patch version."""
        patch = self.patch if self.prerelease else _increment(self.patch, "patch")
        return Version(self.major, self.minor, patch)._with_original(self.original)

    def with_prerelease(self, value: str) -> "Version":
        if value:
            _check_prerelease(value)
        return replace(self, prerelease=value)._with_original(self.original)

    def with_metadata(self, value: str) -> "Version":
        if value:
            _check_metadata(value)
        return replace(self, metadata=value)._with_original(self.original)


def _increment(value: int, part: str) -> int:
    if value == _MAX_SEGMENT:
        raise VersionError(f"{part} version increment would overflow uint64")
    return value + 1


def parse_tag(tag: str) -> Version:
    """A version tag as Flux accepts it: three dot-separated parts, optional ``v`` (fluxcd/pkg ``version``).

    Raises VersionError for tags such as ``v1`` or ``1.2`` that the lenient reading would complete.
    """
    if len(tag.split(".", 2)) != 3:
        raise VersionError("invalid semantic version")
    return Version.parse(tag)


# --- constraints -----------------------------------------------------------------------------------------------------

_OPERATORS = r"=||!=|>|<|>=|=>|<=|=<|~|~>|\^"
_OPERAND = (
    r"v?([0-9|x|X|\*]+)(\.[0-9|x|X|\*]+)?(\.[0-9|x|X|\*]+)?"
    r"(-([0-9A-Za-z\-]+(\.[0-9A-Za-z\-]+)*))?"
    r"(\+([0-9A-Za-z\-]+(\.[0-9A-Za-z\-]+)*))?"
)
_ONE = rf"^\s*({_OPERATORS})\s*({_OPERAND})\s*$"
_RANGE = rf"\s*({_OPERAND})\s+-\s+({_OPERAND})\s*"
_FIND = rf"({_OPERATORS})\s*({_OPERAND})"
_GROUP = rf"^(\s*({_OPERATORS})\s*({_OPERAND})\s*)((?:\s+|,\s*)({_OPERATORS})\s*({_OPERAND})\s*)*$"


@cache
def _compiled(pattern: str) -> Any:
    """RE2, as upstream: a backtracking engine needs exponential time for hostile runs of spaces."""
    import re2  # it takes a while, and most programs that read versions see no constraint

    return re2.compile(pattern)


@dataclass(frozen=True, slots=True)
class _Comparison:
    """One operator with its operand, such as ``>=1.2.x``."""

    operator: str
    operand: str
    version: Version
    minor_open: bool = False
    patch_open: bool = False
    open: bool = False
    """Some part of the operand is missing or a wildcard."""

    def refusal(self, version: Version, include_prerelease: bool) -> str | None:
        """Why the version does not satisfy this comparison, or None when it does."""
        if version.prerelease and not include_prerelease:
            return _prerelease_refusal(version)
        relation = _OPERATIONS[self.operator](version, self)
        return None if relation is None else f'"{version}" {relation.format(operand=_quoted(self.operand))}'


def _quoted(text: str) -> str:
    return f'"{text}"'.replace("{", "{{").replace("}", "}}")


def _prerelease_refusal(version: Version) -> str:
    return f'"{version}" is a prerelease version and the constraint is only looking for release versions'


_EQUAL = "is equal to {operand}"
_NOT_EQUAL = "is not equal to {operand}"
_LESS = "is less than {operand}"
_LESS_OR_EQUAL = "is less than or equal to {operand}"
_GREATER = "is greater than {operand}"
_GREATER_OR_EQUAL = "is greater than or equal to {operand}"
_OTHER_MAJOR = "does not have same major version as {operand}"
_OTHER_MINOR = "does not have same minor version as {operand}"


def _not_equal(version: Version, limit: _Comparison) -> str | None:
    wanted = limit.version
    if limit.open:
        if wanted.major != version.major:
            return None
        if wanted.minor != version.minor and not limit.minor_open:
            return None
        if limit.minor_open:
            return _EQUAL
        if wanted.patch != version.patch and not limit.patch_open:
            return None
        if limit.patch_open:
            differs = (version.prerelease or wanted.prerelease) and _compare_prerelease(
                version.prerelease, wanted.prerelease
            )
            return None if differs else _EQUAL
    return _EQUAL if version == wanted else None


def _greater(version: Version, limit: _Comparison) -> str | None:
    wanted = limit.version
    if not limit.open:
        return None if version > wanted else _LESS_OR_EQUAL
    if version.major != wanted.major:
        return None if version.major > wanted.major else _LESS_OR_EQUAL
    if limit.minor_open:
        return _LESS_OR_EQUAL
    if limit.patch_open:
        return None if version.minor > wanted.minor else _LESS_OR_EQUAL
    return None if version > wanted else _LESS_OR_EQUAL


def _less(version: Version, limit: _Comparison) -> str | None:
    return None if version < limit.version else _GREATER_OR_EQUAL


def _greater_or_equal(version: Version, limit: _Comparison) -> str | None:
    return None if version >= limit.version else _LESS


def _less_or_equal(version: Version, limit: _Comparison) -> str | None:
    wanted = limit.version
    if not limit.open:
        return None if version <= wanted else _GREATER
    if version.major > wanted.major:
        return _GREATER
    if version.major == wanted.major and version.minor > wanted.minor and not limit.minor_open:
        return _GREATER
    return None


def _tilde(version: Version, limit: _Comparison) -> str | None:
    wanted = limit.version
    if version < wanted:
        return _LESS
    zero = not (wanted.major or wanted.minor or wanted.patch)
    if zero and not limit.minor_open and not limit.patch_open:
        return None
    if version.major != wanted.major:
        return _OTHER_MAJOR
    if version.minor != wanted.minor and not limit.minor_open:
        return "does not have same major and minor version as {operand}"
    return None


def _tilde_or_equal(version: Version, limit: _Comparison) -> str | None:
    if limit.open:
        return _tilde(version, limit)
    return None if version == limit.version else _NOT_EQUAL


def _caret(version: Version, limit: _Comparison) -> str | None:
    wanted = limit.version
    if version < wanted:
        return _LESS
    if wanted.major > 0 or limit.minor_open:
        return None if version.major == wanted.major else _OTHER_MAJOR
    if version.major > 0:
        return _OTHER_MAJOR
    if wanted.minor > 0 or limit.patch_open:
        if version.minor == wanted.minor:
            return None
        return f"{_OTHER_MINOR}. Expected minor versions to match when constraint major version is 0"
    if version.minor > 0:
        return _OTHER_MINOR
    if version.patch == wanted.patch:
        return None
    return "does not equal {operand}. Expect version and constraint to equal when major and minor versions are 0"


_OPERATIONS: Final[dict[str, Callable[[Version, _Comparison], str | None]]] = {
    "": _tilde_or_equal,
    "=": _tilde_or_equal,
    "!=": _not_equal,
    ">": _greater,
    "<": _less,
    ">=": _greater_or_equal,
    "=>": _greater_or_equal,
    "<=": _less_or_equal,
    "=<": _less_or_equal,
    "~": _tilde,
    "~>": _tilde,
    "^": _caret,
}


def _is_wildcard(part: str) -> bool:
    return part in ("x", "X", "*", "")


def _comparison(text: str) -> _Comparison:
    if not text:
        return _Comparison("", text, Version(0, 0, 0), open=True)
    found = _compiled(_ONE).search(text)
    if found is None:
        raise ConstraintError(f'improper constraint: "{text}"')
    operator, operand = found[1], found[2]
    major, minor, patch = found[3], (found[4] or "")[1:], (found[5] or "")[1:]
    prerelease = found[6] or ""
    minor_open = patch_open = False
    if _is_wildcard(major):
        number = f"0.0.0{prerelease}"
    elif _is_wildcard(minor):
        minor_open, number = True, f"{major}.0.0{prerelease}"
    elif _is_wildcard(patch):
        patch_open, number = True, f"{major}.{minor}.0{prerelease}"
    else:
        number = operand
    try:
        version = Version.parse(number)
    except VersionError:
        raise ConstraintError("constraint parser error") from None
    return _Comparison(operator, operand, version, minor_open, patch_open, number is not operand)


def _expand_ranges(text: str) -> str:
    """``1.2 - 1.4.5`` as the two comparisons it stands for."""
    rewritten = text
    for found in _compiled(_RANGE).finditer(text):
        rewritten = rewritten.replace(found[0], f">= {found[1]}, <= {found[11]} ", 1)
    return rewritten


class Constraint:
    """Comparisons joined by spaces or commas (all must hold), in alternatives joined by ``||`` (any may hold)."""

    __slots__ = ("_groups", "include_prerelease")

    def __init__(self, text: str, *, include_prerelease: bool = False) -> None:
        """Raises ConstraintError, naming the part that is not a constraint."""
        self.include_prerelease = include_prerelease
        self._groups: list[list[_Comparison]] = []
        for group in _expand_ranges(text).split("||"):
            if _compiled(_GROUP).search(group) is None:
                raise ConstraintError(f'improper constraint: "{group}"')
            self._groups.append([_comparison(found[0]) for found in _compiled(_FIND).finditer(group)])

    def check(self, version: Version) -> bool:
        """Whether the version satisfies the constraint."""
        return any(
            all(comparison.refusal(version, prereleases) is None for comparison in group)
            for group, prereleases in self._alternatives()
        )

    def refusals(self, version: Version) -> list[str]:
        """Why the version does not satisfy the constraint, in upstream's words; empty when it does."""
        reasons: list[str] = []
        reported = False
        for group, prereleases in self._alternatives():
            satisfied = True
            for comparison in group:
                reason = comparison.refusal(version, prereleases)
                if reason is None:
                    continue
                satisfied = False
                if version.prerelease and not prereleases:
                    if reported:
                        continue
                    reported = True
                reasons.append(reason)
            if satisfied:
                return []
        return reasons

    def filter(self, versions: Iterable[Version]) -> list[Version]:
        """Those versions that satisfy the constraint, in the given order."""
        return [version for version in versions if self.check(version)]

    def _alternatives(self) -> Iterable[tuple[list[_Comparison], bool]]:
        for group in self._groups:
            named = any(comparison.version.prerelease for comparison in group)
            yield group, named or self.include_prerelease

    def __str__(self) -> str:
        return " || ".join(" ".join(one.operator + one.operand for one in group) for group in self._groups)
