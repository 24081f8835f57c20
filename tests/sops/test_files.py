"""Files of the real sops come out as the real sops writes them; whatever is wrong with one is told without secrets."""

import base64
import os
import re
from typing import Any

import pytest

from fluxkit import yaml as kubernetes_yaml
from fluxkit.sops import (
    DataKeyError,
    Deferred,
    Format,
    MacMismatch,
    MasterKey,
    Rules,
    SopsError,
    decrypt_file,
    decrypt_object,
    encrypt_file,
)
from fluxkit.sops.answers import decrypter
from fluxkit.sops.stores import yaml
from tests.sops.fixture import SECRET, Case, age_keys, cases, key
from tests.sops.owner import age_owner

KEYS = ("age.agekey", "age-other.agekey", "age-hybrid.agekey", "ssh-ed25519", "ssh-rsa")
ELSEWHERE = ("pgp", "vault", "aws", "gcp")
# sops encrypts a comment of a list as if it were an item, and refuses the file for its MAC afterwards
SPOILED = ("comments-in-list",)


@pytest.mark.contract("KUS-113", "KUS-122")
@pytest.mark.parametrize("name", [name for name in cases() if name not in ELSEWHERE])
def test_decrypted_as_sops_does(name: str) -> None:
    case = Case(name)
    assert case.format.marks(case.encrypted)
    assert Format.of_content(case.encrypted) in (case.format, Format.BINARY)
    assert case.decrypt(age_keys(*KEYS), verify_mac=name not in SPOILED) == case.decrypted


def test_a_spoiled_mac_of_sops_is_seen_as_sops_sees_it() -> None:
    with pytest.raises(MacMismatch):
        Case("comments-in-list").decrypt(age_keys(*KEYS))


@pytest.mark.parametrize("name", ["yaml", "json", "dotenv", "ini", "binary", "documents", "groups-yaml"])
def test_encrypted_and_back(name: str) -> None:
    case = Case(name)
    owner = age_owner("age.agekey")
    encrypted = encrypt_file(case.plain, case.format, [[owner]])
    assert SECRET.encode() not in encrypted
    assert decrypt_file(encrypted, case.format, age_keys("age.agekey")) == case.decrypted


def test_rules_and_groups_survive_encryption() -> None:
    groups = [[age_owner("age.agekey")], [age_owner("age-other.agekey")], [age_owner("age-third.agekey")]]
    rules = Rules(unencrypted_suffix="_unencrypted", mac_only_encrypted=True)
    for name in ("yaml", "dotenv", "ini"):
        case = Case(name)
        encrypted = encrypt_file(case.plain, case.format, groups, rules, threshold=2)
        assert decrypt_file(encrypted, case.format, age_keys("age.agekey", "age-third.agekey")) == case.decrypted
        with pytest.raises(DataKeyError, match=r"Shamir threshold of\s2"):
            decrypt_file(encrypted, case.format, age_keys("age-other.agekey"))


def test_binary_content_of_any_size() -> None:
    for size in (0, 1, 65536):
        content = os.urandom(size)
        encrypted = encrypt_file(content, Format.BINARY, [[age_owner("age.agekey")]])
        if size:
            assert decrypt_file(encrypted, Format.BINARY, age_keys("age.agekey")) == content


@pytest.mark.contract("KUS-114")
def test_the_target_format_may_be_another() -> None:
    case = Case("json")
    plain = decrypt_file(case.encrypted, Format.JSON, age_keys("age.agekey"), Format.YAML)
    assert plain.startswith(b"password: s3cr3t-hunter2\nnested:\n    count: 9007199254740993\n")
    with pytest.raises(SopsError, match="failed to emit encrypted JSON file as decrypted dotenv") as caught:
        decrypt_file(case.encrypted, Format.JSON, age_keys("age.agekey"), Format.DOTENV)
    assert SECRET not in str(caught.value)
    assert decrypt_file(Case("binary").encrypted, Format.JSON, age_keys("age.agekey"), Format.BINARY) == bytes(
        range(256)
    )


# --- what may be wrong ---


