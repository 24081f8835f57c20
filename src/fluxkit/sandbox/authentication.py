"""Authentication: client certificates, the administrator's token, service account tokens, impersonation."""

import hmac
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import unquote

from fluxkit.sandbox.identity import AUTHENTICATED, MASTERS, User, certificate_user
from fluxkit.sandbox.status import bad_request, unauthorized
from fluxkit.sandbox.tokens import verify_token

__all__ = ["Authenticator"]

_ANONYMOUS = User("system:anonymous", ("system:unauthenticated",))


class Authenticator:
    """Turns credentials into a user. ``account_exists`` says whether a service account with a uid still lives."""

    def __init__(self, admin_token: str, signing_key: bytes, account_exists: Callable[[str], bool]) -> None:
        self._admin = f"Bearer {admin_token}"
        self.signing_key = signing_key
        self._account_exists = account_exists
        self._administrator = User("kubernetes-admin", (MASTERS, AUTHENTICATED))

    def token_user(self, token: str) -> User | None:
        if hmac.compare_digest(f"Bearer {token}".encode(), self._admin.encode()):
            return self._administrator
        user = verify_token(self.signing_key, token)
        return user if user is not None and self._account_exists(user.uid) else None

    def authenticate(self, authorization: str, peer: Mapping[str, Any] | None) -> User:
        """The user behind an Authorization header or a verified peer certificate; raises Unauthorized."""
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() == "bearer":
            user = self.token_user(token.strip())
            if user is None:
                raise unauthorized()
            return user
        if peer:
            user = certificate_user(peer)
            if user is not None:
                return user
        return _ANONYMOUS

    @staticmethod
    def impersonated(headers: Mapping[str, str], groups: tuple[str, ...]) -> User | None:
        """The user that ``Impersonate-*`` headers ask for; None without them."""
        name = headers.get("Impersonate-User", "")
        uid = headers.get("Impersonate-Uid", "")
        extra: dict[str, tuple[str, ...]] = {}
        for header, value in headers.items():
            if header.lower().startswith("impersonate-extra-"):
                key = unquote(header[len("impersonate-extra-") :].lower())
                extra[key] = (*extra.get(key, ()), value)
        if not name:
            if groups or uid or extra:
                raise bad_request("requested impersonation of a user's groups, uid or extra without a user name")
            return None
        if name.startswith("system:serviceaccount:") and not groups:
            namespace = name.split(":")[2]
            groups = ("system:serviceaccounts", f"system:serviceaccounts:{namespace}")
        if AUTHENTICATED not in groups and name != "system:anonymous":
            groups = (*groups, AUTHENTICATED)
        return User(name, groups, uid, extra)
