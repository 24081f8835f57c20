"""Whether anything in a source could become an object of a certain name.

A commit that deletes an object seldom leaves its name anywhere, and then nobody has to be asked who wants it. Reading
the files says more than it costs; where names may be made up of parts, everything is possible.
"""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from fluxkit.api import Kustomization
from fluxkit.controllers.building.overlay import KUSTOMIZATION_FILES
from fluxkit.objects import ObjectRef

__all__ = ["mentioned"]

_HASH = re.compile(r"-[a-z0-9]{10}$")
_LARGEST = 1 << 20
"""Bytes of a file beyond which it is taken to mention everything."""
_COMPOSING = re.compile(rb"namePrefix|nameSuffix|://|\?ref=|git@|github\.com/")
"""In a kustomization file: names get parts, or come from elsewhere."""
_SUBSTITUTED = re.compile(rb"(?m)^[ \t-]*[\"']?name[\"']?:[^\n]*\$\{")


def mentioned(
    root: Path, files: Iterable[str], refs: Sequence[ObjectRef], others: Sequence[Kustomization]
) -> list[ObjectRef]:
    """Those objects that some of the others could make out of these files (relative to ``root``)."""
    left = {ref: {core for other in others for core in _cores(ref.name, other)} for ref in refs}
    patches = "\n".join(patch.patch for other in others for patch in other.spec.patches).encode()
    found = {ref for ref, cores in left.items() if any(core in patches for core in cores)}
    for name in files:
        if len(found) == len(left):
            break
        path = root / name
        if path.stat().st_size > _LARGEST:
            return list(refs)
        content = path.read_bytes()
        composing = path.name in KUSTOMIZATION_FILES and _COMPOSING.search(content) is not None
        if composing or _SUBSTITUTED.search(content) is not None:
            return list(refs)
        found |= {ref for ref, cores in left.items() if ref not in found and any(core in content for core in cores)}
    return [ref for ref in refs if ref in found]


def _cores(name: str, other: Kustomization) -> set[bytes]:
    """The name without what the spec, or a generator, adds to it."""
    plain = name.removeprefix(other.spec.name_prefix or "")
    return {core.removesuffix(other.spec.name_suffix or "").encode() for core in (plain, _HASH.sub("", plain))}
