"""The scale subresource, of built-in workloads and of custom resources that declare one."""

from collections.abc import Callable
from typing import Any

import orjson
from aiohttp import web

from fluxkit.objects import Object
from fluxkit.sandbox.catalog import Resource
from fluxkit.sandbox.http import patching
from fluxkit.sandbox.http.exchange import Exchange, decode_object, respond, section
from fluxkit.sandbox.http.request import RequestInfo
from fluxkit.sandbox.http.writing import write_options
from fluxkit.sandbox.registry import Registry
from fluxkit.sandbox.status import Cause, bad_request, conflict, invalid
from fluxkit.sandbox.store import Record

__all__ = ["handle", "scale_of"]


def _path(path: str) -> list[str]:
    return path.lstrip(".").split(".")


def _lookup(obj: Any, path: list[str]) -> Any:
    for part in path:
        obj = obj.get(part) if isinstance(obj, dict) else None
    return obj


def _spec_path(resource: Resource) -> list[str]:
    if resource.custom is not None and resource.custom.scale:
        return _path(resource.custom.scale["specReplicasPath"])
    return ["spec", "replicas"]


def scale_of(resource: Resource, obj: Object) -> Object:
    """The ``autoscaling/v1`` Scale that shows an object."""
    metadata = obj["metadata"]
    status_path, selector_path = ["status", "replicas"], ["spec", "selector"]
    if resource.custom is not None and resource.custom.scale:
        status_path = _path(resource.custom.scale["statusReplicasPath"])
        selector_path = _path(resource.custom.scale.get("labelSelectorPath") or ".")
    selector = _lookup(obj, selector_path) if selector_path != [""] else ""
    status: dict[str, Any] = {"replicas": _lookup(obj, status_path) or 0}
    text = _selector_text(selector)
    if text:
        status["selector"] = text
    shown = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")
    replicas = _lookup(obj, _spec_path(resource))
    return {
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": {name: metadata[name] for name in shown if name in metadata},
        "spec": {"replicas": replicas} if replicas else {},
        "status": status,
    }


def _selector_text(selector: Any) -> str:
    if isinstance(selector, str):
        return selector
    if not isinstance(selector, dict):
        return ""
    labels = selector.get("matchLabels", {} if "matchExpressions" in selector else selector)
    terms = [f"{name}={value}" for name, value in sorted((labels or {}).items())]
    for expression in selector.get("matchExpressions") or ():
        values = ",".join(sorted(expression.get("values") or ()))
        key, operator = expression.get("key", ""), expression.get("operator", "")
        forms = {
            "In": f"{key} in ({values})",
            "NotIn": f"{key} notin ({values})",
            "Exists": key,
            "DoesNotExist": f"!{key}",
        }
        terms.append(forms.get(operator, key))
    return ",".join(terms)


async def handle(registry: Registry, resource: Resource, info: RequestInfo, exchange: Exchange) -> web.Response:
    if info.verb == "get":
        record = registry.get(resource, info.namespace, info.name)
        await registry.store.durable(record.revision)
        return respond(scale_of(resource, registry.decode(resource, record)))
    data = await exchange.body()
    media = exchange.request.headers.get("Content-Type", "").partition(";")[0].strip()
    if info.verb == "update":
        given = decode_object(data, yaml_allowed=True)
        _check_named(given, info)
        record = _rescale(registry, resource, info, exchange, lambda _: given)
    elif media == patching.APPLY:
        record = _apply(registry, resource, info, exchange, decode_object(data, yaml_allowed=True))
    else:
        kind = patching.MERGE if media == patching.STRATEGIC else media
        record = _rescale(registry, resource, info, exchange, patching.transform_for(resource, kind, data))
    await registry.store.durable(min(record.revision, registry.store.revision))
    return respond(scale_of(resource, registry.decode(resource, record)), warnings=exchange.warnings)


def _check_named(scale: Object, info: RequestInfo) -> None:
    name = section(scale, "metadata").get("name")
    if name and name != info.name:
        raise bad_request(f"the name of the object ({name}) does not match the name on the URL ({info.name})")


def _apply(registry: Registry, resource: Resource, info: RequestInfo, exchange: Exchange, scale: Object) -> Record:
    """Server-side apply of a Scale: of the one field of the scaled object that it stands for."""
    _check_named(scale, info)
    part: Any = section(scale, "spec").get("replicas", 0)
    for name in reversed(_spec_path(resource)):
        part = {name: part}
    intent = {"apiVersion": resource.api_version, "kind": resource.kind, "metadata": {"name": info.name}, **part}
    options = write_options(exchange)
    record, _ = registry.apply(resource, info.namespace, info.name, intent, options, subresource="scale")
    return record


def _rescale(
    registry: Registry, resource: Resource, info: RequestInfo, exchange: Exchange, change: Callable[[Object], Object]
) -> Record:
    def transform(obj: Object) -> Object:
        current = scale_of(resource, obj)
        wanted = change(scale_of(resource, obj))
        version = section(wanted, "metadata").get("resourceVersion")
        if version and version != current["metadata"]["resourceVersion"]:
            text = "the object has been modified; please apply your changes to the latest version and try again"
            raise conflict(resource.plural, resource.group, info.name, text)
        replicas = section(wanted, "spec").get("replicas", 0)
        if not isinstance(replicas, int) or isinstance(replicas, bool):
            found = "string" if isinstance(replicas, str) else "value"
            text = f"json: cannot unmarshal {found} into Go struct field ScaleSpec.spec.replicas of type int32"
            raise invalid("", "", "", [Cause.invalid("patch", orjson.dumps(wanted).decode(), text)])
        if replicas < 0:
            detail = "must be greater than or equal to 0"
            raise invalid("Scale", "autoscaling", info.name, [Cause.invalid("spec.replicas", replicas, detail)])
        path = _spec_path(resource)
        parent: Any = obj
        for part in path[:-1]:
            parent = parent.setdefault(part, {})
        parent[path[-1]] = replicas
        return obj

    return registry.patch(resource, info.namespace, info.name, transform, write_options(exchange), subresource="scale")
