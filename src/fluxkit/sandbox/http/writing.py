"""POST, PUT, PATCH and DELETE of objects."""

from typing import Any

import orjson
from aiohttp import web

from fluxkit.sandbox import strategies
from fluxkit.sandbox.catalog import Resource
from fluxkit.sandbox.http import patching
from fluxkit.sandbox.http.deciding import decided, private
from fluxkit.sandbox.http.exchange import Exchange, decode_object, flag, respond, section
from fluxkit.sandbox.http.negotiation import negotiate
from fluxkit.sandbox.http.reading import Selection
from fluxkit.sandbox.http.rendering import Rendering
from fluxkit.sandbox.http.request import RequestInfo
from fluxkit.sandbox.identity import Attributes
from fluxkit.sandbox.registry import DeleteOptions, Registry, WriteOptions
from fluxkit.sandbox.status import Cause, bad_request, invalid, success
from fluxkit.sandbox.store import Key, Record

__all__ = ["create", "delete", "delete_collection", "patch", "update"]


def write_options(exchange: Exchange) -> WriteOptions:
    return WriteOptions(
        manager=exchange.manager,
        dry_run=exchange.dry_run,
        field_validation=exchange.field_validation,
        force=flag(exchange.query, "force"),
        warnings=exchange.warnings,
        user=exchange.user,
    )


def _authorize_creation(registry: Registry, resource: Resource, info: RequestInfo, exchange: Exchange) -> None:
    """An apply or update that finds nothing creates: that takes the right to create."""
    if not info.subresource and registry.find(resource, info.namespace, info.name) is None:
        exchange.authorize(
            Attributes(exchange.user, "create", info.group, info.version, info.resource, "", info.namespace, info.name)
        )


async def _answer(
    registry: Registry, resource: Resource, exchange: Exchange, record: Record, status: int = 200
) -> web.Response:
    accepted = negotiate(exchange.request.headers.get("Accept", ""))
    await registry.store.durable(min(record.revision, registry.store.revision))
    rendering = Rendering(resource, accepted, exchange.query.get("includeObject", ""))
    return respond(rendering.one(record), status=status, content_type=accepted.content_type, warnings=exchange.warnings)


async def create(registry: Registry, resource: Resource, info: RequestInfo, exchange: Exchange) -> web.Response:
    obj = await exchange.document()
    record = await decided(
        registry,
        write_options(exchange),
        lambda options: registry.create(resource, info.namespace, private(registry, obj), options),
    )
    return await _answer(registry, resource, exchange, record, 201)


async def update(registry: Registry, resource: Resource, info: RequestInfo, exchange: Exchange) -> web.Response:
    obj = await exchange.document()
    if resource.key in strategies.CREATE_ON_UPDATE:
        _authorize_creation(registry, resource, info, exchange)
    record, created = await decided(
        registry,
        write_options(exchange),
        lambda options: registry.update(
            resource, info.namespace, info.name, private(registry, obj), options, subresource=info.subresource
        ),
    )
    return await _answer(registry, resource, exchange, record, 201 if created else 200)


async def patch(registry: Registry, resource: Resource, info: RequestInfo, exchange: Exchange) -> web.Response:
    data = await exchange.body()
    media = patching.media_type(resource, exchange.request.headers.get("Content-Type", ""))
    options = write_options(exchange)
    if media == patching.APPLY:
        if not exchange.query.get("fieldManager"):
            raise invalid(
                "PatchOptions", "meta.k8s.io", "", [Cause.required("fieldManager", "is required for apply patch")]
            )
        intent = decode_object(data, yaml_allowed=True)
        _authorize_creation(registry, resource, info, exchange)
        record, created = await decided(
            registry,
            options,
            lambda options: registry.apply(
                resource, info.namespace, info.name, private(registry, intent), options, subresource=info.subresource
            ),
        )
        return await _answer(registry, resource, exchange, record, 201 if created else 200)
    if "force" in exchange.query:
        raise invalid(
            "PatchOptions", "meta.k8s.io", "", [Cause.forbidden("force", "may not be specified for non-apply patch")]
        )
    record = await decided(
        registry,
        options,
        lambda options: registry.patch(
            resource,
            info.namespace,
            info.name,
            patching.transform_for(resource, media, data),
            options,
            subresource=info.subresource,
        ),
    )
    return await _answer(registry, resource, exchange, record)


