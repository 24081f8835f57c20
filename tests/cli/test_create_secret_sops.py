"""``flux create secret sops``: printed encrypted, or created on the cluster, never printed in the clear."""

import base64
import subprocess
from pathlib import Path

import pytest

from fluxkit import yaml
from fluxkit.sops import Format, decrypt_file
from fluxkit.sops.answers import decrypter, identity
from fluxkit.sops.keyservices import KeyMaterial, KeyServices
from tests.cli.cluster import Cluster
from tests.cli.conftest import Flux
from tests.sops.fixture import SECRET, age_keys, key, needs_gpg

COMMAND = ("create", "secret", "sops", "my-secrets")
RECIPIENT = key("age.public").strip()


def test_printed_for_an_age_key(flux: Flux, tmp_path: Path) -> None:
    (tmp_path / "ca.crt").write_text(SECRET)
    (tmp_path / "raw").write_bytes(b"\xff\x00")
    outcome = flux(
        *COMMAND, "--namespace=apps", "--label=team=web", f"--from-literal=token=a,b={SECRET}",
        f"--from-file={tmp_path / 'ca.crt'}", f"--from-file=bytes={tmp_path / 'raw'}", f"--age={RECIPIENT}", "--export",
    )  # fmt: skip
    assert (outcome.code, outcome.err) == (0, "")
    assert SECRET not in outcome.out
    assert outcome.out.startswith("---\napiVersion: v1\ndata:\n    bytes: ENC[AES256_GCM,")
    plain = yaml.load(decrypt_file(outcome.out.encode(), Format.YAML, age_keys("age.agekey")))
    assert plain == {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "my-secrets", "namespace": "apps", "labels": {"team": "web"}},
        "data": {"bytes": base64.b64encode(b"\xff\x00").decode()},
        "stringData": {"token": f"a,b={SECRET}", "ca.crt": SECRET},
    }


@needs_gpg
async def test_printed_for_a_pgp_key(flux: Flux, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "gnupg"
    home.mkdir(mode=0o700)
    monkeypatch.setenv("GNUPGHOME", str(home))
    subprocess.run(["gpg", "--batch", "--quiet", "--import"], input=key("pgp.asc").encode(), check=True)
    try:
        outcome = flux(*COMMAND, f"--from-literal=token={SECRET}", f"--pgp={key('pgp.public').strip()}", "--export")
        assert (outcome.code, outcome.err) == (0, "")
        _, metadata = Format.YAML.load(outcome.out.encode())
        ((master,),) = metadata.groups
        answers = await KeyServices(KeyMaterial(pgp=(key("pgp.asc").encode(),))).answers([master])
        assert isinstance(answers[identity(master)], bytes)
        plain = decrypt_file(outcome.out.encode(), Format.YAML, decrypter([], answers))
        assert yaml.load(plain)["stringData"] == {"token": SECRET}
        outcome = flux(*COMMAND, f"--from-literal=token={SECRET}", "--pgp=0000", "--export")
        assert outcome.code == 1
        assert "failed to encrypt sops data key with pgp" in outcome.err
    finally:
        subprocess.run(["gpgconf", "--kill", "all"], check=True)


def test_never_printed_in_the_clear(flux: Flux, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SOPS_AGE_RECIPIENTS", raising=False)
    monkeypatch.delenv("SOPS_PGP_FP", raising=False)
    outcome = flux(*COMMAND, f"--from-literal=token={SECRET}", "--export")
    assert outcome.code == 1
    assert "a secret in the clear must not be exported" in outcome.err
    assert "--age=<public key>" in outcome.err
    assert SECRET not in outcome.out + outcome.err
    monkeypatch.setenv("SOPS_AGE_RECIPIENTS", RECIPIENT)
    assert flux(*COMMAND, f"--from-literal=token={SECRET}", "--export").code == 0


@pytest.mark.parametrize(
    ("flags", "problem"),
    [
        ((), "no data"),
        ((f"--from-literal={SECRET}",), "invalid literal"),
        (("--from-file=/nonexistent",), "unable to read /nonexistent"),
        (("--from-literal=a=b", "--age=age1nonsense", "--export"), 'malformed recipient "age1nonsense"'),
        (("--from-literal=a=b", f"--age={RECIPIENT}"), "--age and --pgp need --export"),
    ],
)
def test_what_cannot_be(flux: Flux, flags: tuple[str, ...], problem: str) -> None:
    outcome = flux(*COMMAND, *flags)
    assert outcome.code == 1
    assert problem in outcome.err
    assert SECRET not in outcome.err


def test_created_on_the_cluster(flux: Flux, cluster: Cluster) -> None:
    """As tutorials have it."""
    namespace = f"--namespace={cluster.namespace}"
    for value in ("ghp_xxx", "ghp_yyy"):
        outcome = flux(*COMMAND, namespace, f"--from-literal=token={value}")
        assert (outcome.code, outcome.out) == (0, "")
        assert f"sops secret 'my-secrets' created in '{cluster.namespace}' namespace" in outcome.err
        secret = cluster.get(("v1", "Secret", "secrets"), "my-secrets")
        assert secret["data"] == {"token": base64.b64encode(value.encode()).decode()}
