"""One HTTP exchange: the request as handlers see it, and the ways to answer it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson
from aiohttp import web

from fluxkit import yaml
from fluxkit.sandbox.http.protobuf import MEDIA_TYPE, decode_protobuf
from fluxkit.sandbox.identity import Attributes, User
from fluxkit.sandbox.status import Cause, StatusError, bad_request, invalid, unsupported_media_type

__all__ = ["MAX_BODY", "Exchange", "flag", "respond", "respond_error"]

MAX_BODY = 3 * 1024 * 1024
"""Bytes of a request body, as the real server's default."""

_COMMON = {
    "Cache-Control": "no-cache, private",
    # The sign of priority and fairness, for which clients give up throttling themselves.
    "X-Kubernetes-Pf-Flowschema-Uid": "00000000-0000-0000-0000-000000000001",
    "X-Kubernetes-Pf-Prioritylevel-Uid": "00000000-0000-0000-0000-000000000002",
}


@dataclass(slots=True)
class Exchange:
    """A request with its authenticated user; handlers append texts for ``Warning`` headers."""

    request: web.BaseRequest
    user: User
    query: Mapping[str, str]
    authorize: Callable[[Attributes], None]
    """Raises Forbidden unless the user may do this as well."""
    warnings: list[str] = field(default_factory=list)

    @property
    def manager(self) -> str:
        """Field manager: the query's, or the user agent up to its first slash."""
        given = self.query.get("fieldManager")
        if given:
            if len(given) > 128:
                raise self._bad_option(
                    Cause("FieldValueTooLong", "fieldManager", "Too long: may not be more than 128 bytes")
                )
            return given
        return self.request.headers.get("User-Agent", "").partition("/")[0] or "unknown"

    @property
    def dry_run(self) -> bool:
        given = self.query.get("dryRun")
        if given in (None, ""):
            return False
        if given != "All":
            text = f'Unsupported value: ["{given}"]: supported values: "All"'
            raise self._bad_option(Cause("FieldValueNotSupported", "dryRun", text))
        return True

    @property
    def field_validation(self) -> str:
        given = self.query.get("fieldValidation", "")
        if given not in ("", "Strict", "Warn", "Ignore"):
            allowed = ["", "Ignore", "Strict", "Warn"]
            raise self._bad_option(Cause.not_supported("fieldValidation", given, allowed))
        return given or "Warn"

    def _bad_option(self, cause: Cause) -> StatusError:
        kind = {"POST": "CreateOptions", "PUT": "UpdateOptions", "PATCH": "PatchOptions"}.get(
            self.request.method, "DeleteOptions"
        )
        return invalid(kind, "meta.k8s.io", "", [cause])

    async def body(self) -> bytes:
        try:
            return await self.request.read()
        except web.HTTPRequestEntityTooLarge as error:
            text = f"Request entity too large: limit is {MAX_BODY}"
            raise StatusError(413, "RequestEntityTooLarge", text) from error

    async def document(self) -> dict[str, Any]:
        """The body as an object; raises BadRequest or UnsupportedMediaType."""
        data = await self.body()
        media = self.request.headers.get("Content-Type", "application/json").partition(";")[0].strip()
        if media == MEDIA_TYPE:
            return decode_protobuf(data)
        if media not in ("application/json", "application/yaml", "application/x-yaml", "*/*", ""):
            raise unsupported_media_type(["application/json", "application/yaml", MEDIA_TYPE])
        if data.strip() == b"null":
            return {}
        return decode_object(data, yaml_allowed=media.endswith("yaml"))


def decode_object(data: bytes, *, yaml_allowed: bool) -> dict[str, Any]:
    """A JSON (or YAML) object; raises BadRequest."""
    value = decode(data, yaml_allowed=yaml_allowed)
    if not isinstance(value, dict):
        raise bad_request("the object provided is unrecognized (must be of type Object)")
    return value


def section(obj: Mapping[str, Any], name: str) -> dict[str, Any]:
    """A member that is an object, empty when absent; raises BadRequest when it is anything else."""
    value = obj.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise bad_request(f"{name}: expected an object")
    return value


def decode(data: bytes, *, yaml_allowed: bool) -> Any:
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError as error:
        if not yaml_allowed:
            raise bad_request(f"couldn't parse the body as JSON: {error}") from error
    try:
        return yaml.load(data, source="request body")
    except yaml.YAMLError as error:
        raise bad_request(f"error decoding YAML: {error}") from error


def flag(query: Mapping[str, str], name: str) -> bool:
    """A boolean query parameter as kubernetes/apimachinery ``pkg/runtime/converter.go`` reads it."""
    return name in query and query[name].lower() not in ("0", "false")


def _warning_header(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", " ")
    return f'299 - "{escaped}"'


def respond(
    body: bytes | dict[str, Any],
    *,
    status: int = 200,
    content_type: str = "application/json",
    warnings: list[str] | None = None,
) -> web.Response:
    response = web.Response(
        body=body if isinstance(body, bytes) else orjson.dumps(body),
        status=status,
        headers={"Content-Type": content_type, **_COMMON},
    )
    for text in dict.fromkeys(warnings or ()):
        response.headers.add("Warning", _warning_header(text))
    return response


def respond_error(error: StatusError, warnings: list[str] | None = None) -> web.Response:
    response = respond(error.as_object(), status=error.code, warnings=warnings)
    if error.retry_after is not None:
        response.headers["Retry-After"] = str(error.retry_after)
    return response
