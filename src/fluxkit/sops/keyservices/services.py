"""Asking whoever holds a master key, for many keys at once."""

import asyncio
import os
from collections.abc import Iterable
from typing import Final, TypeVar

from fluxkit.sops.answers import Answers, Identity, identity
from fluxkit.sops.errors import MasterKeyError
from fluxkit.sops.keyservices import aws, azure, gcp, vault
from fluxkit.sops.keyservices.material import KeyMaterial
from fluxkit.sops.keyservices.pgp import Keyring
from fluxkit.sops.keyservices.threads import in_thread
from fluxkit.sops.metadata import MasterKey

__all__ = ["KeyServices"]

T = TypeVar("T")

_CONCURRENT: Final = 8
_KEYS: Final = 1000
_SECONDS: Final = 60.0
"""How long one round of questions may take; what is not asked by then fails."""


class KeyServices:
    """Answers with the given keys and credentials.

    ``vault_token`` is asked where the material holds none. ``own_identity`` lets the clouds' services be asked with the
    credentials of this machine where the material holds none.
    """

    def __init__(
        self, material: KeyMaterial, vault_token: vault.TokenSource | None = None, *, own_identity: bool = True
    ) -> None:
        self._material = material
        self._vault_token = vault_token
        self._own_identity = own_identity
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
                return await in_thread(aws.decrypt, key, self._credentials(self._material.aws, "sops.aws-kms"))
            case "gcp_kms":
                return await gcp.decrypt(key, self._credentials(self._material.gcp, "sops.gcp-kms"))
            case "azure_kv":
                return await azure.decrypt(key, self._credentials(self._material.azure, "sops.azure-kv"))
        raise MasterKeyError(f"master keys of the kind {key.kind} are not supported")

    def _credentials(self, given: T | None, entry: str) -> T | None:
        if given is None and not self._own_identity:
            # to use the controllers' own would give a tenant more than its ServiceAccount may do
            raise MasterKeyError(
                f"the identity of a ServiceAccount cannot be used here: put credentials into the entry '{entry}' of "
                "the Secret that spec.decryption.secretRef names"
            )
        return given

    async def _token_for(self, address: str) -> str:
        if self._material.vault_token:
            return self._material.vault_token
        if self._vault_token is not None:
            return await self._vault_token(address)
        return os.environ.get("VAULT_TOKEN", "")
