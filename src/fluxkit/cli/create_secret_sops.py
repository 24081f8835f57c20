"""``flux create secret sops``, which upstream does not have but tutorials show: a Secret, encrypted for a repository.

With ``--export`` the Secret is printed as SOPS encrypts it, for the owners of the given age or PGP keys; printing it in
the clear is refused, because what is printed ends up in Git. Without, it is created on the cluster.
"""

import base64
import os
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fluxkit.cli import progress
from fluxkit.cli.cluster import Session, run
from fluxkit.cli.command import flag
from fluxkit.cli.create import CreateCommand, parse_labels
from fluxkit.cli.errors import CommandError
from fluxkit.cli.flagtypes import SLICE
from fluxkit.cli.settings import Settings
from fluxkit.objects import GroupVersionKind, Object

if TYPE_CHECKING:
    from fluxkit.sops import Encrypter

__all__ = ["sops"]

SECRET = GroupVersionKind("", "v1", "Secret")

EXAMPLES = """
  # Print a Secret that only the owner of an age key can decrypt, for a Git repository
  flux create secret sops my-secrets \\
    --from-literal=token=ghp_xxx \\
    --age=age1... \\
    --export > my-secrets.yaml

  # Create a Secret on the cluster
  flux create secret sops my-secrets \\
    --from-literal=token=ghp_xxx \\
    --from-file=ca.crt
"""

_ADVICE = (
    "To encrypt it, name who may decrypt it: --age=<public key> or --pgp=<fingerprint>.",
    "An age key is made with: age-keygen -o age.agekey (its public key is printed).",
    "To create the Secret on the cluster instead, leave out --export.",
)


@click.command(
    "sops",
    cls=CreateCommand,
    help="The create secret sops command generates a Kubernetes secret from literal values and files.\n"
    "With --export the secret is printed encrypted with SOPS, otherwise it is created on the cluster.",
    examples=EXAMPLES,
    usage="[name]",
)
@click.argument("name", required=False)
@flag("--from-literal", multiple=True, default=(), help="a key and its value, as key=value, can be repeated")
@flag("--from-file", multiple=True, default=(), help="a file, as path or key=path, can be repeated")
@flag("--age", type=SLICE, help="age public keys whose owners can decrypt the secret ($SOPS_AGE_RECIPIENTS)")
@flag("--pgp", type=SLICE, help="fingerprints of PGP keys whose owners can decrypt the secret ($SOPS_PGP_FP)")
@click.pass_obj
def sops(settings: Settings, /, name: str, export: bool, label: tuple[str, ...], **flags: Any) -> None:
    texts, binaries = _entries(flags["from_literal"], flags["from_file"])
    if not texts and not binaries:
        raise CommandError("no data: use --from-literal=key=value or --from-file=path")
    obj = _secret(name, settings.namespace, parse_labels(label), texts, binaries)
    ages, pgps = _recipients(flags["age"], "SOPS_AGE_RECIPIENTS"), _recipients(flags["pgp"], "SOPS_PGP_FP")
    if not export:
        if flags["age"] or flags["pgp"]:
            raise CommandError("the API server cannot store an encrypted secret: --age and --pgp need --export")
        run(settings, partial(_apply, obj))
        return
    if not ages and not pgps:
        raise CommandError("a secret in the clear must not be exported", advice=_ADVICE)
    print("---\n" + _encrypted(obj, ages, pgps).strip())


def _entries(literals: Sequence[str], files: Sequence[str]) -> tuple[dict[str, str], dict[str, bytes]]:
    """Text and other content by key."""
    texts: dict[str, str] = {}
    binaries: dict[str, bytes] = {}
    for literal in literals:
        key, equals, value = literal.partition("=")
        if not key or not equals:
            # what follows may be a secret
            raise CommandError("invalid literal: expected --from-literal=key=value")
        texts[key] = value
    for file in files:
        key, equals, path = file.partition("=")
        if not equals:
            key, path = Path(file).name, file
        try:
            content = Path(path).read_bytes()
        except OSError as error:
            raise CommandError(f"unable to read {path}: {error.strerror}") from error
        try:
            texts[key] = content.decode()
        except UnicodeDecodeError:
            binaries[key] = content
    if twice := texts.keys() & binaries.keys():
        raise CommandError(f"the key '{min(twice)}' is given twice")
    return texts, binaries


def _secret(
    name: str, namespace: str, labels: Mapping[str, str], texts: Mapping[str, str], binaries: Mapping[str, bytes]
) -> Object:
    metadata: dict[str, Any] = {"name": name, "namespace": namespace}
    if labels:
        metadata["labels"] = dict(labels)
    obj: Object = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata}
    if binaries:
        obj["data"] = {key: base64.b64encode(value).decode() for key, value in binaries.items()}
    if texts:
        obj["stringData"] = dict(texts)
    return obj


def _recipients(given: Sequence[str], variable: str) -> list[str]:
    found = list(given) or os.environ.get(variable, "").split(",")
    return [each.strip() for each in found if each.strip()]


def _encrypted(obj: Object, ages: Sequence[str], pgps: Sequence[str]) -> str:
    from fluxkit import yaml
    from fluxkit.sops import Format, MasterKeyError, Rules, SopsError, encrypt_file

    rules = Rules(encrypted_regex="^(data|stringData)$")
    try:
        owners = [*map(_age_owner, ages), *map(_pgp_owner, pgps)]
        return encrypt_file(yaml.dump(obj).encode(), Format.YAML, [owners], rules).decode()
    except (MasterKeyError, SopsError) as error:
        raise CommandError(str(error)) from error


def _age_owner(recipient: str) -> "Encrypter":
    from fluxkit.sops import MasterKey, age

    parsed = age.parse_recipient(recipient)
    return lambda data_key: MasterKey("age", {"recipient": recipient}, age.encrypt(data_key, [parsed]))


def _pgp_owner(fingerprint: str) -> "Encrypter":
    from datetime import UTC, datetime

    from fluxkit.sops import MasterKey
    from fluxkit.sops.keyservices import pgp

    fields = {"fp": fingerprint.replace(" ", ""), "created_at": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")}
    return lambda data_key: MasterKey("pgp", fields, pgp.encrypt(data_key, fields["fp"]))


async def _apply(obj: Object, session: Session) -> None:
    """Create the Secret, or replace the content of the one there is."""
    from fluxkit.kube import errors

    name = obj["metadata"]["name"]
    try:
        await session.client.create(obj)
    except errors.AlreadyExists:
        existing = await session.client.get(SECRET, name, session.namespace)
        metadata = {key: value for key, value in existing["metadata"].items() if key != "labels"}
        if labels := obj["metadata"].get("labels"):
            metadata["labels"] = labels
        content = {"data": obj.get("data", {}), "stringData": obj.get("stringData", {})}
        await session.client.replace({**existing, "metadata": metadata, **content})
    progress.action(f"sops secret '{name}' created in '{session.namespace}' namespace")
