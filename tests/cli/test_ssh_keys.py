import shutil
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat

from fluxkit.cli import sshkeys
from fluxkit.cli.errors import CommandError


@pytest.mark.parametrize(
    ("algorithm", "curve", "prefix"),
    [
        ("rsa", "p384", "ssh-rsa "),
        ("ecdsa", "p256", "ecdsa-sha2-nistp256 "),
        ("ecdsa", "p384", "ecdsa-sha2-nistp384 "),
        ("ecdsa", "p521", "ecdsa-sha2-nistp521 "),
        ("ed25519", "p384", "ssh-ed25519 "),
    ],
)
def test_new_keys_can_be_read_back(tmp_path: Path, algorithm: str, curve: str, prefix: str) -> None:
    pair = sshkeys.generate(algorithm, 2048, curve)
    assert pair.public.startswith(prefix)
    assert pair.private.startswith("-----BEGIN PRIVATE KEY-----\n")
    assert "PRIVATE" not in repr(pair)
    path = tmp_path / "key"
    path.write_text(pair.private)
    assert sshkeys.load(path, "") == pair


def test_encrypted_keys_need_their_password(tmp_path: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    text = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"pass"))
    path = tmp_path / "key"
    path.write_bytes(text)
    pair = sshkeys.load(path, "pass")
    assert pair.private == text.decode()
    assert pair.public.startswith("ecdsa-sha2-nistp256 ")
    for wrong in ("", "nope"):
        with pytest.raises(CommandError, match="cannot be read"):
            sshkeys.load(path, wrong)


def test_files_that_hold_no_key(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="failed to open private key file"):
        sshkeys.load(tmp_path / "none", "")
    path = tmp_path / "key"
    path.write_text("not a key")
    with pytest.raises(CommandError, match="cannot be read"):
        sshkeys.load(path, "")


@pytest.mark.parametrize("host", ["-oProxyCommand=x", "a b", ""])
async def test_hosts_are_names(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: "/bin/false")
    with pytest.raises(CommandError, match="not a host name"):
        await sshkeys.scan_host_keys(host, 22)


async def test_a_scan_takes_the_keys_and_leaves_the_comments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = tmp_path / "ssh-keyscan"
    fake.write_text(
        "#!/bin/sh\necho '# git.example:22 SSH-2.0'\necho 'git.example ssh-rsa BBB'\necho 'git.example a A'\n"
    )
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert await sshkeys.scan_host_keys("git.example", 22) == "git.example a A\ngit.example ssh-rsa BBB"


async def test_a_scan_that_fails_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = tmp_path / "ssh-keyscan"
    fake.write_text("#!/bin/sh\necho 'connect: refused' >&2\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    with pytest.raises(CommandError, match=r"SSH key scan for host git\.example:2222 failed: connect: refused"):
        await sshkeys.scan_host_keys("git.example", 2222)
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    with pytest.raises(CommandError, match="ssh-keyscan is not installed"):
        await sshkeys.scan_host_keys("git.example", 22)
