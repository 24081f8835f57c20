"""GCP KMS: tokens through google-auth, the question itself over HTTP (getsops/sops ``gcpkms/keysource.go``)."""

import base64
import binascii
import os
import re
from collections.abc import Mapping
from typing import Any, Final

from fluxkit.sops.errors import MasterKeyError
from fluxkit.sops.keyservices.http import SECONDS, ask
from fluxkit.sops.keyservices.threads import in_thread
from fluxkit.sops.metadata import MasterKey

__all__ = ["decrypt"]

_RESOURCE: Final = re.compile(r"projects/[^/]+/locations/[^/]+/keyRings/[^/]+/cryptoKeys/[^/]+")
_SCOPES: Final = ("https://www.googleapis.com/auth/cloud-platform", "https://www.googleapis.com/auth/cloudkms")
_WHERE: Final = "failed to decrypt sops data key with GCP KMS key"


async def decrypt(key: MasterKey, account: Mapping[str, Any] | None, token: str = "") -> bytes:
    """The data key, by a token if one is given; without a service account the machine's own is used.

    Raises :class:`MasterKeyError`.
    """
    resource = key.fields.get("resource_id", "")
    if not _RESOURCE.fullmatch(resource):
        raise MasterKeyError(f'cannot create GCP KMS service: no valid resource ID found in "{resource}"')
    endpoint = os.environ.get("SOPS_GCP_KMS_ENDPOINT") or "https://cloudkms.googleapis.com"
    if "://" not in endpoint:
        endpoint = f"https://{endpoint}"
    token = token or await in_thread(_token, account)
    url = f"{endpoint.rstrip('/')}/v1/{resource}:decrypt"
    answer = await ask("POST", url, {"ciphertext": key.encrypted}, {"Authorization": f"Bearer {token}"})
    if answer.status != 200:
        problem = answer.body.get("error")
        text = problem.get("message") if isinstance(problem, dict) else None
        raise MasterKeyError(f"{_WHERE}: the server answered {answer.status}: {str(text or 'no reason given')[:300]}")
    try:
        return base64.b64decode(answer.body["plaintext"], validate=True)
    except (KeyError, TypeError, binascii.Error, ValueError):
        raise MasterKeyError(f"{_WHERE}: the answer holds no plaintext") from None


def _token(account: Mapping[str, Any] | None) -> str:
    try:
        import google.auth
        from google.auth.exceptions import GoogleAuthError
        from google.auth.transport.requests import Request
        from google.oauth2.service_account import Credentials
    except ImportError:
        raise MasterKeyError("GCP KMS needs google-auth: install fluxkit[gcp]") from None

    class Bounded(Request):
        def __call__(self, *arguments: Any, **options: Any) -> Any:
            return super().__call__(*arguments, **{**options, "timeout": SECONDS})  # type: ignore[no-untyped-call]

    try:
        if account is not None:
            credentials = Credentials.from_service_account_info(dict(account), scopes=_SCOPES)  # type: ignore[no-untyped-call]
        else:
            credentials, _ = google.auth.default(scopes=_SCOPES)
        credentials.refresh(Bounded())
    except (GoogleAuthError, ValueError) as error:
        # the library's texts may repeat what a token server said, never a key
        raise MasterKeyError(f"cannot create GCP KMS service: {str(error)[:300]}") from None
    token: str = credentials.token
    return token
