"""The Kubernetes API, for asyncio: configuration, credentials, an unstructured client, and watch caches.

What it promises:

- Any kubeconfig that kubectl takes, or the pod's service account, becomes a :class:`ClusterConfig`; printing one, or
  an error of this package, never shows a secret.
- :class:`Client` speaks in plain dicts and typed :mod:`errors`, over one connection pool, and repeats a request only
  when that cannot do anything twice.
- :class:`WatchCache` follows a kind for as long as the process lives: through lost connections, restarts of the server
  and expired versions, telling its subscribers exactly what became of each object; :class:`CacheRegistry` shares
  caches.

What it refuses: typed models of built-in kinds, blocking calls, deciding what to reconcile.

Importing this package does not import aiohttp; opening a client does.
"""

from fluxkit.kube import errors
from fluxkit.kube.cache import CacheEvent, CacheRegistry, WatchCache
from fluxkit.kube.client import Client, ObjectList, PatchKind, Propagation
from fluxkit.kube.config import ClusterConfig, Impersonation
from fluxkit.kube.paths import ResourceMapping
from fluxkit.kube.throttle import RequestRate
from fluxkit.kube.watch import WatchEvent

__all__ = [
    "CacheEvent",
    "CacheRegistry",
    "Client",
    "ClusterConfig",
    "Impersonation",
    "ObjectList",
    "PatchKind",
    "Propagation",
    "RequestRate",
    "ResourceMapping",
    "WatchCache",
    "WatchEvent",
    "errors",
]
