"""Service account tokens: JSON Web Tokens signed by this sandbox (HMAC, never accepted anywhere else)."""

import base64
import binascii
import hashlib
import hmac
import time
from typing import Any

import orjson

from fluxkit.sandbox.identity import AUTHENTICATED, User

__all__ = ["issue_token", "verify_token"]

ISSUER = "https://kubernetes.default.svc.cluster.local"


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _sign(text: str, key: bytes) -> str:
    return _encode(hmac.new(key, text.encode(), hashlib.sha256).digest())


def issue_token(
    key: bytes, namespace: str, name: str, uid: str, audiences: list[str], seconds: int
) -> tuple[str, float]:
    """A token for a service account and its expiry as Unix time."""
    issued = int(time.time())
    claims: dict[str, Any] = {
        "aud": audiences or [ISSUER],
        "exp": issued + seconds,
        "iat": issued,
        "iss": ISSUER,
        "kubernetes.io": {"namespace": namespace, "serviceaccount": {"name": name, "uid": uid}},
        "nbf": issued,
        "sub": f"system:serviceaccount:{namespace}:{name}",
    }
    text = _encode(orjson.dumps({"alg": "HS256", "typ": "JWT"})) + "." + _encode(orjson.dumps(claims))
    return f"{text}.{_sign(text, key)}", claims["exp"]


def verify_token(key: bytes, token: str) -> User | None:
    """The service account that a token stands for; None when it is not ours, was changed, or has expired."""
    text, _, signature = token.rpartition(".")
    if text.count(".") != 1 or not hmac.compare_digest(_sign(text, key), signature):
        return None
    try:
        claims = orjson.loads(_decode(text.partition(".")[2]))
    except (ValueError, binascii.Error):
        return None
    if claims["exp"] < time.time():
        return None
    account = claims["kubernetes.io"]["serviceaccount"]
    namespace = claims["kubernetes.io"]["namespace"]
    groups = ("system:serviceaccounts", f"system:serviceaccounts:{namespace}", AUTHENTICATED)
    return User(claims["sub"], groups, account["uid"])
