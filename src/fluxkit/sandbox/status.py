"""Kubernetes ``Status`` errors with upstream's codes, reasons and messages.

Follows kubernetes/apimachinery ``pkg/api/errors``. Every refusal of the API server is a :class:`StatusError`; the HTTP
boundary turns it into a response and nothing else needs to know HTTP.
"""

from collections.abc import Mapping, Sequence
from typing import Any

__all__ = [
    "Cause",
    "StatusError",
    "already_exists",
    "bad_request",
    "conflict",
    "expired",
    "forbidden",
    "internal_error",
    "invalid",
    "method_not_supported",
    "no_such_path",
    "not_acceptable",
    "not_found",
    "qualified",
    "required",
    "service_unavailable",
    "success",
    "too_many_requests",
    "unauthorized",
    "unsupported_media_type",
]


class StatusError(Exception):
    """A refusal, as the ``v1.Status`` that the client sees."""

    def __init__(
        self,
        code: int,
        reason: str,
        message: str,
        details: Mapping[str, Any] | None = None,
        *,
        retry_after: int | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.metadata = dict(metadata or {})
        self.code = code
        self.reason = reason
        self.message = message
        self.details = dict(details) if details else {}
        self._bare_details = details is not None
        self.retry_after = retry_after
        if retry_after is not None:
            self.details["retryAfterSeconds"] = retry_after

    def as_object(self) -> dict[str, Any]:
        status: dict[str, Any] = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": self.metadata,
            "status": "Failure",
            "message": self.message,
        }
        if self.reason:
            status["reason"] = self.reason
        if self.details or self._bare_details:
            status["details"] = self.details
        status["code"] = self.code
        return status


class Cause:
    """One ``StatusCause`` of an Invalid error; the classmethods word it as ``field.Error`` does."""

    __slots__ = ("field", "message", "reason")

    def __init__(self, reason: str, field: str, message: str) -> None:
        self.reason = reason
        self.field = field
        self.message = message

    def as_object(self) -> dict[str, str]:
        return {"reason": self.reason, "message": self.message, "field": self.field}

    @classmethod
    def required(cls, field: str, detail: str = "") -> "Cause":
        return cls("FieldValueRequired", field, "Required value" + (f": {detail}" if detail else ""))

    @classmethod
    def invalid(cls, field: str, value: object, detail: str) -> "Cause":
        return cls("FieldValueInvalid", field, f"Invalid value: {_quoted(value)}: {detail}")

    @classmethod
    def forbidden(cls, field: str, detail: str) -> "Cause":
        return cls("FieldValueForbidden", field, f"Forbidden: {detail}")

    @classmethod
    def not_supported(cls, field: str, value: object, supported: Sequence[str]) -> "Cause":
        allowed = ", ".join(_quoted(item) for item in supported)
        return cls("FieldValueNotSupported", field, f"Unsupported value: {_quoted(value)}: supported values: {allowed}")


def _quoted(value: object) -> str:
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t")
        return f'"{escaped}"'
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return "null"
    return str(value)


def qualified(plural: str, group: str) -> str:
    """``deployments.apps``, as messages name resources."""
    return f"{plural}.{group}" if group else plural


def _details(plural: str, group: str, name: str, **more: Any) -> dict[str, Any]:
    details: dict[str, Any] = {}
    if name:
        details["name"] = name
    if group:
        details["group"] = group
    if plural:
        details["kind"] = plural
    details.update(more)
    return details


def not_found(plural: str, group: str, name: str) -> StatusError:
    return StatusError(404, "NotFound", f'{qualified(plural, group)} "{name}" not found', _details(plural, group, name))


def already_exists(plural: str, group: str, name: str, *, deleting: bool = False) -> StatusError:
    text = f'{"object is being deleted: " if deleting else ""}{qualified(plural, group)} "{name}" already exists'
    return StatusError(409, "AlreadyExists", text, _details(plural, group, name))


def conflict(plural: str, group: str, name: str, message: str) -> StatusError:
    return StatusError(
        409,
        "Conflict",
        f'Operation cannot be fulfilled on {qualified(plural, group)} "{name}": {message}',
        _details(plural, group, name),
    )


def forbidden(
    plural: str, group: str, name: str, message: str, causes: Sequence[Mapping[str, str]] = ()
) -> StatusError:
    named = f'{qualified(plural, group)} "{name}"' if name else qualified(plural, group)
    text = f"{named} is forbidden: {message}" if plural else f"forbidden: {message}"
    more: dict[str, Any] = {"causes": [dict(cause) for cause in causes]} if causes else {}
    return StatusError(403, "Forbidden", text, _details(plural, group, name, **more))


def invalid(kind: str, group: str, name: str, causes: Sequence[Cause]) -> StatusError:
    """``NewInvalid``: the kind, not the plural, stands in message and details."""
    # An aggregate tells each problem once.
    texts = list(dict.fromkeys(f"{cause.field}: {cause.message}" for cause in causes))
    joined = texts[0] if len(texts) == 1 else "[" + ", ".join(texts) + "]"
    details = _details(kind, group, name, causes=[cause.as_object() for cause in causes])
    return StatusError(422, "Invalid", f'{qualified(kind, group)} "{name}" is invalid: {joined}', details)


def required(kind: str, group: str, name: str, field: str, detail: str = "") -> StatusError:
    return invalid(kind, group, name, [Cause.required(field, detail)])


def bad_request(message: str) -> StatusError:
    return StatusError(400, "BadRequest", message)


def unauthorized() -> StatusError:
    return StatusError(401, "Unauthorized", "Unauthorized")


def method_not_supported() -> StatusError:
    """The path exists, for other methods."""
    return StatusError(405, "MethodNotAllowed", "the server does not allow this method on the requested resource", {})


def no_such_path() -> StatusError:
    return StatusError(404, "NotFound", "the server could not find the requested resource", {})


def not_acceptable(accepted: Sequence[str]) -> StatusError:
    listed = ", ".join(accepted)
    return StatusError(
        406,
        "NotAcceptable",
        f"only the following media types are accepted: {listed}",
        {},
    )


def unsupported_media_type(accepted: Sequence[str]) -> StatusError:
    listed = ", ".join(accepted)
    return StatusError(
        415,
        "UnsupportedMediaType",
        f"the body of the request was in an unknown format - accepted media types include: {listed}",
    )


def expired(message: str, metadata: Mapping[str, Any] | None = None) -> StatusError:
    return StatusError(410, "Expired", message, metadata=metadata)


def internal_error(message: str) -> StatusError:
    return StatusError(500, "InternalError", f"Internal error occurred: {message}", {"causes": [{"message": message}]})


def too_many_requests(message: str, retry_after: int) -> StatusError:
    return StatusError(429, "TooManyRequests", message, retry_after=retry_after)


def service_unavailable(message: str, retry_after: int | None = None) -> StatusError:
    return StatusError(503, "ServiceUnavailable", message, retry_after=retry_after)


def success(plural: str, group: str, name: str, uid: str) -> dict[str, Any]:
    """The Status that a completed deletion answers with."""
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Success",
        "details": _details(plural, group, name, uid=uid),
    }
