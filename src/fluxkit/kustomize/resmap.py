"""The ordered collection of resources under construction (api ``resmap/reswrangler.go``)."""

from collections.abc import Callable, Iterable

from fluxkit.kustomize.errors import KustomizeError
from fluxkit.kustomize.identity import ResId
from fluxkit.kustomize.resource import ORIGIN_ANNOTATION, Resource
from fluxkit.kustomize.tree import is_null, new_value, text_of

__all__ = ["ResMap"]

Key = tuple[str, str, str, str, str]


class ResMap:
    """Resources in load order, no two with the same current id when they are added."""

    def __init__(self, resources: Iterable[Resource] = ()) -> None:
        self.resources: list[Resource] = []
        self._keys: set[Key] | None = set()
        self.append_all(resources)

    def changed(self) -> None:
        """Ids may have changed behind this collection's back."""
        self._keys = None

    def append(self, resource: Resource) -> None:
        """Raises :class:`KustomizeError` when the id is taken."""
        if self._keys is None:
            self._keys = {known.key for known in self.resources}
        key = resource.key
        if key in self._keys:
            raise KustomizeError(
                f"may not add resource with an already registered id: {resource.id}", resource=str(resource.id)
            )
        self._keys.add(key)
        self.resources.append(resource)

    def append_all(self, resources: Iterable[Resource]) -> None:
        for resource in resources:
            self.append(resource)

    def drop_empty(self) -> None:
        if any(resource.empty for resource in self.resources):
            self.resources = [resource for resource in self.resources if not resource.empty]
            self.changed()

    def refuse_duplicates(self) -> None:
        """Drop deleted resources, and raise :class:`KustomizeError` if two have the same id."""
        resources, self.resources, self._keys = self.resources, [], set()
        self.append_all(resource for resource in resources if not resource.empty)

    def matching_any_id(self, matches: Callable[[ResId], bool]) -> list[Resource]:
        return [
            resource
            for resource in self.resources
            if not resource.empty and any(matches(known) for known in resource.all_ids)
        ]

    def with_any_id(self, wanted: ResId) -> list[Resource]:
        """The resources that have or had an id."""
        key = wanted.key
        found = []
        for resource in self.resources:
            if resource.empty:
                continue
            if (resource.name == wanted.name and resource.key == key) or (
                resource.previous and any(known.key == key for known in resource.previous_ids)
            ):
                found.append(resource)
        return found

    def target_of(self, wanted: ResId) -> Resource:
        """The one resource that a patch names. Raises :class:`KustomizeError`."""
        found = self.with_any_id(wanted)
        if len(found) == 1:
            return found[0]
        problem = "multiple matches for" if found else "no matches for"
        raise KustomizeError(
            f"{problem} Id {wanted}; failed to find unique target for patch {wanted}", resource=str(wanted)
        )

    def absorb(self, resource: Resource) -> None:
        """Add a generated resource, or merge it into or let it replace the one it names."""
        wanted = resource.id
        found = self.with_any_id(wanted)
        if not found:
            if resource.behavior in ("merge", "replace"):
                raise KustomizeError(
                    f"id {wanted.go_syntax} does not exist; cannot merge or replace", resource=str(wanted)
                )
            self.append(resource)
            return
        if len(found) > 1:
            raise KustomizeError(
                f"found multiple objects [{' '.join(str(other.id) for other in found)}] that could accept merge of "
                f"{wanted}",
                resource=str(wanted),
            )
        old = found[0]
        if resource.behavior not in ("merge", "replace"):
            raise KustomizeError(
                f"id {wanted.go_syntax} exists; can not use behavior: '{resource.behavior or 'unspecified'}', "
                "behavior must be merge or replace",
                resource=str(wanted),
            )
        _combine(resource, old)
        self.resources[self.resources.index(old)] = resource
        self.changed()


def _combine(new: Resource, old: Resource) -> None:
    """Give a generated resource the identity and memory of the one it takes the place of, and for merge its data."""
    new.set_string_map("labels", {**old.string_map("labels"), **new.string_map("labels")})
    origin = old.string_map("annotations").get(ORIGIN_ANNOTATION)
    annotations = {**old.string_map("annotations"), **new.string_map("annotations")}
    if new.behavior == "merge" and origin is not None:
        annotations[ORIGIN_ANNOTATION] = origin
    new.set_string_map("annotations", annotations)
    new.set_name(old.name)
    new.set_namespace(old.namespace)
    if new.behavior == "merge":
        for field in ("data", "binaryData"):
            _merge_data(new, old, field)
    new.previous = list(old.previous)
    new.prefixes = list(old.prefixes)
    new.suffixes = list(old.suffixes)
    new.var_names = list(old.var_names)
    new.needs_hash = new.needs_hash and old.needs_hash
    new.behavior = old.behavior


def _merge_data(new: Resource, old: Resource, field: str) -> None:
    merged: dict[str, str] = {}
    for source in (old, new):
        data = source.tree.get(field)
        if isinstance(data, dict):
            merged.update((key, "" if is_null(value) else new_value(text_of(value))) for key, value in data.items())
    if merged:
        new.tree[field] = merged
    else:
        new.tree.pop(field, None)
