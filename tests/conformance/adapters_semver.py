"""How the semver conformance kit calls fluxkit: one function for every kind of vector."""

from typing import Any

from fluxkit.semver import Constraint, Version


def semver(kind: str, **given: Any) -> Any:
    """The kit's ``semver(kind, **given)``; raises what fluxkit raises on an invalid version or constraint."""
    return _KINDS[kind](**given)


def _parse(version: str, mode: str) -> dict[str, Any]:
    parsed = Version.strict(version) if mode == "strict" else Version.parse(version, coerce=mode == "loose")
    return {
        "string": str(parsed),
        "original": parsed.original,
        "major": parsed.major,
        "minor": parsed.minor,
        "patch": parsed.patch,
        "prerelease": parsed.prerelease,
        "metadata": parsed.metadata,
    }


def _compare(a: str, b: str) -> int:
    return Version.parse(a).compare(Version.parse(b))


def _order(op: str, a: str, b: str) -> bool:
    left, right = Version.parse(a), Version.parse(b)
    return {
        "lt": left < right,
        "gt": left > right,
        "le": left <= right,
        "ge": left >= right,
        "eq": left == right,
    }[op]


def _text(version: Version) -> dict[str, str]:
    return {"string": str(version), "original": version.original}


def _inc(version: str, how: str) -> dict[str, str]:
    parsed = Version.parse(version)
    return _text({"major": parsed.next_major, "minor": parsed.next_minor, "patch": parsed.next_patch}[how]())


def _set(part: str, version: str, value: str) -> dict[str, str]:
    parsed = Version.parse(version)
    return _text(parsed.with_prerelease(value) if part == "prerelease" else parsed.with_metadata(value))


def _sort(versions: list[str]) -> list[str]:
    return [str(version) for version in sorted(Version.parse(text) for text in versions)]


def _constraint(constraint: str) -> str:
    return str(Constraint(constraint))


def _check(constraint: str, version: str, include_prerelease: bool) -> bool:
    return Constraint(constraint, include_prerelease=include_prerelease).check(Version.parse(version))


def _filter(constraint: str, versions: list[str], include_prerelease: bool) -> list[str]:
    matcher = Constraint(constraint, include_prerelease=include_prerelease)
    return [version.original for version in matcher.filter(Version.parse(text) for text in versions)]


def _validate(constraint: str, version: str, include_prerelease: bool) -> list[str]:
    return Constraint(constraint, include_prerelease=include_prerelease).refusals(Version.parse(version))


_KINDS = {
    "parse": _parse,
    "compare": _compare,
    "order": _order,
    "inc": _inc,
    "set": _set,
    "sort": _sort,
    "constraint": _constraint,
    "check": _check,
    "filter": _filter,
    "validate": _validate,
}
