"""PATCH: from a content type and a body to a function of the live object."""

from typing import Any

from fluxkit import jsonpatch
from fluxkit.objects import Object
from fluxkit.sandbox.catalog import Resource
from fluxkit.sandbox.http.exchange import decode, decode_object
from fluxkit.sandbox.registry import Transform
from fluxkit.sandbox.status import StatusError, bad_request, unsupported_media_type
from fluxkit.schema import type_for
from fluxkit.strategicpatch import StrategicPatchError, apply_strategic_merge_patch

__all__ = ["APPLY", "transform_for"]

JSON = "application/json-patch+json"
MERGE = "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
APPLY = "application/apply-patch+yaml"
MAX_OPERATIONS = 10000


def media_type(resource: Resource, header: str) -> str:
    """The patch type of a Content-Type header; raises UnsupportedMediaType."""
    media = header.partition(";")[0].strip()
    supported = [JSON, MERGE, APPLY] if resource.custom is not None else [JSON, MERGE, STRATEGIC, APPLY]
    if media not in supported:
        if resource.custom is not None:
            raise unsupported_media_type(supported)
        raise StatusError(415, "UnsupportedMediaType", "415: Unsupported Media Type", {})
    return media


def transform_for(resource: Resource, media: str, data: bytes) -> Transform:
    """How a JSON, merge or strategic merge patch changes an object."""
    if media == JSON:
        operations = decode(data, yaml_allowed=False)
        if not isinstance(operations, list):
            text = "json: cannot unmarshal object into Go value of type []handlers.jsonPatchOp"
            raise bad_request(f"error decoding patch: {text}")
        if len(operations) > MAX_OPERATIONS:
            text = f"The allowed maximum operations in a JSON patch is {MAX_OPERATIONS}, got {len(operations)}"
            raise StatusError(413, "RequestEntityTooLarge", text)
        return lambda live: _json(live, operations)
    patch = decode_object(data, yaml_allowed=False)
    if media == MERGE:
        return lambda live: _object(jsonpatch.apply_merge_patch(live, patch))
    return lambda live: _strategic(resource, live, patch)


def _json(live: Object, operations: list[Any]) -> Object:
    patched: Any = live
    for operation in operations:
        try:
            patched = jsonpatch.apply_json_patch(patched, [_lenient(patched, operation)])
        except jsonpatch.PatchError as error:
            text = "the server rejected our request due to an error in our request"
            raise StatusError(422, "Invalid", text, {}) from error
    return _object(patched)


def _lenient(document: Any, operation: Any) -> Any:
    """Upstream's library replaces members that do not exist."""
    if not isinstance(operation, dict) or operation.get("op") != "replace":
        return operation
    for part in str(operation.get("path", "")).split("/")[1:-1]:
        document = document.get(part.replace("~1", "/").replace("~0", "~")) if isinstance(document, dict) else None
    return {**operation, "op": "add"} if isinstance(document, dict) else operation


def _strategic(resource: Resource, live: Object, patch: Object) -> Object:
    try:
        return _object(apply_strategic_merge_patch(live, patch, type_for(resource.gvk)))
    except StrategicPatchError as error:
        raise StatusError(500, "", str(error)) from error


def _object(value: Any) -> Object:
    if not isinstance(value, dict):
        raise StatusError(500, "", "the patch does not leave an object")
    return value
