"""ValidatingAdmissionPolicies.

Follows kubernetes/apiserver ``pkg/admission/plugin/policy/validating`` (dispatcher.go, validator.go) and
``.../policy/generic``.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from fluxkit.objects import GroupVersionKind, Object
from fluxkit.sandbox.admission.conditions import ExpressionError, Expressions
from fluxkit.sandbox.admission.matching import Scope
from fluxkit.sandbox.admission.operation import Operation
from fluxkit.sandbox.catalog import Catalog
from fluxkit.sandbox.status import StatusError, forbidden
from fluxkit.sandbox.store import Store
from fluxkit.selectors import selector_from_object

__all__ = ["BINDINGS", "POLICIES", "Policies"]

POLICIES = "validatingadmissionpolicies.admissionregistration.k8s.io"
BINDINGS = "validatingadmissionpolicybindings.admissionregistration.k8s.io"
_EVERYTHING = [{"apiGroups": ["*"], "apiVersions": ["*"], "operations": ["*"], "resources": ["*", "*/*"]}]
_CODES = {"Unauthorized": 401, "Forbidden": 403, "RequestEntityTooLarge": 413}


@dataclass(frozen=True, slots=True)
class _Denial:
    policy: str
    binding: str
    message: str
    reason: str

    def __str__(self) -> str:
        named = f"ValidatingAdmissionPolicy '{self.policy}' with binding '{self.binding}'"
        return f"{named} denied request: {self.message}"


class _ConfigurationError(ValueError):
    """A binding that cannot be applied."""


class Policies:
    """Judges writes by the policies that are bound to them."""

    def __init__(self, store: Store, catalog: Catalog, scope: Scope, expressions: Expressions) -> None:
        self._store = store
        self._catalog = catalog
        self._scope = scope
        self._expressions = expressions

    def judge(self, operation: Operation) -> None:
        """Raises the refusal of the policies that deny a write; adds the warnings of those that warn."""
        denials: list[_Denial] = []
        for policy in self._store.records(POLICIES):
            spec = policy.view().get("spec") or {}
            if self._matches(operation, spec.get("matchConstraints") or {}):
                denials += self._judged(operation, policy.key[1], spec)
        if denials:
            raise _refusal(operation, denials)

    def _matches(self, operation: Operation, constraints: Mapping[str, Any]) -> bool:
        found = self._scope.matches(
            operation,
            constraints.get("resourceRules") or _EVERYTHING,
            constraints.get("namespaceSelector"),
            constraints.get("objectSelector"),
            constraints.get("matchPolicy") or "Equivalent",
        )
        return found is not None and not self._scope.excluded(operation, constraints.get("excludeResourceRules") or ())

    def _judged(self, operation: Operation, name: str, spec: Mapping[str, Any]) -> Iterator[_Denial]:
        for record in self._store.records(BINDINGS):
            binding = record.view()["spec"]
            if binding.get("policyName") != name:
                continue
            if binding.get("matchResources") and not self._matches(operation, binding["matchResources"]):
                continue
            actions = binding.get("validationActions") or ["Deny"]
            for message, reason in self._failures(operation, spec, binding):
                if "Warn" in actions:
                    named = f"ValidatingAdmissionPolicy '{name}' with binding '{record.key[1]}'"
                    operation.warn(f"Validation failed for {named}: {message}")
                if "Deny" in actions:
                    yield _Denial(name, record.key[1], message, reason)

    def _failures(
        self, operation: Operation, spec: Mapping[str, Any], binding: Mapping[str, Any]
    ) -> Iterator[tuple[str, str]]:
        """Message and reason of each validation that fails."""
        strict = spec.get("failurePolicy") != "Ignore"
        try:
            for params in self._params(operation, spec, binding):
                if not self._expressions.first_unmet(spec.get("matchConditions") or (), operation):
                    yield from self._validated(operation, spec, params, strict=strict)
        except _ConfigurationError as error:
            if strict:
                yield f"failed to configure binding: {error}", ""
        except ExpressionError as error:
            if strict:
                yield str(error), ""

    def _params(self, operation: Operation, spec: Mapping[str, Any], binding: Mapping[str, Any]) -> list[Object | None]:
        """The objects that a policy is parametrized with, one after the other; one None for a policy without."""
        kind, reference = spec.get("paramKind"), binding.get("paramRef")
        if not kind or not reference:
            return [None]
        resource = self._catalog.find_kind(GroupVersionKind.parse(kind["apiVersion"], kind["kind"]))
        if resource is None:
            named = f"{kind['apiVersion']}, Kind={kind['kind']}"
            raise _ConfigurationError(f"failed to find resource referenced by paramKind: '{named}'")
        namespace = (reference.get("namespace") or operation.namespace) if resource.namespaced else ""
        found: list[Object | None] = []
        if reference.get("name"):
            record = self._store.get(resource.key, (namespace, reference["name"]))
            found = [record.view()] if record is not None else []
        else:
            selector = selector_from_object(reference.get("selector") or {})
            records = self._store.records(resource.key, namespace)
            found = [record.view() for record in records if selector.matches(record.labels)]
        if not found and reference.get("parameterNotFoundAction") != "Allow":
            raise _ConfigurationError("no params found for policy binding with `Deny` parameterNotFoundAction")
        return found

    def _validated(
        self, operation: Operation, spec: Mapping[str, Any], params: Object | None, *, strict: bool
    ) -> Iterator[tuple[str, str]]:
        data = self._expressions.data(operation, params)
        user = operation.asker
        for variable in spec.get("variables") or ():
            try:
                data["variables"][variable["name"]] = self._expressions.value(variable["expression"], data, user)
            except ExpressionError:
                continue  # told by the expression that uses it, as variables are evaluated when they are used
        for validation in spec.get("validations") or ():
            expression = validation["expression"]
            try:
                if self._expressions.value(expression, data, user) is True:
                    continue
                message = self._message(validation, data, operation)
            except ExpressionError as error:
                if not strict:
                    continue
                message = str(error)
            yield message, validation.get("reason") or ""

    def _message(self, validation: Mapping[str, Any], data: Mapping[str, Any], operation: Operation) -> str:
        if validation.get("messageExpression"):
            try:
                text = self._expressions.value(validation["messageExpression"], data, operation.asker)
            except ExpressionError:
                text = ""
            if isinstance(text, str) and text.strip() and "\n" not in text:
                return text.strip()
        return str(validation.get("message") or "").strip() or f"failed expression: {validation['expression'].strip()}"


def _refusal(operation: Operation, denials: list[_Denial]) -> StatusError:
    causes = [{"message": str(each)} for each in denials]
    resource = operation.resource
    error = forbidden(resource.plural, resource.group, operation.name, str(denials[0]), causes)
    error.reason = denials[0].reason or "Invalid"
    error.code = _CODES.get(error.reason, 422)
    return error
