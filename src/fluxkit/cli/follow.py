"""Following objects as they change: a list, then a watch, resumed until the reader has seen enough.

A command waits for one object or prints one kind, so a field selector and a plain watch serve it better than a shared
cache would.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

from fluxkit.kube import Client, errors
from fluxkit.objects import GroupVersionKind, Object, metadata_of

__all__ = ["Change", "changes", "observe"]

_RETRY_DELAYS = (0.1, 0.2, 0.5, 1.0, 2.0)


@dataclass(frozen=True, slots=True)
class Change:
    """An object as it is now; ``deleted`` objects are in their last state."""

    object: Object
    deleted: bool = False


async def changes(
    client: Client, gvk: GroupVersionKind, namespace: str = "", *, label_selector: str = "", field_selector: str = ""
) -> AsyncIterator[list[Change]]:
    """First everything there is (possibly nothing) as one batch, then each change in a batch of its own, without end.

    A watch that the server ends, or a server that goes away for a while, costs nothing that is not seen later: the
    objects are listed again and those that differ from what was reported are. What the server refuses is raised.
    """
    reported: dict[str, str] = {}
    first = True
    failures = 0
    while True:
        try:
            listed = await client.list(gvk, namespace, label_selector=label_selector, field_selector=field_selector)
            batch = [Change(obj) for obj in listed.items if _is_new(obj, reported)]
            if first or batch:
                yield batch
            first = False
            failures = 0
            async for event in client.watch(
                gvk,
                namespace,
                resource_version=listed.resource_version,
                label_selector=label_selector,
                field_selector=field_selector,
            ):
                if event.type == "BOOKMARK":
                    continue
                _is_new(event.object, reported)
                yield [Change(event.object, deleted=event.type == "DELETED")]
        except errors.Expired:
            continue
        except (errors.ConnectionFailed, errors.ServiceUnavailable):
            if first:
                raise
            await asyncio.sleep(_RETRY_DELAYS[min(failures, len(_RETRY_DELAYS) - 1)])
            failures += 1


async def observe(client: Client, gvk: GroupVersionKind, name: str, namespace: str = "") -> AsyncIterator[Object]:
    """One object, as it is and each time it changes; raises ``kube.errors.NotFound`` once it is gone."""
    async for batch in changes(client, gvk, namespace, field_selector=f"metadata.name={name}"):
        if not batch or batch[-1].deleted:
            await client.get(gvk, name, namespace)  # raises the server's own NotFound
            continue
        yield batch[-1].object


def _is_new(obj: Object, reported: dict[str, str]) -> bool:
    metadata = metadata_of(obj)
    uid, version = str(metadata.get("uid", "")), str(metadata.get("resourceVersion", ""))
    known = reported.get(uid)
    reported[uid] = version
    return known != version
