"""Type checks for the registry: decoding, pruning, defaulting and validation of whole objects by schema and kind."""

from fluxkit.objects import Object
from fluxkit.sandbox.catalog import Resource
from fluxkit.sandbox.status import Cause, StatusError, bad_request
from fluxkit.sandbox.validation import cel, rules, structural
from fluxkit.sandbox.validation.decoding import DecodingError, decode_builtin
from fluxkit.sandbox.validation.defaults import apply_builtin_defaults
from fluxkit.sandbox.validation.defaults.core import keep_allocated
from fluxkit.sandbox.validation.schemas import Schemas

__all__ = ["SchemaTypeChecks"]


_BLOCKING = frozenset(
    ["FieldValueNotSupported", "FieldValueRequired", "FieldValueTooLong", "FieldValueTooMany", "FieldValueTypeInvalid"]
)
"""Errors after which CEL rules are not evaluated: they could not rely on the types that they were written for."""


class SchemaTypeChecks:
    """The registry's ``TypeChecks``, by schema."""

    def __init__(self, schemas: Schemas) -> None:
        self._schemas = schemas

    def admit(
        self, resource: Resource, obj: Object, old: Object | None, field_validation: str, warnings: list[str] | None
    ) -> Object:
        """The object as the API server would hold it after decoding and defaulting; ``obj`` may be changed.

        Raises BadRequest for values of a wrong type, and for unknown fields under ``Strict``.
        """
        unknown: list[str] = []
        schema = self._schemas.of(resource)
        if resource.custom is not None:
            if schema is not None:
                structural.prune(schema, obj, unknown)
                self._report(resource, unknown, field_validation, warnings)
                if resource.version != resource.storage_version:
                    # What the stored version does not declare is lost on the way into the store.
                    structural.prune(self._schemas.stored(resource), obj, [])
                structural.apply_defaults(schema, obj)
            return obj
        if schema is None:
            return obj
        managed = obj["metadata"].pop("managedFields", None)
        try:
            obj, unknown = decode_builtin(obj, schema)
        except DecodingError as error:
            raise self._refusal(resource, str(error)) from None
        self._report(resource, unknown, field_validation, warnings)
        apply_builtin_defaults(resource.gvk.group_kind, obj)
        if old is not None and resource.key == "services":
            keep_allocated(obj["spec"], old.get("spec") or {})
        if managed is not None:
            obj["metadata"]["managedFields"] = managed
        return obj

    def check_intent(
        self, resource: Resource, intent: Object, field_validation: str, warnings: list[str] | None
    ) -> Object:
        """An applied configuration as it is: applying itself refuses what the schema does not declare."""
        return intent

    def validate(self, resource: Resource, obj: Object, old: Object | None) -> list[Cause]:
        """What is wrong with a defaulted object, as upstream words it."""
        if resource.custom is not None:
            schema = self._schemas.of(resource)
            if schema is None:
                return []
            found = structural.validate(schema, obj, old)
            if any(cause.reason in _BLOCKING for cause in found):
                return found + (cel.unchecked() if cel.has_rules(schema) else [])
            return found + cel.validate_rules(schema, obj, old)
        return rules.validate_builtin(resource.gvk.group_kind, obj, old)

    def _refusal(self, resource: Resource, text: str) -> StatusError:
        kind = resource.kind
        return bad_request(f'{kind} in version "{resource.version}" cannot be handled as a {kind}: {text}')

    def _report(
        self, resource: Resource, unknown: list[str], field_validation: str, warnings: list[str] | None
    ) -> None:
        if not unknown:
            return
        texts = [f'unknown field "{path}"' for path in unknown]
        if field_validation == "Strict":
            raise self._refusal(resource, "strict decoding error: " + ", ".join(texts))
        if field_validation == "Warn" and warnings is not None:
            warnings.extend(texts)