@pytest.mark.contract("KUS-136", "KUS-364")
@pytest.mark.parametrize("name", ["yaml", "json", "dotenv", "ini", "documents", "secret"])
def test_a_value_in_the_clear_is_not_repeated(name: str) -> None:
    case = Case(name)
    pattern = rb"(?i)(password)( *[:=] *|\": \"?)(\"?)ENC\[[^]]*\]"
    spoiled, count = re.subn(pattern, rb"\1\2\3" + SECRET.encode(), case.encrypted, count=1)
    assert count
    with pytest.raises(SopsError, match="Input string <redacted> does not match sops' data format") as caught:
        decrypt_file(spoiled, case.format, age_keys("age.agekey"))
    assert SECRET not in str(caught.value)
    assert "password" in str(caught.value).lower()


def test_a_value_moved_to_another_key_is_refused() -> None:
    case = Case("dotenv")
    moved = case.encrypted.replace(b"PASSWORD=", b"STOLEN=").replace(b"LINES=", b"PASSWORD=")
    with pytest.raises(SopsError, match=r"message authentication failed \(at STOLEN\)"):
        decrypt_file(moved, Format.DOTENV, age_keys("age.agekey"), verify_mac=False)


@pytest.mark.parametrize("name", ["yaml", "json", "dotenv", "ini"])
def test_a_plain_value_changed_breaks_the_mac_only(name: str) -> None:
    case = Case(name)
    changed = case.encrypted.replace(b"everybody may read this", b"something else")
    if name == "json":  # it has nothing in the clear
        changed = re.sub(
            rb'"mac": "ENC\[[^"]*"', b'"mac": "ENC[AES256_GCM,data:AA==,iv:AA==,tag:AA==,type:str]"', changed
        )
    with pytest.raises(MacMismatch):
        decrypt_file(changed, case.format, age_keys("age.agekey"))
    decrypt_file(changed, case.format, age_keys("age.agekey"), verify_mac=False)


def test_no_ciphertext_cut_short_or_flipped_is_decrypted() -> None:
    case = Case("secret")
    found = re.search(rb"data:([^,]+),iv:([^,]+),tag:([^,]+),type:str", case.encrypted)
    assert found
    data, nonce, tag = found.groups()
    for parts in ((data[:-4], nonce, tag), (data, nonce[:-4], tag), (data, nonce, tag[:-4]), (b"!", nonce, tag)):
        shape = b"data:%s,iv:%s,tag:%s"
        spoiled = case.encrypted.replace(shape % (data, nonce, tag), shape % parts, 1)
        assert spoiled != case.encrypted
        with pytest.raises(SopsError, match="error decrypting sops tree"):
            decrypt_file(spoiled, Format.YAML, age_keys("age.agekey"), verify_mac=False)


@pytest.mark.contract("KUS-136")
def test_a_crash_is_told_without_its_text() -> None:
    def crash(master: MasterKey) -> bytes:
        raise ValueError(SECRET)

    for decrypting in (lambda: Case("yaml").decrypt(crash), lambda: decrypt_object(_object(Case("secret")), crash)):
        with pytest.raises(SopsError, match=r"ValueError$") as caught:
            decrypting()
        assert SECRET not in str(caught.value)


@pytest.mark.contract("KUS-135")
def test_a_missing_key_tells_what_was_tried() -> None:
    case = Case("groups-yaml")
    with pytest.raises(DataKeyError) as caught:
        case.decrypt(age_keys("age-hybrid.agekey"))
    text = str(caught.value)
    assert text.startswith(
        "cannot get sops data key: Failed to get the data key required to decrypt the SOPS file.\n\nGroup 0: FAILED\n"
        "  age1"
    )
    assert text.count(": FAILED\n    - | failed to create reader for decrypting sops data key with\n") == 3
    assert text.endswith("decryption has to\nsucceed with any of the keys in that key group.")
    with pytest.raises(DataKeyError, match="no master key was able to decrypt"):
        Case("yaml").decrypt(age_keys("age-hybrid.agekey"))
    with pytest.raises(DataKeyError, match="no age key was given"):
        Case("yaml").decrypt(decrypter([], {}))


