"""``flux create source git`` (fluxcd/flux2 cmd/flux/create_source_git.go)."""

from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urlsplit

import click

from fluxkit.cli import progress
from fluxkit.cli.cluster import Session, run
from fluxkit.cli.command import flag, switch
from fluxkit.cli.create import CreateCommand, manifest, parse_labels, upsert
from fluxkit.cli.errors import CommandError
from fluxkit.cli.export import manifest_text
from fluxkit.cli.flagtypes import SLICE, OneOf, RSABits
from fluxkit.cli.kinds import BY_KIND, nested
from fluxkit.cli.settings import Settings
from fluxkit.durations import format_duration
from fluxkit.objects import Object

__all__ = ["git"]

KIND = BY_KIND["GitRepository"]

EXAMPLES = """
  # Create a source from a public Git repository master branch
  flux create source git podinfo \\
    --url=https://github.com/stefanprodan/podinfo \\
    --branch=master

  # Create a source from a public Git repository tag that matches a semver range
  flux create source git podinfo \\
    --url=https://github.com/stefanprodan/podinfo \\
    --tag-semver=">=3.2.0 <3.3.0"

  # Create a source for a Git repository using SSH authentication
  flux create source git podinfo \\
    --url=ssh://git@github.com/stefanprodan/podinfo \\
    --branch=master

  # Create a source for a Git repository using basic authentication
  flux create source git podinfo \\
    --url=https://github.com/stefanprodan/podinfo \\
    --branch=master \\
    --username=username \\
    --password=password
"""


@click.command(
    "git",
    cls=CreateCommand,
    help="The create source git command generates a GitRepository resource and waits for it to sync.\n"
    "For Git over SSH, host and SSH keys are automatically generated and stored in a Kubernetes secret.\n"
    "For private Git repositories, the basic authentication credentials are stored in a Kubernetes secret.",
    examples=EXAMPLES,
    usage="[name]",
)
@click.argument("name", required=False)
@flag("--url", help="git address, e.g. ssh://git@host/org/repository")
@flag("--branch", help="git branch")
@flag("--tag", help="git tag")
@flag("--tag-semver", help="git tag semver range")
@flag("--ref-name", help="git reference name")
@flag("--commit", help="git commit")
@flag("-u", "--username", help="basic authentication username")
@flag("-p", "--password", help="basic authentication password")
@flag(
    "--ssh-key-algorithm",
    default="ecdsa",
    help="SSH public key algorithm (rsa, ecdsa, ed25519)",
    type=OneOf(("rsa", "ecdsa", "ed25519"), "unsupported public key algorithm '{value}', must be one of: {choices}"),
)
@flag("--ssh-rsa-bits", type=RSABits(), default=2048, help="SSH RSA public key bit size (multiplies of 8)")
@flag(
    "--ssh-ecdsa-curve",
    default="p384",
    help="SSH ECDSA public key curve (p256, p384, p521)",
    type=OneOf(("p256", "p384", "p521"), "unsupported curve '{value}', must be one of: {choices}"),
)
@flag(
    "--secret-ref",
    help="the name of an existing secret containing SSH or basic credentials or github app authentication",
)
@flag("--proxy-secret-ref", help="the name of an existing secret containing the proxy address and credentials")
@flag(
    "--provider",
    help="the Git provider name, available options are: (generic, azure, github, aws)",
    type=OneOf(
        ("generic", "azure", "github", "aws"),
        "source Git provider '{value}' is not supported, must be one of: generic|azure|github|aws",
    ),
)
@flag("--ca-file", help="path to TLS CA file used for validating self-signed certificates")
@flag("--private-key-file", help="path to a private key file used for authenticating to the Git SSH server")
@switch(
    "--recurse-submodules",
    help="when enabled, configures the GitRepository source to initialize and include Git "
    "submodules in the artifact it produces",
)
@switch("-s", "--silent", help="assumes the deploy key is already setup, skips confirmation")
@flag(
    "--ignore-paths",
    type=SLICE,
    help="set paths to ignore in git resource (can specify multiple paths with commas: path1,path2)",
)
@flag(
    "--sparse-checkout-paths",
    type=SLICE,
    help="set paths to sparse checkout in git resource (can specify multiple paths with commas: path1,path2)",
)
@click.pass_obj
def git(settings: Settings, /, name: str, export: bool, label: tuple[str, ...], **flags: Any) -> None:
    url = _checked_url(flags)
    obj = manifest(KIND.gvk, name, settings.namespace, parse_labels(label), _spec(flags))
    if export:
        print(manifest_text(obj))
        return
    if flags["ca_file"]:
        flags["ca_file"] = _read(Path(flags["ca_file"]))
    run(settings, partial(_apply, url, flags, obj))


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise CommandError(f"unable to read TLS CA file: {error}") from error


