"""The keys of a Kustomization's decryption: from a Secret, from the controller's settings, and from key services.

Secrets are read with the controller's own rights, in the namespace of the Kustomization; the Secret for all
Kustomizations lies in the controller's own (fluxcd/kustomize-controller ``internal/decryptor``, ImportKeys).
"""

import asyncio
import hashlib
import os
from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from fluxkit.api import Kustomization
from fluxkit.controllers.accounts import AccountTokens
from fluxkit.controllers.building.vault_login import VaultLogin
from fluxkit.controllers.options import ControllersOptions
from fluxkit.controllers.tokencache import TokenCache
from fluxkit.kube import Client
from fluxkit.kube.errors import KubeError, NotFound
from fluxkit.objects import GroupVersionKind, ObjectKey, annotations_of
from fluxkit.sops import MasterKeyError
from fluxkit.sops.keyservices import KeyImportError, KeyMaterial, KeyServices

__all__ = ["DecryptionKeysError", "KeySource", "load_key_source"]

_SECRET: Final = GroupVersionKind("", "v1", "Secret")
_OWN: Final = "sops decryption Secret"
_SHARED: Final = "sops SOPS age decryption Secret"
_SERVICE_ACCOUNT: Final = GroupVersionKind("", "v1", "ServiceAccount")


class DecryptionKeysError(Exception):
    """Keys cannot be read; the text names the Secret and the entry, never its content."""


@dataclass(frozen=True)
class KeySource:
    """Keys at hand, services to ask for others, and a digest that changes with any of them."""

    age: tuple[str, ...] = field(repr=False)
    services: KeyServices
    digest: str


async def load_key_source(
    client: Client, kustomization: Kustomization, options: ControllersOptions, cache: TokenCache | None = None
) -> KeySource | None:
    """None for a Kustomization without decryption. Raises :class:`DecryptionKeysError`."""
    decryption = kustomization.spec.decryption
    if decryption is None:
        return None
    material = await _material(client, kustomization, options)
    age = material.age or await asyncio.to_thread(_environment_keys)
    tokens = AccountTokens(client, cache, kustomization.key)
    account = _account(kustomization, options)
    login = None
    if options.sops_vault_configmap:
        config_map = ObjectKey(options.runtime_namespace, options.sops_vault_configmap)
        login = VaultLogin(client, tokens, config_map, account).token
    services = KeyServices(material, login, account=_Account(client, tokens, account) if account else None)
    digest = hashlib.sha256(repr((age, material.digest(), account)).encode()).hexdigest()
    return KeySource(age, services, digest)


async def _material(client: Client, kustomization: Kustomization, options: ControllersOptions) -> KeyMaterial:
    """What the Secret of the Kustomization holds, or that for all."""
    decryption = kustomization.spec.decryption
    if decryption is not None and decryption.secret_ref is not None:
        key = ObjectKey(kustomization.metadata.namespace, decryption.secret_ref.name)
        return _imported(await _read(client, key, _OWN), key, _OWN)
    if options.sops_age_secret:
        key = ObjectKey(options.runtime_namespace, options.sops_age_secret)
        return _imported(await _read(client, key, _SHARED), key, _SHARED, age_only=True)
    return KeyMaterial()


def _account(kustomization: Kustomization, options: ControllersOptions) -> ObjectKey | None:
    """The ServiceAccount as which key services are asked; None for the controllers' own identity."""
    decryption = kustomization.spec.decryption
    name = (decryption.service_account_name if decryption else "") or options.default_decryption_service_account
    if not name:
        return None
    account = ObjectKey(kustomization.metadata.namespace, name)
    if not options.gate("ObjectLevelWorkloadIdentity"):
        raise DecryptionKeysError(
            f"the ServiceAccount '{account}' cannot be used: the feature gate ObjectLevelWorkloadIdentity is off"
        )
    return account


class _Account:
    """A ServiceAccount of the namespace of the Kustomization."""

    def __init__(self, client: Client, tokens: AccountTokens, key: ObjectKey) -> None:
        self._client = client
        self._tokens = tokens
        self.name = key.name
        self.namespace = key.namespace

    async def annotations(self) -> Mapping[str, str]:
        try:
            found = await self._client.get(_SERVICE_ACCOUNT, self.name, self.namespace, metadata_only=True)
        except KubeError as error:
            raise MasterKeyError(f"failed to get service account '{self.namespace}/{self.name}': {error}") from error
        return annotations_of(found)

    async def token(self, audience: str, operation: str) -> str:
        account = ObjectKey(self.namespace, self.name)
        try:
            return await self._tokens.get(account, audience, operation)
        except KubeError as error:
            raise MasterKeyError(
                f"failed to create kubernetes token for service account '{account}': {error}"
            ) from error


async def _read(client: Client, key: ObjectKey, what: str) -> Mapping[str, bytes]:
    try:
        secret = await client.get(_SECRET, key.name, key.namespace)
    except NotFound as error:
        raise DecryptionKeysError(str(error)) from error
    except KubeError as error:
        raise DecryptionKeysError(f"cannot get {what} '{key}': {error}") from error
    return {name: b64decode(value) for name, value in (secret.get("data") or {}).items()}


def _imported(data: Mapping[str, bytes], key: ObjectKey, what: str, *, age_only: bool = False) -> KeyMaterial:
    try:
        return KeyMaterial.from_secret(data, age_only=age_only)
    except KeyImportError as error:
        raise DecryptionKeysError(f"failed to import '{error.entry}' data from {what} '{key}': {error}") from None


def _environment_keys() -> tuple[str, ...]:
    """What the controller's own environment gives where nothing else does (getsops/sops ``age/keysource.go``)."""
    keys = []
    if text := os.environ.get("SOPS_AGE_KEY"):
        keys.append("\n".join(text.split()))
    for name in ("SOPS_AGE_KEY_FILE", "SOPS_AGE_SSH_PRIVATE_KEY_FILE"):
        if path := os.environ.get(name):
            try:
                keys.append(Path(path).read_text(encoding="utf-8"))
            except (OSError, UnicodeDecodeError) as error:
                raise DecryptionKeysError(f"failed to open {name} file: {type(error).__name__}") from None
    return tuple(keys)
