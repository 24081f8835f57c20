"""Name references: fields that hold the name of another resource follow its renames.

For every field that a rule names, the candidates are resources that had the old name and were of the referenced kind;
namespaces, role references and the prefixes and suffixes of both sides narrow them down to one (api
``filters/nameref``, ``internal/accumulator/namereferencetransformer.go``).
"""

from collections.abc import Callable
from typing import Any

from fluxkit.kustomize.configuration import NameReference
from fluxkit.kustomize.errors import KustomizeError
from fluxkit.kustomize.fieldspec import FieldSpec, visit_path
from fluxkit.kustomize.identity import CLUSTER_NAMESPACE, DEFAULT_NAMESPACE, Gvk
from fluxkit.kustomize.resmap import ResMap
from fluxkit.kustomize.resource import Resource
from fluxkit.kustomize.tree import Node, is_null, put_text, text_of

__all__ = ["NameReferenceTransformer"]

Rule = tuple[Gvk, FieldSpec]


class NameReferenceTransformer:
    """Updates references in all resources."""

    def __init__(self, references: tuple[NameReference, ...]) -> None:
        self._references = references
        self._rules: dict[Gvk, list[Rule]] = {}

    def transform(self, resources: ResMap) -> None:
        by_old_name: dict[str, list[Resource]] = {}
        for resource in resources.resources:
            for name in dict.fromkeys(previous[1] for previous in resource.previous):
                by_old_name.setdefault(name, []).append(resource)
        for resource in resources.resources:
            original = resource.original_id.gvk
            rules = self._rules.get(original)
            if rules is None:
                rules = self._rules[original] = self._rules_for(original)
            if rules:
                _Referrer(resource, resources, by_old_name).update(rules)

    def _rules_for(self, gvk: Gvk) -> list[Rule]:
        return [
            (reference.gvk, spec)
            for reference in self._references
            for spec in reference.referrers
            if gvk.selected_by(spec.gvk)
        ]


