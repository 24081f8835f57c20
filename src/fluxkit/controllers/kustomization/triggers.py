"""Which changes elsewhere ask for a run of which Kustomizations.

A new revision of a source wakes those that refer to it, a Kustomization that became ready those that wait for it; both
are looked up in indexes of the shared watch cache, so that a change costs what it concerns
(fluxcd/kustomize-controller ``internal/controller/kustomization_indexers.go``).
"""

from collections.abc import Callable, Iterable

from fluxkit.api import DecodeError, Kustomization
from fluxkit.controllers.kustomization.dependencies import KUSTOMIZATION, dependency_nodes, in_dependency_order
from fluxkit.controllers.kustomization.findings import Finding
from fluxkit.controllers.sources import source_key
from fluxkit.kube import CacheEvent, WatchCache
from fluxkit.objects import Object, ObjectKey, gvk_of, key_of, metadata_of
from fluxkit.runtime import conditions

__all__ = [
    "BY_OBJECT",
    "BY_SOURCE",
    "INDEXERS",
    "artifact_changed",
    "became_ready",
    "configured_by",
    "dependants_by_fate",
    "dependants_of",
    "dependencies_of_the_gone",
    "referrers_of",
    "sharers_of",
]

_BY_CONFIG = "config"
BY_OBJECT = "object"
BY_SOURCE = "source"
_BY_DEPENDENCY = "dependency"
_BY_PENDING = "pending"


def _index_source(obj: Object) -> Iterable[str]:
    try:
        kind, key = source_key(Kustomization.decode(obj))
    except DecodeError:
        return ()
    return (f"{kind}/{key}",)


def _index_dependencies(obj: Object) -> Iterable[str]:
    return [_dependency(node.kind, node.key) for node in dependency_nodes(obj)]


def _dependency(kind: str, key: ObjectKey) -> str:
    return f"{kind}/{key}"


def _index_configs(obj: Object) -> Iterable[str]:
    try:
        kustomization = Kustomization.decode(obj)
    except DecodeError:
        return ()
    spec, namespace = kustomization.spec, kustomization.metadata.namespace
    names = [(each.kind, each.name) for each in (spec.post_build.substitute_from if spec.post_build else ())]
    if spec.kube_config is not None:
        if spec.kube_config.secret_ref is not None:
            names.append(("Secret", spec.kube_config.secret_ref.name))
        if spec.kube_config.config_map_ref is not None:
            names.append(("ConfigMap", spec.kube_config.config_map_ref.name))
    if spec.decryption is not None and spec.decryption.secret_ref is not None:
        names.append(("Secret", spec.decryption.secret_ref.name))
    return {f"{kind}/{ObjectKey(namespace, name)}" for kind, name in names}


def _index_objects(obj: Object) -> Iterable[str]:
    inventory = (obj.get("status") or {}).get("inventory") or {}
    return [str(entry["id"]) for entry in inventory.get("entries") or ()]


def _index_pending(obj: Object) -> Iterable[str]:
    """By source, if objects wait for being pruned."""
    found = (obj.get("status") or {}).get("conditions") or ()
    return _index_source(obj) if any(each.get("type") == Finding.PRUNE_PENDING for each in found) else ()


INDEXERS = {
    BY_OBJECT: _index_objects,
    _BY_CONFIG: _index_configs,
    BY_SOURCE: _index_source,
    _BY_DEPENDENCY: _index_dependencies,
    _BY_PENDING: _index_pending,
}
"""Indexers for the cache of Kustomizations. By object means by the ids of inventory entries."""

MapFunction = Callable[[CacheEvent], Iterable[ObjectKey]]


def artifact_changed(event: CacheEvent) -> bool:
    """A source's artifact appeared or is another one; creations and deletions pass too.

    Upstream looks at the revision alone, and so misses an included source that changed, and an address that moved.
    """
    if event.old is None or event.new is None:
        return True
    artifact = _artifact_of(event.new)
    return artifact is not None and artifact != _artifact_of(event.old)


def _artifact_of(source: Object) -> tuple[str, str, str] | None:
    """Revision, digest and address; None without artifact."""
    artifact = (source.get("status") or {}).get("artifact")
    if not isinstance(artifact, dict):
        return None
    return (str(artifact.get("revision", "")), str(artifact.get("digest", "")), str(artifact.get("url", "")))


def referrers_of(kustomizations: Callable[[], WatchCache]) -> MapFunction:
    """Maps a source with an artifact to the Kustomizations that refer to it, dependencies before their dependants."""

    def referrers(event: CacheEvent) -> Iterable[ObjectKey]:
        source = event.new
        if source is None or _artifact_of(source) is None:
            return
        found = kustomizations().index(BY_SOURCE, f"{gvk_of(source).kind}/{key_of(source)}")
        yield from in_dependency_order([Kustomization.decode(obj) for obj in found])

    return referrers