def _checked_url(flags: dict[str, Any]) -> SplitResult:
    if not flags["url"]:
        raise CommandError("url is required")
    url = urlsplit(str(flags["url"]))
    if url.scheme not in ("ssh", "http", "https"):
        raise CommandError(f"git URL scheme '{url.scheme}' not supported, can be: ssh, http and https")
    if not any(flags[each] for each in ("branch", "tag", "tag_semver", "commit", "ref_name")):
        raise CommandError(
            "a Git ref is required, use one of the following: --branch, --tag, --commit, --ref-name or --tag-semver"
        )
    if flags["ca_file"] and url.scheme == "ssh":
        raise CommandError("specifying a CA file is not supported for Git over SSH")
    return url


def _spec(flags: dict[str, Any]) -> dict[str, Any]:
    timeout = flags["fetch_timeout"]
    return {
        "url": flags["url"],
        "interval": format_duration(flags["interval"]),
        "ref": _reference(flags),
        "recurseSubmodules": flags["recurse_submodules"] or None,
        "ignore": "\n".join(flags["ignore_paths"]),
        "sparseCheckout": list(flags["sparse_checkout_paths"]),
        "timeout": format_duration(timeout) if timeout > 0 else None,
        "secretRef": _named(flags["secret_ref"]),
        "proxySecretRef": _named(flags["proxy_secret_ref"]),
        "provider": flags["provider"],
    }


def _named(name: str) -> dict[str, str] | None:
    return {"name": name} if name else None


def _reference(flags: dict[str, Any]) -> dict[str, str]:
    """commit (with the branch beside it) before name, semver, tag and branch."""
    if flags["commit"]:
        return {"commit": flags["commit"], **({"branch": flags["branch"]} if flags["branch"] else {})}
    for given, field in (("ref_name", "name"), ("tag_semver", "semver"), ("tag", "tag")):
        if flags[given]:
            return {field: flags[given]}
    return {"branch": flags["branch"]}


async def _apply(url: SplitResult, flags: dict[str, Any], obj: Object, session: Session) -> None:
    from fluxkit.cli.readiness import wait_ready

    name = obj["metadata"]["name"]
    progress.generate("generating GitRepository source")
    if not flags["secret_ref"] and (data := await _credentials(url, flags)):
        await _apply_secret(session, name, data)
        obj["spec"]["secretRef"] = {"name": name}
    progress.action("applying GitRepository source")
    await upsert(session, obj, "GitRepository source")
    progress.waiting("waiting for GitRepository source reconciliation")
    ready = await wait_ready(session, KIND, name)
    progress.success("GitRepository source reconciliation completed")
    revision = nested(ready, "status", "artifact", "revision")
    if not revision:
        raise CommandError("GitRepository source reconciliation completed but no artifact was found")
    progress.success(f"fetched revision: {revision}")


async def _credentials(url: SplitResult, flags: dict[str, Any]) -> dict[str, str]:
    """The content of the Secret, empty if the repository needs none; ``ca_file`` holds the content of the file."""
    if url.scheme == "ssh":
        return await _ssh_credentials(url, flags)
    data: dict[str, str] = {}
    if flags["username"] and flags["password"]:
        if url.scheme == "http":
            progress.warning("insecure configuration: credentials configured for an HTTP URL")
        data = {"username": flags["username"], "password": flags["password"]}
    if flags["ca_file"] and url.scheme == "https":
        data["ca.crt"] = flags["ca_file"]
    return data


async def _ssh_credentials(url: SplitResult, flags: dict[str, Any]) -> dict[str, str]:
    from fluxkit.cli import sshkeys

    if flags["private_key_file"]:
        pair = sshkeys.load(Path(flags["private_key_file"]), flags["password"])
    else:
        pair = sshkeys.generate(flags["ssh_key_algorithm"], flags["ssh_rsa_bits"], flags["ssh_ecdsa_curve"])
    known_hosts = await sshkeys.scan_host_keys(url.hostname or "", url.port or 22)
    progress.success(f"collected public key from SSH server:\n{known_hosts}")
    progress.generate(f"deploy key: {pair.public}")
    if not flags["silent"] and not progress.confirm("Have you added the deploy key to your repository"):
        raise CommandError("aborting")
    data = {"identity": pair.private, "identity.pub": pair.public, "known_hosts": known_hosts}
    return {**data, "password": flags["password"]} if flags["password"] else data


async def _apply_secret(session: Session, name: str, data: dict[str, str]) -> None:
    """Create the Secret, or add these keys to the one there is."""
    from fluxkit.kube import PatchKind, errors

    progress.action("applying secret with repository credentials")
    secret: Object = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": session.namespace},
        "stringData": data,
    }
    try:
        await session.client.create(secret)
    except errors.AlreadyExists:
        from fluxkit.cli.export import SECRET

        await session.client.patch(SECRET, name, session.namespace, patch={"stringData": data}, kind=PatchKind.MERGE)
    progress.success("authentication configured")
