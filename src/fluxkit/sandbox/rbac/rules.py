"""Policy rules: what one allows, and whether a set of them covers another.

Follows kubernetes/component-helpers ``auth/rbac/validation/policy_comparator.go`` and kubernetes/kubernetes
``pkg/apis/rbac/v1/evaluation_helpers.go``.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from fluxkit.sandbox.identity import Attributes

__all__ = ["Rule", "covers", "describe"]


@dataclass(frozen=True, slots=True)
class Rule:
    """One ``PolicyRule``."""

    verbs: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()

    @classmethod
    def of(cls, rule: dict[str, Any]) -> "Rule":
        return cls(
            tuple(rule.get("verbs") or ()),
            tuple(rule.get("apiGroups") or ()),
            tuple(rule.get("resources") or ()),
            tuple(rule.get("resourceNames") or ()),
            tuple(rule.get("nonResourceURLs") or ()),
        )

    def as_object(self) -> dict[str, Any]:
        members = {
            "verbs": self.verbs,
            "apiGroups": self.groups,
            "resources": self.resources,
            "resourceNames": self.names,
            "nonResourceURLs": self.paths,
        }
        return {name: list(values) for name, values in members.items() if values}

    def allows(self, asked: Attributes) -> bool:
        if not _among(self.verbs, asked.verb):
            return False
        if asked.path:
            return any(_path_matches(pattern, asked.path) for pattern in self.paths)
        resource = f"{asked.resource}/{asked.subresource}" if asked.subresource else asked.resource
        return (
            _among(self.groups, asked.group)
            and self._has_resource(resource, asked.subresource)
            and (not self.names or asked.name in self.names)
        )

    def _has_resource(self, resource: str, subresource: str) -> bool:
        return any(
            item in ("*", resource) or (bool(subresource) and item == f"*/{subresource}") for item in self.resources
        )

    def single(self) -> Iterator["Rule"]:
        """The rule as rules of one verb, one group, one resource and at most one name each."""
        for verb in self.verbs:
            for path in self.paths:
                yield Rule((verb,), paths=(path,))
            for group in self.groups:
                for resource in self.resources:
                    for name in self.names or ("",):
                        yield Rule((verb,), (group,), (resource,), (name,) if name else ())

    def covers(self, part: "Rule") -> bool:
        """Whether this rule covers a rule that :meth:`single` made."""
        if not _among(self.verbs, part.verbs[0]):
            return False
        if part.paths:
            return any(_path_matches(pattern, part.paths[0]) for pattern in self.paths)
        resource = part.resources[0]
        _, _, subresource = resource.partition("/")
        return (
            _among(self.groups, part.groups[0])
            and self._has_resource(resource, subresource)
            and (not self.names or (bool(part.names) and part.names[0] in self.names))
        )


def _among(values: Sequence[str], wanted: str) -> bool:
    return "*" in values or wanted in values


def _path_matches(pattern: str, path: str) -> bool:
    return pattern in ("*", path) or (pattern.endswith("*") and path.startswith(pattern.rstrip("*")))


def covers(owned: Sequence[Rule], wanted: Sequence[Rule]) -> list[Rule]:
    """The single rules of ``wanted`` that ``owned`` does not cover; empty when it covers all."""
    return [part for rule in wanted for part in rule.single() if not any(own.covers(part) for own in owned)]


def describe(rules: Sequence[Rule]) -> str:
    """Rules as upstream prints them in refusals, one per line, verbs of equal rules joined."""
    verbs: dict[Rule, list[str]] = {}
    for rule in rules:
        verbs.setdefault(Rule((), rule.groups, rule.resources, rule.names, rule.paths), []).extend(rule.verbs)
    lines: list[str] = []
    for rule, found in verbs.items():
        parts = []
        for label, values in (
            ("APIGroups", rule.groups),
            ("Resources", rule.resources),
            ("ResourceNames", rule.names),
            ("NonResourceURLs", rule.paths),
            ("Verbs", found),
        ):
            if values:
                listed = " ".join(f'"{value}"' for value in values)
                parts.append(f"{label}:[{listed}]")
        lines.append("{" + ", ".join(parts) + "}")
    return "\n".join(sorted(lines))