class _Referrer:
    """A resource whose references are being updated."""

    def __init__(self, resource: Resource, resources: ResMap, by_old_name: dict[str, list[Resource]]) -> None:
        self._resource = resource
        self._resources = resources
        self._by_old_name = by_old_name
        self._cluster_scoped = resource.cluster_scoped
        self._namespace = CLUSTER_NAMESPACE if self._cluster_scoped else resource.namespace or DEFAULT_NAMESPACE
        self._other_namespaces = set() if self._cluster_scoped else self._bound_namespaces()
        self._target = Gvk()
        self._path = ""

    def _bound_namespaces(self) -> set[str]:
        """Namespaces of the service accounts that a RoleBinding names."""
        if self._resource.kind != "RoleBinding":
            return set()
        subjects = self._resource.tree.get("subjects")
        namespaces = set()
        for subject in subjects if isinstance(subjects, list) else ():
            if (
                isinstance(subject, dict)
                and "namespace" in subject
                and text_of(subject.get("kind", "")) == "ServiceAccount"
            ):
                if not isinstance(subject["namespace"], str):
                    raise KustomizeError(
                        f'Invalid Input: namespace is blank for resource "{self._resource.id}"\n',
                        resource=str(self._resource.id),
                    )
                namespaces.add(subject["namespace"])
        return namespaces

    def update(self, rules: list[Rule]) -> None:
        resource = self._resource
        for target, spec in rules:
            self._target = target
            self._path = spec.path
            try:
                visit_path(resource, spec, self._set)
            except KustomizeError as error:
                raise error.wrap(f"updating name reference in '{spec.path}' field of '{resource.id}'").at(
                    resource=str(resource.id), field=spec.path
                ) from None

    def _set(self, container: Any, key: Any) -> None:
        value = container[key]
        if isinstance(value, list):
            for index, item in enumerate(value):
                if isinstance(item, dict):
                    self._set_mapping(item)
                elif isinstance(item, list):
                    raise KustomizeError("a list is expected to be either a string or a map of string")
                else:
                    self._set_scalar(value, index)
        elif isinstance(value, dict):
            self._set_mapping(value)
        else:
            self._set_scalar(container, key)

    def _set_scalar(self, container: Any, key: Any) -> None:
        value = container[key]
        if is_null(value):
            return
        text = text_of(value)
        chosen = self._choose(text, self._candidates(text), lambda resource: (resource.name,))
        if chosen is not None and chosen.name != text:
            put_text(container, key, chosen.name)

    def _set_mapping(self, mapping: dict[str, Any]) -> None:
        if "name" not in mapping:
            raise KustomizeError("path config error; no 'name' field in node")
        text = text_of(mapping["name"])
        candidates = self._candidates(text)
        if "namespace" in mapping and candidates:
            candidates = self._in_namespace(candidates, mapping["namespace"])
        chosen = self._choose(text, candidates, lambda resource: (resource.name, resource.namespace))
        if chosen is None:
            return
        namespace = chosen.namespace
        if chosen.name == text and not namespace:
            return
        put_text(mapping, "name", chosen.name)
        if namespace:
            mapping["namespace"] = namespace

    def _visible(self, candidate: Resource) -> bool:
        if self._cluster_scoped:
            return True
        if candidate.cluster_scoped:
            return True
        return (
            candidate.namespace or DEFAULT_NAMESPACE
        ) == self._namespace or candidate.namespace in self._other_namespaces

    def _candidates(self, name: str) -> list[Resource]:
        return [resource for resource in self._by_old_name.get(name, ()) if self._visible(resource)]

    def _in_namespace(self, candidates: list[Resource], field: Node) -> list[Resource]:
        """Candidates that were in a namespace originally; if no visible resource was, those that are in it now."""
        wanted = text_of(field)
        if wanted == CLUSTER_NAMESPACE:
            return []
        if any(
            self._visible(resource) and resource.original_id.effective_namespace == wanted
            for resource in self._resources.resources
        ):
            return [resource for resource in candidates if resource.original_id.effective_namespace == wanted]
        return [resource for resource in candidates if resource.id.effective_namespace == wanted]

    def _choose(
        self, old_name: str, candidates: list[Resource], identity: Callable[[Resource], tuple[str, ...]]
    ) -> Resource | None:
        target = self._target
        candidates = [
            resource for resource in candidates if any(known.gvk.selected_by(target) for known in resource.previous_ids)
        ]
        if self._path.endswith("roleRef/name"):
            candidates = self._matching_role(candidates)
        candidates = [resource for resource in candidates if self._reachable(resource)]
        if len(candidates) == 1:
            return candidates[0]
        candidates = [resource for resource in candidates if _same_affixes(self._resource, resource, lenient=True)]
        if len(candidates) > 1:
            candidates = [resource for resource in candidates if _same_affixes(self._resource, resource, lenient=False)]
        if not candidates:
            return None
        if len(candidates) == 1 or len({identity(resource) for resource in candidates}) == 1:
            return candidates[0]
        ids = ", ".join(str(resource.id) for resource in candidates)
        raise KustomizeError(f"found multiple possible referrals: {ids}\n{self._details(candidates)}")

    def _matching_role(self, candidates: list[Resource]) -> list[Resource]:
        reference = self._resource.tree.get("roleRef")
        if not isinstance(reference, dict) or "apiGroup" not in reference or "kind" not in reference:
            return candidates
        wanted = Gvk(text_of(reference["apiGroup"]), "", text_of(reference["kind"]))
        return [
            resource for resource in candidates if any(known.gvk.selected_by(wanted) for known in resource.previous_ids)
        ]

    def _reachable(self, candidate: Resource) -> bool:
        return (
            self._cluster_scoped
            or candidate.cluster_scoped
            or candidate.kind == "ServiceAccount"
            or (candidate.namespace or DEFAULT_NAMESPACE) == self._namespace
        )

    def _details(self, candidates: list[Resource]) -> str:
        from fluxkit import yaml

        lines = [f"\n**** Too many possible referral targets to referrer:\n{yaml.dump(self._resource.object())}\n"]
        lines += [
            f"--- possible referral {index}:\n{yaml.dump(resource.object())}\n"
            for index, resource in enumerate(candidates)
        ]
        return "".join(lines)


def _same_affixes(left: Resource, right: Resource, *, lenient: bool) -> bool:
    """Whether the recorded prefixes and suffixes of two resources fit; an empty list fits any if ``lenient``."""
    return all(
        (lenient and (not ours or not theirs)) or _same_ending(ours, theirs)
        for ours, theirs in ((left.prefixes, right.prefixes), (left.suffixes, right.suffixes))
    )


def _same_ending(left: list[str], right: list[str]) -> bool:
    shorter, longer = sorted((left, right), key=len)
    if not shorter:
        return not longer
    return longer[-len(shorter) :] == shorter
