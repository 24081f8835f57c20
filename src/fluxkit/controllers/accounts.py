"""Tokens of ServiceAccounts: whose this process is, and new ones for an audience (Kubernetes' TokenRequest API)."""

from base64 import urlsafe_b64decode
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from urllib.parse import quote

import orjson

from fluxkit.controllers.tokencache import Token, TokenCache, TokenUser
from fluxkit.kube import Client
from fluxkit.kube.config import SERVICE_ACCOUNT_DIR
from fluxkit.objects import ObjectKey

__all__ = ["AccountTokens", "account_of", "own_account", "request_token"]


def account_of(token: str) -> ObjectKey:
    """The ServiceAccount that a token was issued for, by its subject. Raises ValueError, which does not repeat it."""
    try:
        claims = token.split(".")[1]
        subject = orjson.loads(urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))["sub"]
        system, kind, namespace, name = subject.split(":")
    except (LookupError, TypeError, ValueError, AttributeError):
        raise ValueError("the token names no ServiceAccount") from None
    if (system, kind) != ("system", "serviceaccount") or not namespace or not name:
        raise ValueError(f"unexpected token subject '{subject}'")
    return ObjectKey(namespace, name)


def own_account(directory: Path = SERVICE_ACCOUNT_DIR) -> ObjectKey:
    """The account of the pod that this process runs in. Raises ValueError outside of one."""
    try:
        return account_of((directory / "token").read_text())
    except OSError:
        raise ValueError("the controllers have no ServiceAccount of their own here") from None


class AccountTokens:
    """Tokens of an account that one object uses, from the cache as long as they hold."""

    def __init__(self, client: Client, cache: TokenCache | None, user: ObjectKey) -> None:
        self._client = client
        self._cache = cache
        self._user = user

    async def get(self, account: ObjectKey, audience: str, operation: str) -> str:
        """``operation`` is what the metrics call the use, such as ``decrypt_with_vault``. Raises KubeError."""

        async def issue() -> Token:
            return await request_token(self._client, account, (audience,))

        if self._cache is None:
            return (await issue()).value
        user = TokenUser("Kustomization", self._user, operation)
        return (await self._cache.get((account, (audience,)), user, issue)).value


async def request_token(client: Client, account: ObjectKey, audiences: Sequence[str]) -> Token:
    """A new token of an account. Raises KubeError."""
    path = f"/api/v1/namespaces/{quote(account.namespace)}/serviceaccounts/{quote(account.name)}/token"
    request = {
        "apiVersion": "authentication.k8s.io/v1",
        "kind": "TokenRequest",
        "spec": {"audiences": list(audiences)},
    }
    status = orjson.loads(await client.raw("POST", path, body=orjson.dumps(request)))["status"]
    expires = datetime.fromisoformat(status["expirationTimestamp"]).timestamp()
    return Token(status["token"], expires)
