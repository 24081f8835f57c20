"""Makes the encrypted files and test keys below ``tests/sops/fixtures`` with the real tools.

    python scripts/make_sops_fixtures.py [--sops PROGRAM] [--age-keygen PROGRAM]

Needs sops (v3.13.2, what kustomize-controller v1.9 links), age-keygen, ssh-keygen and gpg. Every case is a folder with
the file before encryption (``plain.*``), as sops encrypted it (``encrypted.*``), and as ``sops --decrypt`` printed it
(``decrypted.*``). The keys are for tests only and protect nothing.
"""

import argparse
import asyncio
import base64
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.sops.standins import AWS, GCP, KEY_ARN, RESOURCE, Vault, serving  # noqa: E402

FIXTURES = ROOT / "tests" / "sops" / "fixtures"

YAML = """\
# Above everything

# Above the first key
password: s3cr3t-hunter2 # behind a value
# One line,
# and another
nested:
    # The first of a mapping
    count: 7
    ratio: 2.5
    on: true
    nothing: null
    empty: ""
    text: |
        several
          lines

        and one more
    # The last of a mapping

list:
    - plain
    - 'it''s quoted'
    - key: value
      when: 2024-02-29
    - []
number_as_text: "0123"
snowman: ☃ and 😀
odd: "tab\\there"
long: aaaaaaaaaaaaaaaaaaaaaaaa bbbbbbbbbbbbbbbbbbbbbbbbbbbbb cccccccccccccccccccccccccc ddddddddddddddddddddddddd
note_unencrypted: everybody may read this
# The end
"""

JSON = """\
{"password": "s3cr3t-hunter2", "nested": {"count": 9007199254740993, "ratio": 1e21, "on": false, "none": null},
 "list": [1, "two", {"three": 3.0}, [], {}], "html": "<a href=\\"x\\">&</a>", "unicode": "\\u2603\\u2028", "empty": ""}
"""

DOTENV = """\
# Behind it stands a secret
PASSWORD=s3cr3t-hunter2
EMPTY=
LINES=one\\ntwo
QUOTED="as it is"
NAME=a=b

NOTE_unencrypted=everybody may read this
"""

INI = """\
; Of the whole file
top = level

; Of the section
[database]
; Of the key
password = s3cr3t-hunter2
user     = "admin ; really"
multi    = \"\"\"one
two\"\"\"
[empty]
[note_unencrypted]
text = everybody may read this
"""

SECRET = """\
apiVersion: v1
kind: Secret
metadata:
    name: credentials
    namespace: apps
stringData:
    password: s3cr3t-hunter2
data:
    token: czNjcjN0LWh1bnRlcjI=
"""

DOCUMENTS = f"""\
{SECRET}---
# The second document
apiVersion: v1
kind: ConfigMap
metadata:
    name: settings
data:
    password: s3cr3t-hunter2
"""

COMMENTED = """\
plain: 1
# sops:enc
password: s3cr3t-hunter2
nested:
    # sops:enc
    # explained
    token: s3cr3t-hunter2
    name: open
"""


