"""Which writes a webhook or policy is about: rules, selectors, match conditions.

Follows kubernetes/apiserver ``pkg/admission/plugin/webhook/predicates`` and ``.../webhook/matchconditions``.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from fluxkit.sandbox.admission.operation import Operation
from fluxkit.sandbox.catalog import Catalog, Resource
from fluxkit.sandbox.store import Store
from fluxkit.selectors import selector_from_object

__all__ = ["Scope", "is_exempt"]

_EXEMPT = frozenset(
    f"{plural}.admissionregistration.k8s.io"
    for plural in (
        "validatingwebhookconfigurations",
        "mutatingwebhookconfigurations",
        "validatingadmissionpolicies",
        "validatingadmissionpolicybindings",
        "mutatingadmissionpolicies",
        "mutatingadmissionpolicybindings",
    )
)


def is_exempt(operation: Operation) -> bool:
    """Admission cannot lock itself in: nobody intercepts the objects that configure it."""
    return operation.resource.key in _EXEMPT


class Scope:
    """Matches operations against rules and selectors, with what the cluster holds."""

    def __init__(self, store: Store, catalog: Catalog) -> None:
        self._store = store
        self._catalog = catalog

    def matches(
        self,
        operation: Operation,
        rules: Iterable[Mapping[str, Any]],
        namespace_selector: Mapping[str, Any] | None,
        object_selector: Mapping[str, Any] | None,
        policy: str,
    ) -> Resource | None:
        """The resource in the version that a rule asks for; None if no rule matches."""
        found = self._by_rules(operation, list(rules), policy)
        if found is None:
            return None
        if namespace_selector and not self._namespace_matches(operation, namespace_selector):
            return None
        if object_selector:
            selector = selector_from_object(object_selector)
            if not any(selector.matches(labels) for labels in operation.selected_labels()):
                return None
        return found

    def _by_rules(self, operation: Operation, rules: list[Mapping[str, Any]], policy: str) -> Resource | None:
        resource = operation.resource
        if any(_rule_matches(rule, operation, resource) for rule in rules):
            return resource
        if policy != "Equivalent":
            return None
        for version in self._catalog.versions(resource.group):
            other = self._catalog.find(resource.group, version, resource.plural)
            if other is None or other is resource:
                continue
            if any(_rule_matches(rule, operation, other) for rule in rules):
                return other
        return None

    def excluded(self, operation: Operation, rules: Iterable[Mapping[str, Any]]) -> bool:
        return any(_rule_matches(rule, operation, operation.resource) for rule in rules)

    def _namespace_matches(self, operation: Operation, selector: Mapping[str, Any]) -> bool:
        wanted = selector_from_object(selector)
        if operation.resource.key == "namespaces":
            return any(wanted.matches(labels) for labels in operation.selected_labels()[:1])
        if not operation.namespace:
            return True
        record = self._store.get("namespaces", ("", operation.namespace))
        return record is not None and wanted.matches(record.labels)

    def namespace_object(self, operation: Operation) -> Any:
        """The Namespace of an operation, as expressions see it."""
        if not operation.namespace or operation.resource.key == "namespaces":
            return None
        record = self._store.get("namespaces", ("", operation.namespace))
        return record.view() if record is not None else None


def _rule_matches(rule: Mapping[str, Any], operation: Operation, resource: Resource) -> bool:
    named = rule.get("resourceNames")
    return (
        _among(rule.get("operations"), lambda each: each == operation.verb)
        and _among(rule.get("apiGroups"), lambda each: each == resource.group)
        and _among(rule.get("apiVersions"), lambda each: each == resource.version)
        and any(_resource_matches(each, resource.plural, operation.subresource) for each in rule.get("resources") or ())
        and (rule.get("scope") or "*") in ("*", "Namespaced" if resource.namespaced else "Cluster")
        and (not named or operation.name in named)
    )


def _among(values: Any, matches: Callable[[str], bool]) -> bool:
    return any(each == "*" or matches(each) for each in values or ())


def _resource_matches(pattern: str, plural: str, subresource: str) -> bool:
    first, slash, second = pattern.partition("/")
    if first not in ("*", plural):
        return False
    return second in ("*", subresource) if slash else not subresource
