"""Asking whoever holds a master key, for many keys at once."""

import asyncio
import os
from collections.abc import Iterable
from typing import Final

from fluxkit.sops.answers import Answers, Identity, identity
from fluxkit.sops.errors import MasterKeyError
from fluxkit.sops.keyservices import aws, azure, gcp, vault
from fluxkit.sops.keyservices.identity import Account, aws_credentials, azure_config, gcp_token
from fluxkit.sops.keyservices.material import KeyMaterial
from fluxkit.sops.keyservices.pgp import Keyring
from fluxkit.sops.keyservices.threads import in_thread
from fluxkit.sops.metadata import MasterKey

__all__ = ["KeyServices"]

_CONCURRENT: Final = 8
_KEYS: Final = 1000
_SECONDS: Final = 60.0
"""How long one round of questions may take; what is not asked by then fails."""


class KeyServices:
    """Answers with the given keys and credentials.

    ``vault_token`` is asked where the material holds none. So is ``account`` for the clouds; without one the
    credentials of this machine are used.
    """

    def __init__(
        self,
        material: KeyMaterial,
        vault_token: vault.TokenSource | None = None,
        *,
        account: Account | None = None,
    ) -> None:
        self._material = material
        self._vault_token = vault_token
        self._account = account
        self._seats = asyncio.Semaphore(_CONCURRENT)

    async def answers(self, keys: Iterable[MasterKey]) -> Answers:
        """One answer for each key."""
        distinct = {identity(key): key for key in keys}
        if len(distinct) > _KEYS:
            return dict.fromkeys(distinct, f"more than {_KEYS} different master keys of key services in one build")
        answers: dict[Identity, bytes | str] = {}
        pgp = [key for key in distinct.values() if key.kind == "pgp"]
        try:
            async with asyncio.timeout(_SECONDS), asyncio.TaskGroup() as group:
                for key in distinct.values():
                    if key.kind != "pgp":
                        group.create_task(self._ask(key, answers))
                group.create_task(self._ask_keyring(pgp, answers))
        except TimeoutError:
            for each in distinct:
                answers.setdefault(each, f"no answer within {_SECONDS:g}s")
        return answers

    async def _ask_keyring(self, keys: list[MasterKey], answers: dict[Identity, bytes | str]) -> None:
        """All PGP keys share one keyring, so they are asked one after the other."""
        if not keys:
            return
        if not self._material.pgp:
            answers |= {identity(key): "could not decrypt data key with PGP key: no PGP key was given" for key in keys}
            return
        try:
            async with Keyring.open(self._material.pgp) as keyring:
                for key in keys:
                    try:
                        answers[identity(key)] = await keyring.decrypt(key.encrypted)
                    except MasterKeyError as error:
                        answers[identity(key)] = str(error)
        except MasterKeyError as error:
            answers |= {identity(key): str(error) for key in keys}

    async def _ask(self, key: MasterKey, answers: dict[Identity, bytes | str]) -> None:
        async with self._seats:
            try:
                answers[identity(key)] = await self._decrypt(key)
            except MasterKeyError as error:
                answers[identity(key)] = str(error)
            except Exception as error:  # noqa: BLE001 - boundary: what client libraries make of a senseless answer
                answers[identity(key)] = f"the key service gave an answer that makes no sense ({type(error).__name__})"

    async def _decrypt(self, key: MasterKey) -> bytes:
        match key.kind:
            case "hc_vault":
                return await vault.decrypt(key, self._token_for)
            case "kms":
                return await self._aws(key)
            case "gcp_kms":
                return await self._gcp(key)
            case "azure_kv":
                return await self._azure(key)
        raise MasterKeyError(f"master keys of the kind {key.kind} are not supported")

    # Credentials that were given come first, then the account, and the machine's own only where there is none: to use
    # those for a tenant's account would give the tenant more than the account may do.

    async def _aws(self, key: MasterKey) -> bytes:
        credentials = self._material.aws
        if credentials is None and self._account is not None:
            credentials = await aws_credentials(self._account, key)
        return await in_thread(aws.decrypt, key, credentials)

    async def _gcp(self, key: MasterKey) -> bytes:
        if self._material.gcp is None and self._account is not None:
            return await gcp.decrypt(key, None, await gcp_token(self._account))
        return await gcp.decrypt(key, self._material.gcp)

    async def _azure(self, key: MasterKey) -> bytes:
        config = self._material.azure
        if config is None and self._account is not None:
            config = await azure_config(self._account)
        return await azure.decrypt(key, config)

    async def _token_for(self, address: str) -> str:
        if self._material.vault_token:
            return self._material.vault_token
        if self._vault_token is not None:
            return await self._vault_token(address)
        return os.environ.get("VAULT_TOKEN", "")
