"""Asking a key service over HTTP: one request, bounded in time and size, redirects not followed."""

import os
import ssl
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

import aiohttp

from fluxkit.sops.errors import MasterKeyError

__all__ = ["SECONDS", "Answer", "ask"]

SECONDS: Final = 10.0
_BYTES: Final = 1 << 20


class Answer:
    """Status, headers and the body as JSON; a body that is none counts as empty."""

    def __init__(self, status: int, headers: Mapping[str, str], body: dict[str, Any]) -> None:
        self.status = status
        self.headers = headers
        self.body = body


async def ask(
    method: str,
    url: str,
    body: Mapping[str, Any] | None,
    headers: Mapping[str, str],
    *,
    tls: ssl.SSLContext | bool | None = None,
) -> Answer:
    """Raises :class:`MasterKeyError` if there is no answer."""
    import orjson

    timeout = aiohttp.ClientTimeout(total=SECONDS)
    if tls is None:
        tls = _default_tls(os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR"))
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout, trust_env=True) as session,
            session.request(method, url, json=body, headers=headers, ssl=tls, allow_redirects=False) as response,
        ):
            raw = await response.content.read(_BYTES)
    except TimeoutError:
        raise MasterKeyError(f"no answer from {url} within {SECONDS:g}s") from None
    except aiohttp.ClientSSLError as error:
        raise MasterKeyError(f"{url}: TLS: {getattr(error, 'strerror', None) or type(error).__name__}") from None
    except (aiohttp.ClientError, ValueError, OSError) as error:
        raise MasterKeyError(f"cannot reach {url}: {_reason(error)}") from None
    try:
        parsed = orjson.loads(raw)
    except orjson.JSONDecodeError:
        parsed = {}
    return Answer(response.status, response.headers, parsed if isinstance(parsed, dict) else {})


@lru_cache(maxsize=1)
def _default_tls(file: str | None, directory: str | None) -> ssl.SSLContext:
    """By the variables that OpenSSL reads, which aiohttp looks at once and for all when it is imported."""
    return ssl.create_default_context(cafile=file, capath=directory)


def _reason(error: Exception) -> str:
    cause = getattr(error, "os_error", None) or error
    return str(getattr(cause, "strerror", "") or type(cause).__name__)
