"""Reading an object no older than one's own last write.

A watch cache may lag behind a write that the same process just made. Acting on the older copy repeats work at best and
contradicts the new status at worst. :class:`WrittenVersions` remembers the resourceVersion of the last write per object
until the cache has caught up.
"""

from fluxkit.objects import Object, ObjectKey, metadata_of

__all__ = ["WrittenVersions", "at_least"]


def at_least(obj: Object, resource_version: str) -> bool:
    """Whether an object is of the given version or newer.

    Versions of one kind compare as integers (Kubernetes promises that since 1.35, and every server did before). If
    either is not a number, only equality counts.
    """
    current = metadata_of(obj).get("resourceVersion", "")
    if isinstance(current, str) and current.isdecimal() and resource_version.isdecimal():
        return int(current) >= int(resource_version)
    return bool(current == resource_version)


class WrittenVersions:
    """The versions that own writes produced and the cache has not shown yet."""

    def __init__(self) -> None:
        self._versions: dict[ObjectKey, str] = {}

    def wrote(self, key: ObjectKey, obj: Object) -> None:
        version = metadata_of(obj).get("resourceVersion")
        if isinstance(version, str) and version:
            self._versions[key] = version

    def forget(self, key: ObjectKey) -> None:
        """The object is known to be gone."""
        self._versions.pop(key, None)

    def fresh(self, key: ObjectKey, obj: Object | None) -> bool:
        """Whether the cache's copy (None: it has none) is new enough; if so the remembered version is dropped.

        An object that vanished from the cache was deleted after the write: to be cached before it had to exist.
        """
        version = self._versions.get(key)
        if version is None:
            return True
        if obj is None or at_least(obj, version):
            del self._versions[key]
            return True
        return False

    def __len__(self) -> int:
        return len(self._versions)
