"""AWS KMS through botocore (getsops/sops ``kms/keysource.go``). Blocking: for a thread."""

import base64
import binascii
import re
import socket
from collections.abc import Mapping
from typing import Any, Final

from fluxkit.sops.errors import MasterKeyError
from fluxkit.sops.metadata import MasterKey

__all__ = ["assume_with_token", "decrypt", "region_of"]

_ARN: Final = re.compile(r"arn:aws[\w-]*:kms:(.+):[0-9]+:(key|alias)/.+")
_SESSION_NAME: Final = re.compile(r"[^a-zA-Z0-9=,.@-]+")
_SESSION_NAME_LENGTH: Final = 64
_WHERE: Final = "failed to decrypt sops data key with AWS KMS"


def decrypt(key: MasterKey, credentials: Mapping[str, str] | None) -> bytes:
    """The data key; without credentials those of the machine are used. Raises :class:`MasterKeyError`."""
    try:
        from botocore.exceptions import BotoCoreError, ClientError
    except ImportError:
        raise MasterKeyError("AWS KMS needs botocore: install fluxkit[aws]") from None
    region = region_of(key)
    try:
        blob = base64.b64decode(key.encrypted, validate=True)
    except (binascii.Error, ValueError):
        raise MasterKeyError("error base64-decoding encrypted data key") from None
    try:
        given = dict(credentials or {})
        if role := key.fields.get("role"):
            given = _assumed(role, region, given)
        client = _client("kms", region, given)
        answer = client.decrypt(KeyId=key.fields["arn"], CiphertextBlob=blob, EncryptionContext=dict(key.context))
    except ClientError as error:
        problem = error.response.get("Error", {})
        raise MasterKeyError(f"{_WHERE}: {problem.get('Code')}: {problem.get('Message')}") from None
    except (BotoCoreError, ValueError) as error:
        raise MasterKeyError(f"{_WHERE}: {error}") from None
    plain: bytes = answer["Plaintext"]
    return plain


def region_of(key: MasterKey) -> str:
    """The region that the ARN of a key names. Raises :class:`MasterKeyError`."""
    arn = key.fields.get("arn", "")
    found = _ARN.fullmatch(arn)
    if found is None:
        raise MasterKeyError(f"no valid ARN found in '{arn}'")
    return found[1]


def assume_with_token(role: str, session: str, region: str, token: str) -> dict[str, str]:
    """Credentials of a role for the bearer of a web identity token. Raises :class:`MasterKeyError`."""
    try:
        from botocore import UNSIGNED
        from botocore.exceptions import BotoCoreError, ClientError
    except ImportError:
        raise MasterKeyError("AWS KMS needs botocore: install fluxkit[aws]") from None
    try:
        client = _client("sts", region, {}, signature_version=UNSIGNED)
        answer = client.assume_role_with_web_identity(RoleArn=role, RoleSessionName=session, WebIdentityToken=token)
    except ClientError as error:
        problem = error.response.get("Error", {})
        raise MasterKeyError(
            f"failed to assume role '{role}': {problem.get('Code')}: {problem.get('Message')}"
        ) from None
    except (BotoCoreError, ValueError) as error:
        raise MasterKeyError(f"failed to assume role '{role}': {error}") from None
    return _as_given(answer["Credentials"])


def _client(service: str, region: str, given: Mapping[str, str], **options: Any) -> Any:
    from botocore.config import Config
    from botocore.session import Session

    retries = {"total_max_attempts": 2, "mode": "standard"}
    config = Config(connect_timeout=5, read_timeout=10, retries=retries, **options)
    return Session().create_client(
        service,
        region_name=region,
        config=config,
        aws_access_key_id=given.get("aws_access_key_id") or None,
        aws_secret_access_key=given.get("aws_secret_access_key") or None,
        aws_session_token=given.get("aws_session_token") or None,
    )


def _assumed(role: str, region: str, given: Mapping[str, str]) -> dict[str, str]:
    name = f"sops@{_SESSION_NAME.sub('', socket.gethostname())}"[:_SESSION_NAME_LENGTH]
    answer = _client("sts", region, given).assume_role(RoleArn=role, RoleSessionName=name)["Credentials"]
    return _as_given(answer)


def _as_given(credentials: Mapping[str, str]) -> dict[str, str]:
    return {
        "aws_access_key_id": credentials["AccessKeyId"],
        "aws_secret_access_key": credentials["SecretAccessKey"],
        "aws_session_token": credentials["SessionToken"],
    }
