"""Expressions over writes: match conditions of webhooks, everything in policies."""

from collections.abc import Iterable, Mapping
from contextlib import contextmanager
from typing import Any

from fluxkit.objects import Object
from fluxkit.sandbox.admission.matching import Scope
from fluxkit.sandbox.admission.operation import Operation
from fluxkit.sandbox.identity import Attributes, Authorizer, User
from fluxkit.sandbox.validation.expressions import CompileError, compile_expression
from fluxkit.sandbox.validation.expressions.libraries import AUTHORIZER, authorizer

__all__ = ["ExpressionError", "Expressions"]

_VARIABLES = ("object", "oldObject", "request", "params", "namespaceObject", "variables", "authorizer")


class ExpressionError(ValueError):
    """An expression that cannot be compiled or has no value."""


class Expressions:
    """Evaluates expressions with what the cluster holds and may."""

    def __init__(self, scope: Scope, authority: Authorizer) -> None:
        self._scope = scope
        self._authority = authority

    def data(self, operation: Operation, params: Object | None = None) -> dict[str, Any]:
        # Unlike those of definitions, these expressions see objects as they are: no name is escaped, times are texts.
        return {
            "object": operation.new,
            "oldObject": operation.old,
            "request": dict(operation.request),
            "params": params,
            "namespaceObject": self._scope.namespace_object(operation),
            "variables": {},
            "authorizer": AUTHORIZER,
        }

    def value(self, expression: str, data: Mapping[str, Any], user: User) -> Any:
        """Raises :class:`ExpressionError`."""
        try:
            program = compile_expression(expression, _VARIABLES)
        except CompileError as error:
            raise ExpressionError(f"compilation error: {error}") from None
        with self._authority_of(user):
            problem, result = program.run(data)
        if problem:
            raise ExpressionError(f"expression '{expression}' resulted in error: {problem}")
        return result

    def first_unmet(self, conditions: Iterable[Mapping[str, Any]], operation: Operation) -> str:
        """The name of a match condition that does not hold; empty if all do. Raises :class:`ExpressionError`."""
        data: dict[str, Any] | None = None
        failed: ExpressionError | None = None
        for condition in conditions:
            data = data or self.data(operation)
            try:
                if self.value(condition["expression"], data, operation.asker) is not True:
                    return str(condition.get("name") or condition["expression"])
            except ExpressionError as error:
                failed = failed or error
        if failed is not None:
            raise failed
        return ""

    @contextmanager
    def _authority_of(self, user: User) -> Any:
        def check(asked: dict[str, Any]) -> tuple[bool, str]:
            who = user
            if "account" in asked:
                namespace, name = asked["accountNamespace"], asked["account"]
                groups = ("system:serviceaccounts", f"system:serviceaccounts:{namespace}", "system:authenticated")
                who = User(f"system:serviceaccount:{namespace}:{name}", groups)
            decision = self._authority.authorize(
                Attributes(
                    who,
                    asked["verb"],
                    asked.get("group", ""),
                    "*",
                    asked.get("resource", ""),
                    asked.get("subresource", ""),
                    asked.get("namespace", ""),
                    asked.get("name", ""),
                    asked.get("path", ""),
                )
            )
            return decision.allowed, decision.reason

        token = authorizer.set(check)
        try:
            yield
        finally:
            authorizer.reset(token)