class Tools:
    """The programs, in an environment that knows none of the user's keys."""

    def __init__(self, sops: str, age_keygen: str, scratch: Path) -> None:
        self._sops = sops
        self._age_keygen = age_keygen
        self.scratch = scratch
        self._home = scratch / "home"
        self._home.mkdir()
        self._gnupg = scratch / "gnupg"
        self._gnupg.mkdir(mode=0o700)

    def environment(self, extra: Mapping[str, str]) -> dict[str, str]:
        return {"PATH": os.environ["PATH"], "HOME": str(self._home), "GNUPGHOME": str(self._gnupg), **extra}

    def run(self, *command: str, feed: bytes = b"", extra: Mapping[str, str] | None = None) -> bytes:
        done = subprocess.run(
            command, input=feed, capture_output=True, env=self.environment(extra or {}), check=False, cwd=self.scratch
        )
        if done.returncode:
            sys.exit(f"{' '.join(command)}: {done.stderr.decode()}")
        return done.stdout

    def age_key(self, *arguments: str) -> tuple[str, str]:
        """Identity file and recipient."""
        text = self.run(self._age_keygen, *arguments).decode()
        recipient = next(line.split()[-1] for line in text.splitlines() if "public key" in line)
        return f"# A key for tests only.\n{text}", recipient

    def ssh_key(self, kind: str) -> tuple[str, str]:
        file = self.scratch / f"ssh-{kind}"
        self.run("ssh-keygen", "-q", "-t", kind, "-N", "", "-C", "tests-only", "-f", str(file))
        return file.read_text(), " ".join((file.parent / f"{file.name}.pub").read_text().split()[:2])

    def pgp_key(self, name: str) -> tuple[str, str]:
        """Armored private key and fingerprint."""
        gpg = ("gpg", "--batch", "--quiet", "--passphrase", "", "--pinentry-mode", "loopback")
        self.run(*gpg, "--quick-generate-key", f"{name} (tests only)", "default", "default", "never")
        listed = self.run("gpg", "--batch", "--with-colons", "--list-keys", name).decode()
        fingerprint = next(line.split(":")[9] for line in listed.splitlines() if line.startswith("fpr"))
        return self.run(*gpg, "--armor", "--export-secret-keys", fingerprint).decode(), fingerprint

    def stop_agent(self) -> None:
        self.run("gpgconf", "--kill", "all")

    def case(
        self,
        name: str,
        suffix: str,
        plain: bytes,
        arguments: Sequence[str],
        extra: Mapping[str, str],
        kind: str = "",
    ) -> None:
        folder = FIXTURES / name
        folder.mkdir()
        source = folder / f"plain{suffix}"
        source.write_bytes(plain)
        types = ("--input-type", kind, "--output-type", kind) if kind else ()
        encrypted = self.run(self._sops, "--encrypt", *arguments, *types, str(source), extra=extra)
        target = folder / f"encrypted{suffix}"
        target.write_bytes(encrypted)
        # a comment in a list spoils the MAC that sops writes
        decrypted = self.run(self._sops, "--decrypt", "--ignore-mac", *types, str(target), extra=extra)
        (folder / f"decrypted{suffix}").write_bytes(decrypted)


