"""The variables of a post-build substitution that lie in ConfigMaps and Secrets (``postBuild.substituteFrom``)."""

from base64 import b64decode

from fluxkit.api import Kustomization
from fluxkit.api.kustomize import SubstituteReference
from fluxkit.kube import Client
from fluxkit.kube.errors import KubeError, NotFound
from fluxkit.objects import GroupVersionKind

__all__ = ["VariablesError", "load_variables"]


class VariablesError(Exception):
    """A reference cannot be read; the text names it and never quotes a value."""


async def load_variables(client: Client, kustomization: Kustomization) -> dict[str, str]:
    """Name to value, later references winning; newlines are removed from values.

    Optional references may be absent, but nothing else. Raises :class:`VariablesError`.
    """
    variables: dict[str, str] = {}
    post_build = kustomization.spec.post_build
    for reference in post_build.substitute_from if post_build else ():
        values = await _values(client, kustomization.metadata.namespace, reference)
        variables.update({name: value.replace("\n", "") for name, value in values.items()})
    return variables


async def _values(client: Client, namespace: str, reference: SubstituteReference) -> dict[str, str]:
    try:
        obj = await client.get(GroupVersionKind("", "v1", reference.kind), reference.name, namespace)
    except NotFound as error:
        if reference.optional:
            return {}
        raise VariablesError(f"substitute from '{reference.kind}/{reference.name}' error: {error}") from error
    except KubeError as error:
        raise VariablesError(f"substitute from '{reference.kind}/{reference.name}' error: {error}") from error
    data: dict[str, str] = obj.get("data") or {}
    if reference.kind == "Secret":
        return {name: b64decode(value).decode(errors="replace") for name, value in data.items()}
    return dict(data)
