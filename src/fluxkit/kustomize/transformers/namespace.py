"""Setting the namespace (NamespaceTransformer; api ``filters/namespace``).

Everything that is not certainly cluster-scoped gets the namespace, custom resources included. Of the subjects of role
bindings, only those named ``default`` do, unless told otherwise; others are fixed by the name references later.
"""

from collections import Counter
from typing import Any, Final

from msgspec import Struct

from fluxkit.kustomize.errors import KustomizeError
from fluxkit.kustomize.fieldspec import FieldSpec, visit_path
from fluxkit.kustomize.resmap import ResMap
from fluxkit.kustomize.resource import HELM_ANNOTATION, Resource
from fluxkit.kustomize.tree import is_empty, is_null, kind_name, text_of

__all__ = ["NamespaceTransformer", "set_namespace"]

DEFAULT_ONLY: Final = "defaultOnly"
ALL_ACCOUNTS: Final = "allServiceAccounts"
NONE: Final = "none"


class NamespaceTransformer(Struct, frozen=True):
    """``unset_only`` fills only fields without a value. Raises :class:`KustomizeError` for ids that clash."""

    namespace: str
    specs: tuple[FieldSpec, ...]
    unset_only: bool = False
    subjects: str = DEFAULT_ONLY

    def __post_init__(self) -> None:
        if self.subjects not in (DEFAULT_ONLY, ALL_ACCOUNTS, NONE):
            raise KustomizeError(
                f'invalid value "{self.subjects}" for setRoleBindingSubjects: '
                f'must be one of "{DEFAULT_ONLY}", "{NONE}" or "{ALL_ACCOUNTS}"',
                field="setRoleBindingSubjects",
            )

    def transform(self, resources: ResMap) -> None:
        if not self.namespace:
            return
        counts = Counter(resource.key for resource in resources.resources)
        for resource in resources.resources:
            if resource.empty or resource.string_map("annotations").get(HELM_ANNOTATION) == "true":
                continue
            counts[resource.key] -= 1
            resource.store_previous_id()
            set_namespace(resource, self.namespace, self.specs, self.unset_only, self.subjects)
            key = resource.key
            counts[key] += 1
            if counts[key] != 1:
                clashing = " ".join(str(other.id) for other in resources.resources if other.key == key)
                raise KustomizeError(
                    f"namespace transformation produces ID conflict: [{clashing}]", resource=str(resource.id)
                )
        resources.changed()


def set_namespace(
    resource: Resource,
    namespace: str,
    specs: tuple[FieldSpec, ...] = (),
    unset_only: bool = False,
    subjects: str = DEFAULT_ONLY,
) -> None:
    """Set the namespace of one resource, and the other fields that the specs name."""

    def set_field(container: Any, key: Any) -> None:
        value = container[key]
        if isinstance(value, dict | list):
            raise KustomizeError(f"wrong node kind: expected ScalarNode but got {kind_name(value)}")
        if not unset_only or is_null(value) or text_of(value) == "":
            container[key] = namespace

    if not resource.cluster_scoped:
        visit_path(resource, _METADATA, set_field, "scalar")
    binding = resource.kind in ("RoleBinding", "ClusterRoleBinding")
    if binding and subjects != NONE:
        _set_subjects(resource, subjects, set_field)
    gvk = resource.gvk
    core = resource.api_version == "v1"
    for spec in specs:
        if spec.path == "metadata/namespace" or (spec.path == "metadata/name" and not core) or not spec.matches(gvk):
            continue
        if binding and spec.path == "subjects/namespace" and spec.kind in ("RoleBinding", "ClusterRoleBinding"):
            continue
        try:
            visit_path(resource, spec, set_field, "scalar")
        except KustomizeError as error:
            raise error.wrap("namespace field specs must target scalar nodes") from None


_METADATA: Final = FieldSpec(path="metadata/namespace", create=True)


def _set_subjects(resource: Resource, mode: str, set_field: Any) -> None:
    subjects = resource.tree.get("subjects")
    if subjects is None or is_null(subjects):
        return
    if not isinstance(subjects, list):
        raise KustomizeError(
            "setting namespace on (cluster)role binding subjects: "
            f"wrong node kind: expected SequenceNode but got {kind_name(subjects)}",
            resource=str(resource.id),
        )
    field, wanted = ("name", "default") if mode == DEFAULT_ONLY else ("kind", "ServiceAccount")
    for subject in subjects:
        if not isinstance(subject, dict) and not is_null(subject):
            raise KustomizeError(
                f"setting namespace on (cluster)role binding subjects: looking up {field} on (cluster)role binding "
                f"subject: wrong node kind: expected MappingNode but got {kind_name(subject)}",
                resource=str(resource.id),
            )
        if isinstance(subject, dict) and not is_empty(subject.get(field, {})) and text_of(subject[field]) == wanted:
            subject.setdefault("namespace", "")
            set_field(subject, "namespace")