def make(tools: Tools) -> None:
    shutil.rmtree(FIXTURES, ignore_errors=True)
    keys = FIXTURES / "keys"
    keys.mkdir(parents=True)
    age, recipient = tools.age_key()
    other, other_recipient = tools.age_key()
    third, third_recipient = tools.age_key()
    hybrid, hybrid_recipient = tools.age_key("-pq")
    ed25519, ed25519_recipient = tools.ssh_key("ed25519")
    rsa, rsa_recipient = tools.ssh_key("rsa")
    pgp, fingerprint = tools.pgp_key("fluxkit-one")
    pgp_other, _ = tools.pgp_key("fluxkit-two")
    for name, text in {
        "test-age.agekey": age,
        "test-age-other.agekey": other,
        "test-age-third.agekey": third,
        "test-age-hybrid.agekey": hybrid,
        "test-ssh-ed25519": ed25519,
        "test-ssh-rsa": rsa,
        "test-pgp.asc": pgp,
        "test-pgp-other.asc": pgp_other,
    }.items():
        (keys / name).write_text(text)
    for name, text in {"age": recipient, "age-other": other_recipient, "pgp": fingerprint}.items():
        (keys / f"test-{name}.public").write_text(text + "\n")
    own = {"SOPS_AGE_KEY": age}
    to = ("--age", recipient)
    tools.case("yaml", ".yaml", YAML.encode(), to, own)
    tools.case("json", ".json", JSON.encode(), to, own)
    tools.case("dotenv", ".env", DOTENV.encode(), to, own)
    tools.case("ini", ".ini", INI.encode(), to, own)
    tools.case("binary", ".bin", bytes(range(256)), to, own)
    tools.case("dockerconfig", ".dockerconfigjson", JSON.encode(), to, own, "json")
    tools.case("documents", ".yaml", DOCUMENTS.encode(), (*to, "--encrypted-regex", "^(data|stringData)$"), own)
    tools.case("secret", ".yaml", SECRET.encode(), (*to, "--encrypted-regex", "^(data|stringData)$"), own)
    rules = {
        "unencrypted-suffix": ("--unencrypted-suffix", "_open"),
        "encrypted-suffix": ("--encrypted-suffix", "word"),
        "unencrypted-regex": ("--unencrypted-regex", "^(list|nested)$"),
        "encrypted-regex": ("--encrypted-regex", "^(password|text|list)$"),
        "mac-only-encrypted": ("--mac-only-encrypted", "--encrypted-regex", "^password$"),
        "unencrypted-comment-regex": ("--unencrypted-comment-regex", "One line"),
    }
    for name, rule in rules.items():
        tools.case(name, ".yaml", YAML.encode(), (*to, *rule), own)
    commented = ("--encrypted-comment-regex", "sops:enc")
    tools.case("encrypted-comment-regex", ".yaml", COMMENTED.encode(), (*to, *commented), own)
    commented_list = b"list:\n    # above an item\n    - one # behind an item\n    - two\n    # below\n"
    tools.case("comments-in-list", ".yaml", commented_list, to, own)
    tools.case("hybrid", ".yaml", YAML.encode(), ("--age", hybrid_recipient), {"SOPS_AGE_KEY": hybrid})
    for name, public in (("ed25519", ed25519_recipient), ("rsa", rsa_recipient)):
        private = {"SOPS_AGE_SSH_PRIVATE_KEY_FILE": str(keys / f"test-ssh-{name}")}
        tools.case(f"ssh-{name}", ".yaml", YAML.encode(), ("--age", public), private)
    tools.case("pgp", ".yaml", SECRET.encode(), ("--pgp", fingerprint, "--encrypted-regex", "^(data|stringData)$"), {})
    tools.case("pgp-or-age", ".env", DOTENV.encode(), ("--pgp", fingerprint, "--age", other_recipient), {})
    groups = "".join(f"      - age: [{each}]\n" for each in (recipient, other_recipient, third_recipient))
    config = tools.scratch / ".sops.yaml"
    config.write_text(f"creation_rules:\n  - shamir_threshold: 2\n    key_groups:\n{groups}")
    # one line of this variable may hold several keys, so a comment in it would be taken for one
    two = {"SOPS_AGE_KEY": "\n".join(each for each in f"{age}\n{third}".splitlines() if not each.startswith("#"))}
    for suffix, plain in ((".yaml", YAML), (".json", JSON), (".env", DOTENV), (".ini", INI)):
        tools.case(f"groups{suffix.replace('.', '-')}", suffix, plain.encode(), ("--config", str(config)), two)
    config.unlink()
    asyncio.run(make_with_services(tools))
    large = "".join(f"K{number}={base64.b64encode(bytes([number % 256]) * 30).decode()}\n" for number in range(400))
    tools.case("large", ".env", large.encode(), to, own)
    tools.stop_agent()


async def make_with_services(tools: Tools) -> None:
    """Files whose data key a stand-in for a key service has encrypted for the real sops."""

    async def case(name: str, arguments: Sequence[str], extra: Mapping[str, str]) -> None:
        await asyncio.to_thread(tools.case, name, ".env", DOTENV.encode(), arguments, extra)

    vault, aws, gcp = Vault(), AWS(), GCP()
    async with serving(vault), serving(aws), serving(gcp):
        uri = f"{vault.url}/v1/sops/keys/key"
        await case("vault", ("--hc-vault-transit", uri), {"VAULT_TOKEN": vault.token})
        credentials = {name.upper(): value for name, value in AWS.CREDENTIALS.items()}
        await case("aws", ("--kms", KEY_ARN), {"AWS_ENDPOINT_URL": aws.url, **credentials})
        rest = {"SOPS_GCP_KMS_CLIENT_TYPE": "rest", "SOPS_GCP_KMS_ENDPOINT": gcp.url}
        await case("gcp", ("--gcp-kms", RESOURCE), {**rest, "GOOGLE_OAUTH_ACCESS_TOKEN": gcp.token})


def main() -> None:
    parser = argparse.ArgumentParser(description="Make the fixtures of the SOPS tests with the real tools.")
    parser.add_argument("--sops", default="sops")
    parser.add_argument("--age-keygen", default="age-keygen")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="sops-fixtures-") as scratch:
        make(Tools(arguments.sops, arguments.age_keygen, Path(scratch)))


if __name__ == "__main__":
    main()
