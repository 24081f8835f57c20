"""The objects of the last revision that passed its health checks, kept to be applied again.

They lie in Secrets beside the Kustomization (they hold decrypted Secrets), so neither the garbage collection of
artifacts nor the loss of this process's disk can take them away. The status has the digest of the content, by which the
Secrets are named too: new content is complete before the status points to it, and what was tampered with is refused.
"""

import asyncio
import hashlib
import zlib
from base64 import b64decode, b64encode
from collections.abc import Sequence

import orjson

from fluxkit.api import Kustomization
from fluxkit.kube import Client
from fluxkit.kube.errors import AlreadyExists, KubeError, NotFound
from fluxkit.objects import GroupVersionKind, Object, key_of

__all__ = ["HealthyStore", "HealthyStoreError"]

_SECRET = GroupVersionKind("", "v1", "Secret")
_LABEL = "fluxkit.dev/last-healthy-of"
_TYPE = "fluxkit.dev/last-healthy"
_PART = 512 << 10
"""Compressed bytes of one Secret; the API takes up to 1 MiB, base64 and all."""


class HealthyStoreError(Exception):
    """Kept objects cannot be read; the text says which Secret and why."""


class HealthyStore:
    """Keeps one set of objects for each Kustomization, with the controller's own rights."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def keep(self, kustomization: Kustomization, objects: Sequence[Object]) -> str:
        """Stores the objects and returns the digest ``sha256:<hex>`` of their content.

        Earlier content stays until :meth:`drop`. Raises ``KubeError``.
        """
        content = await asyncio.to_thread(_pack, objects)
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        parts = [content[start : start + _PART] for start in range(0, len(content), _PART)]
        for number, part in enumerate(parts):
            await self._write(kustomization, _name(kustomization, digest, number), part, len(parts))
        return digest

    async def load(self, kustomization: Kustomization, digest: str) -> list[Object]:
        """Raises :class:`HealthyStoreError`."""
        content, count, number = b"", 1, 0
        while number < count:
            name = _name(kustomization, digest, number)
            try:
                secret = await self._client.get(_SECRET, name, kustomization.metadata.namespace)
                content += b64decode(secret["data"]["content"])
                count = int(b64decode(secret["data"]["parts"]))
            except (KubeError, KeyError, ValueError) as error:
                problem = str(error) if isinstance(error, KubeError) else "its content is not what was stored"
                raise HealthyStoreError(f"Secret '{kustomization.metadata.namespace}/{name}': {problem}") from error
            number += 1
        if f"sha256:{hashlib.sha256(content).hexdigest()}" != digest:
            name = _name(kustomization, digest, 0)
            raise HealthyStoreError(
                f"Secret '{kustomization.metadata.namespace}/{name}': its content is not what was stored"
            )
        return await asyncio.to_thread(_unpack, content)

    async def drop(self, kustomization: Kustomization, *, but: str = "") -> None:
        """Deletes everything that is kept for a Kustomization, except for the content with one digest."""
        namespace = kustomization.metadata.namespace
        listed = await self._client.list(_SECRET, namespace, label_selector=f"{_LABEL}={_hash(kustomization)}")
        prefix = _name(kustomization, but, 0).rpartition("-")[0] if but else ""
        for secret in listed.items:
            name = key_of(secret).name
            if prefix and name.rpartition("-")[0] == prefix:
                continue
            try:
                await self._client.delete(_SECRET, name, namespace)
            except NotFound:
                continue

    async def _write(self, kustomization: Kustomization, name: str, part: bytes, count: int) -> None:
        metadata = kustomization.metadata
        owner = {
            "apiVersion": Kustomization.GVK.api_version,
            "kind": Kustomization.GVK.kind,
            "name": metadata.name,
            "uid": metadata.uid,
        }
        secret: Object = {
            "apiVersion": "v1",
            "kind": "Secret",
            "type": _TYPE,
            "metadata": {
                "name": name,
                "namespace": metadata.namespace,
                "labels": {_LABEL: _hash(kustomization)},
                "ownerReferences": [owner],
            },
            "data": {"content": b64encode(part).decode(), "parts": b64encode(str(count).encode()).decode()},
        }
        try:
            await self._client.create(secret)
        except AlreadyExists:
            # from a run that was killed, or from somebody who should not have written it
            await self._client.apply(secret, field_manager="fluxkit", force=True)


def _hash(kustomization: Kustomization) -> str:
    return hashlib.sha256(kustomization.metadata.name.encode()).hexdigest()[:16]


def _name(kustomization: Kustomization, digest: str, number: int) -> str:
    """Fits whatever the Kustomization's name is like."""
    return f"fluxkit-last-healthy-{_hash(kustomization)}-{digest.removeprefix('sha256:')[:16]}-{number}"


def _pack(objects: Sequence[Object]) -> bytes:
    return zlib.compress(orjson.dumps(list(objects), option=orjson.OPT_SORT_KEYS), 6)


def _unpack(content: bytes) -> list[Object]:
    objects: list[Object] = orjson.loads(zlib.decompress(content))
    return objects