async def delete_options(exchange: Exchange) -> DeleteOptions:
    """DeleteOptions of the body, or of the query where the body says nothing."""
    data = await exchange.body()
    given: dict[str, Any] = await exchange.document() if data.strip() else {}
    query = exchange.query
    propagation = given.get("propagationPolicy") or query.get("propagationPolicy", "")
    orphan = given.get("orphanDependents")
    if orphan is None and query.get("orphanDependents"):
        orphan = flag(query, "orphanDependents")
    if orphan is not None:
        if propagation:
            detail = "orphanDependents and deletionPropagation cannot be both set"
            raise invalid("DeleteOptions", "meta.k8s.io", "", [Cause.invalid("propagationPolicy", propagation, detail)])
        propagation = "Orphan" if orphan else "Background"
    if propagation not in ("", "Background", "Foreground", "Orphan"):
        supported = ["Foreground", "Background", "Orphan", "nil"]
        raise invalid(
            "DeleteOptions", "meta.k8s.io", "", [Cause.not_supported("propagationPolicy", propagation, supported)]
        )
    preconditions = section(given, "preconditions")
    grace: Any = given.get("gracePeriodSeconds")
    if grace is None and query.get("gracePeriodSeconds"):
        grace = query["gracePeriodSeconds"]
    dry_run = given.get("dryRun") or ([query["dryRun"]] if query.get("dryRun") else [])
    if dry_run not in ([], ["All"]):
        text = f'Unsupported value: {orjson.dumps(dry_run).decode()}: supported values: "All"'
        raise invalid("DeleteOptions", "meta.k8s.io", "", [Cause("FieldValueNotSupported", "dryRun", text)])
    try:
        seconds = None if grace is None else int(grace)
    except ValueError as error:
        raise bad_request(f"gracePeriodSeconds: {grace!r} is not a number of seconds") from error
    return DeleteOptions(
        propagation,
        str(preconditions.get("uid") or ""),
        str(preconditions.get("resourceVersion") or ""),
        seconds,
        bool(dry_run),
        exchange.warnings,
        exchange.user,
    )


async def _deleted(registry: Registry, resource: Resource, key: Key, options: DeleteOptions) -> tuple[Record, bool]:
    return await decided(registry, options, lambda options: registry.delete(resource, *key, options))


async def delete(registry: Registry, resource: Resource, info: RequestInfo, exchange: Exchange) -> web.Response:
    options = await delete_options(exchange)
    if resource.key == strategies.ORPHANING and not options.propagation:
        exchange.warnings.append(
            "child pods are preserved by default when jobs are deleted; set propagationPolicy=Background to remove "
            "them or set propagationPolicy=Orphan to suppress this warning"
        )
    record, gone = await _deleted(registry, resource, (info.namespace, info.name), options)
    if not gone or resource.key in strategies.RETURN_DELETED:
        return await _answer(registry, resource, exchange, record)
    await registry.store.durable(min(record.revision, registry.store.revision))
    return respond(success(resource.plural, resource.group, info.name, record.uid), warnings=exchange.warnings)


async def delete_collection(
    registry: Registry, resource: Resource, info: RequestInfo, exchange: Exchange
) -> web.Response:
    options = await delete_options(exchange)
    selection = Selection(resource, info, exchange.query)
    records = list(selection.filter(registry.store.records(resource.key, info.namespace)))
    for record in records:
        await _deleted(registry, resource, record.key, options)
    await registry.store.durable(registry.store.revision)
    rendering = Rendering(resource, negotiate(exchange.request.headers.get("Accept", "")))
    body = rendering.many(records, {"resourceVersion": str(registry.store.revision)})
    return respond(body, warnings=exchange.warnings)
