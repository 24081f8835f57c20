"""``$patch`` directives of strategic merge patches (kyaml ``yaml/merge2/smpdirective.go``)."""

from typing import Final

from fluxkit.kustomize.errors import KustomizeError
from fluxkit.kustomize.merge.elements import set_element
from fluxkit.kustomize.tree import Node, text_of

__all__ = ["DELETE", "MERGE", "REPLACE", "list_directive", "map_directive"]

KEY: Final = "$patch"
DELETE: Final = "delete"
REPLACE: Final = "replace"
MERGE: Final = "merge"
_KNOWN: Final = frozenset((DELETE, REPLACE, MERGE))


def map_directive(patch: Node, *, tolerant: bool = False) -> str:
    """The directive of a mapping, which is taken out of it. Raises :class:`KustomizeError` for an unknown word."""
    if not isinstance(patch, dict) or KEY not in patch:
        return MERGE
    word = text_of(patch[KEY])
    if word in _KNOWN:
        del patch[KEY]
        return word
    if tolerant:
        return MERGE
    raise KustomizeError(f"unknown patch strategy '{word}'")


def list_directive(patch: Node) -> str:
    """The directive of a list: an item that holds nothing else. It is taken out."""
    if not isinstance(patch, list):
        return MERGE
    for item in patch:
        if isinstance(item, dict) and KEY in item:
            if len(item) > 1:
                return MERGE
            word = text_of(item[KEY])
            if word not in _KNOWN:
                raise KustomizeError(f"unknown patch strategy '{word}'")
            set_element(patch, [KEY], [word], None)
            return word
    return MERGE
