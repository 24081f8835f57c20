"""What can go wrong between this process and a Kubernetes API server, as types.

An answer of the server that is not a success becomes an :class:`APIError` of the class that its Status ``reason``
names (or, where the answer is not a Status, its HTTP code). No answer at all is :class:`ConnectionFailed`. A kind that
the server does not serve is :class:`NoMatch`. A configuration that cannot be used is :class:`ConfigError`.

The text of an :class:`APIError` is the server's own message, as client-go prints it, because it ends up in conditions
and events (kubernetes/apimachinery ``pkg/api/errors``).
"""

from collections.abc import Mapping
from typing import Any, Final

from fluxkit.objects import GroupKind, GroupVersionKind

__all__ = [
    "APIError",
    "AlreadyExists",
    "BadRequest",
    "BadResponse",
    "ConfigError",
    "Conflict",
    "ConnectionFailed",
    "Expired",
    "Forbidden",
    "InternalError",
    "Invalid",
    "InvalidRequest",
    "KubeError",
    "MethodNotAllowed",
    "NoMatch",
    "NotFound",
    "ServerTimeout",
    "ServiceUnavailable",
    "TooManyRequests",
    "Unauthorized",
    "UnsupportedMediaType",
    "from_status",
]


class KubeError(Exception):
    """Base of everything that :mod:`fluxkit.kube` raises on purpose."""


class ConfigError(KubeError):
    """The connection's configuration cannot be used: a kubeconfig, a file it names, a credential plugin, a proxy."""


class InvalidRequest(KubeError, ValueError):
    """The request was not sent because the object or the arguments cannot address anything (no name, no namespace)."""


class ConnectionFailed(KubeError):
    """The server gave no (complete) answer.

    ``sent`` is False when the request certainly never reached the server, so that repeating it is always safe.
    ``permanent`` is True when repeating it soon cannot help (an untrusted certificate, a time limit that was used up).
    """

    def __init__(self, message: str, *, sent: bool, permanent: bool = False) -> None:
        super().__init__(message)
        self.sent = sent
        self.permanent = permanent


class BadResponse(KubeError):
    """The server answered with success, but the body is not what the API promises."""


class NoMatch(KubeError):
    """The server does not serve this kind (now): usually a CustomResourceDefinition that is not installed."""

    def __init__(self, wanted: GroupVersionKind | GroupKind | str) -> None:
        self.wanted = wanted
        if isinstance(wanted, GroupVersionKind):
            message = f'no matches for kind "{wanted.kind}" in version "{wanted.api_version}"'
        elif isinstance(wanted, GroupKind):
            message = f'no matches for kind "{wanted.kind}" in group "{wanted.group}"'
        else:
            message = f'the server doesn\'t have a resource type "{wanted}"'
        super().__init__(message)


class APIError(KubeError):
    """The server refused. ``status`` is its Status object; ``retry_after`` is in seconds, None if it named none."""

    def __init__(
        self, status: Mapping[str, Any], *, retry_after: float | None = None, headers: Mapping[str, str] | None = None
    ) -> None:
        self.status: dict[str, Any] = dict(status)
        self.headers: Mapping[str, str] = headers if headers is not None else {}
        code = self.status.get("code")
        self.code: int = code if isinstance(code, int) else 0
        self.reason: str = _text(self.status.get("reason"))
        self.message: str = _text(self.status.get("message")) or self.reason or f"HTTP status {self.code}"
        details = self.status.get("details")
        self.details: dict[str, Any] = details if isinstance(details, dict) else {}
        if retry_after is None:
            seconds = self.details.get("retryAfterSeconds")
            if isinstance(seconds, int | float) and seconds > 0:
                retry_after = float(seconds)
        self.retry_after = retry_after
        super().__init__(self.message)

    def cause(self, reason: str, field: str = "") -> dict[str, Any] | None:
        """The first entry of ``details.causes`` with this reason (and field, if given), or None."""
        causes = self.details.get("causes")
        for cause in causes if isinstance(causes, list) else []:
            if isinstance(cause, dict) and cause.get("reason") == reason and field in ("", cause.get("field")):
                return cause
        return None


class BadRequest(APIError):
    """400"""


class Unauthorized(APIError):
    """401: the credentials are missing, expired or wrong."""


class Forbidden(APIError):
    """403"""


class NotFound(APIError):
    """404: the object, or the whole resource, does not exist."""


class MethodNotAllowed(APIError):
    """405"""


class AlreadyExists(APIError):
    """409 on create"""


class Conflict(APIError):
    """409: a resourceVersion or uid precondition failed, or another field manager owns a field."""


class Expired(APIError):
    """410: the resourceVersion or continue token is too old; list again."""


class UnsupportedMediaType(APIError):
    """415, 406: the server does not know the patch type or cannot produce the asked representation."""


class Invalid(APIError):
    """422: validation failed; ``details.causes`` names the fields."""


class TooManyRequests(APIError):
    """429"""


class InternalError(APIError):
    """500"""


class ServiceUnavailable(APIError):
    """503, 502"""


class ServerTimeout(APIError):
    """504, or a 500 whose reason is ServerTimeout: the server gave up waiting; the outcome may be unknown."""


_BY_REASON: Final[dict[str, type[APIError]]] = {
    "BadRequest": BadRequest,
    "Unauthorized": Unauthorized,
    "Forbidden": Forbidden,
    "NotFound": NotFound,
    "MethodNotAllowed": MethodNotAllowed,
    "AlreadyExists": AlreadyExists,
    "Conflict": Conflict,
    "Expired": Expired,
    "Gone": Expired,
    "UnsupportedMediaType": UnsupportedMediaType,
    "NotAcceptable": UnsupportedMediaType,
    "Invalid": Invalid,
    "TooManyRequests": TooManyRequests,
    "InternalError": InternalError,
    "ServiceUnavailable": ServiceUnavailable,
    "ServerTimeout": ServerTimeout,
    "Timeout": ServerTimeout,
}
_BY_CODE: Final[dict[int, type[APIError]]] = {
    400: BadRequest,
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    405: MethodNotAllowed,
    406: UnsupportedMediaType,
    409: Conflict,
    410: Expired,
    415: UnsupportedMediaType,
    422: Invalid,
    429: TooManyRequests,
    500: InternalError,
    502: ServiceUnavailable,
    503: ServiceUnavailable,
    504: ServerTimeout,
}


def from_status(
    status: Mapping[str, Any], *, retry_after: float | None = None, headers: Mapping[str, str] | None = None
) -> APIError:
    """The typed error of a Status object, by reason first and by code where the reason says nothing known."""
    code = status.get("code")
    fallback = _BY_CODE.get(code, APIError) if isinstance(code, int) else APIError
    return _BY_REASON.get(_text(status.get("reason")), fallback)(status, retry_after=retry_after, headers=headers)


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
