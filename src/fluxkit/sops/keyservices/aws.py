"""AWS KMS through botocore (getsops/sops ``kms/keysource.go``). Blocking: for a thread."""

import base64
import binascii
import re
import socket
from collections.abc import Mapping
from typing import Any, Final

from fluxkit.sops.errors import MasterKeyError
from fluxkit.sops.metadata import MasterKey

__all__ = ["decrypt"]

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
    arn = key.fields.get("arn", "")
    found = _ARN.fullmatch(arn)
    if found is None:
        raise MasterKeyError(f"no valid ARN found in '{arn}'")
    try:
        blob = base64.b64decode(key.encrypted, validate=True)
    except (binascii.Error, ValueError):
        raise MasterKeyError("error base64-decoding encrypted data key") from None
    try:
        given = dict(credentials or {})
        if role := key.fields.get("role"):
            given = _assumed(role, found[1], given)
        client = _client("kms", found[1], given)
        answer = client.decrypt(KeyId=arn, CiphertextBlob=blob, EncryptionContext=dict(key.context))
    except ClientError as error:
        problem = error.response.get("Error", {})
        raise MasterKeyError(f"{_WHERE}: {problem.get('Code')}: {problem.get('Message')}") from None
    except (BotoCoreError, ValueError) as error:
        raise MasterKeyError(f"{_WHERE}: {error}") from None
    plain: bytes = answer["Plaintext"]
    return plain


def _client(service: str, region: str, given: Mapping[str, str]) -> Any:
    from botocore.config import Config
    from botocore.session import Session

    config = Config(connect_timeout=5, read_timeout=10, retries={"total_max_attempts": 2, "mode": "standard"})
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
    return {
        "aws_access_key_id": answer["AccessKeyId"],
        "aws_secret_access_key": answer["SecretAccessKey"],
        "aws_session_token": answer["SessionToken"],
    }
