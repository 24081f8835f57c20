"""Azure Key Vault: tokens through azure-identity, the question itself over HTTP (getsops/sops ``azkv/keysource.go``).

Whom the token is for is what the vault asks for, as long as that belongs to the vault's own domain.
"""

import base64
import binascii
import os
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, urlsplit

from fluxkit.sops.errors import MasterKeyError
from fluxkit.sops.keyservices.http import Answer, ask
from fluxkit.sops.keyservices.threads import in_thread
from fluxkit.sops.metadata import MasterKey

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential

__all__ = ["decrypt"]

_API: Final = "7.4"
_CHALLENGE: Final = re.compile(r'(resource|scope)="?([^",\s]+)"?')
_MICROSOFT: Final = (".microsoftonline.com", ".microsoftonline.us", ".chinacloudapi.cn", ".windows.net")


async def decrypt(key: MasterKey, config: Mapping[str, Any] | None) -> bytes:
    """The data key; without configuration the machine's own identity is used. Raises :class:`MasterKeyError`."""
    where = f"failed to decrypt sops data key with Azure Key Vault key '{key.name}'"
    vault = key.fields.get("vault_url", "").rstrip("/")
    if not vault.startswith("https://"):
        raise MasterKeyError(f"{where}: the vault's address is no HTTPS address")
    path = "/".join(quote(key.fields.get(part, ""), safe="") for part in ("name", "version"))
    url = f"{vault}/keys/{path}/decrypt?api-version={_API}"
    challenge = await ask("POST", url, {}, {})
    token = await in_thread(_token, _scope(challenge, vault, where), config, where)
    body = {"alg": "RSA-OAEP-256", "value": key.encrypted}
    answer = await ask("POST", url, body, {"Authorization": f"Bearer {token}"})
    if answer.status != 200:
        problem = answer.body.get("error")
        text = problem.get("message") if isinstance(problem, dict) else None
        raise MasterKeyError(f"{where}: the server answered {answer.status}: {str(text or 'no reason given')[:300]}")
    value = answer.body.get("value")
    try:
        if not isinstance(value, str):
            raise ValueError
        return base64.b64decode(value + "=" * (-len(value) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise MasterKeyError(f"{where}: the answer holds no value") from None


def _scope(challenge: Answer, vault: str, where: str) -> str:
    asked = dict(_CHALLENGE.findall(challenge.headers.get("WWW-Authenticate", "")))
    resource = asked.get("resource") or asked.get("scope", "").removesuffix("/.default")
    if not resource:
        raise MasterKeyError(f"{where}: the vault does not say whom it takes tokens for")
    domain, host = urlsplit(resource).hostname, urlsplit(vault).hostname or ""
    if not domain or not host.endswith(f".{domain}"):
        raise MasterKeyError(f"{where}: the vault asks for tokens that are none of its business")
    return f"{resource}/.default"


def _token(scope: str, config: Mapping[str, Any] | None, where: str) -> str:
    try:
        from azure.core.exceptions import AzureError
    except ImportError:
        raise MasterKeyError("Azure Key Vault needs azure-identity: install fluxkit[azure]") from None
    try:
        return _credential(config).get_token(scope).token
    except (AzureError, ValueError) as error:
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise MasterKeyError(f"{where}: failed to get Azure token credential to decrypt: {first[:300]}") from None


def _credential(config: Mapping[str, Any] | None) -> "TokenCredential":
    """The order of fluxcd/kustomize-controller ``internal/sops/azkv/config.go``."""
    from azure.identity import (
        CertificateCredential,
        ClientAssertionCredential,
        ClientSecretCredential,
        DefaultAzureCredential,
        ManagedIdentityCredential,
    )

    if config is None:
        return DefaultAzureCredential()
    text = {name: str(value) for name, value in config.items() if value}
    common: dict[str, Any] = {}
    if authority := text.get("authorityHost") or os.environ.get("AZURE_AUTHORITY_HOST"):
        host = urlsplit(authority).hostname or authority
        common = {"authority": authority, "disable_instance_discovery": not f".{host}".endswith(_MICROSOFT)}
    if "tenantId" in text and "clientId" in text:
        tenant, client = text["tenantId"], text["clientId"]
        if "assertion" in text:
            return ClientAssertionCredential(tenant, client, lambda: text["assertion"], **common)
        if "clientSecret" in text:
            return ClientSecretCredential(tenant, client, text["clientSecret"], **common)
        if "clientCertificate" in text:
            return CertificateCredential(
                tenant,
                client,
                certificate_data=text["clientCertificate"].encode(),
                password=text.get("clientCertificatePassword"),
                send_certificate_chain=bool(config.get("clientCertificateSendChain")),
                **common,
            )
    if all(name in text for name in ("tenant", "appId", "password")):
        return ClientSecretCredential(text["tenant"], text["appId"], text["password"], **common)
    return ManagedIdentityCredential(client_id=text["clientId"])