def test_keys_of_others_are_asked_for_all_at_once() -> None:
    case = Case("pgp-or-age")
    with pytest.raises(Deferred) as caught:
        case.decrypt(age_keys("age.agekey"))
    assert [each.kind for each in caught.value.keys] == ["pgp"]
    assert case.decrypt(age_keys("age-other.agekey")) == case.decrypted, "one key of a group is enough"


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "sops metadata not found"),
        (b"a: b\n", "sops metadata not found"),
        (b"sops: 5\n", "Found sops entry that is not a mapping"),
        (b"sops: {}\n", "No keys found in file"),
        (b"- a\n", "sequences are not supported"),
        (b"text\n", "values are not supported"),
        (b"a: [\n", "yaml: line"),
        (b"a: 1\na: 2\n", 'mapping key "a" already defined'),
        (b"\xff\xfe\xfd", "invalid UTF-8"),
        (b"a: " + b"[" * 5000, "nested"),
        (b"sops:\n  age: [{recipient: x, enc: y}]\n  lastmodified: yesterday\n", "lastmodified: expected a time"),
    ],
)
def test_malformed_yaml(content: bytes, problem: str) -> None:
    with pytest.raises(SopsError, match=re.escape(problem)) as caught:
        decrypt_file(content, Format.YAML, age_keys("age.agekey"))
    assert str(caught.value).startswith("failed to load encrypted YAML data: ")


@pytest.mark.parametrize(
    ("file_format", "content"),
    [
        (Format.JSON, b"[1]"),
        (Format.JSON, b'{"a": '),
        (Format.JSON, b'{"a": 1e999, "sops": {}}'),
        (Format.BINARY, b"plain"),
        (Format.DOTENV, b"no equal sign"),
        (Format.DOTENV, b"A=b\n"),
        (Format.INI, b"[open\n"),
        (Format.INI, b"key without value\n"),
        (Format.INI, b"[sops]\nage__list_5__map_enc = x\n"),
    ],
)
def test_malformed_files(file_format: Format, content: bytes) -> None:
    with pytest.raises(SopsError, match=f"^failed to load encrypted {file_format.value} data: "):
        decrypt_file(content, file_format, age_keys("age.agekey"))


def test_an_alias_bomb_is_refused() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    with pytest.raises(SopsError, match="excessive aliasing"):
        yaml.load("\n".join(lines).encode())


def test_more_than_one_rule_is_refused() -> None:
    spoiled = Case("encrypted-regex").encrypted + b"    encrypted_suffix: x\n"
    with pytest.raises(SopsError, match="Cannot use more than one of encrypted_suffix"):
        decrypt_file(spoiled, Format.YAML, age_keys("age.agekey"))


# --- objects ---


@pytest.mark.contract("KUS-110", "KUS-111")
def test_an_object_that_was_changed_after_encryption() -> None:
    obj = _object(Case("secret"))
    obj["metadata"] |= {"namespace": "changed", "labels": {"added": "true"}}
    plain = decrypt_object(obj, age_keys("age.agekey"))
    assert plain["stringData"] == {"password": SECRET}
    assert base64.b64decode(plain["data"]["token"]) == SECRET.encode()
    assert "sops" not in plain
    assert plain["metadata"]["labels"] == {"added": "true"}


def test_what_json_cannot_hold() -> None:
    plain = b"a: .inf\nb: 2024-02-29\nc: 1.0\nd: null\n"
    encrypted = encrypt_file(plain, Format.YAML, [[age_owner("age.agekey")]])
    with pytest.raises(SopsError, match=r"unsupported value: \+Inf"):
        decrypt_object(kubernetes_yaml.load(encrypted), age_keys("age.agekey"))
    encrypted = encrypt_file(plain.replace(b".inf", b"1e400"), Format.YAML, [[age_owner("age.agekey")]])
    found = decrypt_object(kubernetes_yaml.load(encrypted), age_keys("age.agekey"))
    assert found == {"a": "1e400", "b": "2024-02-29T00:00:00Z", "c": 1, "d": None}


@pytest.mark.parametrize("name", ["encrypted-comment-regex", "unencrypted-comment-regex"])
def test_comment_rules_work_where_comments_are_gone(name: str) -> None:
    case = Case(name)
    plain = decrypt_object(_object(case), age_keys("age.agekey"))
    assert plain == kubernetes_yaml.load(case.decrypted)


def _object(case: Case) -> dict[str, Any]:
    obj: dict[str, Any] = kubernetes_yaml.load(case.encrypted)
    return obj


def test_key_files_are_for_tests_only() -> None:
    for name in KEYS[:3]:
        assert key(name).startswith("# A key for tests only.\n")
