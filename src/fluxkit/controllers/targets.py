"""The cluster and the rights with which a Kustomization's objects are managed.

Own cluster and own identity by default; ``spec.serviceAccountName`` (or the default one) is impersonated, and
``spec.kubeConfig`` leads to another cluster, where the impersonation applies as well (fluxcd/pkg
``runtime/client/impersonation.go``).
"""

import contextlib
from base64 import b64decode
from collections.abc import AsyncIterator
from dataclasses import dataclass

from fluxkit import yaml
from fluxkit.api import Kustomization
from fluxkit.api.meta import SecretKeyReference
from fluxkit.controllers.clusters import ClusterError, ClusterTokens
from fluxkit.kube import Client, ClusterConfig
from fluxkit.kube.errors import ConfigError, KubeError, NotFound
from fluxkit.objects import GroupVersionKind, ObjectKey

__all__ = ["Target", "TargetError", "Targets"]

_CONFIG_MAP = GroupVersionKind("", "v1", "ConfigMap")
_SECRET = GroupVersionKind("", "v1", "Secret")
_SERVICE_ACCOUNT = GroupVersionKind("", "v1", "ServiceAccount")


class TargetError(Exception):
    """The client for the target cluster cannot be built; never quotes credentials."""


@dataclass(frozen=True, slots=True)
class Target:
    """``local`` is the cluster that the controllers themselves watch, ``own_rights`` that as themselves."""

    client: Client
    local: bool
    own_rights: bool


class Targets:
    """Makes clients for Kustomizations."""

    def __init__(
        self,
        client: Client,
        clusters: ClusterTokens,
        *,
        default_service_account: str,
        allow_exec: bool,
        allow_insecure_tls: bool,
    ) -> None:
        self._client = client
        self._clusters = clusters
        self._default_service_account = default_service_account
        self._allow_exec = allow_exec
        self._allow_insecure_tls = allow_insecure_tls

    def account_of(self, kustomization: Kustomization) -> str:
        """The name of the service account to impersonate, empty for none."""
        return kustomization.spec.service_account_name or self._default_service_account

    @contextlib.asynccontextmanager
    async def open(self, kustomization: Kustomization) -> AsyncIterator[Target]:
        """The target for as long as the context lasts. Raises :class:`TargetError`."""
        config = await self._remote(kustomization)
        if config is None:
            own_rights = not self.account_of(kustomization)
            yield Target(self._impersonating(self._client, kustomization), local=True, own_rights=own_rights)
            return
        async with Client(config) as client:
            yield Target(self._impersonating(client, kustomization), local=False, own_rights=False)

    async def cluster_of(self, kustomization: Kustomization) -> str:
        """The address of the cluster that the objects are on, empty for the controllers' own.

        Raises :class:`TargetError`.
        """
        config = await self._remote(kustomization)
        return "" if config is None or config.server == self._client.config.server else config.server

    async def account_exists(self, kustomization: Kustomization) -> bool:
        """Whether the account to impersonate exists here; true if there is none to impersonate."""
        account = self.account_of(kustomization)
        if not account:
            return True
        try:
            await self._client.get(_SERVICE_ACCOUNT, account, kustomization.metadata.namespace, metadata_only=True)
        except NotFound:
            return False
        return True

    def _impersonating(self, client: Client, kustomization: Kustomization) -> Client:
        account = self.account_of(kustomization)
        if not account:
            return client
        return client.impersonate(f"system:serviceaccount:{kustomization.metadata.namespace}:{account}")

    async def _remote(self, kustomization: Kustomization) -> ClusterConfig | None:
        """How to reach another cluster, None if the objects belong to this one."""
        reference = kustomization.spec.kube_config
        if reference is None:
            return None
        if reference.secret_ref is not None:
            return await self._remote_config(kustomization, reference.secret_ref)
        if reference.config_map_ref is not None:
            return await self._described(kustomization, reference.config_map_ref.name)
        raise TargetError(
            "invalid .spec.kubeConfig, neither .spec.kubeConfig.configMapRef nor .spec.kubeConfig.secretRef is set"
        )

    async def _described(self, kustomization: Kustomization, name: str) -> ClusterConfig:
        key = ObjectKey(kustomization.metadata.namespace, name)
        try:
            found = await self._client.get(_CONFIG_MAP, key.name, key.namespace)
        except KubeError as error:
            raise TargetError(f"failed to get configmap {key}: {error}") from error
        try:
            return await self._clusters.config(found.get("data") or {}, kustomization.key)
        except ClusterError as error:
            raise TargetError(f"KubeConfig configmap '{key}': {error}") from error

    async def _remote_config(self, kustomization: Kustomization, reference: SecretKeyReference) -> ClusterConfig:
        name = f"{kustomization.metadata.namespace}/{reference.name}"
        try:
            secret = await self._client.get(_SECRET, reference.name, kustomization.metadata.namespace)
        except KubeError as error:
            raise TargetError(f"unable to read KubeConfig secret '{name}' error: {error}") from error
        data = secret.get("data") or {}
        keys = (reference.key,) if reference.key else ("value", "value.yaml")
        encoded = next((data[key] for key in keys if key in data), None)
        if encoded is None:
            raise TargetError(f"KubeConfig secret '{name}' does not contain a '{keys[0]}' key with a kubeconfig")
        try:
            document = yaml.load(b64decode(encoded), source=f"KubeConfig secret '{name}'")
            if not isinstance(document, dict):
                raise TargetError(f"KubeConfig secret '{name}' does not contain a kubeconfig: expected a mapping")
            return ClusterConfig.from_untrusted_kubeconfig(
                document, allow_exec=self._allow_exec, allow_insecure_tls=self._allow_insecure_tls
            )
        except yaml.YAMLError as error:
            raise TargetError(f"KubeConfig secret '{name}' is not valid YAML at line {error.line}") from None
        except ConfigError as error:
            raise TargetError(f"KubeConfig secret '{name}' cannot be used: {error}") from error
