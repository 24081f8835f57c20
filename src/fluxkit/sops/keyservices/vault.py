"""HashiCorp Vault's and OpenBao's transit engine (getsops/sops ``hcvault/keysource.go``)."""

import base64
import binascii
import os
import posixpath
import ssl
from collections.abc import Awaitable, Callable
from typing import Any, Final

from fluxkit.sops.errors import MasterKeyError
from fluxkit.sops.keyservices.http import Answer, ask
from fluxkit.sops.metadata import MasterKey

__all__ = ["TokenSource", "decrypt", "login"]

TokenSource = Callable[[str], Awaitable[str]]
"""The token for the server at an address. Raises :class:`MasterKeyError`."""

_SHOWN: Final = 300


async def decrypt(key: MasterKey, token_for: TokenSource) -> bytes:
    """The data key. Raises :class:`MasterKeyError`."""
    address = key.fields.get("vault_address", "").rstrip("/")
    if not address.startswith(("http://", "https://")):
        raise MasterKeyError("the address of the Vault server is no HTTP or HTTPS address")
    if not _allowed(address):
        raise MasterKeyError(f"Allowlist does not allow {address}")
    path = posixpath.normpath(
        posixpath.join(key.fields.get("engine_path", ""), "decrypt", key.fields.get("key_name", ""))
    )
    if path.startswith(("..", "/")):
        raise MasterKeyError("the path of the Vault key leads out of its engine")
    token = await token_for(key.fields.get("vault_address", ""))
    where = f"failed to decrypt sops data key from Vault transit backend '{path}'"
    answer = await _write(address, path, {"ciphertext": key.encrypted}, token, where)
    data = answer.body.get("data")
    plain = data.get("plaintext") if isinstance(data, dict) else None
    if not isinstance(plain, str):
        raise MasterKeyError(f"{where}: no decrypted data")
    try:
        return base64.b64decode(plain, validate=True)
    except (binascii.Error, ValueError):
        raise MasterKeyError(f"{where}: cannot decode base64 plaintext into data key bytes") from None


async def login(address: str, path: str, role: str, jwt: str) -> str:
    """A token for the bearer of a Kubernetes token. Raises :class:`MasterKeyError`."""
    where = f"failed to authenticate with Vault '{address}' at login path '{path}' as role '{role}'"
    answer = await _write(address.rstrip("/"), path.strip("/"), {"role": role, "jwt": jwt}, "", where)
    auth = answer.body.get("auth")
    token = auth.get("client_token") if isinstance(auth, dict) else None
    if not isinstance(token, str) or not token:
        raise MasterKeyError(f"Vault '{address}' returned no token for login at '{path}' as role '{role}'")
    return token


async def _write(address: str, path: str, body: dict[str, Any], token: str, where: str) -> Answer:
    headers = {"X-Vault-Request": "true"}
    if token:
        headers["X-Vault-Token"] = token
    if namespace := os.environ.get("VAULT_NAMESPACE"):
        headers["X-Vault-Namespace"] = namespace
    try:
        answer = await ask("PUT", f"{address}/v1/{path}", body, headers, tls=_tls())
    except MasterKeyError as error:
        raise MasterKeyError(f"{where}: {error}") from None
    if answer.status != 200:
        errors = answer.body.get("errors")
        listed = "; ".join(str(each) for each in errors) if isinstance(errors, list) else ""
        # a server may say anything: not what it was told
        for secret in (token, str(body.get("jwt", ""))):
            listed = listed.replace(secret, "<redacted>") if secret else listed
        raise MasterKeyError(f"{where}: the server answered {answer.status}: {listed[:_SHOWN] or 'no reason given'}")
    return answer


def _tls() -> ssl.SSLContext | bool | None:
    if os.environ.get("VAULT_SKIP_VERIFY", "").lower() in ("1", "t", "true"):
        return False
    file, directory = os.environ.get("VAULT_CACERT"), os.environ.get("VAULT_CAPATH")
    if not file and not directory:
        return None
    try:
        return ssl.create_default_context(cafile=file, capath=directory)
    except OSError:
        raise MasterKeyError("VAULT_CACERT or VAULT_CAPATH cannot be read") from None


def _allowed(address: str) -> bool:
    """Whether ``SOPS_HC_VAULT_ALLOWLIST`` lets a server be asked; unset, every one is."""
    listed = os.environ.get("SOPS_HC_VAULT_ALLOWLIST") or "all"
    if listed in ("all", "none"):
        return listed == "all"
    return any(f"{address}/".startswith(each.strip().rstrip("/") + "/") for each in listed.split(","))
