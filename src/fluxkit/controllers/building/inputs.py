"""Whether a new revision of a source changes anything for a build that was done before.

A build tells which files it read, which folders it listed and which names it found missing
(:class:`~.manifests.BuildInputs`). The fingerprint of just those, taken over the content hashes that the artifact store
computes while unpacking, is equal exactly if building again would give the same objects.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Mapping

from fluxkit.controllers.building.manifests import BuildInputs

__all__ = ["TreeIndex", "TreeIndexes", "fingerprint"]


class TreeIndex:
    """A source tree as the content hashes of its files, with the folders that follow from their paths."""

    def __init__(self, files: Mapping[str, str]) -> None:
        self._files = files
        folders: dict[str, set[str]] = {"": set()}
        for path in files:
            child = path
            while True:
                folder, _, name = child.rpartition("/")
                known = folders.setdefault(folder, set())
                if name in known:
                    break
                known.add(name)
                if not folder:
                    break
                child = folder
        self._folders = folders

    def describe(self, path: str) -> str:
        """What lies at a path: the hash of a file, a folder, or nothing."""
        if path in self._files:
            return self._files[path]
        return "folder" if self._normal(path) in self._folders else "absent"

    def listing(self, path: str) -> str:
        """The names in a folder; whether each is a file or a folder is part of the listing."""
        folder = self._normal(path)
        prefix = f"{folder}/" if folder else ""
        names = sorted(self._folders.get(folder, ()))
        return "\0".join(name if prefix + name in self._files else name + "/" for name in names)

    @staticmethod
    def _normal(path: str) -> str:
        return "" if path == "." else path.rstrip("/")


class TreeIndexes:
    """The indexes of the trees used last, by digest: two hundred Kustomizations on one source share one."""

    def __init__(self, limit: int = 16) -> None:
        self._limit = limit
        self._indexes: OrderedDict[str, TreeIndex] = OrderedDict()

    def of(self, digest: str, files: Mapping[str, str]) -> TreeIndex:
        """The index of the tree with this digest; ``files`` are its content hashes by path."""
        index = self._indexes.get(digest)
        if index is None:
            index = self._indexes[digest] = TreeIndex(files)
            if len(self._indexes) > self._limit:
                self._indexes.popitem(last=False)
        self._indexes.move_to_end(digest)
        return index


def fingerprint(inputs: BuildInputs, tree: TreeIndex) -> str:
    """A digest over everything in ``tree`` that a build with these ``inputs`` depends on."""
    digest = hashlib.sha256()
    for path in sorted(inputs.files | inputs.absent):
        digest.update(f"{path}\0{tree.describe(path)}\n".encode())
    for path in sorted(inputs.directories):
        digest.update(f"{path}\0{tree.listing(path)}\n".encode())
    return digest.hexdigest()