def configured_by(kustomizations: Callable[[], WatchCache], kind: str) -> MapFunction:
    """Maps a ConfigMap or Secret to the Kustomizations whose variables, kubeconfig or keys it holds."""

    def referrers(event: CacheEvent) -> Iterable[ObjectKey]:
        for obj in kustomizations().index(_BY_CONFIG, f"{kind}/{key_of(event.object)}"):
            yield key_of(obj)

    return referrers


def became_ready(event: CacheEvent) -> bool:
    """A Kustomization is ready in a way it was not before: at another revision or generation, or at all."""
    if event.new is None:
        return False
    # what a watch missed may turn up as a new object that is ready already
    before = _ready_at(event.old) if event.old is not None else None
    return _ready_at(event.new) not in (None, before)


def _ready_at(obj: Object) -> tuple[str, int] | None:
    state = obj.get("status") or {}
    for condition in state.get("conditions") or ():
        if condition.get("type") == "Ready" and condition.get("status") == "True":
            return (str(state.get("lastAppliedRevision", "")), int(state.get("observedGeneration", 0)))
    return None


def dependants_of(kustomizations: Callable[[], WatchCache]) -> MapFunction:
    """Maps a Kustomization or HelmRelease to those that depend on it and are not ready.

    With an expression of its own a dependant may wait for any change of what it depends on, else for its readiness.
    """

    def dependants(event: CacheEvent) -> Iterable[ObjectKey]:
        if event.new is None:
            return
        key, ready = key_of(event.new), became_ready(event)
        for obj in kustomizations().index(_BY_DEPENDENCY, _dependency(gvk_of(event.new).kind, key)):
            dependant = Kustomization.decode(obj)
            if conditions.is_true(dependant, conditions.READY):
                continue
            if ready or any(each.ready_expr for each in dependant.spec.depends_on):
                yield dependant.key

    return dependants


def dependencies_of_the_gone(event: CacheEvent) -> Iterable[ObjectKey]:
    """Maps a Kustomization that is gone to those that it depended on: their own deletion may have waited for it."""
    if event.new is not None or event.old is None:
        return
    for node in dependency_nodes(event.old):
        if node.kind == KUSTOMIZATION:
            yield node.key


def dependants_by_fate(kustomizations: WatchCache, key: ObjectKey) -> tuple[list[ObjectKey], list[ObjectKey]]:
    """Those that depend on a Kustomization: first those that are being deleted, then those that are not."""
    found = kustomizations.index(_BY_DEPENDENCY, _dependency(KUSTOMIZATION, key))
    going = sorted(key_of(obj) for obj in found if "deletionTimestamp" in metadata_of(obj))
    staying = sorted(key_of(obj) for obj in found if "deletionTimestamp" not in metadata_of(obj))
    return [each for each in going if each != key], [each for each in staying if each != key]


def sharers_of(kustomizations: Callable[[], WatchCache]) -> MapFunction:
    """Maps a Kustomization whose say over its objects changed to the others that this concerns.

    Those with some of the same objects may find that both apply them; those of the same source that have not pruned yet
    may be waiting for it to take over what left them.
    """

    def sharers(event: CacheEvent) -> Iterable[ObjectKey]:
        spoke = became_ready(event) or _told(event.old) != _told(event.new)
        if not spoke and not _let_go(event):
            return
        own = key_of(event.object)
        found: dict[ObjectKey, None] = {}
        for name in {*_index_objects(event.old or {}), *_index_objects(event.new or {})}:
            for obj in kustomizations().index(BY_OBJECT, name):
                # that another lets go concerns only those that had something to say about it
                if spoke or _has(obj, Finding.CONFLICT, Finding.PRUNE_PENDING):
                    found[key_of(obj)] = None
        for source in _index_source(event.object):
            found |= dict.fromkeys(map(key_of, kustomizations().index(_BY_PENDING, source)))
        yield from (key for key in found if key != own)

    return sharers


def _has(obj: Object, *types: str) -> bool:
    return any(each.get("type") in types for each in (obj.get("status") or {}).get("conditions") or ())


def _told(obj: Object | None) -> list[object]:
    """What a Kustomization says about objects that it shares."""
    found = ((obj or {}).get("status") or {}).get("conditions") or ()
    return [each.get("message") for each in found if each.get("type") == Finding.CONFLICT]


def _let_go(event: CacheEvent) -> bool:
    """A Kustomization goes, rests, or has fewer objects than before.

    What one adds that is not ready is an intention: two that fail at the same object would wake each other for ever.
    """
    if event.old is None or event.new is None or _rests(event.old) != _rests(event.new):
        return True
    ready = _ready_at(event.new) is not None
    return ready and not set(_index_objects(event.old)) <= set(_index_objects(event.new))


def _rests(obj: Object) -> tuple[bool, bool]:
    return "deletionTimestamp" in metadata_of(obj), bool((obj.get("spec") or {}).get("suspend", False))
