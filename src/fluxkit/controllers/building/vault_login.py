"""Logging in to Vault with a Kubernetes token (fluxcd/kustomize-controller ``internal/decryptor``, vaultK8sAuth).

Which servers are trusted, and where one logs in, is said by a ConfigMap of the operator: an address that it does not
list gets no token, because files of tenants name the addresses.
"""

import asyncio
from typing import Any, Final

from fluxkit import yaml
from fluxkit.controllers.accounts import AccountTokens, account_of, own_account
from fluxkit.kube import Client
from fluxkit.kube.errors import KubeError
from fluxkit.objects import GroupVersionKind, ObjectKey
from fluxkit.sops import MasterKeyError
from fluxkit.sops.keyservices import vault

__all__ = ["VaultLogin"]

_CONFIG_MAP: Final = GroupVersionKind("", "v1", "ConfigMap")
_ENTRY: Final = "config.yaml"


class VaultLogin:
    """Tokens for the servers that ``config_map`` lists, each fetched once.

    The Kubernetes token is that of ``account``, by default the controllers' own; the role follows from its subject.
    """

    def __init__(self, client: Client, tokens: AccountTokens, config_map: ObjectKey, account: ObjectKey | None) -> None:
        self._client = client
        self._account_tokens = tokens
        self._config_map = config_map
        self._account = account
        self._paths: dict[str, str] | None = None
        self._tokens: dict[str, str] = {}
        self._turn = asyncio.Lock()

    async def token(self, address: str) -> str:
        """Raises :class:`MasterKeyError`."""
        async with self._turn:
            if address not in self._tokens:
                self._tokens[address] = await self._login(address)
            return self._tokens[address]

    async def _login(self, address: str) -> str:
        if self._paths is None:
            self._paths = await self._load()
        path = self._paths.get(address)
        if not path:
            raise MasterKeyError(
                f"no Vault login path configured for address '{address}' in ConfigMap '{self._config_map}'"
            )
        try:
            account = self._account
            if account is None:
                account = await asyncio.to_thread(own_account)
            token = await self._account_tokens.get(account, address, "decrypt_with_vault")
            subject = account_of(token)
        except (KubeError, ValueError) as error:
            raise MasterKeyError(f"failed to issue Kubernetes token for Vault authentication: {error}") from error
        return await vault.login(address, path, f"{subject.namespace}_{subject.name}", token)

    async def _load(self) -> dict[str, str]:
        where = f"Vault ConfigMap '{self._config_map}'"
        try:
            found = await self._client.get(_CONFIG_MAP, self._config_map.name, self._config_map.namespace)
        except KubeError as error:
            raise MasterKeyError(f"failed to get {where}: {error}") from error
        text = (found.get("data") or {}).get(_ENTRY)
        if text is None:
            raise MasterKeyError(f"{where} is missing the '{_ENTRY}' key")
        try:
            document: Any = yaml.load(text)
            return {str(each["address"]): str(each["loginPath"]) for each in document["instances"]}
        except (yaml.YAMLError, LookupError, TypeError) as error:
            raise MasterKeyError(f"failed to parse '{_ENTRY}' in {where}: {type(error).__name__}") from None
