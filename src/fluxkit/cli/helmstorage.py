"""The objects of a Helm release, read from Helm's own storage Secret (fluxcd/flux2 cmd/flux/tree_kustomization.go)."""

import base64
import binascii
import gzip
import json
import zlib

from fluxkit.cli.errors import CommandError
from fluxkit.cli.kinds import nested
from fluxkit.kube import Client, errors
from fluxkit.objects import GroupVersionKind, Object, ObjectRef, key_of, ref_of

__all__ = ["release_objects"]

SECRET = GroupVersionKind("", "v1", "Secret")
CRD = GroupVersionKind("apiextensions.k8s.io", "v1", "CustomResourceDefinition")
MAX_MANIFEST = 64 << 20


async def release_objects(client: Client, release: Object) -> list[ObjectRef]:
    """What the newest release of a HelmRelease consists of; empty if it has none, or lives on another cluster."""
    history = nested(release, "status", "history")
    namespace = nested(release, "status", "storageNamespace")
    if nested(release, "spec", "kubeConfig") or not namespace or not isinstance(history, list) or not history:
        return []
    newest = history[0]
    key = key_of(release)
    try:
        name = f"sh.helm.release.v1.{newest.get('name')}.v{newest.get('version')}"
        secret = await client.get(SECRET, name, namespace)
    except errors.NotFound:
        return []
    refs: list[ObjectRef] = []
    for obj in _objects(nested(secret, "data", "release"), str(key)):
        ref = ref_of(obj)
        if not ref.namespace and await _is_namespaced(client, ref.gvk):
            ref = ObjectRef(ref.gvk, str(newest.get("namespace") or key.namespace), ref.name)
        refs.append(ref)
    return refs + [ref for ref in await _crds(client, release) if ref not in refs]


def _objects(data: object, where: str) -> list[Object]:
    from fluxkit import yaml

    problem = f"failed to decode the Helm storage object for HelmRelease '{where}'"
    if not isinstance(data, str):
        raise CommandError(problem)
    try:
        packed = base64.b64decode(base64.b64decode(data))
        if packed[:3] == b"\x1f\x8b\x08":
            packed = zlib.decompressobj(wbits=31).decompress(packed, MAX_MANIFEST)
        manifest = json.loads(packed).get("manifest") or ""
        documents = yaml.load_all(manifest, source="manifest")
    except (binascii.Error, zlib.error, gzip.BadGzipFile, ValueError) as error:
        raise CommandError(f"{problem}: {error}") from error
    return [document for document in documents if isinstance(document, dict) and document.get("kind")]


async def _is_namespaced(client: Client, gvk: GroupVersionKind) -> bool:
    try:
        return (await client.mapping(gvk)).namespaced
    except errors.NoMatch:
        return False


async def _crds(client: Client, release: Object) -> list[ObjectRef]:
    """The CRDs that the release manages outside of its manifest, which carry its labels."""
    policies = (nested(release, "spec", action, "crds") for action in ("install", "upgrade"))
    if not any(policy and policy != "Skip" for policy in policies):
        return []
    key = key_of(release)
    selector = f"helm.toolkit.fluxcd.io/name={key.name},helm.toolkit.fluxcd.io/namespace={key.namespace}"
    listed = await client.list(CRD, label_selector=selector, metadata_only=True)
    return [ObjectRef(CRD, "", key_of(crd).name) for crd in listed.items]
