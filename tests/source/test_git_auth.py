"""Credentials out of a Secret."""

import subprocess
from pathlib import Path

import pytest

from fluxkit.source import GitAuth, GitAuthError
from fluxkit.source.git.auth import is_encrypted

HTTPS = "https://example.com/org/fleet"
SSH = "ssh://example.com/org/fleet"


@pytest.mark.contract("SRC-166", "SRC-167")
def test_http_credentials() -> None:
    both = {"username": b"ada", "password": b"secret"}
    assert GitAuth.from_secret(HTTPS, both) == GitAuth.basic("ada", "secret")
    assert GitAuth.from_secret(HTTPS, {**both, "bearerToken": b"token"}).authorization == "Bearer token"
    assert GitAuth.from_secret(HTTPS) == GitAuth()
    url = "https://eve:url-secret@example.com/org/fleet"
    assert GitAuth.from_secret(url, both).username == "ada"
    assert GitAuth.from_secret(url, {"username": b"ada"}).password == "url-secret"
    with pytest.raises(GitAuthError, match="'password' requires 'username'"):
        GitAuth.from_secret(HTTPS, {"password": b"secret"})
    with pytest.raises(GitAuthError, match="basic auth and bearer token cannot be set at the same time"):
        GitAuth.from_secret(url, {"bearerToken": b"token"})


@pytest.mark.contract("SRC-168", "RUN-155")
def test_tls_material() -> None:
    data = {"ca.crt": b"new", "caFile": b"old", "tls.crt": b"cert", "tls.key": b"key"}
    auth = GitAuth.from_secret(HTTPS, data)
    assert (auth.ca, auth.client_certificate, auth.client_key) == (b"new", b"cert", b"key")
    assert GitAuth.from_secret(HTTPS, {"caFile": b"old"}).ca == b"old"
    with pytest.raises(GitAuthError, match=r"secret 'flux/git' contains 'tls.crt' but missing 'tls.key'"):
        GitAuth.from_secret(HTTPS, {"tls.crt": b"cert"}, "flux/git")


@pytest.mark.contract("SRC-170", "RUN-158")
def test_ssh_needs_identity_and_known_hosts() -> None:
    with pytest.raises(GitAuthError, match="invalid 'ssh' auth option: 'identity' is required") as caught:
        GitAuth.from_secret(SSH)
    assert caught.value.reason == "AuthenticationFailed"
    with pytest.raises(GitAuthError, match="invalid 'ssh' auth option: 'known_hosts' is required"):
        GitAuth.from_secret(SSH, {"identity": b"key"})
    data = {"identity": b"key", "known_hosts": b"example.com ssh-ed25519 AAAA"}
    assert GitAuth.from_secret(SSH, data).username == "git"
    assert GitAuth.from_secret("ssh://ada@example.com/x", data).username == "ada"


@pytest.mark.parametrize("form", ["openssh", "PEM", "PKCS8"])
@pytest.mark.contract("SRC-171")
def test_encrypted_key_without_password(tmp_path: Path, form: str) -> None:
    keys = {}
    for name, passphrase in (("plain", ""), ("locked", "opensesame")):
        path = tmp_path / name
        arguments = ["ssh-keygen", "-q", "-t", "ecdsa", "-a", "1", "-N", passphrase, "-f", str(path)]
        subprocess.run([*arguments, *([] if form == "openssh" else ["-m", form])], check=True)
        keys[name] = path.read_bytes()
    assert not is_encrypted(keys["plain"])
    data = {"identity": keys["locked"], "known_hosts": b"x"}
    with pytest.raises(GitAuthError, match=r"SSH identity key is encrypted but .* in the secret 'flux/git'"):
        GitAuth.from_secret(SSH, data, "flux/git")
    assert GitAuth.from_secret(SSH, {**data, "password": b"opensesame"}).password == "opensesame"


@pytest.mark.contract("SRC-349")
def test_credentials_are_never_shown() -> None:
    auth = GitAuth.basic("ada", "p@ss/word")
    assert "p@ss" not in repr(auth)
    assert "p@ss" not in f"{auth}"
    text = f"{auth.authorization} p@ss/word p%40ss%2Fword"
    assert auth.mask(text) == "Basic ***** ***** *****"


def test_identity_decides_who_shares_a_mirror() -> None:
    assert GitAuth.basic("a", "b").cache_key != GitAuth.basic("a", "c").cache_key
    assert GitAuth.basic("a", "bc").cache_key != GitAuth.basic("ab", "c").cache_key
    assert GitAuth.bearer("1", cache_identity="app").cache_key == GitAuth.bearer("2", cache_identity="app").cache_key
    assert GitAuth.bearer("1").cache_key != GitAuth().cache_key


@pytest.mark.parametrize("value", [b"a\nb", b"secret\n", b"\xff\xfe"])
def test_values_that_could_forge_headers_are_refused(value: bytes) -> None:
    with pytest.raises(GitAuthError, match="secret key 'password'") as caught:
        GitAuth.from_secret(HTTPS, {"username": b"ada", "password": value})
    assert "secret\n" not in str(caught.value)
