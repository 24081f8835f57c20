"""A ServiceAccount as an identity in a cloud (fluxcd/pkg ``auth/aws``, ``auth/azure``, ``auth/gcp``).

Its annotations say which identity, a Kubernetes token for the cloud's audience proves it. Neither token nor credentials
are kept longer than a question takes.
"""

import re
from collections.abc import Mapping
from typing import Any, Final, Protocol

from fluxkit.sops.errors import MasterKeyError
from fluxkit.sops.keyservices import aws
from fluxkit.sops.keyservices.http import Answer, ask
from fluxkit.sops.keyservices.threads import in_thread
from fluxkit.sops.metadata import MasterKey

__all__ = ["Account", "aws_credentials", "azure_config", "gcp_token"]

_ROLE: Final = re.compile(r"arn:aws[\w-]*:iam::[0-9]{1,30}:role/.{1,200}")
_EMAIL: Final = re.compile(r"[a-zA-Z0-9-]{1,100}@[a-zA-Z0-9-]{1,100}\.iam\.gserviceaccount\.com")
_PROVIDER: Final = re.compile(
    r"projects/[0-9]{1,30}/locations/global/workloadIdentityPools/[^/]{1,100}/providers/[^/]{1,100}"
)
_GOOGLE_STS: Final = "https://sts.googleapis.com/v1/token"
_GOOGLE_IAM: Final = "https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts"
_GOOGLE_SCOPE: Final = "https://www.googleapis.com/auth/cloud-platform"


class Account(Protocol):
    """A ServiceAccount. The methods raise :class:`MasterKeyError`."""

    @property
    def name(self) -> str: ...

    @property
    def namespace(self) -> str: ...

    async def annotations(self) -> Mapping[str, str]: ...

    async def token(self, audience: str, operation: str) -> str:
        """A Kubernetes token that the audience accepts; ``operation`` tells what for (``decrypt_with_aws``)."""


async def _annotation(account: Account, name: str, pattern: re.Pattern[str] | None = None) -> str:
    value = (await account.annotations()).get(name, "")
    if not value or (pattern is not None and not pattern.fullmatch(value)):
        raise MasterKeyError(
            f"invalid {name} annotation of ServiceAccount '{account.namespace}/{account.name}': '{value}'"
        )
    return value


async def aws_credentials(account: Account, key: MasterKey) -> Mapping[str, str]:
    """Those of the role that the account may assume, from the STS of the key's region."""
    role = await _annotation(account, "eks.amazonaws.com/role-arn", _ROLE)
    region = aws.region_of(key)
    session = f"{account.name}.{account.namespace}.{region}.fluxcd.io"
    token = await account.token("sts.amazonaws.com", "decrypt_with_aws")
    return await in_thread(aws.assume_with_token, role, session, region, token)


async def azure_config(account: Account) -> dict[str, Any]:
    """What :func:`fluxkit.sops.keyservices.azure.decrypt` takes for a configuration."""
    return {
        "tenantId": await _annotation(account, "azure.workload.identity/tenant-id"),
        "clientId": await _annotation(account, "azure.workload.identity/client-id"),
        "assertion": await account.token("api://AzureADTokenExchange", "decrypt_with_azure"),
    }


async def gcp_token(account: Account) -> str:
    """An access token, of a Google service account if the annotations name one."""
    provider = await _annotation(account, "gcp.auth.fluxcd.io/workload-identity-provider", _PROVIDER)
    audience = f"//iam.googleapis.com/{provider}"
    body = {
        "grantType": "urn:ietf:params:oauth:grant-type:token-exchange",
        "audience": audience,
        "scope": _GOOGLE_SCOPE,
        "requestedTokenType": "urn:ietf:params:oauth:token-type:access_token",
        "subjectTokenType": "urn:ietf:params:oauth:token-type:jwt",
        "subjectToken": await account.token(audience, "decrypt_with_gcp"),
    }
    federated = _text(await ask("POST", _GOOGLE_STS, body, {}), "access_token")
    if "iam.gke.io/gcp-service-account" not in await account.annotations():
        return federated
    email = await _annotation(account, "iam.gke.io/gcp-service-account", _EMAIL)
    headers = {"Authorization": f"Bearer {federated}"}
    url = f"{_GOOGLE_IAM}/{email}:generateAccessToken"
    return _text(await ask("POST", url, {"scope": [_GOOGLE_SCOPE]}, headers), "accessToken")


def _text(answer: Answer, field: str) -> str:
    value = answer.body.get(field)
    if answer.status != 200 or not isinstance(value, str):
        raise MasterKeyError(f"Google's token server answered {answer.status} without a token")
    return value
